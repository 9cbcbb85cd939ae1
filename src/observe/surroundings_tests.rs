//! What is made of AWS's refusals: a missing permission, a missing thing, and a batch with one of them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::surroundings;
use crate::aws::stub::{Reply, Stub};
use crate::model::{Facts, ImageId, Part, Repository, Subject};

fn every_kind() -> BTreeSet<Subject> {
    let text = str::to_owned;
    let repository =
        Repository { account: text("123456789012"), region: text("eu-west-1"), name: text("web") };
    [
        Subject::Cluster(text("jobs")),
        Subject::Role(text("task")),
        Subject::Repository(repository.clone()),
        Subject::Image(repository, ImageId::Tag(text("1"))),
        Subject::Secret { region: text("eu-west-1"), id: text("a") },
        Subject::SecretKeys { region: text("eu-west-1"), id: text("a"), stage: None, version: None },
        Subject::Parameter { region: text("eu-west-1"), name: text("/a") },
        Subject::LogGroup { region: text("eu-west-1"), name: text("/a") },
        Subject::Object { bucket: text("a"), key: text("b") },
        Subject::TargetGroup(text("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/a/1")),
        Subject::Subnet(text("subnet-1")),
        Subject::SecurityGroup(text("sg-1")),
        Subject::FileSystem(text("fs-1")),
        Subject::Namespaces,
        Subject::Registry(text("srv-1")),
        Subject::Alarm(text("a")),
    ]
    .into()
}

async fn looked_up(stub: &Stub, subjects: &BTreeSet<Subject>) -> Facts {
    surroundings(&stub.connect().await.inspector(), subjects, &|_, _| {}).await
}

#[tokio::test(start_paused = true)]
async fn without_permission_nothing_is_absent_and_each_permission_is_named() {
    let stub = Stub::new(|_| Reply::Error(403, "AccessDeniedException", "no"));
    let facts = looked_up(&stub, &every_kind()).await;
    assert_eq!(facts.len(), every_kind().len());
    let mut needed = BTreeSet::new();
    for (subject, fact) in facts {
        let Part::Unreadable(why) = fact else { panic!("{subject:?} is {fact:?}") };
        needed.insert(why.strip_prefix("needs ").unwrap_or_else(|| panic!("{why}")).to_owned());
    }
    let all = crate::aws::Inspector::ACTIONS.into_iter();
    let expected: BTreeSet<String> = all
        // The one is asked for the subnets that were found, the other before anything else.
        .filter(|action| !["ec2:DescribeRouteTables", "sts:GetCallerIdentity"].contains(action))
        .map(str::to_owned)
        .collect();
    assert_eq!(needed, expected);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_or_makes_no_sense_is_not_absence() {
    for reply in [Reply::Refused, Reply::Text(500, "<html>"), Reply::Text(200, "nonsense")] {
        let stub = Stub::new(move |_| reply.clone());
        for (subject, fact) in looked_up(&stub, &every_kind()).await {
            // HEAD has no body that could make sense.
            let known = matches!(subject, Subject::Object { .. }) && matches!(fact, Part::Present(_));
            assert!(known || matches!(fact, Part::Unreadable(_)), "{subject:?} is {fact:?}");
        }
    }
}

#[tokio::test]
async fn one_missing_target_group_does_not_hide_the_others() {
    let stub = Stub::new(|seen| match seen.body.contains("targetgroup%2Fgone") {
        true => Reply::Text(
            400,
            "<ErrorResponse><Error><Code>TargetGroupNotFound</Code><Message>no</Message></Error></ErrorResponse>",
        ),
        false => Reply::Text(
            200,
            "<R><DescribeTargetGroupsResult><TargetGroups><member><TargetGroupArn>targetgroup/there</TargetGroupArn>\
             </member></TargetGroups></DescribeTargetGroupsResult></R>",
        ),
    });
    let subjects = ["targetgroup/gone", "targetgroup/there"].map(|arn| Subject::TargetGroup(arn.to_owned()));
    let facts = looked_up(&stub, &subjects.clone().into()).await;
    assert_eq!(facts[&subjects[0]], Part::Absent);
    assert!(matches!(facts[&subjects[1]], Part::Present(_)), "{facts:?}");
    assert_eq!(stub.seen().len(), 3);
}

#[tokio::test]
async fn a_call_is_signed_for_its_own_service_and_region() {
    let stub = Stub::new(|_| Reply::Error(403, "AccessDeniedException", "no"));
    let secret = Subject::Secret { region: "us-east-2".to_owned(), id: "a".to_owned() };
    let subjects = [
        secret,
        Subject::Role("task".to_owned()),
        Subject::Object { bucket: "b".to_owned(), key: "a b".to_owned() },
    ];
    looked_up(&stub, &subjects.into()).await;
    let seen = stub.seen();
    let signed = |part: &str| {
        let found = seen.iter().find(|seen| seen.authorization.contains(part));
        found.unwrap_or_else(|| panic!("{part}: {seen:?}"))
    };
    assert_eq!(signed("/us-east-2/secretsmanager/aws4_request").operation, "DescribeSecret");
    assert_eq!(signed("/us-east-1/iam/aws4_request").operation, "GetRole");
    let head = signed("/eu-west-1/s3/aws4_request");
    assert_eq!(head.operation, "HEAD /b/a%20b");
    assert!(head.authorization.contains("x-amz-content-sha256"), "{}", head.authorization);
}
