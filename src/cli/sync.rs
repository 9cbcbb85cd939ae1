//! `reconciler sync`: asks not to wait any longer with what Git asks for.

use super::{Exit, Surroundings, request};
use crate::config::OnceSettings;
use crate::model::tag;

pub async fn run(settings: &OnceSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let subject = request::subject(&settings.about, surroundings).await?;
    subject.refuse_while_suspended()?;
    let key = &subject.key;
    let asked_for = subject.request(settings.reason.as_deref().unwrap_or_default());
    let asked = subject.ask(tag::SYNC, &asked_for).await?;
    let lines = [
        format!(
            "{key} is to be as Git wants it now, whatever its windows say and without waiting for another try"
        ),
        format!("what is held after a failure stays held: that takes `reconciler retry {key}`"),
        request::AT_THE_NEXT_LOOK.to_owned(),
    ];
    let exit = request::told(&settings.about, &subject, "sync", &asked, &lines).await?;
    request::settled(&settings.about, settings.wait, &subject, &asked).await?;
    Ok(exit)
}
