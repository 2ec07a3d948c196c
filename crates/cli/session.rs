//! One run of a node with its user: lines in, events out, and every way to end.

mod leaving;
mod lines;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::ExitCode;

use tertulia_core::charter::Questions;
use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::{Event, Reach, Role};
use tertulia_core::id::{CommandId, MeetingId};
use tertulia_net::{Home, Node};
use tokio::time::{Instant, sleep_until};

use crate::console::Problem;
use crate::ending::{Ending, UNDELIVERED};
use crate::fail::Fail;
use crate::input::{self, Receiver, Typed};
use crate::json::Id;
use crate::screen::Screen;
use crate::signals::Signals;
use crate::unheard::Unheard;

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
    input::begin();
    let mut stdout_works = true;
    let mut input_is_open = true;
    while session.closed.is_none() {
        let takes_lines = input_is_open && (session.screen.is_full_screen() || !session.is_full());
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
                // On a full screen Ctrl-C is a key: keys are read to the last.
                let ends = matches!(typed, Some(Typed::End)) && !session.screen.is_full_screen();
                input_is_open = typed.is_some() && !ends;
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
        } else if let Event::Ticket { label, .. } = event {
            tracing::debug!(label, "ticket");
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
        if matches!(event, Event::Error { failure, id: Some(_) } if failure.word() == UNDELIVERED) {
            self.undelivered = self.undelivered.saturating_add(1);
        }
        if self.is_for_the_user(event) {
            self.screen.event(event, asked.and_then(|asked| asked.id));
        }
        self.note_held(event);
        if let Event::Ready { role, name, meeting, title, ticket, questions, .. } = event {
            // What kind of meeting it is, a newcomer learns here.
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
        let is_own = matches!(event, Event::Message { own: true, .. }) && !self.screen.shows_own();
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
            deadline.get_or_insert_with(|| Instant::now() + leaving::PENDING_TIMEOUT);
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

    /// Tells what can't be done.
    fn problem(&mut self, problem: &Problem, id: Option<&Id>) {
        self.has_failed = true;
        self.screen.problem(problem, id);
    }

    fn send(&mut self, command: Command) -> Option<CommandId> {
        self.last_id = self.last_id.saturating_add(1);
        let number = CommandId(self.last_id);
        tracing::debug!(?number, ?command);
        // A node that takes no more commands has told, or will tell, that it is closed.
        self.node.commands.send((number, command)).ok().map(|()| number)
    }
}
