//! Diagnostics as text: one line for tools (`FILE:LINE:COLUMN: error: message`), then the place
//! itself for people.

use std::fmt::Write;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::diag::{Diagnostic, Severity};
use super::source::{Source, Span, floor_boundary};

/// A second place further away than this (in bytes), or in another file, is named and not drawn.
const LARGEST_WINDOW: usize = 64 * 1024;
/// A line longer than this (in bytes) is not drawn.
const LONGEST_LINE: usize = 4096;

/// All diagnostics of a file, a blank line between them; empty when there are none.
pub fn render_all(source: &Source, diagnostics: &[Diagnostic]) -> String {
    let texts: Vec<String> =
        diagnostics.iter().map(|diagnostic| render(source, diagnostic)).collect();
    texts.join("\n")
}

/// One diagnostic: ends with a line feed, shows no password.
pub fn render(source: &Source, diagnostic: &Diagnostic) -> String {
    let mut text = headline(source, diagnostic);
    text.push('\n');
    match &diagnostic.span {
        Some(span) => {
            text.push_str(&picture(source, diagnostic, span));
            text.push('\n');
        }
        None => {
            if let Some(help) = &diagnostic.help {
                let _ = writeln!(text, "  help: {help}");
            }
        }
    }
    text
}

/// The line for tools and logs, without a line feed; shows no password.
pub fn headline(source: &Source, diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = diagnostic
        .span
        .as_ref()
        .map_or(source.name(), |span| source.name_at(span.start))
        .to_owned();
    if let Some(span) = &diagnostic.span {
        let (line, column) = source.position(span.start);
        let _ = write!(text, ":{line}:{column}");
    }
    let _ = write!(text, ": {severity}: {}", diagnostic.message);
    text
}

/// The source lines concerned, marked. Only a window of the text goes to the renderer, so the cost
/// does not grow with the file.
fn picture(source: &Source, diagnostic: &Diagnostic, span: &Span) -> String {
    let place = clip(source, span);
    let mut window = source.line_range(source.line_of(place.start));
    let mut related = None;
    let mut elsewhere = None;
    if let Some((span, text)) = &diagnostic.related {
        let other = clip(source, span);
        let line = source.line_range(source.line_of(other.start));
        let joined = window.start.min(line.start)..window.end.max(line.end);
        if joined.len() <= LARGEST_WINDOW
            && source.file_at(joined.start) == source.file_at(joined.end)
        {
            window = joined;
            related = Some((other, text.as_str()));
        } else {
            let (line, column) = source.position(span.start);
            elsewhere = Some(format!("{text}: {}:{line}:{column}", source.name_at(span.start)));
        }
    }
    let mut group = Group::with_level(match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    });
    if source.line_range(source.line_of(place.start)).len() <= LONGEST_LINE {
        let within = |span: &Span| span.start - window.start..span.end - window.start;
        let primary =
            AnnotationKind::Primary.span(within(&place)).label(diagnostic.label.as_deref());
        let mut snippet = Snippet::source(&source.shown()[window.clone()])
            .line_start(source.line_number(source.line_of(window.start)))
            .annotation(primary);
        if let Some((other, text)) = related {
            snippet = snippet.annotation(AnnotationKind::Context.span(within(&other)).label(text));
        }
        group = group.element(snippet);
    }
    if let Some(elsewhere) = elsewhere {
        group = group.element(Level::NOTE.message(elsewhere));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    if group.is_empty() {
        return String::new();
    }
    Renderer::plain().render(&[group])
}

/// The span's part on its first line, on character boundaries.
fn clip(source: &Source, span: &Span) -> Span {
    let text = source.shown();
    let start = floor_boundary(text, span.start);
    let line = source.line_range(source.line_of(start));
    start.min(line.end)..floor_boundary(text, span.end).clamp(start.min(line.end), line.end)
}
