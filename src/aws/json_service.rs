//! A call of another service through the client of one that speaks the same protocol, for services that
//! one call is needed of.
//!
//! CloudWatch Logs differs from ECS on the wire only in its host, the name it is signed for and the
//! `x-amz-target` header. Its own SDK crate would cost minutes of build time for one read.

use aws_sdk_ecs::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_smithy_types::Document;

/// Resolves to one service of one region, whatever the client's own rules say.
#[derive(Debug)]
pub(super) struct JsonService {
    /// Host prefix and signing name are the same for the services in use.
    name: &'static str,
    region: String,
    /// `AWS_ENDPOINT_URL`, or a test's own.
    given: Option<String>,
}

impl JsonService {
    pub(super) fn new(name: &'static str, region: &str, endpoint: Option<&str>) -> Self {
        Self { name, region: region.to_owned(), given: endpoint.map(str::to_owned) }
    }

    fn url(&self) -> String {
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        self.given.clone().unwrap_or_else(|| format!("https://{}.{}.{suffix}", self.name, self.region))
    }
}

impl ResolveEndpoint for JsonService {
    fn resolve_endpoint<'a>(&'a self, _params: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.endpoint()))
    }
}

/// The same for services that speak the query protocol, through the STS client.
impl aws_sdk_sts::config::endpoint::ResolveEndpoint for JsonService {
    fn resolve_endpoint<'a>(
        &'a self,
        _params: &'a aws_sdk_sts::config::endpoint::Params,
    ) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.endpoint()))
    }
}

impl JsonService {
    fn endpoint(&self) -> Endpoint {
        let scheme = [("name", "sigv4"), ("signingName", self.name), ("signingRegion", &self.region)]
            .map(|(key, value)| (key.to_owned(), Document::from(value.to_owned())));
        let scheme = Document::Object(scheme.into_iter().collect());
        Endpoint::builder().url(self.url()).property("authSchemes", Document::Array(vec![scheme])).build()
    }
}
