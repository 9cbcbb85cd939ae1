//! CloudWatch Logs, as far as one needs it to read what containers wrote.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::clock::Time;
use crate::error::{Answer, ApiError};
use crate::input::{page, without_nulls};
use crate::runtime::Runtime;
use crate::world::World;

/// Older lines of a stream are dropped.
const LINES_MAX: usize = 10_000;
/// What GetLogEvents answers at most, and if it is not told how much.
const EVENTS_MAX: usize = 10_000;
/// The retention times that there are.
const RETENTION_DAYS: [u64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

#[derive(Default)]
pub struct Logs {
    groups: BTreeMap<String, Group>,
}

#[derive(Default)]
struct Group {
    created_at: Time,
    retention_days: Option<u64>,
    streams: BTreeMap<String, Stream>,
}

impl Group {
    /// Older lines are gone, as far as anybody can see.
    fn oldest_kept(&self, now: Time) -> Time {
        const DAY_MILLISECONDS: u64 = 24 * 60 * 60 * 1_000;
        let kept = self.retention_days.map_or(u64::MAX, |days| days * DAY_MILLISECONDS);
        Time(now.0.saturating_sub(kept))
    }
}

#[derive(Default)]
struct Stream {
    created_at: Time,
    lines: VecDeque<(Time, String)>,
    /// How many lines were dropped: tokens count from the very first line.
    dropped: usize,
}

/// Answers one operation.
pub fn call(world: &mut World, _runtime: &dyn Runtime, operation: &str, input: &Value) -> Answer {
    let (region, account, now) = (world.region.clone(), world.account.clone(), world.now);
    let logs = &mut world.logs;
    match operation {
        "CreateLogGroup" => {
            let name = text(input, "logGroupName")?;
            if logs.groups.contains_key(name) {
                return Err(ApiError::new(
                    "ResourceAlreadyExistsException",
                    "The specified log group already exists",
                ));
            }
            logs.group(name, now);
            Ok(json!({}))
        }
        "DescribeLogGroups" => logs.describe_groups(input, &format!("{region}:{account}")),
        "PutRetentionPolicy" => logs.put_retention(input),
        "DeleteRetentionPolicy" => {
            logs.existing_mut(input)?.retention_days = None;
            Ok(json!({}))
        }
        "DescribeLogStreams" => logs.describe_streams(input),
        "GetLogEvents" => logs.events(input, now),
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not there"))),
    }
}

fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, ApiError> {
    input[name]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::new("InvalidParameterException", format!("{name} is required")))
}

fn millis(time: Time) -> Value {
    json!(time.0)
}

/// The seam to ECS, which sends container output to log groups (`awslogs`).
impl Logs {
    /// Adds a line; makes group and stream if they are not there.
    pub fn put(&mut self, group: &str, stream: &str, at: Time, line: &str) {
        let group = self.group(group, at);
        let oldest = group.oldest_kept(at);
        let stream = group
            .streams
            .entry(stream.to_owned())
            .or_insert_with(|| Stream { created_at: at, ..Stream::default() });
        while stream.lines.len() == LINES_MAX || stream.lines.front().is_some_and(|(at, _)| *at < oldest) {
            stream.lines.pop_front();
            stream.dropped += 1;
        }
        stream.lines.push_back((at, line.to_owned()));
    }

    fn group(&mut self, name: &str, now: Time) -> &mut Group {
        self.groups.entry(name.to_owned()).or_insert_with(|| Group { created_at: now, ..Group::default() })
    }

    fn existing(&self, input: &Value) -> Result<&Group, ApiError> {
        self.groups.get(text(input, "logGroupName")?).ok_or_else(|| {
            ApiError::new("ResourceNotFoundException", "The specified log group does not exist.")
        })
    }

    fn existing_mut(&mut self, input: &Value) -> Result<&mut Group, ApiError> {
        let name = text(input, "logGroupName")?;
        self.existing(input)?;
        Ok(self.groups.entry(name.to_owned()).or_default())
    }

    fn put_retention(&mut self, input: &Value) -> Answer {
        let group = self.existing_mut(input)?;
        let days = input["retentionInDays"].as_u64().filter(|days| RETENTION_DAYS.contains(days));
        group.retention_days = Some(days.ok_or_else(|| {
            ApiError::new(
                "InvalidParameterException",
                format!("retentionInDays must be one of {RETENTION_DAYS:?}."),
            )
        })?);
        Ok(json!({}))
    }

    fn describe_groups(&self, input: &Value, place: &str) -> Answer {
        const GROUPS_MAX: u64 = 50;
        let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
        let groups = self.groups.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, group)| {
            let mut shown = json!({
                "logGroupName": name, "creationTime": millis(group.created_at),
                "arn": format!("arn:aws:logs:{place}:log-group:{name}:*"),
            });
            if let Some(days) = group.retention_days {
                shown["retentionInDays"] = json!(days);
            }
            (name, shown)
        });
        let limit = input["limit"].as_u64().unwrap_or(GROUPS_MAX).clamp(1, GROUPS_MAX);
        let page = page(groups, limit as usize, input["nextToken"].as_str()).ok_or_else(|| {
            ApiError::new("InvalidParameterException", "The specified nextToken is invalid.")
        })?;
        Ok(without_nulls(json!({"logGroups": page.entries, "nextToken": page.next})))
    }

    fn describe_streams(&self, input: &Value) -> Answer {
        const STREAMS_MAX: usize = 50;
        let group = self.existing(input)?;
        let prefix = input["logStreamNamePrefix"].as_str().unwrap_or_default();
        let mut streams: Vec<(&String, &Stream)> =
            group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
        if input["orderBy"] == "LastEventTime" {
            streams.sort_by_key(|(_, stream)| stream.lines.back().map(|(at, _)| *at));
        }
        if input["descending"] == true {
            streams.reverse();
        }
        let start = input["nextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0usize);
        let limit = input["limit"].as_u64().map_or(STREAMS_MAX, |limit| limit as usize);
        let shown: Vec<Value> = streams
            .iter()
            .skip(start)
            .take(limit.min(STREAMS_MAX))
            .map(|(name, stream)| shown_stream(name, stream))
            .collect();
        let mut answer = json!({});
        if start + shown.len() < streams.len() {
            answer["nextToken"] = json!((start + shown.len()).to_string());
        }
        answer["logStreams"] = json!(shown);
        Ok(answer)
    }

    /// Without a token: the newest lines, or the oldest with `startFromHead`. Both tokens come back
    /// unchanged at the ends, which is how clients know that there is no more.
    fn events(&self, input: &Value, now: Time) -> Answer {
        let name = text(input, "logStreamName")?;
        let stream = self.existing(input)?.streams.get(name).ok_or_else(|| {
            ApiError::new("ResourceNotFoundException", "The specified log stream does not exist.")
        })?;
        let oldest = self.existing(input)?.oldest_kept(now);
        let from = input["startTime"].as_u64().unwrap_or(0).max(oldest.0);
        let to = input["endTime"].as_u64().unwrap_or(u64::MAX);
        let limit = input["limit"].as_u64().map_or(EVENTS_MAX, |limit| (limit as usize).clamp(1, EVENTS_MAX));
        let first = stream.dropped;
        let end = first + stream.lines.len();
        let token = input["nextToken"].as_str();
        let position = |prefix: &str| {
            let number: usize = token?.strip_prefix(prefix)?.parse().ok()?;
            Some(number.clamp(first, end))
        };
        let (start, stop) = if let Some(position) = position("f/") {
            (position, (position + limit).min(end))
        } else if let Some(position) = position("b/") {
            (position.saturating_sub(limit).max(first), position)
        } else if input["startFromHead"] == true {
            (first, (first + limit).min(end))
        } else {
            (end.saturating_sub(limit).max(first), end)
        };
        let events: Vec<Value> = stream
            .lines
            .range(start - first..stop - first)
            .filter(|(at, _)| (from..to).contains(&at.0))
            .map(
                |(at, line)| json!({"timestamp": millis(*at), "message": line, "ingestionTime": millis(now)}),
            )
            .collect();
        Ok(json!({
            "events": events,
            "nextForwardToken": format!("f/{stop}"),
            "nextBackwardToken": format!("b/{start}"),
        }))
    }
}

fn shown_stream(name: &str, stream: &Stream) -> Value {
    let mut body = json!({"logStreamName": name, "creationTime": millis(stream.created_at)});
    if let (Some((first, _)), Some((last, _))) = (stream.lines.front(), stream.lines.back()) {
        body["firstEventTimestamp"] = millis(*first);
        body["lastEventTimestamp"] = millis(*last);
    }
    body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn logs() -> Logs {
        let mut logs = Logs::default();
        for n in 0..5 {
            logs.put("/ecs/api", "api/api/1", Time(1000 + n), &format!("line {n}"));
        }
        logs
    }

    fn messages(answer: &Value) -> Vec<&str> {
        let events = answer["events"].as_array().unwrap();
        events.iter().map(|event| event["message"].as_str().unwrap()).collect()
    }

    #[test]
    fn the_newest_lines_come_first_unless_asked_from_the_head() {
        let stream = json!({"logGroupName": "/ecs/api", "logStreamName": "api/api/1", "limit": 2});
        let newest = logs().events(&stream, Time(0)).unwrap();
        assert_eq!(messages(&newest), ["line 3", "line 4"]);
        let mut from_head = stream.clone();
        from_head["startFromHead"] = true.into();
        let oldest = logs().events(&from_head, Time(0)).unwrap();
        assert_eq!(messages(&oldest), ["line 0", "line 1"]);
        from_head["nextToken"] = oldest["nextForwardToken"].clone();
        assert_eq!(messages(&logs().events(&from_head, Time(0)).unwrap()), ["line 2", "line 3"]);
    }

    #[test]
    fn a_token_at_the_end_repeats_itself() {
        let input = json!({"logGroupName": "/ecs/api", "logStreamName": "api/api/1", "nextToken": "f/5"});
        let answer = logs().events(&input, Time(0)).unwrap();
        assert!(messages(&answer).is_empty());
        assert_eq!(answer["nextForwardToken"], "f/5");
    }

    #[test]
    fn an_unknown_group_is_not_found() {
        let input = json!({"logGroupName": "no", "logStreamName": "no"});
        assert_eq!(logs().events(&input, Time(0)).unwrap_err().code, "ResourceNotFoundException");
    }

    #[test]
    fn retention_is_one_of_its_days_and_hides_what_is_older() {
        let day = 24 * 60 * 60 * 1_000;
        let mut logs = logs();
        let put = |logs: &mut Logs, days: u64| {
            logs.put_retention(&json!({"logGroupName": "/ecs/api", "retentionInDays": days}))
        };
        assert_eq!(put(&mut logs, 2).unwrap_err().code, "InvalidParameterException");
        put(&mut logs, 3).unwrap();
        let shown = logs.describe_groups(&json!({}), "eu-west-1:123456789012").unwrap();
        assert_eq!(shown["logGroups"][0]["retentionInDays"], 3);
        let stream = json!({"logGroupName": "/ecs/api", "logStreamName": "api/api/1"});
        let later = logs.events(&stream, Time(1_002 + 3 * day)).unwrap();
        assert_eq!(messages(&later), ["line 2", "line 3", "line 4"]);
        logs.put("/ecs/api", "api/api/1", Time(1_003 + 3 * day), "line 5");
        logs.existing_mut(&stream).unwrap().retention_days = None;
        let kept = logs.events(&stream, Time(1_003 + 3 * day)).unwrap();
        assert_eq!(messages(&kept), ["line 3", "line 4", "line 5"]);
    }
}
