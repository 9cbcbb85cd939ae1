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
