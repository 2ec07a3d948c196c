//! What must hold of any [`Machine`], whatever happens to it.
//!
//! - The same state and input give the same state and outputs.
//! - After firing, no deadline is in the past; a call that comes too early changes nothing and says nothing.
//! - Invariants hold after every call.
//! - What goes out goes to links that are up, decodes, fits a record, and answers a request that is open; a dial has a
//!   number of its own; after `Closed`, nothing follows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use bytes::Bytes;
use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::id::{CommandId, DialId, Key, LinkId, MeetingId, RequestId};
use tertulia_core::limits;
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::field::{Name, Reason};
use tertulia_core::wire::frame::{Decoded, HEADER, Role, decode, generate, infos};
use tertulia_core::wire::option::{self, Options, OptionsBuffer};
use tertulia_core::wire::session::{Done, Hello, Purpose, Refused, Session};
use tertulia_core::wire::{Encoded, Frame};

/// Something that happens to a machine. Whatever does not apply at the time is left out.
#[derive(Clone, Debug)]
pub enum Step {
    /// A link stands: with the peer of this number, on the machine's own oldest dial or not.
    Up {
        /// Which peer.
        peer: u8,
        /// Whether it is what the machine has dialled.
        dialled: bool,
        /// Wall clock of the peer's start.
        started_ms: u64,
        /// What it tells as its name, if anything.
        name: Option<u8>,
    },
    /// A generated frame of one of all types.
    Frame {
        /// On which of the links that are up.
        link: usize,
        /// Of which type.
        kind: usize,
        /// What its fields are drawn from, over and over.
        draws: Vec<u64>,
    },
    /// One of the frames that somebody has prepared, signatures and all.
    Prepared {
        /// On which of the links that are up.
        link: usize,
        /// Which.
        which: usize,
    },
    /// The oldest request of the machine's own is answered.
    Answer {
        /// With OK or with ERROR.
        done: bool,
    },
    /// A link is gone.
    Down {
        /// Which of the links that are up.
        link: usize,
        /// Why, by number.
        code: u16,
    },
    /// The oldest dial leads to nothing.
    Unreachable {
        /// Why, by number.
        code: u16,
    },
    /// The user wants something.
    Command(Command),
    /// Time jumps exactly to the next deadline.
    Due,
    /// Time passes.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
}

/// One end of a link, as far as it restricts what may go over it.
#[derive(Clone, Debug, Default)]
struct Ends {
    /// Requests of the peer that wait for the machine's reply.
    theirs: BTreeSet<RequestId>,
    /// Requests of the machine that wait for the peer's reply.
    ours: BTreeSet<RequestId>,
    next: u32,
}

/// A machine, and all that is around it.
#[derive(Clone, Debug)]
pub struct Court<M> {
    machine: M,
    now: Now,
    links: BTreeMap<LinkId, Ends>,
    /// One above the position of what was appended last.
    feed_head: u64,
    next_link: u64,
    dials: Vec<DialId>,
    dialled: BTreeSet<DialId>,
    closed: bool,
    commands: u64,
    peers: Vec<Key>,
    purpose: Purpose,
    prepared: Vec<Encoded>,
    /// How many inputs the machine has had, by what they were.
    pub inputs: BTreeMap<&'static str, u64>,
}

impl<M: Machine + Clone + Debug> Court<M> {
    /// A machine that has just been started, the peers that it may meet, and frames that they may send.
    ///
    /// # Panics
    /// If starting breaks a law.
    pub fn new(machine: M, peers: Vec<Key>, prepared: Vec<Encoded>) -> Self {
        let mut court = Self {
            machine,
            now: Now { tick: Instant(1_000_000), unix_ms: 1_700_000_000_000 },
            links: BTreeMap::new(),
            feed_head: 0,
            next_link: 0,
            dials: Vec::new(),
            dialled: BTreeSet::new(),
            closed: false,
            commands: 0,
            peers,
            prepared,
            purpose: Purpose::STAR,
            inputs: BTreeMap::new(),
        };
        court.handle(&Input::Start);
        court
    }

    /// The same, with links of another purpose.
    #[must_use]
    pub const fn linked_for(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// Does one step.
    ///
    /// # Panics
    /// If a law is broken.
    pub fn step(&mut self, step: &Step) {
        self.call_too_early();
        match step {
            Step::Up { peer, dialled, started_ms, name } => self.up(*peer, *dialled, *started_ms, *name),
            Step::Frame { link, kind, draws } => self.generated(*link, *kind, draws),
            Step::Prepared { link, which } => {
                if let Some(frame) = at(&self.prepared, *which).cloned() {
                    self.frame(*link, &frame.0);
                }
            }
            Step::Answer { done } => {
                let open = self.links.values().position(|ends| !ends.ours.is_empty());
                let options = Options::NONE;
                let answer = match done {
                    true => Frame::from(Done { options }),
                    false => Frame::from(Refused { code: Code::Full, reason: Reason::NONE, options }),
                };
                if let Some(link) = open {
                    self.frame(link, &answer.encode(RequestId(1)).0);
                }
            }
            Step::Down { link, code } => {
                if let Some(link) = self.link(*link) {
                    self.links.remove(&link);
                    self.handle(&Input::Down { link, code: Code::from_number(*code) });
                }
            }
            Step::Unreachable { code } => {
                if !self.dials.is_empty() {
                    let dial = self.dials.remove(0);
                    self.handle(&Input::Unreachable { dial, code: Code::from_number(*code) });
                }
            }
            Step::Command(command) => {
                self.commands += 1;
                self.handle(&Input::Command { id: CommandId(self.commands), command: command.clone() });
            }
            Step::Due => {
                if let Some(due) = self.machine.poll_timeout() {
                    let ms = due.since(self.now.tick).as_millis() as u64;
                    self.pass(ms);
                }
            }
            Step::Wait { ms } => self.pass(*ms),
        }
    }

    fn link(&self, index: usize) -> Option<LinkId> {
        at(&self.links.keys().copied().collect::<Vec<_>>(), index).copied()
    }

    /// Time passes, and stops at every deadline on the way.
    fn pass(&mut self, ms: u64) {
        let end = Instant(self.now.tick.0 + ms);
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            let late = due.max(self.now.tick);
            self.now.unix_ms += late.0 - self.now.tick.0;
            self.now.tick = late;
            self.fire();
        }
        self.now.unix_ms += end.0.saturating_sub(self.now.tick.0);
        self.now.tick = end.max(self.now.tick);
    }

    fn fire(&mut self) {
        let now = self.now;
        self.twice("timeout", |machine, out| machine.handle_timeout(now, out));
        let next = self.machine.poll_timeout();
        assert!(next.is_none_or(|next| next > now.tick), "a deadline is in the past: {next:?} at {:?}", now.tick);
    }

    fn call_too_early(&self) {
        let mut machine = self.machine.clone();
        let mut out = Vec::new();
        if machine.poll_timeout().is_some_and(|due| due <= self.now.tick) {
            return;
        }
        machine.handle_timeout(self.now, &mut out);
        assert_eq!(out, [], "a spurious timeout says something");
        assert_same(&machine, &self.machine, "a spurious timeout changes something");
    }

    fn handle(&mut self, input: &Input<'_>) {
        let (now, name) = (self.now, name_of(input));
        self.twice(name, |machine, out| machine.handle(input.clone(), now, out));
    }

    /// Does something to the machine and to a copy of it, and looks at what comes out.
    fn twice(&mut self, what: &'static str, act: impl Fn(&mut M, &mut Vec<Output>)) {
        *self.inputs.entry(what).or_default() += 1;
        let mut copy = self.machine.clone();
        let (mut out, mut copied) = (Vec::new(), Vec::new());
        act(&mut self.machine, &mut out);
        act(&mut copy, &mut copied);
        assert_eq!(out, copied, "the same state and input give other outputs");
        assert_same(&self.machine, &copy, "the same state and input give another state");
        self.machine.assert_invariants();
        for output in out {
            self.look_at(output);
        }
    }

    fn look_at(&mut self, output: Output) {
        assert!(!self.closed, "it is over, and then: {output:?}");
        match output {
            Output::Send { link, frame } => self.look_at_frame(link, &frame),
            Output::Append { entry, at, dropped } => {
                assert!(at >= self.feed_head && dropped <= at, "position {at}, and {dropped} dropped");
                assert_eq!(entry.lane(), entry.carried().entry.lane, "{entry:?}");
                self.feed_head = at + 1;
            }
            Output::Store { record, .. } => {
                let Some(frame) = record.frame() else { return };
                let decoded = decode(&frame.0).expect("what is appended decodes").frame.map(|frame| frame.info().name);
                assert_eq!(decoded, Some("ENTRY"), "only entries are appended");
            }
            Output::Keep { .. } => {}
            Output::Follow { link, .. } => assert!(self.links.contains_key(&link), "{link:?} is not up, and follows"),
            Output::Dial { id, addresses, hello, .. } => {
                assert!(self.dialled.insert(id), "{id:?} is dialled twice");
                assert!(addresses.len() <= limits::ADDRESSES_MAX, "too many addresses");
                let decoded = decode(&hello.0).expect("a HELLO decodes").frame;
                assert!(matches!(decoded, Some(Frame::Session(Session::Hello(_)))), "a dial opens with HELLO");
                self.dials.push(id);
            }
            Output::Close { link, .. } => {
                assert!(self.links.remove(&link).is_some(), "{link:?} is not up, and is closed");
            }
            Output::Event(Event::Closed { .. }) => self.closed = true,
            Output::Event(_) => {}
        }
    }

    fn look_at_frame(&mut self, link: LinkId, frame: &Encoded) {
        let ends = self.links.get_mut(&link).unwrap_or_else(|| panic!("{link:?} is not up, and is sent {frame:?}"));
        assert!(frame.0.len() <= limits::RECORD_PLAINTEXT_MAX, "a frame does not fit a record");
        let Decoded { id, frame: Some(decoded), rest, .. } = decode(&frame.0).expect("what is sent decodes") else {
            panic!("a machine sends a frame that it does not know");
        };
        assert!(rest.is_empty(), "one frame at a time");
        match decoded.info().role {
            Role::Event => {
                let own = matches!(decoded, Frame::Session(Session::Hello(_) | Session::Bye(_) | Session::Ping(_)));
                assert!(!own, "the link sends these itself: {frame:?}");
            }
            Role::Request => assert!(ends.ours.insert(id), "{id:?} is open already"),
            Role::Reply => assert!(ends.theirs.remove(&id), "{frame:?} answers nothing"),
        }
    }

    fn up(&mut self, peer: u8, dialled: bool, started_ms: u64, name: Option<u8>) {
        let Some(peer) = at(&self.peers, usize::from(peer)).copied() else { return };
        if dialled && self.dials.is_empty() {
            return;
        }
        let dial = dialled.then(|| self.dials.remove(0));
        self.next_link += 1;
        let link = LinkId(self.next_link);
        self.links.insert(link, Ends::default());
        let mut options = OptionsBuffer::default();
        let name = name.map(|name| format!("p{}", name % 6));
        if let Some(name) = name.as_deref().and_then(Name::new) {
            options.set(&option::NAME, &name);
        }
        let purpose = if started_ms % 16 == 15 { Purpose(9) } else { self.purpose };
        let hello = Hello { purpose, meeting: MeetingId::ZERO, started_ms, options: options.options() };
        let address = ([127, 0, 0, 1], 40_000).into();
        self.handle(&Input::Up { link, peer, address, hello, dial });
    }

    fn generated(&mut self, link: usize, kind: usize, draws: &[u64]) {
        let all: Vec<_> = infos().collect();
        let Some(info) = at(&all, kind) else { return };
        let mut next = draws.iter().copied().cycle();
        let frame = generate(info, &mut || next.next().unwrap_or(0));
        if frame.len() <= limits::RECORD_PLAINTEXT_MAX {
            self.frame(link, &frame.into());
        }
    }

    /// A frame that the link would pass on, with an id that the link would let pass.
    fn frame(&mut self, link: usize, frame: &Bytes) {
        let Some(link) = self.link(link) else { return };
        let Ok(Decoded { frame: Some(decoded), .. }) = decode(frame) else { return };
        let ends = self.links.get_mut(&link).expect("it was looked up");
        let id = match decoded.info().role {
            Role::Event => RequestId::EVENT,
            Role::Request => {
                if ends.theirs.len() >= limits::REQUESTS_MAX {
                    return;
                }
                ends.next += 1;
                ends.theirs.insert(RequestId(ends.next));
                RequestId(ends.next)
            }
            Role::Reply => match ends.ours.pop_first() {
                Some(id) => id,
                None => return,
            },
        };
        let mut bytes = frame.to_vec();
        bytes[HEADER - 4..HEADER].copy_from_slice(&id.0.to_be_bytes());
        let Ok(Decoded { id, frame: Some(frame), .. }) = decode(&bytes) else {
            panic!("only the id was changed");
        };
        if !matches!(frame, Frame::Session(Session::Hello(_) | Session::Bye(_) | Session::Ping(_))) {
            self.handle(&Input::Frame { link, id, frame });
        }
    }
}

fn at<T>(items: &[T], index: usize) -> Option<&T> {
    items.get(index.checked_rem(items.len())?)
}

fn assert_same<M: Debug>(one: &M, other: &M, what: &str) {
    let [one, other] = [one, other].map(|machine| format!("{machine:?}"));
    assert!(one == other, "{what}:\n{one}\n{other}");
}

const fn name_of(input: &Input<'_>) -> &'static str {
    match input {
        Input::Start => "start",
        Input::Up { .. } => "up",
        Input::Frame { frame, .. } => frame.info().name,
        Input::Down { .. } => "down",
        Input::Unreachable { .. } => "unreachable",
        Input::Command { .. } => "command",
    }
}
