//! `reconciler verify`: is all there that the manifests of a commit need? Reads AWS, and nothing else.

use std::collections::BTreeSet;

use anyhow::bail;

use super::{Exit, Surroundings, road, validate};
use crate::config::{Output, VerifySettings};
use crate::model::{Desired, Part, ServiceKey, schedule_group_name};
use crate::observe;
use crate::report::{self, VerificationOf};
use crate::verify::{self, Context, Level};

/// Prints everything that was found; exits with an error if something will not work.
pub async fn run(settings: &VerifySettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let checkout = road::checkout(&settings.source, &settings.account.state).await?;
    let desired = road::loaded(&checkout, &settings.source, &settings.account).await?;
    validate::unused(&checkout, &desired).iter().for_each(|warning| eprint!("{warning}"));
    let only = chosen(&settings.services, &desired)?;
    let (inspector, account) = road::inspector(&settings.account, &desired).await?;
    let environment = &desired.environment;
    let context = Context {
        account,
        region: environment.region.clone(),
        cluster: environment.cluster.clone(),
        schedule_group: schedule_group_name(
            &settings.account.installation,
            &environment.name,
            &environment.cluster,
        ),
    };
    let needs = verify::needs(&desired, &only);
    let subjects = verify::subjects(&needs, &context);
    let progress = Progress { shown: surroundings.terminal_of_errors };
    let facts =
        observe::surroundings(&inspector, &subjects, &|answered, all| progress.tell(answered, all)).await;
    progress.end();
    let verification = verify::judge(&needs, &facts, &context);
    let of = VerificationOf {
        environment,
        revision: &desired.revision,
        verification: &verification,
        calls: inspector.calls(),
    };
    match settings.output {
        Output::Json => road::line(&format!("{:#}", report::verification_json(&of))),
        Output::Text => road::print(&report::verification_text(&of, surroundings.colour)),
    }
    // A check that sees nothing must not pass.
    if !facts.is_empty() && facts.values().all(|fact| matches!(fact, Part::Unreadable(_))) {
        bail!("nothing of what is needed could be read");
    }
    Ok(if verification.count(Level::Error) == 0 { Exit::Good } else { Exit::Error })
}

fn chosen(names: &[String], desired: &Desired) -> anyhow::Result<BTreeSet<ServiceKey>> {
    let only: BTreeSet<ServiceKey> = names.iter().map(ServiceKey::new).collect();
    if let Some(unknown) = only.iter().find(|key| desired.workload(key).is_none()) {
        let known: Vec<&str> = desired.keys().map(ServiceKey::name).collect();
        bail!(
            "environment `{}` has no service or scheduled task `{unknown}`\n  it has {}",
            desired.environment.name,
            known.join(", ")
        );
    }
    Ok(only)
}

/// One line on a terminal that overwrites itself.
struct Progress {
    shown: bool,
}

impl Progress {
    fn tell(&self, answered: usize, all: usize) {
        if self.shown {
            eprint!("\r\x1b[2Kasking AWS: {answered} of {all}");
        }
    }

    fn end(&self) {
        if self.shown {
            eprint!("\r\x1b[2K");
        }
    }
}
