//! The texts that are sent: each template has a subject, a plain text and a page of HTML, compiled in.

use std::collections::BTreeMap;

use jobs::work::Template;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

/// A longer subject is more likely a mistake than a subject.
const SUBJECT_CHARACTERS_MAX: usize = 200;
/// Each of the two texts. SES takes more; no template needs it.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// By name.
pub type Values = BTreeMap<String, String>;

/// What is sent, in both forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

#[derive(Debug, thiserror::Error)]
#[error("the template `{template}` can't be filled in: {why}")]
pub struct NotRendered {
    template: &'static str,
    why: String,
}

struct Source {
    subject: &'static str,
    text: &'static str,
    html: &'static str,
}

macro_rules! source {
    ($name:literal) => {
        Source {
            subject: include_str!(concat!("templates/", $name, ".subject")),
            text: include_str!(concat!("templates/", $name, ".txt")),
            html: include_str!(concat!("templates/", $name, ".html")),
        }
    };
}

impl Letter {
    /// Fills in a template. A value that it names and that is not given is an error; one that it does not name
    /// is not used.
    pub fn render(template: Template, values: &Values) -> Result<Letter, NotRendered> {
        let source = match template {
            Template::Welcome => source!("welcome"),
            Template::ReportReady => source!("report-ready"),
        };
        let not_rendered = |why| NotRendered { template: template.name(), why };
        let fill = |text: &str, escape| fill(text, escape, values).map_err(not_rendered);
        let letter = Letter {
            subject: fill(source.subject.trim_end(), AutoEscape::None)?,
            text: fill(source.text, AutoEscape::None)?,
            html: fill(source.html, AutoEscape::Html)?,
        };
        letter.check().map_err(not_rendered)?;
        Ok(letter)
    }

    fn check(&self) -> Result<(), String> {
        if self.subject.chars().any(char::is_control) {
            return Err("the subject would hold a line break or another control character".into());
        }
        let characters = self.subject.chars().count();
        if characters > SUBJECT_CHARACTERS_MAX {
            return Err(format!(
                "the subject would have {characters} characters; at most {SUBJECT_CHARACTERS_MAX} are taken"
            ));
        }
        if self.text.len().max(self.html.len()) > TEXT_BYTES_MAX {
            return Err(format!("the text would have more than {TEXT_BYTES_MAX} bytes"));
        }
        Ok(())
    }
}

fn fill(template: &str, escape: AutoEscape, values: &Values) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment.render_str(template, values).map_err(|error| match error.kind() {
        ErrorKind::UndefinedError => match missing(template, values) {
            Some(name) => format!("the value `{name}` is missing"),
            None => error.to_string(),
        },
        _ => error.to_string(),
    })
}

/// The first value that a template names and that is not given.
fn missing(template: &str, values: &Values) -> Option<String> {
    let environment = Environment::new();
    let template = environment.template_from_str(template).ok()?;
    let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    names.sort();
    names.into_iter().find(|name| !values.contains_key(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn render(template: Template, values: &[(&str, &str)]) -> Result<Letter, String> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Letter::render(template, &values).map_err(|error| error.to_string())
    }

    #[test]
    fn a_letter_has_a_subject_a_text_and_a_page() {
        let letter = render(Template::Welcome, &[("name", "Ann")]).unwrap();
        assert_eq!(letter.subject, "Welcome, Ann");
        assert!(letter.text.starts_with("Hello Ann,\n"), "{}", letter.text);
        assert!(letter.html.contains("<p>Hello Ann,</p>"), "{}", letter.html);
        let values = [("name", "Ann"), ("report", "reports/7.csv"), ("rows", "12")];
        let letter = render(Template::ReportReady, &values).unwrap();
        assert_eq!(letter.subject, "Your report is ready: reports/7.csv");
        assert!(letter.text.ends_with("Report: reports/7.csv\nRows:   12"), "{}", letter.text);
    }

    #[test]
    fn a_value_that_is_missing_is_named() {
        assert_eq!(
            render(Template::Welcome, &[("nam", "Ann")]).unwrap_err(),
            "the template `welcome` can't be filled in: the value `name` is missing"
        );
        assert_eq!(
            render(Template::ReportReady, &[("name", "Ann"), ("report", "r")]).unwrap_err(),
            "the template `report-ready` can't be filled in: the value `rows` is missing"
        );
    }

    #[test]
    fn a_value_is_text_in_the_page_and_never_markup() {
        let name = "<script>alert(1)</script> & {{ 7 * 7 }}";
        let letter = render(Template::Welcome, &[("name", name)]).unwrap();
        assert!(!letter.html.contains("<script>"), "{}", letter.html);
        assert!(letter.html.contains("&lt;script&gt;"), "{}", letter.html);
        assert!(letter.text.contains(name), "a value is not a template: {}", letter.text);
    }

    #[test]
    fn a_value_can_not_break_out_of_the_subject() {
        for name in ["Ann\r\nBcc: b@example.com", "Ann\nX: y", "Ann\0"] {
            let refused = render(Template::Welcome, &[("name", name)]).unwrap_err();
            assert!(
                refused.ends_with("the subject would hold a line break or another control character"),
                "{refused}"
            );
        }
        let refused = render(Template::Welcome, &[("name", &"x".repeat(200))]).unwrap_err();
        assert!(
            refused.ends_with("the subject would have 209 characters; at most 200 are taken"),
            "{refused}"
        );
    }
}
