//! What a link packs into records.

use std::sync::Arc;

use tertulia_core::feed::{Feed, Packer, Start};
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::limits::{RECORD_PACKED_MAX, RECORD_PLAINTEXT_MAX};
use tertulia_core::link::{Link, Opening};
use tertulia_core::log::Held;
use tertulia_core::time::Instant;
use tertulia_core::wire::frame::{generate, infos};
use tertulia_core::wire::{Encoded, decode};
use tertulia_testkit::lecture::lecture;

#[test]
fn record_3_every_record_is_whole_frames_as_many_as_are_packed() {
    let now = Instant(0);
    let mut link = Link::new(Opening::Accepted { started_ms: 1 }, Key([1; 32]), Key([2; 32]), [1; 32], now);
    link.receive(&lecture()[0].frame.0, now, &mut Vec::new());
    let entry = infos().find(|info| info.name == "ENTRY").unwrap();
    let mut feed = Feed::default();
    let mut state = 7_u64;
    let entries: Vec<Arc<Held>> = (0..200)
        .map(|_| {
            let drawn = generate(entry, &mut || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state
            });
            // An entry is sent as it is held: without the options of a frame that it came in.
            Held::read(MeetingId::ZERO, &Encoded(drawn.into())).unwrap()
        })
        .collect();
    for entry in &entries {
        feed.append(Arc::clone(entry), feed.head(), 0);
    }
    link.follow(Start::default(), &feed);
    let (mut frames, mut records) = (Vec::new(), Vec::new());
    let mut packer = Packer::new(&feed);
    while let Some(record) = link.fill(&mut packer, now) {
        link.written();
        let mut rest = record;
        let before = frames.len();
        while !rest.is_empty() {
            let decoded = decode(rest).unwrap();
            frames.push(decoded.bytes.to_vec());
            rest = decoded.rest;
        }
        records.push((record.len(), frames.len() - before));
    }
    let sent: Vec<&[u8]> = frames.iter().skip(1).map(Vec::as_slice).collect();
    // SPEC FEED-4: registers first.
    let (first, rest): (Vec<&Arc<Held>>, Vec<_>) = entries.iter().partition(|entry| entry.lane().is_register());
    let all = first.into_iter().chain(rest).map(|entry| &*entry.frame.0);
    assert!(sent == all.collect::<Vec<_>>(), "after HELLO, all of the feed");
    let longest = entries.iter().map(|entry| entry.frame.0.len()).max().unwrap();
    let (last, full) = records.split_last().unwrap();
    assert!(last.0 <= RECORD_PLAINTEXT_MAX && full.len() > 10);
    for (bytes, frames) in full {
        assert!(*bytes <= if *frames == 1 { RECORD_PLAINTEXT_MAX } else { RECORD_PACKED_MAX });
        assert!(bytes + longest > RECORD_PACKED_MAX, "there was room for another frame");
    }
    assert!(records.iter().any(|(_, frames)| *frames > 1) && longest > RECORD_PACKED_MAX, "both kinds are seen");
}
