//! Where AWS is, who we are to it, and how long we wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::config::retry::RetryPartition;
use aws_smithy_http_client::tls;

use super::anywhere::Anywhere;
use super::call::Line;
use super::json_service::JsonService;
use super::{
    Budget, Credentials, Error, ErrorKind, Inspector, OnCall, Reader, Requester, SharedHttpClient,
    TableReader, TableWriter, Writer,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Over all attempts of a read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const READ_ATTEMPTS_MAX: u32 = 3;

/// How AWS is reached. Everything that is not given follows AWS's own default chain.
#[derive(Clone, Default)]
pub struct Settings {
    pub region: String,
    /// For all services; `AWS_ENDPOINT_URL` otherwise.
    pub endpoint: Option<String>,
    /// Replaces the network: tests mount the simulator here.
    pub http_client: Option<SharedHttpClient>,
    /// Replaces the chain of environment, profile, container and instance.
    pub credentials: Option<Credentials>,
    pub budget: Budget,
    pub on_call: Option<OnCall>,
}

impl Settings {
    pub fn new(region: impl Into<String>) -> Self {
        Self { region: region.into(), ..Self::default() }
    }

    /// Credentials that only a simulator takes.
    #[must_use]
    pub fn with_test_credentials(mut self) -> Self {
        self.credentials = Some(Credentials::new("test", "test", None, None, "test"));
        self
    }
}

/// One connection to AWS: clients of all services that are in use, one budget, one count of calls.
#[derive(Clone, Debug)]
pub struct Aws {
    reader: Reader,
    writer: Writer,
    requester: Requester,
    inspector: Inspector,
    tables: Tables,
    line: Arc<Line>,
}

impl Aws {
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Only `verify` asks for it.
    pub fn inspector(&self) -> Inspector {
        self.inspector.clone()
    }

    /// Only `apply` and `run` ask for it.
    pub fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// A table of the ledger, without the right to write to it.
    pub fn table_reader(&self, table: &str) -> TableReader {
        TableReader::new(self.tables.reads.clone(), self.line.clone(), table)
    }

    /// Only `apply` and `run` ask for it. What it writes is the ledger, and nothing that runs: it takes no
    /// permit, since permits come from there.
    pub fn table_writer(&self, table: &str) -> TableWriter {
        let reader = TableReader::new(self.tables.writes.clone(), self.line.clone(), table);
        TableWriter::new(self.tables.writes.clone(), self.line.clone(), reader)
    }

    /// Only the verbs ask for it by which people decide something.
    pub fn requester(&self) -> Requester {
        self.requester.clone()
    }

    /// Calls made so far, each counted once however often the SDK repeated it.
    pub fn calls(&self) -> u64 {
        self.line.calls()
    }

    pub fn region(&self) -> &str {
        self.line.region()
    }
}

/// DynamoDB, with the retries of a read and with none.
#[derive(Clone, Debug)]
struct Tables {
    reads: aws_sdk_ecs::Client,
    writes: aws_sdk_ecs::Client,
}

/// The clients of one retry policy.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) scaling: aws_sdk_applicationautoscaling::Client,
    pub(super) load_balancing: aws_sdk_elasticloadbalancingv2::Client,
    pub(super) scheduler: aws_sdk_scheduler::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) logs: aws_sdk_ecs::Client,
    pub(super) parameters: aws_sdk_ecs::Client,
    pub(super) cloudformation: aws_sdk_sts::Client,
    pub(super) alarms: aws_sdk_sts::Client,
    pub(super) dynamodb: aws_sdk_ecs::Client,
}

/// Prepares the clients. Nothing is sent; missing credentials show at the first call.
pub async fn connect(settings: Settings) -> Result<Aws, Error> {
    let refused = |message: String| Error {
        operation: "sts:GetCallerIdentity",
        kind: ErrorKind::Rejected,
        code: None,
        message,
        request_id: None,
        region: settings.region.as_str().into(),
        attempt: "connect to AWS".into(),
    };
    if settings.region.is_empty() {
        return Err(refused("no region is given".to_owned()));
    }
    if let Some(endpoint) = &settings.endpoint
        && endpoint.parse::<http::Uri>().map_or(true, |uri| uri.host().is_none())
    {
        return Err(refused(format!("`{endpoint}` is not a URL")));
    }
    let http_client = settings.http_client.clone().unwrap_or_else(https);
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(settings.region.clone()))
        .http_client(http_client);
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(credentials) = settings.credentials.clone() {
        loader = loader.credentials_provider(credentials);
    }
    let shared = loader.load().await;

    let line = Arc::new(Line::new(&settings.region, settings.budget, settings.on_call));
    let timeouts = |operation| {
        planted!("no-time-out" => return TimeoutConfig::disabled());
        TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(operation)
            .build()
    };
    let reads = shared
        .to_builder()
        .retry_config(RetryConfig::standard().with_max_attempts(READ_ATTEMPTS_MAX))
        .timeout_config(timeouts(READ_TIMEOUT))
        .build();
    // RegisterTaskDefinition and UpdateService know no client token: a call that the SDK repeats
    // after a time-out can take effect twice.
    let writes = shared
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(ATTEMPT_TIMEOUT))
        .build();
    let writes = if planted!("sdk-repeats-writes") { reads.clone() } else { writes };
    let (reads, writes) = (clients(&reads), clients(&writes));
    let tables = Tables { reads: reads.dynamodb.clone(), writes: writes.dynamodb.clone() };
    let endpoint = shared.endpoint_url();
    let anywhere = Anywhere::new(reads.ecs.clone(), line.clone(), &settings.region, endpoint);
    Ok(Aws {
        inspector: Inspector::new(anywhere.clone()),
        reader: Reader::new(reads, line.clone(), anywhere, endpoint),
        requester: Requester::new(writes.clone(), line.clone()),
        writer: Writer::new(writes, line.clone()),
        tables,
        line,
    })
}

/// The SDK's own HTTP client with the system's trust store.
fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https()
}

fn clients(config: &SdkConfig) -> Clients {
    // The SDK keeps one retry allowance per service and region for the whole process; a connection
    // of its own name does not suffer from the failures of another one.
    static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    let name = format!("reconciler-{}", CONNECTIONS.fetch_add(1, Ordering::Relaxed));
    let partition = RetryPartition::custom(name).build();
    let ecs = aws_sdk_ecs::config::Builder::from(config).retry_partition(partition.clone());
    let region = config.region().map(Region::as_ref).unwrap_or_default();
    let other = |name| JsonService::new(name, region, config.endpoint_url());
    let logs = ecs.clone().endpoint_resolver(other("logs"));
    let parameters = ecs.clone().endpoint_resolver(other("ssm"));
    let dynamodb = ecs.clone().endpoint_resolver(other("dynamodb"));
    let sts = aws_sdk_sts::config::Builder::from(config).retry_partition(partition.clone());
    let cloudformation = sts.clone().endpoint_resolver(other("cloudformation"));
    let alarms = sts.clone().endpoint_resolver(other("monitoring"));
    Clients {
        ecs: aws_sdk_ecs::Client::from_conf(ecs.build()),
        logs: aws_sdk_ecs::Client::from_conf(logs.build()),
        parameters: aws_sdk_ecs::Client::from_conf(parameters.build()),
        cloudformation: aws_sdk_sts::Client::from_conf(cloudformation.build()),
        alarms: aws_sdk_sts::Client::from_conf(alarms.build()),
        dynamodb: aws_sdk_ecs::Client::from_conf(dynamodb.build()),
        scaling: aws_sdk_applicationautoscaling::Client::from_conf(
            aws_sdk_applicationautoscaling::config::Builder::from(config)
                .retry_partition(partition.clone())
                .build(),
        ),
        load_balancing: aws_sdk_elasticloadbalancingv2::Client::from_conf(
            aws_sdk_elasticloadbalancingv2::config::Builder::from(config)
                .retry_partition(partition.clone())
                .build(),
        ),
        scheduler: aws_sdk_scheduler::Client::from_conf(
            aws_sdk_scheduler::config::Builder::from(config).retry_partition(partition.clone()).build(),
        ),
        sts: aws_sdk_sts::Client::from_conf(sts.build()),
    }
}
