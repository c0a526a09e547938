//! Starting, stopping, and moving in the queue.

use crate::args::Args;
use crate::calls::{Calls, Outcome};
use daemon::{QueueMove, StartMode};

impl Calls {
    pub(super) async fn start(&self, args: &Args, mode: StartMode) -> Outcome {
        Ok(self.daemon.start_torrents(self.selected(args), mode).await?)
    }

    pub(super) async fn stop(&self, args: &Args) -> Outcome {
        Ok(self.daemon.stop_torrents(self.selected(args)).await?)
    }

    pub(super) async fn verify(&self, args: &Args) -> Outcome {
        Ok(self.daemon.verify(self.selected(args)).await?)
    }

    pub(super) async fn reannounce(&self, args: &Args) -> Outcome {
        Ok(self.daemon.reannounce(self.selected(args)).await?)
    }

    pub(super) async fn remove(&self, args: &Args) -> Outcome {
        let delete_data = args.boolean("delete_local_data").unwrap_or(false);
        Ok(self.daemon.remove(self.selected(args), delete_data).await?)
    }

    pub(super) async fn queue_move(&self, args: &Args, to: QueueMove) -> Outcome {
        Ok(self.daemon.move_in_queue(self.selected(args), to).await?)
    }
}
