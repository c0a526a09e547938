//! Manual pages, in the `man` macros that every roff knows.

use super::sheet::Sheet;
use std::fmt::Write;

/// The page. It holds no date, so that it only changes when the command does.
pub(crate) fn page(sheet: &Sheet) -> String {
    let name = sheet.command.replace(' ', "-");
    let mut page = format!(
        ".TH {} 1 \"\" \"starling\" \"User commands\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
        name.to_uppercase(),
        escaped(&name),
        escaped(sheet.about.trim_end_matches('.'))
    );
    for usage in &sheet.usage {
        let _ = writeln!(page, ".B {}\n{}\n.br", escaped(&sheet.command), escaped(usage));
    }
    if !sheet.description.is_empty() {
        let _ = writeln!(page, ".SH DESCRIPTION");
        paragraphs(&mut page, &sheet.description);
    }
    page.push_str(".SH OPTIONS\n.TP\n.BR \\-h \", \" \\-\\-help\nShow all options and exit.\n");
    for (title, entries) in &sheet.sections {
        let _ = writeln!(page, ".SS {}", escaped(title));
        for entry in entries {
            let names: Vec<String> =
                entry.names.iter().map(|name| format!("\\fB{}\\fR", escaped(name))).collect();
            let value = entry.value.iter().map(|value| format!("\\fI{}\\fR", escaped(value)));
            let head: Vec<String> =
                Some(names.join(", ")).filter(|names| !names.is_empty()).into_iter().chain(value).collect();
            let _ = writeln!(page, ".TP\n{}\n{}", head.join(" "), escaped(&entry.about));
        }
    }
    for (heading, text) in &sheet.notes {
        let _ = writeln!(page, ".SH {heading}");
        paragraphs(&mut page, text);
    }
    page
}

/// Paragraphs; one with indented lines keeps its lines.
fn paragraphs(page: &mut String, text: &str) {
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let text = escaped(paragraph);
        let _ = if paragraph.lines().any(|line| line.starts_with(' ')) {
            writeln!(page, ".PP\n.nf\n{text}\n.fi")
        } else {
            writeln!(page, ".PP\n{text}")
        };
    }
}

/// Text that roff takes for nothing else.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let guarded =
        |line: &str| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() };
    text.lines().map(guarded).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::TOY;
    use super::*;

    #[test]
    fn the_page_has_its_sections_and_every_option() {
        let page = page(&Sheet::of_program(&TOY));
        for part in [".TH TOY 1", "toy \\- Plays\n", ".SS More letters", ".SH FILES\n.PP\nNone."] {
            assert!(page.contains(part), "no {part:?} in\n{page}");
        }
        assert!(page.contains(".TP\n\\fB\\-d\\fR, \\fB\\-\\-down\\fR \\fIspeed\\fR\nLimit it;"), "{page}");
        assert!(page.contains(".TP\n\\fB\\-\\-exit\\fR\nEnd it\n"), "{page}");
    }

    #[test]
    fn nothing_in_a_text_is_a_request_to_roff() {
        assert_eq!(escaped(".so a-b\nc\\d"), "\\&.so a\\-b\nc\\ed");
    }

    #[test]
    fn tables_keep_their_lines() {
        let mut page = String::new();
        paragraphs(&mut page, "Codes:\n  0  done\n\nPlain\ntext.");
        assert_eq!(page, ".PP\n.nf\nCodes:\n  0  done\n.fi\n.PP\nPlain\ntext.\n");
    }
}
