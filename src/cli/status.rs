//! `reconciler status`: how each service stands, from Git, AWS and the ledger, without touching any.

use super::{Exit, Surroundings, road};
use crate::config::{Output, StatusSettings};
use crate::ledger::LedgerView;
use crate::plan;
use crate::report::status::{self, LedgerStatus, Show, StatusTextOptions, status_json, status_text};

/// Prints the status; exits with an error only if it can't be told.
pub async fn run(settings: &StatusSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let desired = road::desired(&settings.source, &settings.account).await?;
    let sight = road::sight(&settings.account, &desired).await?;
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
    let live =
        road::observe(&sight.reader, &settings.account, &desired, records, (surroundings.now)()).await?;
    let context = plan::Context { installation: &settings.account.installation, records };
    let plan = plan::plan(&desired, &live, &context);
    let mut status = status::fold(&desired, &live, records, &plan, live.read_at, (surroundings.now)());
    status.ledger = ledger;
    match settings.output {
        Output::Json => road::line(&format!("{:#}", status_json(&status))),
        Output::Text => {
            let show = if settings.all { Show::Everything } else { Show::Attention };
            let options = StatusTextOptions { colour: surroundings.colour, show };
            road::print(&status_text(&status, &options));
        }
    }
    Ok(Exit::Good)
}
