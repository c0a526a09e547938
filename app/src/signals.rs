//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

use crate::exit::{Failure, Kind};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where both signals are heard from now on.
pub(crate) struct StopSignals {
    /// `None` once the first signal came: a task of its own waits for the second.
    signals: Option<(Signal, Signal)>,
}

impl StopSignals {
    /// Starts listening; needs a runtime.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(Kind::Failed, format_args!("cannot listen for signals: {error}"))
            })
        };
        Ok(Self { signals: Some((listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)) })
    }

    /// Whether the first signal came.
    pub(crate) const fn heard(&self) -> bool {
        self.signals.is_none()
    }

    /// Waits for the first signal; returns at once if it came already. May be dropped and called again.
    pub(crate) async fn wait(&mut self) {
        let Some((interrupt, terminate)) = &mut self.signals else { return };
        either(interrupt, terminate).await;
        if let Some((mut interrupt, mut terminate)) = self.signals.take() {
            tokio::spawn(async move {
                either(&mut interrupt, &mut terminate).await;
                std::process::exit(Kind::Interrupted as i32);
            });
        }
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
