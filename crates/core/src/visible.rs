//! What of a text is seen (SPEC.md, FIELD-2, JOIN-16 and SHOW-1): the one table of what nobody sees, and of the places
//! where it does something to what stands beside it.

use unicode_joining_type::{JoiningType, get_joining_type};
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::UnicodeEmoji as _;

/// What nobody sees: Unicode's `Default_Ignorable_Code_Point` (joiners, direction marks, fillers, selectors, tags), and
/// the Braille pattern without dots.
#[must_use]
pub const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// What acts on a terminal, on the order of letters, or on nothing that one can see.
#[must_use]
pub fn is_unsafe(letter: char) -> bool {
    letter.is_control() || is_invisible(letter) || matches!(letter, '\u{2028}'..='\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

/// Each letter of `text`, and whether it is unsafe where it stands.
pub fn letters(text: &str) -> impl Iterator<Item = (char, bool)> {
    text.char_indices().map(|(at, letter)| {
        let (before, rest) = text.split_at(at);
        let after = rest.strip_prefix(letter).unwrap_or_default();
        (letter, is_unsafe(letter) && !joins(before, letter, after))
    })
}

/// SPEC FIELD-2: whether a name can have `letter` after `before`, if nobody sees it. The codec asks no more: where joiners
/// join depends on the version of Unicode.
pub(crate) const fn may_join(before: Option<char>, letter: char) -> bool {
    match (before, letter) {
        (None, _) => false,
        (Some(EMOJI), letter) => letter == JOINER,
        (Some(NON_JOINER | JOINER), _) => false,
        (Some(_), letter) => matches!(letter, NON_JOINER | JOINER | EMOJI),
    }
}

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
/// Asks for the look of text, or of an emoji.
const TEXT: char = '\u{fe0e}';
const EMOJI: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';

/// Whether an invisible `letter` does something between `before` and `after`: as UAX 31 and RFC 5892 (A.1, A.2) have it
/// for identifiers, and UTS 51 for emoji.
#[must_use]
pub fn joins(before: &str, letter: char, after: &str) -> bool {
    let (last, next) = (before.chars().next_back(), after.chars().next());
    match letter {
        NON_JOINER => last.is_some_and(is_virama) || breaks_a_stroke(before, after),
        JOINER => {
            let emoji = before.strip_suffix(EMOJI).unwrap_or(before).chars().next_back();
            last.is_some_and(is_virama) || emoji.is_some_and(is_emoji) && next.is_some_and(is_emoji)
        }
        TEXT | EMOJI => {
            let is_key = last.is_some_and(|last| last.is_ascii_digit() || matches!(last, '#' | '*'));
            last.is_some_and(is_emoji) || is_key && next == Some(KEYCAP)
        }
        // Forms of a Mongolian letter.
        '\u{180b}'..='\u{180d}' | '\u{180f}' => matches!(last, Some('\u{1820}'..='\u{18aa}')),
        _ => false,
    }
}

/// Between two letters that would be written in one stroke, whatever marks stand over them.
fn breaks_a_stroke(before: &str, after: &str) -> bool {
    let is_letter = |kind: &JoiningType| *kind != JoiningType::Transparent;
    let left = before.chars().rev().map(get_joining_type).find(is_letter);
    let right = after.chars().map(get_joining_type).find(is_letter);
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Kills the vowel of the letter before it, so that it forms one with the next.
fn is_virama(letter: char) -> bool {
    canonical_combining_class(letter) == 9
}

fn is_emoji(letter: char) -> bool {
    !letter.is_ascii() && letter.is_emoji_char()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_clean(text: &str) -> bool {
        !letters(text).any(|(_, is_unsafe)| is_unsafe)
    }

    #[test]
    fn what_joins_its_neighbours_is_safe_between_them_and_nowhere_else() {
        for text in [
            "می\u{200c}خواهم",
            "شَب\u{64e}\u{200c}\u{650}ها",
            "क्\u{200d}ष",
            "क्\u{200c}ष",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "❤\u{fe0f}\u{200d}🔥",
            "👩🏽\u{200d}🔬",
            "🏳\u{fe0f}\u{200d}🌈",
            "1\u{fe0f}\u{20e3}",
            "☎\u{fe0e}",
            "ᠠ\u{180b}",
        ] {
            assert!(is_clean(text), "{text:?}");
        }
        for text in [
            "ad\u{200d}a",
            "ad\u{200c}a",
            "ada\u{200d}",
            "\u{200d}ada",
            "خواهم\u{200c}",
            "ا\u{200c}ب",
            "é\u{200d}è",
            "👨\u{200d}a",
            "a\u{200d}👨",
            "1\u{200d}2",
            "👨\u{200d}\u{200d}👩",
            "👨\u{fe0f}\u{fe0f}",
            "a\u{fe0f}",
            "1\u{fe0f}",
            "日\u{200d}本",
            "ad\u{200b}a",
            "می\u{200b}خ",
            "\u{202e}ada",
            "👨\u{2060}👩",
            "a\u{180b}",
        ] {
            assert!(!is_clean(text), "{text:?}");
        }
    }
}
