//! The calls of people's verbs. This list of methods is what `deploy/iam/operate.json` allows.

use std::sync::Arc;

use serde_json::json;

use super::budget::Category;
use super::call::{Call, Line};
use super::connect::Clients;
use super::exchange::Exchange;
use super::{Answer, Error};
use crate::model::Json;

/// May write what a person asks of the operator onto a service. It changes nothing that runs, and needs no
/// permit: the operator decides when a request is heeded.
#[derive(Clone, Debug)]
pub struct Requester {
    clients: Clients,
    line: Arc<Line>,
}

const ACTIONS: [&str; 2] = ["ecs:TagResource", "ecs:UntagResource"];

impl Requester {
    /// IAM actions of these methods, sorted.
    pub const ACTIONS: [&str; 2] = ACTIONS;

    pub(super) fn new(clients: Clients, line: Arc<Line>) -> Self {
        Self { clients, line }
    }

    /// Puts a request onto a service.
    pub async fn tag_service(&self, arn: &str, key: &str, value: &str) -> Result<Answer, Error> {
        let call = Call::new("ecs:TagResource", Category::TagModify, format!("tag `{arn}`"));
        let body = json!({"resourceArn": arn, "tags": [{"key": key, "value": value}]});
        let exchange = Exchange::new(&body);
        let request = self.clients.ecs.tag_resource().customize().interceptor(exchange.clone());
        self.line.exchange(&call, exchange, request.send()).await
    }

    /// Takes a request off a service.
    pub async fn untag_service(&self, arn: &str, key: &str) -> Result<Answer, Error> {
        let call = Call::new("ecs:UntagResource", Category::TagModify, format!("untag `{arn}`"));
        let body: Json = json!({"resourceArn": arn, "tagKeys": [key]});
        let exchange = Exchange::new(&body);
        let request = self.clients.ecs.untag_resource().customize().interceptor(exchange.clone());
        self.line.exchange(&call, exchange, request.send()).await
    }
}
