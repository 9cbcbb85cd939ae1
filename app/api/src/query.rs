//! Query parameters, read strictly: what is unknown or said twice is refused by name.

use axum::extract::Query;
use axum::http::Uri;

use crate::problem::{Code, Problem};

/// The parameters of one request.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Refuses parameters that are not among `known`, and those that are given twice.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Parameters, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| refusal("the query can't be read; write it as name=value&name=value"))?;
        for (place, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = known.join("`, `");
                return Err(refusal(format!("there is no query parameter `{name}`; there are `{known}`")));
            }
            if pairs[..place].iter().any(|(other, _)| other == name) {
                return Err(refusal(format!("the query parameter `{name}` is given twice")));
            }
        }
        Ok(Parameters(pairs))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A refusal of the query.
pub fn refusal(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidQuery, detail)
}
