//! An ECS agent that protects tasks, or does not.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub struct Agent {
    /// For `ECS_AGENT_URI`.
    pub uri: String,
    asked: Arc<Mutex<Vec<bool>>>,
}

impl Agent {
    /// Answers every request with this JSON.
    pub async fn answering(answer: &'static str) -> Agent {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/api/0193", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<bool>>> = Arc::default();
        let kept = asked.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"}") && stream.read_buf(&mut request).await.unwrap() > 0 {}
                let request = String::from_utf8(request).unwrap();
                kept.lock().unwrap().push(request.contains(r#""ProtectionEnabled":true"#));
                let head = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    answer.len()
                );
                stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
            }
        });
        Agent { uri, asked }
    }

    /// What it was asked for so far: to protect, or not to.
    pub fn asked(&self) -> Vec<bool> {
        self.asked.lock().unwrap().clone()
    }
}
