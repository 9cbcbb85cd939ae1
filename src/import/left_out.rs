//! What can't be managed, and why: told and left out, never half written.

use crate::manifest::is_name;
use crate::model::{EcsService, LiveService, Ownership, Part, ServiceKey};

/// A service that no manifest was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub service: String,
    pub reason: Reason,
    /// As a fragment: `it is being deleted`.
    pub why: String,
    pub way_out: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A part of it could not be read: it may well be manageable.
    Unreadable,
    /// ECS deletes it.
    Draining,
    /// Another installation, CloudFormation or ECS itself keeps it.
    NotOwned,
    /// CODE_DEPLOY or EXTERNAL.
    Controller,
    /// Its source says no more than a name.
    Incomplete,
    /// A manifest may not say what it is.
    NotForAManifest,
}

impl Reason {
    /// CamelCase, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Unreadable => "Unreadable",
            Reason::Draining => "Draining",
            Reason::NotOwned => "NotOwned",
            Reason::Controller => "Controller",
            Reason::Incomplete => "Incomplete",
            Reason::NotForAManifest => "NotForAManifest",
        }
    }
}

/// A service whose name no manifest can have. Names become paths of files, and files say any.
pub(super) fn nameless(key: &ServiceKey) -> Option<LeftOut> {
    (!is_name(key.name())).then(|| LeftOut {
        service: key.name().to_owned(),
        reason: Reason::NotForAManifest,
        why: "its name is none that a service of ECS can have".to_owned(),
        way_out: "1 to 255 letters, digits, hyphens and underscores; correct it in the file".to_owned(),
    })
}

/// Why a service can't be imported, if it can't. First match wins.
pub(super) fn why(key: &ServiceKey, live: &LiveService, installation: &str) -> Option<LeftOut> {
    let left_out = |reason, why: String, way_out: &str| {
        Some(LeftOut { service: key.name().to_owned(), reason, why, way_out: way_out.to_owned() })
    };
    let again = "import it again when that can be read";
    let service = match &live.service {
        Part::Present(service) => service,
        Part::Unreadable(why) => {
            return left_out(Reason::Unreadable, format!("can't read the service: {why}"), again);
        }
        Part::Absent => {
            return left_out(Reason::Incomplete, "there is no such service".to_owned(), "look at its name");
        }
    };
    if service.status() == "DRAINING" || service.status() == "INACTIVE" {
        let way_out = "nothing has to be done: what is being deleted is not adopted";
        return left_out(Reason::Draining, format!("it is being deleted ({})", service.status()), way_out);
    }
    if let Some(kind) = controller(service) {
        let why = format!("its deployment controller is {kind}");
        let way_out =
            "move it to the controller ECS first (UpdateService, `deploymentController`), then import it";
        return left_out(Reason::Controller, why, way_out);
    }
    if let Ownership::Foreign { owner } = service.ownership(installation) {
        let way_out = "release it there first, then import it";
        return left_out(Reason::NotOwned, format!("it belongs to {owner}"), way_out);
    }
    match (&live.task_definition, &live.scaling) {
        (Part::Unreadable(why), _) => {
            left_out(Reason::Unreadable, format!("can't read its task definition: {why}"), again)
        }
        (Part::Absent, _) => {
            let way_out = "name the file that holds it as well";
            left_out(Reason::Incomplete, "its task definition is not there".to_owned(), way_out)
        }
        (_, Part::Unreadable(why)) => {
            left_out(Reason::Unreadable, format!("can't read its scaling: {why}"), again)
        }
        (Part::Present(_), Part::Present(_) | Part::Absent) => None,
    }
}

fn controller(service: &EcsService) -> Option<&str> {
    service.0["deploymentController"]["type"].as_str().filter(|kind| *kind != "ECS")
}
