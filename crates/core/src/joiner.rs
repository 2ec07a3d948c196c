//! Somebody who was told where to go, and not what is on there: a room is tried first, then a lecture.

use alloc::vec::Vec;

use crate::code::Code;
use crate::event::Event;
use crate::id::{DialId, LinkId};
use crate::machine::{Input, Machine, Output};
use crate::mesh::{Member, MemberConfig};
use crate::star::{Attendee, AttendeeConfig};
use crate::time::{Instant, Now};

/// What a joiner has become.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
enum Guise {
    Member(Member),
    Attendee(Attendee),
}

/// A member, until it hears that the meeting is a lecture.
#[derive(Clone, Debug)]
pub struct Joiner {
    guise: Guise,
    lecture: Option<AttendeeConfig>,
}

/// Dials of the attendee have numbers of their own.
const DIALS: u64 = 1 << 48;

impl Joiner {
    /// A joiner that has not started yet.
    #[must_use]
    pub fn new(room: MemberConfig, lecture: AttendeeConfig) -> Self {
        Self { guise: Guise::Member(Member::new(room)), lecture: Some(lecture) }
    }

    /// An attendee from the start: it is known that it is a lecture.
    #[must_use]
    pub const fn lecture(attendee: Attendee) -> Self {
        Self { guise: Guise::Attendee(attendee), lecture: None }
    }

    fn machine(&mut self) -> &mut dyn Machine {
        match &mut self.guise {
            Guise::Member(member) => member,
            Guise::Attendee(attendee) => attendee,
        }
    }

    /// SPEC JOIN-14: who hears that the meeting is of another kind tries that.
    fn change(&mut self, from: usize, now: Now, out: &mut Vec<Output>) {
        let wrong = |output: &Output| matches!(output, Output::Event(Event::Closed { code: Code::WrongKind, .. }));
        let Some(at) = out.iter().skip(from).position(wrong) else { return self.renumber(from, out) };
        let Some(lecture) = self.lecture.take() else { return };
        out.remove(from.saturating_add(at));
        self.guise = Guise::Attendee(Attendee::new(lecture));
        let from = out.len();
        self.machine().handle(Input::Start, now, out);
        self.renumber(from, out);
    }

    fn renumber(&self, from: usize, out: &mut [Output]) {
        if let Guise::Attendee(_) = &self.guise {
            for output in out.iter_mut().skip(from) {
                if let Output::Dial { id, .. } = output {
                    *id = DialId(id.0.saturating_add(DIALS));
                }
            }
        }
    }
}

impl Machine for Joiner {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        let shift = if let Guise::Attendee(_) = &self.guise { DIALS } else { 0 };
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
        self.change(from, now, out);
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let from = out.len();
        self.machine().handle_timeout(now, out);
        self.change(from, now, out);
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
