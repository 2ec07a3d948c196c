//! A full screen, on a thread of its own: it draws what it is told, and tells what is typed.

mod draw;
mod earlier;
mod editor;
mod keys;
mod look;
mod model;
mod people;
mod search;
mod terminal;
#[cfg(test)]
mod tests;
mod thread;
mod wrap;

use std::io::{self, IsTerminal as _};
use std::sync::mpsc;

use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

pub(crate) use self::earlier::{EARLIER_MAX, Of, earlier};
use self::look::Look;
pub(crate) use self::terminal::give_back;
use self::thread::{Input, Loop};
use crate::input::{self, Receiver};
use crate::news::{Tone, Update};
use crate::output::{Plain, Sink, Stream};
use crate::window;

/// A full screen, and what is typed there.
pub(crate) struct Full {
    pub(crate) sink: Shown,
    pub(crate) input: Receiver,
}

/// Whether stdin and stdout are a terminal that can do it.
pub(crate) fn is_possible() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let is_terminal = !is_dumb && io::stdin().is_terminal() && io::stdout().is_terminal();
    is_terminal && window::size().is_some_and(|size| window::is_large(&size))
}

/// Opens it, where it is possible.
pub(crate) fn open(has_colour: bool) -> Option<Full> {
    if !is_possible() {
        return None;
    }
    let (typed, input) = input::channel();
    let (inbox, told) = mpsc::channel();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        terminal::restore();
        before(panic);
    }));
    let screen = terminal::enter(true).and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
    let Ok(screen) = screen else {
        terminal::restore();
        return None;
    };
    let keys = inbox.clone();
    let look = Look { has_colour, zone: TimeZone::system() };
    let loops = Loop::new(screen, look, typed);
    let draws = std::thread::Builder::new().name("screen".into()).spawn(move || loops.run(&told));
    if draws.and_then(|_| read(&keys)).is_err() {
        terminal::restore();
        return None;
    }
    Some(Full { sink: Shown(inbox), input })
}

/// Reads keys, and the window's size, each on a thread of its own.
fn read(inbox: &mpsc::Sender<Input>) -> io::Result<()> {
    #[cfg(unix)]
    {
        let sizes = inbox.clone();
        let told = move |sent| sizes.send(Input::Sent(sent)).is_ok();
        std::thread::Builder::new().name("sizes".into()).spawn(move || keys::sizes(told))?;
    }
    let sent = Reading(inbox.clone());
    let reads = move || keys::read(|key| sent.0.send(Input::Sent(key)).is_ok());
    std::thread::Builder::new().name("keys".into()).spawn(reads).map(drop)
}

/// As long as keys are read.
struct Reading(mpsc::Sender<Input>);

// Also where whoever reads them has panicked.
impl Drop for Reading {
    fn drop(&mut self) {
        // Nobody listens any more when the session is over.
        let _ = self.0.send(Input::NoKeys);
    }
}

/// Tells the thread, and waits until it has drawn.
pub(crate) struct Shown(mpsc::Sender<Input>);

impl Sink for Shown {
    fn write(&mut self, stream: Stream, lines: &str, news: Vec<Update>) -> io::Result<()> {
        if stream == Stream::Err && !io::stderr().is_terminal() {
            return Plain.write(stream, lines, news);
        }
        let (drawn, told) = mpsc::sync_channel(1);
        let is_words = news.is_empty();
        let words = lines.lines().filter(|_| is_words).map(|words| Update::words(words, Tone::Caution));
        let news = news.into_iter().chain(words).collect();
        if self.0.send(Input::News(news, drawn)).is_err() {
            return Plain.write(stream, lines, Vec::new());
        }
        told.recv().unwrap_or(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn settle(&mut self) {
        let (done, told) = mpsc::sync_channel(1);
        if self.0.send(Input::Over(done)).is_ok() {
            let _ = told.recv();
        }
    }
}
