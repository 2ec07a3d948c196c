//! The signals that end a session.

use std::io;

use crate::input;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C: leave.
    Interrupt,
    /// SIGTERM, or the terminal is closed: stop, so that it can go on later.
    Terminate,
}

/// Ends the program now: its user has said so twice.
pub(crate) fn end_now() -> ! {
    crate::full::give_back();
    std::process::exit(1)
}

/// The signals that this process gets from now on.
#[derive(Debug)]
pub(crate) struct Signals {
    source: Source,
    has_come: bool,
}

/// From now on and until a session reads what is typed, a signal ends the program and gives its terminal back.
///
/// # Errors
/// The system's.
pub(crate) fn end_until_read() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut source = {
        let _inside = runtime.enter();
        Source::new()?
    };
    let waits = move || {
        loop {
            runtime.block_on(source.next());
            if !input::is_read() {
                end_now();
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(waits).map(drop)
}

impl Signals {
    /// Takes them over, but for those that whoever started this process has it ignore, as `nohup` does.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { source: Source::new()?, has_come: false })
    }

    /// The next one; a second one ends the program at once.
    pub(crate) async fn next(&mut self) -> Signal {
        let signal = self.source.next().await;
        if std::mem::replace(&mut self.has_come, true) {
            end_now();
        }
        signal
    }
}

#[cfg(unix)]
use self::unix::Source;
#[cfg(windows)]
use self::windows::Source;

#[cfg(unix)]
mod unix {
    use super::{Signal, io};
    use tokio::signal::unix::{SignalKind, signal};

    #[derive(Debug)]
    pub(super) struct Source {
        interrupt: Option<tokio::signal::unix::Signal>,
        terminate: Option<tokio::signal::unix::Signal>,
        hangup: Option<tokio::signal::unix::Signal>,
    }

    impl Source {
        pub(super) fn new() -> io::Result<Self> {
            let ignored = ignored();
            let taken = |kind: SignalKind| {
                let is_ignored = bit(kind).is_some_and(|bit| ignored & bit != 0);
                if is_ignored { Ok(None) } else { signal(kind).map(Some) }
            };
            Ok(Self {
                interrupt: taken(SignalKind::interrupt())?,
                terminate: taken(SignalKind::terminate())?,
                hangup: taken(SignalKind::hangup())?,
            })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                () = received(&mut self.interrupt) => Signal::Interrupt,
                () = received(&mut self.terminate) => Signal::Terminate,
                () = received(&mut self.hangup) => Signal::Terminate,
            }
        }
    }

    async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
        match signal {
            Some(signal) => _ = signal.recv().await,
            None => std::future::pending().await,
        }
    }

    fn bit(kind: SignalKind) -> Option<u64> {
        let place = u32::try_from(kind.as_raw_value()).ok()?.checked_sub(1)?;
        1_u64.checked_shl(place)
    }

    /// The signals that this process ignores, a bit each. What a process does with a signal, no library tells without
    /// changing it; Linux tells in a file, and other systems through ps.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").ok();
        let line = status.as_deref().and_then(|status| status.lines().find_map(|line| line.strip_prefix("SigIgn:")));
        let mask = line.map(str::to_string).or_else(|| {
            let process = std::process::id().to_string();
            let told = std::process::Command::new("ps").args(["-o", "ignored=", "-p", &process]).output().ok()?;
            String::from_utf8(told.stdout).ok()
        });
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }
}

#[cfg(windows)]
mod windows {
    use super::{Signal, io};
    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};

    #[derive(Debug)]
    pub(super) struct Source {
        interrupt: CtrlC,
        terminate: CtrlBreak,
        window_closed: CtrlClose,
        logged_off: CtrlLogoff,
        shut_down: CtrlShutdown,
    }

    impl Source {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self {
                interrupt: ctrl_c()?,
                terminate: ctrl_break()?,
                window_closed: ctrl_close()?,
                logged_off: ctrl_logoff()?,
                shut_down: ctrl_shutdown()?,
            })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::Interrupt,
                _ = self.terminate.recv() => Signal::Terminate,
                _ = self.window_closed.recv() => Signal::Terminate,
                _ = self.logged_off.recv() => Signal::Terminate,
                _ = self.shut_down.recv() => Signal::Terminate,
            }
        }
    }
}
