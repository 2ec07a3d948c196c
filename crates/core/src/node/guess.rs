//! Somebody who was told where to go, and not what is on there: who answers decides. What is kept of the meeting that
//! was there the last time is a guess, which is asked for first; then a room is tried, then a lecture (SPEC JOIN-17).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::seat::Seat;
use crate::code::Code;
use crate::door::{NewcomerConfig, Restored};
use crate::event::Event;
use crate::identity::Identity;
use crate::log::Held;
use crate::machine::Output;
use crate::mesh::{Member, MemberConfig};
use crate::replica::message;
use crate::roster::Roster;
use crate::star::Attendee;
use crate::wire::session::Purpose;

/// The meeting that was last joined at the address: it may have given way to another.
#[derive(Clone, Debug)]
pub struct Guess {
    /// What is kept of it.
    pub restored: Restored,
    /// When it was last heard of, for people: `2 h ago`.
    pub heard: String,
}

/// What a newcomer has not been: each is tried once.
#[derive(Clone, Debug, Default)]
pub(super) struct Untried {
    room: Option<MemberConfig>,
    lecture: Option<NewcomerConfig>,
}

impl Untried {
    pub(super) fn newcomer(room: MemberConfig) -> (Seat, Self) {
        let lecture = NewcomerConfig { restored: None, ..room.newcomer.clone() };
        (Member::new(room).into(), Self { room: None, lecture: Some(lecture) })
    }

    pub(super) fn returner(guess: Guess, room: MemberConfig) -> (Seat, Self) {
        let Guess { restored, heard } = guess;
        let (kind, meeting) = (restored.charter.kind, restored.charter.meeting);
        let lecture = NewcomerConfig { restored: None, ..room.newcomer.clone() };
        let newcomer = NewcomerConfig { meeting, restored: Some(restored), others: Vec::new(), ..lecture.clone() };
        let seat = if kind == Purpose::STAR {
            Attendee::new(newcomer).into()
        } else {
            Member::new(MemberConfig { newcomer, ..room.clone() }).guessing(heard).into()
        };
        (seat, Self { room: Some(room), lecture: Some(lecture) })
    }

    /// What follows a seat that is `Closed` since `out` was `from` long, which nobody is told of then.
    pub(super) fn next(&mut self, seat: &Seat, from: usize, out: &mut Vec<Output>) -> Option<Seat> {
        if self.room.is_none() && self.lecture.is_none() {
            return None;
        }
        let mut closed = None;
        for (at, output) in out.iter().enumerate().skip(from) {
            if let Output::Event(Event::Closed { code, .. }) = output {
                closed = Some((at, *code));
            } else if let Output::Event(Event::Linked { .. }) = output {
                // Who is linked is in its meeting, and comes to no other.
                *self = Self::default();
            }
        }
        let (at, code) = closed?;
        let next = self.after(seat, code)?;
        out.remove(at);
        Some(next)
    }

    /// What to be next, if whoever answers has another meeting (SPEC JOIN-2), or one of the other kind (SPEC JOIN-14).
    fn after(&mut self, seat: &Seat, code: Code) -> Option<Seat> {
        let is_room = matches!(seat, Seat::Member(_));
        // A guess that is over by what is kept of it has shown its rest, and gives way.
        let code = if code == Code::Ended && self.room.is_some() { Code::NoMeeting } else { code };
        if !matches!(code, Code::NoMeeting | Code::WrongKind) {
            return None;
        }
        if (code == Code::NoMeeting) == is_room {
            return self.room.take().map(|room| Member::new(room).into());
        }
        self.lecture.take().map(|lecture| Attendee::new(lecture).into())
    }
}

/// Whether a meeting has ended, by what is kept of it, and all that others have said there was shown (SPEC SHOW-3): then
/// nobody guesses that it is still there.
#[must_use]
pub fn is_over(kept: &Restored, us: &Identity) -> bool {
    let is_said = |entry: &Arc<Held>| {
        let said = message(&kept.log, entry, &entry.body(), None, "", us.key());
        matches!(said, Some(Event::Message { own: false, .. }))
    };
    Roster::fold(&kept.log, &kept.charter, us).ended().is_some() && !kept.log.unshown().iter().any(is_said)
}
