//! The command line as a whole: the settings, and which of its options another command needs as well.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use super::Settings;

/// Options that say which installation is meant, and where it is.
const WHERE: [&str; 9] = [
    "repository",
    "branch",
    "path",
    "environment",
    "git_ca_file",
    "installation",
    "state",
    "ledger",
    "endpoint_url",
];

impl Settings {
    /// Takes a command line, and says what of it another verb has to be given to mean the same installation:
    /// ` --environment test`, or nothing. What came from the environment is there for that one, too.
    pub(super) fn of(line: impl IntoIterator<Item = OsString>) -> Result<(Self, String), clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(line)?;
        let again = matches.subcommand().map(|(_, verb)| again(verb)).unwrap_or_default();
        let settings = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok((settings, again))
    }
}

fn again(verb: &ArgMatches) -> String {
    let given = |id: &str| {
        let known = verb.try_contains_id(id).unwrap_or(false);
        if !known || verb.value_source(id) != Some(ValueSource::CommandLine) {
            return None;
        }
        let value = verb.get_raw(id)?.next()?.to_str()?;
        // What may be a password is not repeated.
        let secret = value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
        (!secret).then(|| format!(" --{} {}", id.replace('_', "-"), quoted(value)))
    };
    WHERE.iter().filter_map(|id| given(id)).collect()
}

/// As a shell takes it for one word.
pub fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=+,@%".contains(letter);
    match !value.is_empty() && value.chars().all(plain) {
        true => value.to_owned(),
        false => format!("'{}'", value.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(line: &str) -> String {
        let words = line.split(' ').map(|word| OsString::from(word.replace('_', " ")));
        Settings::of(words).map_or_else(|error| error.to_string(), |(_, again)| again)
    }

    #[test]
    fn what_says_which_installation_is_meant_is_repeated_as_it_was_typed() {
        assert_eq!(again("reconciler status"), "");
        assert_eq!(again("reconciler status -e test --all"), " --environment test");
        assert_eq!(
            again("reconciler plan --path my_manifests --ledger dynamodb:jobs --explain"),
            " --path 'my manifests' --ledger dynamodb:jobs"
        );
        assert_eq!(again("reconciler schema"), "");
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let told =
            again("reconciler plan --repository https://ada:canary@example.com/x.git --git-token canary");
        assert_eq!(told, "");
    }
}
