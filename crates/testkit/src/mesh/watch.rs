//! What honest nodes may send to whoever keeps to no rule, and show and store of it: looked at as it happens.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tertulia_core::id::Key;
use tertulia_core::log::StreamId;
use tertulia_core::roster::Roster;
use tertulia_core::wire::meeting::Lane;

use super::cast;
use super::plan::Mix;
use crate::sim::{Disk, EPOCH_MS, Watcher, Witnessed};

/// Those who mean well; everybody else is watched.
pub(super) type Honest = Rc<RefCell<BTreeSet<Key>>>;

/// How much of acts and registers a node had stored, and what that folds to.
type Folded = BTreeMap<usize, (u64, Roster)>;

pub(super) fn watcher(mix: &Mix, honest: &Honest) -> Watcher {
    let (charter, us, honest) = (cast::charter(mix), cast::identity(0, mix), honest.clone());
    let founder = us.key();
    let mut folded = Folded::new();
    let mut fold = move |node: usize, disk: &Disk, check: &dyn Fn(&Roster)| {
        if folded.get(&node).is_none_or(|(said, _)| *said != disk.said) {
            let roster = Roster::fold(&disk.log(charter.meeting, 10_000), &charter, &us);
            folded.insert(node, (disk.said, roster));
        }
        folded.get(&node).into_iter().for_each(|(_, roster)| check(roster));
    };
    // Since when a node is known to hold what makes somebody's talk void.
    let void_since = RefCell::new(BTreeMap::<(usize, Key), u64>::new());
    Box::new(move |now, (node, key), disk, witnessed| {
        let is_honest = |key: &Key| honest.borrow().contains(key);
        match witnessed {
            // SPEC MESH-26, PASS-3
            Witnessed::Sent { to, entry } if is_honest(&key) && !is_honest(to) => fold(node, disk, &|roster| {
                let is_in_place = roster.is_seated(to) && roster.is_here(to);
                assert!(is_in_place, "node {node} sends talk to {to}, who is not seated and here");
                let floor = roster.floor(to).unwrap_or(0);
                assert!(entry.lamport > floor, "node {node} sends {to} talk of {}, below its floor", entry.lamport);
            }),
            // SPEC ROSTER-5, ROSTER-9: what waits to be shown when acts come that make it void may be shown yet.
            Witnessed::Shown(origin) if is_honest(&key) && !is_honest(&origin.author) => {
                let said_at = origin.time_ms.saturating_sub(EPOCH_MS);
                fold(node, disk, &|roster| {
                    let stream = StreamId { author: origin.author, session: origin.session, lane: Lane::Talk };
                    let mut void_since = void_since.borrow_mut();
                    if !roster.counts(stream, origin.number) {
                        let since = *void_since.entry((node, origin.author)).or_insert(now);
                        assert!(said_at <= since, "node {node} shows {origin:?}, which does not count");
                    } else if roster.is_seated(&origin.author) {
                        void_since.remove(&(node, origin.author));
                    }
                });
            }
            // SPEC ROSTER-3, MESH-9: members write no acts, so these fill no disk.
            Witnessed::Stored(entry) if is_honest(&key) && entry.lane == Lane::Acts => {
                let author = entry.author;
                assert_eq!(author, founder, "node {node} stores an act of somebody who is no host");
            }
            _ => {}
        }
    })
}
