//! What people compare, in words that anybody can read out: two friends (SPEC.md, "Whom one talks with"), and those who
//! are in one lecture (SPEC.md, "Comparing").

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::id::MeetingId;
use crate::identity::{Domain, digest};
use crate::limits;
use crate::wire::entry::Heard;
use crate::wire::field::encode_alone;

/// After the lines with its source, a word a line, in the order of the alphabet.
const LIST: &str = include_str!("compare/bip-39.txt");
/// Bits of the place of a word in the list.
const BITS: u32 = 11;
/// So many words carry the pair id and four bits more.
const WORDS: u32 = 12;
/// So many words carry a check.
const CHECK_WORDS: u32 = 8;

fn list() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#'))
}

/// The word at the place that the last bits of `bits` are.
fn word(bits: u128) -> &'static str {
    let place = bits & ((1 << BITS) - 1);
    list().nth(usize::try_from(place).unwrap_or(0)).unwrap_or_default()
}

/// What the two of a pair compare to know that nobody stands between them: 128 bits in twelve words, as BIP-39 has them.
#[must_use]
pub fn safety_words(pair: MeetingId) -> String {
    let check = Sha256::digest(pair.0).first().map_or(0, |first| u128::from(first >> 4));
    let id = u128::from_be_bytes(pair.0);
    let word = |number: u32| {
        // The last one ends with the check.
        let above = WORDS.saturating_sub(1).saturating_sub(number).saturating_mul(BITS);
        word(match above.checked_sub(4) {
            Some(above) => id.checked_shr(above).unwrap_or(0),
            None => id.checked_shl(4).unwrap_or(0) | check,
        })
    };
    (0..WORDS).map(word).collect::<Vec<_>>().join(" ")
}

/// What those who hold one entry of a host's compare to know that it says the same to all (SPEC CHECK-1): 88 bits in eight
/// words. Hashed so often that nobody finds two versions with one check.
#[must_use]
pub fn check_words(meeting: MeetingId, heard: &Heard) -> String {
    let mut hash = digest(Domain::Check, &[&meeting.0, &encode_alone(heard)]);
    for _ in 0..limits::CHECK_ROUNDS {
        hash = Sha256::digest(hash).into();
    }
    let bits = u128::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 16]));
    let above = |number: u32| u128::BITS.saturating_sub(BITS.saturating_mul(number));
    (1..=CHECK_WORDS).map(|number| word(bits.checked_shr(above(number)).unwrap_or(0))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;
    use crate::id::Hash;

    #[test]
    fn the_list_is_the_one_that_spec_md_names() {
        let words: Vec<&str> = list().collect();
        let mut hash = Sha256::new();
        words.iter().for_each(|word| hash.update(alloc::format!("{word}\n")));
        let hash: String = hash.finalize().iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert!(include_str!("../../../SPEC.md").contains(&hash) && LIST.contains(&hash), "{hash}");
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

    #[test]
    fn check_1_whoever_holds_another_entry_sees_other_words() {
        let (meeting, heard) = (MeetingId([1; 16]), Heard { session: 7, number: 1, head: Hash([2; 32]) });
        let words = check_words(meeting, &heard);
        assert_eq!((words.split(' ').count(), check_words(meeting, &heard)), (8, words.clone()));
        for other in
            [Heard { session: 8, ..heard }, Heard { number: 2, ..heard }, Heard { head: Hash([3; 32]), ..heard }]
        {
            assert_ne!(check_words(meeting, &other), words, "{other:?}");
        }
        assert_ne!(check_words(MeetingId([2; 16]), &heard), words);
    }
}
