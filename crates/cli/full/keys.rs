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
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && waited() => continue,
            Err(_) => return,
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        // What fills the buffer may go on.
        for sent in parser.take(bytes, length == BUFFER) {
            if !tell(sent) {
                return;
            }
        }
    }
}

/// Waits for keys; false if that can't be done.
#[cfg(unix)]
fn waited() -> bool {
    let stdin = io::stdin();
    let mut input = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut input, None).is_ok()
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
        let last = bytes.len().saturating_sub(1);
        for (at, byte) in bytes.iter().enumerate() {
            self.0.push(*byte);
            // Escape is a key, and what other keys begin with.
            let is_escape = matches!(*self.0, [ESCAPE] | [ESCAPE, ESCAPE]);
            if is_escape && (has_more || at < last) {
                continue;
            }
            self.parse(&mut sent);
        }
        sent
    }

    fn parse(&mut self, sent: &mut Vec<Sent>) {
        match terminput::Event::parse_from(&self.0) {
            // It ends nowhere, and would take all keys.
            Ok(None) if self.0.len() > SEQUENCE_MAX && !self.0.starts_with(PASTE) => self.0.clear(),
            Ok(None) => {}
            Ok(Some(event)) => {
                let event = terminput_crossterm::to_crossterm(event).ok().map(Sent::Key);
                let is_text = std::str::from_utf8(&self.0).is_ok();
                sent.extend(event.into_iter().chain((!is_text).then_some(Sent::NotText)));
                self.0.clear();
            }
            Err(_) => {
                let is_text = self.0.first().is_none_or(u8::is_ascii);
                let last = self.0.pop();
                // What is no UTF-8 shows by the byte behind it, which is none of it.
                let behind = last.filter(|byte| !is_text && byte.is_ascii());
                self.0.clear();
                sent.extend((!is_text).then_some(Sent::NotText));
                if let Some(behind) = behind {
                    self.0.push(behind);
                    self.parse(sent);
                }
            }
        }
    }
}

#[cfg(unix)]
const ESCAPE: u8 = 0x1b;
/// What a paste begins with.
#[cfg(unix)]
const PASTE: &[u8] = b"\x1b[200~";
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

    proptest! {
        #[test]
        fn no_bytes_stop_it(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(ESCAPE), Just(b'[')], 0..200)) {
            let mut parser = Parser::default();
            parser.take(&bytes, false);
            // Whatever was begun, it ends: a paste by its end, all else by its length.
            parser.take(b"\x1b[201~", false);
            parser.take(&[b'\r'; SEQUENCE_MAX + 1], false);
            prop_assert_eq!(parser.take(b"\rx", false), [key(KeyCode::Enter), key(KeyCode::Char('x'))]);
        }
    }
}
