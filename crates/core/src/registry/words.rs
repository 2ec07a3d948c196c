//! By which words a text is found (SPEC.md, "Finding").

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::visible::is_invisible;

/// A text as it is searched (SPEC LIST-1): whatever its case, its marks, and how its letters are composed and joined. Like
/// a reading (JOIN-7) it never goes over the wire.
#[must_use]
pub fn folded(text: &str) -> String {
    let is_seen = |letter: &char| !is_combining_mark(*letter) && !is_invisible(*letter);
    text.nfkd().filter(is_seen).flat_map(char::to_lowercase).collect()
}

/// SPEC LIST-1: a letter of a script that puts no spaces between words: Thai, Lao, Myanmar, Khmer, the signs and kana of
/// Japanese, Han.
const fn is_spaceless(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}' | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}

/// Takes a text apart: what stands between spaces whole, and of a script without spaces each letter with the one after.
/// `ends`: whether the last letter of such a run stands alone too.
fn apart(text: &str, ends: bool) -> BTreeSet<String> {
    let folded: Vec<char> = folded(text).chars().collect();
    let runs = folded.split(|letter| !letter.is_alphanumeric());
    let parts = runs.flat_map(|run| run.chunk_by(|one, other| is_spaceless(*one) == is_spaceless(*other)));
    let mut words = BTreeSet::new();
    for part in parts {
        if part.first().is_none_or(|letter| !is_spaceless(*letter)) {
            words.insert(part.iter().collect());
            continue;
        }
        words.extend(part.windows(2).map(|two| two.iter().collect::<String>()));
        if ends || part.len() == 1 {
            words.extend(part.last().map(|last| String::from(*last)));
        }
    }
    words
}

/// The words of a text that is to be found.
pub(super) fn words_of(text: &str) -> BTreeSet<String> {
    apart(text, true)
}

/// The words that are looked for: each is the beginning of a word of what is found.
pub(super) fn sought_in(text: &str) -> Vec<String> {
    apart(text, false).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_1_a_text_is_taken_apart_into_words_and_pairs_of_letters() {
        for (text, words) in [
            ("Friday café", &["cafe", "friday"][..]),
            ("cafe\u{301} CAFÉ ｃａｆé", &["cafe"]),
            ("日本語の会", &["の会", "会", "日本", "本語", "語の"]),
            ("rust日本", &["rust", "日本", "本"]),
            ("会", &["会"]),
            ("ภาษา", &["ภา", "ษา", "า", "าษ"]),
            ("می\u{200c}خواهم", &["میخواهم"]),
            ("2024: İstanbul!", &["2024", "istanbul"]),
            ("? - 🎉", &[]),
        ] {
            assert_eq!(words_of(text).iter().collect::<Vec<_>>(), words, "{text}");
        }
        assert_eq!(sought_in("日本"), ["日本"]);
        assert_eq!(sought_in("日"), ["日"]);
        assert_eq!(sought_in("\u{301}"), [""; 0]);
    }
}
