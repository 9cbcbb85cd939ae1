//! Typed reading of environment variables, with all mistakes reported at once.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A snapshot of variables, and what was found wrong with those read so far. An empty variable counts as absent.
#[derive(Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    problems: Vec<String>,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("invalid settings: {}", .0.join("; "))]
pub struct InvalidSettings(Vec<String>);

/// Names only: among the values are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Environment {
    pub fn of_process() -> Environment {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Environment { variables, problems: Vec::new() }
    }

    pub fn of<const N: usize>(pairs: [(&str, &str); N]) -> Environment {
        let variables = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Environment { variables, problems: Vec::new() }
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    pub fn number<T>(&mut self, name: &str, default: T, allowed: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let Some(text) = self.text(name) else {
            return default;
        };
        match text.parse::<T>() {
            Ok(number) if allowed.contains(&number) => number,
            _ => {
                self.refuse(format!(
                    "{name} must be a number from {} to {}, not `{text}`",
                    allowed.start(),
                    allowed.end()
                ));
                default
            }
        }
    }

    pub fn milliseconds(&mut self, name: &str, default: u64, max: u64) -> Duration {
        Duration::from_millis(self.number(name, default, 0..=max))
    }

    pub fn refuse(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// The settings read, unless something was wrong with one of them.
    pub fn accept<T>(self, settings: T) -> Result<T, InvalidSettings> {
        if self.problems.is_empty() { Ok(settings) } else { Err(InvalidSettings(self.problems)) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_absent_or_empty_variable_takes_its_default() {
        let mut environment = Environment::of([("EMPTY", "")]);
        assert_eq!(environment.number("EMPTY", 7, 1..=9), 7);
        assert_eq!(environment.number("ABSENT", 8, 1..=9), 8);
        assert_eq!(environment.accept(()), Ok(()));
    }

    #[test]
    fn no_value_is_shown() {
        let environment = Environment::of([("ADMIN_TOKEN", "correct-horse-battery-staple")]);
        assert_eq!(format!("{environment:?}"), r#"{"ADMIN_TOKEN"}"#);
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let mut environment = Environment::of([("PORT", "http"), ("GRACE", "99")]);
        environment.number::<u16>("PORT", 80, 1..=u16::MAX);
        environment.milliseconds("GRACE", 1, 50);
        assert_eq!(
            environment.accept(()).unwrap_err().to_string(),
            "invalid settings: PORT must be a number from 1 to 65535, not `http`; \
             GRACE must be a number from 0 to 50, not `99`"
        );
    }
}
