//! Files that people write: the text in them, and what is wrong with it, on one line.

use core::ops::Range;

/// What some editors put in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// So much of a line is repeated.
const SHOWN_MAX: usize = 80;

/// The text that `bytes` are.
///
/// # Errors
/// Where they are none.
pub(super) fn text(bytes: &[u8]) -> Result<&str, String> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let (line, column) = place(&String::from_utf8_lossy(before));
        format!("line {line}, column {column}: it is not UTF-8")
    })?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

/// What a parser has found in `text`, and where: the line is repeated, since it has the name of what is wrong.
pub(super) fn found(text: &str, span: Option<Range<usize>>, message: &str) -> String {
    let message = message.trim().replace('\n', ", ");
    let Some(at) = span.map(|span| text.floor_char_boundary(span.start)) else { return message };
    let (line, column) = place(text.get(..at).unwrap_or_default());
    let whole = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
    match whole.get(..whole.floor_char_boundary(SHOWN_MAX)).unwrap_or_default() {
        "" => format!("line {line}, column {column}: {message}"),
        shown => format!("line {line}, column {column}, `{shown}`: {message}"),
    }
}

/// Line and column, from 1, of what comes after `before`.
fn place(before: &str) -> (usize, usize) {
    let line = before.matches('\n').count().saturating_add(1);
    let last = before.rsplit('\n').next().unwrap_or_default();
    (line, last.chars().count().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_on_one_line_and_says_where() {
        let text = "name = \"anna\"\n  idle = \"ü\" x\n";
        assert_eq!(found(text, Some(26..27), "a\nb\n"), "line 2, column 12, `idle = \"ü\" x`: a, b");
        assert_eq!(found(text, Some(text.len()..text.len()), "a"), "line 3, column 1: a");
        assert_eq!(found(text, None, "a"), "a");
        let long = "ä".repeat(100);
        assert_eq!(found(&long, Some(0..1), "a"), format!("line 1, column 1, `{}`: a", "ä".repeat(40)));
    }

    #[test]
    fn a_text_is_read_without_a_byte_order_mark_and_what_is_none_says_where() {
        assert_eq!(text("\u{feff}a".as_bytes()), Ok("a"));
        assert_eq!(text(b"a\nb\xff"), Err("line 2, column 2: it is not UTF-8".into()));
    }
}
