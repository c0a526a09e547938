//! Fields about files.

use super::{Row, fields::priority};
use crate::json::Json;
use crate::names::Dialect;

pub(super) fn bytes_completed(row: &Row<'_>, out: &mut Json) {
    out.list(&row.details.files, |out, file| out.unsigned(file.bytes_completed));
}

pub(super) fn file_stats(row: &Row<'_>, out: &mut Json) {
    out.list(&row.details.files, |out, file| {
        out.object(|out| {
            out.key("bytes_completed").unsigned(file.bytes_completed);
            out.key("priority").integer(priority(file.priority));
            out.key("wanted").boolean(file.wanted);
        });
    });
}

pub(super) fn files(row: &Row<'_>, out: &mut Json) {
    out.list(&row.details.files, |out, file| {
        out.object(|out| {
            out.key("begin_piece").unsigned(file.pieces.start.into());
            out.key("bytes_completed").unsigned(file.bytes_completed);
            out.key("end_piece").unsigned(file.pieces.end.into());
            out.key("length").unsigned(file.length);
            out.key("name").string(&file.path);
        });
    });
}

pub(super) fn priorities(row: &Row<'_>, out: &mut Json) {
    out.list(&row.details.files, |out, file| out.integer(priority(file.priority)));
}

/// Numbers for old clients, which read nothing else.
pub(super) fn wanted(row: &Row<'_>, out: &mut Json) {
    let dialect = out.dialect();
    out.list(&row.details.files, |out, file| match dialect {
        Dialect::Legacy => out.unsigned(file.wanted.into()),
        Dialect::JsonRpc => out.boolean(file.wanted),
    });
}
