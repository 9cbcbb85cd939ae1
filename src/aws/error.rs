//! What went wrong with a call, as far as the caller has a choice to make.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A failed call of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// As IAM writes it: `ecs:DescribeServices`.
    pub operation: &'static str,
    pub kind: ErrorKind,
    /// AWS's code, such as `InvalidParameterException`.
    pub code: Option<Box<str>>,
    /// AWS's own words, or the transport's.
    pub message: String,
    pub request_id: Option<String>,
    pub region: Arc<str>,
    /// What was being done: `` read cluster `jobs` ``.
    pub attempt: Box<str>,
}

/// What a failed call means for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// AWS's token bucket is empty.
    Throttled,
    /// Sent, or perhaps sent, and no answer came: a time-out, or a connection that broke.
    Unanswered,
    /// Never sent: connection refused, no route, unknown host.
    Unreachable,
    /// No credentials, or credentials that AWS does not take.
    Credentials,
    AccessDenied,
    NotFound,
    /// The input itself is refused; sent again, it will be refused again.
    Rejected,
    /// The input is fine, but something else is going on at the moment.
    Conflict,
    /// AWS's own fault, or an answer that can't be read.
    Server,
}

impl ErrorKind {
    /// Whether the same call may succeed later without any change of ours.
    pub fn is_retryable(self) -> bool {
        match self {
            ErrorKind::Throttled
            | ErrorKind::Unanswered
            | ErrorKind::Unreachable
            | ErrorKind::Credentials
            | ErrorKind::Conflict
            | ErrorKind::Server => true,
            ErrorKind::AccessDenied | ErrorKind::NotFound | ErrorKind::Rejected => false,
        }
    }

    /// Whether a mutating call may have been applied all the same.
    pub fn is_ambiguous(self) -> bool {
        matches!(self, ErrorKind::Unanswered | ErrorKind::Server)
    }
}

impl Error {
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    pub fn is_ambiguous(&self) -> bool {
        self.kind.is_ambiguous()
    }

    /// Whether the input was refused for what it names and is not there, or not ready: a target group, a
    /// role, a subnet. Whoever mends that need not change Git.
    pub fn lies_outside(&self) -> bool {
        self.kind == ErrorKind::Rejected && OUTSIDE.iter().any(|words| self.message.contains(words))
    }
}

/// Words of refusals, all of them under the code of a bad parameter.
const OUTSIDE: [&str; 8] = [
    "does not exist",
    "do not exist",
    "not found",
    "could not be found",
    "cannot be found",
    "Unable to find",
    "is not valid. Ensure that the role",
    "Role is not valid",
];

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't {} in {}: ", self.attempt, self.region)?;
        let operation = self.operation;
        let said = self.message.trim_end_matches('.');
        match self.kind {
            ErrorKind::Throttled => write!(f, "{operation} is throttled"),
            ErrorKind::Unanswered => write!(f, "no answer to {operation}: {said}"),
            ErrorKind::Unreachable => write!(f, "no connection for {operation}: {said}"),
            ErrorKind::Credentials => write!(f, "no usable credentials for {operation}: {said}"),
            ErrorKind::AccessDenied if said.is_empty() => write!(f, "access denied for {operation}"),
            ErrorKind::AccessDenied => write!(f, "access denied for {operation}: {said}"),
            ErrorKind::NotFound | ErrorKind::Rejected | ErrorKind::Conflict | ErrorKind::Server => {
                write!(f, "{operation} answered {}", self.code.as_deref().unwrap_or("with an error"))?;
                if said.is_empty() { Ok(()) } else { write!(f, ": {said}") }
            }
        }
    }
}

impl StdError for Error {}

/// The part of an [`Error`] that the SDK's error tells.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) code: Option<Box<str>>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

pub(super) fn classify<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let request_id = error
        .raw_response()
        .and_then(|response| response.headers().get("x-amzn-requestid"))
        .map(str::to_owned);
    let (kind, code, message) = match error {
        SdkError::ServiceError(answered) => {
            let status = answered.raw().status().as_u16();
            let code = answered.err().code();
            let message = answered.err().message().unwrap_or_default();
            (of_answer(operation, status, code, message), code.map(Box::from), message.to_owned())
        }
        SdkError::TimeoutError(_) => (ErrorKind::Unanswered, None, "time-out".to_owned()),
        SdkError::DispatchFailure(failure) => {
            let source = failure.as_connector_error().map(|error| error as &(dyn StdError + 'static));
            let kind = source.map_or(ErrorKind::Unreachable, of_dispatch);
            let nothing_found = source.is_some_and(|error| sources(error).any(no_provider_has_any));
            let message = match nothing_found {
                true => "none are in the environment, a profile, the container or the instance".to_owned(),
                false => source.map(last_words).unwrap_or_default(),
            };
            (kind, None, message)
        }
        SdkError::ResponseError(answered) => {
            let message = match answered.raw().status().as_u16() {
                200..=299 => "an answer that can't be read".to_owned(),
                status => format!("HTTP status {status}"),
            };
            (ErrorKind::Server, None, message)
        }
        other => (ErrorKind::Rejected, None, last_words(other)),
    };
    Failure { kind, code, message, request_id }
}

/// Judges AWS's answer by its code, and where ECS uses one code for everything, by its words.
fn of_answer(operation: &str, status: u16, code: Option<&str>, message: &str) -> ErrorKind {
    let code = code.unwrap_or_default();
    match code {
        "ThrottlingException" if planted!("throttling-is-final") => ErrorKind::Rejected,
        // ECS does not model ThrottlingException; it arrives as an unhandled error with status 400.
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "ProvisionedThroughputExceededException"
        | "SlowDown" => ErrorKind::Throttled,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired" => ErrorKind::Credentials,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "OptInRequired" => ErrorKind::AccessDenied,
        "ConflictException"
        | "ConcurrentUpdateException"
        | "ResourceInUseException"
        | "TransactionConflictException"
        | "TransactionInProgressException"
        | "UpdateInProgressException"
        | "ServiceNotActiveException" => ErrorKind::Conflict,
        // DescribeTaskDefinition says "Unable to describe task definition." of one that is not there.
        "ClientException" if operation == "ecs:DescribeTaskDefinition" => ErrorKind::NotFound,
        code if code.ends_with("NotFoundException") || code.ends_with("NotFound") => ErrorKind::NotFound,
        _ if status >= 500 => ErrorKind::Server,
        _ if message.starts_with("Rate exceeded") => ErrorKind::Throttled,
        _ if planted!("register-race-is-final") && message.contains(PASSING[0]) => ErrorKind::Rejected,
        _ if PASSING.iter().any(|words| message.contains(words)) => ErrorKind::Conflict,
        _ => ErrorKind::Rejected,
    }
}

/// Words of answers with status 400 that pass by themselves: a name not free yet, or something
/// just created that another part of AWS does not see yet.
const PASSING: [&str; 12] = [
    "oo many concurrent attempts",
    "still Draining",
    "Creation of service was not idempotent",
    "cannot be stopped while deployments are active",
    "ECS service doesn't exist",
    "Unable to assume IAM role",
    "Unable to assume the service linked role",
    // Of a schedule's role. As with ECS's, who mends it changes a role and not Git.
    "must allow AWS EventBridge Scheduler to assume the role",
    "does not have an associated load balancer",
    "verify that the ECS service role being passed has the proper permissions",
    "Service was not ACTIVE",
    // The revision was deregistered under us: the next look finds or registers another one.
    "TaskDefinition is inactive",
];

/// Tells a request that was never sent from one that was sent into silence.
fn of_dispatch(error: &(dyn StdError + 'static)) -> ErrorKind {
    for source in sources(error) {
        if source.is::<CredentialsError>() {
            return ErrorKind::Credentials;
        }
        if let Some(io) = source.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::ConnectionRefused
                | std::io::ErrorKind::HostUnreachable
                | std::io::ErrorKind::NetworkUnreachable
                | std::io::ErrorKind::AddrNotAvailable => return ErrorKind::Unreachable,
                _ => (),
            }
        }
        let text = source.to_string();
        // The HTTP client's own words for a failure before any byte was sent.
        if text.contains("dns error") || text.contains("failed to lookup") || text.contains("HTTP connect") {
            return ErrorKind::Unreachable;
        }
    }
    ErrorKind::Unanswered
}

/// The chain's own message is a list of everything it tried, over many lines.
fn no_provider_has_any(error: &(dyn StdError + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(CredentialsError::CredentialsNotLoaded(_)))
}

/// The innermost cause: what really happened, without the layers that passed it on.
fn last_words(error: &(dyn StdError + 'static)) -> String {
    let Some(innermost) = sources(error).last() else { return String::new() };
    match innermost.downcast_ref::<std::io::Error>() {
        // `connection refused`, without the number that only this operating system gives it.
        Some(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => io.kind().to_string(),
        Some(_) | None => innermost.to_string(),
    }
}

fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> + 'a {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        error.source()
    })
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    #[test]
    fn answers_are_told_apart_by_code_and_where_that_says_nothing_by_words() {
        use ErrorKind::*;
        let table = [
            ("ecs:DescribeServices", 400, "ThrottlingException", "Rate exceeded", Throttled),
            ("ecs:DescribeServices", 400, "ClientException", "Rate exceeded", Throttled),
            ("ecs:DescribeServices", 400, "ClusterNotFoundException", "Cluster not found.", NotFound),
            ("ecs:UpdateService", 400, "ServiceNotFoundException", "Service not found.", NotFound),
            ("ecs:UpdateService", 400, "ServiceNotActiveException", "Service was not ACTIVE.", Conflict),
            (
                "ecs:DescribeTaskDefinition",
                400,
                "ClientException",
                "Unable to describe task definition.",
                NotFound,
            ),
            ("ecs:RegisterTaskDefinition", 400, "ClientException", "Family should not be null.", Rejected),
            (
                "ecs:RegisterTaskDefinition",
                400,
                "ClientException",
                "Too many concurrent attempts to create a new revision of the specified family.",
                Conflict,
            ),
            // A quota of objects, not of calls: waiting does not help.
            ("ecs:RegisterTaskDefinition", 400, "LimitExceededException", "Too many revisions", Rejected),
            (
                "ecs:CreateService",
                400,
                "InvalidParameterException",
                "Creation of service was not idempotent.",
                Conflict,
            ),
            (
                "ecs:CreateService",
                400,
                "InvalidParameterException",
                "Unable to Start a service that is still Draining.",
                Conflict,
            ),
            (
                "ecs:CreateService",
                400,
                "InvalidParameterException",
                "Network Configuration must be provided",
                Rejected,
            ),
            ("ecs:UpdateService", 500, "ServerException", "Service Unavailable.", Server),
            ("ecs:UpdateService", 503, "", "", Server),
            ("ecs:UpdateService", 400, "AccessDeniedException", "not authorized", AccessDenied),
            ("ecs:UpdateService", 403, "ExpiredTokenException", "expired", Credentials),
            ("ecs:StopServiceDeployment", 400, "ConflictException", "", Conflict),
            ("ecs:StopServiceDeployment", 400, "ServiceDeploymentNotFoundException", "", NotFound),
            ("application-autoscaling:PutScalingPolicy", 400, "ConcurrentUpdateException", "", Conflict),
            ("application-autoscaling:PutScalingPolicy", 400, "ObjectNotFoundException", "", NotFound),
            (
                "application-autoscaling:RegisterScalableTarget",
                400,
                "ValidationException",
                "ECS service doesn't exist: service/jobs/api",
                Conflict,
            ),
            ("scheduler:GetSchedule", 404, "ResourceNotFoundException", "no such schedule", NotFound),
            ("scheduler:CreateSchedule", 409, "ConflictException", "Schedule a already exists.", Conflict),
            ("scheduler:CreateSchedule", 402, "ServiceQuotaExceededException", "too many", Rejected),
            ("scheduler:UpdateSchedule", 429, "ThrottlingException", "Rate exceeded", Throttled),
            ("scheduler:UpdateSchedule", 500, "InternalServerException", "", Server),
            ("scheduler:CreateSchedule", 400, "ValidationException", "Invalid Schedule Expression", Rejected),
            (
                "scheduler:CreateSchedule",
                400,
                "ValidationException",
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
                Conflict,
            ),
            ("elasticloadbalancing:DescribeTargetHealth", 400, "TargetGroupNotFound", "", NotFound),
        ];
        for (operation, status, code, message, expected) in table {
            assert_eq!(
                of_answer(operation, status, Some(code), message),
                expected,
                "{operation} {code} {message}"
            );
        }
    }

    #[test]
    fn missing_credentials_are_told_in_one_line() {
        let source = CredentialsError::not_loaded("no credentials found in chain. Attempted:\n  Environment");
        let error: SdkError<
            aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError,
            HttpResponse,
        > = SdkError::dispatch_failure(ConnectorError::other(Box::new(source), None));
        let failure = classify("sts:GetCallerIdentity", &error);
        assert_eq!(failure.kind, ErrorKind::Credentials);
        assert!(failure.message.starts_with("none are in the environment"), "{}", failure.message);
    }

    #[test]
    fn only_a_call_that_may_have_been_applied_is_ambiguous() {
        use ErrorKind::*;
        for kind in [Throttled, Unreachable, Credentials, AccessDenied, NotFound, Rejected, Conflict] {
            assert!(!kind.is_ambiguous(), "{kind:?}");
        }
        assert!(Unanswered.is_ambiguous() && Server.is_ambiguous());
    }

    #[test]
    fn an_error_reads_as_one_sentence() {
        let mut error = Error {
            operation: "ecs:DescribeServices",
            kind: ErrorKind::AccessDenied,
            code: Some("AccessDeniedException".into()),
            message: String::new(),
            request_id: None,
            region: "eu-west-1".into(),
            attempt: "read cluster `jobs`".into(),
        };
        assert_eq!(
            error.to_string(),
            "can't read cluster `jobs` in eu-west-1: access denied for ecs:DescribeServices"
        );
        error.kind = ErrorKind::NotFound;
        error.code = Some("ClusterNotFoundException".into());
        error.message = "Cluster not found.".to_owned();
        assert_eq!(
            error.to_string(),
            "can't read cluster `jobs` in eu-west-1: ecs:DescribeServices answered ClusterNotFoundException: \
             Cluster not found"
        );
    }
}
