//! What runs, or another tool's files, as manifests: so that a plan of them is empty.
//!
//! Pure: what was read is an argument, and the texts of the files are the result. They are loaded and
//! planned against what they were made from before anybody sees them.

mod check;
mod draft;
mod essence;
mod existing;
mod files;
mod left_out;
mod naming;
mod order;
mod remarks;
#[cfg(test)]
mod tests;
mod tree;
mod variables;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::Diagnostics;
use crate::model::{LiveService, ServiceKey};
use crate::shape::api::Api;
use crate::shape::layout::API_VERSION;

pub use existing::Existing;
pub use files::{Asked, FileError, FromFiles, read_files, referred};
pub use left_out::{LeftOut, Reason};
pub use remarks::Remark;
pub use tree::Tree;
pub use variables::Variable;

use variables::Variables;

/// Bytes of the name of a file.
const FILE_NAME_BYTES_MAX: usize = 200;

/// Where the services run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Name of the Environment to write.
    pub environment: String,
    pub account: Option<String>,
    pub region: String,
    pub cluster: String,
}

/// What there is to import.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub services: BTreeMap<ServiceKey, LiveService>,
    /// Variables that the source has already, and that values refer to.
    pub variables: Vec<Variable>,
    pub left_out: Vec<LeftOut>,
    pub remarks: Vec<Remark>,
    /// The Environment that is there already: it only gains variables.
    pub existing: Option<Existing>,
}

/// What was written, and what was not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Texts by path: one for each service, and the Environment.
    pub files: BTreeMap<String, String>,
    /// The services that were written, each with its file.
    pub services: BTreeMap<ServiceKey, String>,
    pub variables: Vec<Variable>,
    pub left_out: Vec<LeftOut>,
    pub remarks: Vec<Remark>,
    /// A plan of them does more than adopt.
    pub changes: bool,
}

/// Writes manifests for what was found.
///
/// An error is one of ours: manifests that nobody could load. A single service of that kind is left out.
pub fn import(found: &Found, home: &Home, installation: &str, api: &Api) -> Result<Import, Diagnostics> {
    let mut import =
        Import { left_out: found.left_out.clone(), remarks: found.remarks.clone(), ..Import::default() };
    let mut specs = Vec::new();
    for (key, live) in &found.services {
        match left_out::nameless(key).or_else(|| left_out::why(key, live, installation)) {
            Some(left_out) => import.left_out.push(left_out),
            None => {
                let (spec, remarks) = draft::spec(key, live, api);
                import.remarks.extend(remarks);
                specs.push((key.clone(), spec));
            }
        }
    }
    loop {
        write(&mut import, &specs, found, home);
        // What can't be known before somebody has filled it in can't be loaded either.
        let is_open = |variable: &Variable| matches!(variable.value, Tree::Missing(_) | Tree::Map(_));
        let open_before = found.existing.as_ref().is_some_and(Existing::is_open);
        let complete = !open_before && !import.variables.iter().any(is_open);
        if specs.is_empty() || !complete {
            break;
        }
        match check::load(&import.files, home, api) {
            Ok(desired) => {
                let differences = check::differences(&desired, &found.services, installation);
                import.changes = !differences.is_empty();
                import.remarks.extend(differences);
                break;
            }
            Err(diagnostics) => {
                let refused = check::refused(&diagnostics, &import.files, &import.services);
                if refused.is_empty() {
                    return Err(diagnostics);
                }
                specs.retain(|(key, _)| !refused.iter().any(|left_out| left_out.service == key.name()));
                import
                    .remarks
                    .retain(|remark| !refused.iter().any(|left_out| remark.is_of(&left_out.service)));
                import.left_out.extend(refused);
            }
        }
    }
    import.remarks.extend(kept(&import.variables, found));
    import.left_out.sort_by(|one, other| one.service.cmp(&other.service));
    import.remarks.sort();
    Ok(import)
}

/// Variables that the Environment has already, with values of its own.
fn kept(variables: &[Variable], found: &Found) -> Vec<Remark> {
    let contradicted =
        variables.iter().filter(|it| found.existing.as_ref().is_some_and(|known| known.contradicts(it)));
    let remark = |variable: &Variable| Remark {
        service: None,
        text: format!("the Environment keeps its value of `{}`; the files have another", variable.name),
        way_out: "give the services a variable of another name if they need it".to_owned(),
    };
    contradicted.map(remark).collect()
}

/// The texts of all files.
fn write(import: &mut Import, specs: &[(ServiceKey, Tree)], found: &Found, home: &Home) {
    let mut taken: BTreeSet<String> = found.variables.iter().map(|variable| variable.name.clone()).collect();
    taken.extend(found.existing.iter().flat_map(Existing::names).cloned());
    let mut variables = Variables::of(specs, home.account.as_deref(), &home.region, &taken);
    // A value that the Environment has already keeps its name.
    for variable in &mut variables.lifted {
        if let Some(name) = found.existing.as_ref().and_then(|it| it.name_of(&variable.value)) {
            variable.name = name.to_owned();
        }
    }
    import.files.clear();
    import.services.clear();
    if specs.is_empty() {
        return;
    }
    for (key, spec) in specs {
        let path = file_of(key.name(), &import.files);
        let manifest = envelope("Service", key.name(), variables.put(spec));
        import.files.insert(path.clone(), yaml::write(&manifest));
        import.services.insert(key.clone(), path);
    }
    let used = |variable: &Variable| {
        let users = specs.iter().filter(|(_, spec)| variables::uses(spec, &variable.name));
        Variable { services: users.map(|(key, _)| key.clone()).collect(), ..variable.clone() }
    };
    let of_the_source = found.variables.iter().map(used).filter(|variable| !variable.services.is_empty());
    import.variables = of_the_source.chain(variables.lifted).collect();
    let path = format!("environments/{}.yaml", home.environment);
    let manifest = envelope("Environment", &home.environment, environment(home, &import.variables));
    let text = match &found.existing {
        Some(existing) => existing.with(&import.variables),
        None => yaml::write(&manifest),
    };
    import.files.insert(path, text);
}

/// `NAME.yaml`, of which nearly every file system takes 255 bytes and some tools less.
fn file_of(name: &str, taken: &BTreeMap<String, String>) -> String {
    if name.len() + ".yaml".len() <= FILE_NAME_BYTES_MAX {
        return format!("{name}.yaml");
    }
    // What is cut off may be all that tells two names apart.
    let numbered = (1_usize..).map(|number| {
        let ending = if number == 1 { ".yaml".to_owned() } else { format!("-{number}.yaml") };
        let kept = name.char_indices().map(|(at, letter)| at + letter.len_utf8());
        let kept =
            kept.take_while(|end| end + ending.len() <= FILE_NAME_BYTES_MAX).last().unwrap_or_default();
        format!("{}{ending}", &name[..kept])
    });
    numbered.into_iter().find(|path| !taken.contains_key(path)).unwrap_or_default()
}

fn envelope(kind: &str, name: &str, spec: Tree) -> Tree {
    Tree::map([
        ("apiVersion", Tree::text(API_VERSION)),
        ("kind", Tree::text(kind)),
        ("metadata", Tree::map([("name", Tree::text(name))])),
        ("spec", spec),
    ])
}

fn environment(home: &Home, variables: &[Variable]) -> Tree {
    let mut spec = Vec::new();
    if let Some(account) = &home.account {
        spec.push(("account".to_owned(), Tree::text(account)));
    }
    spec.push(("region".to_owned(), Tree::text(&home.region)));
    spec.push(("cluster".to_owned(), Tree::text(&home.cluster)));
    if !variables.is_empty() {
        let variables = variables.iter().map(|variable| (variable.name.clone(), variable.value.clone()));
        spec.push(("variables".to_owned(), Tree::Map(variables.collect())));
    }
    Tree::Map(spec)
}
