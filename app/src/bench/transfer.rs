//! Our own transfer: one session gives an image to another, over loopback and onto the disk, and it is checked.

use super::{Figure, Watch};
use crate::demo::swarm::whole_image;
use crate::exit::{Failure, Kind};
use engine::{Event, Session, Settings, Torrent};
use metainfo::Metainfo;
use metainfo::create::NewTorrent;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use storage::Layout;

fn failed(error: impl Display) -> Failure {
    Failure::new(Kind::Failed, format_args!("cannot transfer: {error}"))
}

/// Transfers the image in `folder` to a folder below it.
pub(super) async fn transfer(folder: &Path, torrent: &NewTorrent) -> Result<Figure, Failure> {
    let metainfo = Arc::new(Metainfo::parse(&torrent.encode()).map_err(failed)?);
    let bytes = metainfo.geometry.total_length();
    let goal = folder.join("fetched");
    std::fs::create_dir(&goal).map_err(failed)?;
    let (giver, mut given) = start(&metainfo, folder, Vec::new()).await?;
    complete(&mut given).await?;
    let watch = Watch::start();
    let address = SocketAddr::from(([127, 0, 0, 1], giver.port()));
    let (taker, mut taken) = start(&metainfo, &goal, vec![address]).await?;
    complete(&mut taken).await?;
    let figure = watch.stop("starling, both ends of a transfer", bytes);
    for (session, torrent) in [(taker, taken), (giver, given)] {
        torrent.stop().await;
        session.shutdown().await;
    }
    Ok(figure)
}

async fn start(
    metainfo: &Arc<Metainfo>,
    folder: &Path,
    peers: Vec<SocketAddr>,
) -> Result<(Session, Torrent), Failure> {
    let settings = Settings {
        port: 0,
        bind: std::net::IpAddr::from([127, 0, 0, 1]).into(),
        lsd: false,
        ..Settings::default()
    };
    let session = Session::start(settings).map_err(failed)?;
    let add = whole_image(metainfo, folder, peers);
    let torrent = session.add(add).await.map_err(failed)?;
    Ok((session, torrent))
}

async fn complete(torrent: &mut Torrent) -> Result<(), Failure> {
    loop {
        match torrent.next_event().await {
            Some(Event::Complete) => return Ok(()),
            Some(Event::Failed(error)) => return Err(failed(error)),
            Some(_) => {}
            None => return Err(failed("it ended")),
        }
    }
}

/// Checks the image in `folder`, as `starling verify` does.
pub(super) fn check(folder: &Path, torrent: &NewTorrent) -> Result<Figure, Failure> {
    let metainfo = Metainfo::parse(&torrent.encode()).map_err(failed)?;
    let bytes = metainfo.geometry.total_length();
    let watch = Watch::start();
    let report = storage::verify(Layout::new(&metainfo), folder, &|_| {}).map_err(failed)?;
    let figure = watch.stop("starling, checking what is there", bytes);
    if report.is_good() { Ok(figure) } else { Err(failed("what was written is not what was meant")) }
}
