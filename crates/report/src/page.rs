//! A Markdown page that must fit: sections are written in order of weight, and what does not fit is counted in its section
//! instead of cutting the text anywhere.

use std::fmt::Write;

/// Bytes kept for saying that rows were left out.
const NOTE_BYTES: usize = 96;

/// A part of the page: what stands above its rows, and the rows, the weighty ones first.
pub(crate) struct Section {
    pub(crate) head: String,
    pub(crate) rows: Vec<String>,
    pub(crate) tail: &'static str,
}

/// The page so far, and what it may weigh.
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) bytes_max: usize,
}

impl Page {
    /// As many rows as fit, and how many did not.
    pub(crate) fn section(&mut self, section: &Section) {
        if section.rows.is_empty() {
            return;
        }
        let fixed = section.head.len() + section.tail.len() + NOTE_BYTES;
        let mut free = self.bytes_max.saturating_sub(self.text.len() + fixed);
        let fit = section
            .rows
            .iter()
            .take_while(|row| {
                let fits = row.len() <= free;
                free = free.saturating_sub(row.len());
                fits
            })
            .count();
        if fit == 0 {
            return;
        }
        self.text.push_str(&section.head);
        section
            .rows
            .iter()
            .take(fit)
            .for_each(|row| self.text.push_str(row));
        if fit < section.rows.len() {
            let _ = writeln!(
                self.text,
                "\n*{} more left out, to fit.*",
                section.rows.len() - fit
            );
        }
        self.text.push_str(section.tail);
    }
}
