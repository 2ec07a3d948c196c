//! The traces that the code makes: small sessions of one link, most of which end with one broken rule.

use tertulia_core::id::{RequestId, Token};
use tertulia_core::rule::Rule;
use tertulia_core::trace::{Direction, Expect, LinkStep, Step, Trace};
use tertulia_core::wire::entry::Heard;
use tertulia_core::wire::{Encoded, Frame};
use tertulia_testkit::frames::ask;
use tertulia_testkit::lecture::{ada, bea, charter, lecture, packet, trace};

/// A trace that is being made.
struct Made {
    trace: Trace,
    micros: u64,
}

/// Where the guest's HELLO has its options: after header, purpose, meeting, start.
const HELLO_OPTIONS: usize = 8 + 1 + 16 + 8;

impl Made {
    fn new(title: &str, covers: &[&str]) -> Self {
        let mut trace = Trace::new(title);
        trace.covers = covers.iter().map(|id| (*id).to_owned()).collect();
        trace.steps.push(Step::Link(1, LinkStep::Dialled));
        trace.steps.push(Step::Link(1, LinkStep::Up(ada().key())));
        Self { trace, micros: 0 }
    }

    /// A trace that ends with a breach of `rule`.
    fn broken(title: &str, rule: Rule) -> Self {
        let mut made = Self::new(title, &[rule.id()]);
        made.trace.expect = Expect::Reject(rule.code());
        made
    }

    fn say(mut self, from: Direction, frame: &[u8]) -> Self {
        self.micros += 20_000;
        self.trace.steps.push(Step::Packet(packet(from, self.micros, frame)));
        self
    }

    /// A packet whose bytes nobody can take apart.
    fn garbled(mut self, from: Direction, name: &str, frame: &[u8]) -> Self {
        self.micros += 20_000;
        let packet = tertulia_core::trace::Packet::new(from, self.micros, name, frame);
        self.trace.steps.push(Step::Packet(packet));
        self
    }

    fn guest(self, frame: &[u8]) -> Self {
        self.say(Direction::Initiator, frame)
    }

    fn host(self, frame: &[u8]) -> Self {
        self.say(Direction::Responder, frame)
    }

    /// Both HELLOs.
    fn open(self) -> Self {
        self.guest(&said("HELLO", 0)).host(&said("HELLO", 1))
    }

    /// HELLO, and the frames of the lecture up to the end of WELCOME.
    fn joined(self) -> Self {
        self.open().guest(&said("JOIN", 0)).host(&said("WELCOME", 0))
    }

    fn wait(mut self, seconds: u64) -> Self {
        self.micros += seconds * 1_000_000;
        self
    }

    fn note(mut self, comment: &str) -> Self {
        self.trace.steps.push(Step::Comment(comment.into()));
        self
    }

    fn named(self, name: &'static str) -> (&'static str, Trace) {
        (name, self.trace)
    }
}

/// The `nth` frame of the lecture that is called `name`.
fn said(name: &str, nth: usize) -> Vec<u8> {
    let frames = lecture();
    let Encoded(bytes) = &frames.iter().filter(|said| said.name() == name).nth(nth).unwrap().frame;
    bytes.to_vec()
}

fn frame(kind: u16, id: u32, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [length.to_be_bytes().as_slice(), &kind.to_be_bytes(), &id.to_be_bytes(), body].concat()
}

/// The guest's HELLO with these bytes for options.
fn hello(options: &[u8]) -> Vec<u8> {
    frame(0x0000, 0, &[&said("HELLO", 0)[8..HELLO_OPTIONS], options].concat())
}

fn text8(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

pub(crate) fn all() -> Vec<(&'static str, Trace)> {
    let mut lecture = trace();
    lecture.covers = ["TICKET-1", "DIGEST-1"].map(String::from).into();
    let mut all = vec![("lecture", lecture), ("registry", tertulia_testkit::directory::trace())];
    all.extend(frames());
    all.extend(fields());
    all.extend(options());
    all.extend(sessions());
    all.extend(extensions());
    all.extend(lobby());
    all.extend(tertulia_testkit::scenes::all());
    all
}

/// Who knocks waits, moves up, and is let in or not.
fn lobby() -> Vec<(&'static str, Trace)> {
    let note = [said("JOIN", 0)[8..].to_vec(), b"\x00\x17\x00\x0d".to_vec(), text8("it's Bea ;-)")].concat();
    let note = frame(0x0040, 1, &note);
    let waiting = |position| frame(0x0050, 0, &u16::to_be_bytes(position));
    let words = text8("members only");
    let knock = |title| Made::new(title, &["LOBBY-1"]).open().guest(&note).host(&waiting(3)).host(&waiting(1));
    vec![
        knock("a guest with a ticket knocks, and is let in").host(&said("WELCOME", 0)).named("lobby-admitted"),
        knock("a guest with a ticket knocks, and is told why it is not let in")
            .host(&frame(0x0008, 1, &[[0x00, 0x50].as_slice(), &words].concat()))
            .host(&frame(0x0002, 0, &[[0x00, 0x50].as_slice(), &words].concat()))
            .named("lobby-denied"),
    ]
}

fn frames() -> Vec<(&'static str, Trace)> {
    let mut long = said("PING", 0);
    long[1] = 1;
    let mut cut = said("TELL", 0);
    cut.pop();
    cut[1] -= 1;
    vec![
        Made::broken("a frame is longer than its record", Rule::Frame1)
            .open()
            .garbled(Direction::Initiator, "PING", &long)
            .named("frame-longer-than-record"),
        Made::broken("a text is longer than its frame", Rule::Frame2)
            .joined()
            .garbled(Direction::Initiator, "TELL", &cut)
            .named("field-longer-than-frame"),
        Made::broken("a byte lies between a port and the end of its option", Rule::Frame3)
            .garbled(Direction::Initiator, "HELLO", &hello(b"\x00\x10\x00\x04\x03bea\x00\x11\x00\x03\x1d\x31\x00"))
            .named("option-not-filled"),
        Made::broken("an even type that nobody knows", Rule::Frame4)
            .open()
            .guest(&frame(0x3ffe, 0, b"what"))
            .host(&frame(0x0002, 0, &[[0x00, 0x12].as_slice(), &text8("")].concat()))
            .named("frame-unknown-even"),
        Made::broken("an event with an id", Rule::Frame5).open().guest(&frame(0x0004, 7, b"")).named("event-with-id"),
    ]
}

fn fields() -> Vec<(&'static str, Trace)> {
    let tell = |text: &[u8]| {
        let length = u16::try_from(text.len()).unwrap();
        frame(0x0060, 2, &[[0x54; 16].as_slice(), &length.to_be_bytes(), text].concat())
    };
    vec![
        Made::broken("a text that is not UTF-8", Rule::Field1)
            .joined()
            .garbled(Direction::Initiator, "TELL", &tell(b"caf\xe9"))
            .named("text-not-utf-8"),
        Made::broken("a name with a space in it", Rule::Field2)
            .joined()
            .guest(&frame(0x004e, 2, &text8("bea b")))
            .named("name-with-space"),
        Made::broken("65 ranges in one FETCH", Rule::Field3)
            .joined()
            .garbled(Direction::Initiator, "FETCH", &frame(0x0048, 2, &[0, 65]))
            .named("list-too-long"),
        Made::broken("a registry's record of more than 1,024 bytes", Rule::Field3)
            .open()
            .garbled(Direction::Initiator, "PUBLISH", &tertulia_testkit::directory::oversized().0)
            .named("registry-record-too-long"),
        Made::broken("somebody who is neither here nor gone", Rule::Field4)
            .joined()
            .host(&frame(0x004c, 0, &[[0, 0, 0, 1, 0, 1].as_slice(), &[7; 32], &[9], &text8("bea")].concat()))
            .named("whereabouts-undefined"),
    ]
}

fn options() -> Vec<(&'static str, Trace)> {
    vec![
        Made::broken("two options in falling order", Rule::Option1)
            .guest(&hello(b"\x00\x10\x00\x04\x03bea\x00\x01\x00\x02\x01x"))
            .named("options-fall"),
        Made::broken("an option of an even type that HELLO does not have", Rule::Option2)
            .guest(&hello(b"\x00\x10\x00\x04\x03bea\x0f\x20\x00\x01x"))
            .host(&frame(0x0002, 0, &[[0x00, 0x13].as_slice(), &text8("")].concat()))
            .named("option-unknown-even"),
    ]
}

fn sessions() -> Vec<(&'static str, Trace)> {
    let mut other_meeting = said("HELLO", 1);
    other_meeting[9] ^= 0xff;
    let mut many = Made::broken("65 open requests", Rule::Reply3).joined();
    for id in 2..67 {
        many = many.guest(&frame(0x0048, id, &[0, 0]));
    }
    vec![
        Made::broken("PING before HELLO", Rule::Hello1).guest(&said("PING", 0)).named("ping-before-hello"),
        Made::broken("HELLO twice", Rule::Hello2).open().guest(&said("HELLO", 0)).named("hello-twice"),
        Made::broken("the responder's HELLO comes after six seconds", Rule::Hello3)
            .guest(&said("HELLO", 0))
            .wait(6)
            .host(&said("HELLO", 1))
            .named("hello-late"),
        Made::broken("the responder answers for another meeting", Rule::Hello5)
            .guest(&said("HELLO", 0))
            .host(&other_meeting)
            .named("hello-other-meeting"),
        Made::broken("nothing comes for 16 seconds", Rule::Ping1)
            .joined()
            .wait(16)
            .guest(&said("PING", 0))
            .named("silent"),
        Made::broken("OK to a request that nobody made", Rule::Reply1)
            .joined()
            .host(&frame(0x0006, 9, b""))
            .named("reply-to-nothing"),
        Made::broken("two open requests with one id", Rule::Reply2)
            .joined()
            .guest(&frame(0x0048, 2, &[0, 0]))
            .guest(&frame(0x0048, 2, &[0, 0]))
            .named("request-id-twice"),
        many.named("requests-too-many"),
    ]
}

/// Bea's question names her as she was called before.
fn signed_anew() -> (&'static str, Trace) {
    let old = ask(&bea(), charter().meeting, Token([0x51; 16]), Heard::NONE, ("be", "Is it safe?"));
    let differs = [&[0, 0x3a][..], &text8("your name here is another")].concat();
    let mut anew = said("ASK", 0);
    anew[7] = 3;
    Made::new("a question that does not fit is signed anew", &["ASK-8", "ASK-9"])
        .joined()
        .guest(&said("DIGEST", 0))
        .host(&said("ENTRY", 0))
        .host(&said("ENTRY", 1))
        .guest(&Frame::from(old).encode(RequestId(2)).0)
        .host(&frame(0x0008, 2, &differs))
        .guest(&anew)
        .host(&said("ENTRY", 2))
        .host(&frame(0x0006, 3, b""))
        .named("question-differs")
}

fn extensions() -> Vec<(&'static str, Trace)> {
    let mut two = Made::new("packets of two links take turns", &["SESSION-1"]).note("Ada's node writes the trace.");
    two.trace.steps.clear();
    let steps = [(1, bea().key()), (2, tertulia_testkit::lecture::ticket().key())];
    for (link, key) in steps {
        two.trace.steps.push(Step::Link(link, LinkStep::Accepted));
        two.trace.steps.push(Step::Link(link, LinkStep::Up(key)));
        two = two.guest(&said("HELLO", 0));
    }
    two = two.host(&said("HELLO", 1));
    two.trace.steps.push(Step::Link(1, LinkStep::Goes));
    two = two.host(&said("HELLO", 1));
    vec![
        Made::new("odd frames that nobody knows are skipped, whatever their id and body", &["EXT-1"])
            .open()
            .guest(&frame(0x3f01, 0, b""))
            .host(&frame(0x8001, 77, b"\xff\xff"))
            .guest(&said("JOIN", 0))
            .named("frames-unknown-odd"),
        Made::new("odd options that nobody knows are skipped", &["EXT-1"])
            .guest(&hello(b"\x00\x01\x00\x02\x01x\x00\x10\x00\x04\x03bea\x3f\x31\x00\x00\x80\x01\x00\x01x"))
            .host(&said("HELLO", 1))
            .named("options-unknown-odd"),
        Made::new("a code of a later version ends a link as well as any", &["EXT-3"])
            .open()
            .host(&frame(0x0002, 0, &[[0x7f, 0xff].as_slice(), &text8("for a new reason")].concat()))
            .named("bye-unknown-code"),
        two.named("two-links"),
        signed_anew(),
    ]
}
