//! To be written: HTTP request -> service and operation -> answer in the client's protocol.

use bytes::Bytes;

use crate::Shared;

pub(crate) async fn answer(_shared: &Shared, _request: http::Request<Bytes>) -> http::Response<Bytes> {
    http::Response::new(Bytes::new())
}
