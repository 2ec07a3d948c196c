//! The terminal that is a full screen: taken, given back, and rung.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::style::Print;
use crossterm::{cursor, event, execute, terminal};

use crate::output;

/// Whether the terminal is a full screen now.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Buttons and the wheel, told in the way that knows any width; what moves is nobody's business.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Makes it one.
///
/// # Errors
/// The terminal does not.
pub(crate) fn enter(has_mouse: bool) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    waiting::begin();
    IS_ON.store(true, Ordering::Relaxed);
    execute!(io::stdout(), terminal::EnterAlternateScreen, event::EnableBracketedPaste, event::EnableFocusChange)?;
    if has_mouse { mouse(true) } else { Ok(()) }
}

/// Whether it is one.
pub(crate) fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Gives the terminal back as it was; one that takes nothing is not waited for.
pub(crate) fn give_back() {
    output::briefly(restore);
}

/// Gives it back, if it is a full screen.
pub(crate) fn restore() {
    if IS_ON.swap(false, Ordering::Relaxed) {
        // A terminal that is gone needs nothing; one that takes nothing has its letters back at least.
        let _ = terminal::disable_raw_mode();
        let mut out = io::stdout();
        let _ = execute!(out, Print(MOUSE_OFF), event::DisableFocusChange, event::DisableBracketedPaste);
        let _ = execute!(out, terminal::LeaveAlternateScreen, cursor::Show);
        // Last: of what one that never waits has no room for, the rest is lost.
        waiting::end();
    }
}

/// Takes away all that stands there.
///
/// # Errors
/// The terminal takes nothing.
pub(crate) fn clear() -> io::Result<()> {
    execute!(io::stdout(), terminal::Clear(terminal::ClearType::All))
}

/// Has the wheel told, or leaves the mouse to the terminal.
///
/// # Errors
/// The terminal takes nothing.
pub(crate) fn mouse(is_told: bool) -> io::Result<()> {
    execute!(io::stdout(), Print(if is_told { MOUSE_ON } else { MOUSE_OFF }))
}

/// Hands a text to the clipboard, where the terminal takes it.
///
/// # Errors
/// The terminal takes nothing.
pub(crate) fn copy(text: &str) -> io::Result<()> {
    execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
}

/// Calls the user: a bell, and a notice of the desktop's in the way that this terminal knows.
pub(crate) fn ring(call: &str) {
    let is_vte =
        std::env::var_os("VTE_VERSION").is_some() || std::env::var("TERM").is_ok_and(|term| term.starts_with("rxvt"));
    let notice = if is_vte { format!("777;notify;tertulia;{call}") } else { format!("9;tertulia: {call}") };
    let mut out = io::stdout().lock();
    // A terminal that is gone calls nobody.
    let _ = write!(out, "\x07\x1b]{notice}\x1b\\").and_then(|()| out.flush());
}

/// Waits until the shell says to go on.
#[cfg(unix)]
pub(crate) fn stop_here() {
    // In this thread: it goes on only once the shell says so.
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGTSTP);
}

/// Other systems have no shell that stops programs.
#[cfg(not(unix))]
pub(crate) fn stop_here() {}

/// Whoever has started this program may have made its terminal one that never waits, and half a screen be lost.
#[cfg(unix)]
mod waiting {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    static WAS_OFF: AtomicBool = AtomicBool::new(false);

    pub(super) fn begin() {
        set(false);
    }

    /// As it was: others use it, too.
    pub(super) fn end() {
        if WAS_OFF.load(Ordering::Relaxed) {
            set(true);
        }
    }

    fn set(is_off: bool) {
        let out = io::stdout();
        let Ok(flags) = fcntl_getfl(&out) else { return };
        if flags.contains(OFlags::NONBLOCK) != is_off {
            WAS_OFF.store(!is_off, Ordering::Relaxed);
            // Where it can't be changed, it is as it was.
            let _ = fcntl_setfl(&out, flags ^ OFlags::NONBLOCK);
        }
    }
}

#[cfg(not(unix))]
mod waiting {
    pub(super) const fn begin() {}

    pub(super) const fn end() {}
}
