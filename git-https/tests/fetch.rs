//! Fetches over loopback TLS from git's own server side, and is refused in every way it can be.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the tests of `source`, which use another part of it")]
mod server;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use git_https::{Client, Credentials, Failure, Limits, Trust};
use server::{GitServer, Manner};

struct World {
    server: GitServer,
    folder: tempfile::TempDir,
    commit: git2::Oid,
}

impl World {
    /// A server of `jobs.git`, which holds one commit on main, and the CA file that vouches for it.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let commit = commit_to(&folder.path().join("jobs.git"));
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let tls = Arc::new(tls);
        let server = GitServer::start(folder.path(), move |socket| {
            let session = rustls::ServerConnection::new(Arc::clone(&tls)).map_err(std::io::Error::other)?;
            Ok(Box::new(rustls::StreamOwned::new(session, socket)))
        });
        Self { server, folder, commit }
    }

    fn url(&self, repository: &str) -> String {
        format!("https://localhost:{}/{repository}", self.server.address.port())
    }

    fn trust(&self) -> Trust {
        Trust::File(self.folder.path().join("ca.pem"))
    }

    fn client(&self) -> Arc<Client> {
        Client::new(&self.trust(), None, Limits::default()).unwrap()
    }

    fn fetch(&self, client: &Arc<Client>, repository: &str) -> Result<git2::Oid, Failure> {
        fetch(client, &self.url(repository))
    }
}

fn commit_to(path: &Path) -> git2::Oid {
    let repository = git2::Repository::init_bare(path).unwrap();
    let who = git2::Signature::now("Ada", "ada@example.com").unwrap();
    let blob = repository.blob(b"kind: Service\n").unwrap();
    let mut tree = repository.treebuilder(None).unwrap();
    tree.insert("api.yaml", blob, 0o100_644).unwrap();
    let tree = repository.find_tree(tree.write().unwrap()).unwrap();
    repository.commit(Some("refs/heads/main"), &who, &who, "Add the API", &tree, &[]).unwrap()
}

/// Fetches main into a new repository and says where it points.
fn fetch(client: &Arc<Client>, url: &str) -> Result<git2::Oid, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let repository = git2::Repository::init_bare(folder.path()).unwrap();
    let mut options = git2::FetchOptions::new();
    options.depth(1);
    let fetched = client
        .scope(|| {
            let mut remote = repository.remote_anonymous(url)?;
            remote.fetch(&["+refs/heads/main:refs/heads/main"], Some(&mut options), None)
        })
        .unwrap();
    match fetched {
        Ok(()) => {
            let commit = repository.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
            assert_eq!(commit.tree().unwrap().len(), 1);
            Ok(commit.id())
        }
        Err(error) => Err(client.take_failure().unwrap_or_else(|| panic!("only libgit2 knows why: {error}"))),
    }
}

#[test]
fn a_branch_is_fetched_over_tls_from_a_server_that_the_ca_file_vouches_for() {
    let world = World::new();
    assert_eq!(world.fetch(&world.client(), "jobs.git"), Ok(world.commit));
    let requests = world.server.requests();
    assert_eq!(requests[0], "GET /jobs.git/info/refs?service=git-upload-pack");
    assert!(requests[1..].iter().all(|request| request == "POST /jobs.git/git-upload-pack"), "{requests:?}");
}

#[test]
fn branches_are_listed_in_one_request() {
    let world = World::new();
    let branches = world.client().branches(&world.url("jobs.git")).unwrap();
    let main = git_https::Branch { name: "main".to_owned(), commit: world.commit.to_string() };
    assert_eq!(branches, [main]);
    assert_eq!(world.server.requests().len(), 1);
    assert_eq!(world.client().branches(&world.url("gone.git")), Err(Failure::NotFound));
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let (world, other) = (World::new(), World::new());
    let failure = world.fetch(&other.client(), "jobs.git").unwrap_err();
    assert!(matches!(failure, Failure::Certificate { .. }), "{failure:?}");
    let system = Client::new(&Trust::System, None, Limits::default()).unwrap();
    let failure = world.fetch(&system, "jobs.git").unwrap_err();
    assert!(matches!(failure, Failure::Certificate { .. }), "{failure:?}");
    assert_eq!(world.server.requests(), Vec::<String>::new());
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let world = World::new();
    let url = format!("https://127.0.0.1:{}/jobs.git", world.server.address.port());
    let failure = fetch(&world.client(), &url).unwrap_err();
    assert_eq!(failure, Failure::Certificate { why: "made out for another host".to_owned() });
}

#[test]
fn credentials_open_what_is_closed_without_them() {
    let world = World::new();
    // printf 'reader:open sesame' | base64
    world.server.behave(Manner::Demand("Basic cmVhZGVyOm9wZW4gc2VzYW1l".to_owned()));
    let with = |password: &str| {
        let credentials = Credentials { username: "reader".to_owned(), password: password.to_owned() };
        Client::new(&world.trust(), Some(&credentials), Limits::default()).unwrap()
    };
    let denied = |credentials_sent| Err(Failure::Denied { status: 401, credentials_sent });
    assert_eq!(world.fetch(&world.client(), "jobs.git"), denied(false));
    assert_eq!(world.fetch(&with("guess"), "jobs.git"), denied(true));
    assert_eq!(world.fetch(&with("open sesame"), "jobs.git"), Ok(world.commit));
}

#[test]
fn a_repository_that_is_not_there_is_told_from_a_server_in_trouble() {
    let world = World::new();
    assert_eq!(world.fetch(&world.client(), "gone.git"), Err(Failure::NotFound));
    world.server.behave(Manner::Status(503));
    assert_eq!(world.fetch(&world.client(), "jobs.git"), Err(Failure::Status { status: 503 }));
}

#[test]
fn a_redirect_is_refused_and_not_followed() {
    let world = World::new();
    let elsewhere = World::new();
    world.server.behave(Manner::RedirectTo(elsewhere.url("")));
    let failure = world.fetch(&world.client(), "jobs.git").unwrap_err();
    assert!(
        matches!(&failure, Failure::Redirected { to } if to.starts_with(&elsewhere.url(""))),
        "{failure:?}"
    );
    assert_eq!(elsewhere.server.requests(), Vec::<String>::new());
}

#[test]
fn a_maintenance_page_is_not_an_empty_repository() {
    let world = World::new();
    world.server.behave(Manner::Maintenance);
    let failure = Failure::NotGit { content_type: "text/html".to_owned() };
    assert_eq!(world.fetch(&world.client(), "jobs.git"), Err(failure));
}

#[test]
fn an_answer_past_the_bound_is_cut_off() {
    let world = World::new();
    let limits = Limits { response_bytes_max: 64, ..Limits::default() };
    let client = Client::new(&world.trust(), None, limits).unwrap();
    assert_eq!(world.fetch(&client, "jobs.git"), Err(Failure::TooLarge { bytes_max: 64 }));
}

#[test]
fn a_server_that_keeps_silent_is_given_up_on() {
    let world = World::new();
    world.server.behave(Manner::Silent);
    let limits = Limits { stall: Duration::from_millis(200), ..Limits::default() };
    let client = Client::new(&world.trust(), None, limits).unwrap();
    let failure = world.fetch(&client, "jobs.git").unwrap_err();
    assert!(matches!(failure, Failure::TimedOut { .. }), "{failure:?}");
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    let world = World::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let failure = fetch(&world.client(), &format!("https://localhost:{port}/jobs.git")).unwrap_err();
    assert!(matches!(&failure, Failure::Unreachable { why } if why.contains("refused")), "{failure:?}");
}

#[test]
fn pushing_is_refused() {
    let world = World::new();
    let repository = git2::Repository::open(world.folder.path().join("jobs.git")).unwrap();
    let client = world.client();
    let pushed = client.scope(|| {
        let mut remote = repository.remote_anonymous(&world.url("jobs.git"))?;
        remote.push(&["refs/heads/main:refs/heads/other"], None)
    });
    assert!(pushed.unwrap().is_err());
    let what = "this client does not push".to_owned();
    assert_eq!(client.take_failure(), Some(Failure::Refused { what }));
    assert_eq!(world.server.requests(), Vec::<String>::new());
}

#[test]
fn a_ca_file_without_a_certificate_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let refused =
        |file: &Path| Client::new(&Trust::File(file.to_owned()), None, Limits::default()).err().unwrap();
    assert!(refused(&file).to_string().contains("ca.pem can't be read: no such file"));
    std::fs::write(&file, "nothing here\n").unwrap();
    assert!(refused(&file).to_string().ends_with("ca.pem can't be read: it holds no certificate"));
}

#[test]
fn a_password_is_never_printed() {
    let credentials = Credentials { username: "reader".to_owned(), password: "open sesame".to_owned() };
    assert_eq!(format!("{credentials:?}"), r#"Credentials { username: "reader", .. }"#);
}
