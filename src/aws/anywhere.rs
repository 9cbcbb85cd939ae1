//! Calls of services that have no client of their own here, in any region.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::budget::Category;
use super::call::{Call, Line};
use super::direct::{Direct, Place, Question};
use super::{Error, ErrorKind, xml};
use crate::model::Json;

/// Asks whatever service of whatever region, through the ECS client.
#[derive(Clone, Debug)]
pub(super) struct Anywhere {
    ecs: aws_sdk_ecs::Client,
    clients: Arc<Mutex<BTreeMap<Place, aws_sdk_ecs::Client>>>,
    line: Arc<Line>,
    pub(super) region: String,
    /// `AWS_ENDPOINT_URL`, or a test's own.
    pub(super) endpoint: Option<String>,
}

/// Most parameters per DescribeParameters, with their names as a filter.
pub const DESCRIBED_PARAMETERS_MAX: usize = 50;
/// An account with more pages of anything is past every quota.
pub(super) const PAGES_MAX: usize = 20;

impl Anywhere {
    pub(super) fn new(
        ecs: aws_sdk_ecs::Client,
        line: Arc<Line>,
        region: &str,
        endpoint: Option<&str>,
    ) -> Self {
        let (region, endpoint) = (region.to_owned(), endpoint.map(str::to_owned));
        Self { ecs, clients: Arc::default(), line, region, endpoint }
    }

    /// Calls made so far over this connection.
    pub(super) fn made(&self) -> u64 {
        self.line.calls()
    }

    /// DescribeSecret's answer: no value is in it.
    pub(super) async fn describe_secret(&self, region: &str, id: &str) -> Result<Json, Error> {
        let attempt = format!("look at secret `{id}`");
        let call = Call::new("secretsmanager:DescribeSecret", Category::Secrets, attempt);
        let place = self.secrets_manager(region);
        self.json(&call, place, "secretsmanager.DescribeSecret", json!({"SecretId": id})).await
    }

    /// Metadata of at most [`DESCRIBED_PARAMETERS_MAX`] parameters of Parameter Store, those that are there; no values.
    pub(super) async fn describe_parameters(
        &self,
        region: &str,
        names: &[String],
    ) -> Result<Vec<Json>, Error> {
        let call = Call::new("ssm:DescribeParameters", Category::Other, "list parameters of Parameter Store");
        let filter = json!([{"Key": "Name", "Option": "Equals", "Values": names}]);
        let mut body = json!({"ParameterFilters": filter, "MaxResults": DESCRIBED_PARAMETERS_MAX});
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let place = Place::regional("ssm", "ssm", region, self.endpoint.as_deref());
            let mut answer = self.json(&call, place, "AmazonSSM.DescribeParameters", body.clone()).await?;
            found.extend(list(&mut answer["Parameters"]));
            // A page may be empty and not the last one.
            match answer["NextToken"].as_str() {
                Some(token) if !token.is_empty() => body["NextToken"] = token.into(),
                Some(_) | None => break,
            }
        }
        Ok(found)
    }

    pub(super) fn place(&self, host: &str, signing_name: &'static str) -> Place {
        Place::regional(host, signing_name, &self.region, self.endpoint.as_deref())
    }

    pub(super) fn secrets_manager(&self, region: &str) -> Place {
        Place::regional("secretsmanager", "secretsmanager", region, self.endpoint.as_deref())
    }

    pub(super) async fn json(
        &self,
        call: &Call,
        place: Place,
        target: &'static str,
        body: Json,
    ) -> Result<Json, Error> {
        let direct = self.ask(call, place, Question::Json(target, body)).await?;
        serde_json::from_slice(&direct.body()).map_err(|_| self.unreadable(call))
    }

    pub(super) async fn xml(
        &self,
        call: &Call,
        place: Place,
        version: &'static str,
        action: &'static str,
        parameters: Vec<(String, String)>,
    ) -> Result<Json, Error> {
        let direct = self.ask(call, place, Question::Query(version, action, parameters)).await?;
        let body = direct.body();
        let answer = std::str::from_utf8(&body).ok().and_then(xml::to_json);
        answer.ok_or_else(|| self.unreadable(call))
    }

    pub(super) async fn ask(&self, call: &Call, place: Place, question: Question) -> Result<Direct, Error> {
        let direct = Direct::new(question);
        self.send(call, place, &direct).await.map(|()| direct)
    }

    pub(super) async fn send(&self, call: &Call, place: Place, direct: &Direct) -> Result<(), Error> {
        let request = self.client(place).list_clusters().customize().interceptor(direct.clone());
        self.line.typed(call, request.send()).await.map(drop)
    }

    /// A client is its endpoint; they are kept, because each has connections and credentials of its own.
    fn client(&self, place: Place) -> aws_sdk_ecs::Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let settings = self.ecs.config().to_builder().endpoint_resolver(place.clone());
            aws_sdk_ecs::Client::from_conf(settings.build())
        };
        clients.entry(place.clone()).or_insert_with(made).clone()
    }

    pub(super) fn unreadable(&self, call: &Call) -> Error {
        Error {
            operation: call.operation,
            kind: ErrorKind::Server,
            code: None,
            message: "an answer that can't be read".to_owned(),
            request_id: None,
            region: self.region.as_str().into(),
            attempt: call.attempt.as_str().into(),
        }
    }
}

pub(super) fn list(value: &mut Json) -> Vec<Json> {
    match value.take() {
        Json::Array(items) => items,
        _ => Vec::new(),
    }
}
