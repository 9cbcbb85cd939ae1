//! moto's S3 server: somebody else's idea of S3, for the tests of objects.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::objects::{Objects, ObjectsSettings};

/// A server that ends with its value.
pub struct S3Server {
    child: Child,
    pub endpoint: String,
    client: reqwest::Client,
}

impl S3Server {
    /// Starts one and waits until it answers.
    pub async fn start() -> S3Server {
        let python = std::env::var("RECONCILER_TEST_PYTHON")
            .expect("RECONCILER_TEST_PYTHON names a Python with moto; `make test` sets it up");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..5 {
            // Somebody else may take the port in between; then moto ends, and another one is tried.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = Command::new(&python)
                .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("RECONCILER_TEST_PYTHON can be started");
            let mut server =
                S3Server { child, endpoint: format!("http://127.0.0.1:{port}"), client: client.clone() };
            if server.is_ready().await {
                return server;
            }
        }
        panic!("moto did not start; `make test` installs it for RECONCILER_TEST_PYTHON");
    }

    async fn is_ready(&mut self) -> bool {
        while self.child.try_wait().unwrap().is_none() {
            if self.client.get(format!("{}/moto-api/", self.endpoint)).send().await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    pub async fn create_bucket(&self, name: &str) {
        let url = format!("{}/{name}", self.endpoint);
        let answer = self.client.put(url).body("").send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// What another client reads at this path: an object, or a list of a bucket's keys, or of its uploads.
    pub async fn read(&self, path: &str) -> String {
        let url = format!("{}/{path}", self.endpoint);
        // moto wants to see some signature, and does not check it.
        let signature = "AWS4-HMAC-SHA256 Credential=test/20261121/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let answer = self.client.get(url).header("authorization", signature).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// What a process has that runs against this server.
    pub fn aws(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&self.endpoint)
            .build()
    }

    /// Objects at an `s3://` URL of this server.
    pub fn objects(&self, url: &str) -> Objects {
        let settings = ObjectsSettings { url: Some(url.to_owned()), s3_endpoint: None };
        Objects::open(&settings, &self.aws()).unwrap()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
