//! Trees as YAML that a person would write: short lists and mappings in one line, quotes where YAML would
//! misread, several lines of text as a block.

use std::fmt::Write as _;

use super::tree::Tree;
use crate::manifest::quoting::{Context, is_printable, scalar};

/// Columns of a line that holds a whole list or mapping.
const LINE_MAX: usize = 110;
/// Members of a mapping that stands in one line.
const FLOW_MEMBERS_MAX: usize = 5;
/// Fields that are told apart better when they stand below each other, however few they are.
const ALWAYS_BLOCK: [&str; 8] = [
    "spec",
    "taskDefinition",
    "service",
    "scaling",
    "containerDefinitions",
    "variables",
    "policies",
    "scheduledActions",
];

/// One document, ending in a line feed.
pub fn write(tree: &Tree) -> String {
    let mut text = String::new();
    match tree {
        Tree::Map(members) if !members.is_empty() => block_map(&mut text, members, 0, true),
        Tree::List(items) if !items.is_empty() => block_list(&mut text, items, 0),
        other => {
            let _ = writeln!(text, "{}", flow(other));
        }
    }
    text
}

/// Writes the members below each other. `indented`: also the first one needs its indentation.
fn block_map(text: &mut String, members: &[(String, Tree)], indent: usize, indented: bool) {
    for (number, (name, value)) in members.iter().enumerate() {
        if number > 0 || indented {
            text.push_str(&" ".repeat(indent));
        }
        let name = scalar(name, Context::Key);
        text.push_str(&name);
        text.push(':');
        let column = indent + name.chars().count() + 2;
        after(text, value, Place { indent, column, block: ALWAYS_BLOCK.contains(&name.as_str()) });
    }
}

fn block_list(text: &mut String, items: &[Tree], indent: usize) {
    for item in items {
        text.push_str(&" ".repeat(indent));
        text.push('-');
        match item {
            Tree::Map(members) if !members.is_empty() && !fits(item, indent + 2) => {
                text.push(' ');
                block_map(text, members, indent + 2, false);
            }
            item => after(text, item, Place { indent, column: indent + 2, block: false }),
        }
    }
}

/// Where a value is about to be written.
#[derive(Clone, Copy)]
struct Place {
    /// Of the key or the dash before it.
    indent: usize,
    column: usize,
    /// Not in one line, even if it fits.
    block: bool,
}

/// Writes what follows a key or a dash, up to the end of the line.
fn after(text: &mut String, value: &Tree, place: Place) {
    let in_one_line = !place.block && fits(value, place.column);
    match value {
        Tree::Map(members) if !members.is_empty() && !in_one_line => {
            text.push('\n');
            block_map(text, members, place.indent + 2, true);
        }
        Tree::List(items) if !items.is_empty() && !in_one_line => {
            text.push('\n');
            block_list(text, items, place.indent + 2);
        }
        Tree::Text(value) if is_block(value) => literal(text, value, place.indent + 2),
        Tree::Missing(why) => {
            let _ = writeln!(text, "  # fill in: {why}");
        }
        Tree::Text(value) => {
            let _ = writeln!(text, " {}", scalar(value, Context::Block));
        }
        Tree::Flag(_) | Tree::Number(_) | Tree::List(_) | Tree::Map(_) => {
            let _ = writeln!(text, " {}", flow(value));
        }
    }
}

/// Whether a value may stand in one line that it begins at `column`.
fn fits(value: &Tree, column: usize) -> bool {
    is_short(value) && column + flow(value).chars().count() <= LINE_MAX
}

fn is_short(value: &Tree) -> bool {
    match value {
        Tree::Flag(_) | Tree::Number(_) => true,
        Tree::Text(text) => !text.contains('\n'),
        Tree::Missing(_) => false,
        Tree::List(items) => items.iter().all(is_short),
        Tree::Map(members) => {
            members.len() <= FLOW_MEMBERS_MAX
                && members
                    .iter()
                    .all(|(name, value)| !ALWAYS_BLOCK.contains(&name.as_str()) && is_short(value))
        }
    }
}

fn flow(value: &Tree) -> String {
    match value {
        Tree::Flag(flag) => flag.to_string(),
        Tree::Number(number) => number.clone(),
        Tree::Text(text) => scalar(text, Context::Flow),
        Tree::Missing(_) => "~".to_owned(),
        Tree::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Tree::Map(members) => {
            let member =
                |(name, value): &(String, Tree)| format!("{}: {}", scalar(name, Context::Key), flow(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Whether a text is written as a block: several lines, of which YAML would change nothing.
fn is_block(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\n'])
        && text.chars().all(|letter| letter == '\n' || is_printable(letter))
        && text.lines().all(|line| !line.ends_with(' '))
}

fn literal(text: &mut String, value: &str, indent: usize) {
    let body = value.trim_end_matches('\n');
    let ending = match value.len() - body.len() {
        0 => "-",
        1 => "",
        _ => "+",
    };
    let _ = writeln!(text, " |{ending}");
    for line in body.split('\n') {
        if !line.is_empty() {
            text.push_str(&" ".repeat(indent));
            text.push_str(line);
        }
        text.push('\n');
    }
    for _ in 1..(value.len() - body.len()) {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::manifest::document::{Kind, Node, Value, parse};

    fn tree(node: &Node) -> Tree {
        match &node.value {
            Value::Map(entries) => {
                Tree::Map(entries.iter().map(|(key, node)| (key.text.clone(), tree(node))).collect())
            }
            Value::List(items) => Tree::List(items.iter().map(tree).collect()),
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Boolean(flag) => Tree::Flag(flag),
                Kind::Integer | Kind::Float => Tree::Number(scalar.text.clone()),
                Kind::Text => Tree::Text(scalar.text.clone()),
                Kind::Null => Tree::Missing(String::new()),
            },
            Value::Refused => unreachable!(),
        }
    }

    fn read_back(text: &str) -> Tree {
        tree(&parse(text).unwrap_or_else(|error| panic!("{error:?}\n{text}"))[0])
    }

    fn texts() -> impl Strategy<Value = String> {
        let awkward = prop::sample::select(vec![
            "",
            " ",
            "yes",
            "No",
            "on",
            "null",
            "~",
            "true",
            "0123",
            "1.10",
            "1e3",
            "0x1f",
            "1_000",
            "12:30:45",
            "2026-11-21",
            "- a",
            "-c",
            "--port",
            "-inf",
            "-",
            "?",
            ": ",
            "a: b",
            "a #b",
            "#a",
            "a:",
            "[a]",
            "{a}",
            "a,b",
            "'",
            "\"",
            "\\",
            "%",
            "@a",
            "`a`",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "<<",
            "=",
            "...",
            "---",
            "a\nb",
            "a\nb\n",
            "a\n\nb\n\n\n",
            "\na",
            " a\nb",
            "a \nb",
            "a\n b",
            "\t",
            "a\tb",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{7}",
            "é",
            "${name}",
            "${a}/b:1",
            "cron(0 6 * * ? *)",
            ".inf",
            "+1",
            "a\r\nb",
            "a\n\n",
            "a\n#b\n- c",
        ]);
        prop_oneof![
            awkward.prop_map(str::to_owned),
            "[a-z:/.-]{1,12}",
            "\\PC{0,20}",
            ".{0,12}",
            "(?s).{0,12}"
        ]
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            texts().prop_map(Tree::Text),
            any::<bool>().prop_map(Tree::Flag),
            any::<i32>().prop_map(|number| Tree::Number(number.to_string())),
        ];
        leaf.prop_recursive(5, 60, 7, |inner| {
            let keys = texts().prop_filter("a key has to be text", |key| !key.is_empty());
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..7).prop_map(Tree::List),
                prop::collection::btree_map(keys, inner, 0..7)
                    .prop_map(|map| Tree::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same_tree(tree in trees()) {
            let text = write(&tree);
            prop_assert_eq!(read_back(&text), tree, "{}", text);
        }
    }

    #[test]
    fn short_values_share_a_line_and_text_is_quoted_where_it_would_be_misread() {
        let long: Vec<Tree> =
            (0..6).map(|number| Tree::text(format!("subnet-0a1b2c3d4e5f6007{number}"))).collect();
        let tree = Tree::map([
            ("image", Tree::text("${registry}/job-api:1.0.0")),
            ("version", Tree::text("1.10")),
            ("ports", Tree::List(vec![Tree::map([("containerPort", Tree::Number("8080".to_owned()))])])),
            ("environment", Tree::map([("TLS", Tree::text("on")), ("AT", Tree::text("${region}"))])),
            ("subnets", Tree::List(long)),
            ("script", Tree::text("set -e\nrun\n")),
            ("tag", Tree::Missing("was TAG".to_owned())),
        ]);
        insta::assert_snapshot!(write(&tree), @r#"
        image: ${registry}/job-api:1.0.0
        version: "1.10"
        ports: [{containerPort: 8080}]
        environment: {TLS: "on", AT: "${region}"}
        subnets:
          - subnet-0a1b2c3d4e5f60070
          - subnet-0a1b2c3d4e5f60071
          - subnet-0a1b2c3d4e5f60072
          - subnet-0a1b2c3d4e5f60073
          - subnet-0a1b2c3d4e5f60074
          - subnet-0a1b2c3d4e5f60075
        script: |
          set -e
          run
        tag:  # fill in: was TAG
        "#);
    }
}
