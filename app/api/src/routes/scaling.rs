//! The administrator's override of the worker's scaling: begun, looked at, ended.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::{Extension, Json};
use jobs::timestamp::Timestamp;
use serde::Serialize;
use tracing::{error, warn};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admin::Admission;
use crate::body::JsonBody;
use crate::document::refusals;
use crate::problem::{Code, Problem};
use crate::requests::RequestId;
use crate::scaling::change::{Asked, Begun, Failure, Look, Scaling};
use crate::scaling::{Bounds, Override, ScalingRequest};
use crate::state::Api;

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);

pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(update_scaling, end_override, read_override))
}

/// Proof that the request is the administrator's; a handler that takes it can't run without.
struct Administrator {
    scaling: Arc<Scaling>,
}

impl FromRequestParts<Api> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Administrator, Problem> {
        let Some(token) = &api.admin.token else {
            return Err(Problem::new(
                Code::NotConfigured,
                "there is no administrator: ADMIN_TOKEN is not set",
            ));
        };
        match token.admission(&parts.headers) {
            Admission::Granted => {}
            Admission::Missing => {
                let detail = "this is the administrator's: send `authorization: Bearer <token>`";
                return Err(Problem::new(Code::Unauthorized, detail));
            }
            Admission::Wrong => {
                warn!("a request came with a wrong administrator token");
                return Err(Problem::new(Code::Forbidden, "this is not the administrator's token"));
            }
        }
        let scaling = api.admin.scaling.clone().ok_or_else(|| {
            let detail = "no service can be scaled: SCALING_CLUSTER and SCALING_SERVICE are not set";
            Problem::new(Code::NotConfigured, detail)
        })?;
        Ok(Administrator { scaling })
    }
}

#[derive(Serialize, ToSchema)]
struct Overridden {
    #[serde(flatten)]
    bounds: Bounds,
    /// When the operator puts Git's bounds back.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// The bounds until now.
    previous: Bounds,
}

#[derive(Serialize, ToSchema)]
struct Ended {
    #[serde(flatten)]
    bounds: Bounds,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct ScalingNow {
    /// The bounds of the scalable target; null if the service does not scale.
    target: Option<Bounds>,
    /// The override in the service's tag, also one that has ended and that the operator has not removed yet.
    #[serde(rename = "override")]
    current: Option<Current>,
    /// What was asked for lately, newest first.
    records: Vec<Record>,
}

#[derive(Serialize, ToSchema)]
struct Current {
    #[serde(flatten)]
    bounds: Bounds,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Whether its time is over.
    ended: bool,
}

#[derive(Serialize, ToSchema)]
struct Record {
    #[serde(flatten)]
    bounds: Bounds,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    reason: String,
    requested_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `applied`, `ended` or `failed: ` and why; `requested` if nobody knows.
    outcome: String,
}

refusals!(
    UpdateRefusals: InvalidJson, InvalidBody, InvalidScaling, UnsupportedMediaType, BodyTooLarge, BodyStalled,
    BodyInterrupted, Unauthorized, Forbidden, NotConfigured, NotScaled, ChangeUnderWay, AwsRefused, Unavailable
);
refusals!(
    EndRefusals: Unauthorized, Forbidden, NotConfigured, NotScaled, NoOverride, ChangeUnderWay, AwsRefused,
    Unavailable
);
refusals!(LookRefusals: Unauthorized, Forbidden, NotConfigured, AwsRefused, Unavailable);

/// Lets the worker scale between other bounds for a while; then Git's are back.
#[utoipa::path(post, path = "/update-scaling", tag = "administration", security(("administrator" = [])),
    request_body = ScalingRequest,
    responses((status = 200, description = "in force", body = Overridden), UpdateRefusals)
)]
async fn update_scaling(
    administrator: Administrator,
    Extension(request): Extension<RequestId>,
    JsonBody(body): JsonBody<ScalingRequest>,
) -> Result<Json<Overridden>, Problem> {
    let now = Timestamp::now();
    let scaling = administrator.scaling;
    let wanted = body
        .checked(scaling.maximum_allowed, now)
        .map_err(|detail| Problem::new(Code::InvalidScaling, detail))?;
    let asked = Asked { by: name(&request), reason: body.reason.unwrap_or_default(), at: now };
    let Begun { begun: Override { bounds, until }, previous } = scaling.begin(wanted, asked).await?;
    Ok(Json(Overridden { bounds, until, previous }))
}

/// Ends the override now: the operator puts Git's bounds back.
#[utoipa::path(delete, path = "/update-scaling", tag = "administration", security(("administrator" = [])),
    responses((status = 200, description = "it has ended", body = Ended), EndRefusals)
)]
async fn end_override(
    administrator: Administrator,
    Extension(request): Extension<RequestId>,
) -> Result<Json<Ended>, Problem> {
    let asked = Asked { by: name(&request), reason: "ended early".to_owned(), at: Timestamp::now() };
    let Override { bounds, until } = administrator.scaling.end(asked).await?;
    Ok(Json(Ended { bounds, until }))
}

/// How the worker may scale now, and what was asked for lately.
#[utoipa::path(get, path = "/update-scaling", tag = "administration", security(("administrator" = [])),
    responses((status = 200, description = "how it is", body = ScalingNow), LookRefusals)
)]
async fn read_override(administrator: Administrator) -> Result<Json<ScalingNow>, Problem> {
    let Look { live, records } = administrator.scaling.look().await?;
    let now = Timestamp::now();
    let current = live.tag.and_then(|tag| tag.parse().ok());
    Ok(Json(ScalingNow {
        target: live.bounds,
        current: current.map(|Override { bounds, until }| Current { bounds, until, ended: until <= now }),
        records: records
            .into_iter()
            .map(|record| Record {
                bounds: Bounds { minimum: record.minimum, maximum: record.maximum },
                until: record.until,
                reason: record.reason,
                requested_by: record.requested_by,
                created_at: record.created_at,
                outcome: record.outcome.unwrap_or_else(|| "requested".to_owned()),
            })
            .collect(),
    }))
}

/// The token is one for all administrators; the request's name finds the rest in the log.
fn name(request: &RequestId) -> String {
    format!("administrator, request {}", request.0)
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        let detail = failure.to_string();
        match failure {
            Failure::UnderWay => Problem::new(Code::ChangeUnderWay, detail).retry_after(TRY_AGAIN_AFTER),
            Failure::NotScaled => Problem::new(Code::NotScaled, detail),
            Failure::NoOverride => Problem::new(Code::NoOverride, detail),
            Failure::Store(cause) => Problem::from(cause),
            Failure::Unchanged(cause)
            | Failure::TakenBack(cause)
            | Failure::LeftBehind { cause, .. }
            | Failure::Superseded(cause)
            | Failure::Unknown(cause) => {
                warn!(error = detail, "the worker's scaling was not changed as asked");
                match cause.is_passing() {
                    true => Problem::new(Code::Unavailable, detail).retry_after(TRY_AGAIN_AFTER),
                    false => Problem::new(Code::AwsRefused, detail),
                }
            }
            Failure::Defect => {
                error!("a change of the worker's scaling panicked");
                Problem::new(Code::Internal, detail)
            }
        }
    }
}
