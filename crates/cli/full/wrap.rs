//! Text in rows of a width, measured as a terminal does: by what is seen as one letter.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// The rows of a text, as ranges of its bytes: broken between words where there are some; what begins with a blank, as
/// code does, only where it has to be.
pub(crate) fn rows(text: &str, width: usize) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        wrap(line, start, width.max(1), &mut rows);
        start = start.saturating_add(line.len()).saturating_add(1);
    }
    rows
}

fn wrap(line: &str, offset: usize, width: usize, rows: &mut Vec<Range<usize>>) {
    let is_code = line.starts_with(' ');
    let (mut start, mut used) = (0_usize, 0_usize);
    // Behind the last blank of this row, and how wide the row is up to there.
    let mut after_blank: Option<(usize, usize)> = None;
    let mut push = |from: usize, to: usize| rows.push(offset.saturating_add(from)..offset.saturating_add(to));
    for (at, letter) in line.grapheme_indices(true) {
        let wide = letter.width();
        // Blanks hang over the edge.
        let may_hang = letter == " " && !is_code;
        while used.saturating_add(wide) > width && start < at && !may_hang {
            let (cut, kept) = after_blank.take().unwrap_or((at, used));
            push(start, cut);
            (start, used) = (cut, used.saturating_sub(kept));
        }
        used = used.saturating_add(wide);
        if letter == " " && !is_code {
            after_blank = Some((at.saturating_add(1), used));
        }
    }
    push(start, line.len());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str, width: usize) -> Vec<&str> {
        rows(text, width).into_iter().map(|row| text[row].trim_end()).collect()
    }

    #[test]
    fn rows_break_between_words_and_else_where_they_must() {
        assert_eq!(shown("to be or not to be", 6), ["to be", "or not", "to be"]);
        assert_eq!(shown("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(shown("", 4), [""]);
        assert_eq!(shown("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(shown("    if x then y", 8), ["    if x", " then y"]);
    }

    #[test]
    fn letters_are_what_is_seen_as_one() {
        assert_eq!(shown("日本語です", 4), ["日本", "語で", "す"]);
        assert_eq!(shown("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
        assert_eq!(shown("日", 1), ["日"], "what is wider than the window has a row of its own");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_is_lost_and_nothing_is_wider_than_the_window(text in "[a-z日\u{301} \n]{0,60}", width in 2_usize..20) {
            let rows = rows(&text, width);
            let all: String = rows.iter().map(|row| &text[row.clone()]).collect();
            prop_assert_eq!(all, text.replace('\n', ""));
            for row in rows {
                prop_assert!(text[row.clone()].trim_end_matches(' ').width() <= width, "{:?}", &text[row]);
            }
        }
    }
}
