//! A Git server for tests: `git http-backend` as a CGI behind a loopback port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

pub trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

type Wrap = dyn Fn(TcpStream) -> std::io::Result<Box<dyn Connection>> + Send + Sync;

/// What the server does with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Manner {
    Serve,
    /// Serves, but claims not to know shallow clones.
    ServeWhole,
    /// Answers 401 unless the `Authorization` header is exactly this.
    Demand(String),
    RedirectTo(String),
    /// Answers 200 with a page for people.
    Maintenance,
    /// Accepts, reads the request, and keeps silent.
    Silent,
    /// Answers with this status.
    Status(u16),
}

pub struct GitServer {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl GitServer {
    /// Serves the repositories below `root`; `wrap` makes of each socket what is spoken on it.
    pub fn start(
        root: &Path,
        wrap: impl Fn(TcpStream) -> std::io::Result<Box<dyn Connection>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            manner: Arc::new(Mutex::new(Manner::Serve)),
            requests: Arc::default(),
        };
        let (manner, requests) = (Arc::clone(&server.manner), Arc::clone(&server.requests));
        let (root, wrap): (PathBuf, Arc<Wrap>) = (root.to_owned(), Arc::new(wrap));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (root, wrap) = (root.clone(), Arc::clone(&wrap));
                let (manner, requests) = (Arc::clone(&manner), Arc::clone(&requests));
                std::thread::spawn(move || {
                    let manner = manner.lock().unwrap().clone();
                    let Ok(connection) = wrap(socket) else { return };
                    // A client that refuses our certificate breaks off; that is no fault of the test.
                    let _ = answer(connection, &root, &manner, &requests);
                });
            }
        });
        server
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Method and target of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(reader: &mut impl BufRead) -> std::io::Result<Self> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let mut request = Self { method, target, headers, body: Vec::new() };
        let length = request.header("content-length").parse().unwrap_or(0);
        request.body = vec![0; length];
        reader.read_exact(&mut request.body)?;
        Ok(request)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

fn answer(
    mut connection: Box<dyn Connection>,
    root: &Path,
    manner: &Manner,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let request = Request::read(&mut BufReader::new(&mut connection))?;
    if request.method.is_empty() {
        return Ok(());
    }
    requests.lock().unwrap().push(format!("{} {}", request.method, request.target));
    let simple = |status: &str, extra: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\n{extra}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let response = match manner {
        Manner::Serve => backend(root, &request)?,
        Manner::ServeWhole => without_shallow(backend(root, &request)?),
        Manner::Demand(expected) if request.header("authorization") == expected => backend(root, &request)?,
        Manner::Demand(_) => simple("401 Unauthorized", "WWW-Authenticate: Basic realm=\"git\"\r\n", ""),
        Manner::RedirectTo(target) => {
            simple("301 Moved Permanently", &format!("Location: {target}{}\r\n", request.target), "")
        }
        Manner::Maintenance => simple("200 OK", "Content-Type: text/html\r\n", "<h1>Back soon</h1>"),
        Manner::Status(status) => simple(&format!("{status} Oh"), "", ""),
        Manner::Silent => {
            // Until the client gives up and closes.
            let _ = connection.read(&mut [0]);
            return Ok(());
        }
    };
    connection.write_all(&response)?;
    connection.flush()
}

/// Runs the CGI of git itself and turns its answer into HTTP.
fn backend(root: &Path, request: &Request) -> std::io::Result<Vec<u8>> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    child.stdin.take().unwrap().write_all(&request.body)?;
    let output = child.wait_with_output()?.stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(output.len());
    let (head, body) = (String::from_utf8_lossy(&output[..end]), output.get(end + 4..).unwrap_or_default());
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let mut response =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for line in head.lines().filter(|line| !line.starts_with("Status: ")) {
        response.push_str(line);
        response.push_str("\r\n");
    }
    response.push_str("\r\n");
    Ok([response.as_bytes(), body].concat())
}

/// Renames the capability, at the same length, so that the packets stay well formed.
fn without_shallow(mut response: Vec<u8>) -> Vec<u8> {
    let places: Vec<usize> =
        (0..response.len()).filter(|place| response[*place..].starts_with(b" shallow ")).collect();
    for place in places {
        response[place + 1] = b'x';
    }
    response
}
