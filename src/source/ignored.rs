//! `.reconcilerignore`: what lies below the manifest folder and is not meant for this installation,
//! such as examples.

use std::collections::BTreeSet;

/// Name of the file, read from the manifest folder alone.
pub(super) const IGNORE_FILE: &str = ".reconcilerignore";
/// Entries of one file.
const ENTRIES_MAX: usize = 1_000;

/// Paths from the root of the repository that are passed over, with everything below them.
#[derive(Debug, Default)]
pub(super) struct Ignored(BTreeSet<String>);

impl Ignored {
    /// Reads the file's text: one path a line, counted from `folder`. Blank lines and lines that
    /// begin with `#` say nothing. An error names the line and what is wrong with it.
    pub(super) fn read(text: &str, folder: &str) -> Result<Self, String> {
        let mut paths = BTreeSet::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let path = line.trim_end_matches('/');
            if let Some(why) = fault(path) {
                return Err(format!("has a line {number}, `{}`, that {why}", line.escape_debug()));
            }
            if paths.len() == ENTRIES_MAX {
                return Err(format!("has more than {ENTRIES_MAX} entries"));
            }
            paths.insert(if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") });
        }
        Ok(Self(paths))
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        self.0.contains(path)
    }
}

/// A line that would quietly ignore nothing, or something else than its author thinks, is refused.
fn fault(path: &str) -> Option<&'static str> {
    if path.contains(['*', '?', '[', '!', '\\']) {
        return Some("is a pattern: name the file or the folder itself");
    }
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    path.split('/').any(odd).then_some("is no path from the manifest folder: write it like `examples/`")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_is_a_path_from_the_manifest_folder() {
        let ignored = Ignored::read("# not ours\n\nexamples/\nold/api.yaml\n", "manifests").unwrap();
        assert!(ignored.contains("manifests/examples") && ignored.contains("manifests/old/api.yaml"));
        assert!(!ignored.contains("manifests/old") && !ignored.contains("examples"));
        assert!(Ignored::read("examples", "").unwrap().contains("examples"));
    }

    #[test]
    fn a_line_that_would_ignore_something_else_than_it_says_is_refused() {
        for line in ["*.yaml", "!keep", "/examples", "../secret", "a//b", ".", "/"] {
            let refusal = Ignored::read(&format!("ok\n{line}\n"), "").unwrap_err();
            assert!(refusal.starts_with("has a line 2"), "{line}: {refusal}");
        }
    }
}
