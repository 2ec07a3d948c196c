//! What is written that means nothing, and what becomes of it.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::*;
use crate::id::{MeetingId, Salt};
use crate::identity::identity;
use crate::log::Verdict;
use crate::time::{Instant, Now};
use crate::wire::entry::Kind;
use crate::wire::field::Text;
use crate::wire::option::{Options, is_grease};

const MEETING: MeetingId = MeetingId([0x27; 16]);

fn at(unix_ms: u64) -> Now {
    Now { tick: Instant(1), unix_ms }
}

/// What follows the fields of a body.
fn options<'a>(bytes: &'a [u8], body: &EntryBody<'_>) -> Vec<(u16, &'a [u8])> {
    let rest = bytes.strip_prefix(body.encode().1.as_slice()).expect("the fields come first");
    Options::parse(rest, &[]).expect("options").1.iter().collect()
}

#[test]
fn ext_4_about_one_body_in_16_ends_in_an_option_that_nobody_knows_and_is_read_all_the_same() {
    let (ann, bea) = (identity(1), identity(2));
    let [mut log, mut other] = [(); 2].map(|()| Log::new(MEETING, 2_000));
    let (mut seen, mut count) = (BTreeSet::new(), 0);
    for number in 0..800 {
        let text = EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear, hear").expect("short") };
        let held = log.write(&ann, 5, &text, at(number)).expect("room");
        assert_eq!(held.body(), text, "the option is skipped");
        assert_eq!(other.offer(&held.carried(), false, &bea), Verdict::Stored(Arc::clone(&held)));
        let carried = held.carried();
        let options = options(carried.body.bytes().expect("a body"), &text);
        assert!(options.len() <= 1 && options.iter().all(|(kind, value)| is_grease(*kind) && !value.is_empty()));
        count += options.len();
        seen.extend(options.into_iter().map(|(kind, _)| kind));
    }
    let share = 800 / usize::from(GREASE_SHARE);
    assert!((share / 2..share * 2).contains(&count), "{count} of 800");
    assert!(seen.len() > 8, "the type is drawn anew for each body: {seen:x?}");
}

#[test]
fn ext_5_what_is_of_no_kind_stands_in_one_register_of_a_lane_that_is_the_meetings() {
    let (ann, bea) = (identity(1), identity(2));
    let mut kinds = BTreeSet::new();
    for drawn in 0..16 {
        let [mut log, mut other] = [(); 2].map(|()| Log::new(MeetingId([drawn; 16]), 100));
        for session in 5..8 {
            let held = log.write(&ann, session, &EntryBody::Unknown, at(session)).expect("room");
            assert_eq!(held.lane(), Lane::grease(drawn));
            assert!(held.lane().is_grease() && held.lane().is_register());
            assert_eq!((held.kind(), held.body()), (Kind::Unknown, EntryBody::Unknown));
            kinds.insert(held.carried().entry.kind);
            assert!(matches!(other.offer(&held.carried(), false, &bea), Verdict::Stored(_)));
            assert_eq!(other.rows(0).len(), 1, "one register, however often it is written");
        }
    }
    assert!(kinds.iter().all(|kind| is_grease(*kind)) && kinds.len() > 8, "{kinds:x?}");
}
