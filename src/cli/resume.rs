//! `reconciler resume`: ends a suspension.

use anyhow::bail;

use super::{Exit, Surroundings, request};
use crate::config::RequestSettings;
use crate::model::tag;
use crate::report;

pub async fn run(settings: &RequestSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let subject = request::subject(settings, surroundings).await?;
    let key = &subject.key;
    if subject.ecs.tag(tag::SUSPENDED).is_none() {
        bail!("`{key}` is not suspended");
    }
    let was = subject.ecs.suspended(subject.now).map(|request| report::suspended_sentence(&request));
    subject.requester.untag_service(subject.ecs.arn(), tag::SUSPENDED).await?;
    let asked = request::Asked { tag: tag::SUSPENDED, value: None };
    let lines = [
        match was {
            Some(was) => format!("{key} goes on; it was {was}"),
            None => format!("{key} goes on; its suspension had ended already"),
        },
        "what waited is done at the operator's next look, within one and a half of its `--resync` (45 s as it comes)".to_owned(),
    ];
    request::told(settings, &subject, "resume", &asked, &lines).await
}
