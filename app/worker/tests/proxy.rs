//! A way to a server that can be cut: what an outage of the database looks like to its clients.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub struct Proxy {
    pub address: String,
    /// Cancelled when the way is cut; a new one when it is mended.
    open: Arc<Mutex<CancellationToken>>,
}

impl Proxy {
    /// Listens, and carries every connection to `target`.
    pub async fn to(target: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let open = Arc::new(Mutex::new(CancellationToken::new()));
        let state = open.clone();
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let open = state.lock().unwrap().clone();
                let target = target.clone();
                tokio::spawn(async move {
                    // A connection that is not carried is closed at once.
                    let carry = async {
                        let mut server = TcpStream::connect(target).await?;
                        copy_bidirectional(&mut client, &mut server).await
                    };
                    tokio::select! {
                        biased;
                        () = open.cancelled() => {}
                        _ = carry => {}
                    }
                });
            }
        });
        Proxy { address, open }
    }

    /// Breaks all connections and refuses new ones.
    pub fn cut(&self) {
        self.open.lock().unwrap().cancel();
    }

    pub fn mend(&self) {
        *self.open.lock().unwrap() = CancellationToken::new();
    }
}
