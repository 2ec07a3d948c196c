//! Somebody who was told where to go, and not what is on there: who answers decides. What is kept of the meeting that
//! was there the last time is a guess, which is asked for first; then a room is tried, then a lecture.

use alloc::string::String;
use alloc::vec::Vec;

use crate::code::Code;
use crate::event::Event;
use crate::id::{DialId, LinkId};
use crate::identity::Identity;
use crate::limits;
use crate::log::{Log, entry_of, unshown};
use crate::machine::{Input, Machine, Output};
use crate::mesh::{Member, MemberConfig};
use crate::roster::Roster;
use crate::star::{Attendee, AttendeeConfig};
use crate::sync::{Restored, message};
use crate::time::{Instant, Now};
use crate::wire::Encoded;
use crate::wire::session::Purpose;

/// What a joiner has become.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
enum Guise {
    Member(Member),
    Attendee(Attendee),
}

/// The meeting that was last joined at the address: it may have given way to another.
#[derive(Clone, Debug)]
pub struct Guess {
    /// What is kept of it.
    pub restored: Restored,
    /// When it was last heard of, for people: `2 h ago`.
    pub heard: String,
}

/// One guise after the other, until it is linked.
#[derive(Clone, Debug)]
pub struct Joiner {
    guise: Guise,
    /// What it has not been: each is tried once.
    room: Option<MemberConfig>,
    lecture: Option<AttendeeConfig>,
    changes: u64,
}

/// Dials of each guise have numbers of their own: what comes of an earlier one's is nothing to it.
const DIALS: u64 = 1 << 48;

impl Joiner {
    /// A joiner that has not started yet.
    #[must_use]
    pub fn new(room: MemberConfig, lecture: AttendeeConfig) -> Self {
        Self { guise: Guise::Member(Member::new(room)), room: None, lecture: Some(lecture), changes: 0 }
    }

    /// An attendee from the start: it is known that it is a lecture.
    #[must_use]
    pub const fn lecture(attendee: Attendee) -> Self {
        Self { guise: Guise::Attendee(attendee), room: None, lecture: None, changes: 0 }
    }

    /// Somebody who comes back to where a meeting was.
    #[must_use]
    pub fn back(guess: Guess, room: MemberConfig, lecture: AttendeeConfig) -> Self {
        let Guess { restored, heard } = guess;
        let (kind, meeting) = (restored.charter.kind, restored.charter.meeting);
        let (restored, others) = (Some(restored), Vec::new());
        let guise = if kind == Purpose::STAR {
            Guise::Attendee(Attendee::new(AttendeeConfig { meeting, restored, others, ..lecture.clone() }))
        } else {
            Guise::Member(Member::new(MemberConfig { meeting, restored, others, ..room.clone() }).guessing(heard))
        };
        Self { guise, room: Some(room), lecture: Some(lecture), changes: 0 }
    }

    fn machine(&mut self) -> &mut dyn Machine {
        match &mut self.guise {
            Guise::Member(member) => member,
            Guise::Attendee(attendee) => attendee,
        }
    }

    /// What to be next, if whoever answers has another meeting (SPEC JOIN-2), or one of the other kind (SPEC JOIN-14).
    fn other(&mut self, code: Code) -> Option<Guise> {
        let is_room = matches!(self.guise, Guise::Member(_));
        // A guess that is over by what is kept of it has shown its rest, and gives way.
        let code = if code == Code::Ended && self.room.is_some() { Code::NoMeeting } else { code };
        if !matches!(code, Code::NoMeeting | Code::WrongKind) {
            return None;
        }
        if (code == Code::NoMeeting) == is_room {
            return self.room.take().map(|room| Guise::Member(Member::new(room)));
        }
        self.lecture.take().map(|lecture| Guise::Attendee(Attendee::new(lecture)))
    }

    /// Sees to what the guise has just done.
    fn settle(&mut self, from: usize, now: Now, out: &mut Vec<Output>) {
        self.renumber(from, out);
        let mut closed = None;
        for (at, output) in out.iter().enumerate().skip(from) {
            if let Output::Event(Event::Closed { code, .. }) = output {
                closed = Some((at, *code));
            } else if let Output::Event(Event::Linked { .. }) = output {
                // Who is linked is in its meeting, and comes to no other.
                (self.room, self.lecture) = (None, None);
            }
        }
        let Some((at, code)) = closed else { return };
        let Some(guise) = self.other(code) else { return };
        out.remove(at);
        self.guise = guise;
        self.changes = self.changes.saturating_add(1);
        let from = out.len();
        self.machine().handle(Input::Start, now, out);
        self.settle(from, now, out);
    }

    const fn shift(&self) -> u64 {
        self.changes.saturating_mul(DIALS)
    }

    fn renumber(&self, from: usize, out: &mut [Output]) {
        for output in out.iter_mut().skip(from) {
            if let Output::Dial { id, .. } = output {
                *id = DialId(id.0.saturating_add(self.shift()));
            }
        }
    }
}

/// Whether a meeting has ended, by what is kept of it, and all that others have said there was shown (SPEC SHOW-3): then
/// nobody guesses that it is still there.
#[must_use]
pub fn is_over(kept: &Restored, us: &Identity) -> bool {
    let log = Log::restored(kept.charter.meeting, limits::TALK_ENTRIES_MAX, &kept.entries);
    let is_said = |frame: &Encoded| {
        let said = entry_of(frame).and_then(|entry| message(log.meeting(), &entry.value, None, "", us.key()));
        matches!(said, Some(Event::Message { own: false, .. }))
    };
    Roster::fold(&log, &kept.charter, us).ended().is_some()
        && !unshown(kept.shown.as_ref(), &kept.entries, &log).iter().any(is_said)
}

impl Machine for Joiner {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        let shift = self.shift();
        // No dial has number 0.
        let own = |id: DialId| DialId(id.0.saturating_sub(shift));
        let input = match input {
            Input::Up { link, peer, address, hello, dial } => {
                Input::Up { link, peer, address, hello, dial: dial.map(own) }
            }
            Input::Unreachable { dial, code } => Input::Unreachable { dial: own(dial), code },
            input @ (Input::Start | Input::Frame { .. } | Input::Down { .. } | Input::Command { .. }) => input,
        };
        let from = out.len();
        self.machine().handle(input, now, out);
        self.settle(from, now, out);
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let from = out.len();
        self.machine().handle_timeout(now, out);
        self.settle(from, now, out);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.guise {
            Guise::Member(member) => member.poll_timeout(),
            Guise::Attendee(attendee) => attendee.poll_timeout(),
        }
    }

    fn has_let_in(&self, link: LinkId) -> bool {
        match &self.guise {
            Guise::Member(member) => member.has_let_in(link),
            Guise::Attendee(attendee) => attendee.has_let_in(link),
        }
    }

    fn assert_invariants(&self) {
        match &self.guise {
            Guise::Member(member) => member.assert_invariants(),
            Guise::Attendee(attendee) => attendee.assert_invariants(),
        }
    }
}
