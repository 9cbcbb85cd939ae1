//! `reconciler retry`: asks for one more try of what is held after a failure, or after a roll-back.

use anyhow::bail;

use super::{Exit, Surroundings, request};
use crate::config::OnceSettings;
use crate::model::{Request, tag};

pub async fn run(settings: &OnceSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    let subject = request::subject(&settings.about, surroundings).await?;
    subject.refuse_while_suspended()?;
    let key = &subject.key;
    let digest = subject.service()?.digest.clone();
    let held = subject.record.as_ref().and_then(|record| record.quarantine.as_ref());
    let failed = match (&subject.record, held) {
        (Some(_), None) => bail!("nothing of `{key}` is held: there is nothing to try again"),
        (Some(_), Some(held)) if held.digest != digest => bail!(
            "what failed of `{key}` is {}, and {} asks for {}, which is not held",
            held.digest.short(),
            subject.desired.revision,
            digest.short()
        ),
        (_, Some(held)) => {
            let failure = &held.failure;
            format!("it is held since {}: {}", failure.at.minute(), failure.likely_cause)
        }
        (None, None) => {
            "there is no ledger here: whether it is held is known to the operator alone".to_owned()
        }
    };
    let asked_for = Request {
        digest: Some(digest.as_str().to_owned()),
        ..subject.request(settings.reason.as_deref().unwrap_or_default())
    };
    let asked = subject.ask(tag::RETRY, &asked_for).await?;
    let lines = [
        format!("{key} is to be tried again, once: {} of {}", digest.short(), subject.desired.revision),
        failed,
        request::AT_THE_NEXT_LOOK.to_owned(),
    ];
    let exit = request::told(&settings.about, &subject, "retry", &asked, &lines).await?;
    request::settled(&settings.about, settings.wait, &subject, &asked).await?;
    Ok(exit)
}
