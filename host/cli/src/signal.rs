//! SIGINT and SIGTERM as a wish to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Becomes true at the first SIGINT or SIGTERM; the second ends the process at once.
pub(crate) fn stop() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            tracing::warn!("signals can't be caught; a stop ends the process without draining it");
            return std::future::pending().await;
        };
        for stopping in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stopping {
                tracing::info!("stopping: finishing the epoch (again to stop at once)");
                let _ = sender.send(true);
            }
        }
        std::process::exit(130);
    });
    receiver
}
