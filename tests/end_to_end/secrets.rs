//! What is secret is said nowhere, however much is asked for.

use super::operator::{Operator, finish};
use super::served::{Installation, Served, repository_of, wait_until_settled};
use crate::world::canary::planted;

#[test]
fn no_secret_is_in_what_it_says_at_the_highest_level() {
    let served = Served::start();
    let (mut repository, _) = repository_of("1");
    let password = planted("the-manifest");
    let secret = format!("environment: {{LOG_LEVEL: info, DATABASE_PASSWORD: {password}}}");
    repository.edit("manifests/web.yaml", "environment: {LOG_LEVEL: info}", &secret);
    let commit = repository.commit("Add a password");
    let installation = Installation::new(&repository, &served);
    let secretive = |verb: &str| {
        let mut command = installation.verb(verb);
        command
            .env("RUST_LOG", "trace,aws_smithy_runtime::client=trace,hyper_util::client=trace")
            .env("RECONCILER_GIT_TOKEN", planted("git"));
        command
    };
    let planned = finish(&mut secretive("plan"));
    let mut operator = Operator::start(secretive("run").args(["--poll", "200ms", "--resync", "1s"]));
    wait_until_settled(&operator, &commit);
    // An update shows values that differ.
    let edited = repository.edit("manifests/web.yaml", "app:1", "app:2").commit("Release 2");
    wait_until_settled(&operator, &edited);
    operator.terminate();
    operator.wait_for_end();
    let told = format!("{}{}{}", planned.stdout, planned.stderr, operator.told());
    assert!(told.contains("web"), "{told}");
    // What each of them says is searched as it comes.
    drop(operator);
    crate::world::canary::nothing_leaked();
}
