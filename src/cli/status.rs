//! `reconciler status`: how each service stands, from Git, AWS and the ledger, without touching any.

use super::{Exit, Surroundings, road};
use crate::config::{Output, StatusSettings};
use crate::plan::{self, Explain};
use crate::report::status::{self, Show, StatusTextOptions, status_json, status_text};

/// Prints the status; exits with an error only if it can't be told.
pub async fn run(settings: &StatusSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let desired = road::desired(&settings.source, &settings.account).await?;
    road::note_missing_ledger(&settings.account, &desired.environment, "roll-backs and what is held");
    let reader = road::reader(&settings.account, &desired).await?;
    let records = road::records(&settings.account, &desired)?;
    let live = road::observe(&reader, &settings.account, &desired, &records, (surroundings.now)()).await?;
    let (installation, explain) = (&settings.account.installation, Explain::Differences);
    let context = plan::Context { installation, records: &records, explain };
    let plan = plan::plan(&desired, &live, &context);
    let status = status::fold(&desired, &live, &records, &plan, live.read_at, (surroundings.now)());
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
