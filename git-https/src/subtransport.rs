//! Git's smart protocol, one HTTP request per round.

use std::io::{self, Read, Write};
use std::sync::Arc;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use git2::{Error, ErrorClass, ErrorCode};

use crate::{Branch, Client, Failure, advertisement};

const FETCH: &str = "git-upload-pack";
const PUSH: &str = "git-receive-pack";
/// Wants and haves of one round, or a pack of a changed file or two.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(crate) struct Subtransport {
    client: Arc<Client>,
    pushes: bool,
}

impl Subtransport {
    pub(crate) fn new(client: Arc<Client>, pushes: bool) -> Self {
        Self { client, pushes }
    }
}

impl SmartSubtransport for Subtransport {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        let base = url.trim_end_matches('/');
        let exchange = match action {
            Service::UploadPackLs => Exchange::list(&self.client, base, FETCH),
            Service::UploadPack => Ok(Exchange::post(&self.client, base, FETCH)),
            Service::ReceivePackLs if self.pushes => Exchange::list(&self.client, base, PUSH),
            Service::ReceivePack if self.pushes => Ok(Exchange::post(&self.client, base, PUSH)),
            Service::ReceivePackLs | Service::ReceivePack => {
                Err(Failure::Refused { what: "this client does not push".to_owned() })
            }
        };
        match exchange {
            Ok(exchange) => Ok(Box::new(exchange)),
            Err(failure) => {
                self.client.remember(&failure);
                Err(Error::new(ErrorCode::GenericError, ErrorClass::Http, failure.to_string()))
            }
        }
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Asks which refs the server has.
fn list(client: &Client, base: &str, service: &str) -> Result<Bounded, Failure> {
    let url = format!("{base}/info/refs?service={service}");
    let mut request = client.agent.get(&url);
    if let Some(authorization) = &client.authorization {
        request = request.header("Authorization", authorization);
    }
    let response = request.call().map_err(|error| Failure::of(error, host(&url), &client.limits))?;
    accept(client, response, &format!("application/x-{service}-advertisement"))
}

impl Client {
    /// The branches of the repository at `url`, in one request; none if it is empty.
    pub fn branches(&self, url: &str) -> Result<Vec<Branch>, Failure> {
        advertisement::read(list(self, url.trim_end_matches('/'), FETCH)?)
    }
}

/// One request and its answer.
struct Exchange {
    client: Arc<Client>,
    url: String,
    service: &'static str,
    /// Collected until libgit2 starts to read, which sends it.
    request: Vec<u8>,
    answer: Option<Bounded>,
}

impl Exchange {
    fn list(client: &Arc<Client>, base: &str, service: &'static str) -> Result<Self, Failure> {
        let answer = Some(list(client, base, service)?);
        Ok(Self { client: Arc::clone(client), url: base.to_owned(), service, request: Vec::new(), answer })
    }

    /// Sends nothing yet: libgit2 writes the request first.
    fn post(client: &Arc<Client>, base: &str, service: &'static str) -> Self {
        Self {
            client: Arc::clone(client),
            url: format!("{base}/{service}"),
            service,
            request: Vec::new(),
            answer: None,
        }
    }

    fn send(&mut self) -> Result<Bounded, Failure> {
        let client = &self.client;
        let mut request = client
            .agent
            .post(&self.url)
            .header("Content-Type", format!("application/x-{}-request", self.service))
            .header("Accept", format!("application/x-{}-result", self.service));
        if let Some(authorization) = &client.authorization {
            request = request.header("Authorization", authorization);
        }
        let response = request
            .send(self.request.as_slice())
            .map_err(|error| Failure::of(error, host(&self.url), &client.limits))?;
        self.request.clear();
        accept(client, response, &format!("application/x-{}-result", self.service))
    }

    fn fail(&self, failure: Failure) -> io::Error {
        self.client.remember(&failure);
        io::Error::other(failure)
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.answer.is_none() {
            let answer = self.send().map_err(|failure| self.fail(failure))?;
            self.answer = Some(answer);
        }
        let read = self.answer.as_mut().map_or(Ok(0), |answer| answer.read(buffer));
        read.map_err(|error| {
            let failure = match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
                Some(ureq::Error::Timeout(phase)) => {
                    Failure::TimedOut { phase: phase.to_string(), after: self.client.limits.of(phase) }
                }
                _ => Failure::of_io(&error),
            };
            self.fail(failure)
        })
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A further round on the same stream is a request of its own: the server keeps no state.
        self.answer = None;
        if self.request.len() + bytes.len() > REQUEST_BYTES_MAX {
            let what = format!("the request grew past {REQUEST_BYTES_MAX} bytes");
            return Err(self.fail(Failure::Refused { what }));
        }
        self.request.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes only the answer that Git's protocol gives; a maintenance page with status 200 is none.
fn accept(
    client: &Client,
    response: ureq::http::Response<ureq::Body>,
    content_type: &str,
) -> Result<Bounded, Failure> {
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    match response.status().as_u16() {
        200 => {}
        status @ (401 | 403) => {
            return Err(Failure::Denied { status, credentials_sent: client.authorization.is_some() });
        }
        404 => return Err(Failure::NotFound),
        300..=399 => return Err(Failure::Redirected { to: header("location") }),
        status => return Err(Failure::Status { status }),
    }
    let answered = header("content-type");
    if answered != content_type {
        let content_type = if answered.is_empty() { "of no content type".to_owned() } else { answered };
        return Err(Failure::NotGit { content_type });
    }
    let bytes_max = client.limits.response_bytes_max;
    Ok(Bounded { body: response.into_body().into_reader(), left: bytes_max, bytes_max })
}

/// An answer that ends in an error at the byte after the last allowed one.
struct Bounded {
    body: ureq::BodyReader<'static>,
    left: u64,
    bytes_max: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(Failure::TooLarge { bytes_max: self.bytes_max }))?;
        Ok(count)
    }
}

/// The host of a URL that ureq has accepted already.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}
