//! Each rule of a link, with two ends or one, and no channel between.

mod connection;
mod flow;

use alloc::collections::BTreeSet;
use alloc::{string::String, vec, vec::Vec};

use super::*;
use crate::log::Held;
use crate::wire::Encoded;
use crate::wire::entry::EntryBody;
use crate::wire::field::{List, Name, Text};
use crate::wire::meeting::{Digest, EntryFrame, Fetch, Join, Lane};
use crate::wire::option::Options;
use crate::wire::private::Tell;
use crate::wire::session::{Done, Refused};

const US: Key = Key([1; 32]);
const PEER: Key = Key([2; 32]);
const START: Instant = Instant(1_000);
const MEETING: MeetingId = MeetingId([7; 16]);

fn at(seconds: u64) -> Instant {
    START.after(Duration::from_secs(seconds))
}

fn hello(purpose: Purpose, meeting: MeetingId, name: Option<&str>) -> Encoded {
    let mut options = OptionsBuffer::default();
    if let Some(name) = name.and_then(Name::new) {
        options.set(&option::NAME, &name);
    }
    let options = options.options();
    Frame::from(Hello { purpose, meeting, started_ms: 5, options }).encode(RequestId::EVENT)
}

fn star_hello() -> Encoded {
    hello(Purpose::STAR, MEETING, Some("ann"))
}

fn event<'a>(frame: impl Into<Frame<'a>>) -> Encoded {
    frame.into().encode(RequestId::EVENT)
}

fn ping() -> Encoded {
    event(Ping { options: Options::NONE })
}

fn bye(code: Code) -> Encoded {
    event(Bye { code, reason: Reason::NONE, options: Options::NONE })
}

fn digest() -> Encoded {
    event(Digest { rows: List::over(0, &[]), options: Options::NONE })
}

fn join(id: u32) -> Encoded {
    Frame::from(Join { meeting: MEETING, options: Options::NONE }).encode(RequestId(id))
}

fn done(id: u32) -> Encoded {
    Frame::from(Done { options: Options::NONE }).encode(RequestId(id))
}

fn tell(id: u32, text: &str) -> Encoded {
    let text = Text::new(text).expect("short");
    let token = crate::id::Token([9; 16]);
    Frame::from(Tell { token, text, options: Options::NONE }).encode(RequestId(id))
}

fn entry(number: u64) -> Encoded {
    let (kind, body) =
        EntryBody::Text { salt: crate::id::Salt::ZERO, text: Text::new("hear, hear").expect("short") }.encode();
    let entry = crate::wire::entry::Entry {
        author: PEER,
        session: 1,
        lane: Lane::Talk,
        number,
        prev: crate::id::Hash::ZERO,
        lamport: number,
        reference: crate::id::ShortHash::ZERO,
        time_ms: 0,
        kind,
        length: u16::try_from(body.len()).expect("short"),
    };
    let (signature, body) = (crate::id::Signature::ZERO, crate::wire::entry::Body::Here(&body));
    let entry = crate::wire::entry::Carried { entry, signature, body };
    event(EntryFrame { entry, options: Options::NONE })
}

fn record(frames: &[Encoded]) -> Bytes {
    frames.iter().flat_map(|frame| frame.0.to_vec()).collect()
}

/// One end, what its machine was told, and what it sent.
struct End {
    link: Link,
    feed: Feed,
    told: Vec<LinkEvent>,
    sent: Vec<Encoded>,
}

impl End {
    fn new(opening: Opening) -> Self {
        Self::between(opening, US, PEER)
    }

    fn between(opening: Opening, us: Key, peer: Key) -> Self {
        let link = Link::new(opening, us, peer, [3; 32], START);
        Self { link, feed: Feed::default(), told: Vec::new(), sent: Vec::new() }
    }

    /// Adds an entry to the feed, which keeps three of talk.
    fn append(&mut self, frame: &Encoded, lane: Lane) {
        let at = self.feed.head();
        let dropped = if lane == Lane::Talk { at.saturating_sub(2) } else { 0 };
        self.feed.append(Held::sample(lane, &frame.0).into(), at, dropped);
    }

    fn accepted() -> Self {
        Self::new(Opening::Accepted { started_ms: 77 })
    }

    fn dialled() -> Self {
        Self::new(Opening::Dialled { hello: star_hello() })
    }

    /// An accepted link with both HELLOs behind it, and nothing told or sent since.
    fn open() -> Self {
        let mut end = Self::accepted();
        end.receive(&[star_hello()], START);
        end.write(START);
        assert_eq!(end.link.state(), State::Open);
        end.told.clear();
        end.sent.clear();
        end
    }

    /// The same, of a room.
    fn of_a_room() -> Self {
        Self::of(Purpose::MESH)
    }

    fn of_two() -> Self {
        Self::of(Purpose::CONTACT)
    }

    fn of(purpose: Purpose) -> Self {
        let mut end = Self::accepted();
        end.receive(&[hello(purpose, MeetingId::ZERO, Some("bea"))], START);
        end.write(START);
        end.told.clear();
        end.sent.clear();
        end
    }

    fn receive(&mut self, frames: &[Encoded], now: Instant) {
        self.link.receive(&record(frames), now, &mut self.told);
    }

    /// Writes all that can be written, frame by frame into `sent`.
    fn write(&mut self, now: Instant) {
        let mut packer = Packer::new(&self.feed);
        while let Some(mut rest) = self.link.fill(&mut packer, now) {
            assert!(!rest.is_empty() && rest.len() <= limits::RECORD_PLAINTEXT_MAX);
            self.link.written();
            while !rest.is_empty() {
                let decoded = frame::decode(rest).expect("what a link sends decodes");
                self.sent.push(Encoded(decoded.bytes.to_vec().into()));
                rest = decoded.rest;
            }
        }
    }

    /// Fires and writes what is due until `end`, never early.
    fn run_until(&mut self, end: Instant) {
        while let Some(due) = self.link.poll_timeout().filter(|due| *due <= end) {
            self.link.handle_timeout(due, &mut self.told);
            assert!(self.link.poll_timeout().is_none_or(|next| next > due), "a deadline stays in the past");
            self.write(due);
        }
    }

    fn down(&self) -> Option<(Code, Option<Rule>)> {
        self.told.iter().find_map(|told| match told {
            LinkEvent::Down { code, rule } => Some((*code, *rule)),
            LinkEvent::Up { .. } | LinkEvent::Frame(_) => None,
        })
    }

    fn said_bye(&self) -> Option<Code> {
        match frame::decode(&self.sent.last()?.0).ok()?.frame? {
            Frame::Session(Session::Bye(bye)) => Some(bye.code),
            Frame::Session(_) | Frame::Meeting(_) | Frame::Private(_) | Frame::Registry(_) => None,
        }
    }

    /// The machine is told of `rule` once and last, the peer gets its code as the last frame, and nothing follows.
    fn assert_rejected(&mut self, rule: Rule, now: Instant) {
        assert_eq!(self.told.last(), Some(&LinkEvent::Down { code: rule.code(), rule: Some(rule) }));
        self.write(now);
        assert_eq!(self.said_bye(), Some(rule.code()));
        assert!(self.link.is_finished());
        let told = self.told.len();
        self.receive(&[ping()], now);
        self.link.reject(Rule::Record2, now, &mut self.told);
        self.link.end_of_stream(&mut self.told);
        self.link.handle_timeout(at(1_000_000), &mut self.told);
        assert_eq!(self.told.len(), told, "nothing is told after the end");
        assert_eq!(self.link.poll_timeout(), None);
    }

    fn frames_told(&self) -> usize {
        self.told.iter().filter(|told| matches!(told, LinkEvent::Frame(_))).count()
    }
}

#[test]
fn hello_1_the_first_frame_is_hello() {
    for first in [ping(), digest(), join(1), entry(1), done(1)] {
        let mut end = End::accepted();
        end.receive(&[first, star_hello()], START);
        end.assert_rejected(Rule::Hello1, START);
        assert_eq!(end.told.len(), 1);
    }
}

#[test]
fn hello_1_frames_behind_hello_in_its_record_come_after_up() {
    let mut end = End::accepted();
    end.receive(&[star_hello(), join(1)], START);
    assert_eq!(end.told, [LinkEvent::Up { hello: star_hello().0 }, LinkEvent::Frame(join(1).0)]);
}

#[test]
fn hello_2_hello_comes_once() {
    let mut end = End::open();
    end.receive(&[star_hello()], START);
    end.assert_rejected(Rule::Hello2, START);
}

#[test]
fn hello_3_hello_comes_within_its_time() {
    for opening in [Opening::Accepted { started_ms: 0 }, Opening::Dialled { hello: star_hello() }] {
        let mut end = End::new(opening.clone());
        end.link.handle_timeout(Instant(START.0 + 4_999), &mut end.told);
        assert_eq!(end.told, []);
        end.link.handle_timeout(Instant(START.0 + 5_000), &mut end.told);
        end.assert_rejected(Rule::Hello3, at(5));

        let mut end = End::new(opening);
        end.receive(&[star_hello()], Instant(START.0 + 4_999));
        end.link.handle_timeout(Instant(START.0 + 5_001), &mut end.told);
        assert_eq!(end.told.len(), 1, "a HELLO in time is enough");
    }
}

#[test]
fn hello_4_nobody_links_with_itself() {
    for opening in [Opening::Accepted { started_ms: 0 }, Opening::Dialled { hello: star_hello() }] {
        let mut end = End::between(opening, US, US);
        end.receive(&[star_hello()], START);
        end.assert_rejected(Rule::Hello4, START);
    }
}

#[test]
fn hello_5_a_responder_repeats_purpose_and_meeting() {
    let (other_purpose, other_meeting) = (Purpose(0x55), MeetingId([8; 16]));
    for (purpose, meeting) in
        [(other_purpose, MEETING), (Purpose::STAR, other_meeting), (Purpose::STAR, MeetingId::ZERO)]
    {
        let mut end = End::dialled();
        end.receive(&[hello(purpose, meeting, None)], START);
        end.assert_rejected(Rule::Hello5, START);
    }
}

#[test]
fn hello_5_an_accepted_link_repeats_what_was_asked_for() {
    for (purpose, meeting) in [(Purpose::STAR, MEETING), (Purpose::STAR, MeetingId::ZERO), (Purpose(0x55), MEETING)] {
        let (mut guest, mut host) = (
            End::between(Opening::Dialled { hello: hello(purpose, meeting, Some("ann")) }, US, PEER),
            End::between(Opening::Accepted { started_ms: 77 }, PEER, US),
        );
        guest.write(START);
        assert_eq!(guest.sent.len(), 1, "the initiator speaks first");
        host.write(START);
        assert_eq!(host.sent, [], "the responder waits");
        host.receive(&guest.sent, START);
        host.write(START);
        guest.receive(&host.sent, START);
        assert_eq!(guest.told, [LinkEvent::Up { hello: host.sent[0].0.clone() }]);
        assert_eq!(host.told, [LinkEvent::Up { hello: guest.sent[0].0.clone() }]);
    }
}

/// What a link says first, to whoever has said `heard`: when its run began, and the types of its options.
fn first_said(opening: Opening, heard: Option<&Encoded>, seed: u8) -> (u64, Vec<u16>) {
    let mut link = Link::new(opening, US, PEER, [seed; 32], START);
    heard.into_iter().for_each(|heard| link.receive(&heard.0, START, &mut Vec::new()));
    let feed = Feed::default();
    let mut packer = Packer::new(&feed);
    let bytes = link.fill(&mut packer, START).expect("it speaks");
    let Ok(Decoded { frame: Some(Frame::Session(Session::Hello(hello))), .. }) = frame::decode(bytes) else {
        panic!("no HELLO");
    };
    (hello.started_ms, hello.options.iter().map(|(kind, _)| kind).collect())
}

#[test]
fn hello_6_an_accepted_hello_tells_no_name() {
    let (started_ms, options) = first_said(Opening::Accepted { started_ms: 77 }, Some(&star_hello()), 1);
    assert_eq!(started_ms, 77);
    assert!(options.contains(&option::SOFTWARE.kind) && !options.contains(&option::NAME.kind), "{options:x?}");
}

#[test]
fn ext_2_each_hello_has_one_option_that_means_nothing_and_those_that_mean_something() {
    let named = hello(Purpose::STAR, MEETING, Some("ann"));
    let openings = [
        (Opening::Accepted { started_ms: 77 }, Some(star_hello()), option::SOFTWARE.kind),
        (Opening::Dialled { hello: named }, None, option::NAME.kind),
    ];
    for (opening, heard, known) in openings {
        let mut seen = BTreeSet::new();
        for seed in 0..=64 {
            let (_, options) = first_said(opening.clone(), heard.as_ref(), seed);
            let [meant, grease] = options[..] else { panic!("{options:x?}") };
            assert_eq!((meant, option::is_grease(grease)), (known, true), "{options:x?}");
            seen.insert(grease);
        }
        assert!(seen.len() > 8, "the type is drawn anew for each link: {seen:x?}");
    }
}

#[test]
fn ping_1_a_silent_peer_is_dead_after_15_s() {
    let mut end = End::open();
    end.receive(&[digest()], at(7));
    end.run_until(Instant(at(22).0 - 1));
    assert_eq!(end.down(), None);
    end.run_until(at(22));
    assert_eq!(end.down(), Some((Code::Silent, Some(Rule::Ping1))));
    assert_eq!(end.said_bye(), Some(Code::Silent));
}

#[test]
fn ping_1_pings_keep_a_link_alive_and_are_told_to_nobody() {
    let mut end = End::open();
    for second in 1..100 {
        end.run_until(at(second * 14));
        end.receive(&[ping()], at(second * 14));
    }
    assert_eq!(end.told, []);
}

#[test]
fn ping_2_whoever_says_nothing_pings_every_5_s_give_or_take_a_tenth() {
    let dialled = (Opening::Dialled { hello: star_hello() }, hello(Purpose::STAR, MEETING, None), 4_500..=5_000);
    let accepted = (Opening::Accepted { started_ms: 77 }, star_hello(), 5_000..=5_500);
    for (opening, hello, range) in [dialled, accepted] {
        let mut gaps = BTreeSet::new();
        for seed in 0..20 {
            let mut end = End::accepted();
            end.link = Link::new(opening.clone(), US, PEER, [seed; 32], START);
            end.write(START);
            end.receive(core::slice::from_ref(&hello), START);
            end.write(START);
            end.sent.clear();
            let mut last = START;
            for _ in 0..4 {
                let due = end.link.poll_timeout().expect("a PING");
                end.run_until(due);
                assert_eq!(core::mem::take(&mut end.sent), [ping()]);
                // What comes at once after it has no other follow.
                end.receive(&[ping()], due);
                let gap = due.since(last).as_millis();
                assert!(range.contains(&gap), "{gap} ms between two pings");
                gaps.insert(gap);
                last = due;
            }
        }
        assert!(gaps.len() > 5, "each link draws its own: {gaps:?}");
    }
}

#[test]
fn ping_2_who_was_dialled_pings_along_with_what_it_hears_within_the_tenth() {
    let (mut end, long) = (End::open(), |ms: u64| Instant(START.0 + ms));
    end.receive(&[digest()], long(4_499));
    end.write(long(4_499));
    assert_eq!(end.sent, []);
    end.receive(&[ping()], long(4_500));
    end.write(long(4_500));
    assert_eq!(end.sent, [ping()]);
    end.receive(&[ping()], long(4_501));
    end.run_until(long(8_999));
    assert_eq!(end.sent, [ping()], "and no other until it has been silent for so long again");
    let mut end = End::dialled();
    end.write(START);
    end.receive(&[hello(Purpose::STAR, MEETING, None)], START);
    end.sent.clear();
    end.link.jitter = Duration::from_millis(500);
    end.link.arm_ping(START);
    end.receive(&[digest()], long(4_999));
    end.write(long(4_999));
    assert_eq!(end.sent, [], "many that have dialled one do not answer it all at once");
}

#[test]
fn ping_2_whoever_speaks_does_not_ping() {
    let mut end = End::open();
    for second in 1..60 {
        end.receive(&[ping()], at(second));
        end.run_until(at(second));
        end.link.send(digest(), 0);
        end.write(at(second));
    }
    assert!(end.sent.iter().all(|frame| *frame == digest()));
}

#[test]
fn ping_2_a_link_that_opened_late_pings_too() {
    for seed in 0..=32 {
        let mut end = End::dialled();
        end.link = Link::new(Opening::Dialled { hello: star_hello() }, US, PEER, [seed; 32], START);
        end.write(START);
        end.run_until(Instant(START.0 + 4_999));
        end.receive(&[hello(Purpose::STAR, MEETING, None)], Instant(START.0 + 4_999));
        end.sent.clear();
        end.run_until(at(12));
        assert!(end.sent.contains(&ping()), "its machine says nothing, so the link must (seed {seed})");
    }
}

#[test]
fn ping_1_a_ping_bypasses_a_long_catch_up() {
    let mut end = End::open();
    for number in 1..=3 {
        end.append(&entry(number), Lane::Talk);
    }
    end.link.follow(Start::default(), &end.feed);
    end.link.handle_timeout(at(6), &mut end.told);
    end.write(at(6));
    assert_eq!(end.sent[0], ping());
    assert_eq!(end.sent.len(), 4);
}

#[test]
fn hello_1_nothing_goes_out_before_hello() {
    let mut end = End::accepted();
    end.receive(&[star_hello()], START);
    end.link.handle_timeout(at(6), &mut end.told);
    end.write(at(6));
    let decoded = frame::decode(&end.sent[0].0).expect("what a link sends decodes");
    assert!(matches!(decoded.frame, Some(Frame::Session(Session::Hello(_)))), "{:?}", end.sent);
}

#[test]
fn reply_1_a_reply_answers_an_open_request() {
    let mut end = End::open();
    end.link.send(join(4), 0);
    end.receive(&[done(4)], START);
    assert_eq!(end.told, [LinkEvent::Frame(done(4).0)]);
    end.receive(&[done(4)], START);
    end.assert_rejected(Rule::Reply1, START);

    let mut end = End::open();
    let refused = Refused { code: Code::Full, reason: Reason::NONE, options: Options::NONE };
    end.receive(&[Frame::from(refused).encode(RequestId(1))], START);
    end.assert_rejected(Rule::Reply1, START);
}

#[test]
fn reply_2_an_id_is_free_again_once_it_is_answered() {
    let mut end = End::open();
    end.receive(&[join(4)], START);
    end.link.send(done(4), 0);
    end.receive(&[join(4)], START);
    assert_eq!(end.frames_told(), 2);
    end.receive(&[join(4)], START);
    end.assert_rejected(Rule::Reply2, START);
}

#[test]
fn reply_3_no_more_than_64_requests_are_open() {
    let mut end = End::open();
    for id in 1..=64 {
        end.receive(&[join(id)], START);
    }
    assert_eq!((end.frames_told(), end.down()), (64, None));
    end.link.send(done(17), 0);
    end.receive(&[join(65)], START);
    assert_eq!((end.frames_told(), end.down()), (65, None));
    end.receive(&[join(66)], START);
    end.assert_rejected(Rule::Reply3, START);
}

#[test]
fn record_1_a_record_has_a_frame() {
    for mut end in [End::accepted(), End::dialled(), End::open()] {
        end.link.receive(&Bytes::new(), START, &mut end.told);
        end.told.retain(|told| !matches!(told, LinkEvent::Up { .. }));
        end.write(START);
        assert_eq!((end.down(), end.said_bye()), (Some((Code::Malformed, Some(Rule::Record1))), Some(Code::Malformed)));
    }
}

#[test]
fn frame_1_bytes_that_are_no_frame_end_the_link_and_what_came_before_them_counts() {
    let mut end = End::open();
    end.receive(&[digest(), Encoded(Bytes::from_static(&[0xff; 9]))], START);
    assert_eq!(end.frames_told(), 1);
    end.assert_rejected(Rule::Frame1, START);
}

#[test]
fn frame_4_odd_types_are_skipped_and_even_ones_close() {
    let unknown = |kind: u8| Encoded(vec![0, 0, 0x7f, kind, 0, 0, 0, 0].into());
    let mut end = End::open();
    end.receive(&[unknown(1), digest()], START);
    assert_eq!(end.told, [LinkEvent::Frame(digest().0)]);
    end.receive(&[unknown(2)], START);
    end.assert_rejected(Rule::Frame4, START);
}

#[test]
fn requests_of_either_side_do_not_collide() {
    let mut end = End::open();
    let fetch = Fetch { ranges: List::over(0, &[]), options: Options::NONE };
    end.link.send(Frame::from(fetch).encode(RequestId(1)), 0);
    end.receive(&[join(1), done(1)], START);
    assert_eq!((end.frames_told(), end.down()), (2, None));
}

#[test]
fn the_states_of_a_link_are_the_ones_of_the_diagram() {
    let mut diagram = String::from("stateDiagram-v2\n");
    for state in State::ALL {
        for trigger in Trigger::ALL {
            if let Some(next) = state.on(trigger) {
                diagram += &alloc::format!("    {state:?} --> {next:?}: {trigger:?}\n");
            }
        }
    }
    let expected = "stateDiagram-v2
    Opening --> Open: Hello
    Opening --> Closing: Close
    Opening --> Closed: Lost
    Open --> Closing: Close
    Open --> Closed: Lost
    Closing --> Closed: ByeWritten
    Closing --> Closed: Lost
";
    assert_eq!(diagram, expected);
}
