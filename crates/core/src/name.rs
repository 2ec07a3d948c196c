//! How names are written and how they read (SPEC.md, "Joining"): whoever stands at a door compares readings.
//!
//! A reading never goes over the wire and is in no fold: it depends on the version of Unicode.

use alloc::string::String;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;

/// A name as it is sent: however its user's keyboard composes letters, in Unicode's form NFC.
#[must_use]
pub fn normal(name: &str) -> String {
    name.nfc().collect()
}

/// A name as it reads (SPEC JOIN-7): whatever its case, its alphabet, and how its letters are composed.
pub(crate) fn reading(name: &str) -> String {
    let name: String = name.nfkc().collect();
    // Letters look alike in one case and not in the other: `I` and `l`, but not `i`.
    let small: String = skeleton(&name).flat_map(char::to_lowercase).collect();
    skeleton(&small).collect()
}

/// SPEC FIELD-2: what nobody sees. Unicode's `Default_Ignorable_Code_Point` (joiners, direction marks, fillers, tags), and
/// the Braille pattern without dots.
pub(crate) const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::field::Name;

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
            ["\u{200b}", "\u{200d}", "\u{202e}", "\u{2066}", "\u{feff}", "\u{ad}", "\u{fe0f}", "\u{e0041}", "\u{2800}"]
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
    fn a_name_is_sent_composed() {
        assert_eq!(normal("Jose\u{301}"), "José");
        assert_eq!(normal("ada"), "ada");
    }
}
