//! Values that several services share become variables of the Environment, under a name that says what
//! they are. Short and meaningless texts stay where they are: equal by chance is not the same.

use std::collections::{BTreeMap, BTreeSet};

use super::naming::{self, Use};
use super::tree::Tree;
use crate::model::{Json, ServiceKey};
use crate::plan::is_credential;

/// Around the name of a variable in a text that is not written yet. Neither stands in anything that ECS takes.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// Services that have to share a value before it is lifted.
const SHARED_BY_MIN: usize = 2;
/// Registries that everybody uses: naming them spares nobody anything.
const PUBLIC_REGISTRIES: [&str; 8] = [
    "docker.io",
    "gcr.io",
    "ghcr.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "quay.io",
    "registry.k8s.io",
    "registry.gitlab.com",
];

/// A variable of the Environment that import made.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub name: String,
    pub value: Tree,
    /// The services that use it.
    pub services: BTreeSet<ServiceKey>,
}

/// A reference to a variable, for a text that [`Variables::put`] has yet to see.
pub fn reference(name: &str) -> String {
    format!("{OPEN}{name}{CLOSE}")
}

/// Whether a text refers to a variable.
pub fn has_reference(text: &str) -> bool {
    text.contains(OPEN)
}

/// Whether a text is a reference to a variable and nothing else.
pub fn is_reference(text: &str) -> bool {
    let inside = text.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE));
    inside.is_some_and(|name| !name.contains(CLOSE))
}

/// Whether a spec refers to a variable.
pub fn uses(spec: &Tree, name: &str) -> bool {
    match spec {
        Tree::Text(text) => text.contains(&reference(name)),
        Tree::List(items) => items.iter().any(|item| uses(item, name)),
        Tree::Map(members) => members.iter().any(|(_, value)| uses(value, name)),
        Tree::Flag(_) | Tree::Number(_) | Tree::Missing(_) => false,
    }
}

/// What is lifted out of a set of services.
#[derive(Debug, Default)]
pub struct Variables {
    pub lifted: Vec<Variable>,
    account: Option<String>,
    region: String,
}

/// A value that may be lifted, by its text; a list by its elements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Candidate {
    Registry(String),
    Text(String),
    List(Vec<String>),
}

impl Variables {
    /// Finds what the specs share. `taken` are names that are in use already.
    pub fn of(
        specs: &[(ServiceKey, Tree)],
        account: Option<&str>,
        region: &str,
        taken: &BTreeSet<String>,
    ) -> Self {
        let mut uses: BTreeMap<Candidate, Vec<Use>> = BTreeMap::new();
        for (service, spec) in specs {
            Walk { service, uses: &mut uses }.tree("", "", spec);
        }
        uses.retain(|_, uses| services(uses).len() >= SHARED_BY_MIN);
        // What most services use gets the plain name.
        let mut ranked: Vec<(Candidate, Vec<Use>)> = uses.into_iter().collect();
        ranked.sort_by_key(|(candidate, uses)| (std::cmp::Reverse(services(uses).len()), candidate.clone()));
        let mut names = taken.clone();
        let mut lifted: Vec<Variable> = ranked
            .into_iter()
            .map(|(candidate, uses)| {
                let name = match &candidate {
                    Candidate::Registry(host) => naming::registry(host, &names),
                    Candidate::Text(text) => naming::of_text(text, &uses, &names),
                    Candidate::List(_) => naming::of_list(&uses, &names),
                };
                names.insert(name.clone());
                let value = match candidate {
                    Candidate::Registry(text) | Candidate::Text(text) => Tree::Text(text),
                    Candidate::List(items) => Tree::List(items.into_iter().map(Tree::Text).collect()),
                };
                Variable { name, value, services: services(&uses) }
            })
            .collect();
        lifted.sort_by_key(|variable| {
            let kind = match &variable.value {
                Tree::Text(_) if variable.name.starts_with("registry") => 0,
                Tree::List(_) => 2,
                _ => 1,
            };
            (kind, variable.name.clone())
        });
        Self { lifted, account: account.map(str::to_owned), region: region.to_owned() }
    }

    /// A spec with references in the place of what was lifted, and of the account and region in ARNs and
    /// the like. Texts come out as a manifest spells them.
    pub fn put(&self, spec: &Tree) -> Tree {
        self.tree("", spec)
    }

    fn tree(&self, key: &str, tree: &Tree) -> Tree {
        match tree {
            Tree::Text(text) => Tree::Text(self.text(key, text)),
            Tree::List(items) => match texts(items).and_then(|texts| self.name_of_list(key, &texts)) {
                Some(name) => Tree::Text(format!("${{{name}}}")),
                None => Tree::List(items.iter().map(|item| self.tree(key, item)).collect()),
            },
            Tree::Map(members) => Tree::Map(
                members.iter().map(|(name, value)| (name.clone(), self.tree(name, value))).collect(),
            ),
            Tree::Flag(_) | Tree::Number(_) | Tree::Missing(_) => tree.clone(),
        }
    }

    fn text(&self, key: &str, text: &str) -> String {
        let rest = match candidate(key, text) {
            Some((Candidate::Registry(host), rest)) => self.name_of(&host).map(|name| (name, rest)),
            Some((Candidate::Text(value), rest)) => self.name_of(&value).map(|name| (name, rest)),
            Some((Candidate::List(_), _)) | None => None,
        };
        match rest {
            Some((name, rest)) => format!("${{{name}}}{}", self.spelt(rest)),
            None => self.spelt(text),
        }
    }

    fn name_of(&self, value: &str) -> Option<&str> {
        let found = self.lifted.iter().find(|variable| variable.value.as_text() == Some(value));
        found.map(|variable| variable.name.as_str())
    }

    fn name_of_list(&self, key: &str, value: &[&str]) -> Option<&str> {
        let is_value = |variable: &&Variable| match &variable.value {
            Tree::List(items) => texts(items).as_deref() == Some(value),
            _ => false,
        };
        is_list_of_ids(key).then(|| self.lifted.iter().find(is_value)).flatten().map(|it| it.name.as_str())
    }

    /// A text as a manifest spells it: `${` of its own escaped, references in place.
    fn spelt(&self, text: &str) -> String {
        let mut spelt = text.replace("${", "$${");
        if let Some(account) = &self.account {
            spelt = replace_whole(&spelt, account, "${account}");
        }
        if !self.region.is_empty() {
            spelt = replace_whole(&spelt, &self.region, "${region}");
        }
        spelt.replace(OPEN, "${").replace(CLOSE, "}")
    }
}

/// Replaces a word where it stands alone: `eu-west-1` is not in `eu-west-1a`. After `$` it stays, since
/// `$${` is how a manifest escapes `${`.
fn replace_whole(text: &str, word: &str, with: &str) -> String {
    let part_of_a_word =
        |letter: Option<char>| letter.is_some_and(|it| it.is_alphanumeric() || it == '-' || it == '_');
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let after = &rest[at + word.len()..];
        let before = replaced.chars().chain(rest[..at].chars()).next_back();
        replaced.push_str(&rest[..at]);
        let alone = before != Some('$') && !part_of_a_word(before) && !part_of_a_word(after.chars().next());
        replaced.push_str(if alone { with } else { word });
        rest = after;
    }
    replaced + rest
}

fn services(uses: &[Use]) -> BTreeSet<ServiceKey> {
    uses.iter().map(|it| it.service.clone()).collect()
}

fn texts(items: &[Tree]) -> Option<Vec<&str>> {
    items.iter().map(Tree::as_text).collect()
}

struct Walk<'a> {
    service: &'a ServiceKey,
    uses: &'a mut BTreeMap<Candidate, Vec<Use>>,
}

impl Walk<'_> {
    fn tree(&mut self, around: &str, key: &str, tree: &Tree) {
        match tree {
            Tree::Text(text) => {
                if let Some((candidate, _)) = candidate(key, text) {
                    self.note(candidate, around, key, false);
                }
            }
            Tree::List(items) => {
                match texts(items).filter(|texts| is_list_of_ids(key) && !texts.is_empty()) {
                    Some(texts) if texts.iter().all(|text| is_plain(text)) => {
                        let list = texts.into_iter().map(str::to_owned).collect();
                        self.note(Candidate::List(list), around, key, false);
                    }
                    // What a command says is read as a whole: its words are named by nothing.
                    Some(_) | None => {
                        let structures = items.iter().filter(|item| item.as_text().is_none());
                        structures.for_each(|item| self.tree(around, key, item));
                    }
                }
            }
            Tree::Map(members) => {
                let public = tree.get("assignPublicIp").and_then(Tree::as_text) == Some("ENABLED");
                for (name, value) in members {
                    match (value, public) {
                        (Tree::List(items), true) if name == "subnets" => {
                            let list = texts(items).unwrap_or_default();
                            let list = list.into_iter().map(str::to_owned).collect();
                            self.note(Candidate::List(list), key, name, true);
                        }
                        _ => self.tree(key, name, value),
                    }
                }
            }
            Tree::Flag(_) | Tree::Number(_) | Tree::Missing(_) => {}
        }
    }

    fn note(&mut self, candidate: Candidate, around: &str, key: &str, public: bool) {
        let one =
            Use { service: self.service.clone(), around: around.to_owned(), key: key.to_owned(), public };
        self.uses.entry(candidate).or_default().push(one);
    }
}

fn is_list_of_ids(key: &str) -> bool {
    matches!(key, "subnets" | "securityGroups")
}

/// Whether a text means the same as the value of a variable.
fn is_plain(text: &str) -> bool {
    !text.contains("${") && !text.contains([OPEN, CLOSE])
}

/// What of a text may be lifted, and what then stays behind it.
fn candidate<'t>(key: &str, text: &'t str) -> Option<(Candidate, &'t str)> {
    if !is_plain(text) || is_credential(key, &Json::from(text)) && !text.starts_with("arn:") {
        return None;
    }
    if key == "image" {
        let (host, _) = text.split_once('/')?;
        let is_host = host.contains(['.', ':']) && !PUBLIC_REGISTRIES.contains(&host);
        return is_host.then(|| (Candidate::Registry(host.to_owned()), &text[host.len()..]));
    }
    if text.starts_with("arn:") {
        // A secret may be asked for one of its keys: `arn:...:secret:name-a1B2c3:url::`.
        let end = match text.contains(":secret:") {
            true => text.match_indices(':').nth(6).map_or(text.len(), |(at, _)| at),
            false => text.len(),
        };
        return Some((Candidate::Text(text[..end].to_owned()), &text[end..]));
    }
    let is_id = ["fs-", "fsap-", "vpc-", "subnet-", "sg-"].iter().any(|kind| text.starts_with(kind));
    let says_something = text.contains("://") || is_id || key == "awslogs-group" || key == "ResourceLabel";
    (says_something && text.chars().count() >= 8).then(|| (Candidate::Text(text.to_owned()), ""))
}
