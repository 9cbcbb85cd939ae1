//! `reconciler plan`: the road of a commit, stopped before anything is executed.

use std::sync::Arc;

use super::{Exit, Surroundings, road};
use crate::config::{Output, PlanSettings};
use crate::ledger::LedgerView;
use crate::model::Desired;
use crate::observe::Observer;
use crate::plan::{self, Explain, Plan};
use crate::report;

/// Prints what `apply` would do.
pub async fn run(settings: &PlanSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let remembering = road::remembering(&settings.source, &settings.account).await?;
    let desired = remembering.desired.clone();
    let sight = road::sight(&settings.account, &desired).await?;
    let memory = road::memory(&settings.account, &desired.environment, &sight).await?;
    let desired = Arc::new(road::with_images(&desired, &sight.reader, memory.records()).await);
    let plan = look(settings, surroundings, (&desired, &sight, &memory), remembering).await?;
    let unknown = "deletions, roll-backs and what is held";
    let has_ledger = road::note_missing_ledger(&settings.account, &desired.environment, &memory, unknown);
    match settings.output {
        Output::Json => {
            let mut object = match settings.explain {
                true => report::plan_json_explained(&plan),
                false => report::plan_json(&plan),
            };
            object["ledger"] = if has_ledger { "present" } else { "absent" }.into();
            road::line(&format!("{object:#}"));
        }
        Output::Text => {
            let options = report::PlanTextOptions {
                colour: surroundings.colour,
                explain: explain(settings),
                now: (surroundings.now)(),
                width: None,
            };
            let text = report::plan_text(&plan, &desired, &options);
            road::print(&report::with_options(&text, &surroundings.again));
        }
    }
    Ok(match (settings.detailed_exitcode, plan.held().count(), plan.changes().count()) {
        (false, ..) | (true, 0, 0) => Exit::Good,
        (true, 0, _) => Exit::Changes,
        (true, ..) => Exit::Held,
    })
}

fn explain(settings: &PlanSettings) -> Explain {
    if settings.explain { Explain::QuietFields } else { Explain::Differences }
}

async fn look(
    settings: &PlanSettings,
    surroundings: &Surroundings,
    (desired, sight, memory): (&Arc<Desired>, &road::Sight, &LedgerView),
    remembering: road::Remembering,
) -> anyhow::Result<Plan> {
    let mut records = memory.records().clone();
    let live =
        road::observe(&sight.reader, &settings.account, desired, &records, (surroundings.now)()).await?;
    let installation = &settings.account.installation;
    let explain = explain(settings);
    let plan = |records: &_| plan::plan(desired, &live, &plan::Context { installation, records, explain });
    let mut first = plan(&records);
    let observer = Observer::new(sight.reader.clone(), &desired.environment.cluster);
    if first.is_empty() {
        observer.tell_old_revisions(installation, (desired, &live, &records), &mut first).await;
        return Ok(first);
    }
    // What differs is worth asking older commits about.
    let pasts = remembering.pasts(desired.clone(), first.differing(), records.clone()).await?;
    pasts.complete(&mut records, &live, installation);
    let mut plan = plan(&records);
    pasts.date(&mut plan);
    observer.tell_old_revisions(installation, (desired, &live, memory.records()), &mut plan).await;
    Ok(plan)
}
