//! The manual page, in the `man` macros that every roff knows.

use super::Program;
use std::fmt::Write;

/// The page. It holds no date, so that it only changes when the program does.
pub(crate) fn page<E>(program: &Program<E>) -> String {
    let name = program.command.replace(' ', "-");
    let mut page = format!(
        ".TH {} 1 \"\" \"starling\" \"User commands\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
        name.to_uppercase(),
        escaped(&name),
        escaped(program.about.trim_end_matches('.'))
    );
    for usage in program.usage {
        let _ = writeln!(page, ".B {}\n{}\n.br", escaped(program.command), escaped(usage));
    }
    page.push_str(".SH OPTIONS\n.TP\n.BR \\-h \", \" \\-\\-help\nShow all options and exit.\n");
    for section in program.sections {
        let _ = writeln!(page, ".SS {}", escaped(section.title));
        for option in section.options {
            let names = escaped(&option.names()).replace(", ", "\\fR, \\fB");
            let value = option.value.shown();
            let value = value.trim_matches(['<', '>']);
            let value = if value.is_empty() { String::new() } else { format!(" \\fI{}\\fR", escaped(value)) };
            let _ = writeln!(page, ".TP\n\\fB{names}\\fR{value}\n{}", escaped(option.about));
        }
    }
    for (heading, text) in program.notes {
        let _ = writeln!(page, ".SH {heading}");
        for paragraph in text.split("\n\n") {
            let _ = writeln!(page, ".PP\n{}", escaped(paragraph));
        }
    }
    page
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

    #[test]
    fn the_page_has_its_sections_and_every_option() {
        let page = super::page(&TOY);
        for part in [".TH TOY 1", "toy \\- Plays\n", ".SS More letters", ".SH FILES\n.PP\nNone."] {
            assert!(page.contains(part), "no {part:?} in\n{page}");
        }
        assert!(page.contains(".TP\n\\fB\\-d\\fR, \\fB\\-\\-down\\fR \\fIspeed\\fR\nLimit it;"), "{page}");
        assert!(page.contains(".TP\n\\fB\\-\\-exit\\fR\nEnd it\n"), "{page}");
    }

    #[test]
    fn nothing_in_a_text_is_a_request_to_roff() {
        assert_eq!(super::escaped(".so a-b\nc\\d"), "\\&.so a\\-b\nc\\ed");
    }
}
