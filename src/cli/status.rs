//! `reconciler status`: how each service stands, from Git, AWS and the ledger, without touching any.

use super::{Exit, Surroundings, road};
use crate::config::{Output, StatusSettings};
use crate::ledger::LedgerView;
use crate::model::Desired;
use crate::plan::{self, Explain};
use crate::report::status::{self, LedgerStatus, Show, Status, StatusTextOptions, status_json, status_text};
use crate::report::{Colour, with_options};

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
    let sight = road::sight(&settings.account, desired).await?;
    let unknown = "roll-backs and what is held";
    // What runs can be told without it, on the very day on which its store is down.
    let (memory, ledger) = match road::memory(&settings.account, &desired.environment, &sight).await {
        Ok(memory) => {
            road::note_missing_ledger(&settings.account, &desired.environment, &memory, unknown);
            let holder = memory.holder().cloned();
            (memory, holder.map_or(LedgerStatus::Untold, LedgerStatus::Held))
        }
        Err(error) if error.passes() => {
            let why = format!("{error}; {unknown} are not known now, and nothing is changed until it can");
            (LedgerView::default(), LedgerStatus::Unreadable(why))
        }
        Err(error) => return Err(error.into()),
    };
    let records = memory.records();
    let desired = &road::with_images(desired, &sight.reader, records).await;
    let live =
        road::observe(&sight.reader, &settings.account, desired, records, (surroundings.now)()).await?;
    let (installation, explain) = (&settings.account.installation, Explain::Differences);
    let context = plan::Context { installation, records, explain };
    let plan = plan::plan(desired, &live, &context);
    let mut status = status::fold(desired, &live, records, &plan, live.read_at, (surroundings.now)());
    status.ledger = ledger;
    Ok(status)
}

async fn without_git(
    settings: &StatusSettings,
    surroundings: &Surroundings,
    error: &anyhow::Error,
) -> Option<Status> {
    let known = match road::remembered(&settings.source, &settings.account, settings.region.as_deref()).await
    {
        Ok(known) => known?,
        Err(why) => {
            eprintln!("note: the ledger tells nothing either: {why}");
            return None;
        }
    };
    let now = (surroundings.now)();
    let live = road::observe_remembered(&settings.account, &known, now).await;
    let why = road::error_text(error, Colour::Plain);
    let road::Remembered { environment, records, holder } = &known;
    let mut status = status::fold_without_git(environment, &live, records, why, (surroundings.now)());
    status.ledger = holder.clone().map_or(LedgerStatus::Untold, LedgerStatus::Held);
    Some(status)
}

fn tell(status: &Status, settings: &StatusSettings, surroundings: &Surroundings) {
    match settings.output {
        Output::Json => road::line(&format!("{:#}", status_json(status))),
        Output::Text => {
            let show = if settings.all { Show::Everything } else { Show::Attention };
            let options = StatusTextOptions { colour: surroundings.colour, show };
            road::print(&with_options(&status_text(status, &options), &surroundings.again));
        }
    }
}
