//! `reconciler suspend`: asks the operator to leave a service alone, perhaps for a while.

use super::{Exit, Surroundings, request};
use crate::config::SuspendSettings;
use crate::model::{Request, tag};
use crate::report;

pub async fn run(settings: &SuspendSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let subject = request::subject(&settings.about, surroundings).await?;
    let asked_for = Request {
        until: settings.time.map(|time| subject.now.plus(time)),
        ..subject.request(&settings.reason)
    };
    let asked = subject.ask(tag::SUSPENDED, &asked_for).await?;
    let key = &subject.key;
    let lines = [
        format!("{key} is {}", report::suspended_sentence(&asked_for)),
        "nothing of it is changed, not even a rollout taken back that fails from now on; it is still watched, \
         and `reconciler plan` shows what waits"
            .to_owned(),
        match asked_for.until {
            Some(_) => format!("it ends by itself; before that: reconciler resume {key}"),
            None => format!("it does not end by itself: reconciler resume {key}"),
        },
    ];
    request::told(&settings.about, &subject, "suspend", &asked, &lines).await
}
