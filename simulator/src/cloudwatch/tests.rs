//! What is put is what is read, in every form that a request may have.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::testing::{Idle, START, world};
use crate::wire::cbor;

fn ask(world: &mut World, operation: &str, input: Value) -> Answer {
    call(world, &Idle, operation, &input)
}

/// A world in which `Jobs` has the metric `Backlog` of the queue `jobs`: 1, 2, 3 a minute apart.
fn with_backlog() -> World {
    let mut world = world();
    for (minute, value) in [(0, 1.0), (1, 2.0), (2, 3.0)] {
        let at = START + Duration::from_secs(60 * minute);
        let datum = json!({"MetricName": "Backlog", "Value": value, "Timestamp": at.seconds(),
                           "Dimensions": [{"Name": "Queue", "Value": "jobs"}]});
        ask(&mut world, "PutMetricData", json!({"Namespace": "Jobs", "MetricData": [datum]})).unwrap();
    }
    world
}

fn backlog() -> Value {
    json!({"Namespace": "Jobs", "MetricName": "Backlog", "Dimensions": [{"Name": "Queue", "Value": "jobs"}]})
}

fn span(mut input: Value, minutes: u64) -> Value {
    input["StartTime"] = json!(START.seconds());
    input["EndTime"] = json!((START + Duration::from_secs(60 * minutes)).seconds());
    input
}

#[test]
fn metric_data_comes_newest_first_with_math_over_it() {
    let mut world = with_backlog();
    let stat = |period: u64| json!({"Metric": backlog(), "Period": period, "Stat": "Sum"});
    let queries = json!([
        {"Id": "m1", "MetricStat": stat(60), "ReturnData": false},
        {"Id": "twice", "Expression": "m1 * 2", "Label": "Twice"},
        {"Id": "all", "MetricStat": stat(180)},
    ]);
    let input = span(json!({"MetricDataQueries": queries}), 3);
    let answer = ask(&mut world, "GetMetricData", input.clone()).unwrap();
    let results = answer["MetricDataResults"].as_array().unwrap();
    assert_eq!((&results[0]["Label"], &results[0]["Values"]), (&json!("Twice"), &json!([6.0, 4.0, 2.0])));
    let newest = START + Duration::from_secs(120);
    assert_eq!(results[0]["Timestamps"][0], cbor::moment(newest));
    assert_eq!(results[1]["Values"], json!([6.0]));
    let mut oldest_first = input;
    oldest_first["ScanBy"] = json!("TimestampAscending");
    let answer = ask(&mut world, "GetMetricData", oldest_first).unwrap();
    assert_eq!(answer["MetricDataResults"][0]["Values"], json!([2.0, 4.0, 6.0]));
}

#[test]
fn statistics_are_of_whole_periods_and_of_text_as_of_numbers() {
    let mut world = with_backlog();
    let mut input = backlog();
    // As the query protocol has it.
    input["Period"] = json!("180");
    input["StartTime"] = json!(START.iso());
    input["EndTime"] = json!((START + Duration::from_secs(180)).iso());
    input["Statistics"] = json!(["Average", "Maximum", "SampleCount"]);
    let answer = ask(&mut world, "GetMetricStatistics", input).unwrap();
    let point = &answer["Datapoints"][0];
    let found = (&point["Average"], &point["Maximum"], &point["SampleCount"]);
    assert_eq!(found, (&json!(2.0), &json!(3.0), &json!(3.0)));
    assert!(point.get("Sum").is_none());
}

#[test]
fn metrics_are_listed_by_what_they_have() {
    let mut world = with_backlog();
    let datum = json!({"MetricName": "Age", "Values": [1, 2], "Counts": [3, 1]});
    ask(&mut world, "PutMetricData", json!({"Namespace": "Jobs", "MetricData": [datum]})).unwrap();
    let listed = |world: &mut World, input: Value| -> Vec<String> {
        let answer = ask(world, "ListMetrics", input).unwrap();
        let metrics = answer["Metrics"].as_array().unwrap();
        metrics.iter().map(|metric| metric["MetricName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&mut world, json!({})), ["Age", "Backlog"]);
    assert_eq!(listed(&mut world, json!({"Dimensions": [{"Name": "Queue"}]})), ["Backlog"]);
    assert_eq!(listed(&mut world, json!({"Namespace": "AWS/SQS"})), [""; 0]);
}

#[test]
fn what_cloudwatch_refuses_is_refused_and_nothing_of_it_taken() {
    let mut world = world();
    let mut check = |operation: &str, input: Value, code: &str| {
        assert_eq!(ask(&mut world, operation, input.clone()).unwrap_err().code, code, "{input}");
    };
    let good = json!({"MetricName": "Good", "Value": 1});
    let put = |namespace: &str, datum: Value| json!({"Namespace": namespace, "MetricData": [good, datum]});
    let invalid = "InvalidParameterValueException";
    let operation = "PutMetricData";
    check(operation, put("AWS/SQS", json!({})), invalid);
    check(operation, put("Jobs", json!({"MetricName": "M", "Value": "NaN"})), invalid);
    check(operation, put("Jobs", json!({"MetricName": "M"})), "MissingRequiredParameterException");
    check(operation, put("Jobs", json!({"MetricName": "M", "Value": 1, "Timestamp": 1})), invalid);
    check(operation, put("Jobs", json!({"MetricName": "M", "Values": [1], "Counts": [1, 2]})), invalid);
    check("GetMetricData", span(json!({}), 0), invalid);
    let math = json!([{"Id": "a", "Expression": "b"}, {"Id": "a", "Expression": "b"}]);
    check("GetMetricData", span(json!({"MetricDataQueries": math}), 1), invalid);
    check("Nothing", json!({}), "UnknownOperationException");
    check("DeleteAlarms", json!({"AlarmNames": ["none"]}), "ResourceNotFound");
    assert_eq!(ask(&mut world, "ListMetrics", json!({})).unwrap()["Metrics"], json!([]));
}

#[test]
fn expressions_that_go_in_circles_or_are_not_played_have_no_values() {
    let mut world = with_backlog();
    let queries = json!([
        {"Id": "a", "Expression": "b + 1"}, {"Id": "b", "Expression": "a"},
        {"Id": "c", "Expression": "ANOMALY_DETECTION_BAND(a)"},
    ]);
    let answer = ask(&mut world, "GetMetricData", span(json!({"MetricDataQueries": queries}), 3)).unwrap();
    for result in answer["MetricDataResults"].as_array().unwrap() {
        assert_eq!(result["Values"], json!([]));
    }
}

#[test]
fn an_alarm_is_put_judged_described_set_and_deleted() {
    let mut world = with_backlog();
    let mut alarm = backlog();
    for (member, value) in [
        ("AlarmName", json!("backlog")),
        ("Statistic", json!("Maximum")),
        ("Period", json!("60")),
        ("EvaluationPeriods", json!("2")),
        ("Threshold", json!("1.5")),
        ("ComparisonOperator", json!("GreaterThanThreshold")),
    ] {
        alarm[member] = value;
    }
    ask(&mut world, "PutMetricAlarm", alarm).unwrap();
    let state = |world: &mut World| {
        let answer = ask(world, "DescribeAlarms", json!({"AlarmNamePrefix": "back"})).unwrap();
        answer["MetricAlarms"][0]["StateValue"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&mut world), "INSUFFICIENT_DATA");
    world.advance(&Idle, START + Duration::from_secs(181));
    assert_eq!(state(&mut world), "ALARM");
    let set = json!({"AlarmName": "backlog", "StateValue": "OK", "StateReason": "checked"});
    ask(&mut world, "SetAlarmState", set).unwrap();
    assert_eq!(state(&mut world), "OK");
    ask(&mut world, "DeleteAlarms", json!({"AlarmNames": ["backlog"]})).unwrap();
    assert_eq!(ask(&mut world, "DescribeAlarms", json!({})).unwrap()["MetricAlarms"], json!([]));
}
