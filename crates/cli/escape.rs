//! What came from outside, made fit for a terminal: it can't move the cursor, forge a line, hide or turn letters round.

use tertulia_core::visible::letters;
use unicode_width::UnicodeWidthChar as _;

/// Stands before every further line of a text, so that none looks like a line of ours.
pub(crate) const CONTINUATION: &str = "    | ";

/// Marks that may stand over one letter; the rest of a pile is shown escaped.
const MARKS_MAX: usize = 4;

/// What becomes of line breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Shown escaped.
    Line,
    /// Kept, with [`CONTINUATION`] after each.
    Block,
}

/// A name, title or reason, on one line.
pub(crate) fn line(text: &str) -> String {
    escape(text, Shape::Line)
}

/// A text, with its line breaks.
pub(crate) fn block(text: &str) -> String {
    escape(text, Shape::Block)
}

fn escape(text: &str, shape: Shape) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = MARKS_MAX;
    let mut foreign = false;
    for (letter, is_unsafe) in letters(text) {
        // No two texts are taken for each other: a joiner too many may be in one.
        let joins = shape == Shape::Block && foreign && matches!(letter, '\u{200c}' | '\u{200d}');
        let is_mark = letter.width() == Some(0);
        if letter == '\n' && shape == Shape::Block {
            out.push('\n');
            out.push_str(CONTINUATION);
        } else if letter == '\t' && shape == Shape::Block {
            out.push_str("    ");
        } else if (is_unsafe && !joins) || (is_mark && marks == MARKS_MAX) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
            foreign = !letter.is_ascii() && !joins;
            marks = if is_mark { marks.saturating_add(1) } else { 0 };
            continue;
        }
        (marks, foreign) = (MARKS_MAX, false);
    }
    out
}

#[cfg(test)]
mod tests {
    use tertulia_core::visible::is_unsafe;

    use super::*;

    fn is_clean(shown: &str) -> bool {
        let mut lines = shown.split('\n');
        let first = lines.next().expect("split yields one at least");
        !first.chars().any(char::is_control)
            && lines.all(|line| line.starts_with(CONTINUATION) && !line.chars().any(char::is_control))
    }

    #[test]
    fn show_1_no_letter_of_unicode_gets_a_control_character_through() {
        for letter in '\0'..=char::MAX {
            let text = String::from_iter(['é', letter, 'a', letter, letter]);
            assert!(is_clean(&block(&text)), "{text:?}");
            let shown = line(&text);
            assert!(is_clean(&shown) && !shown.contains('\n'), "{text:?}");
            assert!(!is_unsafe(letter) || !shown.contains(letter), "{text:?}");
        }
    }

    #[test]
    fn show_1_any_mix_of_hostile_pieces_stays_clean() {
        let pieces =
            ["\x1b[2J", "\r", "\n", "\x07", "\0", "\u{9b}31m", "\u{202e}", "\u{200d}", "é", "a", "\u{301}", "\t"];
        // Every text of four pieces.
        for number in 0..pieces.len().pow(4) {
            let places = (0..4).map(|place| number / pieces.len().pow(place) % pieces.len());
            let text: String = places.map(|piece| pieces[piece]).collect();
            assert!(is_clean(&block(&text)), "{text:?}");
            let shown = line(&text);
            assert!(is_clean(&shown) && !shown.chars().any(is_unsafe), "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        assert_eq!(line("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(line("two\nlines"), "two\\u{a}lines");
        assert_eq!(block("two\nanna: forged"), "two\n    | anna: forged");
        assert_eq!(block("\tindent"), "    indent");
        assert_eq!(line("\u{202e}gro"), "\\u{202e}gro");
        assert_eq!(block("👩\u{200d}🔬"), "👩\u{200d}🔬");
        for joined in ["👩\u{200d}🔬", "❤\u{fe0f}\u{200d}🔥", "می\u{200c}خواهم", "क्\u{200d}ष"] {
            assert_eq!((line(joined), block(joined)), (joined.into(), joined.into()));
        }
        assert_eq!(line("an\u{200d}na"), "an\\u{200d}na");
        assert_eq!(line("کار\u{200c}ها"), "کار\\u{200c}ها");
        assert_eq!(block("کار\u{200c}ها"), "کار\u{200c}ها");
        assert_eq!(line("a\u{fe0f}"), "a\\u{fe0f}");
        assert_eq!(block("an\u{200d}na"), "an\\u{200d}na");
        assert_eq!(line("e\u{301}"), "e\u{301}");
        assert_eq!(line("\u{301}e"), "\\u{301}e");
    }

    #[test]
    fn a_pile_of_marks_is_cut_down() {
        let shown = line(&format!("a{}", "\u{301}".repeat(1000)));
        assert_eq!(shown.matches('\u{301}').count(), MARKS_MAX);
    }
}
