//! Hostile and broken YAML: refused early, with a place.

use super::load_service;
use crate::manifest::files::FileId;
use crate::manifest::limits::{ALIASES_MAX, DOCUMENTS_MAX, FILE_BYTES_MAX, FILES_MAX, NODES_MAX};
use crate::manifest::node::{Node, Value};
use crate::manifest::yaml::{self, YamlError};
use crate::manifest::{Diagnostics, load};
use crate::shape::api::Api;

fn parse(text: &str) -> Result<Vec<Node>, YamlError> {
    yaml::parse(text, FileId::default())
}

fn refused(text: &str) -> YamlError {
    parse(text).expect_err("it should be refused")
}

fn one(text: &str) -> Node {
    let mut documents = parse(text).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// The tree as JSON would write it, scalars as text.
fn flat(node: &Node) -> String {
    let join = |parts: Vec<String>| parts.join(" ");
    match &node.value {
        Value::Scalar(scalar) => scalar.text.clone(),
        Value::List(items) => format!("[{}]", join(items.iter().map(flat).collect())),
        Value::Map(entries) => {
            format!(
                "{{{}}}",
                join(entries.iter().map(|(key, node)| format!("{}={}", key.text, flat(node))).collect())
            )
        }
        Value::Refused => "refused".to_owned(),
    }
}

/// Nine levels of nine aliases each: 387 million values from 400 bytes.
fn billion_laughs() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = level - 1;
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 9].join(", ")));
    }
    text
}

#[test]
fn an_alias_bomb_is_refused_while_it_is_small() {
    let error = refused(&billion_laughs());
    assert!(error.message.contains(&format!("more than {NODES_MAX}")), "{}", error.message);
    assert!(error.span.line > 1, "{error:?}");
}

#[test]
fn merge_keys_can_not_be_made_a_bomb() {
    let mut text = "a0: &a0 {x: 1, y: 2}\n".to_owned();
    for level in 1..40 {
        let before = level - 1;
        text.push_str(&format!(
            "a{level}: &a{level} {{k{level}: 1, <<: [*a{before}, *a{before}, *a{before}]}}\n"
        ));
    }
    assert!(refused(&text).message.contains("more than"));
}

#[test]
fn too_many_aliases_are_refused() {
    let text = |count: usize| format!("a: &a 1\nb: [{}]\n", vec!["*a"; count].join(", "));
    assert!(parse(&text(ALIASES_MAX)).is_ok());
    assert!(refused(&text(ALIASES_MAX + 1)).message.contains("aliases"));
}

#[test]
fn too_much_depth_is_refused_in_both_styles() {
    for open in ["[", "{a: "] {
        assert!(refused(&open.repeat(5000)).message.contains("levels"), "{open}");
    }
    let block: String = (0..100).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let error = refused(&block);
    assert!(error.message.contains("levels"));
    assert_eq!(error.span.line, 33);
}

#[test]
fn depth_counts_through_aliases() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(&format!("a: &a {}\nb: [*a]\n", nested(20))).is_ok());
    assert!(
        refused(&format!("a: &a {}\nb: {}\n", nested(20), nested(20).replace('1', "*a")))
            .message
            .contains("levels")
    );
}

#[test]
fn large_files_and_many_documents_are_refused() {
    assert!(refused(&"#".repeat(FILE_BYTES_MAX + 1)).message.contains("KiB"));
    assert!(parse(&"--- a\n".repeat(DOCUMENTS_MAX)).is_ok());
    let error = refused(&"--- a\n".repeat(DOCUMENTS_MAX + 1));
    assert!(error.message.contains("documents"));
    assert_eq!(error.span.line, DOCUMENTS_MAX + 1);
    assert!(refused(&format!("[{}]", "x,".repeat(NODES_MAX))).message.contains("more than"));
}

#[test]
fn many_files_are_refused() {
    let files: Vec<(String, &str)> = (0..=FILES_MAX).map(|number| (format!("{number}.yaml"), "")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let errors = load(&super::checkout(&files), None, Api::builtin()).expect_err("too many");
    assert_eq!(errors.to_string(), "error: 2001 manifest files; 2000 are allowed\n\n1 error.");
}

#[test]
fn an_alias_inside_of_its_own_anchor_is_refused() {
    assert!(refused("a: &a [1, *a]\n").span.line == 1);
    assert!(refused("a: *nowhere\n").message.contains("not YAML"));
}

#[test]
fn duplicate_keys_are_refused_at_the_second() {
    let error = refused("a: 1\nb: 2\n\"a\": 3\n");
    assert_eq!((error.span.line, error.span.column), (3, 1));
    assert!(refused("a: {b: 1, c: 2, b: 3}").span.column == 17);
}

#[test]
fn merge_keys_add_what_is_not_there() {
    let node = one("base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nall: {<<: [*base, *more], a: 0}\n");
    assert!(flat(&node).ends_with("all={a=0 b=2 c=4}}"), "{}", flat(&node));
    assert_eq!(flat(&one("\"<<\": {a: 1}")), "{<<={a=1}}");
    assert!(refused("<<: 1").message.contains("mappings only"));
}

#[test]
fn scalars_keep_how_they_were_written() {
    assert_eq!(
        flat(&one("[1.10, 0123, 1_000, no, ~, 'a''b', \"\\u0041\", 2026-01-01]")),
        "[1.10 0123 1_000 no ~ a'b A 2026-01-01]"
    );
    assert_eq!(flat(&one("a: |\n  one\n  two\nb: >-\n  one\n  two\n")), "{a=one\ntwo\n b=one two}");
}

#[test]
fn places_are_exact_in_characters_and_bytes() {
    let text = "größe: [ä, wörter]\n";
    let node = one(text);
    let Value::Map(entries) = &node.value else { panic!("{node:?}") };
    let (key, list) = &entries[0];
    let Value::List(items) = &list.value else { panic!("{list:?}") };
    assert_eq!(&text[key.span.start..key.span.end], "größe");
    assert_eq!(&text[list.span.start..list.span.end], "[ä, wörter]");
    assert_eq!(&text[items[1].span.start..items[1].span.end], "wörter");
    assert_eq!((items[1].span.line, items[1].span.column), (1, 12));
}

#[test]
fn documents_of_comments_only_are_left_out() {
    assert_eq!(parse("# nothing\n").map(|documents| documents.len()), Ok(0));
    assert_eq!(parse("---\n# nothing\n---\na: 1\n...\n").map(|documents| documents.len()), Ok(1));
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let errors: Diagnostics =
        load_service("apiVersion: reconciler/v1\nkind: \"\\e[31mred\"\nmetadata: {name: a}\nspec: {}\n")
            .expect_err("kind");
    assert!(!errors.to_string().contains('\u{1b}'), "{errors:?}");
}

#[test]
fn neither_source_lines_nor_paths_steer_the_terminal() {
    let text = "apiVersion: reconciler/v1\nkind: Service\nmetadata: {name: a, b\u{1b}[31m: c}\nspec: {}\n";
    let errors = load(&super::checkout(&[("\u{1b}[31m.yaml", text)]), None, Api::builtin())
        .expect_err("no environment");
    assert!(!errors.to_string().contains('\u{1b}'), "{errors:?}");
}

/// Found by fuzzing: U+009B begins a command for a terminal, as ESC and `[` do.
#[test]
fn control_characters_of_eight_bits_in_a_source_line_do_not_steer_the_terminal() {
    let said = load_service("apiVersion: reconciler/v1\nkind\u{9b}2Je: web}\n").unwrap_err().to_string();
    assert!(said.contains("2 | kind¿2Je: web}"), "{said}");
    assert!(!said.contains(|letter: char| letter.is_control() && letter != '\n'), "{said:?}");
}

#[test]
fn text_that_aliases_repeat_is_bounded() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(200 * 1024), ["*a"; 10].join(", "));
    assert!(refused(&text).message.contains("1024 KiB"));
}

#[test]
fn text_that_variables_repeat_is_bounded() {
    let environment = super::ENVIRONMENT.replace("replicas: 3", &format!("long: {}", "x".repeat(200 * 1024)));
    let uses = vec!["\"${long}\""; 2000].join(", ");
    let service = super::SERVICE.replace("image: ", &format!("command: [{uses}]\n        image: "));
    let errors =
        load(&super::checkout(&[("a.yaml", &environment), ("b.yaml", &service)]), None, Api::builtin());
    let errors = errors.expect_err("too much").to_string();
    assert!(
        errors.contains("variables put more than 10000 values or 1024 KiB into one document"),
        "{errors}"
    );
    assert_eq!(
        errors.matches("the limit is passed here").count(),
        1,
        "a long line is not shown, its label is"
    );
    assert!(errors.len() < 4096, "{} bytes", errors.len());
}

#[test]
fn any_text_is_read_or_refused_without_a_panic() {
    for text in [
        "",
        "\u{feff}a: 1",
        "a: b: c",
        "- - -",
        "? a\n: b",
        "? [a]\n: b",
        ": b",
        "[a, b",
        "\"",
        "&a",
        "*",
        "\0",
        "%YAML 1.2\n---\na",
        "---\n---\n",
        "a:\r\n  - b\r\n",
        "a: |\n",
        "a: \"\n\n",
        "ä: [ö",
        "ä: *ö",
    ] {
        let Err(errors) = load_service(text) else { continue };
        assert!(errors.to_string().contains("error"), "{text:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Pieces cut out of a good manifest and put elsewhere, with letters that mean something to YAML.
    #[test]
    fn a_damaged_manifest_is_read_or_refused_without_a_panic(
        cuts in proptest::collection::vec((0usize..2000, 0usize..40, 0usize..2000, "[\\[\\]{}:&*|>\"'#ä \n\t$-]{0,3}"), 1..6),
    ) {
        let mut text: Vec<char> = super::SERVICE.chars().collect();
        for (from, length, to, letters) in cuts {
            let from = from % text.len();
            let piece: Vec<char> = text.drain(from..(from + length).min(text.len())).chain(letters.chars()).collect();
            let to = to % (text.len() + 1);
            text.splice(to..to, piece);
            text.push('\n');
        }
        if let Err(errors) = load_service(&text.into_iter().collect::<String>()) {
            proptest::prop_assert!(errors.render(true).contains("error"));
        }
    }
}
