//! Looks up variables in AWS: all of them, or why not.

use crate::aws::{ErrorKind, Export, PARAMETERS_MAX, Reader};
use crate::manifest::NotFound;
use crate::model::{Answers, Found, Json, LookupSource, LookupValue};

/// Pages of a hundred exports that are read at most.
const EXPORT_PAGES_MAX: usize = 50;

/// Looks each source up, however many variables ask for it.
pub async fn look_up(reader: &Reader, sources: &[LookupSource]) -> Result<Answers, Vec<NotFound>> {
    let mut answers = Answers::new();
    let mut missing = Vec::new();
    parameters(reader, sources, &mut answers, &mut missing).await;
    exports(reader, sources, &mut answers, &mut missing).await;
    if missing.is_empty() { Ok(answers) } else { Err(missing) }
}

async fn parameters(
    reader: &Reader,
    sources: &[LookupSource],
    answers: &mut Answers,
    missing: &mut Vec<NotFound>,
) {
    let names = sources.iter().filter_map(|source| match source {
        LookupSource::Parameter(name) => Some(name.as_str()),
        LookupSource::Export(_) => None,
    });
    let names: Vec<&str> = names.collect();
    for names in names.chunks(PARAMETERS_MAX) {
        let answer = reader.get_parameters(names).await;
        for name in names {
            let source = LookupSource::Parameter((*name).to_owned());
            let found = match &answer {
                Ok(answer) => parameter(answer, name),
                Err(error) => Err(unread(error)),
            };
            match found {
                Ok(found) => drop(answers.insert(source, found)),
                Err((title, note)) => missing.push(NotFound { source, title, note }),
            }
        }
    }
}

type Why = (String, Option<String>);

fn unread(error: &crate::aws::Error) -> Why {
    let denied = error.kind == ErrorKind::AccessDenied;
    (error.to_string(), denied.then(|| "deploy/iam/plan.json has the statement that allows it".to_owned()))
}

fn parameter(answer: &Json, name: &str) -> Result<Found, Why> {
    let text = |parameter: &Json, member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
    let mut parameters = answer["Parameters"].as_array().into_iter().flatten();
    // The selector is answered beside the name, and a name may have been asked for by its ARN.
    let is_it = |one: &&Json| {
        let selector = text(one, "Selector");
        ["Name", "ARN"].iter().any(|member| format!("{}{selector}", text(one, member)) == name)
    };
    let Some(found) = parameters.find(is_it) else {
        let note = "a name is written as Parameter Store has it, with all its slashes; a version or a label \
                    that it does not have counts as missing";
        return Err((format!("there is no parameter `{name}`"), Some(note.to_owned())));
    };
    let value = text(found, "Value");
    let value = match text(found, "Type").as_str() {
        "SecureString" => {
            let note = "let the task read it itself: `secrets: {NAME: <name or ARN of the parameter>}`; a \
                        variable's value is shown in plans and kept in task definitions";
            return Err((format!("parameter `{name}` is a SecureString"), Some(note.to_owned())));
        }
        "StringList" => LookupValue::List(value.split(',').map(str::to_owned).collect()),
        _ => LookupValue::Text(value),
    };
    Ok(Found { value, version: format!("version {}", found["Version"]) })
}

async fn exports(
    reader: &Reader,
    sources: &[LookupSource],
    answers: &mut Answers,
    missing: &mut Vec<NotFound>,
) {
    let is_export = |source: &&LookupSource| matches!(source, LookupSource::Export(_));
    let mut open: Vec<LookupSource> = sources.iter().filter(is_export).cloned().collect();
    let mut token: Option<String> = None;
    for _ in 0..EXPORT_PAGES_MAX {
        if open.is_empty() {
            return;
        }
        let page = match reader.list_exports(token.as_deref()).await {
            Ok(page) => page,
            Err(error) => {
                let (title, note) = unread(&error);
                let not_found = |source| NotFound { source, title: title.clone(), note: note.clone() };
                missing.extend(open.into_iter().map(not_found));
                return;
            }
        };
        for export in page.exports {
            let source = LookupSource::Export(export.name.clone());
            if let Some(place) = open.iter().position(|one| *one == source) {
                open.remove(place);
                answers.insert(source, found(export));
            }
        }
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    missing.extend(open.into_iter().map(|source| NotFound {
        title: format!("there is no CloudFormation {source}"),
        note: Some("the Export's Name of a stack's output, in this account and region".to_owned()),
        source,
    }));
}

fn found(export: Export) -> Found {
    // arn:aws:cloudformation:eu-west-1:123456789012:stack/network/6f2c…
    let stack = export.stack.split('/').nth(1).unwrap_or(&export.stack);
    Found { version: format!("of stack {stack}"), value: LookupValue::Text(export.value) }
}
