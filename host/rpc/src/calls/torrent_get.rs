//! `torrent-get`: any fields of any torrents, as objects or as a table, written without a detour.

mod fields;
mod file_lists;
mod peers;
mod trackers;
mod words;

use crate::args::{Args, Selection};
use crate::calls::{Calls, Outcome, recently};
use crate::error::RpcError;
use crate::json::{Json, spell};
use crate::names::{Dialect, canonical, legacy_field};
use daemon::{Catalogue, Daemon, Details, Entry, Number, Settings, Wanted};
use fields::Field;
pub(crate) use fields::status_number;
use serde_json::Value;
use std::collections::BTreeSet;

/// Torrents written in one look at the catalogue: nobody who wants to change it waits longer than for these.
const AT_ONCE: usize = 512;

/// One torrent while it is written.
pub(super) struct Row<'a> {
    entry: &'a Entry,
    details: &'a Details,
    settings: &'a Settings,
    daemon: &'a Daemon,
}

/// A field that was asked for, and its key as it is spelled.
struct Column {
    field: &'static Field,
    name: String,
    key: Vec<u8>,
}

impl Calls {
    pub(super) async fn torrent_get(&self, args: &Args, out: &mut Json) -> Outcome {
        let columns = columns(args, out.dialect())?;
        let as_table = args.text("format") == Some("table");
        let selection = args.selection();
        let (numbers, removed) = self.daemon.view(|catalogue| {
            let removed = (selection == Selection::Recent).then(|| removed(catalogue));
            (selection.numbers(catalogue), removed)
        });
        let details = self.details(&columns, &numbers).await;
        if let Some(removed) = removed {
            out.key("removed").list(removed, |out, number| out.unsigned(number.0.into()));
        }
        out.key("torrents");
        self.write_torrents(
            &Asked { columns: &columns, as_table, numbers: &numbers, details: &details },
            out,
        )
        .await;
        Ok(())
    }

    /// What the columns need beyond the catalogue, for each torrent; empty if nothing.
    async fn details(&self, columns: &[Column], numbers: &[Number]) -> Vec<Option<Details>> {
        let wanted = columns.iter().fold(Wanted::default(), |wanted, column| {
            let more = column.field.needs.wanted();
            Wanted {
                files: wanted.files | more.files,
                peers: wanted.peers | more.peers,
                trackers: wanted.trackers | more.trackers,
                web_seeds: wanted.web_seeds | more.web_seeds,
                pieces: wanted.pieces | more.pieces,
                availability: wanted.availability | more.availability,
            }
        });
        if wanted == Wanted::default() {
            Vec::new()
        } else {
            self.daemon.details(numbers.to_vec(), wanted).await
        }
    }

    async fn write_torrents(&self, asked: &Asked<'_>, out: &mut Json) {
        let settings = self.daemon.settings();
        let nothing = Details::default();
        out.open_array();
        if asked.as_table {
            out.list(asked.columns, |out, column| out.string(&column.name));
        }
        for (part, numbers) in asked.numbers.chunks(AT_ONCE).enumerate() {
            self.daemon.view(|catalogue| {
                for (index, number) in numbers.iter().enumerate() {
                    // It may have been removed in between.
                    let Some(entry) = catalogue.get(*number) else { continue };
                    let details = asked.details.get(part * AT_ONCE + index).and_then(Option::as_ref);
                    let details = details.unwrap_or(&nothing);
                    asked.write(&Row { entry, details, settings: &settings, daemon: &self.daemon }, out);
                }
            });
            tokio::task::yield_now().await;
        }
        out.close_array();
    }
}

/// What was asked for.
struct Asked<'a> {
    columns: &'a [Column],
    as_table: bool,
    numbers: &'a [Number],
    details: &'a [Option<Details>],
}

impl Asked<'_> {
    fn write(&self, row: &Row<'_>, out: &mut Json) {
        if self.as_table {
            out.list(self.columns, |out, column| (column.field.write)(row, out));
        } else {
            out.object(|out| {
                for column in self.columns {
                    out.spelled_key(&column.key);
                    (column.field.write)(row, out);
                }
            });
        }
    }
}

/// The fields that are asked for, each once. Unknown ones are passed over.
fn columns(args: &Args, dialect: Dialect) -> Result<Vec<Column>, RpcError> {
    let asked = args.list("fields").ok_or_else(|| RpcError::params("no fields specified"))?;
    let mut seen = BTreeSet::new();
    let names = asked.iter().filter_map(Value::as_str).map(canonical);
    let fields = names.filter_map(|name| fields::find(&name)).filter(|field| seen.insert(field.name));
    let column = |field: &'static Field| {
        let name = match dialect {
            Dialect::Legacy => legacy_field(field.name),
            Dialect::JsonRpc => field.name.to_owned(),
        };
        Column { field, key: spell(&name), name }
    };
    Ok(fields.map(column).collect())
}

fn removed(catalogue: &Catalogue) -> Vec<Number> {
    catalogue.removed_at_or_after(recently()).collect()
}
