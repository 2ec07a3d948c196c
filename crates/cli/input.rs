//! Lines from stdin, read on a thread of their own: input never blocks receiving.

use std::io::{self, BufRead, Read as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use tokio::sync::mpsc;

/// Bytes of a line: the longest text that fits, every letter of it escaped as JSON, and room for the rest.
const LINE_MAX: usize = 256 * 1024;
/// Bytes of a target: more than the longest ticket has.
const TARGET_MAX: usize = 2 * 1024;
/// Lines that are read ahead.
const AHEAD_MAX: usize = 8;

/// What the user does.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A line; whoever waits for the verdict is told what becomes of it.
    Line(String, Option<SyncSender<Verdict>>),
    /// A line of more than [`LINE_MAX`] bytes, which is gone.
    TooLong,
    /// A line that is not UTF-8, which is gone.
    NotText,
    /// Ctrl-C, where the terminal passes it on as a key.
    Interrupt,
    /// Ctrl-C on a half-typed line, which is gone.
    Cleared,
    /// Nothing more comes.
    End,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is taken.
    Taken,
    /// It is handed back, for its user to change.
    Again,
}

/// Whether a session reads what is typed.
static IS_READ: AtomicBool = AtomicBool::new(false);

/// A session begins to read what is typed.
pub(crate) fn begin() {
    IS_READ.store(true, Ordering::Relaxed);
}

/// Whether one does: until then, Ctrl-C and signals end the program at once.
pub(crate) fn is_read() -> bool {
    IS_READ.load(Ordering::Relaxed)
}

/// The way from the thread that reads to the session.
pub(crate) type Sender = mpsc::Sender<Typed>;
/// Its other end.
pub(crate) type Receiver = mpsc::Receiver<Typed>;

/// The two ends.
pub(crate) fn channel() -> (Sender, Receiver) {
    mpsc::channel(AHEAD_MAX)
}

/// Reads stdin as it comes: a pipe, a file, or a terminal without line editing.
///
/// # Errors
/// The system's, when it gives no thread.
pub(crate) fn read_stdin() -> io::Result<Receiver> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().name("input".into()).spawn(move || pump(io::stdin().lock(), &sender))?;
    Ok(receiver)
}

fn pump(mut input: impl BufRead, sender: &Sender) {
    while let Some(typed) = next(&mut input) {
        if sender.blocking_send(typed).is_err() {
            return;
        }
    }
    // Nobody listens any more when the session is over.
    let _ = sender.blocking_send(Typed::End);
}

/// The next line; nothing at the end, or when reading fails.
pub(crate) fn next(input: &mut impl BufRead) -> Option<Typed> {
    let mut line = Vec::new();
    let bound = u64::try_from(LINE_MAX).ok()?.saturating_add(1);
    if input.take(bound).read_until(b'\n', &mut line).ok()? == 0 {
        return None;
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > LINE_MAX {
        input.skip_until(b'\n').ok()?;
        return Some(Typed::TooLong);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let line = String::from_utf8(line).map(|line| without_mark(&line).to_string());
    Some(line.map_or(Typed::NotText, |line| Typed::Line(line, None)))
}

/// What files may begin with: a byte order mark.
pub(crate) const MARK: &str = "\u{feff}";

/// The text without the mark in front. Files that were put together have more than one.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// What stands on stdin for a target: the first line that is not empty; and of a ticket that is wrapped, those up to
/// its end. What comes then is left for whoever reads on.
///
/// # Errors
/// Why there is none.
pub(crate) fn target(input: &mut impl BufRead) -> Result<String, &'static str> {
    let mut target = String::new();
    loop {
        match next(input) {
            Some(Typed::Line(line, _)) => target.push_str(line.trim()),
            Some(Typed::TooLong) => return Err("its first line has more than 256 KiB"),
            Some(Typed::NotText) => return Err("its first line is not UTF-8"),
            Some(Typed::Interrupt | Typed::Cleared | Typed::End) | None if target.is_empty() => {
                return Err("nothing is there");
            }
            Some(Typed::Interrupt | Typed::Cleared | Typed::End) | None => return Ok(target),
        }
        let is_open =
            target.to_ascii_lowercase().split_once("tertulia:").is_some_and(|(_, ticket)| !ticket.contains('/'));
        if !target.is_empty() && (!is_open || target.len() > TARGET_MAX) {
            return Ok(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<String> {
        let mut reader = io::BufReader::with_capacity(7, input);
        std::iter::from_fn(|| next(&mut reader))
            .map(|typed| if let Typed::Line(line, _) = typed { line } else { format!("{typed:?}") })
            .collect()
    }

    #[test]
    fn lines_end_with_or_without_carriage_return_and_the_last_one_counts() {
        assert_eq!(all(b"a\r\n\nb\xff\nlast"), ["a", "", "NotText", "last"]);
        assert_eq!(all(b""), Vec::<String>::new());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_line() {
        assert_eq!(all("\u{feff}a\n\u{feff}\nb\u{feff}\n".as_bytes()), ["a", "", "b\u{feff}"]);
    }

    #[test]
    fn a_target_is_a_line_or_a_ticket_that_is_wrapped_and_the_rest_is_left() {
        for (text, expected, rest) in [
            ("\u{feff}\r\n 127.0.0.1:1 \r\nhello\n", Ok("127.0.0.1:1"), &["hello"][..]),
            ("tertulia:ab.\n  cd@h:1\n,g:1/\nhello\n", Ok("tertulia:ab.cd@h:1,g:1/"), &["hello"]),
            ("TERTULIA:AB.\n  CD*H:1\n/\nhello\n", Ok("TERTULIA:AB.CD*H:1/"), &["hello"]),
            ("tertulia:ab@h:1/\nhello", Ok("tertulia:ab@h:1/"), &["hello"]),
            ("tertulia:ab", Ok("tertulia:ab"), &[]),
            ("\n", Err("nothing is there"), &[]),
            ("", Err("nothing is there"), &[]),
        ] {
            let mut input = text.as_bytes();
            assert_eq!(target(&mut input).as_deref(), expected.as_ref().map(|text| *text), "{text:?}");
            assert_eq!(all(input), rest, "{text:?}");
        }
        let endless = "tertulia:\n".to_string() + &"ab\n".repeat(LINE_MAX);
        assert!(target(&mut endless.as_bytes()).unwrap().len() < TARGET_MAX + 10);
    }

    #[test]
    fn a_line_without_end_is_left_out_and_the_next_one_is_read() {
        let mut input = vec![b'x'; LINE_MAX * 3];
        input.extend_from_slice(b"\nnext\n");
        assert_eq!(all(&input), ["TooLong", "next"]);
        let mut input = vec![b'x'; LINE_MAX];
        input.extend_from_slice(b"\nnext");
        assert_eq!(all(&input), ["x".repeat(LINE_MAX).as_str(), "next"]);
    }
}
