//! Whole connections: bytes of one are bytes of the other, however they are cut.

use super::*;
use crate::channel::{DefaultResolver, PREAMBLE, RECORD_LENGTH_BYTES};
use crate::identity::identity;

/// One side, and a driver that lends what it must.
struct Side {
    connection: Connection,
    feed: Feed,
    plaintext: Vec<u8>,
    told: Vec<LinkEvent>,
}

impl Side {
    fn new(connection: Connection) -> Self {
        Self { connection, feed: Feed::default(), plaintext: Vec::new(), told: Vec::new() }
    }

    fn dialled() -> Self {
        let (us, expected) = (identity(1), Some(identity(2).key()));
        Self::new(Connection::dialled(&us, expected, star_hello(), [1; 32], &DefaultResolver, START))
    }

    fn accepted() -> Self {
        Self::new(Connection::accepted(&identity(2), 77, [2; 32], &DefaultResolver, START))
    }

    /// Takes `bytes` in, in pieces as long as this at most, and does what is due meanwhile.
    fn hear(&mut self, mut bytes: &[u8], piece: usize) {
        while !bytes.is_empty() {
            self.due(START);
            let wanted = self.connection.wants().min(piece).min(bytes.len());
            assert!(wanted > 0, "it reads on: {:?}", self.connection);
            let (now, later) = bytes.split_at(wanted);
            self.connection.receive(now, &mut self.plaintext, START, &mut self.told);
            bytes = later;
        }
        self.due(START);
    }

    fn due(&mut self, now: Instant) {
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(&mut self.plaintext, now, &mut self.told);
        }
    }

    /// Everything that it has to say.
    fn say(&mut self) -> Vec<u8> {
        let mut sealed = Vec::new();
        let mut packer = Packer::new(&self.feed);
        while self.connection.fill(&mut packer, START, &mut sealed, &mut self.told).is_some() {}
        self.connection.written();
        sealed
    }

    fn send(&mut self, frame: Encoded) {
        self.connection.link().expect("both have met").send(frame, 0);
    }

    fn frames(&self) -> Vec<Encoded> {
        let frame = |event: &LinkEvent| if let LinkEvent::Frame(frame) = event { Some(frame.clone()) } else { None };
        self.told.iter().filter_map(frame).map(Encoded).collect()
    }
}

/// Carries all that both say, until they are silent.
fn talk(one: &mut Side, other: &mut Side, piece: usize) {
    loop {
        let (there, back) = (one.say(), other.say());
        if there.is_empty() && back.is_empty() {
            return;
        }
        other.hear(&there, piece);
        one.hear(&back, piece);
    }
}

#[test]
fn record_1_two_meet_and_talk_however_their_bytes_are_cut() {
    for piece in [1, 7, INPUT_MAX] {
        let (mut ann, mut bea) = (Side::dialled(), Side::accepted());
        talk(&mut ann, &mut bea, piece);
        let met = [ann.connection.standing(), bea.connection.standing()];
        assert_eq!(met, [Standing::Met(identity(2).key()), Standing::Met(identity(1).key())]);
        let told = [&ann, &bea].map(|side| matches!(side.told.as_slice(), [LinkEvent::Up { .. }]));
        assert_eq!(told, [true, true], "{piece} bytes at a time: {:?} {:?}", ann.told, bea.told);
        let lines = [tell(1, "one"), tell(2, &"two".repeat(1_000)), tell(3, "three")];
        lines.iter().for_each(|line| ann.send(line.clone()));
        bea.send(digest());
        talk(&mut ann, &mut bea, piece);
        assert_eq!((ann.frames(), bea.frames()), (vec![digest()], lines.to_vec()));
        for side in [&ann, &bea] {
            assert_eq!(side.connection.buffered(), 0, "an idle connection owns no buffer");
            assert_eq!(side.connection.wants(), INPUT_MAX);
        }
    }
}

#[test]
fn handshake_7_what_comes_with_the_last_message_waits_for_the_caller() {
    let (mut ann, mut bea) = (Side::dialled(), Side::accepted());
    bea.hear(&ann.say(), INPUT_MAX);
    ann.hear(&bea.say(), INPUT_MAX);
    let last = ann.say();
    bea.connection.receive(&last, &mut bea.plaintext, START, &mut bea.told);
    assert_eq!(bea.connection.standing(), Standing::Met(identity(1).key()));
    assert_eq!((bea.told.len(), bea.connection.poll_timeout()), (0, Some(Instant(0))));
    bea.due(START);
    let [LinkEvent::Up { hello }] = bea.told.as_slice() else { panic!("{:?}", bea.told) };
    assert_eq!(bea.plaintext, *hello, "what was opened is there to be traced");
    assert_ne!(bea.connection.poll_timeout(), Some(Instant(0)));
}

#[test]
fn handshake_8_nobody_is_waited_for_and_silence_says_who_is_there() {
    let end = |heard: &[u8], is_end: bool| {
        let mut bea = Side::accepted();
        bea.hear(heard, 3);
        assert_eq!(bea.connection.standing(), Standing::Shaking);
        if is_end {
            bea.connection.end_of_stream(&mut bea.told);
        }
        let late = START.after(limits::HANDSHAKE_TIMEOUT);
        bea.due(Instant(late.0 - 1));
        assert_eq!(bea.connection.is_finished(), is_end);
        bea.due(late);
        assert_eq!((bea.connection.is_finished(), bea.connection.wants(), bea.told.len()), (true, 0, 0));
        bea.connection.standing()
    };
    assert_eq!(end(&[], false), Standing::Failed(Code::Unreachable));
    assert_eq!(end(&[], true), Standing::Failed(Code::Cut));
    assert_eq!(end(&PREAMBLE, false), Standing::Failed(Code::HandshakeFailed));
    assert_eq!(end(&PREAMBLE[..4], true), Standing::Failed(Code::HandshakeFailed));
}

#[test]
fn preamble_2_a_refusal_is_said_and_nothing_after_it() {
    let mut bea = Side::accepted();
    bea.hear(b"TERTULIA\x02\x01", 4);
    assert_eq!(bea.connection.standing(), Standing::Failed(Rule::Preamble2.code()));
    assert_eq!(bea.say().len(), RECORD_LENGTH_BYTES + 4);
    bea.connection.receive(&PREAMBLE, &mut bea.plaintext, START, &mut bea.told);
    assert_eq!((bea.say(), bea.told, bea.connection.buffered()), (vec![], vec![], 0));
}

#[test]
fn record_2_a_byte_that_was_changed_ends_the_link() {
    let (mut ann, mut bea) = (Side::dialled(), Side::accepted());
    talk(&mut ann, &mut bea, INPUT_MAX);
    ann.send(tell(1, "one"));
    ann.send(tell(2, "two"));
    let mut said = ann.say();
    said[9] ^= 1;
    bea.hear(&said, INPUT_MAX);
    assert_eq!(bea.told.last(), Some(&LinkEvent::Down { code: Rule::Record2.code(), rule: Some(Rule::Record2) }));
    ann.hear(&bea.say(), INPUT_MAX);
    assert!(bea.connection.is_finished());
    assert!(matches!(ann.told.last(), Some(LinkEvent::Down { rule: None, .. })), "{:?}", ann.told);
}

#[test]
fn rate_1_who_is_over_a_rate_is_read_no_further_and_loses_nothing() {
    let (mut ann, mut bea) = (Side::dialled(), Side::accepted());
    talk(&mut ann, &mut bea, INPUT_MAX);
    let mut said = Vec::new();
    for _ in 0..500 {
        ann.send(digest());
        said.extend(ann.say());
    }
    bea.connection.receive(&said, &mut bea.plaintext, START, &mut bea.told);
    assert!((399..500).contains(&bea.frames().len()) && bea.connection.buffered() > 0);
    let mut now = START;
    while bea.frames().len() < 500 {
        assert_eq!((bea.connection.wants(), bea.connection.poll_timeout() > Some(now)), (0, true));
        now = bea.connection.poll_timeout().expect("something is due");
        bea.due(now);
    }
    assert_eq!((now, bea.connection.buffered()), (START.after(Duration::from_millis(500)), 0));
}
