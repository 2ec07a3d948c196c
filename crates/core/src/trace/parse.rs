//! From text to a trace: strict, so that a trace that says nothing is not mistaken for one that passes.

use alloc::{string::String, vec::Vec};

use super::{Direction, Expect, LINE_BYTES_MAX, Line, LinkStep, Packet, Step, Trace, TraceError};
use crate::code::Code;
use crate::id::Key;

/// Reads a trace.
///
/// # Errors
/// The first line that is not as SPEC.md says, and what was expected there.
pub fn parse(text: &str) -> Result<Trace, TraceError> {
    let mut reader = Reader { headers: Headers::default(), steps: Vec::new(), offset: None };
    let mut last = 0;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        reader.line(number, line).map_err(|expected| TraceError { line: number, expected })?;
    }
    reader.finish().map_err(|expected| TraceError { line: last, expected })
}

type Expected = &'static str;

#[derive(Default)]
struct Headers {
    title: Option<String>,
    layer: Option<()>,
    covers: Option<Vec<String>>,
    expect: Option<Expect>,
    over: bool,
}

struct Reader {
    headers: Headers,
    steps: Vec<Step>,
    /// Where the next hex line goes on; `None` outside a packet.
    offset: Option<usize>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Expected> {
        if number == 1 {
            return (line == "# tertulia-trace 1").then_some(()).ok_or("`# tertulia-trace 1`");
        }
        if line.trim_end() != line {
            return Err("no white space at the end of the line");
        }
        if line.is_empty() {
            // Headers end at the first line that is not one.
            self.headers.over = true;
            return self.end_packet();
        }
        if let Some(directive) = line.strip_prefix("#! ") {
            self.headers.over = true;
            self.end_packet()?;
            return directive_of(directive).map(|step| self.steps.push(step));
        }
        if let Some(comment) = line.strip_prefix('#') {
            self.end_packet()?;
            let text = comment.strip_prefix(' ').or_else(|| comment.is_empty().then_some("")).ok_or("`# ` or `#! `")?;
            if !self.headers.over {
                let (key, value) = text.split_once(": ").ok_or("`# key: value`, or an empty line after the headers")?;
                return self.headers.set(key, value);
            }
            self.steps.push(Step::Comment(text.into()));
            return Ok(());
        }
        self.headers.over = true;
        if line.starts_with(['O', 'I']) {
            self.end_packet()?;
            self.steps.push(Step::Packet(packet_of(line)?));
            self.offset = Some(0);
            return Ok(());
        }
        self.hex(line)
    }

    fn hex(&mut self, line: &str) -> Result<(), Expected> {
        let offset = self.offset.ok_or("a packet, `#`, `#!` or an empty line")?;
        let (hex, comment) = match line.split_once("  # ") {
            Some((_, "")) => return Err("words after `# `"),
            Some((hex, comment)) => (hex, comment),
            None => (line, ""),
        };
        let mut words = hex.split(' ');
        let here = words.next().filter(|word| is_hex(word, 6)).and_then(|word| usize::from_str_radix(word, 16).ok());
        if here != Some(offset) {
            return Err("the offset of the line's first byte in its packet, in six lower-case hex digits");
        }
        let bytes: Vec<u8> = words.map(byte_of).collect::<Option<_>>().ok_or("bytes of two lower-case hex digits")?;
        if bytes.is_empty() || bytes.len() > LINE_BYTES_MAX {
            return Err("1 to 32 bytes");
        }
        self.offset = Some(offset.saturating_add(bytes.len()));
        if let Some(Step::Packet(packet)) = self.steps.last_mut() {
            packet.lines.push(Line { bytes, comment: comment.into() });
        }
        Ok(())
    }

    fn end_packet(&mut self) -> Result<(), Expected> {
        if self.offset.take() == Some(0) { Err("the packet's bytes") } else { Ok(()) }
    }

    fn finish(mut self) -> Result<Trace, Expected> {
        self.end_packet()?;
        self.headers.layer.ok_or("a header `# layer: `")?;
        Ok(Trace {
            title: self.headers.title.ok_or("a header `# title: `")?,
            covers: self.headers.covers.unwrap_or_default(),
            expect: self.headers.expect.ok_or("a header `# expect: `")?,
            steps: self.steps,
        })
    }
}

impl Headers {
    fn set(&mut self, key: &str, value: &str) -> Result<(), Expected> {
        match key {
            "title" => once(&mut self.title, Some(value.into())),
            "layer" => once(&mut self.layer, (value == "frame").then_some(())),
            "covers" => once(&mut self.covers, covers_of(value)),
            "expect" => once(&mut self.expect, expect_of(value)),
            _ => Err("one of the headers title, layer, covers, expect"),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), Expected> {
    let value = value.ok_or("a value that the header defines")?;
    if place.replace(value).is_some() { Err("each header once") } else { Ok(()) }
}

fn covers_of(text: &str) -> Option<Vec<String>> {
    let is_id = |id: &str| {
        id.split_once('-').is_some_and(|(family, number)| {
            !family.is_empty()
                && family.bytes().all(|letter| letter.is_ascii_uppercase())
                && number_of(number).is_some_and(|value| value > 0)
        })
    };
    text.split(", ").map(|id| is_id(id).then(|| id.into())).collect()
}

fn expect_of(text: &str) -> Option<Expect> {
    match text.split_once(' ') {
        None => (text == "accept").then_some(Expect::Accept),
        Some((word, code)) => code_of(code).filter(|_| word == "reject").map(Expect::Reject),
    }
}

fn code_of(word: &str) -> Option<Code> {
    if let Some(digits) = word.strip_prefix("0x") {
        let number = u16::from_str_radix(digits, 16).ok().filter(|_| is_hex(digits, 4))?;
        // A code that has a word is written by it: one spelling each.
        return Some(Code::from_number(number)).filter(|code| matches!(code, Code::Other(_)));
    }
    Code::TABLE.iter().find(|(_, known, _)| *known == word).map(|(number, ..)| Code::from_number(*number))
}

fn directive_of(text: &str) -> Result<Step, Expected> {
    const FORMS: Expected = "`link N`, alone or with `dialled`, `accepted`, `up KEY`, `down CODE`";
    let mut words = text.split(' ');
    if words.next() != Some("link") {
        return Err(FORMS);
    }
    let link = words.next().and_then(number_of).ok_or(FORMS)?;
    let step = match (words.next(), words.next()) {
        (None, None) => LinkStep::Goes,
        (Some("dialled"), None) => LinkStep::Dialled,
        (Some("accepted"), None) => LinkStep::Accepted,
        (Some("up"), Some(key)) => LinkStep::Up(key_of(key).ok_or("a key of 64 lower-case hex digits")?),
        (Some("down"), Some(code)) => LinkStep::Down(code_of(code).ok_or("the word of a code")?),
        _ => return Err(FORMS),
    };
    if words.next().is_some() { Err(FORMS) } else { Ok(Step::Link(link, step)) }
}

fn key_of(text: &str) -> Option<Key> {
    Key::from_hex(text).filter(|key| key.to_hex() == text)
}

/// A number as it is written: no sign, no zero in front.
fn number_of(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| alloc::format!("{number}") == text)
}

fn packet_of(line: &str) -> Result<Packet, Expected> {
    const FORM: Expected = "`O` or `I`, a space, seconds with six digits, two spaces, a name";
    let (letter, rest) = line.split_once(' ').ok_or(FORM)?;
    let (time, name) = rest.split_once("  ").ok_or(FORM)?;
    let (seconds, micros) = time.split_once('.').ok_or(FORM)?;
    let is_micros = micros.len() == 6 && micros.bytes().all(|digit| digit.is_ascii_digit());
    let micros = micros.parse::<u64>().ok().filter(|_| is_micros).ok_or(FORM)?;
    let micros = number_of(seconds).and_then(|seconds| seconds.checked_mul(1_000_000)?.checked_add(micros));
    let from = match letter {
        "O" => Direction::Initiator,
        "I" => Direction::Responder,
        _ => return Err(FORM),
    };
    if name.is_empty() || name.contains(' ') {
        return Err("a name of one word: the frame's, or its type as 0x3f01");
    }
    Ok(Packet { from, micros: micros.ok_or(FORM)?, name: name.into(), lines: Vec::new() })
}

fn byte_of(word: &str) -> Option<u8> {
    u8::from_str_radix(word, 16).ok().filter(|_| is_hex(word, 2))
}

/// Hex digits as they are written: so many, in lower case, and no sign.
fn is_hex(word: &str, digits: usize) -> bool {
    word.len() == digits && word.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}
