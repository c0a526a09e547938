//! What handles ask of the keeper.

use crate::api::command::{CommandError, EditError, QueueMove, RenameError, StartMode};
use crate::catalogue::entry::Number;
use crate::keeper::look::Lookup;
use crate::prepare::Prepared;
use crate::{AddError, Added, Group, Settings, TorrentEdit};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// Where an answer goes. Whoever asked may have stopped waiting.
pub(crate) type Reply<R> = oneshot::Sender<R>;

/// The answer to most commands.
pub(crate) type Done = Reply<Result<(), CommandError>>;

/// A command of a handle.
pub(crate) enum Command {
    Add(Box<Prepared>, Reply<Result<Added, AddError>>),
    Start(Vec<Number>, StartMode, Done),
    Stop(Vec<Number>, Done),
    Verify(Vec<Number>, Done),
    Reject(Number, String, Done),
    AddPeers(Number, Vec<SocketAddr>, Done),
    Reannounce(Vec<Number>, Done),
    Remove(Vec<Number>, bool, Done),
    SetLocation(Vec<Number>, PathBuf, bool, Done),
    Rename(Number, String, String, Reply<Result<(), RenameError>>),
    Edit(Vec<Number>, Box<TorrentEdit>, Reply<Result<(), EditError>>),
    MoveInQueue(Vec<Number>, QueueMove, Done),
    SetGroup(Group, Done),
    ChangeSettings(Box<dyn FnOnce(&mut Settings) + Send>, Done),
    Look(Vec<Number>, Reply<Vec<Option<Lookup>>>),
    Shutdown,
}
