//! `reconciler plan`: the road of a commit, stopped before anything is executed.

use super::{Exit, Surroundings, road};
use crate::config::{Output, PlanSettings};
use crate::model::Desired;
use crate::plan::{self, Plan};
use crate::report::{self, Explain};

/// Prints what `apply` would do.
pub async fn run(settings: &PlanSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let desired = road::desired(&settings.source, &settings.account.state).await?;
    let plan = look(settings, surroundings, &desired).await?;
    match settings.output {
        Output::Json if settings.explain => road::line(&format!("{:#}", report::plan_json_explained(&plan))),
        Output::Json => road::line(&format!("{:#}", report::plan_json(&plan))),
        Output::Text => {
            let options = report::PlanTextOptions {
                colour: surroundings.colour,
                explain: if settings.explain { Explain::QuietFields } else { Explain::Differences },
                now: (surroundings.now)(),
                width: None,
            };
            road::print(&report::plan_text(&plan, &desired, &options));
        }
    }
    Ok(match (settings.detailed_exitcode, plan.held().count(), plan.changes().count()) {
        (false, ..) | (true, 0, 0) => Exit::Good,
        (true, 0, _) => Exit::Changes,
        (true, ..) => Exit::Held,
    })
}

async fn look(
    settings: &PlanSettings,
    surroundings: &Surroundings,
    desired: &Desired,
) -> anyhow::Result<Plan> {
    let reader = road::reader(&settings.account, desired).await?;
    let records = road::records(&settings.account, desired)?;
    let live = road::observe(&reader, &settings.account, desired, &records, (surroundings.now)()).await?;
    let context = plan::Context { installation: &settings.account.installation, records: &records };
    Ok(plan::plan(desired, &live, &context))
}
