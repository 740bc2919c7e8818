//! Which option of a multiple-choice question an answer names. Apart because the extractor `choice_letter` and the
//! scorer `choice` must read the same letter from the same text.
//!
//! The rule, first that applies:
//! 1. the whole answer is the text of one choice;
//! 2. the last *statement*: `ANSWER: C`, `the answer is (C)`, `the correct option is C`, `I choose C`, `\boxed{C}`,
//!    or, where there is none of these, `C is correct`; in place of the letter the text of a choice may stand; two
//!    letters (`A or C`) are unclear, a letter beyond the last option is an error and not overlooked;
//! 3. the first line is the letter alone (`C`, `(c)`, `**C.**`), or the answer opens with a marked letter
//!    (`C) Paris because …`) and does not go on to list the options;
//! 4. the last *marked* letter: `(C)`, `[C]`, `**C**`, or at the head of a line before `.`, `)` or `:`; a list of all
//!    options from A on is not a mention of the last one;
//! 5. the one choice whose text occurs in the last line, or else in the whole answer;
//! 6. the one capital letter that stands alone in the last line (`I would go with C`).
//!
//! What follows `not` is never a mention, and neither are the article `A` and the pronoun `I`. Statements are
//! recognised in English; for other languages cut the answer with `{after: "…"}` first.

use regex::Regex;
use seatrial_text::normalise;
use std::sync::LazyLock;

/// Options that can have a letter.
pub(crate) const LETTERS_MAX: usize = 26;
/// Characters between a statement and its letter (`: **(`, ` $\boxed{\text{`).
const GAP_CHARS_MAX: usize = 24;
/// Words such as `option` that may stand between a statement and its letter.
const SKIPPED_WORDS_MAX: usize = 4;

/// The letter of an option: 0 is `A`.
pub(crate) fn letter_of(index: usize) -> char {
    u8::try_from(index)
        .ok()
        .filter(|index| usize::from(*index) < LETTERS_MAX)
        .map_or('?', |index| char::from(b'A' + index))
}

/// The option that a single letter names, with or without brackets and a full stop; 0 is `A`.
pub(crate) fn index_of(text: &str) -> Option<usize> {
    let bare = text.trim().trim_matches(|c: char| "()[].:*".contains(c));
    let mut bytes = bare.bytes();
    match (bytes.next(), bytes.next()) {
        (Some(letter), None) if letter.is_ascii_alphabetic() => {
            Some(usize::from(letter.to_ascii_uppercase() - b'A'))
        }
        _ => None,
    }
}

/// Reads which of `count` options the answer names; `choices` holds their texts, or nothing.
///
/// # Errors
/// Why no single option can be read, for the reader of a report.
pub(crate) fn read_choice(text: &str, count: usize, choices: &[String]) -> Result<usize, String> {
    if let Some(index) = whole_choice(text, choices) {
        return Ok(index);
    }
    let answer = Answer { text, count, choices };
    if let Some(stated) = answer.stated() {
        return stated;
    }
    let marked = answer.marked();
    if let Some(index) = answer.opening(&marked).or_else(|| answer.last_marked(&marked)) {
        return Ok(index);
    }
    if !marked.is_empty() {
        // Nothing but a list of the options: what stands in its last line is no answer.
        return Err("the options are listed, and none of them is named as the answer".to_owned());
    }
    let last_line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("");
    let found = choice_by_text(text, last_line, choices).or_else(|| {
        Answer {
            text: last_line,
            ..answer
        }
        .lone_capital()
    });
    found.ok_or_else(|| {
        let last = letter_of(count.saturating_sub(1));
        if choices.is_empty() {
            format!("no clear letter from A to {last}")
        } else {
            format!("no clear letter from A to {last} and no single choice by its text")
        }
    })
}

/// The answer, blanks and punctuation at its ends aside, is the text of a choice. Single characters are left to the
/// letter rules: `B` names the second option even where another option reads `B`.
fn whole_choice(text: &str, choices: &[String]) -> Option<usize> {
    let bare = |text: &str| -> String {
        let text = text.trim_matches(|c: char| c.is_whitespace() || "\"'`*.".contains(c));
        normalise::casefold(text).into_owned()
    };
    let longest = choices.iter().map(String::len).max()?;
    let bare_enough = text.trim().chars().nth(1).is_some();
    // Case folding can make a text longer, at most threefold.
    if !bare_enough || text.trim().len() > longest.saturating_mul(3).saturating_add(16) {
        return None;
    }
    let text = bare(text);
    let longer_than_one = text.chars().nth(1).is_some();
    choices
        .iter()
        .position(|choice| longer_than_one && bare(choice) == text)
}

/// An announcement of the answer, up to what it announces.
static CUE: LazyLock<Regex> = LazyLock::new(|| {
    constant(
        r"(?xi)
        (?-u:\b)(?:
            (?: answer | (?:correct|right|best|final)\s+(?:option|choice|letter|statement) )
            (?:\s+(?:option|choice|letter))?
            (?:\s+(?:to|for)\s+(?:the|this)\s+question)?
            [*_`\ \t]*
            (?: \s(?:is|was|would\s+be|should\s+be|must\s+be)(?-u:\b) | [:=：] | [\n] )
          | (?:i|i'd|i’d|we|would|will|i'll|i’ll|to)\s+(?:choose|pick|select|go\s+with)(?-u:\b)
        )",
    )
});

/// A letter that is called right.
static CALLED_RIGHT: LazyLock<Regex> = LazyLock::new(|| {
    constant(
        r"(?x)
        (?:^|[^0-9A-Za-z_'’]) ([A-Z]) [)\].*_]* \s+ (?i:is)
        \s+ (?i:the\s+)?(?i:most\s+|single\s+|only\s+)? (?i:correct|right|best)(?-u:\b)",
    )
});

static BOXED: LazyLock<Regex> = LazyLock::new(|| {
    constant(r"\\boxed\s*\{\s*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{\s*)?\(?([A-Za-z])\)?\s*\}")
});

#[expect(
    clippy::expect_used,
    reason = "constant patterns; the tests compile each of them"
)]
fn constant(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern compiles")
}

/// A letter that is set off from the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    index: usize,
    /// Only it and decoration stand on its line.
    alone: bool,
    /// Nothing but decoration stands before it in the whole text.
    opening: bool,
}

struct Answer<'t> {
    text: &'t str,
    count: usize,
    choices: &'t [String],
}

impl Answer<'_> {
    /// Rule 2; `None` where nothing is stated.
    fn stated(&self) -> Option<Result<usize, String>> {
        let mut last: Option<(usize, Result<usize, String>)> = None;
        let mut note = |at: usize, read: Result<usize, String>| {
            if last.as_ref().is_none_or(|(before, _)| *before <= at) {
                last = Some((at, read));
            }
        };
        for cue in CUE.find_iter(self.text) {
            if let Some(read) = self.announced(cue.end()) {
                note(cue.end(), read);
            }
        }
        for letter in BOXED.captures_iter(self.text).filter_map(|found| found.get(1)) {
            note(letter.start(), self.in_range(letter.as_str()));
        }
        last.map(|(_, read)| read).or_else(|| self.called_right().map(Ok))
    }

    /// The last option that is called right. Weaker than a statement: `ANSWER: C` is often followed by what else is
    /// right and yet no answer, and `statement I is correct` names no option at all.
    fn called_right(&self) -> Option<usize> {
        let letters = CALLED_RIGHT
            .captures_iter(self.text)
            .filter_map(|found| found.get(1));
        let named = letters.filter(|letter| !self.is_negated(letter.start()));
        named
            .filter_map(|letter| self.in_range(letter.as_str()).ok())
            .last()
    }

    /// What an announcement that ends here announces; `None` where that is neither a letter nor a choice.
    fn announced(&self, at: usize) -> Option<Result<usize, String>> {
        let rest = self.text.get(at..)?;
        let start = at + skip_to_letter(rest)?;
        let rest = self.text.get(start..)?;
        let by_text = || {
            let is_start = |choice: &String| starts_with_folded(rest, choice.trim());
            let longest = self
                .choices
                .iter()
                .enumerate()
                .filter(|(_, choice)| is_start(choice));
            longest
                .max_by_key(|(_, choice)| choice.len())
                .map(|(index, _)| Ok(index))
        };
        if !is_lone_letter(self.text, start) {
            return by_text();
        }
        let after = rest.get(1..).unwrap_or("");
        let letter = rest.get(..1)?;
        if is_small_word(letter, after) {
            return by_text();
        }
        if letter.bytes().all(|b| b.is_ascii_lowercase()) && !ends_here(after) {
            return by_text();
        }
        if let Some(second) = self.second_letter(after) {
            return Some(Err(format!(
                "more than one letter is named: {letter} and {second}"
            )));
        }
        Some(self.in_range(letter))
    }

    /// The second letter of `A or C`, `A, C`, `A & C`.
    fn second_letter(&self, after: &str) -> Option<char> {
        let after = after.trim_start_matches(|c: char| c.is_whitespace() || "*_)]`".contains(c));
        let joined = [",", "/", "&", "and ", "or "]
            .iter()
            .find_map(|word| after.strip_prefix(word))?;
        let rest = joined.trim_start_matches(|c: char| c.is_whitespace() || "*_([`".contains(c));
        let rest = rest
            .strip_prefix("or ")
            .or_else(|| rest.strip_prefix("and "))
            .unwrap_or(rest);
        let rest = rest.trim_start_matches(['(', '[', '*']);
        let letter = rest
            .get(..1)
            .filter(|letter| letter.bytes().all(|b| b.is_ascii_uppercase()))?;
        let lone = is_lone_letter(rest, 0) && !is_small_word(letter, rest.get(1..)?);
        let known = index_of(letter).is_some_and(|index| index < self.count);
        (lone && known).then(|| letter.chars().next()).flatten()
    }

    fn in_range(&self, letter: &str) -> Result<usize, String> {
        match index_of(letter) {
            Some(index) if index < self.count => Ok(index),
            _ => Err(format!(
                "the letter {letter} is beyond the {} options",
                self.count
            )),
        }
    }

    fn is_negated(&self, at: usize) -> bool {
        is_after_not(self.text.get(..at).unwrap_or(""))
    }

    /// All marked letters within the options, first to last.
    fn marked(&self) -> Vec<Mark> {
        let bytes = self.text.as_bytes();
        let mut marks = Vec::new();
        let mut line_start = 0;
        let mut seen_text = false;
        for line in self.text.split_inclusive('\n') {
            let mut in_line = false;
            let line_end = line_start + line.len();
            let letters = bytes.iter().enumerate().take(line_end).skip(line_start);
            for (at, _) in letters.filter(|(_, b)| b.is_ascii_alphanumeric() || !b.is_ascii()) {
                if is_lone_letter(self.text, at)
                    && let Some(mark) = self.mark(at, line_start, line_end, in_line)
                {
                    let opening = !seen_text;
                    marks.push(Mark { opening, ..mark });
                }
                in_line = true;
                seen_text = true;
            }
            line_start = line_end;
        }
        marks
    }

    /// The mark at this lone letter, if it is marked.
    fn mark(&self, at: usize, line_start: usize, line_end: usize, in_line: bool) -> Option<Mark> {
        let before = self.text.get(line_start..at)?;
        let letter = self.text.get(at..at + 1)?;
        let after = self.text.get(at + 1..line_end)?;
        let index = index_of(letter).filter(|index| *index < self.count)?;
        let bracketed = (before.ends_with('(') && after.starts_with(')'))
            || (before.ends_with('[') && after.starts_with(']'));
        let emphasised =
            before.ends_with("**") && after.trim_start_matches(['.', ')', ':']).starts_with("**");
        let behind = after.trim_start_matches('*');
        let dash = [" - ", " – ", " — "].iter().any(|dash| behind.starts_with(dash));
        let head = !in_line && (dash || behind.starts_with(['.', ')', ':']));
        let alone = !in_line && !after.contains(|c: char| c.is_alphanumeric());
        let upper = letter.bytes().all(|b| b.is_ascii_uppercase());
        let marked = alone || bracketed || (upper && (emphasised || head));
        // `(a)` in running text is a footnote or a list as often as an answer.
        let marked = marked && (upper || alone);
        (marked && !self.is_negated(at)).then_some(Mark {
            index,
            alone,
            opening: false,
        })
    }

    /// Rule 3.
    fn opening(&self, marks: &[Mark]) -> Option<usize> {
        let first = marks.first().filter(|mark| mark.opening)?;
        let second = marks
            .get(1)
            .filter(|second| first.index == 0 && second.index == 1);
        let lists = second.is_some_and(|second| second.alone || !first.alone);
        (!lists).then_some(first.index)
    }

    /// Rule 4.
    fn last_marked(&self, marks: &[Mark]) -> Option<usize> {
        let in_order = marks
            .iter()
            .zip(0..self.count)
            .take_while(|(mark, index)| mark.index == *index);
        let listed = if in_order.count() == self.count {
            self.count
        } else {
            0
        };
        marks.get(listed..)?.last().map(|mark| mark.index)
    }

    /// Rule 6.
    fn lone_capital(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut found = None;
        for at in (0..bytes.len()).filter(|&at| bytes.get(at).is_some_and(u8::is_ascii_uppercase)) {
            let letter = self.text.get(at..at + 1)?;
            let after = self.text.get(at + 1..)?;
            let counts =
                is_lone_letter(self.text, at) && !is_small_word(letter, after) && !self.is_negated(at);
            let Some(index) = index_of(letter).filter(|index| counts && *index < self.count) else {
                continue;
            };
            if found.is_some_and(|other| other != index) {
                return None;
            }
            found = Some(index);
        }
        found
    }
}

/// Offset of the first letter or digit behind decoration and words such as `option`; `None` where it is too far.
fn skip_to_letter(rest: &str) -> Option<usize> {
    const SKIPPED: [&str; 13] = [
        "option", "choice", "letter", "answer", "boxed", "text", "textbf", "mathrm", "mathbf", "probably",
        "likely", "most", "clearly",
    ];
    let mut at = 0;
    for _ in 0..=SKIPPED_WORDS_MAX {
        let here = rest.get(at..)?;
        let gap = here.find(|c: char| c.is_alphanumeric())?;
        if here.get(..gap)?.chars().count() > GAP_CHARS_MAX {
            return None;
        }
        at += gap;
        let word = rest.get(at..)?;
        let len = word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len());
        let word = word.get(..len)?;
        if !SKIPPED.iter().any(|skipped| skipped.eq_ignore_ascii_case(word)) {
            return Some(at);
        }
        at += len;
    }
    None
}

/// Whether an ASCII letter stands here that is no part of a word: `C`, `'C'` and `选C`, but not `Cat`, `C's`, `C++`,
/// `vitamin-C`, `A/B` or `x_C`.
fn is_lone_letter(text: &str, at: usize) -> bool {
    // Nearly every letter stands inside a word; bytes tell that without decoding.
    let is_inside = |at: Option<usize>| {
        let beside = at.and_then(|at| text.as_bytes().get(at));
        beside.is_some_and(u8::is_ascii_alphanumeric)
    };
    if is_inside(at.checked_sub(1)) || is_inside(at.checked_add(1)) {
        return false;
    }
    let Some((before, rest)) = text.split_at_checked(at) else {
        return false;
    };
    let mut after = rest.chars();
    if !after.next().is_some_and(|c| c.is_ascii_alphabetic()) {
        return false;
    }
    let mut before = before.chars().rev();
    let (first, second) = (before.next(), before.next());
    let joined_before = first.is_some_and(|c| joins(c, second)) || first == Some('\\');
    let (first, second) = (after.next(), after.next());
    let joined_after = first.is_some_and(|c| joins(c, second) || matches!(c, '+' | '#'));
    !joined_before && !joined_after
}

/// Whether the character beside a letter makes it a part of something longer; `beyond` is the next one out.
fn joins(beside: char, beyond: Option<char>) -> bool {
    let links = matches!(beside, '_' | '\'' | '’' | '+' | '#' | '-' | '−' | '–' | '/' | '^');
    is_word(beside) || (links && beyond.is_some_and(is_word))
}

/// Letters and digits of scripts that write blanks between words; `答案是C` names the letter C.
fn is_word(c: char) -> bool {
    let unspaced = matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}');
    c.is_alphanumeric() && !unspaced
}

/// The article `A` or the pronoun `I`: followed by a word that does not give a reason.
fn is_small_word(letter: &str, after: &str) -> bool {
    const GOES_ON: [&str; 12] = [
        "because", "since", "as", "for", "is", "and", "or", "but", "due", "based", "given", "with",
    ];
    if !matches!(letter, "A" | "I" | "a" | "i") {
        return false;
    }
    let Some(rest) = after.strip_prefix(' ') else {
        return false;
    };
    let len = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
    let word = rest.get(..len).unwrap_or("");
    !word.is_empty() && !GOES_ON.contains(&word)
}

/// Whether nothing follows on the line but punctuation.
fn ends_here(after: &str) -> bool {
    let mut line = after.chars().take_while(|c| *c != '\n');
    after.starts_with([')', '.', ':', ']', '*', '}']) || !line.any(char::is_alphanumeric)
}

fn is_after_not(before: &str) -> bool {
    let before = before.trim_end_matches(|c: char| c.is_whitespace() || "([*_`\"'".contains(c));
    let Some(start) = before.len().checked_sub(3) else {
        return false;
    };
    let is_not = before
        .get(start..)
        .is_some_and(|word| word.eq_ignore_ascii_case("not"));
    is_not && !before.get(..start).unwrap_or("").ends_with(char::is_alphanumeric)
}

/// Whether a text begins with these words, case aside, and a word ends there.
fn starts_with_folded(text: &str, words: &str) -> bool {
    if words.is_empty() {
        return false;
    }
    let ends_word =
        |rest: &str| !rest.starts_with(char::is_alphanumeric) || !words.ends_with(char::is_alphanumeric);
    match text.split_at_checked(words.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(words) => ends_word(rest),
        _ if words.is_ascii() => false,
        _ => {
            // Case folding can make a text longer, at most threefold, so no more than this can matter.
            let window = words.chars().count().saturating_mul(3).saturating_add(2);
            let end = text.char_indices().nth(window).map_or(text.len(), |(end, _)| end);
            let head = normalise::casefold(text.get(..end).unwrap_or(""));
            let rest = head.strip_prefix(&*normalise::casefold(words));
            rest.is_some_and(ends_word)
        }
    }
}

/// Rule 5.
fn choice_by_text(text: &str, last_line: &str, choices: &[String]) -> Option<usize> {
    let mut folded: Vec<(usize, String)> = choices
        .iter()
        .map(|choice| fold(choice.trim()))
        .enumerate()
        .collect();
    // Longest first, so that `Paris` is not found inside `Paris, Texas`.
    folded.sort_by_key(|(_, choice)| std::cmp::Reverse(choice.len()));
    let in_line = mentioned_choice(last_line, &folded);
    if in_line.is_some() || choices.is_empty() || last_line.trim().len() == text.trim().len() {
        return in_line;
    }
    mentioned_choice(text, &folded)
}

fn fold(text: &str) -> String {
    normalise::collapse_whitespace(&normalise::casefold(text)).into_owned()
}

/// The one choice whose text occurs as whole words; `None` where there is none or more than one.
fn mentioned_choice(text: &str, folded: &[(usize, String)]) -> Option<usize> {
    let mut text = fold(text);
    let mut found = None;
    for (index, choice) in folded {
        let spans = occurrences(&text, choice);
        if spans.is_empty() {
            continue;
        }
        if found.is_some() {
            return None;
        }
        found = Some(*index);
        text = blanked(&text, &spans, choice.len());
    }
    found
}

/// Offsets at which the words occur whole and not denied.
fn occurrences(text: &str, words: &str) -> Vec<usize> {
    if words.is_empty() {
        return Vec::new();
    }
    let whole = |at: usize| {
        let before = text.get(..at).unwrap_or("");
        let after = text.get(at + words.len()..).unwrap_or("");
        let joins = |a: Option<char>, b: Option<char>| match (a, b) {
            (Some(a), Some(b)) => a.is_alphanumeric() && b.is_alphanumeric(),
            _ => false,
        };
        !joins(before.chars().next_back(), words.chars().next())
            && !joins(words.chars().next_back(), after.chars().next())
            && !is_after_not(before)
    };
    text.match_indices(words)
        .map(|(at, _)| at)
        .filter(|&at| whole(at))
        .collect()
}

fn blanked(text: &str, starts: &[usize], len: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for &start in starts {
        out.push_str(text.get(copied..start).unwrap_or(""));
        out.push('\n');
        copied = start + len;
    }
    out.push_str(text.get(copied..).unwrap_or(""));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn letter(text: &str) -> Option<char> {
        read_choice(text, 4, &[]).ok().map(letter_of)
    }

    /// Protects the rule for letters, case by case.
    #[test]
    fn letters_are_read_by_the_rule() {
        let cases: &[(&str, Option<char>)] = &[
            ("", None),
            ("I do not know.", None),
            // stated
            ("ANSWER: C", Some('C')),
            ("Answer:C", Some('C')),
            ("**Answer:** C", Some('C')),
            ("**Answer**: (C) Paris", Some('C')),
            ("answer: c", Some('C')),
            ("answer: c) Paris", Some('C')),
            ("ANSWER: $C", Some('C')),
            ("The answer is C.", Some('C')),
            ("The answer is 'C'.", Some('C')),
            ("The answer is A because it fits.", Some('A')),
            ("The answer is (B) a dog.", Some('B')),
            ("The correct answer is: **D**", Some('D')),
            ("The correct option is D", Some('D')),
            ("So the answer is option B", Some('B')),
            ("The answer is $\\boxed{\\text{B}}$", Some('B')),
            ("so \\boxed{C}", Some('C')),
            ("The answer to this question is D.", Some('D')),
            ("Answer\n\nB", Some('B')),
            ("I would go with B, mostly.", Some('B')),
            ("(A) is wrong, B is correct, not (C).", Some('B')),
            ("ANSWER: C. Although A is correct in part.", Some('C')),
            ("Statement I is correct, so (B)", Some('B')),
            ("The answer is A. No, wait: the answer is C.", Some('C')),
            (
                "The answer is C, and this answer is consistent with (A).",
                Some('C'),
            ),
            ("ANSWER: B\n(D) was close.", Some('B')),
            ("The answer is B, I think.", Some('B')),
            ("The answer is a matter of taste.", None),
            ("Answer: A man walks in", None),
            ("The answer is not B.", None),
            ("The answer is A or C", None),
            ("ANSWER: A, C", None),
            ("ANSWER: A and (B)", None),
            ("ANSWER: F", None),
            // opening
            ("C", Some('C')),
            (" c ", Some('C')),
            ("(c)", Some('C')),
            ("**C**", Some('C')),
            ("C.", Some('C')),
            ("C) Paris because (A) is wrong", Some('C')),
            ("C - Paris", Some('C')),
            ("C: it is not (B) and A. is silly\nB) no", Some('C')),
            ("B\n\nA) no\nC) no", Some('B')),
            // marked
            ("It must be (C).", Some('C')),
            ("It is [B], surely", Some('B')),
            ("(A) and (B) are wrong, so (C)", Some('C')),
            ("Hmm, so **D**.", Some('D')),
            ("It is C, not (B)", Some('C')),
            ("Thinking about it.\n\nB", Some('B')),
            ("A) x\nB) y\nC) z\nD) w", None),
            ("A\nB\nC\nD", None),
            ("A) x\nB) y\nC) z\nD) w\nHence (B)", Some('B')),
            // alone
            ("I'd say C", Some('C')),
            ("答案是C", Some('C')),
            ("A dog. I like it.", None),
            ("C++ and C's and vitamin-C", None),
            ("B or C", None),
            ("Z", None),
        ];
        for (text, expected) in cases {
            assert_eq!(letter(text), *expected, "{text}");
        }
    }

    /// Protects the texts of choices as answers, and that they never outweigh a letter.
    #[test]
    fn texts_of_choices_are_read() {
        let cities: Vec<String> = ["Paris", "Paris, Texas", "Köln", "A small town"]
            .map(str::to_owned)
            .into();
        let metals: Vec<String> = ["B", "Al", "In", "Tl"].map(str::to_owned).into();
        let numbers: Vec<String> = ["2", "12", "3/4", "0"].map(str::to_owned).into();
        let cases: &[(&str, &[String], Option<char>)] = &[
            ("Paris", &cities, Some('A')),
            ("paris.", &cities, Some('A')),
            ("It is Paris, Texas!", &cities, Some('B')),
            ("KÖLN", &cities, Some('C')),
            ("A small town", &cities, Some('D')),
            ("Answer: a small town", &cities, Some('D')),
            ("Answer: Paris, Texas", &cities, Some('B')),
            ("Not Paris, but Köln", &cities, Some('C')),
            ("Paris or Köln", &cities, None),
            ("Paris is nice. Köln too.\nI take Köln", &cities, Some('C')),
            ("Parisian", &cities, None),
            ("(B) Köln", &cities, Some('B')),
            ("B", &metals, Some('B')),
            ("Al", &metals, Some('B')),
            ("ANSWER: A", &metals, Some('A')),
            ("2", &numbers, Some('A')),
            ("12", &numbers, Some('B')),
            ("It is 12.", &numbers, Some('B')),
            ("3/4", &numbers, Some('C')),
            ("ANSWER: 0", &numbers, Some('D')),
        ];
        for (text, choices, expected) in cases {
            assert_eq!(
                read_choice(text, 4, choices).ok().map(letter_of),
                *expected,
                "{text}"
            );
        }
    }

    /// Protects what a reader is told.
    #[test]
    fn reasons_are_given() {
        let reason = |text: &str, count| read_choice(text, count, &[]).unwrap_err();
        assert_eq!(reason("ANSWER: F", 4), "the letter F is beyond the 4 options");
        assert_eq!(
            reason("ANSWER: A or B", 4),
            "more than one letter is named: A and B"
        );
        assert_eq!(reason("none", 4), "no clear letter from A to D");
        assert_eq!(read_choice("ANSWER: I", 10, &[]), Ok(8));
        assert_eq!(read_choice("ANSWER: J", 10, &[]), Ok(9));
    }

    /// Protects the letters of references.
    #[test]
    fn index_of_reads_one_letter() {
        for (text, expected) in [
            ("C", Some(2)),
            ("(c)", Some(2)),
            (" D. ", Some(3)),
            ("", None),
            ("AB", None),
            ("3", None),
            ("é", None),
        ] {
            assert_eq!(index_of(text), expected, "{text}");
        }
    }

    proptest! {
        /// Protects against panics, and against letters that are no option.
        #[test]
        fn any_text_is_read(
            text in any::<String>(),
            dense in "(A|B|b|I|é|答|\\(|\\)|\\*\\*|answer|Answer: |is |not |or |, |\\.|:| |\n|'|\\\\boxed\\{|\\}|Paris){0,30}",
            count in 1_usize..=26,
        ) {
            let choices = vec!["Paris".to_owned(), "é".to_owned(), String::new()];
            for text in [&text, &dense] {
                prop_assert!(read_choice(text, count, &[]).is_ok_and(|index| index < count) || read_choice(text, count, &[]).is_err());
                prop_assert!(read_choice(text, 3, &choices).map_or(true, |index| index < 3));
            }
        }
    }
}
