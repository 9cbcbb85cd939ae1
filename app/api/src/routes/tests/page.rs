//! The page and its files.

use axum::body::Body;
use axum::http::Method;

use crate::testing::{Answer, World, request};

async fn ask(path: &str, headers: &[(&str, &str)]) -> Answer {
    World::new().await.ask(request(Method::GET, path, headers, Body::empty())).await
}

#[tokio::test]
async fn a_browser_gets_the_page_and_everybody_else_a_line() {
    let page = ask("/", &[("accept", "text/html,*/*;q=0.8")]).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.starts_with("<!doctype html>"));
    let line = ask("/", &[("accept", "*/*")]).await;
    assert_eq!((line.text.as_str(), line.header("vary")), ("job-api 1.4.2\n", Some("accept")));
}

#[tokio::test]
async fn the_page_may_load_nothing_from_elsewhere_and_run_nothing_inline() {
    for (path, accept) in [("/", "text/html"), ("/page/page.js", "*/*"), ("/page/icon.svg", "*/*")] {
        let answer = ask(path, &[("accept", accept)]).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    for (path, accept) in [("/", "text/html"), ("/page/page.css", "*/*")] {
        let first = ask(path, &[("accept", accept)]).await;
        let tag = first.header("etag").unwrap();
        let again = ask(path, &[("accept", accept), ("if-none-match", tag)]).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        let weak = format!("\"other\", W/{tag}");
        assert_eq!(ask(path, &[("accept", accept), ("if-none-match", &weak)]).await.status, 304);
        assert_eq!(ask(path, &[("accept", accept), ("if-none-match", "\"other\"")]).await.status, 200);
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_404() {
    for path in ["/page/page.php", "/page/index.html", "/page/..%2fmain.rs"] {
        ask(path, &[]).await.refused(404, "no_such_file");
    }
}
