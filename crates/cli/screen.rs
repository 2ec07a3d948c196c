//! What is shown: events and this program's own words, as JSON or as text, to one writer.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::net::SocketAddr;

use tertulia_core::code::Code;
use tertulia_core::event::Event;
use tertulia_core::id::MeetingId;
use tertulia_core::identity::Identity;
use tertulia_core::log::Log;
use tertulia_net::{Home, Node};

use crate::calls::Calls;
use crate::console::Problem;
use crate::fail::Fail;
pub(crate) use crate::full::Of;
use crate::full::{self, Full};
use crate::json::{self, Id};
use crate::news::{Tone, Update};
use crate::output::{self, Output, Plain, Reader, Stream, Unwritten};
use crate::shown::Mark;
use crate::signals::{self, Signals};
use crate::text::Text;
use crate::{escape, input, logs};

/// How it is shown.
#[derive(Debug)]
enum Style {
    Json,
    Text(Text),
    /// A full screen, which has the words; and what calls its user.
    Full(Text, Calls),
}

/// One writer and one style.
#[derive(Debug)]
pub(crate) struct Screen {
    output: Output,
    style: Style,
    /// Whoever types sees it at once.
    is_typed: bool,
    /// What earlier runs have shown of meetings that this one may come to.
    earlier: BTreeMap<MeetingId, Vec<Update>>,
    is_closed: bool,
    /// Where this process listens.
    pub(crate) listen: Option<SocketAddr>,
    /// The registries that it uses.
    pub(crate) registry: Option<String>,
}

/// Whether stdout shows colours: as NO_COLOR, CLICOLOR_FORCE and CLICOLOR say, in this order, else if a terminal has them.
pub(crate) fn has_colour() -> bool {
    let wanted = anstyle_query::clicolor();
    let can_show = || anstyle_query::term_supports_color() || wanted == Some(true);
    !anstyle_query::no_color()
        && (anstyle_query::clicolor_force() || wanted != Some(false) && std::io::stdout().is_terminal() && can_show())
}

/// Whether an event is an error or a warning.
const fn is_alarm(event: &Event) -> bool {
    let is_bad_end =
        matches!(event, Event::Closed { code, .. } if !matches!(code, Code::Left | Code::Ended | Code::Stopped));
    is_bad_end || matches!(event, Event::Error { .. } | Event::Warning { .. })
}

/// How much the words for an event matter.
const fn tone_of(event: &Event) -> Tone {
    if matches!(event, Event::Warning(_) | Event::Gap { .. } | Event::Knock { .. }) {
        Tone::Caution
    } else if is_alarm(event) {
        Tone::Alarm
    } else {
        Tone::Plain
    }
}

const DROPPED: &str = "output_dropped";
const OUTPUT: &str = "output";

fn dropped(lines: u64) -> String {
    format!("{lines} lines were not read in time and are left out; read faster, or ask for less history")
}

fn dropped_json(lines: u64) -> String {
    dropped_at(lines, tertulia_net::unix_ms()).finish()
}

pub(crate) fn dropped_at(lines: u64, now_ms: u64) -> json::Object {
    json::warning(DROPPED, &dropped(lines), now_ms).with("count", lines)
}

fn dropped_text(lines: u64) -> String {
    Text::new(false).warning(&dropped(lines))
}

impl Screen {
    /// For a command that only tells something.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn open(json: bool, verbose: u8) -> Result<Self, Fail> {
        let style = if json { Style::Json } else { Style::Text(Text::new(has_colour())) };
        Self::start(Output::start(Plain, if json { dropped_json } else { dropped_text }), style, verbose)
    }

    /// For a command that its user talks to.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn interactive(json: bool, plain: bool, verbose: u8) -> Result<(Self, input::Receiver), Fail> {
        if !json && !plain && full::is_possible() {
            signals::end_until_read().map_err(|error| no_thread(&error))?;
        }
        if !json
            && !plain
            && let Some(Full { sink, input }) = full::open(has_colour())
        {
            let screen =
                Self::start(Output::start(sink, dropped_text), Style::Full(Text::bare(), Calls::default()), verbose)?;
            return Ok((screen, input));
        }
        let input = input::read_stdin().map_err(|error| no_thread(&error))?;
        let mut screen = Self::open(json, verbose)?;
        screen.is_typed = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        Ok((screen, input))
    }

    fn start(output: std::io::Result<Output>, style: Style, verbose: u8) -> Result<Self, Fail> {
        let output = output.map_err(|error| no_thread(&error))?;
        logs::start(&output, verbose);
        Ok(Self {
            output,
            style,
            is_typed: false,
            earlier: BTreeMap::new(),
            is_closed: false,
            listen: None,
            registry: None,
        })
    }

    /// Whether stdout carries JSON.
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.style, Style::Json)
    }

    /// Whether it is a full screen.
    pub(crate) const fn is_full_screen(&self) -> bool {
        matches!(self.style, Style::Full(..))
    }

    /// Whether it is plain lines.
    pub(crate) const fn is_plain(&self) -> bool {
        matches!(self.style, Style::Text(_))
    }

    /// Whether somebody types who sees what is told.
    pub(crate) const fn has_user(&self) -> bool {
        self.is_full_screen() || self.is_plain() && self.is_typed
    }

    /// Whether these come from a pipe or a file, and not from somebody who can do something about an error.
    pub(crate) const fn is_pipe(&self) -> bool {
        self.is_plain() && !self.is_typed
    }

    /// A line of output as it stands.
    pub(crate) fn line(&self, line: &str) {
        self.output.line(Stream::Out, line);
    }

    /// What is kept of a meeting is seen again once this run is there; `us`: this user, and what it is called.
    pub(crate) fn remember(&mut self, log: &Log, us: (&Identity, &str), of: Of<'_>) {
        if self.is_full_screen() {
            self.earlier.insert(log.meeting(), full::earlier(log, us, of));
        }
    }

    /// An event; `id` is what its command came with.
    pub(crate) fn event(&mut self, event: &Event, id: Option<Id>) {
        if let Event::Ready { meeting, .. } = event {
            let earlier = self.earlier.remove(meeting).into_iter().flatten();
            earlier.for_each(|update| self.output.news(update, false, None));
        }
        if let Event::Contacts { .. } = event {
            self.show_earlier_of_friends(event);
        }
        let line = match &mut self.style {
            Style::Full(text, calls) => {
                let (words, tone, call) = (text.event(event), tone_of(event), calls.of(event, text.us()));
                let matters = matches!(event, Event::Error { .. } | Event::Closed { .. });
                let update = Update::event(event.clone(), tertulia_net::unix_ms());
                return self.output.news(Update { words, tone, call, ..update }, matters, Mark::of(event));
            }
            Style::Json => {
                let listen = self.listen.map(|address| address.to_string());
                let registry = self.registry.clone();
                json::event(event, &json::Beside { now_ms: tertulia_net::unix_ms(), listen, registry, id })
            }
            Style::Text(text) => text.event(event),
        };
        let Some(line) = line else { return };
        let stream = if is_alarm(event) { self.alarms() } else { Stream::Out };
        if let Event::Error { .. } | Event::Closed { .. } = event {
            self.output.word(stream, &line);
        } else if stream == Stream::Out {
            self.output.message(&line, Mark::of(event));
        } else {
            self.output.line(stream, &line);
        }
    }

    /// Once it is known who the friends are: what was said with all of them, in its order.
    fn show_earlier_of_friends(&mut self, contacts: &Event) {
        let mut earlier: Vec<Update> = std::mem::take(&mut self.earlier).into_values().flatten().collect();
        if earlier.is_empty() {
            return;
        }
        earlier.sort_by_key(|update| update.at_ms);
        let known = Update::event(contacts.clone(), tertulia_net::unix_ms());
        let last = earlier.len().saturating_sub(full::EARLIER_MAX);
        let last = earlier.into_iter().skip(last);
        std::iter::once(known).chain(last).for_each(|update| self.output.news(update, false, None));
    }

    /// Where errors and warnings go: where the user looks, who sees a full screen or JSON, and stderr else.
    const fn alarms(&self) -> Stream {
        if self.is_full_screen() || self.is_json() { Stream::Out } else { Stream::Err }
    }

    /// Something for people only. Escape what comes from outside.
    pub(crate) fn own(&self, words: &str) {
        match &self.style {
            Style::Text(text) => self.line(&text.own(words)),
            Style::Full(..) => self.told(words, Tone::Plain),
            Style::Json => {}
        }
    }

    /// A ticket whose code a full screen shows beside what is said, if it has a place for it.
    pub(crate) fn invite(&self, ticket: &str) {
        if self.is_full_screen() {
            let news = Update { words: None, invitation: Some(ticket.into()), ..Update::words("", Tone::Plain) };
            self.output.news(news, false, None);
        }
    }

    /// Words for a full screen.
    fn told(&self, words: &str, tone: Tone) {
        let news = Update::words(words, tone);
        self.output.news(news, tone == Tone::Alarm, None);
    }

    /// Whether what friends are told is shown as it was sent, and not only where it was typed.
    pub(crate) const fn shows_own(&self) -> bool {
        !self.is_plain()
    }

    /// Something that should be known.
    pub(crate) fn warning(&self, code: &'static str, message: &str) {
        let line = match &self.style {
            Style::Json => json::warning(code, message, tertulia_net::unix_ms()).finish(),
            Style::Text(text) => text.warning(message),
            Style::Full(text, _) => return self.told(&text.warning(message), Tone::Caution),
        };
        self.output.line(self.alarms(), &line);
    }

    /// A line or command that can't be done.
    pub(crate) fn problem(&self, problem: &Problem, id: Option<&Id>) {
        let line = match &self.style {
            Style::Json => json::error(problem.code, &problem.message, id, tertulia_net::unix_ms()).finish(),
            Style::Text(text) => text.error(&problem.message),
            Style::Full(text, _) => return self.told(&text.error(&problem.message), Tone::Alarm),
        };
        self.output.word(self.alarms(), &line);
    }

    /// The user sees `text` where it was typed.
    pub(crate) fn typed(&mut self, typed: &str) {
        if let (Style::Text(text), true) = (&mut self.style, self.is_typed) {
            text.typed(typed);
        }
    }

    /// Returns once stdout can't be written any more.
    pub(crate) async fn broken(&self) -> Reader {
        self.output.broken().await
    }

    /// What is shown of meetings and friends is kept in `home` from now on, and its settings count.
    pub(crate) fn keep_in(&mut self, home: &Home) {
        if let (Style::Full(_, calls), Some(bell)) = (&mut self.style, &home.config().bell) {
            *calls = Calls::read(bell).unwrap_or_default();
        }
        self.output.keep_in(home);
    }

    /// A signal has told the program to end: it does within 5 s, however slow a reader or a peer is.
    pub(crate) fn hurry(&self) {
        self.output.hurry();
    }

    /// The session is over, and not all is said: signals still count.
    pub(crate) fn watch(&self, mut signals: Signals) {
        let output = self.output.clone();
        tokio::spawn(async move {
            loop {
                signals.next().await;
                output.hurry();
            }
        });
    }

    /// Waits until the node has said goodbye to all, or the time that a signal left is up.
    ///
    /// # Errors
    /// What has ended the node.
    pub(crate) async fn part(&self, node: &mut Node) -> Result<(), tertulia_net::Error> {
        tokio::select! {
            finished = node.finished() => finished,
            () = self.output.late() => Ok(()),
        }
    }

    /// Waits for what is to be written, and gives the terminal back.
    ///
    /// # Errors
    /// Not everything was written.
    pub(crate) fn close(mut self) -> Result<(), Fail> {
        self.is_closed = true;
        let finished = self.output.finish();
        full::give_back();
        finished.map_err(unwritten)
    }
}

fn unwritten(Unwritten { lines, reader }: Unwritten) -> Fail {
    let lines = if lines == 1 { "1 line is lost".into() } else { format!("{lines} lines are lost") };
    match reader {
        Reader::There => Fail::failed(
            DROPPED,
            format!("whoever reads stdout takes nothing; {lines}"),
            "read faster: tertulia … | cat",
        ),
        Reader::Gone => {
            Fail::failed(OUTPUT, format!("nobody reads stdout any more; {lines}"), "read all of it: tertulia … | cat")
        }
        Reader::Failed(kind) => {
            let message = format!("stdout can't be written: {kind}; {lines}");
            Fail::failed(OUTPUT, message, "send it somewhere else: tertulia … > FILE")
        }
    }
}

// A refusal comes after what was said before it, and on a terminal as it was.
impl Drop for Screen {
    fn drop(&mut self) {
        if !self.is_closed {
            // The refusal matters more than lines that nobody reads.
            let _ = self.output.finish();
            full::give_back();
        }
    }
}

fn no_thread(error: &std::io::Error) -> Fail {
    Fail::failed("system", format!("the system gives no thread: {error}"), "end other programs and try again")
}

/// Tells why the program ends, where its user looks; on stderr, where stdout can't be written.
pub(crate) fn report(fail: &Fail, json: bool) {
    if json {
        let message = format!("{}; {}", fail.message, fail.hint);
        let line = json::error(fail.code, &message, None, tertulia_net::unix_ms()).finish();
        let line = format!("{line}\n");
        // If stderr takes nothing either, there is nobody left to tell.
        let _ = output::last_word(Stream::Out, line.clone()) || output::last_word(Stream::Err, line);
        return;
    }
    let (message, hint) = (escape::line(&fail.message), escape::line(&fail.hint));
    output::last_word(Stream::Err, format!("error: {message}\n  try: {hint}\n"));
}

/// What has been written to stdout without a screen has not arrived.
pub(crate) fn not_written(error: &std::io::Error) -> Fail {
    let gone = error.kind() == std::io::ErrorKind::BrokenPipe;
    unwritten(Unwritten { lines: 1, reader: if gone { Reader::Gone } else { Reader::Failed(error.kind()) } })
}
