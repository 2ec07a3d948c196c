//! Somebody who comes into a room, signs two versions of one line, and goes.

use tertulia_core::code::Code;
use tertulia_core::event::{Ending, Event};
use tertulia_core::id::{DialId, MeetingId, RequestId, Salt};
use tertulia_core::identity::Identity;
use tertulia_core::limits;
use tertulia_core::log::Log;
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{EntryBody, Whereabouts};
use tertulia_core::wire::field::{List, Name, Text};
use tertulia_core::wire::meeting::{Join, Meeting};
use tertulia_core::wire::option::{self, Options, OptionsBuffer, Pass};
use tertulia_core::wire::session::{Hello, Purpose};
use tertulia_core::wire::{Encoded, Frame};

use super::cast::{address, charter, identity};
use super::plan::Mix;
use crate::sim::NodeSpec;

const DOOR: usize = 0;

/// Says a line, then two versions of the next, to the founder alone.
#[derive(Debug)]
struct Forker {
    us: Identity,
    meeting: MeetingId,
}

/// Member `number`, of whom nobody hears anything else.
pub(super) fn forker(number: usize, mix: &Mix) -> NodeSpec {
    let (us, meeting) = (identity(number, mix), charter(mix).meeting);
    let key = us.key();
    NodeSpec { key, maker: Box::new(move |_| Box::new(Forker { us: us.clone(), meeting })), talk_max: 1 }
}

impl Forker {
    fn hello(now: Now) -> Encoded {
        let mut options = OptionsBuffer::default();
        options.set(&option::NAME, &Name::new("forker").expect("a name"));
        let (purpose, meeting) = (Purpose::MESH, MeetingId::ZERO);
        Frame::from(Hello { purpose, meeting, started_ms: now.unix_ms, options: options.options() })
            .encode(RequestId::EVENT)
    }

    /// Who it is, and that it is gone: nobody waits for it.
    fn lines(&self, chain: List<'_, Pass, { limits::PASSES_MAX }>, now: Now) -> Vec<Encoded> {
        let mut log = Log::new(self.meeting, 10);
        let (whereabouts, name) = (Whereabouts::Gone, Name::new("forker").expect("a name"));
        let person = EntryBody::Person { whereabouts, name, addresses: List::NONE, chain, proof: List::NONE };
        let person = log.write(&self.us, now.unix_ms, &person, now).expect("room").frame.clone();
        let write = |log: &mut Log, text| {
            let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).expect("short") };
            log.write(&self.us, now.unix_ms, &body, now).expect("room").frame.clone()
        };
        let first = write(&mut log, "hear, hear");
        let mut other = log.clone();
        vec![person, first, write(&mut log, "yes"), write(&mut other, "no")]
    }

    fn end(out: &mut Vec<Output>) {
        out.push(Output::Event(Event::Closed { code: Code::Left, ending: Ending::Left }));
    }
}

impl Machine for Forker {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        match input {
            Input::Start => {
                let addresses = vec![address(DOOR)];
                out.push(Output::Dial { id: DialId(1), peer: None, addresses, hello: Self::hello(now) });
            }
            Input::Up { link, dial: Some(_), .. } => {
                let join = Join { meeting: MeetingId::ZERO, options: Options::NONE };
                out.push(Output::Send { link, frame: Frame::from(join).encode(RequestId(1)) });
            }
            Input::Frame { link, frame: Frame::Meeting(Meeting::Welcome(welcome)), .. } => {
                out.extend(self.lines(welcome.chain, now).into_iter().map(|frame| Output::Send { link, frame }));
            }
            Input::Frame { frame: Frame::Meeting(Meeting::Fork(_)), .. }
            | Input::Down { .. }
            | Input::Unreachable { .. } => Self::end(out),
            _ => {}
        }
    }

    fn handle_timeout(&mut self, _now: Now, _out: &mut Vec<Output>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn assert_invariants(&self) {}
}
