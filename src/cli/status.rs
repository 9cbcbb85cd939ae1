//! `reconciler status`: how each service stands, from Git, AWS and the ledger, without touching any.

use super::{Exit, Surroundings, road};
use crate::config::{Output, StatusSettings};
use crate::model::Desired;
use crate::plan::{self, Explain};
use crate::report::Colour;
use crate::report::status::{self, Show, Status, StatusTextOptions, status_json, status_text};

/// Prints the status; exits with an error if it can't be told, or only without what Git wants.
pub async fn run(settings: &StatusSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    match road::desired(&settings.source, &settings.account).await {
        Ok(desired) => {
            tell(&with_git(settings, surroundings, &desired).await?, settings, surroundings);
            Ok(Exit::Good)
        }
        // Whoever is on call has to see what runs, whatever was committed last.
        Err(error) => {
            if let Some(status) = without_git(settings, surroundings, &error).await {
                tell(&status, settings, surroundings);
            }
            Err(error)
        }
    }
}

async fn with_git(
    settings: &StatusSettings,
    surroundings: &Surroundings,
    desired: &Desired,
) -> anyhow::Result<Status> {
    road::note_missing_ledger(&settings.account, &desired.environment, "roll-backs and what is held");
    let reader = road::reader(&settings.account, desired).await?;
    let records = road::records(&settings.account, desired)?;
    let live = road::observe(&reader, &settings.account, desired, &records, (surroundings.now)()).await?;
    let (installation, explain) = (&settings.account.installation, Explain::Differences);
    let context = plan::Context { installation, records: &records, explain };
    let plan = plan::plan(desired, &live, &context);
    Ok(status::fold(desired, &live, &records, &plan, live.read_at, (surroundings.now)()))
}

async fn without_git(
    settings: &StatusSettings,
    surroundings: &Surroundings,
    error: &anyhow::Error,
) -> Option<Status> {
    let known = match road::remembered(&settings.source, &settings.account) {
        Ok(known) => known?,
        Err(why) => {
            eprintln!("note: the ledger tells nothing either: {why}");
            return None;
        }
    };
    let now = (surroundings.now)();
    let live = road::observe_remembered(&settings.account, &known, now).await;
    let why = road::error_text(error, Colour::Plain);
    let road::Remembered { environment, records } = &known;
    Some(status::fold_without_git(environment, &live, records, why, (surroundings.now)()))
}

fn tell(status: &Status, settings: &StatusSettings, surroundings: &Surroundings) {
    match settings.output {
        Output::Json => road::line(&format!("{:#}", status_json(status))),
        Output::Text => {
            let show = if settings.all { Show::Everything } else { Show::Attention };
            let options = StatusTextOptions { colour: surroundings.colour, show };
            road::print(&status_text(status, &options));
        }
    }
}
