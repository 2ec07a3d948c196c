//! One run of a node with its user: lines in, events out, and every way to end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::ExitCode;
use std::time::Duration;

use tertulia_core::charter::Questions;
use tertulia_core::code::Code;
use tertulia_core::command::{Command, Directory};
use tertulia_core::event::{Event, Reach, Role};
use tertulia_core::id::{CommandId, MeetingId};
use tertulia_net::{Home, Node};
use tokio::time::{Instant, sleep_until};

use crate::console::{self, Problem, Wish};
use crate::ending::{Ending, undelivered};
use crate::fail::Fail;
use crate::input::{Receiver, Typed, Verdict};
use crate::json::{self, Id};
use crate::screen::Screen;
use crate::signals::{Signal, Signals, end_now};
use crate::unheard::Unheard;

/// Commands that the node has not answered; more of them wait here.
const ASKED_MAX: usize = 32;
/// Commands that wait here; then no more is read, or taken from an editor.
const WAITING_MAX: usize = 1_024;
/// The same for a pipe of plain lines: its end is the end of the session, and should not be read long before.
const WAITING_PLAIN_MAX: usize = 16;
/// A command that was read, and not done by the end.
const UNDELIVERED: &str = "undelivered";
/// At the end of input, what is pending has this long.
const PENDING_TIMEOUT: Duration = Duration::from_secs(5);
/// After a signal it has this long: the program ends within 5 s, and goodbyes take time too.
const HASTY_TIMEOUT: Duration = Duration::from_secs(2);

/// What a verb does with each `ready`.
pub(crate) type OnReady<'a> = Box<dyn FnMut(&Ready<'_>, &Screen) + 'a>;

/// What a verb brings to its session.
pub(crate) struct Plan<'a> {
    /// Host or attendee.
    pub(crate) role: Role,
    /// Whether the end of input is the end of the session.
    pub(crate) ends_with_input: bool,
    /// Where the meeting is kept, if it is.
    pub(crate) home: Option<Home>,
    /// The meeting, if it is known before it is reached.
    pub(crate) meeting: Option<MeetingId>,
    /// Called with each `ready`.
    pub(crate) on_ready: OnReady<'a>,
    /// What to type after such an end.
    pub(crate) next: Box<dyn Fn(&Ending) -> String + 'a>,
}

/// What a `ready` tells.
pub(crate) struct Ready<'a> {
    /// What this node is in the meeting.
    pub(crate) role: Role,
    /// The own name.
    pub(crate) name: &'a str,
    /// The meeting.
    pub(crate) meeting: MeetingId,
    /// What it is called.
    pub(crate) title: &'a str,
    /// What others join with.
    pub(crate) ticket: &'a str,
    /// What becomes of attendees' questions.
    pub(crate) questions: Questions,
    /// Whether it is the first.
    pub(crate) is_first: bool,
}

/// Where a session is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Lines are taken.
    Open,
    /// No more lines are taken; what is pending, and that somebody else has what was said, is waited for, to the
    /// deadline once the node is in its meeting.
    Emptying(Option<Instant>),
    /// The node was told to go.
    Leaving,
}

/// Among friends: how many texts wait for somebody never met, as far as that was asked since the last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Unknown,
    /// By this command; so many, if the answer has come.
    Asked(CommandId, u32),
    Told(u32),
}

/// A command on its way.
#[derive(Debug)]
struct Asked {
    /// The id that its answer repeats.
    id: Option<Id>,
    /// What people read once it is done, where nothing else shows it.
    done: Option<&'static str>,
    /// Once it is done, the text of it follows.
    is_text: bool,
}

/// What people read once `command` is done.
fn done(command: &Command) -> Option<&'static str> {
    if *command == Command::Directory(Directory::Register) {
        return Some("registries are asked to list you, until /unregister or the end");
    }
    (*command == Command::Directory(Directory::Unregister)).then_some("registries forget you")
}

struct Session<'a> {
    plan: Plan<'a>,
    screen: Screen,
    node: Node,
    stage: Stage,
    has_been_ready: bool,
    /// Whether the node has been in its meeting, and knows who is there.
    is_ready: bool,
    there_since: Option<Instant>,
    people: BTreeSet<String>,
    last_id: u64,
    /// Commands on their way.
    asked: BTreeMap<CommandId, Asked>,
    waiting: VecDeque<(Command, Option<Id>)>,
    /// Lines that came before the node was in its meeting: what they mean depends on who is there.
    early: VecDeque<String>,
    closed: Option<Code>,
    /// The command to leave with.
    parting: Command,
    /// What has not been sent is not waited for.
    is_hasty: bool,
    /// What was pending has taken too long.
    is_late: bool,
    /// What is answered at the end: ids from the first command to quit on, and what is wrong if it is not that.
    last: Vec<(Id, Option<Problem>)>,
    /// Lines and commands that were read, and not done by the end.
    undelivered: usize,
    unheard: Unheard,
    held: Held,
    interrupts: u32,
    /// What others join with.
    ticket: String,
    /// A line or a command could not be done.
    has_failed: bool,
    /// The last that was typed is Ctrl-C, and what another one does has been told.
    is_warned: bool,
    /// The user knows why a line comes back.
    has_seen_again: bool,
}

/// Runs until the node has left its meeting; gives the exit code.
///
/// # Errors
/// Something but the meeting itself has ended it.
pub(crate) async fn run(
    node: Node,
    plan: Plan<'_>,
    screen: Screen,
    mut input: Receiver,
    mut signals: Signals,
) -> Result<ExitCode, Fail> {
    let mut session = Session {
        plan,
        screen,
        node,
        stage: Stage::Open,
        has_been_ready: false,
        is_ready: false,
        there_since: None,
        people: BTreeSet::new(),
        last_id: 0,
        asked: BTreeMap::new(),
        waiting: VecDeque::new(),
        early: VecDeque::new(),
        closed: None,
        parting: Command::Quit,
        is_hasty: false,
        is_late: false,
        last: Vec::new(),
        undelivered: 0,
        unheard: Unheard::default(),
        held: Held::Unknown,
        interrupts: 0,
        ticket: String::new(),
        has_failed: false,
        is_warned: false,
        has_seen_again: false,
    };
    let mut stdout_works = true;
    let mut input_is_open = true;
    while session.closed.is_none() {
        let takes_lines = input_is_open && (session.screen.has_editor() || !session.is_full());
        let deadline = session.deadline();
        tokio::select! {
            biased;
            signal = signals.next() => session.on_signal(signal),
            event = session.node.events.recv() => match event {
                Some(event) => {
                    if matches!(event, Event::Closed { .. }) {
                        session.answer_all(&mut input);
                    }
                    session.on_event(&event);
                }
                None => break,
            },
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => session.on_deadline(),
            _ = session.screen.broken(), if stdout_works => {
                stdout_works = false;
                session.on_broken();
            }
            typed = input.recv(), if takes_lines => {
                input_is_open = !matches!(typed, None | Some(Typed::End));
                session.on_typed(typed.unwrap_or(Typed::End));
            }
        }
        session.pump();
    }
    session.answer_all(&mut input);
    session.screen.watch(signals);
    session.finish().await
}

impl Session<'_> {
    fn on_event(&mut self, event: &Event) {
        // A ticket's seed stands in no log.
        if let Event::Ready { role, name, .. } = event {
            tracing::debug!(?role, name, "ready");
        } else {
            tracing::debug!(?event);
        }
        let asked = if let Event::Done { id } | Event::Error { id: Some(id), .. } = event {
            self.asked.remove(id)
        } else {
            None
        };
        if let (Event::Done { .. }, Some(done)) = (event, asked.as_ref().and_then(|asked| asked.done)) {
            self.screen.own(done);
        }
        if matches!(event, Event::Done { .. }) && asked.as_ref().is_some_and(|asked| asked.is_text) {
            self.unheard.said(self.plan.role);
        }
        self.note_people(event);
        self.unheard.note(event, self.plan.role);
        self.has_failed |= matches!(event, Event::Error { .. });
        if matches!(event, Event::Error { code, id: Some(_), .. } if *code == UNDELIVERED) {
            self.undelivered = self.undelivered.saturating_add(1);
        }
        if self.is_for_the_user(event) {
            self.screen.event(event, asked.and_then(|asked| asked.id));
        }
        self.note_held(event);
        if let Event::Ready { role, name, meeting, title, ticket, questions, .. } = event {
            // What kind of meeting it is, a joiner learns here.
            self.plan.role = *role;
            let is_first = !std::mem::replace(&mut self.has_been_ready, true);
            self.plan.meeting = Some(*meeting);
            self.ticket.clone_from(ticket);
            let ready = Ready { role: *role, name, meeting: *meeting, title, ticket, questions: *questions, is_first };
            tracing::info!(%meeting, "in the meeting");
            (self.plan.on_ready)(&ready, &self.screen);
        }
        if !self.is_ready {
            self.note_ready(event);
        }
        if let Event::Closed { code, .. } = event {
            self.closed = Some(*code);
        }
    }

    /// Among friends, people see what they typed where they typed it; and at the end, they did not ask what is held.
    fn is_for_the_user(&self, event: &Event) -> bool {
        let is_own = matches!(event, Event::Message { own: true, .. }) && !self.screen.is_json();
        let is_asked_at_the_end = matches!(event, Event::Contacts { .. }) && self.stage != Stage::Open;
        self.plan.role != Role::Friends || !(is_own || is_asked_at_the_end)
    }

    /// At the end of input, what friends lack is waited for: of those whom one has never met, only a list tells.
    fn note_held(&mut self, event: &Event) {
        match (event, &mut self.held) {
            (Event::Contacts { contacts }, Held::Asked(_, count)) => *count = self.unheard.new_drafts(contacts),
            (Event::Done { id }, Held::Asked(asked, count)) if id == asked => self.held = Held::Told(*count),
            (Event::Message { own: true, .. } | Event::Delivery { reach: Reach::All, .. }, _) => {
                self.held = Held::Unknown;
            }
            (_, Held::Unknown | Held::Asked(..) | Held::Told(_)) => {}
        }
    }

    /// Waits until it is known who is there: only then is it clear whether a line is private.
    fn note_ready(&mut self, event: &Event) {
        let is_there = match (self.plan.role, event) {
            (Role::Host | Role::Friends, event) => matches!(event, Event::Ready { .. }),
            (Role::Member, event) => matches!(event, Event::Roster { .. }),
            (Role::Attendee, event) => matches!(event, Event::Linked { .. }),
        };
        if is_there {
            self.on_there();
        }
    }

    fn on_there(&mut self) {
        self.is_ready = true;
        self.there_since = Some(Instant::now());
        for line in std::mem::take(&mut self.early) {
            self.on_line(&line);
        }
        if let Stage::Emptying(deadline) = &mut self.stage {
            deadline.get_or_insert_with(|| Instant::now() + PENDING_TIMEOUT);
        }
    }

    fn note_people(&mut self, event: &Event) {
        if let Event::Contacts { contacts } = event {
            self.people.extend(contacts.iter().map(|contact| contact.name.clone()));
        }
        if let Event::Contact { contact, .. } = event {
            self.people.insert(contact.name.clone());
        }
        if let Event::Left { name: gone, .. } | Event::Renamed { old: gone, .. } = event {
            self.people.remove(gone);
        }
        if let Event::Joined { name, .. } | Event::Linked { name, .. } | Event::Renamed { new: name, .. } = event {
            self.people.insert(name.clone());
        }
        if let Event::Roster { members, .. } = event {
            self.people = members.iter().map(|member| member.name.clone()).collect();
        }
    }

    fn on_typed(&mut self, typed: Typed) {
        match typed {
            Typed::Line(line, verdict) => {
                self.is_warned = false;
                let taken = match self.stage {
                    Stage::Open if self.is_full() && !self.is_quit(&line) => {
                        self.problem(
                            &Problem::new("full", "too many lines wait to be sent; wait a little, or leave with /quit"),
                            None,
                        );
                        false
                    }
                    Stage::Open if self.is_ready || self.is_quit(&line) => self.on_line(&line),
                    Stage::Open => {
                        self.early.push_back(line);
                        true
                    }
                    // Lines after /quit are not for this meeting; a second /quit waits for nothing.
                    Stage::Emptying(_) if self.is_quit(&line) => self.on_line(&line),
                    Stage::Emptying(_) | Stage::Leaving => {
                        self.too_late(&line);
                        true
                    }
                };
                if let Some(verdict) = verdict {
                    if !taken && !std::mem::replace(&mut self.has_seen_again, true) {
                        self.screen
                            .own("the line is back below, or under the arrow key: change it, or clear it with Ctrl-C");
                    }
                    // The editor is gone only with the program.
                    let _ = verdict.send(if taken { Verdict::Taken } else { Verdict::Again });
                }
            }
            Typed::TooLong => {
                self.problem(
                    &Problem::new("too_long", "a line of more than 256 KiB was left out; send it in parts"),
                    None,
                );
            }
            Typed::NotText => {
                self.problem(&Problem::new("malformed", "a line is not UTF-8 and was left out; convert it"), None);
            }
            Typed::Interrupt if self.plan.role != Role::Host || self.is_warned => {
                self.on_signal(Signal::Interrupt);
            }
            Typed::Interrupt | Typed::Cleared => {
                self.is_warned = true;
                self.screen.own(match self.plan.role {
                    Role::Host => "Ctrl-C again, on the empty line, ends the lecture for all; /stop stops it for now",
                    Role::Attendee | Role::Friends | Role::Member => "Ctrl-C again, on the empty line, leaves",
                });
            }
            Typed::End if self.plan.ends_with_input => self.empty(),
            Typed::End if self.screen.has_editor() => {
                self.screen.own(match self.plan.role {
                    Role::Host => "no more input: the lecture goes on; Ctrl-C ends it for all",
                    Role::Attendee | Role::Friends | Role::Member => {
                        "no more input: you stay in the room; Ctrl-C leaves"
                    }
                });
            }
            Typed::End => {}
        }
    }

    /// Tells what can't be done.
    fn problem(&mut self, problem: &Problem, id: Option<&Id>) {
        self.has_failed = true;
        self.screen.problem(problem, id);
    }

    fn is_full(&self) -> bool {
        let is_plain = !self.screen.has_editor() && !self.screen.is_json();
        let most = if is_plain { WAITING_PLAIN_MAX } else { WAITING_MAX };
        self.waiting.len().saturating_add(self.early.len()).saturating_add(self.last.len()) >= most
    }

    fn is_quit(&self, line: &str) -> bool {
        let command = if self.screen.is_json() {
            json::command(line, self.plan.role).ok().map(|(command, _)| command)
        } else if let Ok(Some(Wish::Do(command))) = console::parse(line, self.plan.role, |_| false) {
            Some(command)
        } else {
            None
        };
        command == Some(Command::Quit)
    }

    /// Takes a line; false if its user should change it.
    fn on_line(&mut self, line: &str) -> bool {
        if self.screen.is_json() {
            match json::command(line, self.plan.role) {
                _ if line.trim().is_empty() => {}
                Ok((command, id)) => self.ask(command, id),
                Err((problem, id)) => self.problem(&problem, id.as_ref()),
            }
            return true;
        }
        match console::parse(line, self.plan.role, |name| self.people.contains(name)) {
            Ok(None) => true,
            Ok(Some(Wish::Help)) => {
                console::help(self.plan.role).iter().for_each(|line| self.screen.own(line));
                true
            }
            Ok(Some(Wish::Do(command))) => {
                if let Command::Say { text } | Command::Msg { text, .. } = &command {
                    self.screen.typed(text);
                }
                self.ask(command, None);
                true
            }
            Ok(Some(Wish::Ticket)) if self.ticket.is_empty() => {
                self.screen.own("there is no ticket yet: the meeting is not reached");
                true
            }
            Ok(Some(Wish::Ticket)) => {
                self.screen.own(&format!("others join with: tertulia join '{}'", self.ticket));
                true
            }
            Ok(Some(Wish::Hint(hint))) => {
                self.screen.own(hint);
                true
            }
            Err(problem) => {
                self.problem(&problem, None);
                false
            }
        }
    }

    fn ask(&mut self, command: Command, id: Option<Id>) {
        if command != Command::Quit {
            return self.waiting.push_back((command, id));
        }
        self.last.extend(id.map(|id| (id, None)));
        match self.stage {
            Stage::Open => {
                self.empty();
                // Whoever quits before the meeting is reached, and has said nothing, waits for nothing.
                if !self.is_ready && self.early.is_empty() {
                    self.leave(Command::Quit);
                }
            }
            Stage::Emptying(_) => self.leave(Command::Quit),
            Stage::Leaving => {}
        }
    }

    /// A line after the last one that is taken: whoever has given it an id is told.
    fn too_late(&mut self, line: &str) {
        if !self.screen.is_json() || line.trim().is_empty() {
            return;
        }
        let message = "you were leaving already, and nothing more is taken; send it the next time";
        let (problem, id) = match json::command(line, self.plan.role) {
            Ok((Command::Quit, id)) => (None, id),
            Ok((_, id)) => (Some(Problem::new(UNDELIVERED, message)), id),
            Err((problem, id)) => (Some(problem), id),
        };
        self.last.extend(id.map(|id| (id, problem)));
    }

    /// Before the end, every id that was read is answered: nothing of it is done any more.
    fn answer_all(&mut self, input: &mut Receiver) {
        let asked = std::mem::take(&mut self.asked).into_values().map(|asked| asked.id);
        let waiting = std::mem::take(&mut self.waiting).into_iter().map(|(_, id)| id);
        asked.chain(waiting).collect::<Vec<_>>().into_iter().for_each(|id| self.not_done(id.as_ref()));
        for line in std::mem::take(&mut self.early) {
            match json::command(&line, self.plan.role) {
                _ if line.trim().is_empty() => {}
                Err((problem, id)) if self.screen.is_json() => self.problem(&problem, id.as_ref()),
                Ok((_, id)) if self.screen.is_json() => self.not_done(id.as_ref()),
                Ok(_) | Err(_) => self.not_done(None),
            }
        }
        while let Ok(typed) = input.try_recv() {
            if let Typed::Line(line, _) = typed {
                self.too_late(&line);
            }
        }
        for (id, problem) in std::mem::take(&mut self.last) {
            match problem {
                Some(problem) => self.screen.problem(&problem, Some(&id)),
                None => self.screen.event(&Event::Done { id: CommandId(0) }, Some(id)),
            }
        }
    }

    fn not_done(&mut self, id: Option<&Id>) {
        self.undelivered = self.undelivered.saturating_add(1);
        if id.is_some() {
            let message = "this was over before it could be done; send it again";
            self.screen.problem(&Problem::new(UNDELIVERED, message), id);
        }
    }

    /// Sends what may be sent, and leaves when that is what is left to do.
    fn pump(&mut self) {
        let sends = self.is_ready && self.stage != Stage::Leaving && !self.is_hasty;
        while sends && self.asked.len() < ASKED_MAX {
            let Some((command, id)) = self.waiting.pop_front() else { break };
            let (done, is_text) = (done(&command), matches!(command, Command::Say { .. }));
            if let Some(number) = self.send(command) {
                self.asked.insert(number, Asked { id, done, is_text });
            }
        }
        let is_empty = self.waiting.is_empty() && self.asked.is_empty();
        let may_leave = matches!(self.stage, Stage::Emptying(_)) && self.is_ready && (is_empty || self.is_hasty);
        if may_leave && !self.waits_for_others() {
            self.leave(self.parting.clone());
        }
    }

    /// Whether somebody else is to have what was said before this node leaves.
    fn waits_for_others(&mut self) -> bool {
        match self.plan.role {
            // A host's log is the lecture, and an attendee's question is answered.
            Role::Host | Role::Attendee => false,
            // Who comes back to its room is in it before it is linked with anybody.
            Role::Member => {
                let is_new = self.there_since.is_some_and(|since| since.elapsed() < PENDING_TIMEOUT);
                self.unheard.count() > 0 && (self.unheard.has_others() || is_new && self.unheard.expects_others())
            }
            Role::Friends => {
                if self.held == Held::Unknown {
                    self.held = self.send(Command::Contacts).map_or(Held::Told(0), |id| Held::Asked(id, 0));
                }
                match self.held {
                    Held::Told(drafts) => !self.is_hasty && (drafts > 0 || self.unheard.count() > 0),
                    Held::Asked(..) | Held::Unknown => true,
                }
            }
        }
    }

    fn send(&mut self, command: Command) -> Option<CommandId> {
        self.last_id = self.last_id.saturating_add(1);
        let number = CommandId(self.last_id);
        tracing::debug!(?number, ?command);
        // A node that takes no more commands has told, or will tell, that it is closed.
        self.node.commands.send((number, command)).ok().map(|()| number)
    }

    fn empty(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Emptying(self.is_ready.then(|| Instant::now() + PENDING_TIMEOUT));
        }
    }

    const fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Emptying(deadline) => deadline,
            Stage::Open | Stage::Leaving => None,
        }
    }

    fn on_deadline(&mut self) {
        self.is_late = true;
        self.leave(self.parting.clone());
    }

    fn leave(&mut self, command: Command) {
        self.stage = Stage::Leaving;
        self.send(command);
    }

    fn on_signal(&mut self, signal: Signal) {
        self.interrupts = self.interrupts.saturating_add(1);
        if self.interrupts > 1 {
            end_now();
        }
        tracing::info!(?signal, "leaving");
        self.screen.hurry();
        let parting = match signal {
            Signal::Interrupt => Command::Quit,
            Signal::Terminate => Command::Stop,
        };
        match self.stage {
            Stage::Leaving => {}
            // What has been said is on its way; what has not is not said any more.
            Stage::Open | Stage::Emptying(_) if self.is_ready => {
                (self.parting, self.is_hasty) = (parting, true);
                self.stage = Stage::Emptying(Some(Instant::now() + HASTY_TIMEOUT));
            }
            Stage::Open | Stage::Emptying(_) => self.leave(parting),
        }
    }

    /// What can't be written, the end tells.
    fn on_broken(&mut self) {
        if self.stage != Stage::Leaving {
            self.leave(Command::Quit);
        }
    }

    /// Own texts that nobody else has. With somebody linked, what was said goes before the goodbye: it is not known to
    /// have come only if that was waited for, in vain.
    fn only_here(&self) -> usize {
        let drafts = match self.held {
            Held::Told(drafts) | Held::Asked(_, drafts) => drafts,
            Held::Unknown => 0,
        };
        let is_sent = self.plan.role == Role::Member && self.unheard.has_others() && !self.is_late;
        let texts = if is_sent { 0 } else { self.unheard.count() };
        texts.saturating_add(usize::try_from(drafts).unwrap_or(usize::MAX))
    }

    async fn finish(self) -> Result<ExitCode, Fail> {
        let is_pipe = !self.screen.has_editor() && !self.screen.is_json();
        let has_failed = self.has_failed && is_pipe;
        let (role, has_others, only_here) = (self.plan.role, self.unheard.has_others(), self.only_here());
        let was_there = self.has_been_ready;
        let seconds = self.is_late.then_some(if self.is_hasty { HASTY_TIMEOUT } else { PENDING_TIMEOUT }.as_secs());
        let lost = undelivered(self.undelivered, seconds, self.is_ready);
        let Self { plan, screen, mut node, closed, .. } = self;
        let finished = screen.part(&mut node).await;
        tracing::info!(?closed, "the node has ended");
        let is_kept = plan.home.is_some() || role == Role::Friends;
        let ending = closed.map(|code| Ending { code, role, was_there, has_others, is_kept, only_here });
        let held = ending.as_ref().and_then(Ending::only_here);
        let is_delivered = lost.is_none() && held.is_none();
        lost.iter().chain(&held).for_each(|problem| screen.problem(problem, None));
        if let Some(ending) = &ending {
            screen.own(&(plan.next)(ending));
        }
        let written = screen.close();
        // Who was not shown all comes back for it, and hears of the end then.
        let is_over = closed == Some(Code::Ended) && (written.is_ok() || role == Role::Host);
        if let (Some(home), Some(meeting)) = (plan.home.filter(|_| is_over), plan.meeting) {
            let marked = home.meeting(meeting).and_then(|files| files.mark_ended());
            marked.map_err(|error| Fail::failed("home", error.to_string(), "tertulia --home DIR …"))?;
        }
        written?;
        // What could not be kept has been told with `closed`.
        if closed == Some(Code::Unwritten) {
            return Ok(ExitCode::FAILURE);
        }
        finished.map_err(|error| Fail::failed("node", error.to_string(), "start it again"))?;
        let Some(ending) = ending else {
            return Err(Fail::failed("node", "the node has ended by itself", "start it again"));
        };
        let is_well = ending.is_well() && is_delivered && !has_failed;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
