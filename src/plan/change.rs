//! What would have to be done to a service: its differences, and the calls that remove them.

use super::difference::{Rules, differences};
use super::ignore::with_ignored;
use super::scale::{self, Fate};
use super::task_definition::{self, Comparison, source_of};
use super::three_way::{self, Last, Sides};
use super::{
    Action, Cause, Consequence, Difference, Quiet, RevisionSource, Step, body, consequences, images, lookups,
    overriding, tolerance, trees,
};
use crate::model::{
    DesiredService, Digest, Drift, EcsService, Environment, FieldPath, Json, KeptDrift, LiveScaling,
    LiveService, Origin, Origins, Overriding, Ownership, Part, REVISION_ONLY, Revision, Segment,
    ServiceRecord, Timestamp, tag,
};
use crate::shape::rules::{Tree, tree};

/// Everything that one service's plan is made from.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub desired: &'a DesiredService,
    pub live: &'a LiveService,
    pub record: Option<&'a ServiceRecord>,
    pub environment: &'a Environment,
    pub installation: &'a str,
    pub revision: &'a Revision,
    pub now: Timestamp,
    /// Drift that may stay goes into the revision that the service gets.
    pub drift_in_revision: bool,
}

impl Look<'_> {
    /// Whether the service left Git and is back before its deletion ended: what is missing of it is
    /// our own doing.
    pub(super) fn comes_back(self) -> bool {
        self.record
            .and_then(|record| record.leaving.as_ref())
            .is_some_and(|leaving| leaving.began_at.is_some())
    }

    /// Whether its deletion began so that another can be made in its place.
    pub(super) fn is_replaced(self) -> bool {
        let leaving = self.record.and_then(|record| record.leaving.as_ref());
        leaving.is_some_and(|leaving| leaving.began_at.is_some() && leaving.replaces)
    }

    /// Whether the service is ours by its tags, and no ledger tells what we put beside it.
    pub(super) fn is_unrecorded(self) -> bool {
        let is_ours = |it: &EcsService| it.ownership(self.installation) == Ownership::Ours;
        // What older commits and the tags tell of it was applied nobody knows when.
        let told = |record: &ServiceRecord| record.applied.as_ref().is_some_and(|it| it.at != Timestamp(0));
        let known = |record: &ServiceRecord| {
            told(record) || record.scaling.is_some() || record.rollout.is_some() || record.last_good.is_some()
        };
        self.live.service.present().is_some_and(is_ours) && !self.record.is_some_and(known)
    }

    /// What an administrator's override of the scaling bounds means now, if there is one.
    pub(super) fn overriding(self) -> Option<Overriding> {
        self.live.service.present()?.overriding(self.now)
    }
}

#[derive(Default)]
pub(super) struct Change {
    pub differences: Vec<Difference>,
    pub quiet: Vec<Quiet>,
    pub steps: Vec<Step>,
    /// Drift that goes into the task definition.
    pub kept_drift: Vec<KeptDrift>,
}

impl Change {
    pub(super) fn step(&mut self, action: Action, because: Vec<FieldPath>) {
        self.steps.push(Step { action, because });
    }

    pub(super) fn starts_deployment(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.action, Action::UpdateService { starts_deployment: true, .. }))
    }

    /// ECS changes the controller only while no deployment goes on.
    pub(super) fn changes_controller(&self) -> bool {
        let controller = FieldPath::root().field("service").field("deploymentController");
        self.differences.iter().any(|one| one.path.starts_with(&controller))
    }

    pub(super) fn creates(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::CreateService { .. }))
    }

    /// Drift that `sync.drift` leaves stays where it is, and people are told.
    pub(super) fn leave_drift(&mut self) {
        self.steps.clear();
        self.quiet.extend(self.differences.drain(..).map(tolerance::stays_told));
    }

    /// Nothing but what somebody changed behind Git's back, which `sync.drift` says to leave, and what an
    /// administrator's override asks for.
    pub(super) fn is_tolerated_drift(&self, drift: Drift) -> bool {
        let drifted = |one: &Difference| one.cause == Cause::BehindOurBack;
        drift != Drift::Correct
            && self.differences.iter().any(drifted)
            && self.differences.iter().all(|one| drifted(one) || overriding::is_cause(&one.cause))
    }
}

/// What a piece of the live state that is needed was not read for.
pub(super) struct Unknown {
    pub what: String,
    pub why: String,
}

/// The change that makes a service which exists what Git wants, drift or not.
pub(super) fn wholly(
    look: Look<'_>,
    service: &EcsService,
    scaling: Option<&LiveScaling>,
) -> Result<Change, Unknown> {
    let desired = look.desired;
    let mut change = Change::default();
    service_revision_is_known(look)?;

    let mut source = RevisionSource::Existing(service.task_definition());
    let mut update_source = None;
    match task_definition::compare(desired, service, look.live, look.installation) {
        Comparison::Unknown { what, why } => return Err(Unknown { what, why }),
        Comparison::Equal { quiet } => change.quiet.extend(quiet),
        Comparison::Different(found)
            if found.differences.iter().all(|one| images::is_pinned_already(look, one)) =>
        {
            change.quiet.extend(found.quiet);
            change.quiet.extend(found.differences.into_iter().map(images::left_as_it_runs));
        }
        Comparison::Different(mut found) => {
            if let Some(running) = look.live.task_definition.present() {
                let (wanted, live) = (&found.body, &running.body);
                three_way::of_task_definition(look, service, wanted, live, &mut found.differences);
            }
            let because = paths(&found.differences);
            if found.source == RevisionSource::Registered {
                change.step(registration(look, &found.body), because);
            }
            source = found.source.clone();
            update_source = Some(found.source);
            change.differences.extend(found.differences);
            change.quiet.extend(found.quiet);
        }
    }
    let fate = scale::fate(look, scaling);
    update_service(look, service, &fate, update_source, &mut change);
    match &desired.scaling {
        Some(wanted) => scale::scale(look, wanted, scaling, &mut change),
        None => scale::leave(look, fate, &mut change),
    }
    // Last, so that the tag says what was applied whole: an apply that is cut short is not drift.
    tag_service(look, service, source, &mut change);
    // An override's tag goes after what it stood for, or it could never be told that it was in force.
    overriding::end(look, service, &mut change);
    attribute(look, Some(service), &mut change);
    Ok(change)
}

/// The change that makes a service which does not exist.
pub(super) fn of_absent(look: Look<'_>) -> Change {
    let desired = look.desired;
    let mut change = Change::default();
    let source = source_of(look.live.reusable.as_ref());
    if source == RevisionSource::Registered {
        let path = FieldPath::root().field("taskDefinition");
        change.differences.push(creation(path.clone(), &desired.task_definition));
        change.step(registration(look, &desired.task_definition), vec![path]);
    }
    let path = FieldPath::root().field("service");
    change.differences.push(creation(path.clone(), &desired.service));
    let mut body = body::create(desired, &source, look.environment, look.installation, look.revision);
    if let Some(began_at) = look.record.and_then(|record| record.leaving.as_ref()?.began_at) {
        // ECS may remember the token of the service that was there before, which had this spec perhaps.
        let token = Digest::of(&serde_json::json!([body["clientToken"], began_at]));
        body["clientToken"] = token.as_str().chars().take(32).collect::<String>().into();
    }
    change.step(Action::CreateService { task_definition: source, body }, vec![path]);
    if let Some(wanted) = &desired.scaling {
        scale::scale(look, wanted, None, &mut change);
    }
    attribute(look, None, &mut change);
    // The ledger knows a service that nobody finds any more.
    if look.record.is_some_and(ServiceRecord::is_of_a_service) && !look.comes_back() {
        let deleted = change.differences.iter_mut().filter(|one| one.cause == Cause::Git);
        deleted.for_each(|one| one.cause = Cause::GitAndBehindOurBack);
    }
    change
}

/// Whether what Git says of members that only a service revision shows can be compared.
fn service_revision_is_known(look: Look<'_>) -> Result<(), Unknown> {
    let why = match &look.live.service_revision {
        Part::Present(_) => return Ok(()),
        Part::Absent => "it was not read",
        Part::Unreadable(why) => why,
    };
    // What Git does not mention and nobody can see is left alone.
    match REVISION_ONLY.iter().any(|name| look.desired.service.get(*name).is_some()) {
        true => Err(Unknown { what: "service revision".to_owned(), why: why.to_owned() }),
        false => Ok(()),
    }
}

fn registration(look: Look<'_>, task_definition: &Json) -> Action {
    Action::RegisterTaskDefinition {
        digest: look.desired.task_definition_digest.clone(),
        body: body::register(
            task_definition,
            &look.desired.task_definition_digest,
            &look.desired.key,
            look.installation,
            &look.revision.id,
            &look.environment.cluster,
        ),
    }
}

pub(super) fn creation(path: FieldPath, wanted: &Json) -> Difference {
    Difference {
        path,
        live: None,
        desired: Some(super::credentials::masked(wanted)),
        consequence: Consequence::Creates,
        cause: Cause::Git,
        origin: None,
        since: None,
        sensitive: false,
        why: None,
    }
}

pub(super) fn update_service(
    look: Look<'_>,
    service: &EcsService,
    fate: &Fate<'_>,
    source: Option<RevisionSource>,
    change: &mut Change,
) {
    let desired = look.desired;
    let live = trees::live_service(service, look.live.service_revision.present(), &desired.service);
    let ignore = &desired.sync.ignore;
    let (mut wanted, ignored) = with_ignored("service", &desired.service, &live, tree(Tree::Service), ignore);
    let mut rules = Rules::service();
    rules.autoscaled = fate.keeps_a_target() || live["schedulingStrategy"] == "DAEMON";
    // Nobody asked for the count that an unfinished deletion left behind, and scaling alone may leave it.
    let first_count = body::first_count(&desired.service, desired.scaling.as_ref());
    if let Some(count) = first_count.filter(|count| look.comes_back() && service.desired_count() < *count) {
        wanted["desiredCount"] = count.into();
        rules.autoscaled = false;
    }
    planted!("count-set-back-under-scaling" => rules.autoscaled = false);
    let (mut found, mut quiet) = differences(&wanted, &live, &rules);
    let sides = Sides { applied: None, wanted: &wanted, live: &live, rules: &rules };
    three_way::of_service(look, service, sides, &mut found, &mut quiet);
    consequences::weigh(look, service, &live, &mut found);
    consequences::weigh(look, service, &live, &mut change.differences);
    let count = FieldPath::root().field("service").field("desiredCount");
    if fate.ends() {
        found.iter_mut().filter(|one| one.path == count).for_each(|one| one.cause = Cause::LeftGit);
    }
    change.quiet.extend(quiet);
    change.quiet.extend(trees::outputs(service));
    let left = three_way::left_tags(look, service);
    change.quiet.extend(trees::foreign_tags(service, &desired.service, &left));
    change.quiet.extend(left);
    change.quiet.extend(ignored);

    planted!("ignored-fields-are-written" => wanted.clone_from(&desired.service));
    let in_the_update: Vec<&Difference> =
        found.iter().filter(|one| one.consequence.is_made_by_update()).collect();
    if source.is_some() || !in_the_update.is_empty() {
        let starts_deployment = source.is_some() || in_the_update.iter().any(|one| one.consequence.deploys());
        let because = paths(&change.differences).into_iter().chain(paths(&found)).collect();
        let body =
            body::update(&desired.key, look.environment, &wanted, &live, &in_the_update, source.as_ref());
        change.step(Action::UpdateService { task_definition: source, body, starts_deployment }, because);
    }
    change.differences.extend(found);
}

/// Tags follow what was applied. A new commit with the same content changes none of them, so the
/// commit's own tag is refreshed only along with another.
fn tag_service(look: Look<'_>, service: &EcsService, source: RevisionSource, change: &mut Change) {
    let desired = look.desired;
    let tags = FieldPath::root().field("service").field("tags");
    let is_ignored = |key: &str| desired.sync.ignore.iter().any(|it| covers(it, &tags.field(key)));
    // One that is left alone in the diff is left alone in the write.
    let user: Vec<(String, String)> =
        body::user_tags(&desired.service).into_iter().filter(|(key, _)| !is_ignored(key)).collect();
    let mut user_differs: Vec<Difference> = user
        .iter()
        .filter(|(key, value)| service.tag(key) != Some(value))
        .map(|(key, value)| tag_difference(service, key, value))
        .collect();
    three_way::of_tags(look, service, &mut user_differs);
    let drift = if look.drift_in_revision { three_way::WITH_DRIFT } else { "" };
    let runs = match &source {
        // Not known yet, and certainly not what the tag says.
        RevisionSource::Registered => None,
        RevisionSource::Existing(arn) => Some(format!("{}{drift}", arn.family_and_revision())),
    };
    let ours = [
        (tag::MANAGED_BY, look.installation),
        (tag::ID, desired.key.name()),
        (tag::DIGEST, desired.digest.as_str()),
    ];
    let mut stale: Vec<Difference> = ours
        .iter()
        .filter(|(key, value)| service.tag(key) != Some(value))
        .map(|(key, value)| tag_difference(service, key, value))
        .collect();
    if let Some(runs) = runs.as_deref().filter(|runs| service.tag(tag::TASK_DEFINITION) != Some(runs)) {
        stale.push(tag_difference(service, tag::TASK_DEFINITION, runs));
    }
    if stale.is_empty() && runs.is_some() && user_differs.is_empty() {
        return;
    }
    change.differences.extend(user_differs);
    // Bookkeeping is worth telling only where it is all there is to do.
    if change.differences.is_empty() {
        change.differences.extend(stale);
    }
    let because = paths(&change.differences);
    let mut tags: Vec<(String, String)> =
        ours.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    tags.push((tag::REVISION.to_owned(), look.revision.id.clone()));
    if look.drift_in_revision {
        tags.push((tag::TASK_DEFINITION.to_owned(), drift.to_owned()));
    }
    tags.extend(user);
    change.step(Action::TagService { task_definition: source, tags }, because);
}

fn tag_difference(service: &EcsService, key: &str, value: &str) -> Difference {
    Difference {
        path: FieldPath::root().field("service").field("tags").field(key),
        live: service.tag(key).map(Json::from),
        desired: Some(value.into()),
        consequence: Consequence::InPlace,
        cause: Cause::Git,
        origin: None,
        since: None,
        sensitive: super::is_credential(key, &value.into()),
        why: None,
    }
}

fn covers(pointer: &str, path: &FieldPath) -> bool {
    let whole = path.pointer();
    whole == pointer || whole.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/'))
}

/// Says of each difference who caused it and where Git asks for it.
fn attribute(look: Look<'_>, service: Option<&EcsService>, change: &mut Change) {
    three_way::finish(look, service, &mut change.differences);
    let applied = match three_way::last(look, service) {
        Last::Other(applied) => Some(applied),
        Last::Unknown | Last::Same { .. } => None,
    };
    for difference in &mut change.differences {
        if let Some(applied) = &applied {
            lookups::tell(applied, look.environment, &look.desired.origins, &look.revision.id, difference);
        }
        images::tell(look.desired, difference);
        if !matches!(difference.cause, Cause::LeftGit | Cause::Foreign) || difference.desired.is_some() {
            difference.origin = origin(&look.desired.origins, &difference.path);
        }
    }
}

/// Whether what Git asks for was applied before, so that a difference is somebody else's doing.
pub(super) fn was_applied(look: Look<'_>, service: Option<&EcsService>) -> bool {
    matches!(three_way::last(look, service), Last::Same { .. })
}

/// Where Git says so: a named entry may have been written as a map's key or as a list's element.
pub(super) fn origin(origins: &Origins, path: &FieldPath) -> Option<Origin> {
    let mut listed = path.clone();
    if let Some(Segment::Field(name)) = listed.0.pop() {
        listed.0.push(Segment::Key(name));
    }
    // An overlay may set the value of an entry that stands in another file.
    let value = || ["value", "valueFrom"].iter().find_map(|field| origins.get(&listed.field(*field)));
    let entry = || origins.get(&listed);
    origins.get(path).or_else(value).or_else(entry).or_else(|| origins.nearest(path)).cloned()
}

pub(super) fn paths(differences: &[Difference]) -> Vec<FieldPath> {
    differences.iter().map(|difference| difference.path.clone()).collect()
}
