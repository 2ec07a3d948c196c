//! What two friends compare (SPEC.md, "Whom one talks with"): twelve words that anybody can read out.

use alloc::string::String;

use sha2::{Digest as _, Sha256};

use crate::id::MeetingId;

/// After the lines with its source, a word a line, in the order of the alphabet.
const LIST: &str = include_str!("bip-39.txt");
/// Bits of the place of a word in the list.
const BITS: u32 = 11;
/// So many words carry the pair id and four bits more.
const WORDS: u32 = 12;

fn list() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#'))
}

/// What the two of a pair compare to know that nobody stands between them: 128 bits in twelve words, as BIP-39 has them.
#[must_use]
pub fn safety_words(pair: MeetingId) -> String {
    let check = Sha256::digest(pair.0).first().map_or(0, |first| u128::from(first >> 4));
    let id = u128::from_be_bytes(pair.0);
    let word = |number: u32| {
        // The last one ends with the check.
        let above = WORDS.saturating_sub(1).saturating_sub(number).saturating_mul(BITS);
        let bits = match above.checked_sub(4) {
            Some(above) => id.checked_shr(above).unwrap_or(0),
            None => id.checked_shl(4).unwrap_or(0) | check,
        };
        let place = bits & ((1 << BITS) - 1);
        list().nth(usize::try_from(place).unwrap_or(0)).unwrap_or_default()
    };
    let words: alloc::vec::Vec<&str> = (0..WORDS).map(word).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_list_is_the_one_that_spec_md_names() {
        let words: Vec<&str> = list().collect();
        let mut hash = Sha256::new();
        words.iter().for_each(|word| hash.update(alloc::format!("{word}\n")));
        let hash: String = hash.finalize().iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert!(include_str!("../../../../SPEC.md").contains(&hash) && LIST.contains(&hash), "{hash}");
        assert_eq!(words.len(), 1 << BITS);
        assert!(words.is_sorted());
        let letters = |word: &&str| word.len() >= 3 && word.chars().all(|letter| letter.is_ascii_lowercase());
        assert!(words.iter().all(letters));
        let starts: BTreeSet<&str> = words.iter().map(|word| word.get(..4).unwrap_or(word)).collect();
        assert_eq!(starts.len(), words.len(), "four letters tell two words apart");
    }

    #[test]
    fn contact_11_any_other_bip_39_shows_the_same_words() {
        for (byte, words) in [
            (0x00, "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"),
            (0x7f, "legal winner thank year wave sausage worth useful legal winner thank yellow"),
            (0x80, "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"),
            (0xff, "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"),
        ] {
            assert_eq!(safety_words(MeetingId([byte; 16])), words);
        }
    }

    #[test]
    fn contact_11_each_bit_of_the_pair_id_shows() {
        let words = |bit: u32| safety_words(MeetingId((1_u128 << bit).to_be_bytes()));
        let all: BTreeSet<String> = (0..128).map(words).collect();
        assert_eq!(all.len(), 128);
    }
}
