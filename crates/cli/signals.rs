//! The signals that end a session.

use std::io;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C: leave.
    Interrupt,
    /// SIGTERM, or the terminal is closed: stop, so that it can go on later.
    Terminate,
}

#[cfg(unix)]
pub(crate) use unix::Signals;
#[cfg(not(unix))]
pub(crate) use windows::Signals;

#[cfg(unix)]
mod unix {
    use super::{Signal, io};
    use tokio::signal::unix::{SignalKind, signal};

    /// The signals that this process gets from now on.
    #[derive(Debug)]
    pub(crate) struct Signals {
        interrupt: tokio::signal::unix::Signal,
        terminate: tokio::signal::unix::Signal,
        hangup: tokio::signal::unix::Signal,
    }

    impl Signals {
        /// Takes them over.
        ///
        /// # Errors
        /// The system's.
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        /// The next one.
        pub(crate) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::Interrupt,
                _ = self.terminate.recv() => Signal::Terminate,
                _ = self.hangup.recv() => Signal::Terminate,
            }
        }
    }
}

#[cfg(not(unix))]
mod windows {
    use super::{Signal, io};

    /// The signals that this process gets from now on.
    #[derive(Debug)]
    pub(crate) struct Signals(());

    impl Signals {
        /// Takes them over.
        ///
        /// # Errors
        /// The system's.
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(()))
        }

        /// The next one.
        pub(crate) async fn next(&mut self) -> Signal {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Signal::Interrupt
        }
    }
}
