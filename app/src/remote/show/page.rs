//! Pages of sections, whose lines are `  Label: value`.

use std::fmt::Write;

/// The lines of one section.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// A line, unless there is nothing to say.
    pub(super) fn line(&mut self, label: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            let _ = writeln!(self.0, "  {label}: {}", value.as_ref());
        }
    }

    /// A line whose value stands at least `width` columns behind the beginning of its label.
    pub(super) fn aligned(&mut self, label: &str, width: usize, value: Option<String>) {
        if let Some(value) = value {
            let _ = writeln!(self.0, "  {:<width$}{value}", format!("{label}:"));
        }
    }
}

/// Sections with their titles, a blank line between them.
pub(super) fn sections<const N: usize>(sections: [(&str, Page); N]) -> String {
    let texts = sections.map(|(title, page)| format!("{title}\n{}", page.0));
    texts.join("\n")
}
