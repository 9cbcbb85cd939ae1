//! `job-migrate`: brings the database up to the schema that the API and the worker of this version need.
//!
//! Any number of them may run at once, and again: one does the work, the others find it done. What each did is in its
//! log. It ends with 0 when the schema is there, and 1 when it can't be brought up; then it is at the last whole step.
//! `--check` changes nothing, and ends with 3 when there is something to do. The settings are those of
//! `jobs::settings` that concern the database and the log.

use std::process::ExitCode;

use jobs::environment::Environment;
use jobs::settings::CommonSettings;
use jobs::store::{SchemaStep, Store};
use tracing::info;

const USAGE: &str = "usage: job-migrate [--check]

Brings the database at DATABASE_URL up to the schema that this version needs.

  --check   change nothing; end with 3 when there is something to do
";

const USAGE_ERROR: u8 = 64;
const SOMETHING_TO_DO: u8 = 3;

#[derive(Clone, Copy)]
enum Verb {
    Migrate,
    Check,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let verb = match arguments.as_slice() {
        [] => Verb::Migrate,
        [check] if check == "--check" => Verb::Check,
        [help] if help == "--help" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(USAGE_ERROR);
        }
    };
    let read = |mut environment: Environment| {
        let settings = CommonSettings::read(&mut environment, env!("CARGO_PKG_VERSION"));
        environment.accept(settings)
    };
    jobs::start::process(read, |settings| settings, async |settings| run(verb, settings).await).await
}

async fn run(verb: Verb, settings: CommonSettings) -> anyhow::Result<ExitCode> {
    let store = Store::open_with(&settings.database_url, settings.database_limits).await?;
    let version = settings.version;
    let end = match verb {
        Verb::Migrate => {
            let applied = store.migrate().await?;
            tell(&applied, "applied");
            info!(version, applied = applied.len(), "the schema is up to date");
            ExitCode::SUCCESS
        }
        Verb::Check => {
            let pending = store.pending().await?;
            tell(&pending, "to be applied");
            info!(version, pending = pending.len(), "checked");
            if pending.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SOMETHING_TO_DO) }
        }
    };
    store.close().await;
    Ok(end)
}

fn tell(steps: &[SchemaStep], what: &str) {
    for step in steps {
        info!(step = step.version, description = step.description, "{what}");
    }
}
