//! The account behind a TCP port, for any AWS client.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Simulator;

/// Serves `simulator` on `listener` until `stop` is cancelled.
pub async fn serve(_simulator: Simulator, _listener: TcpListener, stop: CancellationToken) {
    stop.cancelled().await;
}
