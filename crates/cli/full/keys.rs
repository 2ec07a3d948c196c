//! What the terminal sends.

use std::io;

use crossterm::event::Event;

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sent {
    /// A key, or another size.
    Key(Event),
    /// Something that is no UTF-8, of which nothing is left, or only a sign for it.
    NotText,
}

/// Reads until nobody wants more, or the terminal is gone.
#[cfg(unix)]
pub(crate) fn read(mut tell: impl FnMut(Sent) -> bool) {
    use std::io::Read as _;

    let (mut parser, mut buffer) = (Parser::default(), [0; BUFFER]);
    loop {
        let length = match io::stdin().lock().read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // Whoever has started this program may have made its terminal one that never waits.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && has_keys(None) => continue,
            Err(_) => return,
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        // What fills the buffer may go on; and over a slow line, so may an arrow key.
        let has_more = length == BUFFER || bytes.ends_with(&[ESCAPE]) && has_keys(Some(&ESCAPE_PATIENCE));
        for sent in parser.take(bytes, has_more) {
            if !tell(sent) {
                return;
            }
        }
    }
}

/// Whether there are keys within so long.
#[cfg(unix)]
fn has_keys(patience: Option<&rustix::event::Timespec>) -> bool {
    let stdin = io::stdin();
    let mut input = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut input, patience).is_ok_and(|ready| ready > 0)
}

/// Tells each new size of the window.
#[cfg(unix)]
pub(crate) fn sizes(mut tell: impl FnMut(Sent) -> bool) {
    let Ok(mut signals) = signal_hook::iterator::Signals::new([signal_hook::consts::SIGWINCH]) else { return };
    for _ in signals.forever() {
        let (columns, rows) = crossterm::terminal::size().unwrap_or_default();
        if !tell(Sent::Key(Event::Resize(columns, rows))) {
            return;
        }
    }
}

/// Keys and sizes, as this system tells them.
#[cfg(not(unix))]
pub(crate) fn read(mut tell: impl FnMut(Sent) -> bool) {
    while let Ok(event) = crossterm::event::read() {
        if !tell(Sent::Key(event)) {
            return;
        }
    }
}

/// Bytes that are read at once.
#[cfg(unix)]
const BUFFER: usize = 4_096;

/// From bytes to keys.
#[cfg(unix)]
#[derive(Debug, Default)]
struct Parser(Vec<u8>);

#[cfg(unix)]
impl Parser {
    /// What these bytes say; `has_more`: others follow at once.
    fn take(&mut self, bytes: &[u8], has_more: bool) -> Vec<Sent> {
        let mut sent = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            // What is no UTF-8 shows by the byte behind it, which is none of it.
            let first = self.0.iter().find(|byte| **byte != ESCAPE);
            let is_broken = byte.is_ascii() && first.is_some_and(|first| !first.is_ascii());
            if is_broken {
                self.0.clear();
                sent.push(Sent::NotText);
            }
            self.0.push(*byte);
            // Escape is a key, and what other keys begin with.
            let has_more = has_more || at.saturating_add(1) < bytes.len();
            if !(has_more && self.is_escape()) {
                sent.extend(self.parse());
            }
        }
        sent
    }

    /// Whether it may be the key, or the begin of another.
    fn is_escape(&self) -> bool {
        matches!(*self.0, [ESCAPE] | [ESCAPE, ESCAPE])
    }

    /// Whether the mouse is at a place that there is none of: they are counted from 1, and the parser trusts in that.
    fn is_nowhere(&self) -> bool {
        let is_zero = |number: &[u8]| number.iter().take_while(|byte| byte.is_ascii_digit()).all(|byte| *byte == b'0');
        let is_mouse = self.0.starts_with(b"\x1b[") && self.0.last().is_some_and(|last| b"Mm".contains(last));
        is_mouse && self.0.split(|byte| *byte == b';').skip(1).any(is_zero)
    }

    fn parse(&mut self) -> Vec<Sent> {
        let is_text = std::str::from_utf8(&self.0).is_ok();
        let is_endless = self.0.len() > SEQUENCE_MAX && !self.0.starts_with(PASTE);
        if self.is_nowhere() {
            self.0.clear();
        }
        match terminput::Event::parse_from(&self.0) {
            Ok(None) if !is_endless => Vec::new(),
            Ok(Some(event)) => {
                self.0.clear();
                let event = terminput_crossterm::to_crossterm(event).ok().map(Sent::Key);
                event.into_iter().chain((!is_text).then_some(Sent::NotText)).collect()
            }
            Ok(None) | Err(_) => {
                self.0.clear();
                if is_text { Vec::new() } else { vec![Sent::NotText] }
            }
        }
    }
}

#[cfg(unix)]
const ESCAPE: u8 = 0x1b;
/// What a paste begins with.
#[cfg(unix)]
const PASTE: &[u8] = b"\x1b[200~";
/// What follows Escape as part of another key comes as soon.
#[cfg(unix)]
const ESCAPE_PATIENCE: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 0, tv_nsec: 25_000_000 };
/// Bytes of one key, at most.
#[cfg(unix)]
const SEQUENCE_MAX: usize = 64;

#[cfg(all(test, unix))]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use proptest::prelude::*;

    use super::*;

    fn key(code: KeyCode) -> Sent {
        Sent::Key(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn keys(bytes: &[u8]) -> Vec<Sent> {
        Parser::default().take(bytes, false)
    }

    #[test]
    fn what_is_no_utf_8_is_told_and_swallows_no_key() {
        let letter = |letter| key(KeyCode::Char(letter));
        assert_eq!(keys(b"f\xe9\r"), [letter('f'), Sent::NotText, key(KeyCode::Enter)]);
        assert_eq!(keys(b"\xffx"), [Sent::NotText, letter('x')]);
        assert_eq!(keys(b"\xe9\x1b[D"), [Sent::NotText, key(KeyCode::Left)]);
        assert_eq!(keys(b"\x1b\xc3\r"), [Sent::NotText, key(KeyCode::Enter)]);
        assert_eq!(keys("é日\u{1f600}".as_bytes()), ['é', '日', '\u{1f600}'].map(letter));
        let pasted = Sent::Key(Event::Paste("caf\u{fffd}".into()));
        assert_eq!(keys(b"\x1b[200~caf\xe9\x1b[201~"), [pasted, Sent::NotText]);
    }

    #[test]
    fn escape_is_a_key_where_nothing_follows() {
        assert_eq!(keys(b"\x1b"), [key(KeyCode::Esc)]);
        assert_eq!(keys(b"\x1b[A"), [key(KeyCode::Up)]);
        let mut parser = Parser::default();
        assert_eq!(parser.take(b"\x1b", true), []);
        assert_eq!(parser.take(b"[5~", false), [key(KeyCode::PageUp)]);
        assert_eq!(keys(b"\x1b\r"), [Sent::Key(Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::ALT)))]);
    }

    #[test]
    fn a_mouse_that_is_nowhere_stops_nothing() {
        for report in ["<0;0;0M", "<0;0;0m", "32;0;0M", "<64;5;00M", "<64;;M"] {
            assert_eq!(keys(format!("\x1b[{report}x").as_bytes()), [key(KeyCode::Char('x'))], "{report}");
        }
        assert!(matches!(*keys(b"\x1b[<64;5;10M"), [Sent::Key(Event::Mouse(_))]));
    }

    /// A byte that keys are made of, mostly.
    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![any::<u8>(), prop::sample::select(b"\x1b\x1b[<;;00159MmOu~?".to_vec())]
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(bytes in prop::collection::vec(byte(), 0..200)) {
            let mut parser = Parser::default();
            parser.take(&bytes, false);
            // Whatever was begun, it ends: a paste by its end, all else by its length.
            parser.take(b"\x1b[201~", false);
            parser.take(&[b'\r'; SEQUENCE_MAX + 1], false);
            prop_assert_eq!(parser.take(b"\rx", false), [key(KeyCode::Enter), key(KeyCode::Char('x'))]);
        }
    }
}
