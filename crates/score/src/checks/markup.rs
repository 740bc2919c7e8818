//! HTML and XML in an answer, judged as promptfoo judges them with its parsers. Apart, because what browsers make of
//! broken markup is a subject of its own; only what decides the verdict is followed here.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Largest text that is looked at.
const BYTES_MAX: usize = 10 * 1024 * 1024;
/// Deepest nesting of XML that is kept; what is deeper is read and forgotten.
const XML_DEPTH_MAX: usize = 512;
/// Open elements of HTML that are kept, as in browsers; what is deeper counts as its content.
const HTML_DEPTH_MAX: usize = 512;
/// Nodes of one XML document.
const XML_NODES_MAX: u32 = 200_000;
/// Complete elements of a text that are looked into.
const XML_PARTS_MAX: usize = 1_000;

const ELEMENTS: &str = "html head title base link meta style body article section nav aside h1 h2 h3 h4 h5 h6 header \
footer address p hr pre blockquote ol ul li dl dt dd figure figcaption main div a em strong small s cite q dfn abbr ruby \
rt rp data time code var samp kbd sub sup i b u mark bdi bdo span br wbr img iframe embed object param picture source \
video audio track map area svg math script noscript canvas ins del table caption colgroup col tbody thead tfoot tr td th \
form label input button select datalist optgroup option textarea output progress meter fieldset legend details summary \
dialog menu slot template";
const VOID: &str = "area base br col embed hr img input link meta param source track wbr";
const RAW: &str = "title style script textarea iframe noembed noframes xmp";
const CLOSES_P: &str = "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer \
header hgroup main menu nav ol p section summary ul h1 h2 h3 h4 h5 h6 pre form table hr li dd dt";
const FORMATTING: &str = "a b big code em font i nobr s small strike strong tt u";
const IN_TABLE: &str = "td tr th tbody thead tfoot caption col colgroup";

fn is_one_of(names: &str, name: &str) -> bool {
    names.split_whitespace().any(|known| known == name)
}

/// Whether a text looks like HTML by two or more signs.
pub(super) fn contains_html(text: &str) -> bool {
    if text.len() > BYTES_MAX {
        return false;
    }
    let signs = &*SIGNS;
    let (opening, closing) = (signs.opening.is_match(text), signs.closing.is_match(text));
    let tags = match (opening, closing) {
        (true, true) => 2,
        (false, false) => 0,
        _ => 1,
    };
    let others = signs.others.iter().filter(|(sign, _)| sign.is_match(text));
    tags + others.map(|(_, points)| points).sum::<u32>() >= 2
}

struct Signs {
    opening: Regex,
    closing: Regex,
    others: Vec<(Regex, u32)>,
}

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled by the tests")]
static SIGNS: LazyLock<Signs> = LazyLock::new(|| {
    let compile = |pattern: &str| Regex::new(pattern).unwrap();
    Signs {
        opening: compile(r"<[a-zA-Z][a-zA-Z0-9-]*(?:\s[^>]*)?>"),
        closing: compile(r"</[a-zA-Z][a-zA-Z0-9-]*\s*>"),
        others: vec![
            (compile(r"<[a-zA-Z][a-zA-Z0-9-]*(?:\s[^>]*)?/>"), 1),
            (compile(r"&(?:[a-zA-Z]+|#[0-9]+|#x[0-9a-fA-F]+);"), 1),
            (compile(r"(?i)<!DOCTYPE\s+html"), 2),
            (compile(r"<!--[^-]*(?:-[^-]+)*-->"), 1),
            (compile(r#"\s[a-zA-Z-]+=\s*["'][^"']*["']"#), 1),
            (
                compile(
                    r"(?i)<(html|head|body|div|span|p|a|img|h[1-6]|ul|ol|li|table|tr|td|th|form|input|button|script|style|link|meta|br|hr)\b",
                ),
                2,
            ),
        ],
    }
});

/// Whether a text is HTML: no text outside of elements, and an element that HTML knows. `Err` says why not.
pub(super) fn is_html(text: &str) -> Result<(), &'static str> {
    let text = super::js::trim(text);
    if text.is_empty() {
        return Err("the answer is empty");
    }
    if text.len() > BYTES_MAX {
        return Err("the answer is too large");
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("<?xml") {
        return Err("the answer is XML");
    }
    let mut page = Page::default();
    page.read(text, &lower);
    let writes = |tag: &str| {
        lower
            .match_indices(tag)
            .any(|(at, _)| ends_name(&lower, at + tag.len()))
    };
    if page.has_bare_text && !writes("<body") {
        return Err("text stands outside of elements");
    }
    if page.has_known_element {
        Ok(())
    } else {
        Err("there is no element of HTML")
    }
}

/// Whether a name ends here.
fn ends_name(text: &str, at: usize) -> bool {
    text.get(at..)
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '>' || c == '/'))
}

/// What a browser would make of the top level of a page, as far as it decides whether text is bare.
#[derive(Default)]
struct Page {
    open: Vec<String>,
    has_bare_text: bool,
    has_known_element: bool,
}

impl Page {
    fn read(&mut self, text: &str, lower: &str) {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let low = lower.get(at..).unwrap_or_default();
            let second = rest.as_bytes().get(1).copied().unwrap_or(0);
            if low.starts_with("<!--") {
                at += low
                    .get(4..)
                    .and_then(|inner| inner.find("-->"))
                    .map_or(low.len(), |end| end + 7);
            } else if low.starts_with("<!") || low.starts_with("<?") {
                at += low.find('>').map_or(low.len(), |end| end + 1);
            } else if low.starts_with("</") && low.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) {
                at += self.end_tag(low);
            } else if low.starts_with('<') && second.is_ascii_alphabetic() {
                at += self.start_tag(low);
            } else {
                let end = rest
                    .get(1..)
                    .and_then(|inner| inner.find('<'))
                    .map_or(rest.len(), |end| end + 1);
                self.text(rest.get(..end).unwrap_or(rest));
                at += end;
            }
        }
    }

    /// Length of the tag and of what belongs to it.
    fn start_tag(&mut self, low: &str) -> usize {
        let (name, length) = tag(low, 1);
        // A tag that never ends is dropped with all that follows.
        let Some(length) = length else { return low.len() };
        let is_shell = matches!(name, "html" | "head" | "body");
        if is_one_of(IN_TABLE, name) && !self.open.iter().any(|open| open == "table") {
            return length;
        }
        self.has_known_element |= is_one_of(ELEMENTS, name) || name.contains('-');
        if is_shell {
            return length;
        }
        if is_one_of(CLOSES_P, name)
            && let Some(p) = self.open.iter().rposition(|open| open == "p")
        {
            self.open.truncate(p);
        }
        let in_foreign = self.open.iter().any(|open| open == "svg" || open == "math");
        if is_one_of(RAW, name) && !in_foreign {
            let inside = low.get(length..).unwrap_or_default();
            let end = inside.find(&format!("</{name}")).unwrap_or(inside.len());
            let close = inside
                .get(end..)
                .and_then(|rest| rest.find('>'))
                .map_or(inside.len(), |close| end + close + 1);
            return length + close;
        }
        let is_closed = low.get(..length).is_some_and(|tag| tag.ends_with("/>"));
        let foreign = in_foreign || name == "svg" || name == "math";
        let ends_itself = is_one_of(VOID, name) || (foreign && is_closed);
        if !ends_itself && self.open.len() < HTML_DEPTH_MAX {
            self.open.push(name.to_owned());
        }
        length
    }

    fn end_tag(&mut self, low: &str) -> usize {
        let (name, length) = tag(low, 2);
        match self.open.iter().rposition(|open| open == name) {
            // A formatting element ends alone where something else is still open inside it.
            Some(index) if is_one_of(FORMATTING, name) => {
                let inside = self.open.get(index + 1..).unwrap_or_default();
                if inside.iter().any(|open| !is_one_of(FORMATTING, open)) {
                    self.open.remove(index);
                } else {
                    self.open.truncate(index);
                }
            }
            Some(index) => self.open.truncate(index),
            // These two appear where they are closed without having been opened.
            None if name == "p" || name == "br" => self.has_known_element = true,
            None => {}
        }
        length.unwrap_or(low.len())
    }

    fn text(&mut self, text: &str) {
        let text = text.replace("&nbsp;", " ").replace("&#160;", " ");
        if super::js::trim(&text).is_empty() {
            return;
        }
        // Text between the parts of a table is moved before it.
        let outer = self.open.iter().take_while(|open| *open != "table").count();
        let in_cell = self
            .open
            .iter()
            .any(|open| matches!(open.as_str(), "td" | "th" | "caption"));
        self.has_bare_text |= self.open.is_empty() || (outer == 0 && !in_cell);
    }
}

/// Name of the tag, which begins behind so many bytes, and its length to its `>`; `None` where it has none.
fn tag(low: &str, skip: usize) -> (&str, Option<usize>) {
    let rest = low.get(skip..).unwrap_or_default();
    let end = rest
        .find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>')
        .unwrap_or(rest.len());
    let mut quote = None;
    for (at, byte) in low.bytes().enumerate().skip(skip + end) {
        match (quote, byte) {
            (None, b'>') => return (rest.get(..end).unwrap_or(rest), Some(at + 1)),
            // A quote begins a value only behind an equals sign.
            (None, b'"' | b'\'')
                if low
                    .get(..at)
                    .is_some_and(|before| before.trim_end().ends_with('=')) =>
            {
                quote = Some(byte);
            }
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    (rest.get(..end).unwrap_or(rest), None)
}

/// An element of XML: what its text is, and its children by name.
#[derive(Debug, Default)]
struct Element {
    has_text: bool,
    children: BTreeMap<String, Vec<Element>>,
}

/// Whether a text is well-formed XML, namespaces included, with these elements, each a path such as `order.item`. A
/// document type without declarations of its own is allowed. `Err` says why not.
pub(super) fn is_xml(text: &str, required: &[String]) -> Result<(), String> {
    let doctype = text.find("<!DOCTYPE").and_then(|at| text.get(at..));
    let declares =
        doctype.is_some_and(|doctype| doctype.find('[') < doctype.find('>') && doctype.contains('['));
    if declares {
        return Err("it declares a document type".to_owned());
    }
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        nodes_limit: XML_NODES_MAX,
        ..roxmltree::ParsingOptions::default()
    };
    roxmltree::Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    has_elements(text, required)
}

/// Whether these elements are in a text that is read leniently: tags that do not match are forgiven, tags that do not
/// end are not.
fn has_elements(text: &str, required: &[String]) -> Result<(), String> {
    let root = parse_xml(text)?;
    let missing: Vec<&str> = required
        .iter()
        .filter(|path| !has_path(&root, path))
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("it lacks {}", missing.join(", ")))
    }
}

fn has_path(root: &Element, path: &str) -> bool {
    let mut current: &[Element] = std::slice::from_ref(root);
    for key in path.split('.') {
        current = match current {
            [one] if key == "#text" && one.has_text && !one.children.is_empty() => &[],
            [one] => match one.children.get(key) {
                Some(children) => children,
                None => return false,
            },
            // Repeated elements are a list, which is asked by index.
            many => match key.parse::<usize>().ok().and_then(|index| many.get(index)) {
                Some(one) => std::slice::from_ref(one),
                None => return false,
            },
        };
    }
    true
}

fn parse_xml(text: &str) -> Result<Element, String> {
    let mut stack: Vec<(String, Element)> = vec![(String::new(), Element::default())];
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let until = |mark: &str, what: &str| {
            let end = rest.find(mark).map(|end| end + mark.len());
            end.ok_or_else(|| format!("{what} without its end"))
        };
        if rest.starts_with("<?") {
            at += until("?>", "an instruction")?;
        } else if rest.starts_with("<!--") {
            at += until("-->", "a comment")?;
        } else if rest.starts_with("<![CDATA[") {
            at += until("]]>", "a CDATA section")?;
            note_text(&mut stack);
        } else if rest.starts_with("<!") {
            at += until(">", "a declaration")?;
        } else if rest.starts_with("</") {
            let length = until(">", "a closing tag")?;
            let name = rest.get(2..length - 1).unwrap_or_default().trim();
            close(&mut stack, name);
            at += length;
        } else if rest.starts_with('<') {
            at += open(&mut stack, rest)?;
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            if rest.get(..end).is_some_and(|text| !text.trim().is_empty()) {
                note_text(&mut stack);
            }
            at += end;
        }
    }
    while stack.len() > 1 {
        pop(&mut stack);
    }
    Ok(stack.pop().map(|(_, root)| root).unwrap_or_default())
}

fn note_text(stack: &mut [(String, Element)]) {
    if let Some((_, element)) = stack.last_mut() {
        element.has_text = true;
    }
}

fn open(stack: &mut Vec<(String, Element)>, rest: &str) -> Result<usize, String> {
    let mut quote = None;
    let end = rest.bytes().position(|byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (Some(open), byte) if open == byte => {
            quote = None;
            false
        }
        _ => false,
    });
    let end = end.ok_or("a tag without its end")?;
    let inner = rest.get(1..end).unwrap_or_default();
    let is_closed = inner.ends_with('/');
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let (name, attributes) = match inner.find(char::is_whitespace) {
        Some(at) => inner.split_at(at),
        None => (inner, ""),
    };
    if matches!(name, "constructor" | "__proto__" | "prototype") {
        return Err(format!("an element named {name}"));
    }
    let mut element = Element::default();
    for attribute in attribute_names(attributes) {
        element
            .children
            .insert(format!("@_{attribute}"), vec![Element::default()]);
    }
    stack.push((name.to_owned(), element));
    if is_closed {
        pop(stack);
    } else if stack.len() > XML_DEPTH_MAX {
        return Err(format!("more than {XML_DEPTH_MAX} levels"));
    }
    Ok(end + 1)
}

fn attribute_names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut quote = None;
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() || c == '=' => {
                if let Some(name) = start.take().and_then(|start| text.get(start..at)) {
                    names.push(name);
                }
            }
            (None, _) => {
                start.get_or_insert(at);
            }
        }
    }
    names
}

/// A closing tag closes the innermost element, whatever its name; at the top it is forgiven.
fn close(stack: &mut Vec<(String, Element)>, _name: &str) {
    if stack.len() > 1 {
        pop(stack);
    }
}

fn pop(stack: &mut Vec<(String, Element)>) {
    if let (Some((name, element)), Some((_, parent))) = (stack.pop(), stack.last_mut()) {
        parent.children.entry(name).or_default().push(element);
    }
}

/// Whether a part of the text, from a tag to the one that closes it, holds these elements.
pub(super) fn contains_xml(text: &str, required: &[String]) -> Result<(), String> {
    let parts = elements_in(text);
    if parts.is_empty() {
        return Err("there is no XML in it".to_owned());
    }
    let holds = |(start, end): &(usize, usize)| {
        text.get(*start..*end)
            .is_some_and(|part| has_elements(part, required).is_ok())
    };
    if parts.iter().any(holds) {
        Ok(())
    } else {
        Err("no XML in it has the elements".to_owned())
    }
}

/// A complete element: where it begins and ends, and where the one around it begins.
struct Span {
    start: usize,
    end: usize,
    parent: Option<usize>,
}

/// The outermost complete elements of a text, and before them those that stand side by side, as one.
fn elements_in(text: &str) -> Vec<(usize, usize)> {
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut spans: Vec<Span> = Vec::new();
    let mut at = 0;
    while let Some(start) = text
        .get(at..)
        .and_then(|rest| rest.find('<'))
        .map(|offset| at + offset)
    {
        at = start + 1;
        let Some(tag) = read_tag(text, start) else {
            continue;
        };
        at = tag.end;
        match tag.kind {
            TagKind::Other => {}
            TagKind::Closed => spans.push(Span {
                start,
                end: tag.end,
                parent: open.last().map(|(_, start)| *start),
            }),
            TagKind::Opening => open.push((tag.name, start)),
            TagKind::Closing => match open.pop() {
                Some((name, begin)) if name == tag.name => spans.push(Span {
                    start: begin,
                    end: tag.end,
                    parent: open.last().map(|(_, start)| *start),
                }),
                _ => open.clear(),
            },
        }
    }
    let complete: BTreeSet<usize> = spans.iter().map(|span| span.start).collect();
    let mut groups: BTreeMap<Option<usize>, (usize, usize, usize)> = BTreeMap::new();
    for span in spans
        .iter()
        .filter(|span| span.parent.is_none_or(|parent| !complete.contains(&parent)))
    {
        let group = groups.entry(span.parent).or_insert((span.start, span.end, 0));
        *group = (group.0.min(span.start), group.1.max(span.end), group.2 + 1);
    }
    let together = groups
        .values()
        .filter(|group| group.2 > 1)
        .map(|group| (group.0, group.1));
    let alone = spans
        .iter()
        .filter(|span| span.parent.is_none_or(|parent| !complete.contains(&parent)))
        .map(|span| (span.start, span.end));
    together.chain(alone).take(XML_PARTS_MAX).collect()
}

enum TagKind {
    Opening,
    Closing,
    Closed,
    Other,
}

struct Tag<'t> {
    kind: TagKind,
    name: &'t str,
    end: usize,
}

fn read_tag(text: &str, start: usize) -> Option<Tag<'_>> {
    let rest = text.get(start..)?;
    let other = |end: Option<usize>| Tag {
        kind: TagKind::Other,
        name: "",
        end: start + end.unwrap_or(rest.len()),
    };
    for (open, close) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")] {
        if rest.starts_with(open) {
            let inner = rest.get(open.len()..)?;
            return Some(other(inner.find(close).map(|end| open.len() + end + close.len())));
        }
    }
    let is_closing = rest.starts_with("</");
    let skip = if is_closing { 2 } else { 1 };
    let name = rest.get(skip..)?;
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == ':') {
        return None;
    }
    let length = name
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.')))
        .unwrap_or(name.len());
    let mut quote = None;
    let end = rest
        .char_indices()
        .skip(1)
        .find_map(|(at, c)| match (quote, c) {
            (None, '>') => Some(Some(at + 1)),
            (None, '<') => Some(None),
            (None, '"' | '\'') => {
                quote = Some(c);
                None
            }
            (Some(open), c) if open == c => {
                quote = None;
                None
            }
            _ => None,
        })??;
    let is_closed = rest.get(..end - 1)?.trim_end().ends_with('/');
    Some(Tag {
        kind: match (is_closing, is_closed) {
            (true, _) => TagKind::Closing,
            (false, true) => TagKind::Closed,
            (false, false) => TagKind::Opening,
        },
        name: name.get(..length)?,
        end: start + end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects agreement with what jsdom made of these texts.
    #[test]
    fn html_is_judged_as_browsers_do() {
        let good = [
            "<p>a</p>",
            "<p>a",
            "<b>a<p>b</b>c</p>",
            "<ul><li>a<li>b</ul>",
            "<script>1<2</script>",
            "<!DOCTYPE html><html><body>x</body></html>",
            "<my-el>a</my-el>",
            "<option>x",
            "<li>x</li>",
            "<p/>x",
            "<svg><circle/></svg>",
            "<span>a</span><span>b</span>",
            "<p>x</p>&nbsp;",
            "<textarea><p></textarea>",
            "<div>a</span>b</div>",
        ];
        for text in good {
            assert_eq!(is_html(text), Ok(()), "{text}");
        }
        let bad = [
            "",
            "plain",
            "a < b",
            "<p>a</p> tail",
            "<br>x",
            "</p>x",
            "<p>a<div>b</div>c",
            "<title>t</title>x",
            "<!-- c -->",
            "<html>x</html>",
            "<foo>a</foo>",
            "<table>x<tr><td>y</td></tr></table>",
            "<div>x</div></div>y",
            "<td>x</td>",
            "<1>x",
            "<select><option>a</select>z",
            "</div>",
            "<?xml version='1.0'?><p>a</p>",
        ];
        for text in bad {
            assert!(is_html(text).is_err(), "{text}");
        }
    }

    /// Protects well-formedness where all of the answer is XML, leniency about where the elements are.
    #[test]
    fn xml_is_read() {
        for text in [
            "<a/>",
            "<a><b/></a>",
            "<!-- x --><a/>",
            "<?xml version=\"1.0\"?><a>1</a>",
            "<a><![CDATA[x<y]]></a>",
            "<!DOCTYPE a><a/>",
        ] {
            assert_eq!(is_xml(text, &[]), Ok(()), "{text}");
        }
        for text in [
            "",
            "x",
            "<a>",
            "<a><b></a>",
            "</a>",
            "<a>t</a>tail",
            "<a/><b/>",
            "<a x=1/>",
            "<a>&bad;</a>",
            "<x:a/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            " <?xml version=\"1.0\"?><a/>",
        ] {
            assert!(is_xml(text, &[]).is_err(), "{text}");
        }
        let has = |text: &str, path: &str| is_xml(text, &[path.to_owned()]).is_ok();
        assert!(has("<?xml version=\"1.0\"?><a><b>1</b></a>", "a.b"));
        assert!(has("<a><b>1</b><b>2</b></a>", "a.b.1") && !has("<a><b><c/></b><b/></a>", "a.b.c"));
        assert!(has("<item id=\"1\"/>", "item.@_id") && !has("<a>t</a>", "a.b"));
        let holds = |text: &str, path: &str| contains_xml(text, &[path.to_owned()]).is_ok();
        assert!(holds("see <a>1</a> there", "a") && holds("<p>open <a><b/></a>", "a.b"));
        assert!(holds("<a/> and <b/>", "b") && !holds("see 1 < 2", "a") && !holds("<a><b></a>", "a"));
        assert!(contains_xml("x <a> y", &[]).is_err());
    }
}
