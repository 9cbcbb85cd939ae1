//! What one process of the job API holds: requests a second at a bounded latency, and memory during a
//! large upload; the real binary, on SQLite and on PostgreSQL.
//!
//! `make bench` builds the binaries and gives the PostgreSQL server. One line for each figure.

mod api;
mod load;
mod upload;

use std::process::ExitCode;

use anyhow::Context as _;

use api::{Api, Database};

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut databases = vec![Database::Sqlite];
    match std::env::var("TEST_POSTGRES_URL") {
        Ok(url) => databases.push(Database::Postgres { server: url }),
        Err(_) => {
            println!("bench: PostgreSQL is not measured: TEST_POSTGRES_URL is not set; `make bench` sets it")
        }
    }
    for database in databases {
        let name = database.name();
        let api = Api::start(&runtime, &database).with_context(|| format!("starting the API on {name}"))?;
        for what in [load::What::Submit, load::What::Read] {
            let held = runtime.block_on(load::highest_rate(api.address, what))?;
            println!(
                "bench: {what} database={name} held_per_s={} p50_ms={:.1} p99_ms={:.1} rss_mib={:.1}",
                held.rate,
                held.p50.as_secs_f64() * 1e3,
                held.p99.as_secs_f64() * 1e3,
                api.peak_mib()?
            );
        }
        if matches!(database, Database::Sqlite) {
            let before = api.peak_mib()?;
            let took = runtime.block_on(upload::one_gibibyte(api.address))?;
            println!(
                "bench: upload 1 GiB wall_ms={} rss_mib={:.1} before_mib={before:.1}",
                took.as_millis(),
                api.peak_mib()?
            );
        }
        api.stop()?;
    }
    Ok(())
}
