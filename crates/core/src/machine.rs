//! The one shape of every state machine here: what happens goes in, what is to be done comes out.

use alloc::string::{String, ToString as _};
use alloc::{sync::Arc, vec::Vec};
use core::net::SocketAddr;

use crate::code::Code;
use crate::command::Command;
use crate::event::Event;
use crate::feed::Start;
use crate::id::{CommandId, DialId, Key, LinkId, MeetingId, RequestId};
use crate::link::LinkEvent;
use crate::log::{Held, Log, Record};
use crate::rule::Rule;
use crate::time::{Instant, Now};
use crate::wire::field::Reason;
use crate::wire::option::Options;
use crate::wire::session::{Done, Hello, Refused, Session};
use crate::wire::{Encoded, Frame, decode};

/// What happens to a machine. If it is not one of these, it did not happen.
#[expect(clippy::large_enum_variant, reason = "borrowed, short-lived, and decoding must not allocate")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The driver runs. Comes once, first.
    Start,
    /// A link stands: handshake and both HELLOs are done.
    Up {
        /// The new link.
        link: LinkId,
        /// The key at its other end.
        peer: Key,
        /// Where its other end is, as this end's socket has it.
        address: SocketAddr,
        /// The other side's HELLO.
        hello: Hello<'a>,
        /// The dial that led to it, if this side dialled.
        dial: Option<DialId>,
    },
    /// A frame came; HELLO, PING and BYE never do.
    Frame {
        /// The link it came on.
        link: LinkId,
        /// Its id.
        id: RequestId,
        /// What it says.
        frame: Frame<'a>,
    },
    /// A link is gone, other than by this machine's own [`Output::Close`].
    Down {
        /// The link.
        link: LinkId,
        /// Why: the other side's BYE, or what this side saw.
        code: Code,
    },
    /// A dial has led to nothing.
    Unreachable {
        /// The dial.
        dial: DialId,
        /// Why.
        code: Code,
    },
    /// The user wants something. Answered with [`Event::Done`] or [`Event::Error`] of the same id.
    Command {
        /// The command's id.
        id: CommandId,
        /// What the user wants.
        command: Command,
    },
}

/// What a driver knows of a link that a machine does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherEnd {
    /// The key that the handshake has shown.
    pub peer: Key,
    /// Where it is.
    pub address: SocketAddr,
    /// The dial that led there, if this side dialled.
    pub dial: Option<DialId>,
}

impl<'a> Input<'a> {
    /// What `event` of `link`, which leads to `end`, is to a machine. Nothing, where the machine has never heard of
    /// the link.
    #[must_use]
    pub fn of_link(event: &'a LinkEvent, link: LinkId, end: OtherEnd, is_up: bool) -> Option<Self> {
        let OtherEnd { peer, address, dial } = end;
        match event {
            LinkEvent::Up { hello } => match decode(hello).ok()?.frame? {
                Frame::Session(Session::Hello(hello)) => Some(Self::Up { link, peer, address, hello, dial }),
                Frame::Session(_) | Frame::Meeting(_) | Frame::Private(_) | Frame::Registry(_) => None,
            },
            LinkEvent::Frame(bytes) => {
                let decoded = decode(bytes).ok()?;
                Some(Self::Frame { link, id: decoded.id, frame: decoded.frame? })
            }
            LinkEvent::Down { code, .. } if is_up => Some(Self::Down { link, code: *code }),
            LinkEvent::Down { code, .. } => dial.map(|dial| Self::Unreachable { dial, code: *code }),
        }
    }
}

/// What a machine wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// To this link alone, after everything appended before it.
    Send {
        /// The link.
        link: LinkId,
        /// The frame.
        frame: Encoded,
    },
    /// Onto the disk, before anything that is sent or appended after it.
    Store {
        /// The meeting that it belongs to.
        meeting: MeetingId,
        /// What the meeting's log has to know again after a restart.
        record: Record,
    },
    /// Into the feed alone, for any number of links; or there in the place of the same entry, which has lost its body.
    Append {
        /// The entry.
        entry: Arc<Held>,
        /// Its position in the feed.
        at: u64,
        /// Talk below this position is let go.
        dropped: u64,
    },
    /// Keep these bytes for this meeting, in the place of those that have this name.
    Keep {
        /// The meeting.
        meeting: MeetingId,
        /// Which of the meeting's small files.
        name: Kept,
        /// What is in it.
        bytes: Vec<u8>,
    },
    /// This link is sent the feed, starting here.
    Follow {
        /// The link.
        link: LinkId,
        /// Positions in the feed.
        start: Start,
    },
    /// One attempt to reach somebody: leads to `Up` or `Unreachable`.
    Dial {
        /// The machine's name for the attempt.
        id: DialId,
        /// Who must answer; `None`: whoever does.
        peer: Option<Key>,
        /// `HOST:PORT`, at most `ADDRESSES_MAX`.
        addresses: Vec<String>,
        /// The HELLO that opens the link.
        hello: Encoded,
    },
    /// Say goodbye and close, after everything sent and appended before it. Nothing more comes from the link.
    Close {
        /// The link.
        link: LinkId,
        /// Why.
        code: Code,
        /// The rule that the other side has broken, if any.
        rule: Option<Rule>,
        /// Why, for people.
        reason: String,
    },
    /// Tell the user.
    Event(Event),
}

impl Output {
    /// The one way to turn a link away: with the rule that its other end broke.
    #[must_use]
    pub fn close(link: LinkId, rule: Rule) -> Self {
        Self::Close { link, code: rule.code(), rule: Some(rule), reason: rule.meaning().to_string() }
    }

    /// The answer to a request of which there is nothing more to say.
    #[must_use]
    pub fn done(link: LinkId, id: RequestId) -> Self {
        Self::Send { link, frame: Frame::from(Done { options: Options::NONE }).encode(id) }
    }

    /// The answer to a request that is not done: by which rule, and why in words.
    #[must_use]
    pub fn refuse(link: LinkId, id: RequestId, rule: Rule, why: &str) -> Self {
        let refused = Refused { code: rule.code(), reason: Reason::cut(why), options: Options::NONE };
        Self::Send { link, frame: Frame::from(refused).encode(id) }
    }

    /// What the disk has not been told of `log` yet.
    pub(crate) fn store(log: &mut Log) -> impl Iterator<Item = Self> + use<> {
        let meeting = log.meeting();
        log.unkept().into_iter().map(move |record| Self::Store { meeting, record })
    }
}

/// The small files of a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// The signed charter.
    Charter,
    /// A guest's pass, as JOIN carries it.
    Pass,
    /// A founder's tickets, a line each: label, seed and endorsement.
    Ticket,
    /// The other key of a pair.
    Peer,
    /// Of no meeting: the contacts of this user.
    Contacts,
    /// Of no meeting: texts that wait for a contact's key.
    Drafts,
}

/// A pure state machine: the same state and input give the same outputs, always.
pub trait Machine {
    /// Takes what happened; total: whatever a peer does becomes outputs.
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>);
    /// Does what is due; a call that comes too early does nothing.
    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>);
    /// When the next thing is due.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Whether whoever has dialled this link has been let in, or waits for somebody's word. Where connections run short,
    /// the others make room.
    fn has_let_in(&self, _link: LinkId) -> bool {
        true
    }
    /// When a node without any link tries again to have one.
    fn tries_again(&self) -> Option<Instant> {
        None
    }
    /// The logs of this machine, which the next run has to find as they are. For tests, simulators and fuzzers.
    fn logs(&self) -> Vec<&Log> {
        Vec::new()
    }
    /// Panics if the state contradicts itself. For tests, simulators and fuzzers.
    fn assert_invariants(&self);
}
