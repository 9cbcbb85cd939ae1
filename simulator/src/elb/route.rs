//! Which action a request gets: conditions, actions and weights of rules.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::input::{list, number, text, texts};

use super::{Elb, invalid, required};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// To a target of the target group with this ARN.
    Forward(String),
    Fixed {
        status: u16,
        content_type: String,
        body: String,
    },
    /// The listener does not exist, or all weights of its action are zero.
    Nowhere,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Forward(Vec<Weighted>),
    Fixed { status: u16, content_type: String, body: String },
}

#[derive(Clone, Debug)]
pub(super) struct Weighted {
    pub group: String,
    weight: i64,
    /// How much this group is owed; keeps every stretch of requests close to the weights.
    credit: i64,
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    Host(Vec<String>),
    Path(Vec<String>),
}

impl Elb {
    /// Decides about one request to a listener.
    pub fn route(&mut self, listener: &str, host: &str, path: &str) -> Route {
        let Some(listener) = self.listeners.get_mut(listener) else {
            return Route::Nowhere;
        };
        // `Host` may carry a port, which conditions do not look at.
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        listener
            .rules
            .iter_mut()
            .find(|rule| rule.conditions.iter().all(|condition| condition.holds(host, path)))
            .map_or(&mut listener.default_action, |rule| &mut rule.action)
            .take()
    }
}

impl Condition {
    fn holds(&self, host: &str, path: &str) -> bool {
        match self {
            Condition::Host(patterns) => {
                let host = host.to_ascii_lowercase();
                patterns.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), &host))
            }
            Condition::Path(patterns) => patterns.iter().any(|pattern| fits(pattern, path)),
        }
    }

    pub(super) fn parse(condition: &Value) -> Result<Self, ApiError> {
        let values = |configuration: &str| -> Vec<String> {
            let nested = condition.get(configuration).unwrap_or(condition);
            let values = texts(nested, "Values");
            values.into_iter().map(str::to_owned).collect()
        };
        let (parsed, values): (fn(Vec<String>) -> Self, _) = match text(condition, "Field") {
            Some("host-header") => (Self::Host, values("HostHeaderConfig")),
            Some("path-pattern") => (Self::Path, values("PathPatternConfig")),
            Some(field) => {
                return Err(invalid(format!(
                    "Condition field '{field}' is not there: only host-header and path-pattern are"
                )));
            }
            None => return Err(invalid("A condition field must be specified")),
        };
        if values.is_empty() {
            return Err(invalid("A condition value must be specified"));
        }
        Ok(parsed(values))
    }

    pub(super) fn describe(&self) -> Value {
        match self {
            Condition::Host(values) => json!({
                "Field": "host-header", "Values": values, "HostHeaderConfig": {"Values": values},
            }),
            Condition::Path(values) => json!({
                "Field": "path-pattern", "Values": values, "PathPatternConfig": {"Values": values},
            }),
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters and `?` for one.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star takes one character more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, taken)) => {
                    p = after_star;
                    t = taken + 1;
                    retry = Some((after_star, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

impl Action {
    pub(super) fn weighted(groups: &[(&str, i64)]) -> Self {
        let weighted = |(group, weight): &(&str, i64)| Weighted {
            group: (*group).to_owned(),
            weight: *weight,
            credit: 0,
        };
        Self::Forward(groups.iter().map(weighted).collect())
    }

    /// The outcome for the next request.
    fn take(&mut self) -> Route {
        match self {
            Action::Fixed { status, content_type, body } => {
                Route::Fixed { status: *status, content_type: content_type.clone(), body: body.clone() }
            }
            Action::Forward(groups) => {
                let total: i64 = groups.iter().map(|group| group.weight).sum();
                for group in groups.iter_mut() {
                    group.credit += group.weight;
                }
                let next =
                    groups.iter_mut().filter(|group| group.weight > 0).max_by_key(|group| group.credit);
                next.map_or(Route::Nowhere, |group| {
                    group.credit -= total;
                    Route::Forward(group.group.clone())
                })
            }
        }
    }

    pub(super) fn forwards_to(&self, arn: &str) -> bool {
        match self {
            Action::Forward(groups) => groups.iter().any(|group| group.group == arn),
            Action::Fixed { .. } => false,
        }
    }

    /// Reads a list of actions, of which application load balancers execute exactly one here:
    /// the others only authenticate.
    pub(super) fn parse(elb: &Elb, actions: &[Value]) -> Result<Self, ApiError> {
        let [action] = actions else {
            return Err(invalid("Exactly one action must be specified"));
        };
        match required(action, "Type")? {
            "forward" => Self::parse_forward(elb, action),
            "fixed-response" => {
                let fixed = action
                    .get("FixedResponseConfig")
                    .ok_or_else(|| invalid("A fixed response must be specified"))?;
                let status = required(fixed, "StatusCode")?
                    .parse()
                    .ok()
                    .filter(|status| (200..600).contains(status) && !(300..400).contains(status))
                    .ok_or_else(|| invalid("The status code must be 2XX, 4XX or 5XX"))?;
                Ok(Self::Fixed {
                    status,
                    content_type: text(fixed, "ContentType").unwrap_or("text/plain").into(),
                    body: text(fixed, "MessageBody").unwrap_or_default().into(),
                })
            }
            other => Err(invalid(format!(
                "Action type '{other}' is not there: only forward and fixed-response are"
            ))),
        }
    }

    fn parse_forward(elb: &Elb, action: &Value) -> Result<Self, ApiError> {
        let mut groups = Vec::new();
        let configured = action.get("ForwardConfig").map_or(&[][..], |forward| list(forward, "TargetGroups"));
        for group in configured {
            let weight = number(group, "Weight").unwrap_or(1);
            if !(0..=999).contains(&weight) {
                return Err(invalid(format!("Weight '{weight}' must be between 0 and 999")));
            }
            groups.push(Weighted { group: required(group, "TargetGroupArn")?.to_owned(), weight, credit: 0 });
        }
        if groups.is_empty() {
            groups.push(Weighted {
                group: required(action, "TargetGroupArn")?.to_owned(),
                weight: 1,
                credit: 0,
            });
        }
        if groups.len() > 5 {
            return Err(ApiError::new(
                "TooManyTargetGroups",
                "An action can forward to at most 5 target groups",
            ));
        }
        match groups.iter().find(|group| !elb.has_target_group(&group.group)) {
            Some(missing) => Err(ApiError::new(
                "TargetGroupNotFound",
                format!("Target groups '{}' not found", missing.group),
            )),
            None => Ok(Self::Forward(groups)),
        }
    }

    pub(super) fn describe(&self) -> Value {
        match self {
            Action::Fixed { status, content_type, body } => json!([{
                "Type": "fixed-response",
                "Order": 1,
                "FixedResponseConfig": {
                    "StatusCode": status.to_string(),
                    "ContentType": content_type,
                    "MessageBody": body,
                },
            }]),
            Action::Forward(groups) => {
                let listed: Vec<Value> = groups
                    .iter()
                    .map(|group| json!({"TargetGroupArn": group.group, "Weight": group.weight}))
                    .collect();
                let mut action = json!({
                    "Type": "forward",
                    "Order": 1,
                    "ForwardConfig": {
                        "TargetGroups": listed,
                        "TargetGroupStickinessConfig": {"Enabled": false},
                    },
                });
                // Shown only where it is unambiguous.
                if let [only] = groups.as_slice() {
                    action["TargetGroupArn"] = json!(only.group);
                }
                json!([action])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_by_star_and_question_mark() {
        let check = |pattern, text, expect| {
            assert_eq!(fits(pattern, text), expect, "{pattern} {text}");
        };
        check("/jobs/*", "/jobs/1/log", true);
        check("/jobs/*", "/jobs", false);
        check("*.example.org", "api.example.org", true);
        check("*.example.org", "example.org", false);
        check("/v?/jobs", "/v1/jobs", true);
        check("/v?/jobs", "/v10/jobs", false);
        check("*/a*b", "/x/aab/ab", true);
        check("", "", true);
        check("*", "", true);
    }
}
