//! SIGINT and SIGTERM: a wish to stop where there is something to finish, otherwise the end.

use tokio::signal::unix::{SignalKind, signal};
#[cfg(feature = "demo")]
use tokio::sync::watch;

/// Ends the process at the first of them, for commands that have nothing to finish: they look, and change
/// nothing or no more than one thing at a time. By hand, since the system's own way ends no process that is
/// the first one of a container.
pub(crate) fn end_at_once() {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let Ok(mut arrives) = signal(kind) else { return };
        tokio::spawn(async move {
            arrives.recv().await;
            end_by(kind);
        });
    }
}

/// Ends the process as a shell reports who was ended by the signal.
fn end_by(kind: SignalKind) -> ! {
    std::process::exit(128 + kind.as_raw_value())
}

/// Becomes true at the first SIGINT or SIGTERM; the second ends the process at once.
#[cfg(feature = "demo")]
pub(crate) fn stop() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    on_stop(move || {
        sender.send_replace(true);
    });
    receiver
}

/// Calls `stop` at the first SIGINT or SIGTERM; the second ends the process at once.
pub(crate) fn on_stop(stop: impl Fn() + Send + 'static) {
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            tracing::warn!("signals can't be caught; a stop ends the process without draining it");
            return std::future::pending().await;
        };
        for stopping in [true, false] {
            let kind = tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
            };
            if stopping {
                tracing::info!("stopping: finishing the epoch (again to stop at once)");
                stop();
            } else {
                end_by(kind);
            }
        }
    });
}
