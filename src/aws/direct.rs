//! A call of any AWS service in its own protocol, on the lower layers of the ECS client.
//!
//! IAM and EC2 speak XML, S3 speaks REST, and their SDK crates would cost minutes of build time for a
//! read or two. What the ECS client gives is credentials, signature, retries and time-outs; an
//! interceptor replaces how the request is written and how the answer is read.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_ecs::operation::list_clusters::{ListClustersError, ListClustersOutput};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, Error as ContextError, Input, Output,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_types::Document;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::ErrorMetadata;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::xml;
use crate::model::Json;

/// Where a service is asked, and how the request is signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    url: String,
    signing_name: &'static str,
    signing_region: String,
}

impl Place {
    /// A service of one region: `ec2` is asked at `ec2.REGION.amazonaws.com`.
    pub(super) fn regional(
        host: &str,
        signing_name: &'static str,
        region: &str,
        endpoint: Option<&str>,
    ) -> Self {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = endpoint.map_or_else(|| format!("https://{host}.{region}.{suffix}"), str::to_owned);
        Self { url, signing_name, signing_region: region.to_owned() }
    }

    /// IAM has one endpoint in each partition.
    /// <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>
    pub(super) fn iam(region: &str, endpoint: Option<&str>) -> Self {
        let (url, signing_region) = match region {
            it if it.starts_with("cn-") => ("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            it if it.starts_with("us-gov-") => ("https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
            _ => ("https://iam.amazonaws.com", "us-east-1"),
        };
        let url = endpoint.unwrap_or(url).to_owned();
        Self { url, signing_name: "iam", signing_region: signing_region.to_owned() }
    }
}

impl ResolveEndpoint for Place {
    fn resolve_endpoint<'a>(&'a self, _params: &'a Params) -> EndpointFuture<'a> {
        let scheme = [
            ("name", Document::from("sigv4".to_owned())),
            ("signingName", Document::from(self.signing_name.to_owned())),
            ("signingRegion", Document::from(self.signing_region.clone())),
            // S3 signs a path as it stands; the others have none.
            ("disableDoubleEncoding", Document::from(true)),
        ];
        let scheme = scheme.map(|(key, value)| (key.to_owned(), value));
        let endpoint = Endpoint::builder()
            .url(self.url.clone())
            .property("authSchemes", Document::Array(vec![Document::Object(scheme.into_iter().collect())]))
            .build();
        EndpointFuture::ready(Ok(endpoint))
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// awsJson: `x-amz-target`, and the input.
    Json(&'static str, Json),
    /// awsQuery and ec2Query: the API's version, the action, and its parameters.
    Query(&'static str, &'static str, Vec<(String, String)>),
    /// HEAD of a path that is encoded already, in S3.
    Head(String),
    /// GET of a path and query that are encoded already.
    Get(String),
}

impl Question {
    fn request(&self) -> Result<HttpRequest, BoxError> {
        let builder = http::Request::builder();
        let (builder, body) = match self {
            Question::Json(target, input) => {
                let builder = builder.method("POST").uri("/").header("x-amz-target", *target);
                (builder.header("content-type", "application/x-amz-json-1.1"), input.to_string())
            }
            Question::Query(version, action, parameters) => {
                let mut body = format!("Action={action}&Version={version}");
                for (name, value) in parameters {
                    body.push_str(&format!("&{}={}", encoded(name, ""), encoded(value, "")));
                }
                let builder = builder.method("POST").uri("/");
                (builder.header("content-type", "application/x-www-form-urlencoded"), body)
            }
            Question::Get(path) => (builder.method("GET").uri(path), String::new()),
            Question::Head(path) => {
                let hash: String =
                    Sha256::digest(b"").as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
                // S3 asks for it beside the signature.
                (builder.method("HEAD").uri(path).header("x-amz-content-sha256", hash), String::new())
            }
        };
        let request = builder.header("content-length", body.len().to_string()).body(SdkBody::from(body))?;
        Ok(request.try_into()?)
    }
}

/// Percent-encodes all but unreserved characters and those of `keep`.
pub(super) fn encoded(text: &str, keep: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || keep.as_bytes().contains(&byte);
        if plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// One such call: the question, and what the last attempt brought back.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    question: Arc<Question>,
    received: Arc<Mutex<Received>>,
}

/// The body may hold a secret: it is overwritten when the call is forgotten, and shown nowhere.
#[derive(Default)]
struct Received {
    body: Zeroizing<Vec<u8>>,
    /// The region that S3 says a bucket is in.
    bucket_region: Option<String>,
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Received")
    }
}

impl Direct {
    pub(super) fn new(question: Question) -> Self {
        Self { question: Arc::new(question), received: Arc::default() }
    }

    pub(super) fn body(&self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.received().body)
    }

    pub(super) fn bucket_region(&self) -> Option<String> {
        self.received().bucket_region.clone()
    }

    fn received(&self) -> std::sync::MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Direct {
    fn name(&self) -> &'static str {
        "Direct"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let layer = config.interceptor_state();
        layer.store_put(SharedRequestSerializer::new(self.clone()));
        layer.store_put(SharedResponseDeserializer::new(self.clone()));
        Ok(())
    }
}

impl SerializeRequest for Direct {
    fn serialize_input(&self, _input: Input, _config: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        self.question.request()
    }
}

impl DeserializeResponse for Direct {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _config: &ConfigBag,
    ) -> Result<Output, OrchestratorError<ContextError>> {
        let body = response.body().bytes().unwrap_or_default();
        let mut received = self.received();
        received.bucket_region = response.headers().get("x-amz-bucket-region").map(str::to_owned);
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            received.body = Zeroizing::new(body.to_vec());
            return Ok(Output::erase(ListClustersOutput::builder().build()));
        }
        let said = ErrorMetadata::builder();
        let said = match refusal(body, response.headers().get("x-amzn-errortype")) {
            Some((code, message)) => said.code(code).message(message),
            // The answer to HEAD has no body.
            None if status == 404 => said.code("NotFound"),
            None if status == 403 => said.code("AccessDenied"),
            None if status == 301 => said.code("PermanentRedirect"),
            None => said,
        };
        let error = ListClustersError::generic(said.build());
        Err(OrchestratorError::operation(ContextError::erase(error)))
    }
}

/// AWS's code and message, in whatever form the service has for them.
fn refusal(body: &[u8], header: Option<&str>) -> Option<(String, String)> {
    let text = std::str::from_utf8(body).ok()?;
    let short = |code: &str| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_owned()
    };
    if let Ok(answer) = serde_json::from_str::<Json>(text) {
        let named = [&answer["__type"], &answer["ErrorCode"], &answer["code"]];
        let code = named.into_iter().find_map(Json::as_str).or(header)?;
        let message = answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or_default();
        return Some((short(code), message.to_owned()));
    }
    let answer = xml::to_json(text)?;
    // IAM: ErrorResponse/Error; EC2: Response/Errors/Error; S3: Error itself.
    let error = [&answer["Error"], &answer["Errors"]["Error"], &answer]
        .into_iter()
        .find(|error| error["Code"].is_string())?;
    Some((short(error["Code"].as_str()?), error["Message"].as_str().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_whatever_its_form() {
        let forms = [
            r#"{"__type":"com.amazonaws.ecr#RepositoryNotFoundException","message":"no"}"#,
            "<ErrorResponse><Error><Code>RepositoryNotFoundException</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>",
            "<Response><Errors><Error><Code>RepositoryNotFoundException</Code><Message>no</Message></Error></Errors><RequestID>1</RequestID></Response>",
            "<Error><Code>RepositoryNotFoundException</Code><Message>no</Message><Resource>x</Resource></Error>",
        ];
        for form in forms {
            let read = refusal(form.as_bytes(), None);
            assert_eq!(read, Some(("RepositoryNotFoundException".to_owned(), "no".to_owned())), "{form}");
        }
        assert_eq!(refusal(b"<html>", None), None);
    }

    #[test]
    fn parameters_and_paths_are_encoded() {
        assert_eq!(encoded("a b+c/d:é", ""), "a%20b%2Bc%2Fd%3A%C3%A9");
        assert_eq!(encoded("a/b c", "/"), "a/b%20c");
    }

    #[test]
    fn a_global_service_is_asked_in_its_partition() {
        assert_eq!(Place::iam("eu-west-1", None).signing_region, "us-east-1");
        assert_eq!(Place::iam("cn-northwest-1", None).url, "https://iam.cn-north-1.amazonaws.com.cn");
        assert_eq!(Place::iam("us-gov-east-1", None).signing_region, "us-gov-west-1");
        assert_eq!(Place::iam("eu-west-1", Some("http://x")).url, "http://x");
        assert_eq!(
            Place::regional("api.ecr", "ecr", "eu-west-1", None).url,
            "https://api.ecr.eu-west-1.amazonaws.com"
        );
    }
}
