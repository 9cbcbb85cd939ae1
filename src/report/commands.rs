//! The commands that texts tell people to type, so that they work where they are read.

/// Verbs that are about one service.
const VERBS: [&str; 7] = ["abort", "continue", "resume", "retry", "rollback", "suspend", "sync"];
const PROGRAM: &str = "reconciler ";

/// Puts `options` behind each `reconciler VERB SERVICE` of a text. They begin with a space, or are empty.
pub fn with_options(text: &str, options: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PROGRAM) {
        let (before, command) = rest.split_at(at + PROGRAM.len());
        told.push_str(before);
        rest = command;
        if let Some(end) = end_of_command(command) {
            told.push_str(&command[..end]);
            told.push_str(options);
            rest = &command[end..];
        }
    }
    told.push_str(rest);
    told
}

/// Where `retry api` ends; `None`: that is no command about a service.
fn end_of_command(text: &str) -> Option<usize> {
    let (verb, service) = text.split_once(' ').filter(|(verb, _)| VERBS.contains(verb))?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let name = service.find(|letter| !is_name(letter)).unwrap_or(service.len());
    (name > 0).then_some(verb.len() + 1 + name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_about_a_service_is_told_with_the_options_that_it_takes_here() {
        for (text, expected) in [
            (
                "commit a change, or `reconciler retry api`",
                "commit a change, or `reconciler retry api -e test`",
            ),
            (
                "first: reconciler resume a-b_2\nthen reconciler rollback web --to NUMBER",
                "first: reconciler resume a-b_2 -e test\nthen reconciler rollback web -e test --to NUMBER",
            ),
            (
                "`reconciler run` heeds it; `reconciler retry`",
                "`reconciler run` heeds it; `reconciler retry`",
            ),
            (
                "the tag `reconciler/suspended` of reconciler ",
                "the tag `reconciler/suspended` of reconciler ",
            ),
        ] {
            assert_eq!(with_options(text, " -e test"), expected);
            assert_eq!(with_options(text, ""), text);
        }
    }
}
