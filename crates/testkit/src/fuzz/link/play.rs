//! A driver that has one link, checks everything about it after every call, and keeps what its machine is told.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tertulia_core::code::Code;
use tertulia_core::feed::{Feed, Packer, Start};
use tertulia_core::id::{Key, MeetingId, RequestId, Token};
use tertulia_core::limits::{RECORD_PLAINTEXT_MAX, REQUESTS_MAX};
use tertulia_core::link::{Link, LinkEvent, Opening, State};
use tertulia_core::log::Held;
use tertulia_core::time::Instant;
use tertulia_core::wire::field::Text;
use tertulia_core::wire::frame::Role;
use tertulia_core::wire::option::Options;
use tertulia_core::wire::private::Tell;
use tertulia_core::wire::session::{Done, Hello, Purpose, Session};
use tertulia_core::wire::{Frame, decode};

use super::{Setting, Step};
use crate::lecture::{ada, bea, charter, lecture};

/// After the last step, all is over after so many calls: a pause of 5 ms for each frame, and 10 s of patience.
const CALLS_MAX: usize = 3_000;

/// Up to here, a call before its time is tried as well: it must do nothing.
const SPURIOUS_MAX: usize = 100;

/// So many entries stay in the feed.
const FEED_MAX: u64 = 20;

/// Of the lecture, what is slow to make.
static SAMPLE: LazyLock<Sample> = LazyLock::new(|| Sample {
    keys: (ada().key(), bea().key()),
    meeting: charter().meeting,
    entry: lecture().iter().find_map(|said| Held::read(charter().meeting, &said.frame)).unwrap(),
});

struct Sample {
    keys: (Key, Key),
    meeting: MeetingId,
    entry: Arc<Held>,
}

pub(super) struct Play {
    link: Link,
    setting: Setting,
    feed: Feed,
    now: Instant,
    /// Whether the link is called when it wants to be, or only when a step is over.
    is_punctual: bool,
    calls: usize,
    /// What has arrived and may not be read yet.
    unread: VecDeque<Bytes>,
    pub(super) events: Vec<LinkEvent>,
    /// How many of these have been looked at.
    checked: usize,
    is_closed_here: bool,
    is_writing: bool,
    sent: usize,
    has_sent_bye: bool,
    next_id: u32,
    ours: BTreeSet<RequestId>,
    theirs: BTreeSet<RequestId>,
}

impl Play {
    pub(super) fn new(setting: Setting, is_punctual: bool) -> Self {
        let (host, guest) = SAMPLE.keys;
        let peer = if setting.with_itself { guest } else { host };
        let now = Instant(1_000);
        let opening = if setting.dialled {
            let (purpose, meeting, options) = (Purpose::STAR, SAMPLE.meeting, Options::NONE);
            let hello = Hello { purpose, meeting, started_ms: 5, options };
            Opening::Dialled { hello: Frame::from(hello).encode(RequestId::EVENT) }
        } else {
            Opening::Accepted { started_ms: 7 }
        };
        Self {
            link: Link::new(opening, guest, peer, [3; 32], now),
            setting,
            feed: Feed::default(),
            now,
            is_punctual,
            calls: 0,
            unread: VecDeque::new(),
            events: Vec::new(),
            checked: 0,
            is_closed_here: false,
            is_writing: false,
            sent: 0,
            has_sent_bye: false,
            next_id: 0,
            ours: BTreeSet::new(),
            theirs: BTreeSet::new(),
        }
    }

    /// Does one step, and ends at `time`, or at the time that this returns.
    pub(super) fn step(&mut self, step: &Step, time: Option<u64>) -> u64 {
        match step {
            Step::Records(records) => {
                self.unread.extend(records.iter().cloned());
                self.read();
            }
            Step::Wait(millis) => self.wait_until(time.map_or(Instant(self.now.0 + millis), Instant)),
            Step::Jump => {
                let due = self.link.poll_timeout().unwrap_or(self.now);
                self.wait_until(time.map_or(due, Instant));
            }
            Step::Write => self.write(),
            Step::Stall => self.is_writing |= self.fill(),
            Step::Request(count) => (0..=*count).for_each(|_| self.request()),
            Step::Reply(count) => (0..=*count).for_each(|_| self.reply()),
            Step::Append(count) => {
                if self.link.state() == State::Open && self.feed.head() == 0 {
                    self.link.follow(Start::default(), &self.feed);
                }
                for _ in 0..=*count {
                    let at = self.feed.head();
                    self.feed.append(Arc::clone(&SAMPLE.entry), at, at.saturating_sub(FEED_MAX - 1));
                }
            }
            Step::Flood(count) => self.flood(usize::from(*count) + 1),
            Step::EndOfStream => self.link.end_of_stream(&mut self.events),
            Step::Close => {
                self.is_closed_here |= matches!(self.link.state(), State::Opening | State::Open);
                self.link.close(Code::Left, "enough", self.feed.head(), self.now);
            }
        }
        self.check();
        self.now.0
    }

    /// Nothing more comes: the link must come to its end by itself.
    pub(super) fn finish(&mut self) {
        for _ in 0..CALLS_MAX {
            self.write();
            let Some(due) = self.link.poll_timeout() else { break };
            self.wait_until(due.max(self.now));
        }
        assert!(self.link.is_finished(), "{:?}", self.link);
        assert_eq!(self.is_down(), !self.is_closed_here, "{:?}", self.events);
    }

    fn is_down(&self) -> bool {
        matches!(self.events.last(), Some(LinkEvent::Down { .. }))
    }

    fn wait_until(&mut self, end: Instant) {
        while self.is_punctual
            && let Some(due) = self.link.poll_timeout().filter(|due| *due < end)
        {
            self.wake(due);
        }
        self.wake(end);
    }

    /// The link is called at `time`, and once more: that does nothing.
    fn wake(&mut self, time: Instant) {
        // What was due before the last step happened is due now.
        self.now = self.now.max(time);
        self.calls += 1;
        if self.calls < SPURIOUS_MAX
            && let Some(due) = self.link.poll_timeout().filter(|due| *due > self.now)
        {
            self.does_nothing(due);
        }
        self.link.handle_timeout(self.now, &mut self.events);
        assert!(self.link.poll_timeout().is_none_or(|due| due > self.now), "{:?} {:?}", self.now, self.link);
        self.check();
        self.read();
    }

    fn does_nothing(&self, due: Instant) {
        let (mut link, mut events) = (self.link.clone(), Vec::new());
        link.handle_timeout(self.now, &mut events);
        let wants = |link: &Link| link.wants_to_write(&self.feed);
        assert_eq!((events, link.poll_timeout()), (Vec::new(), Some(due)));
        assert_eq!((link.state(), wants(&link)), (self.link.state(), wants(&self.link)));
    }

    fn read(&mut self) {
        while self.link.paused_until().is_none()
            && let Some(record) = self.unread.pop_front()
        {
            self.link.receive(&record, self.now, &mut self.events);
            self.check();
        }
    }

    fn write(&mut self) {
        if core::mem::take(&mut self.is_writing) {
            self.link.written();
        }
        while self.fill() {
            self.link.written();
            self.check();
        }
    }

    /// Makes a record, unless the one before is not written yet.
    fn fill(&mut self) -> bool {
        let mut packer = Packer::new(&self.feed);
        let record = if self.is_writing { None } else { self.link.fill(&mut packer, self.now) };
        let Some(record) = record else {
            let is_behind = self.link.poll_timeout().is_some_and(|due| due <= self.now);
            assert!(self.is_writing || is_behind || !self.link.wants_to_write(&self.feed), "{:?}", self.link);
            return false;
        };
        assert!(!record.is_empty() && record.len() <= RECORD_PLAINTEXT_MAX);
        let mut rest = record;
        while !rest.is_empty() {
            assert!(!self.has_sent_bye, "BYE is the last frame");
            let decoded = decode(rest).unwrap();
            let frame = decoded.frame.unwrap();
            assert_eq!(frame.encode(decoded.id).0, decoded.bytes);
            let [is_hello, is_bye] = match frame {
                Frame::Session(Session::Hello(_)) => [true, false],
                Frame::Session(Session::Bye(_)) => [false, true],
                Frame::Session(_) | Frame::Meeting(_) | Frame::Private(_) | Frame::Registry(_) => [false, false],
            };
            assert!(
                is_bye || is_hello == (self.sent == 0),
                "HELLO is the first frame, and no other: {frame:?} {:?}",
                self.link
            );
            self.has_sent_bye = is_bye;
            self.sent += 1;
            rest = decoded.rest;
        }
        true
    }

    fn request(&mut self) {
        self.next_id += 1;
        let id = RequestId(self.next_id);
        if self.link.state() == State::Open {
            self.ours.insert(id);
        }
        self.tell(id, "what?");
    }

    fn tell(&mut self, id: RequestId, text: &str) {
        let tell = Tell { token: Token::ZERO, text: Text::new(text).unwrap(), options: Options::NONE };
        self.link.send(Frame::from(tell).encode(id), self.feed.head());
    }

    fn flood(&mut self, count: usize) {
        let text = "a".repeat(16_000);
        (0..count).for_each(|_| self.tell(RequestId(u32::MAX), &text));
        if self.link.state() == State::Open {
            self.ours.insert(RequestId(u32::MAX));
        }
    }

    fn reply(&mut self) {
        if self.link.state() == State::Open
            && let Some(id) = self.theirs.pop_first()
        {
            self.link.send(Frame::from(Done { options: Options::NONE }).encode(id), self.feed.head());
        }
    }

    /// What always holds.
    fn check(&mut self) {
        assert_eq!(self.link.poll_timeout().is_none(), self.link.state() == State::Closed);
        assert_eq!(self.link.is_finished(), self.link.state() == State::Closed);
        let (events, before) = (core::mem::take(&mut self.events), self.checked);
        for (at, event) in events.iter().enumerate().skip(before) {
            match event {
                LinkEvent::Up { hello } => {
                    assert_eq!(at, 0, "Up comes once");
                    self.check_hello(hello);
                }
                LinkEvent::Frame(bytes) => {
                    assert!(at > 0, "Up comes first");
                    self.check_frame(bytes);
                }
                LinkEvent::Down { code, rule } => {
                    assert_eq!(at + 1, events.len(), "nothing follows Down");
                    assert!(rule.is_none_or(|rule| rule.code() == *code));
                }
            }
            assert!(!self.is_closed_here, "nothing is told after this side has closed");
        }
        (self.checked, self.events) = (events.len(), events);
        if self.is_down() || self.is_closed_here {
            assert!(matches!(self.link.state(), State::Closing | State::Closed));
        } else {
            let open = if self.events.is_empty() { State::Opening } else { State::Open };
            assert_eq!(self.link.state(), open);
        }
    }

    fn check_hello(&self, bytes: &Bytes) {
        let decoded = decode(bytes).unwrap();
        let Some(frame @ Frame::Session(Session::Hello(hello))) = decoded.frame else { panic!("{decoded:?}") };
        assert_eq!(frame.encode(decoded.id).0, bytes);
        assert!(decoded.rest.is_empty());
        // SPEC HELLO-5
        if self.setting.dialled {
            assert_eq!((hello.purpose, hello.meeting), (Purpose::STAR, SAMPLE.meeting));
        }
    }

    fn check_frame(&mut self, bytes: &Bytes) {
        let decoded = decode(bytes).unwrap();
        let frame = decoded.frame.expect("what is unknown is skipped");
        assert_eq!(frame.encode(decoded.id).0, bytes);
        assert!(decoded.rest.is_empty());
        let is_own = matches!(frame, Frame::Session(Session::Hello(_) | Session::Ping(_) | Session::Bye(_)));
        assert!(!is_own, "a machine has nothing to do with {frame:?}");
        match frame.info().role {
            Role::Event => {}
            Role::Request => {
                assert!(self.theirs.insert(decoded.id) && self.theirs.len() <= REQUESTS_MAX);
            }
            Role::Reply => assert!(self.ours.remove(&decoded.id)),
        }
    }
}
