//! Services that speak REST: the method and the path say which operation it is, and the input is spread
//! over path, query and a JSON body.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Map, Value};

use super::envelope::{Envelope, Protocol, Service, read_json};
use crate::error::ApiError;

/// One operation of a service. `{Name}` stands for one step of the path, `{Name+}` for all that are left.
struct Route {
    method: Method,
    path: &'static [&'static str],
    service: Service,
    operation: &'static str,
}

const fn scheduler(method: Method, path: &'static [&'static str], operation: &'static str) -> Route {
    Route { method, path, service: Service::Scheduler, operation }
}

static ROUTES: [Route; 12] = [
    scheduler(Method::GET, &["schedules"], "ListSchedules"),
    scheduler(Method::POST, &["schedules", "{Name}"], "CreateSchedule"),
    scheduler(Method::PUT, &["schedules", "{Name}"], "UpdateSchedule"),
    scheduler(Method::GET, &["schedules", "{Name}"], "GetSchedule"),
    scheduler(Method::DELETE, &["schedules", "{Name}"], "DeleteSchedule"),
    scheduler(Method::GET, &["schedule-groups"], "ListScheduleGroups"),
    scheduler(Method::POST, &["schedule-groups", "{Name}"], "CreateScheduleGroup"),
    scheduler(Method::GET, &["schedule-groups", "{Name}"], "GetScheduleGroup"),
    scheduler(Method::DELETE, &["schedule-groups", "{Name}"], "DeleteScheduleGroup"),
    scheduler(Method::GET, &["tags", "{ResourceArn+}"], "ListTagsForResource"),
    scheduler(Method::POST, &["tags", "{ResourceArn+}"], "TagResource"),
    scheduler(Method::DELETE, &["tags", "{ResourceArn+}"], "UntagResource"),
];

/// Members that go by another name in a query than in a body.
const RENAMED: [(&str, &str); 3] =
    [("clientToken", "ClientToken"), ("groupName", "GroupName"), ("ScheduleGroup", "GroupName")];
/// Members of a query that are lists, also with one element.
const LISTS: [&str; 1] = ["TagKeys"];

/// `None`: the path is nobody's, or an awsJson client uses it as its endpoint.
pub(super) fn open(request: &Request<Bytes>) -> Option<Result<Envelope, ApiError>> {
    if request.headers().contains_key("x-amz-target") {
        return None;
    }
    let steps: Vec<String> = request.uri().path().trim_matches('/').split('/').map(percent_decoded).collect();
    let (route, labels) = ROUTES.iter().find_map(|route| {
        let labels = (route.method == *request.method()).then(|| matched(route.path, &steps)).flatten()?;
        Some((route, labels))
    })?;
    Some(input(request, labels).map(|input| Envelope {
        service: route.service,
        operation: route.operation.to_owned(),
        protocol: Protocol::RestJson,
        input,
    }))
}

/// The labels of a path that fits.
fn matched(path: &[&'static str], steps: &[String]) -> Option<Vec<(&'static str, String)>> {
    let mut labels = Vec::new();
    for (place, pattern) in path.iter().enumerate() {
        let step = steps.get(place)?;
        match pattern.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
            None if step == pattern => {}
            None => return None,
            Some(label) => match label.strip_suffix('+') {
                Some(label) => {
                    labels.push((label, steps[place..].join("/")));
                    return Some(labels);
                }
                None => labels.push((label, step.clone())),
            },
        }
    }
    (path.len() == steps.len()).then_some(labels)
}

fn input(request: &Request<Bytes>, labels: Vec<(&'static str, String)>) -> Result<Value, ApiError> {
    let mut input = match read_json(request.body())? {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        let renamed = RENAMED.iter().find(|(from, _)| *from == name).map(|(_, to)| *to);
        let name = renamed.map_or_else(|| name.into_owned(), str::to_owned);
        let value = Value::from(value.into_owned());
        if LISTS.contains(&name.as_str()) {
            let list = input.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().into_iter().for_each(|list| list.push(value.clone()));
        } else {
            input.insert(name, value);
        }
    }
    input.extend(labels.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    Ok(Value::Object(input))
}

/// `+` means itself in a path, unlike in a query.
fn percent_decoded(step: &str) -> String {
    let pair = format!("={}", step.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn opened(method: Method, uri: &str, body: &'static str) -> Option<Envelope> {
        let request = Request::builder().method(method).uri(uri).body(Bytes::from(body)).unwrap();
        open(&request).map(|envelope| envelope.unwrap())
    }

    #[test]
    fn path_query_and_body_make_one_input() {
        let created = opened(Method::POST, "/schedules/nightly", r#"{"State":"ENABLED"}"#).unwrap();
        assert_eq!(created.operation, "CreateSchedule");
        assert_eq!(created.input, json!({"Name": "nightly", "State": "ENABLED"}));
        let read = opened(Method::GET, "/schedules/nightly?groupName=jobs", "").unwrap();
        assert_eq!((read.operation.as_str(), &read.input["GroupName"]), ("GetSchedule", &json!("jobs")));
        let listed = opened(Method::GET, "/schedules?ScheduleGroup=jobs&MaxResults=5", "").unwrap();
        assert_eq!(listed.input, json!({"GroupName": "jobs", "MaxResults": "5"}));
    }

    #[test]
    fn an_arn_in_a_path_is_whole_however_it_is_encoded() {
        let arn = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/jobs";
        for path in [arn.to_owned(), arn.replace(':', "%3A").replace('/', "%2F")] {
            let tags = opened(Method::DELETE, &format!("/tags/{path}?TagKeys=a&TagKeys=b%20c"), "").unwrap();
            assert_eq!(tags.input, json!({"ResourceArn": arn, "TagKeys": ["a", "b c"]}));
        }
    }

    #[test]
    fn other_paths_and_methods_are_nobodys() {
        assert!(opened(Method::GET, "/", "").is_none());
        assert!(opened(Method::PUT, "/schedule-groups/jobs", "").is_none());
        assert!(opened(Method::POST, "/123456789012/jobs", "").is_none());
        assert!(opened(Method::GET, "/schedules/a/b", "").is_none());
    }
}
