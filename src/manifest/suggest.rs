//! "Did you mean": the nearest of the names that would have been right.

/// The candidate nearest to `written`, if it is near enough to be what was meant.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let most = (written.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            // Case and separators are what people get wrong first: `cpu_units`, `CPUUnits`.
            (
                strsim::damerau_levenshtein(&lower.replace(['_', '-'], ""), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, candidate)| (*distance, candidate.len()))
        .map(|(_, candidate)| candidate)
}

/// `did you mean ...?` for a label, or nothing.
pub fn did_you_mean<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(written, candidates).map_or_else(String::new, |name| format!("did you mean `{name}`?"))
}

/// `a, b or c`
pub fn any_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_if_it_is_near() {
        let names = ["essential", "environment", "entryPoint"];
        assert_eq!(nearest("essentail", names), Some("essential"));
        assert_eq!(nearest("Entry_Point", names), Some("entryPoint"));
        assert_eq!(nearest("volumes", names), None);
        assert_eq!(any_of(["a", "b", "c"]), "a, b or c");
    }
}
