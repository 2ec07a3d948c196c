//! A terminal with line editing: a half-typed line survives what arrives.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::time::Duration;

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext, EventHandler, ExternalPrinter,
    KeyEvent, Movement, RepeatCount,
};

use crate::ahead::Ahead;
use crate::full::{self, Update};
use crate::input::{self, Receiver, Sender, Typed, Verdict};
use crate::output::{self, Plain, Sink, Stream};

const PROMPT: &str = "> ";
const HISTORY_MAX: usize = 1_000;
/// The editor draws its line again after each message, and nothing tells when it has: this is ample.
const DRAWING: Duration = Duration::from_millis(30);
/// Goes one row up and down again: draws nothing.
const NOTHING: &str = "\x1b[A\n";

/// Prints above the line that is being typed.
struct Above<P> {
    printer: P,
    logs_too: bool,
}

impl<P: ExternalPrinter + Send + 'static> Sink for Above<P> {
    fn write(&mut self, stream: Stream, lines: &str, news: Vec<Update>) -> io::Result<()> {
        if stream == Stream::Err && !self.logs_too {
            return Plain.write(stream, lines, news);
        }
        // The editor is gone once input has ended: then nothing is half-typed.
        self.printer.print(lines.into()).or_else(|_| Plain.write(stream, lines, news))
    }

    // The editor's thread has room for one message, and draws one before it takes the next: once the second of two
    // more is taken over, what came before them is drawn.
    fn settle(&mut self) {
        for _ in 0..2 {
            if self.printer.print(NOTHING.into()).is_err() {
                return;
            }
        }
        std::thread::sleep(DRAWING);
    }
}

/// Ctrl-C takes away what is half typed; on an empty line it is an interrupt.
struct Clear(Sender);

impl ConditionalEventHandler for Clear {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        if context.line().is_empty() {
            // The editor goes on meanwhile: a second Ctrl-C, however soon, finds it there.
            return Some(self.0.try_send(Typed::Interrupt).map_or(Cmd::Interrupt, |()| Cmd::Noop));
        }
        // A session that has much to read has something else to say than what Ctrl-C does.
        let _ = self.0.try_send(Typed::Cleared);
        Some(Cmd::Kill(Movement::WholeBuffer))
    }
}

/// What a session does with a terminal.
pub(crate) struct Terminal {
    /// Prints above the line that is being typed.
    pub(crate) sink: Box<dyn Sink>,
    /// What is typed.
    pub(crate) input: Receiver,
}

impl Sink for Box<dyn Sink> {
    fn write(&mut self, stream: Stream, lines: &str, news: Vec<Update>) -> io::Result<()> {
        (**self).write(stream, lines, news)
    }

    fn settle(&mut self) {
        (**self).settle();
    }
}

/// Starts line editing, where stdin and stdout are a terminal that can do it.
pub(crate) fn open() -> Option<Terminal> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return None;
    }
    saved::save();
    let (sender, input) = input::channel();
    let (opened, sink) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("input".into());
    thread.spawn(move || edit(&sender, &opened)).ok()?;
    let sink = sink.recv().ok()?;
    Some(Terminal { sink, input })
}

/// Gives the terminal back as it was, whatever the editor was doing; one that takes nothing is not waited for.
pub(crate) fn restore() {
    output::briefly(|| {
        full::restore();
        saved::restore();
    });
}

fn edit(sender: &Sender, opened: &mpsc::SyncSender<Box<dyn Sink>>) {
    let config = Config::builder().completion_type(CompletionType::List).max_history_size(HISTORY_MAX);
    let config = config.map(rustyline::config::Builder::build);
    let Ok(mut editor) = config.and_then(|config| Editor::<Ahead, _>::with_history(config, MemHistory::new())) else {
        return;
    };
    let ahead = Ahead::default();
    editor.set_helper(Some(ahead.clone()));
    editor.bind_sequence(Event::Any, EventHandler::Conditional(Box::new(ahead.clone())));
    let clear = EventHandler::Conditional(Box::new(Clear(sender.clone())));
    editor.bind_sequence(KeyEvent::ctrl('C'), clear);
    let Ok(printer) = editor.create_external_printer() else { return };
    let above = Above { printer, logs_too: io::stderr().is_terminal() };
    if opened.send(Box::new(above)).is_err() {
        return;
    }
    let mut initial = String::new();
    loop {
        let typed = if saved::is_crowded() { plain_line() } else { edited_line(&mut editor, &initial) };
        let Some(line) = typed else {
            // Nobody listens any more when the session is over.
            let _ = sender.blocking_send(Typed::End);
            return;
        };
        initial.clear();
        let Some(line) = line else {
            if sender.blocking_send(Typed::Interrupt).is_err() {
                return;
            }
            continue;
        };
        let (verdict, told) = mpsc::sync_channel(1);
        if sender.blocking_send(Typed::Line(line.clone(), Some(verdict))).is_err() {
            return;
        }
        match told.recv() {
            Ok(Verdict::Taken) => {}
            Ok(Verdict::Again) => {
                initial = line;
                ahead.again();
            }
            Err(_) => return,
        }
    }
}

/// Nothing at the end of input; no line when the user interrupts.
fn edited_line(editor: &mut Editor<Ahead, MemHistory>, initial: &str) -> Option<Option<String>> {
    match editor.readline_with_initial(PROMPT, (initial, "")) {
        Ok(line) => {
            // A line that the history leaves out is still a line.
            let _ = editor.add_history_entry(line.as_str());
            Some(Some(line))
        }
        Err(ReadlineError::Interrupted) => Some(None),
        Err(_) => None,
    }
}

fn plain_line() -> Option<Option<String>> {
    match input::next(&mut io::stdin().lock())? {
        Typed::Line(line, _) => Some(Some(line)),
        Typed::TooLong | Typed::NotText => Some(Some(String::new())),
        Typed::Interrupt | Typed::Cleared | Typed::End => None,
    }
}

#[cfg(unix)]
mod saved {
    use std::fs::File;
    use std::io::{self, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::sync::OnceLock;

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    static SAVED: OnceLock<Termios> = OnceLock::new();

    /// The editor waits with select(2), which takes no file descriptor above 1,023, and opens a few each time.
    const DESCRIPTOR_MAX: i32 = 960;

    pub(super) fn save() {
        if let Ok(termios) = tcgetattr(io::stdin()) {
            SAVED.get_or_init(|| termios);
        }
    }

    pub(super) fn restore() {
        let Some(saved) = SAVED.get() else { return };
        if tcgetattr(io::stdin()).is_ok_and(|now| now.local_modes == saved.local_modes) {
            return;
        }
        // Bracketed paste off, and the half-typed line away. A terminal that is gone needs neither.
        let mut out = io::stdout().lock();
        let _ = out.write_all(b"\r\x1b[J\x1b[?2004l").and_then(|()| out.flush());
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, saved);
    }

    /// Whether this process has so many connections that the editor can't work: then lines are read plainly.
    pub(super) fn is_crowded() -> bool {
        File::open("/dev/null").map_or(true, |probe| probe.as_raw_fd() > DESCRIPTOR_MAX)
    }
}

#[cfg(not(unix))]
mod saved {
    pub(super) fn save() {}
    pub(super) fn restore() {}
    pub(super) fn is_crowded() -> bool {
        false
    }
}
