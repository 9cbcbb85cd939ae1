//! Diagnostics as people read them: the place, the line with carets, and the way out.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::limits::{DIAGNOSTICS_MAX, MESSAGE_LENGTH_MAX};
use super::node::Span;

/// Bytes of a source line that are shown. Of a longer one, the place and the label are.
const LINE_BYTES_MAX: usize = 400;

pub(super) fn render(diagnostics: &Diagnostics, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics.list.iter().take(DIAGNOSTICS_MAX) {
        text.push_str(&renderer.render(&[group(diagnostic, diagnostics)]));
        text.push_str("\n\n");
    }
    if let Some(more) = diagnostics.list.len().checked_sub(DIAGNOSTICS_MAX).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more errors\n\n"));
    }
    text.push_str(&diagnostics.summary());
    text
}

fn group<'a>(diagnostic: &'a Diagnostic, diagnostics: &'a Diagnostics) -> Group<'a> {
    let mut group = Level::ERROR.primary_title(visible(&diagnostic.title)).elements(Vec::<Origin<'a>>::new());
    if let Some(place) = &diagnostic.place {
        group = with_place(group, place, &diagnostic.label, AnnotationKind::Primary, diagnostics);
    }
    for (place, label) in &diagnostic.related {
        group = with_place(group, place, label, AnnotationKind::Context, diagnostics);
    }
    let notes = diagnostic.notes.iter().map(|note| Level::NOTE.no_name().message(visible(note)));
    group.elements(notes)
}

fn with_place<'a>(
    group: Group<'a>,
    place: &Span,
    label: &'a str,
    kind: AnnotationKind,
    diagnostics: &'a Diagnostics,
) -> Group<'a> {
    let Some(source) = diagnostics.sources.get(&place.file) else { return group };
    let path = visible(&source.path);
    let line = line_around(&source.text, place);
    let Some((start, line)) = line else {
        let group = group.element(Origin::path(path).line(place.line).char_column(place.column));
        return match label.is_empty() {
            true => group,
            false => group.element(Level::NOTE.no_name().message(visible(label))),
        };
    };
    // A value of several lines is marked on its first.
    let from = place.start - start;
    let to = place.end.saturating_sub(start).clamp(from, line.len().max(from));
    let annotation = kind.span(from..to).label((!label.is_empty()).then(|| visible(label)));
    let line = line.replace(is_c1, "¿");
    group.element(Snippet::source(line).line_start(place.line).path(path).annotation(annotation))
}

/// U+0080 to U+009F, of which terminals obey some; the renderer makes the older control characters visible, but
/// not these. In their place stands a letter of as many bytes, so that the carets stay where they are.
fn is_c1(letter: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&letter)
}

/// The line that a place begins in, with its offset. The renderer is given no more than this: it
/// would walk the whole text for each error.
fn line_around<'a>(text: &'a str, place: &Span) -> Option<(usize, &'a str)> {
    let before = text.get(..place.start)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or("");
    (line.len() <= LINE_BYTES_MAX && place.start <= start + line.len()).then_some((start, line))
}

/// Keeps what a manifest says from steering the terminal, or from filling it.
fn visible(text: &str) -> String {
    let mut letters = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    let shown: String = letters.by_ref().take(MESSAGE_LENGTH_MAX).collect();
    if letters.next().is_some() { shown + "…" } else { shown }
}
