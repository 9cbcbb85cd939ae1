//! What services stand on, as AWS has it: each thing asked for once, in batches where AWS takes them.
//!
//! Like any observation it never fails as a whole: what could not be read says so, with the permission
//! that is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::parallel::{Read, in_parallel, read};
use crate::aws::{
    ALARMS_MAX, DESCRIBED_PARAMETERS_MAX, Error, ErrorKind, FILTER_VALUES_MAX, IMAGES_MAX, Inspector,
    SecretShape, TARGET_GROUPS_MAX,
};
use crate::model::{Facts, ImageId, Json, Part, Repository, Subject};

/// Told after each question how many have been answered, and how many there are.
pub type OnAnswer<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Looks everything up once.
pub async fn surroundings(
    inspector: &Inspector,
    subjects: &BTreeSet<Subject>,
    on_answer: OnAnswer<'_>,
) -> Facts {
    let questions = questions(subjects);
    let (all, answered) = (questions.len(), std::sync::atomic::AtomicUsize::new(0));
    let answered = &answered;
    let reads: Vec<Read<'_, Vec<Fact>>> = questions
        .into_iter()
        .map(|question| {
            read(async move {
                let facts = question.ask(inspector).await;
                on_answer(answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, all);
                facts
            })
        })
        .collect();
    let mut facts: Facts = in_parallel(reads).await.into_iter().flatten().collect();
    if subjects.contains(&Subject::RouteTables) {
        // Which VPCs these are is known once the subnets are.
        let tables = route_tables(inspector, &facts).await;
        facts.insert(Subject::RouteTables, tables);
    }
    facts
}

/// A subject, and what AWS answered.
type Fact = (Subject, Part<Json>);

/// One question to AWS; all subjects that it answers.
enum Question {
    One(Subject),
    Images(Repository, Vec<ImageId>),
    Parameters(String, Vec<String>),
    TargetGroups(Vec<String>),
    Subnets(Vec<String>),
    SecurityGroups(Vec<String>),
    Alarms(Vec<String>),
}

fn questions(subjects: &BTreeSet<Subject>) -> Vec<Question> {
    let mut images: BTreeMap<Repository, Vec<ImageId>> = BTreeMap::new();
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut groups, mut subnets, mut security, mut alarms) = (vec![], vec![], vec![], vec![]);
    let mut questions = Vec::new();
    for subject in subjects.iter().cloned() {
        match subject {
            Subject::Image(repository, id) => images.entry(repository).or_default().push(id),
            Subject::Parameter { region, name } => parameters.entry(region).or_default().push(name),
            Subject::TargetGroup(arn) => groups.push(arn),
            Subject::Subnet(id) => subnets.push(id),
            Subject::SecurityGroup(id) => security.push(id),
            Subject::Alarm(name) => alarms.push(name),
            // Answered with its images, and with the subnets.
            Subject::Repository(_) | Subject::RouteTables => {}
            Subject::Cluster(_)
            | Subject::Role(_)
            | Subject::Secret { .. }
            | Subject::SecretKeys { .. }
            | Subject::LogGroup { .. }
            | Subject::Object { .. }
            | Subject::FileSystem(_)
            | Subject::Namespaces
            | Subject::Registry(_) => questions.push(Question::One(subject)),
        }
    }
    for (repository, ids) in images {
        questions
            .extend(ids.chunks(IMAGES_MAX).map(|ids| Question::Images(repository.clone(), ids.to_vec())));
    }
    for (region, names) in parameters {
        let mut asked: Vec<Vec<String>> = Vec::new();
        let mut room = 0;
        for name in names {
            let needed = spellings(&name).len();
            match asked.last_mut().filter(|_| needed <= room) {
                Some(names) => names.push(name),
                None => {
                    asked.push(vec![name]);
                    room = DESCRIBED_PARAMETERS_MAX;
                }
            }
            room -= needed;
        }
        questions.extend(asked.into_iter().map(|names| Question::Parameters(region.clone(), names)));
    }
    questions.extend(groups.chunks(TARGET_GROUPS_MAX).map(|it| Question::TargetGroups(it.to_vec())));
    questions.extend(subnets.chunks(FILTER_VALUES_MAX).map(|it| Question::Subnets(it.to_vec())));
    questions.extend(security.chunks(FILTER_VALUES_MAX).map(|it| Question::SecurityGroups(it.to_vec())));
    questions.extend(alarms.chunks(ALARMS_MAX).map(|it| Question::Alarms(it.to_vec())));
    questions
}

impl Question {
    async fn ask(self, inspector: &Inspector) -> Vec<Fact> {
        match self {
            Question::One(subject) => {
                let part = one(inspector, &subject).await;
                vec![(subject, part)]
            }
            Question::Images(repository, ids) => images(inspector, repository, ids).await,
            Question::Parameters(region, names) => {
                let asked: Vec<String> = names.iter().flat_map(|name| spellings(name)).collect();
                let found = inspector.parameters(&region, &asked).await;
                let found = found.map(|found| as_asked(&names, &found));
                let subject = |name| Subject::Parameter { region: region.clone(), name };
                told(names, found, "Name", subject)
            }
            Question::TargetGroups(arns) => target_groups(inspector, arns).await,
            Question::Subnets(ids) => {
                let found = inspector.subnets(&ids).await;
                told(ids, found, "subnetId", Subject::Subnet)
            }
            Question::SecurityGroups(ids) => {
                let found = inspector.security_groups(&ids).await;
                told(ids, found, "groupId", Subject::SecurityGroup)
            }
            Question::Alarms(names) => {
                let found = inspector.alarms(&names).await;
                let found = found.map(|names| names.into_iter().map(|name| json!({"Name": name})).collect());
                told(names, found, "Name", Subject::Alarm)
            }
        }
    }
}

async fn one(inspector: &Inspector, subject: &Subject) -> Part<Json> {
    let there = |found: Result<bool, Error>| match found {
        Ok(true) => Part::Present(Json::Null),
        Ok(false) => Part::Absent,
        Err(error) => failed(&error),
    };
    match subject {
        Subject::Cluster(name) => match inspector.cluster(name).await {
            Ok(Some(cluster)) => Part::Present(cluster),
            Ok(None) => Part::Absent,
            Err(error) => failed(&error),
        },
        Subject::Role(name) => part(inspector.role(name).await),
        Subject::Secret { region, id } => part(inspector.secret(region, id).await),
        Subject::SecretKeys { region, id, stage, version } => {
            let shape = inspector.secret_shape(region, id, stage.as_deref(), version.as_deref()).await;
            part(shape.map(|shape| match shape {
                SecretShape::Members(names) => names.into_iter().collect(),
                SecretShape::Text => "text".into(),
                SecretShape::Binary => "binary".into(),
            }))
        }
        Subject::LogGroup { region, name } => there(inspector.has_log_group(region, name).await),
        Subject::Object { bucket, key } => there(inspector.has_object(bucket, key).await),
        Subject::FileSystem(id) => part(inspector.file_system(id).await),
        Subject::Namespaces => part(inspector.namespaces().await.map(Value::Array)),
        Subject::Registry(id) => part(inspector.registry(id).await),
        Subject::Repository(_)
        | Subject::Image(..)
        | Subject::Parameter { .. }
        | Subject::TargetGroup(_)
        | Subject::Subnet(_)
        | Subject::SecurityGroup(_)
        | Subject::RouteTables
        | Subject::Alarm(_) => Part::Unreadable("it is asked for with others".to_owned()),
    }
}

async fn images(inspector: &Inspector, repository: Repository, ids: Vec<ImageId>) -> Vec<Fact> {
    let asked: Vec<Json> = ids
        .iter()
        .map(|id| match id {
            ImageId::Tag(tag) => json!({"imageTag": tag}),
            ImageId::Digest(digest) => json!({"imageDigest": digest}),
        })
        .collect();
    let answer = inspector.images(&repository, &asked).await;
    let mut facts = Vec::new();
    let of_repository = match &answer {
        Ok(_) => Part::Present(Json::Null),
        Err(error) => absent_or_failed(error),
    };
    facts.push((Subject::Repository(repository.clone()), of_repository));
    for id in ids {
        let part = match &answer {
            Ok(answer) => image(answer, &id),
            Err(error) => absent_or_failed(error),
        };
        facts.push((Subject::Image(repository.clone(), id), part));
    }
    facts
}

/// The manifest of one image among the answer's.
fn image(answer: &Json, id: &ImageId) -> Part<Json> {
    let is_it = |it: &&Json| match id {
        ImageId::Tag(tag) => it["imageId"]["imageTag"] == tag.as_str(),
        ImageId::Digest(digest) => it["imageId"]["imageDigest"] == digest.as_str(),
    };
    let of = |list: &str| answer[list].as_array().into_iter().flatten().find(is_it);
    if let Some(image) = of("images") {
        let manifest = image["imageManifest"].as_str().and_then(|text| serde_json::from_str(text).ok());
        return Part::Present(manifest.unwrap_or_default());
    }
    match of("failures").and_then(|failure| failure["failureCode"].as_str()) {
        Some("ImageNotFound" | "ImageTagDoesNotMatchDigest" | "InvalidImageTag" | "InvalidImageDigest") => {
            Part::Absent
        }
        Some(code) => Part::Unreadable(format!("ecr:BatchGetImage answered {code}")),
        None => Part::Unreadable("ecr:BatchGetImage said nothing of it".to_owned()),
    }
}

/// One that is not there fails a whole batch; then each is asked for alone.
async fn target_groups(inspector: &Inspector, arns: Vec<String>) -> Vec<Fact> {
    let found = inspector.target_groups(&arns).await;
    match &found {
        Err(error) if is_absent(error) && arns.len() > 1 => {
            let alone = |arn: String| {
                read(async move {
                    let part = match inspector.target_groups(std::slice::from_ref(&arn)).await {
                        Ok(groups) => groups.into_iter().next().map_or(Part::Absent, Part::Present),
                        Err(error) => absent_or_failed(&error),
                    };
                    (Subject::TargetGroup(arn), part)
                })
            };
            in_parallel(arns.into_iter().map(alone).collect()).await
        }
        Err(error) if is_absent(error) => {
            arns.into_iter().map(|arn| (Subject::TargetGroup(arn), Part::Absent)).collect()
        }
        Ok(_) | Err(_) => told(arns, found, "TargetGroupArn", Subject::TargetGroup),
    }
}

async fn route_tables(inspector: &Inspector, facts: &Facts) -> Part<Json> {
    let vpcs: BTreeSet<String> = facts
        .iter()
        .filter(|(subject, _)| matches!(subject, Subject::Subnet(_)))
        .filter_map(|(_, fact)| fact.present()?["vpcId"].as_str().map(str::to_owned))
        .collect();
    let vpcs: Vec<String> = vpcs.into_iter().collect();
    let mut tables = Vec::new();
    for vpcs in vpcs.chunks(FILTER_VALUES_MAX) {
        match inspector.route_tables(vpcs).await {
            Ok(found) => tables.extend(found),
            Err(error) => return failed(&error),
        }
    }
    Part::Present(Json::Array(tables))
}

/// How Parameter Store may list a parameter. One of a single level is `name` and `/name` alike: both have
/// the same ARN.
pub(super) fn spellings(name: &str) -> Vec<String> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    match bare.contains('/') {
        true => vec![name.to_owned()],
        false => vec![bare.to_owned(), format!("/{bare}")],
    }
}

/// The parameters under the names that were asked for.
pub(super) fn as_asked(names: &[String], found: &[Json]) -> Vec<Json> {
    let named = |name: &String| {
        let spellings = spellings(name);
        let is =
            |it: &&Json| it["Name"].as_str().is_some_and(|known| spellings.iter().any(|one| one == known));
        let mut parameter = found.iter().find(is)?.clone();
        parameter["Name"] = name.as_str().into();
        Some(parameter)
    };
    names.iter().filter_map(named).collect()
}

/// What of the wanted is in a list whose elements go by `member`.
fn told(
    wanted: Vec<String>,
    found: Result<Vec<Json>, Error>,
    member: &str,
    subject: impl Fn(String) -> Subject,
) -> Vec<Fact> {
    let part = |name: &String| match &found {
        Ok(found) => {
            let it = found.iter().find(|it| it[member] == name.as_str());
            it.map_or(Part::Absent, |it| Part::Present(it.clone()))
        }
        Err(error) => failed(error),
    };
    wanted
        .into_iter()
        .map(|name| {
            let part = part(&name);
            (subject(name), part)
        })
        .collect()
}

fn part(found: Result<Json, Error>) -> Part<Json> {
    found.map_or_else(|error| absent_or_failed(&error), Part::Present)
}

fn absent_or_failed(error: &Error) -> Part<Json> {
    if is_absent(error) { Part::Absent } else { failed(error) }
}

/// The thing itself is not there; a host or an API that is not there is something else.
fn is_absent(error: &Error) -> bool {
    // IAM's code for a role that is not there.
    error.kind == ErrorKind::NotFound || error.code.as_deref() == Some("NoSuchEntity")
}

fn failed(error: &Error) -> Part<Json> {
    Part::Unreadable(match error.kind {
        // Of a secret with a key of its own.
        ErrorKind::AccessDenied if error.message.contains("KMS") => {
            format!("needs {} and kms:Decrypt of its key", error.operation)
        }
        ErrorKind::AccessDenied => format!("needs {}", error.operation),
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_of_one_level_is_found_with_and_without_its_slash() {
        assert_eq!(spellings("/single"), ["single", "/single"]);
        assert_eq!(spellings("/a/b"), ["/a/b"]);
        let found = [json!({"Name": "/single", "Version": 3}), json!({"Name": "/a/b"})];
        let names = ["single", "/single", "/a/b", "/other"].map(str::to_owned);
        let told = as_asked(&names, &found);
        let told: Vec<&str> = told.iter().filter_map(|it| it["Name"].as_str()).collect();
        assert_eq!(told, ["single", "/single", "/a/b"]);
    }
}
