//! Replays a trace against the codec and two links, one for each end.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Direction, Expect, LinkStep, Packet, Step, Trace};
use crate::feed::{Feed, Packer};
use crate::id::{Key, MeetingId, RequestId};
use crate::link::{Link, LinkEvent, Opening};
use crate::rule::Rule;
use crate::time::Instant;
use crate::wire::frame::Decoded;
use crate::wire::option::Options;
use crate::wire::session::{Bye, Hello, Purpose, Session};
use crate::wire::{Encoded, Frame, decode};
use bytes::Bytes;

/// Plays `trace` to fresh links: the initiator's frames to one that has accepted, the responder's to one that dialled.
///
/// # Errors
/// What went otherwise than the trace says.
pub fn replay(trace: &Trace) -> Result<(), String> {
    let mut play = Play { links: BTreeMap::new(), link: 0, refused: None };
    for step in &trace.steps {
        match step {
            Step::Comment(_) => {}
            Step::Link(link, what) => play.on_link(*link, *what),
            Step::Packet(packet) => play
                .on_packet(trace, packet)
                .map_err(|fault| format!("{:?} {} {}: {fault}", packet.from, packet.micros, packet.name))?,
        }
    }
    match (trace.expect, play.refused) {
        (Expect::Accept, None) => Ok(()),
        (Expect::Accept, Some((_, rule))) => Err(format!("refused: {rule}")),
        (Expect::Reject(code), None) => Err(format!("nothing was refused with {code}")),
        (Expect::Reject(code), Some((_, rule))) if rule.code() != code => {
            Err(format!("refused with {}, not {code}: {rule}", rule.code()))
        }
        (Expect::Reject(_), Some((_, rule))) if !trace.covers.iter().any(|id| id == rule.id()) => {
            Err(format!("refused by {rule}, which `covers` leaves out"))
        }
        (Expect::Reject(_), Some(_)) => Ok(()),
    }
}

struct Play {
    links: BTreeMap<u64, Ends>,
    link: u64,
    /// Who sent what was refused, and the rule that it broke.
    refused: Option<(Direction, Rule)>,
}

struct Ends {
    dialler: Option<Link>,
    listener: Link,
    feed: Feed,
}

const DIALLER: Key = Key([1; 32]);
const LISTENER: Key = Key([2; 32]);

impl Ends {
    fn new(now: Instant) -> Self {
        let listener = Link::new(Opening::Accepted { started_ms: 1 }, LISTENER, DIALLER, [2; 32], now);
        Self { dialler: None, listener, feed: Feed::default() }
    }

    /// The end that dialled begins with the HELLO of the trace.
    fn dialler(&mut self, first: Option<&Encoded>, now: Instant) -> &mut Link {
        self.dialler.get_or_insert_with(|| {
            let (meeting, options) = (MeetingId::ZERO, Options::NONE);
            let hello = Hello { purpose: Purpose::STAR, meeting, started_ms: 1, options };
            let hello = first.cloned().unwrap_or_else(|| Frame::from(hello).encode(RequestId::EVENT));
            Link::new(Opening::Dialled { hello }, DIALLER, LISTENER, [1; 32], now)
        })
    }

    /// What `from` sends has been sent by one end, and is received by the other.
    fn pass(&mut self, from: Direction, frame: &Encoded, now: Instant) -> Vec<LinkEvent> {
        let mut events = Vec::new();
        let first = (from == Direction::Initiator).then_some(frame);
        self.dialler(first, now);
        let Self { dialler: Some(dialler), listener, feed } = self else { return events };
        let (sender, receiver) = match from {
            Direction::Initiator => (dialler, listener),
            Direction::Responder => (listener, dialler),
        };
        // Both sides' clocks run through all that is due; what they want to send is in the trace already.
        for end in [&mut *sender, &mut *receiver] {
            while let Some(due) = end.poll_timeout().filter(|due| *due <= now) {
                end.handle_timeout(due, &mut events);
                end.fill(&mut Packer::new(&*feed), due);
                end.written();
            }
        }
        let is_hello = matches!(opening(frame), Some(Session::Hello(_)));
        if !is_hello {
            sender.send(frame.clone(), feed.head());
        }
        receiver.receive(&frame.0, now, &mut events);
        for end in [sender, receiver] {
            end.fill(&mut Packer::new(&*feed), now);
            end.written();
        }
        events
    }
}

fn opening(frame: &Encoded) -> Option<Session<'_>> {
    match decode(&frame.0).ok()?.frame? {
        Frame::Session(frame) => Some(frame),
        Frame::Meeting(_) | Frame::Private(_) | Frame::Registry(_) => None,
    }
}

impl Play {
    fn on_link(&mut self, link: u64, what: LinkStep) {
        self.link = link;
        match what {
            LinkStep::Dialled | LinkStep::Accepted => drop(self.links.remove(&link)),
            // A node writes `down` as soon as it knows, and what is still owed after it.
            LinkStep::Up(_) | LinkStep::Goes | LinkStep::Down(_) => {}
        }
    }

    fn on_packet(&mut self, trace: &Trace, packet: &Packet) -> Result<(), String> {
        let bytes = packet.bytes();
        let encoded = Encoded(Bytes::from(bytes.clone()));
        if let Some((culprit, rule)) = self.refused {
            let is_answer = packet.from != culprit
                && matches!(opening(&encoded), Some(Session::Bye(Bye { code, .. })) if code == rule.code());
            return if is_answer { Ok(()) } else { Err(format!("follows what was refused by {rule}")) };
        }
        let fault = check_codec(packet, &bytes)?;
        let now = Instant(packet.micros.checked_div(1_000).unwrap_or(0));
        let ends = self.links.entry(self.link).or_insert_with(|| Ends::new(now));
        let refusals = ends.pass(packet.from, &encoded, now).into_iter().filter_map(|event| match event {
            LinkEvent::Down { rule, .. } => rule,
            LinkEvent::Up { .. } | LinkEvent::Frame(_) => None,
        });
        let mut refusals: Vec<Rule> = refusals.collect();
        refusals.dedup();
        if let Some(fault) = fault.filter(|fault| refusals != [*fault]) {
            return Err(format!("the codec refuses by {fault}, the link by {refusals:?}"));
        }
        self.refused = refusals.first().map(|rule| (packet.from, *rule));
        match (trace.expect, self.refused) {
            (Expect::Accept, Some((_, rule))) => Err(format!("refused: {rule}")),
            (Expect::Accept | Expect::Reject(_), _) => Ok(()),
        }
    }
}

/// One packet is one frame, under its name, in the one encoding that it has; or the rule that its bytes break.
fn check_codec(packet: &Packet, bytes: &[u8]) -> Result<Option<Rule>, String> {
    let Decoded { id, kind, frame, rest, .. } = match decode(bytes) {
        Ok(decoded) => decoded,
        Err(error) => return Ok(Some(error.rule)),
    };
    if !rest.is_empty() {
        return Err("one packet is one frame".into());
    }
    let name = frame.map_or_else(|| format!("{kind:#06x}"), |frame| frame.info().name.into());
    if name != packet.name {
        return Err(format!("this is {name}"));
    }
    match frame {
        Some(frame) if frame.encode(id).0 != bytes => Err("decoded and encoded, it differs".into()),
        Some(_) | None => Ok(None),
    }
}
