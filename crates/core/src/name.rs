//! How names are written and how they read (SPEC.md, "Joining"): whoever stands at a door compares readings.
//!
//! A reading never goes over the wire and is in no fold: it depends on the version of Unicode.

use alloc::string::String;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;

use crate::id::Key;
use crate::limits;
use crate::visible::{self, is_invisible};
use crate::wire::field::Name;

/// Whether a key begins with these digits, and they are enough to name it.
pub(crate) fn begins_with(key: Key, digits: &str) -> bool {
    digits.len() >= limits::KEY_DIGITS_MIN && key.to_hex().starts_with(&digits.to_lowercase())
}

/// A name as it is sent: however its user's keyboard composes letters, in Unicode's form NFC.
#[must_use]
pub fn normal(name: &str) -> String {
    name.nfc().collect()
}

/// A name as it reads (SPEC JOIN-7): whatever its case, its alphabet, how its letters are composed, and what joins them.
pub(crate) fn reading(name: &str) -> String {
    let name: String = name.chars().filter(|letter| !is_invisible(*letter)).nfkc().collect();
    // Letters look alike in one case and not in the other: `I` and `l`, but not `i`.
    let small: String = skeleton(&name).flat_map(char::to_lowercase).collect();
    skeleton(&small).collect()
}

/// `name-2` and so on, cut so that it stays a name (SPEC JOIN-13).
pub(crate) fn numbered(name: &str, number: u64) -> String {
    let suffix = alloc::format!("-{number}");
    let room = limits::NAME_MAX.saturating_sub(suffix.len());
    alloc::format!("{}{suffix}", cut(name, room))
}

/// As much of `name` as fits into `room` bytes, cut between two letters that nothing joins.
#[must_use]
pub fn cut(name: &str, room: usize) -> &str {
    let (fits, rest) = name.split_at_checked(name.floor_char_boundary(room)).unwrap_or_default();
    if rest.is_empty() { fits } else { fits.trim_end_matches(['\u{200c}', '\u{200d}']) }
}

/// `name`, if somebody can have it: each joiner stands where it joins (SPEC JOIN-16).
#[must_use]
pub fn proper(name: &str) -> Option<Name<'_>> {
    Name::new(name).filter(|name| visible::letters(name.as_str()).all(|(_, is_unsafe)| !is_unsafe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_7_names_read_alike_whatever_their_case_alphabet_and_composition() {
        for (one, other) in [
            ("ada", "\u{430}da"),
            ("ada", "АDА"),
            ("ADAM", "adam"),
            ("Bill", "BiIl"),
            ("José", "Jose\u{301}"),
            ("ada", "ａｄａ"),
            ("paypal", "раураl"),
            ("straße", "STRAßE"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("👨\u{200d}👩", "👨👩"),
            ("❤\u{fe0f}", "❤"),
            ("ad\u{200d}a", "ada"),
        ] {
            assert_eq!(reading(one), reading(other), "{one:?} and {other:?}");
        }
        for (one, other) in [("ada", "ana"), ("ada-2", "ada-3"), ("José", "Jose"), ("m10", "m11"), ("Анна", "Инна")]
        {
            assert_ne!(reading(one), reading(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn field_2_a_name_has_nothing_that_nobody_sees() {
        for hidden in
            ["\u{200b}", "\u{200e}", "\u{202e}", "\u{2066}", "\u{feff}", "\u{ad}", "\u{fe0e}", "\u{e0041}", "\u{2800}"]
        {
            assert_eq!(Name::new(&alloc::format!("ada{hidden}")), None, "{hidden:?}");
            assert_eq!(Name::new(hidden), None, "{hidden:?}");
        }
        for name in ["Zoë", "Анна", "日本", "שרה", "💡", "e\u{301}"] {
            assert!(Name::new(name).is_some(), "{name}");
            assert!(!reading(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn field_2_a_joiner_follows_something_to_join() {
        for name in ["می\u{200c}خواهم", "👨\u{200d}👩\u{200d}👧", "❤\u{fe0f}\u{200d}🔥", "a\u{200c}", "a\u{fe0f}b"]
        {
            assert!(Name::new(name).is_some(), "{name:?}");
        }
        for name in ["\u{200c}a", "\u{200d}", "\u{fe0f}", "a\u{200d}\u{200d}", "a\u{200c}\u{fe0f}", "a\u{fe0f}\u{fe0f}"]
        {
            assert_eq!(Name::new(name), None, "{name:?}");
        }
    }

    #[test]
    fn join_16_nobody_has_a_joiner_that_joins_nothing() {
        for name in ["ada", "می\u{200c}خواهم", "👨\u{200d}👩\u{200d}👧", "❤\u{fe0f}\u{200d}🔥", "❤\u{fe0f}"]
        {
            assert!(proper(name).is_some(), "{name:?}");
        }
        for name in ["ad\u{200d}a", "ad\u{200c}a", "ada\u{200d}", "ada\u{fe0f}", "خواهم\u{200c}", "👨\u{200d}a", "a b"]
        {
            assert_eq!(proper(name), None, "{name:?}");
        }
    }

    #[test]
    fn join_13_a_name_with_a_number_is_a_name() {
        for (piece, end) in [("ada", ""), ("م\u{200c}", "ی"), ("👨\u{200d}", "👩"), ("❤\u{fe0f}\u{200d}", "🔥")]
        {
            for (front, times) in
                ["", "a", "ab", "é"].into_iter().flat_map(|front| (1..20).map(move |times| (front, times)))
            {
                let numbered = numbered(&alloc::format!("{front}{}{end}", piece.repeat(times)), 2);
                assert!(proper(&numbered).is_some() && numbered.ends_with("-2"), "{numbered:?}");
            }
        }
    }

    #[test]
    fn a_name_is_sent_composed() {
        assert_eq!(normal("Jose\u{301}"), "José");
        assert_eq!(normal("ada"), "ada");
    }
}
