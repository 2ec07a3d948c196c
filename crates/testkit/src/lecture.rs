//! One small lecture, frame by frame, with keys that everybody knows: the tour, the examples and the vectors of SPEC.md.

use std::sync::Arc;

use tertulia_core::charter::{Admission, Charter, Questions, SignedCharter, Terms};
use tertulia_core::code::Code;
use tertulia_core::id::{Hash, Key, MeetingId, RequestId, Salt, Signature, Token};
use tertulia_core::identity::{Domain, Ed25519, Identity, Secret};
use tertulia_core::log::{Held, Log, Verdict, entry_of, hash};
use tertulia_core::pass::Chain;
use tertulia_core::time::{Instant, Now};
use tertulia_core::trace::{Direction, Expect, LinkStep, Packet, Step, Trace};
use tertulia_core::wire::address::Address;
use tertulia_core::wire::entry::{Cut, EntryBody, Heard, Level, Role};
use tertulia_core::wire::field::{Block, List, Name, Reason, Signed, Text, Title, decode_all, encode_items};
use tertulia_core::wire::meeting::{
    Digest, Fetch, Join, Lane, Links, Person, Presence, Range, Rename, Waiting, Welcome, Whereabouts,
};
use tertulia_core::wire::option::{self, Manner, Options, OptionsBuffer, TicketProof};
use tertulia_core::wire::private::{Ask, Tell};
use tertulia_core::wire::session::{Bye, Done, Hello, Ping, Purpose, Refused};
use tertulia_core::wire::{Encoded, Frame, decode};

use crate::frames::ask;

/// When the lecture begins, milliseconds since 1970 in UTC.
pub const START_MS: u64 = 1_700_000_000_000;

/// The session of the host's run.
pub const SESSION: u64 = (START_MS << 16) + 0x5e55;

/// The identity whose secret is 32 times `seed`.
#[must_use]
pub fn identity(seed: u8) -> Identity {
    Identity::new(Secret([seed; 32]), Arc::new(Ed25519))
}

/// The lecture's host: the listener of `handshake.json`.
#[must_use]
pub fn ada() -> Identity {
    identity(0xbb)
}

/// A guest: the dialler of `handshake.json`.
#[must_use]
pub fn bea() -> Identity {
    identity(0xaa)
}

/// The key pair of the ticket that the host hands out.
#[must_use]
pub fn ticket() -> Identity {
    identity(0xcc)
}

/// The lecture's charter.
#[must_use]
pub fn charter() -> SignedCharter {
    let terms = Terms {
        kind: Purpose::STAR,
        founder: ada().key(),
        nonce: Token([0x4e; 16]),
        admission: Admission::Ticket,
        ticket: ticket().key(),
        questions: Questions::Open,
        history: u32::MAX,
        guests: 100,
        title: Title::new("Rust for all").unwrap(),
    };
    SignedCharter::found(terms, &ada()).unwrap()
}

/// What Bea shows of her ticket.
#[must_use]
pub fn ticket_proof() -> TicketProof {
    let proof = ticket().sign(Domain::TicketProof, &[&charter().meeting.0, &bea().key().0]);
    TicketProof { ticket: ticket().key(), endorsement: Signature::ZERO, proof }
}

/// What lets Bea in again.
#[must_use]
pub fn chain() -> Chain {
    Chain::default().and(bea().key(), 0, Manner::Unasked, charter().meeting, &ada())
}

/// Bea's question, after the host's first text.
///
/// # Panics
/// If the lecture has none.
#[must_use]
pub fn question() -> Ask<'static> {
    let mut entries = lecture().into_iter().filter_map(|said| Held::read(charter().meeting, &said.frame));
    let welcome = entries.find(|entry| entry.lane() == Lane::Talk).unwrap();
    asked(&welcome)
}

fn asked(welcome: &Held) -> Ask<'static> {
    let heard = Heard { session: welcome.id.session, number: welcome.number, head: welcome.hash };
    ask(&bea(), charter().meeting, Token([0x51; 16]), heard, ("bea", "Is it safe?"))
}

/// One frame of the lecture.
#[derive(Clone, Debug)]
pub struct Said {
    /// By whom.
    pub from: Direction,
    /// When, in microseconds since the connection.
    pub micros: u64,
    /// What.
    pub frame: Encoded,
    /// Why.
    pub why: &'static str,
}

impl Said {
    /// The frame's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        decode(&self.frame.0).unwrap().frame.unwrap().info().name
    }
}

struct Script {
    meeting: MeetingId,
    log: Log,
    said: Vec<Said>,
    micros: u64,
}

const NONE: Options<'static> = Options::NONE;

impl Script {
    fn say(&mut self, from: Direction, id: u32, frame: impl Into<Frame<'static>>, why: &'static str) {
        self.send(from, frame.into().encode(RequestId(id)), why);
    }

    fn guest<'a>(&mut self, id: u32, frame: impl Into<Frame<'a>>, why: &'static str) {
        self.send(Direction::Initiator, frame.into().encode(RequestId(id)), why);
    }

    fn host<'a>(&mut self, id: u32, frame: impl Into<Frame<'a>>, why: &'static str) {
        self.send(Direction::Responder, frame.into().encode(RequestId(id)), why);
    }

    fn send(&mut self, from: Direction, frame: Encoded, why: &'static str) {
        self.micros += 20_000;
        self.said.push(Said { from, micros: self.micros, frame, why });
    }

    /// The host writes an entry, and sends it.
    fn publish(&mut self, body: &EntryBody<'_>, why: &'static str) -> Encoded {
        let frame = self.write(body);
        self.send(Direction::Responder, frame.clone(), why);
        frame
    }

    fn write(&mut self, body: &EntryBody<'_>) -> Encoded {
        let unix_ms = START_MS + self.micros / 1_000;
        self.log.write(&ada(), SESSION, body, Now { tick: Instant(0), unix_ms }).unwrap().frame.clone()
    }

    /// Who comes in, and how.
    fn opening(&mut self) {
        let mut options = OptionsBuffer::default();
        options.set(&option::SOFTWARE, &Reason::cut("example 1"));
        options.set(&option::NAME, &Name::new("bea").unwrap());
        options.set_raw(0x3f21, vec![0xf0, 0x0d]);
        let (purpose, meeting) = (Purpose::STAR, self.meeting);
        let hello = Hello { purpose, meeting, started_ms: START_MS + 1_000, options: options.options() };
        self.guest(0, hello, "Bea wants this meeting, and adds GREASE (EXT-2).");
        let mut options = OptionsBuffer::default();
        options.set(&option::SOFTWARE, &Reason::cut("example 1"));
        options.set_raw(0x3f71, vec![0xde, 0xad]);
        let hello = Hello { purpose, meeting, started_ms: START_MS, options: options.options() };
        self.host(0, hello, "The host repeats purpose and meeting, tells no name, and adds GREASE.");
        let mut options = OptionsBuffer::default();
        options.set(&option::TICKET, &ticket_proof());
        self.guest(1, Join { meeting, options: options.options() }, "Bea shows that she has a ticket.");
        let charter = charter();
        let (count, items) = encode_items(self.log.rows(0), usize::MAX);
        let charter: Signed<'_, Charter<'_>> = decode_all(charter.bytes()).unwrap();
        let rows = List::over(count, &items);
        chain().with_list(|chain| {
            let welcome = Welcome { charter: Block(charter), chain, rows, options: NONE };
            self.host(1, welcome, "The host lets her in, and says what it has.");
        });
        let person = Person { key: bea().key(), whereabouts: Whereabouts::Here, name: Name::new("bea").unwrap() };
        let (count, items) = encode_items([person], usize::MAX);
        self.host(0, Presence { guests: 1, people: List::over(count, &items), options: NONE }, "Who is here.");
        self.guest(
            0,
            Digest { rows: List::over(0, &[]), options: NONE },
            "Bea holds nothing: the host begins to send.",
        );
    }

    fn digest(&mut self, why: &'static str) {
        let (count, items) = encode_items(self.log.rows(0), usize::MAX);
        self.guest(0, Digest { rows: List::over(count, &items), options: NONE }, why);
    }

    fn talk(&mut self, welcome: &Encoded) {
        let question = asked(&Held::read(self.meeting, welcome).unwrap());
        self.guest(2, question, "Bea asks.");
        self.publish(&question.published(bea().key()), "The host publishes the question, to Bea too.");
        self.say(Direction::Responder, 2, Done { options: NONE }, "Then it answers.");
        let tell = Tell { token: Token([0x52; 16]), text: Text::new("Can you speak up?").unwrap(), options: NONE };
        self.guest(3, tell, "A private text to the host.");
        self.say(Direction::Responder, 3, Done { options: NONE }, "The host has it.");
        let tell = Tell { token: Token([0x53; 16]), text: Text::new("Better now?").unwrap(), options: NONE };
        self.host(1, tell, "A private text to Bea. Each side counts its own requests.");
        self.say(Direction::Initiator, 1, Done { options: NONE }, "Bea has it.");
        self.guest(4, Rename { name: Name::new("ADA").unwrap(), options: NONE }, "Bea wants another name.");
        let reason = Reason::cut("somebody here has that name");
        self.host(4, Refused { code: Code::NameTaken, reason, options: NONE }, "The request fails, the link goes on.");
        let fork = entry_of(welcome).unwrap().entry;
        let range = Range { author: fork.author, session: fork.session, lane: Lane::Talk, from: 1, to: 2 };
        let (count, items) = encode_items([range], usize::MAX);
        let fetch = Fetch { ranges: List::over(count, &items), options: NONE };
        self.guest(5, fetch, "Bea asks for one entry again.");
        self.send(Direction::Responder, welcome.clone(), "It comes,");
        self.say(Direction::Responder, 5, Done { options: NONE }, "and nothing else.");
    }
}

/// All that is said, from HELLO to BYE.
#[must_use]
pub fn lecture() -> Vec<Said> {
    let meeting = charter().meeting;
    let mut script = Script { meeting, log: Log::new(meeting, 100), said: Vec::new(), micros: 0 };
    let (whereabouts, name) = (Whereabouts::Here, Name::new("Ada").unwrap());
    let person = script.write(&EntryBody::Person {
        whereabouts,
        name,
        addresses: List::NONE,
        chain: List::NONE,
        proof: List::NONE,
    });
    let unknown = script.write(&EntryBody::Unknown);
    script.opening();
    script.send(Direction::Responder, person, "What had been written before: the host's name,");
    script.send(Direction::Responder, unknown, "and what nobody knows (EXT-5): it is kept, and not shown.");
    let text = Text::new("Welcome!").unwrap();
    let welcome = script.publish(&EntryBody::Text { salt: Salt([0x5a; 16]), text }, "What is written now.");
    script.micros = 5_000_000;
    script.digest("Five seconds later: Bea has all this.");
    script.talk(&welcome);
    script.micros = 10_000_000;
    script.say(Direction::Initiator, 0, Ping { options: NONE }, "Bea has been silent for five seconds.");
    script.publish(&EntryBody::End { why: Reason::cut("thank you") }, "The host ends the lecture.");
    let bye = Bye { code: Code::Ended, reason: Reason::cut("the meeting is over"), options: NONE };
    script.host(0, bye, "Nothing follows.");
    script.said
}

/// A host that has written two entries with one number, and the proof.
#[must_use]
pub fn fork() -> Encoded {
    let meeting = charter().meeting;
    let [mut one, mut other] = [Log::new(meeting, 100), Log::new(meeting, 100)];
    let now = Now { tick: Instant(0), unix_ms: START_MS };
    let body = |text| EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() };
    one.write(&ada(), SESSION, &body("Yes."), now).unwrap();
    let no = other.write(&ada(), SESSION, &body("No."), now).unwrap().frame.clone();
    match one.offer(&entry_of(&no).unwrap(), false, &bea()) {
        Verdict::Forked(proof) => proof.frame,
        verdict @ (Verdict::Stored(_)
        | Verdict::Completed(_)
        | Verdict::Dropped
        | Verdict::Ahead { .. }
        | Verdict::Refused(_)) => panic!("{verdict:?}"),
    }
}

/// What somebody is told who is third in the lobby.
#[must_use]
pub fn waiting() -> Encoded {
    Frame::from(Waiting { position: 3, options: Options::NONE }).encode(RequestId::EVENT)
}

/// One body of each kind, by the kind's name.
#[must_use]
pub fn bodies() -> Vec<(&'static str, Encoded)> {
    let (out, why, answers) = (Reason::cut("bea"), Reason::cut("shouting"), Hash([0xee; 32]));
    let (count, addresses) = encode_items(["192.0.2.1:7473".parse().map(Address::of).unwrap()], 1);
    let addresses = List::over(count, &addresses);
    let (count, cuts) = encode_items([Cut { session: SESSION, lane: Lane::Talk, next: 3 }], 1);
    let cuts = List::over(count, &cuts);
    let bodies = [
        EntryBody::Revoke { subject: bea().key(), level: Level::Out, name: out, why, cuts, kept: List::NONE },
        EntryBody::Grant { subject: bea().key(), role: Role::Member, answers, session: SESSION + 1, name: out },
        EntryBody::Policy { door: tertulia_core::wire::entry::Door::Locked, kept: List::NONE },
        EntryBody::End { why: Reason::NONE },
        EntryBody::Text { salt: Salt([0x5a; 16]), text: Text::new("Welcome!").unwrap() },
        question().published(bea().key()),
        EntryBody::Retract { author: ada().key(), session: SESSION, number: 1, hash: answers },
        EntryBody::Person {
            whereabouts: Whereabouts::Here,
            name: Name::new("Ada").unwrap(),
            addresses,
            chain: List::NONE,
            proof: List::NONE,
        },
    ];
    let mut log = Log::new(charter().meeting, 100);
    let now = Now { tick: Instant(0), unix_ms: START_MS };
    let mut last = Hash::ZERO;
    let mut written = Vec::new();
    for ((_, kind, ..), mut body) in EntryBody::kinds().into_iter().zip(bodies) {
        if let EntryBody::Grant { answers: named, .. } | EntryBody::Retract { hash: named, .. } = &mut body {
            *named = last;
        }
        let frame = log.write(&ada(), SESSION, &body, now).unwrap().frame.clone();
        last = hash(log.meeting(), &entry_of(&frame).unwrap().envelope());
        written.push((kind, frame));
    }
    written
}

/// A member tells that it is linked with Bea.
#[must_use]
pub fn links() -> Encoded {
    let (count, keys) = encode_items([bea().key()], 1);
    Frame::from(Links { keys: List::over(count, &keys), options: Options::NONE }).encode(RequestId::EVENT)
}

/// The lecture as a trace.
#[must_use]
pub fn trace() -> Trace {
    let mut trace = Trace::new("a guest attends a lecture, from HELLO to BYE");
    trace.expect = Expect::Accept;
    trace.steps.push(Step::Link(1, LinkStep::Dialled));
    trace.steps.push(Step::Link(1, LinkStep::Up(ada().key())));
    for said in lecture() {
        trace.steps.push(Step::Comment(said.why.into()));
        trace.steps.push(Step::Packet(packet(said.from, said.micros, &said.frame.0)));
    }
    trace.steps.push(Step::Link(1, LinkStep::Down(Code::Ended)));
    trace
}

/// A packet that says what its bytes are.
#[must_use]
pub fn packet(from: Direction, micros: u64, frame: &[u8]) -> Packet {
    let decoded = decode(frame).ok();
    let kind = u16::from_be_bytes([frame[2], frame[3]]);
    let known = decoded.and_then(|decoded| decoded.frame).map(|frame| frame.info().name);
    let name = known.map_or_else(|| format!("{kind:#06x}"), Into::into);
    let mut packet = Packet::new(from, micros, &name, &[]);
    packet.lines = crate::layout::annotate(frame);
    packet
}

/// Whose key is whose, for people.
#[must_use]
pub fn keys() -> [(&'static str, Key); 3] {
    [("Ada", ada().key()), ("Bea", bea().key()), ("the ticket", ticket().key())]
}
