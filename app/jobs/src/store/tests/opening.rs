//! What is said of a URL that can't be opened, and how soon a database that is away is given up.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;

const PASSWORD: &str = "open-sesame";

async fn refusal(url: &str) -> String {
    let limits = Limits { statement: Duration::from_millis(300), ..Limits::default() };
    let refused = Store::open_with(url, limits).await.unwrap_err();
    let text = format!("{} {refused:?}", crate::log::chain(&refused));
    assert!(!text.contains(PASSWORD), "{text}");
    text
}

#[tokio::test]
async fn a_database_url_of_another_kind_is_refused() {
    let refused = Store::open("mysql://db/jobs").await.unwrap_err();
    assert!(matches!(refused, StoreError::UnsupportedUrl(_)), "{refused:?}");
    assert!(refused.to_string().contains("postgres://"), "{refused}");
}

#[tokio::test]
async fn a_url_that_is_wrong_is_refused_by_its_part_and_without_its_password() {
    for (url, said) in [
        (format!("mysql://jobs:{PASSWORD}@db/jobs"), "`mysql:`"),
        (format!("{PASSWORD}@db"), "`<nothing>:`"),
        (format!("postgres://jobs:{PASSWORD}@db:port/jobs"), "port"),
        (format!("postgres://jobs@db/jobs?pasword={PASSWORD}"), "`pasword`"),
        (format!("postgres://jobs:{PASSWORD}@db/jobs?sslmode=yes"), "yes"),
        ("sqlite::memory:".to_owned(), "name a file"),
        ("sqlite:jobs.db?cash=shared".to_owned(), "cash"),
    ] {
        let refused = refusal(&url).await;
        assert!(refused.contains(said), "{url}: {refused}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_does_not_answer_is_told_at_once() {
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = refusal(&format!("postgres://jobs:{PASSWORD}@127.0.0.1:{port}/jobs")).await;
    assert!(refused.contains("opening the database") && refused.contains("refused"), "{refused}");
    // Accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let refused = refusal(&format!("postgres://jobs:{PASSWORD}@127.0.0.1:{port}/jobs")).await;
    assert!(refused.contains("no answer from the database within 0.3 s"), "{refused}");
}

#[tokio::test]
async fn a_store_is_shown_without_its_url() {
    on_each_database(async |database| {
        let store = database.open().await;
        assert!(!format!("{store:?}").contains("//"), "{store:?}");
    })
    .await;
}

#[tokio::test]
async fn a_file_with_odd_characters_in_its_name_is_that_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs of märz.db");
    let store = Store::open(&format!("sqlite:{}", file.display())).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    assert!(file.exists());
}

#[tokio::test]
async fn a_database_without_the_schema_gives_no_sign_of_life() {
    on_each_database(async |database| {
        assert!(database.open().await.ping().await.is_err());
    })
    .await;
}

/// Carries bytes to the PostgreSQL server until told to swallow them, as a network does that has lost a route.
async fn lossy_road(to: String, lost: watch::Receiver<bool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(&to).await.unwrap();
            let mut lost = lost.clone();
            tokio::spawn(async move {
                let carried = tokio::select! {
                    carried = copy_bidirectional(&mut near, &mut far) => Some(carried),
                    () = async { drop(lost.wait_for(|lost| *lost).await) } => None,
                };
                if carried.is_none() {
                    // What is lost stays lost: neither end hears of it.
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_database_behind_a_network_that_swallows_packets_is_given_up_and_used_again() {
    let database = Database::postgres().await;
    let (before, rest) = database.url.split_once('@').unwrap();
    let (server, path) = rest.split_once('/').unwrap();
    let (lost, road) = watch::channel(false);
    let port = lossy_road(server.to_owned(), road).await;
    let limits = Limits {
        connections_max: 1,
        statement: Duration::from_millis(400),
        answer: Duration::from_millis(800),
    };
    let url = format!("{before}@127.0.0.1:{port}/{path}");
    let store = Store::open_with(&url, limits).await.unwrap();
    store.migrate().await.unwrap();
    store.ping().await.unwrap();

    lost.send(true).unwrap();
    for _ in 0..3 {
        let began = tokio::time::Instant::now();
        store.submit(NewJob::new("sleep", json!({})), at(10)).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    lost.send(false).unwrap();
    // The one connection of the pool is still lost; it must not be in the way for long.
    let back = async {
        while store.ping().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
}
