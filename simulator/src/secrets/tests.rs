//! Secrets as their clients, and ECS, see them.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::input::map;
use crate::testing::{Idle, world};

fn ask(world: &mut World, operation: &str, input: Value) -> Answer {
    call(world, &Idle, operation, &input)
}

fn database(world: &mut World) -> String {
    let secret = json!({"Name": "jobs/db", "SecretString": r#"{"user":"api","port":5432}"#});
    let created = ask(world, "CreateSecret", secret).unwrap();
    created["ARN"].as_str().unwrap().to_owned()
}

#[test]
fn an_arn_ends_in_six_characters_and_also_works_without_them() {
    let mut world = world();
    let arn = database(&mut world);
    let (partial, suffix) = arn.rsplit_once('-').unwrap();
    assert_eq!(partial, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:jobs/db");
    assert_eq!(suffix.len(), 6);
    for id in [arn.as_str(), partial, "jobs/db"] {
        let value = ask(&mut world, "GetSecretValue", json!({"SecretId": id})).unwrap();
        assert_eq!(value["Name"], "jobs/db");
    }
}

#[test]
fn a_container_gets_the_whole_secret_a_key_of_it_or_an_older_version() {
    let mut world = world();
    let arn = database(&mut world);
    let first = ask(&mut world, "GetSecretValue", json!({"SecretId": arn})).unwrap();
    let id = first["VersionId"].as_str().unwrap().to_owned();
    world.now = world.now + DAY;
    let newer = json!({"SecretId": arn, "SecretString": r#"{"user":"api2"}"#});
    ask(&mut world, "PutSecretValue", newer).unwrap();

    let read = |from: &str| world.secrets.resolve(from);
    assert_eq!(read(&arn).unwrap(), r#"{"user":"api2"}"#);
    assert_eq!(read(&format!("{arn}:user::")).unwrap(), "api2");
    assert_eq!(read(&format!("{arn}:user:AWSPREVIOUS:")).unwrap(), "api");
    assert_eq!(read(&format!("{arn}:port::{id}")).unwrap(), "5432");
    assert_eq!(read("jobs/db:user").unwrap(), "api2");
    assert_eq!(
        read(&format!("{arn}:password::")).unwrap_err(),
        "retrieved secret from Secrets Manager did not contain json key password"
    );
    assert_eq!(
        read("arn:aws:secretsmanager:eu-west-1:123456789012:secret:none-AbCdEf").unwrap_err(),
        "ResourceNotFoundException: Secrets Manager can't find the specified secret."
    );
}

#[test]
fn only_the_current_and_the_previous_version_keep_their_stages() {
    let mut world = world();
    let arn = database(&mut world);
    for content in ["two", "three"] {
        world.now = world.now + DAY;
        let input = json!({"SecretId": arn, "SecretString": content});
        ask(&mut world, "PutSecretValue", input).unwrap();
    }
    let described = ask(&mut world, "DescribeSecret", json!({"SecretId": arn})).unwrap();
    let mut stages: Vec<String> =
        map(&described, "VersionIdsToStages").map(|(_, stages)| stages.to_string()).collect();
    stages.sort();
    assert_eq!(stages, [r#"["AWSCURRENT"]"#, r#"["AWSPREVIOUS"]"#]);
}

#[test]
fn a_name_is_free_again_after_the_recovery_window() {
    let mut world = world();
    let arn = database(&mut world);
    ask(&mut world, "DeleteSecret", json!({"SecretId": arn})).unwrap();
    let again = json!({"Name": "jobs/db", "SecretString": "x"});
    let refused = ask(&mut world, "CreateSecret", again.clone()).unwrap_err();
    assert_eq!(refused.code, "InvalidRequestException");
    assert!(world.secrets.resolve(&arn).is_err());
    world.now = world.now + DAY * 31;
    assert!(ask(&mut world, "CreateSecret", again).is_ok());
}

#[test]
fn a_second_secret_of_one_name_is_refused() {
    let mut world = world();
    database(&mut world);
    let again = json!({"Name": "jobs/db", "SecretString": "other"});
    let refused = ask(&mut world, "CreateSecret", again).unwrap_err();
    assert_eq!(refused.code, "ResourceExistsException");
}

#[test]
fn secrets_are_listed_page_by_page_and_by_name() {
    let mut world = world();
    for name in ["a", "b", "c"] {
        ask(&mut world, "CreateSecret", json!({"Name": name})).unwrap();
    }
    let first = ask(&mut world, "ListSecrets", json!({"MaxResults": 2})).unwrap();
    let rest = json!({"MaxResults": 2, "NextToken": first["NextToken"]});
    let second = ask(&mut world, "ListSecrets", rest).unwrap();
    assert_eq!(second["SecretList"][0]["Name"], "c");
    assert!(second.get("NextToken").is_none());
    let filter = json!({"Filters": [{"Key": "name", "Values": ["b"]}]});
    let found = ask(&mut world, "ListSecrets", filter).unwrap();
    assert_eq!(found["SecretList"].as_array().unwrap().len(), 1);
}

/// The version that is current, and the one before it.
fn stages(world: &mut World, arn: &str) -> [Option<String>; 2] {
    let described = ask(world, "DescribeSecret", json!({"SecretId": arn})).unwrap();
    ["AWSCURRENT", "AWSPREVIOUS"].map(|stage| {
        let mut versions = map(&described, "VersionIdsToStages");
        let has = |stages: &Value| stages.as_array().unwrap().iter().any(|it| it == stage);
        versions.find(|(_, stages)| has(stages)).map(|(id, _)| id.to_owned())
    })
}

#[test]
fn a_stage_is_moved_back_by_hand_and_only_from_where_it_is() {
    let mut world = world();
    let arn = database(&mut world);
    let [first, none] = stages(&mut world, &arn);
    assert_eq!(none, None);
    world.now = world.now + DAY;
    ask(&mut world, "UpdateSecret", json!({"SecretId": arn, "SecretString": "two"})).unwrap();
    let [second, before] = stages(&mut world, &arn);
    assert_eq!(before, first);
    let mut back = json!({"SecretId": arn, "VersionStage": "AWSCURRENT", "MoveToVersionId": first});
    let refused = ask(&mut world, "UpdateSecretVersionStage", back.clone()).unwrap_err();
    assert_eq!(refused.code, "InvalidParameterException");
    assert!(refused.message.contains("RemoveFromVersionId"), "{}", refused.message);
    back["RemoveFromVersionId"] = json!(second);
    ask(&mut world, "UpdateSecretVersionStage", back).unwrap();
    assert_eq!(stages(&mut world, &arn), [first, second]);
}

#[test]
fn a_rotation_makes_a_version_with_another_password() {
    let mut world = world();
    let arn = database(&mut world);
    let refused = ask(&mut world, "RotateSecret", json!({"SecretId": arn})).unwrap_err();
    assert_eq!(refused.message, "No Lambda rotation function ARN is associated with this secret.");
    let [first, _] = stages(&mut world, &arn);
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:rotate";
    let rotate = json!({
        "SecretId": arn, "RotationLambdaARN": function, "RotationRules": {"AutomaticallyAfterDays": 30},
    });
    ask(&mut world, "RotateSecret", rotate).unwrap();
    let [second, before] = stages(&mut world, &arn);
    assert!(before == first && second != first);
    assert_eq!(world.secrets.resolve(&format!("{arn}:user::")).unwrap(), "api");
    assert_eq!(world.secrets.resolve(&format!("{arn}:password::")).unwrap().len(), 24);
    let described = ask(&mut world, "DescribeSecret", json!({"SecretId": arn})).unwrap();
    assert_eq!(described["RotationLambdaARN"], function);
    assert_eq!(described["RotationRules"]["AutomaticallyAfterDays"], 30);
}

#[test]
fn a_list_may_be_behind_what_a_secret_says_of_itself() {
    let mut world = world();
    let arn = database(&mut world);
    let [first, _] = stages(&mut world, &arn);
    world.now = world.now + DAY;
    world.secrets.lag_behind(DAY / 2);
    ask(&mut world, "PutSecretValue", json!({"SecretId": arn, "SecretString": "two"})).unwrap();
    ask(&mut world, "CreateSecret", json!({"Name": "new", "SecretString": "x"})).unwrap();
    let listed = ask(&mut world, "ListSecrets", json!({})).unwrap();
    assert_eq!(listed["SecretList"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["SecretList"][0]["SecretVersionsToStages"][first.unwrap()], json!(["AWSCURRENT"]));
    world.now = world.now + DAY;
    let listed = ask(&mut world, "ListSecrets", json!({})).unwrap();
    assert_eq!(listed["SecretList"].as_array().unwrap().len(), 2, "{listed}");
}

#[test]
fn a_deleted_secret_is_restored_within_its_window() {
    let mut world = world();
    let arn = database(&mut world);
    ask(&mut world, "DeleteSecret", json!({"SecretId": arn})).unwrap();
    assert!(world.secrets.resolve(&arn).is_err());
    ask(&mut world, "RestoreSecret", json!({"SecretId": arn})).unwrap();
    assert!(world.secrets.resolve(&arn).is_ok());
}
