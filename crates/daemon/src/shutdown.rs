//! The end of a process: signals become a token, which is passed down like any other value.

use tokio::signal::unix::{SignalKind, signal};
pub use tokio_util::sync::CancellationToken;

/// Set to `1` by a supervisor that holds the other end of this process's standard input: when that closes, since the
/// supervisor ended, however it ended, this process ends as well.
pub const PARENT_WATCH: &str = "TANDEM_PARENT_WATCH";

/// Cancels the returned token on SIGTERM or SIGINT, and at the end of standard input where [`PARENT_WATCH`] is set; a second signal ends the process at once, without draining.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    if std::env::var_os(PARENT_WATCH).is_some_and(|value| value == "1") {
        let cancelled = token.clone();
        std::thread::Builder::new()
            .name("parent-watch".into())
            .spawn(move || {
                let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
                cancelled.cancel();
            })?;
    }
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down, a second signal ends it at once");
        cancelled.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(token)
}
