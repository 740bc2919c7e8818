//! Results as Markdown with plots: the plots are SVG files beside the text, named after it, because few viewers of Markdown
//! draw what is written into it. Each has its description as alternative text.

use crate::error::CliError;
use crate::output;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

/// A plot of a result.
pub(super) struct Plot {
    /// What its file is called after the name of the text.
    pub(super) name: String,
    /// What it shows, in words.
    pub(super) description: String,
    /// The drawing.
    pub(super) svg: String,
}

/// Writes a text with its plots, where that is wanted. The plots come first, so that the text never names a file that is
/// not there.
pub(super) fn write_markdown(
    path: Option<&Path>,
    title: &str,
    text: &str,
    plots: &[Plot],
) -> Result<(), CliError> {
    let Some(path) = path else { return Ok(()) };
    let stem = path
        .file_stem()
        .unwrap_or_else(|| OsStr::new("result"))
        .to_string_lossy();
    let mut text = format!("# {title}\n\n{text}");
    if output::is_stdout(path) {
        return output::stdout(&text);
    }
    // Beside a pipe or a device there is no place for files.
    let is_file = std::fs::metadata(path).map_or(true, |known| known.is_file());
    for plot in plots.iter().filter(|_| is_file) {
        let file = format!("{stem}-{}.svg", slug(&plot.name));
        output::write_whole(&path.with_file_name(&file), &plot.svg)?;
        let _ = write!(
            text,
            "\n![{}]({})\n",
            plot.description.replace(['[', ']', '\n'], " "),
            file.replace(' ', "%20").replace('(', "%28").replace(')', "%29")
        );
    }
    output::write_whole(path, &text)
}

/// Letters and digits of a name, the rest as hyphens: part of a file's name on any system.
fn slug(name: &str) -> String {
    /// Characters of a name that are kept.
    const CHARS_MAX: usize = 60;
    let plain = name.chars().take(CHARS_MAX).map(|c| {
        if c.is_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::slug;

    /// Protects folders from names that lead elsewhere.
    #[test]
    fn names_stay_in_their_folder() {
        assert_eq!(slug("../Tornado of a/b"), "---tornado-of-a-b");
    }
}
