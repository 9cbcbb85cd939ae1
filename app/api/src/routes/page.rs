//! The page for people, from files that are part of the binary: no build step, and nothing from elsewhere.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::document::refusals;
use crate::problem::{Code, Problem};
use crate::state::Api;

/// Scripts and styles come from here alone, as files; markup can't be made of strings, and nobody frames the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

struct File {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($name:literal, $kind:expr) => {
        File { name: $name, kind: $kind, text: include_str!(concat!("../../page/", $name)) }
    };
}

const INDEX: File = file!("index.html", HTML);
const FILES: [File; 11] = [
    file!("page.css", "text/css; charset=utf-8"),
    file!("page.js", SCRIPT),
    file!("api.js", SCRIPT),
    file!("chart.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("form.js", SCRIPT),
    file!("jobs.js", SCRIPT),
    file!("live.js", SCRIPT),
    file!("row.js", SCRIPT),
    file!("icon.svg", "image/svg+xml"),
    file!("example.csv", "text/csv; charset=utf-8"),
];

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(index)).routes(routes!(file))
}

refusals!(FileRefusals: NoSuchFile);

/// The page, for clients that ask for HTML; name and version as text for all others.
#[utoipa::path(get, path = "/", tag = "service", responses(
    (status = 200, description = "the page, or name and version", content(
        (String = "text/html"), (String = "text/plain"),
    )),
    (status = 304, description = "the page has not changed since the ETag in `if-none-match`"),
))]
async fn index(State(api): State<Api>, headers: HeaderMap) -> Response {
    let mut response = match asks_for_html(&headers) {
        true => INDEX.answer(&headers),
        false => format!("job-api {}\n", api.version).into_response(),
    };
    response.headers_mut().insert(header::VARY, header::ACCEPT.into());
    response
}

/// A file that the page is made of; of no use to programs.
#[utoipa::path(get, path = "/page/{name}", tag = "service",
    params(("name" = String, Path, description = "the file's name", example = "icon.svg")),
    responses(
        (status = 200, description = "the file", content(
            (String = "text/javascript"), (String = "text/css"), (String = "image/svg+xml"), (String = "text/csv"),
        )),
        (status = 304, description = "the file has not changed since the ETag in `if-none-match`"),
        FileRefusals,
    )
)]
async fn file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let file = FILES.iter().find(|file| file.name == name);
    let file = file.ok_or_else(|| Problem::new(Code::NoSuchFile, "the page has no such file"))?;
    Ok(file.answer(&headers))
}

impl File {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let digest: [u8; 32] = Sha256::digest(self.text).into();
        let tag: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        let tag = format!("\"{tag}\"");
        let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|given| {
            given.to_str().is_ok_and(|given| given.split(',').any(|given| given.trim().ends_with(&tag)))
        });
        // Asked for anew each time, so that a page never works with another version's script for long.
        let head: [(HeaderName, &str); 6] = [
            (header::CONTENT_TYPE, self.kind),
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::ETAG, &tag),
        ];
        match known {
            true => (StatusCode::NOT_MODIFIED, head).into_response(),
            false => (head, self.text).into_response(),
        }
    }
}

/// Whether `Accept` names HTML. `*/*`, which curl sends, is not enough.
fn asks_for_html(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|accept| {
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let html = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("text/html"));
            html && !parts.any(|part| part.starts_with("q=0") && part.trim_end_matches(['0', '.']) == "q=")
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn accepting(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        asks_for_html(&headers)
    }

    #[test]
    fn a_browser_asks_for_html_and_curl_does_not() {
        assert!(accepting("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(accepting("application/json, Text/HTML;q=0.1"));
        assert!(!accepting("*/*"));
        assert!(!accepting("text/html;q=0, text/plain"));
        assert!(!accepting("text/html;q=0.0"));
        assert!(!asks_for_html(&HeaderMap::new()));
    }

    #[test]
    fn every_file_that_the_page_names_is_served() {
        let named = |text: &'static str| {
            text.split(['"', '\'']).filter_map(|word| word.strip_prefix("/page/").or(word.strip_prefix("./")))
        };
        let texts = FILES.iter().map(|file| file.text).chain([INDEX.text]);
        let mut count = 0;
        for name in texts.flat_map(named) {
            assert!(FILES.iter().any(|file| file.name == name), "{name}");
            count += 1;
        }
        assert!(count > FILES.len());
    }

    #[test]
    fn nothing_is_asked_of_another_host_and_no_markup_is_made_of_text() {
        for file in FILES.iter().chain([&INDEX]) {
            let links =
                file.text.replace("http://www.w3.org/2000/svg", "").replace("placeholder=\"https://\"", "");
            for bad in
                ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"]
            {
                assert!(!links.contains(bad), "{} in {}", bad, file.name);
            }
        }
        for inline in ["style=", "onclick=", "onload=", "<style", "javascript:"] {
            assert!(!INDEX.text.contains(inline), "{inline}");
        }
    }
}
