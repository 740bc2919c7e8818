//! Syntax of prompt templates, with the place of a mistake inside the YAML. Apart, because only this needs minijinja.

use crate::diagnostics::Diagnostics;
use crate::yaml::{Data, Node};
use minijinja::Environment;
use saphyr_parser::ScalarStyle;
use std::ops::Range;

/// Reports the first syntax error of a template, which stops its parser.
pub(crate) fn check(text: &str, node: &Node, errors: &mut Diagnostics) {
    let mut environment = Environment::empty();
    // Only then does an error know its place in the line.
    environment.set_debug(true);
    let Err(error) = environment.template_from_str(text) else {
        return;
    };
    let line = error.line().unwrap_or(1);
    let detail = error.detail().map_or_else(|| error.to_string(), str::to_owned);
    let start_of_line = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum::<usize>();
    let range = error.range().unwrap_or(start_of_line..start_of_line);
    let (span, exact) = match place(text, node, line, &range, errors) {
        Some(span) => (span, true),
        None => (node.span.clone(), false),
    };
    let message = if exact {
        format!("not a valid template: {detail}")
    } else {
        format!("not a valid template: {detail} (line {line} of the text)")
    };
    let hint =
        "templates are minijinja; text with braces of its own goes between `{% raw %}` and `{% endraw %}`";
    errors.push(&span, message, Some(hint.to_owned()));
}

/// Where bytes `range` of the template, which begin on its 1-based `line`, stand in the file. `None` where YAML has
/// changed the text so that it cannot be told: escapes, folded lines.
fn place(
    text: &str,
    node: &Node,
    line: usize,
    range: &Range<usize>,
    errors: &Diagnostics,
) -> Option<Range<usize>> {
    let Data::Scalar(scalar) = &node.data else {
        return None;
    };
    let source = errors.source();
    if scalar.style != ScalarStyle::Literal {
        let raw = source.text().get(node.span.clone())?;
        let start = node.span.start + raw.find(text)?;
        return Some(start + range.start..start + range.end);
    }
    let content = text.split('\n').nth(line - 1)?.trim_end_matches('\r');
    let written_at = source.line_range(first_line(text, node, errors)? + line - 1);
    let written = source.text().get(written_at.clone())?;
    let indentation = written.strip_suffix(content)?.len();
    let start_of_line = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum::<usize>();
    let start = written_at.start + indentation + range.start.saturating_sub(start_of_line);
    Some(start..start + range.len())
}

/// The line of the whole text on which the first line of a literal block stands: counted back from the first line that is
/// not blank, because only that one can be recognised.
fn first_line(text: &str, node: &Node, errors: &Diagnostics) -> Option<usize> {
    let source = errors.source();
    let (blank_lines, first) = text
        .split('\n')
        .enumerate()
        .find(|(_, line)| !line.trim().is_empty())?;
    let start = source.text_line(node.span.start);
    let end = start + text.split('\n').count();
    let is_first = |line: &usize| {
        let written = source.text().get(source.line_range(*line)).unwrap_or_default();
        written
            .strip_suffix(first.trim_end_matches('\r'))
            .is_some_and(|before| before.trim().is_empty())
    };
    (start..=end).find(is_first)?.checked_sub(blank_lines)
}
