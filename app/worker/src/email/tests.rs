//! Mail in a folder, as another program reads it, and mail through SES, as moto plays it.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use aws_config::retry::RetryConfig;
use aws_smithy_http_client::Builder;
use jobs::testing::S3Server;

use super::*;

/// 2026-11-21 10:00 UTC.
fn now() -> Timestamp {
    Timestamp::from_milliseconds(1_795_255_200_000)
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn values(name: &str) -> Values {
    [("name".to_owned(), name.to_owned())].into()
}

fn to_folder(folder: &std::path::Path) -> Mailer {
    let (to, from) = (MailTo::Folder(folder.to_owned()), address("jobs@example.com"));
    let aws = SdkConfig::builder().build();
    Mailer::new(Some(MailSettings { to, from }), &aws)
}

#[tokio::test]
async fn another_program_reads_the_message_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let job = JobId::fresh();
    let name = "Zoë =?utf-8?B?eA==?= <b>.\n.";
    let refused = to_folder(folder.path())
        .send(job, &address("zoe@example.org"), Template::Welcome, &values(name), now())
        .await;
    assert!(matches!(refused, Err(NotSent::Refused(_))), "a line break in the subject: {refused:?}");

    let name = "Zoë =?utf-8?B?eA==?= <b> ".to_owned() + "long ".repeat(30).trim_end();
    let sent = to_folder(folder.path())
        .send(job, &address("zoe@example.org"), Template::Welcome, &values(&name), now())
        .await;
    let file = format!("{job}.eml");
    assert_eq!(sent, Ok(json!({"sink": "folder", "message": file})));

    let python = std::env::var("RECONCILER_TEST_PYTHON").expect("RECONCILER_TEST_PYTHON names a Python");
    let script = "import email, email.policy, json, sys\n\
        m = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.SMTP)\n\
        print(json.dumps({'defects': len(m.defects), 'from': m['from'], 'to': m['to'], 'subject': m['subject'],\n\
        'date': m['date'].datetime.isoformat(), 'id': m['message-id'], 'headers': len(m.keys()),\n\
        'text': m.get_body(('plain',)).get_content(), 'html': m.get_body(('html',)).get_content()}))";
    let output = Command::new(python).args(["-c", script]).arg(folder.path().join(file)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["defects"], 0);
    assert_eq!((&read["from"], &read["to"]), (&json!("jobs@example.com"), &json!("zoe@example.org")));
    assert_eq!(read["subject"], format!("Welcome, {name}"));
    assert_eq!(read["date"], "2026-11-21T10:00:00+00:00");
    assert_eq!(read["id"], format!("<{job}@example.com>"));
    assert_eq!(read["headers"], 7);
    assert!(read["text"].as_str().unwrap().starts_with(&format!("Hello {name},\n\nyour account")), "{read}");
    assert!(read["html"].as_str().unwrap().contains("&lt;b&gt; long long"), "{read}");
}

#[tokio::test]
async fn mail_that_can_not_be_written_now_is_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail");
    std::fs::write(&file, "not a folder").unwrap();
    let sent = to_folder(&file)
        .send(JobId::fresh(), &address("a@example.org"), Template::Welcome, &values("A"), now())
        .await;
    assert!(matches!(sent, Err(NotSent::Later(_))), "{sent:?}");
}

#[tokio::test]
async fn without_settings_mail_is_refused_with_what_to_set() {
    let mailer = Mailer::new(None, &SdkConfig::builder().build());
    let sent =
        mailer.send(JobId::fresh(), &address("a@example.org"), Template::Welcome, &values("A"), now()).await;
    assert_eq!(
        sent.unwrap_err().to_string(),
        "this worker sends no mail: MAIL_URL is not set (file:///folder or ses:)"
    );
}

/// A mailer through whoever answers at this endpoint.
fn through_ses(aws: &SdkConfig, from: &str) -> Mailer {
    let aws = aws.to_builder().http_client(Builder::new().build_http()).retry_config(RetryConfig::disabled());
    Mailer::new(Some(MailSettings { to: MailTo::Ses, from: address(from) }), &aws.build())
}

#[tokio::test]
async fn ses_takes_a_message_and_the_result_has_its_id() {
    let server = S3Server::start().await;
    let aws = server.aws();
    let client = ses::client(&aws.to_builder().http_client(Builder::new().build_http()).build());
    client.create_email_identity().email_identity("jobs@example.com").send().await.unwrap();

    let mailer = through_ses(&aws, "jobs@example.com");
    let sent = mailer
        .send(JobId::fresh(), &address("zoe@example.org"), Template::Welcome, &values("Zoë <b>"), now())
        .await;
    let sent = sent.unwrap();
    assert_eq!(sent["sink"], "ses");
    let known: Value = serde_json::from_str(&server.read("moto-api/data.json").await).unwrap();
    let messages = known["ses"]["Message"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{known}");
    let message = &messages[0];
    assert_eq!(message["id"], sent["message"]);
    assert_eq!(message["subject"], "Welcome, Zoë <b>");
    assert!(message.to_string().contains("zoe@example.org"), "{message}");
    assert!(message["body"].as_str().unwrap().contains("Hello Zoë &lt;b&gt;,"), "{message}");

    // Of an address that SES does not know, nothing is sent, now or later.
    let mailer = through_ses(&aws, "nobody@example.net");
    let refused = mailer
        .send(JobId::fresh(), &address("zoe@example.org"), Template::Welcome, &values("Zoë"), now())
        .await;
    let Err(NotSent::Refused(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.starts_with("SES refused the message: MessageRejected: "), "{reason}");
}

/// What becomes of a message when SES answers like this.
async fn answered(status: &str, headers: &str, body: &str) -> Result<Value, NotSent> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let aws = aws_at(&format!("http://{}", listener.local_addr().unwrap()));
    let mailer = through_ses(&aws, "jobs@example.com");
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            stream.read_buf(&mut asked).await.unwrap();
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        // A second call would be a second message.
        let again = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
        assert!(again.is_err(), "SES was asked again");
    };
    let (to, values) = (address("a@example.org"), values("A"));
    let sending = mailer.send(JobId::fresh(), &to, Template::Welcome, &values, now());
    tokio::join!(sending, serve).0
}

fn aws_at(endpoint: &str) -> SdkConfig {
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_sesv2::config::{Credentials, SharedCredentialsProvider};
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .endpoint_url(endpoint)
        .build()
}

#[tokio::test]
async fn what_ses_says_of_the_message_is_final_and_what_it_says_of_itself_is_not() {
    for (status, code, is_final) in [
        ("400 Bad Request", "MessageRejected", true),
        ("400 Bad Request", "BadRequestException", true),
        ("400 Bad Request", "MailFromDomainNotVerifiedException", true),
        ("404 Not Found", "NotFoundException", true),
        ("429 Too Many Requests", "TooManyRequestsException", false),
        ("400 Bad Request", "LimitExceededException", false),
        ("400 Bad Request", "SendingPausedException", false),
        ("400 Bad Request", "AccountSuspendedException", false),
        ("403 Forbidden", "ExpiredTokenException", false),
        ("500 Internal Server Error", "InternalFailure", false),
    ] {
        let header = format!("x-amzn-errortype: {code}\r\n");
        let answer = answered(status, &header, r#"{"message":"so it is"}"#).await;
        match answer {
            Err(NotSent::Refused(told)) if is_final => {
                assert!(told.ends_with(&format!("{code}: so it is")), "{told}")
            }
            Err(NotSent::Later(told)) if !is_final => {
                assert!(told.ends_with(&format!("{code}: so it is")), "{told}")
            }
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_ses_that_does_not_answer_is_tried_again_later() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let aws = aws_at(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let mailer = through_ses(&aws, "jobs@example.com");
    let sent =
        mailer.send(JobId::fresh(), &address("a@example.org"), Template::Welcome, &values("A"), now()).await;
    assert!(matches!(sent, Err(NotSent::Later(_))), "{sent:?}");
}
