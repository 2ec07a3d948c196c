//! Captured sessions as text (SPEC.md, "Traces"): read by people, diffed, replayed as tests, opened by Wireshark.

mod parse;
mod replay;

use alloc::{string::String, vec::Vec};
use core::fmt;
use core::mem::discriminant;

pub use self::parse::parse;
pub use self::replay::replay;
use crate::code::Code;
use crate::id::Key;

/// How the trace ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Every packet is taken.
    #[default]
    Accept,
    /// A packet is refused with this code; nothing follows it but BYE.
    Reject(Code),
}

/// A whole trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What it shows.
    pub title: String,
    /// Ids of rules in SPEC.md that it tests.
    pub covers: Vec<String>,
    /// How it ends.
    pub expect: Expect,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One thing in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A line for people.
    Comment(String),
    /// What happens to a link, which is from here on the link that packets belong to.
    Link(u64, LinkStep),
    /// Bytes in one direction.
    Packet(Packet),
}

/// What happens to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStep {
    /// The node that wrote the trace has dialled it.
    Dialled,
    /// The node that wrote the trace was dialled.
    Accepted,
    /// The handshake has shown this key at the other end.
    Up(Key),
    /// Nothing: only the packets that follow are this link's.
    Goes,
    /// It has ended.
    Down(Code),
}

/// Which end of a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The end that dialled: `O`.
    Initiator,
    /// The end that was dialled: `I`.
    Responder,
}

/// Bytes in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sends them.
    pub from: Direction,
    /// Microseconds since the trace began.
    pub micros: u64,
    /// The frame's name, or its type as `0x3f01` if it is unknown.
    pub name: String,
    /// The bytes.
    pub lines: Vec<Line>,
}

/// At most [`LINE_BYTES_MAX`] bytes of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What they mean; may be empty.
    pub comment: String,
}

/// Bytes of one line: a key fits.
pub const LINE_BYTES_MAX: usize = 32;

/// Bytes that a line has when nobody laid it out.
const LINE_BYTES: usize = 16;

/// Why a text is no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The line, 1 for the first.
    pub line: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for TraceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: expected {}", self.line, self.expected)
    }
}

impl core::error::Error for TraceError {}

impl Packet {
    /// A packet of `bytes`, 16 a line.
    #[must_use]
    pub fn new(from: Direction, micros: u64, name: &str, bytes: &[u8]) -> Self {
        let lines = bytes.chunks(LINE_BYTES).map(|bytes| Line { bytes: bytes.into(), comment: String::new() });
        Self { from, micros, name: name.into(), lines: lines.collect() }
    }

    /// All its bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.bytes.iter().copied()).collect()
    }
}

impl Trace {
    /// A trace in which nothing has happened yet.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self { title: title.into(), covers: Vec::new(), expect: Expect::Accept, steps: Vec::new() }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "# tertulia-trace 1")?;
        writeln!(formatter, "# title: {}", self.title)?;
        // Decrypted frames: a packet is one frame.
        writeln!(formatter, "# layer: frame")?;
        if !self.covers.is_empty() {
            writeln!(formatter, "# covers: {}", self.covers.join(", "))?;
        }
        writeln!(formatter, "# expect: {}", self.expect)?;
        let mut before = None;
        for step in &self.steps {
            // A blank line stands between two kinds of steps, and before every packet.
            if before.replace(discriminant(step)) != Some(discriminant(step)) || matches!(step, Step::Packet(_)) {
                writeln!(formatter)?;
            }
            write!(formatter, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => formatter.write_str("accept"),
            Self::Reject(code) => write!(formatter, "reject {}", Shown(*code)),
        }
    }
}

/// A code as traces write it: its word, or its number if it has none.
struct Shown(Code);

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Code::Other(number) = self.0 {
            return write!(formatter, "{number:#06x}");
        }
        formatter.write_str(self.0.word())
    }
}

/// Whole lines, each with its end: a node that writes a trace as it goes appends steps.
impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comment(text) if text.is_empty() => writeln!(formatter, "#"),
            Self::Comment(text) => writeln!(formatter, "# {text}"),
            Self::Link(link, LinkStep::Dialled) => writeln!(formatter, "#! link {link} dialled"),
            Self::Link(link, LinkStep::Accepted) => writeln!(formatter, "#! link {link} accepted"),
            Self::Link(link, LinkStep::Up(key)) => writeln!(formatter, "#! link {link} up {key}"),
            Self::Link(link, LinkStep::Goes) => writeln!(formatter, "#! link {link}"),
            Self::Link(link, LinkStep::Down(code)) => writeln!(formatter, "#! link {link} down {}", Shown(*code)),
            Self::Packet(packet) => write!(formatter, "{packet}"),
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.from {
            Direction::Initiator => 'O',
            Direction::Responder => 'I',
        };
        let seconds = self.micros.checked_div(1_000_000).unwrap_or(0);
        let micros = self.micros.checked_rem(1_000_000).unwrap_or(0);
        writeln!(formatter, "{letter} {seconds}.{micros:06}  {}", self.name)?;
        let mut offset = 0_usize;
        for line in &self.lines {
            write!(formatter, "{offset:06x}")?;
            line.bytes.iter().try_for_each(|byte| write!(formatter, " {byte:02x}"))?;
            if !line.comment.is_empty() {
                write!(formatter, "  # {}", line.comment)?;
            }
            writeln!(formatter)?;
            offset = offset.saturating_add(line.bytes.len());
        }
        Ok(())
    }
}
