//! Taking torrents of another client into a daemon.

use super::torrent::{Foreign, What};
use daemon::{Daemon, StartMode};
use std::path::Path;
use storage::StateStore;

/// Takes torrents in, one after the other; tells how many were. One that cannot be taken is told and passed over.
pub(crate) async fn take_all(daemon: &Daemon, found: Vec<Foreign>) -> usize {
    let directory = daemon.config_directory().to_path_buf();
    let opened = tokio::task::spawn_blocking(move || StateStore::open(&directory)).await;
    let state = match opened {
        Ok(Ok(state)) => Some(state),
        Ok(Err(error)) => {
            tracing::warn!(%error, "what is imported has to be hashed");
            None
        }
        Err(_) => None,
    };
    let mut taken = 0;
    for foreign in found {
        match take(daemon, state.as_ref(), &foreign).await {
            Ok(true) => taken += 1,
            Ok(false) => tracing::info!(name = foreign.name(), "this torrent is here already"),
            Err(error) => tracing::warn!(name = foreign.name(), error, "a torrent was not imported"),
        }
    }
    taken
}

/// True if it was taken in, false if it was here.
async fn take(daemon: &Daemon, state: Option<&StateStore>, foreign: &Foreign) -> Result<bool, String> {
    if let Some(state) = state {
        remember(state, foreign).await?;
    }
    let added = daemon.add(foreign.request()).await.map_err(|error| error.to_string())?;
    if added.duplicate {
        return Ok(false);
    }
    let numbers = vec![added.number];
    daemon.edit(numbers.clone(), foreign.edit()).await.map_err(|error| error.to_string())?;
    if !foreign.paused {
        daemon.start_torrents(numbers, StartMode::Queued).await.map_err(|error| error.to_string())?;
    }
    Ok(true)
}

/// Puts down which pieces are trusted, before anybody looks at the data.
async fn remember(state: &StateStore, foreign: &Foreign) -> Result<(), String> {
    let (Some(record), What::Torrent(_, metainfo)) = (foreign.record(), &foreign.what) else { return Ok(()) };
    let Some(directory) = foreign.data_directory().map(Path::to_path_buf) else { return Ok(()) };
    let (state, info_hash) = (state.clone(), metainfo.info_hash());
    let save = move || state.save(&info_hash, &directory, &record);
    let saved = tokio::task::spawn_blocking(save).await.map_err(|error| error.to_string())?;
    saved.map_err(|error| error.to_string())
}
