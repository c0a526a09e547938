//! Lists of files as `torrent-add` and `torrent-set` take them, and labels.

use crate::args::Args;
use crate::error::{Kind, RpcError};
use daemon::{FileChoice, Priority};
use metainfo::FileIndex;
use serde_json::Value;

/// The changes to files that the arguments ask for, and the first index that cannot be one. What is unwanted comes
/// before what is wanted.
pub(super) fn choices(args: &Args) -> (Vec<FileChoice>, Option<RpcError>) {
    let mut error = None;
    let mut choices = Vec::new();
    let mut take = |name: &str, choice: fn(Vec<FileIndex>) -> FileChoice| {
        let Some(list) = args.list(name) else { return };
        match indices(list) {
            Some(indices) => choices.push(choice(indices)),
            None => error = error.take().or_else(|| Some(Kind::FileIndex.into())),
        }
    };
    take("files_unwanted", FileChoice::Unwanted);
    take("files_wanted", FileChoice::Wanted);
    take("priority_high", |files| FileChoice::Priority(Priority::High, files));
    take("priority_low", |files| FileChoice::Priority(Priority::Low, files));
    take("priority_normal", |files| FileChoice::Priority(Priority::Normal, files));
    (choices, error)
}

/// `None` if one of them is negative or beyond any torrent; what is no number is passed over.
fn indices(list: &[Value]) -> Option<Vec<FileIndex>> {
    let numbers = list.iter().filter_map(Value::as_i64);
    numbers.map(|number| u32::try_from(number).ok().map(FileIndex)).collect()
}

/// Labels without the space around them, each once; an error if one of them cannot be a label.
pub(super) fn labels(list: &[Value]) -> Result<Vec<String>, RpcError> {
    let mut labels: Vec<String> = Vec::new();
    for label in list.iter().filter_map(Value::as_str).map(str::trim) {
        if label.is_empty() {
            return Err(RpcError::params("labels cannot be empty"));
        }
        if label.contains(',') {
            return Err(RpcError::params("labels cannot contain comma (,) character"));
        }
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
    Ok(labels)
}

/// −1, 0 or 1; `None` for anything else.
pub(super) fn priority(number: i64) -> Option<Priority> {
    match number {
        -1 => Some(Priority::Low),
        0 => Some(Priority::Normal),
        1 => Some(Priority::High),
        _ => None,
    }
}
