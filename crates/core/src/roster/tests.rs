//! What the acts of a meeting, and the words of its people, add up to.

use alloc::{sync::Arc, vec::Vec};

use super::*;
use crate::charter::Admission;
use crate::id::Salt;
use crate::identity::{Domain, Ed25519, Secret, identity as person};
use crate::limits;
use crate::ticket::prove_ticket;
use crate::time::Now;
use crate::wire::entry::Cut;
use crate::wire::field::{List, Name, Reason, Text, encode_items};
use crate::wire::option::Manner;

const TICKET: Secret = Secret([99; 32]);
const END: EntryBody<'_> = EntryBody::End { why: Reason::NONE };

fn key(seed: u8) -> Key {
    person(seed).key()
}

fn ticket() -> Key {
    Identity::new(TICKET, Arc::new(Ed25519)).key()
}

fn text() -> EntryBody<'static> {
    EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear me").expect("short") }
}

/// A meeting in which everybody knows everything at once. 1 is the founder; sessions are 1 unless said.
#[derive(Clone)]
struct Room {
    charter: SignedCharter,
    log: Log,
}

impl Room {
    fn of(kind: Purpose, admission: Admission) -> Self {
        let charter = SignedCharter::sample(kind, &person(1), |terms| {
            (terms.admission, terms.ticket) = (admission, ticket());
        });
        Self { log: Log::new(charter.meeting, 100), charter }
    }

    fn new(admission: Admission) -> Self {
        Self::of(Purpose::MESH, admission)
    }

    /// An open room with hosts 2 and 3, and members 4, who has come by 2, and 5, who has come by 4.
    fn staffed() -> Self {
        let mut room = Self::new(Admission::Open);
        room.appoint(2);
        room.appoint(3);
        room.come(&[1, 2, 4]);
        room.come(&[1, 2, 4, 5]);
        room
    }

    fn say(&mut self, author: u8, session: u64, body: &EntryBody<'_>) -> Arc<Held> {
        self.log.write(&person(author), session, body, Now::default()).expect("there is room")
    }

    fn act(&mut self, author: u8, body: &EntryBody<'_>) -> Hash {
        self.say(author, 1, body).hash
    }

    fn grant(&mut self, author: u8, subject: Key, role: Role, answers: Hash, session: u64) -> Hash {
        self.act(author, &EntryBody::Grant { subject, role, answers, session, name: Reason::NONE })
    }

    fn appoint(&mut self, subject: u8) -> Hash {
        self.grant(1, key(subject), Role::Host, Hash::ZERO, 0)
    }

    /// Takes back a revoke of `subject`, who counts again from that session on.
    fn forgive(&mut self, author: u8, subject: u8, revoke: Hash, session: u64) -> Hash {
        self.grant(author, key(subject), Role::Member, revoke, session)
    }

    fn revoke(&mut self, author: u8, subject: Key, level: Level, cuts: &[Cut], kept: &[u8]) -> Hash {
        let (name, why) = (Reason::NONE, Reason::NONE);
        let (count, cuts) = encode_items(cuts.iter().copied(), limits::CUTS_MAX);
        let cuts = List::over(count, &cuts);
        let (count, kept) = encode_items(kept.iter().map(|seed| key(*seed)), limits::KEPT_MAX);
        let kept = List::over(count, &kept);
        self.act(author, &EntryBody::Revoke { subject, level, name, why, cuts, kept })
    }

    /// Shows somebody out, as REVOKE-3 says, and those whom it has let in, but for those who are kept.
    fn kick(&mut self, author: u8, subject: u8, kept: &[u8]) -> Hash {
        let cuts = self.log.cuts(key(subject));
        self.revoke(author, key(subject), Level::Out, &cuts, kept)
    }

    fn door(&mut self, author: u8, door: Door, kept: &[u8]) {
        let (count, kept) = encode_items(kept.iter().map(|seed| key(*seed)), limits::KEPT_MAX);
        self.act(author, &EntryBody::Policy { door, kept: List::over(count, &kept) });
    }

    /// The chain of the last of `path`, each let in by the one before; the last pass in that manner.
    fn chain(&self, path: &[(u8, u64)], manner: Manner) -> Chain {
        let passes = path.windows(2).enumerate().fold(Chain::default(), |chain, (at, pair)| {
            let [(signer, _), (subject, floor)] = pair else { return chain };
            let manner = if at.saturating_add(2) == path.len() { manner } else { Manner::Unasked };
            chain.and(key(*subject), *floor, manner, self.charter.meeting, &person(*signer))
        });
        assert!(passes.holds(&path.last().map_or(Key::ZERO, |last| key(last.0)), &self.charter, &person(9)));
        passes
    }

    fn word(&mut self, author: u8, session: u64, whereabouts: Whereabouts, chain: &Chain, proof: Option<TicketProof>) {
        let (count, proof) = encode_items(proof, 1);
        let (name, proof) = (Name::new("anna").expect("a name"), List::over(count, &proof));
        let entry = chain.with_list(|chain| {
            self.say(author, session, &EntryBody::Person { whereabouts, name, addresses: List::NONE, chain, proof })
        });
        assert_eq!(entry.lane(), Lane::PERSON);
    }

    /// The last of `path` says that it is here, by that chain, and, if it is so, by hand or with a ticket.
    fn comes(&mut self, path: &[u8], session: u64, manner: Manner, proof: Option<TicketProof>) {
        let path: Vec<(u8, u64)> = path.iter().map(|seed| (*seed, 0)).collect();
        let chain = self.chain(&path, manner);
        let (last, _) = path.last().copied().expect("somebody");
        self.word(last, session, Whereabouts::Here, &chain, proof);
    }

    fn come(&mut self, path: &[u8]) {
        self.comes(path, 1, Manner::Unasked, None);
    }

    fn come_by_hand(&mut self, path: &[u8]) {
        self.comes(path, 1, Manner::ByHand, None);
    }

    fn roster(&self) -> Roster {
        let roster = Roster::fold(&self.log, &self.charter, &person(9));
        roster.assert_invariants(&self.charter);
        roster
    }

    /// Who has a seat, by seniority.
    fn members(&self) -> Vec<u8> {
        let roster = self.roster();
        let seed = |key: Key| (1..=9).find(|seed| person(*seed).key() == key).expect("somebody known");
        roster.members().map(|member| seed(member.key)).collect()
    }

    fn counts(&self, entry: &Held) -> bool {
        self.roster().counts(entry.id, entry.number)
    }
}

#[test]
fn roster_1_the_order_of_arrival_says_nothing() {
    let mut room = Room::staffed();
    let kick = room.kick(2, 4, &[5]);
    room.kick(1, 2, &[4]);
    room.door(3, Door::Locked, &[5]);
    room.forgive(3, 4, kick, 2);
    room.comes(&[1, 2, 4], 2, Manner::ByHand, None);
    let (entries, whole): (Vec<Arc<Held>>, Roster) = (room.log.entries().cloned().collect(), room.roster());
    let us = person(9);
    for first in 0..entries.len() {
        let mut roster = Roster::fold(&Log::new(room.charter.meeting, 9), &room.charter, &us);
        let order = entries.iter().cycle().skip(first).take(entries.len());
        // A log would not take an older PERSON after a newer one.
        let is_last_word = |entry: &&Arc<Held>| {
            entry.lane() == Lane::Acts || room.log.register(entry.id.author, entry.lane()) == Some(entry)
        };
        order.filter(is_last_word).for_each(|entry| roster.take(entry, &room.charter, &us));
        assert_eq!(roster, whole, "from {first} on");
    }
}

#[test]
fn roster_1_what_a_fork_voids_was_never_there() {
    let mut room = Room::staffed();
    let before = room.roster();
    let kick = room.say(3, 1, &END);
    let mut roster = room.roster();
    assert_ne!(roster, before);
    roster.void(kick.id, kick.number, &room.charter);
    assert_eq!(roster, before);
    // The founder's own: then there are no hosts.
    roster.void(StreamId { author: key(1), ..kick.id }, 1, &room.charter);
    assert_eq!(roster.hosts(), [key(1)]);
}

#[test]
fn roster_2_a_revoke_never_takes_the_rank() {
    let mut room = Room::staffed();
    room.appoint(2);
    assert_eq!(room.members(), [1, 2, 3, 4, 5]);
    let kick = room.kick(1, 2, &[4]);
    assert_eq!(room.members(), [1, 3, 4, 5]);
    assert!(!room.roster().is_host(&key(2)) && room.roster().hosts() == [1, 2, 3].map(key));
    room.forgive(1, 2, kick, 2);
    assert_eq!(room.members(), [1, 2, 3, 4, 5]);
    assert!(room.roster().is_host(&key(2)));
}

#[test]
fn roster_3_what_is_not_ones_right_changes_nothing() {
    let mut room = Room::staffed();
    let before = room.roster().standing;
    for author in 2..=5 {
        room.act(author, &END);
        room.grant(author, key(6), Role::Host, Hash::ZERO, 0);
    }
    room.kick(4, 3, &[]);
    room.door(5, Door::Locked, &[]);
    assert_eq!(room.roster().standing, before);
    room.act(1, &END);
    assert_eq!(room.roster().ended(), Some(""));
}

#[test]
fn roster_4_of_two_hosts_who_ban_each_other_the_senior_stays() {
    let mut room = Room::staffed();
    room.kick(3, 2, &[]);
    room.kick(2, 3, &[]);
    room.kick(2, 1, &[]);
    room.kick(2, 2, &[]);
    assert_eq!(room.members(), [1, 2, 4, 5]);
    // What 3 did before it was shown out stands.
    let mut room = Room::staffed();
    room.kick(3, 5, &[]);
    room.kick(2, 3, &[]);
    assert_eq!(room.members(), [1, 2, 4]);
}

#[test]
fn roster_5_what_no_cut_names_is_void() {
    let mut room = Room::staffed();
    room.kick(3, 5, &[]);
    room.kick(1, 3, &[]);
    assert_eq!(room.members(), [1, 2, 4], "what was known when it was shown out counts");
    room.kick(3, 4, &[]);
    let later = room.say(3, 2, &END);
    let earlier = room.say(3, 0, &END);
    assert!(!room.counts(&later) && !room.counts(&earlier), "a restart evades no cut");
    assert_eq!(room.members(), [1, 2, 4]);
}

#[test]
fn roster_5_at_level_mute_only_talk_is_cut() {
    let mut room = Room::staffed();
    let before = room.say(3, 1, &text());
    let cuts = room.log.cuts(key(3));
    let mute = room.revoke(1, key(3), Level::Mute, &cuts, &[]);
    let after = room.say(3, 1, &text());
    let kick = room.kick(3, 5, &[]);
    room.come(&[1, 3]);
    assert!(room.counts(&before) && !room.counts(&after));
    assert!(room.roster().is_revoked(&key(3), Level::Mute) && room.roster().is_here(&key(3)));
    assert_eq!(room.members(), [1, 2, 3, 4], "{kick} counts");
    room.forgive(2, 3, mute, 2);
    assert!(room.roster().is_revoked(&key(3), Level::Mute), "2 ranks below the founder");
    room.forgive(1, 3, mute, 2);
    let again = room.say(3, 2, &text());
    assert!(!room.counts(&after) && room.counts(&again), "a new session goes on, the old one does not");
}

#[test]
fn roster_6_only_a_rank_as_high_answers() {
    let mut room = Room::staffed();
    let kick = room.kick(2, 4, &[5]);
    room.comes(&[1, 2, 4], 2, Manner::Unasked, None);
    for (author, subject) in [(3, 4), (5, 4), (2, 5)] {
        room.forgive(author, subject, kick, 2);
        assert_eq!(room.members(), [1, 2, 3, 5], "{subject} by {author}");
    }
    for author in [1, 2] {
        let mut room = room.clone();
        room.forgive(author, 4, kick, 2);
        assert_eq!(room.members(), [1, 2, 3, 4, 5]);
    }
}

#[test]
fn roster_6_who_is_let_in_again_begins_in_the_session_that_the_answer_names() {
    let mut room = Room::staffed();
    let first = room.kick(2, 4, &[]);
    let second = room.kick(1, 4, &[]);
    room.forgive(2, 4, first, 3);
    room.forgive(1, 4, second, 5);
    assert_eq!(room.members(), [1, 2, 3, 5], "its tree is back at once; itself only by a new word");
    for (session, is_in) in [(4, false), (5, true)] {
        room.comes(&[1, 2, 4], session, Manner::Unasked, None);
        assert_eq!(room.roster().is_here(&key(4)), is_in, "{session}");
    }
    // Of two answers the lower counts.
    room.forgive(1, 4, second, 4);
    let talk = StreamId { author: key(4), session: 4, lane: Lane::Talk };
    assert!(room.roster().counts(talk, 1));
    // A host has its seat at once, and is here by a new word.
    let kick = room.kick(1, 3, &[]);
    room.come(&[1, 3]);
    room.forgive(1, 3, kick, 2);
    assert!(room.roster().is_seated(&key(3)) && !room.roster().is_here(&key(3)));
    room.comes(&[1, 3], 2, Manner::Unasked, None);
    assert!(room.roster().is_here(&key(3)));
}

#[test]
fn roster_7_who_is_out_takes_along_whom_nobody_keeps() {
    let mut room = Room::staffed();
    room.come(&[1, 2, 4, 5, 6]);
    room.come(&[1, 2, 4, 7]);
    let kick = room.kick(2, 4, &[5]);
    assert_eq!(room.members(), [1, 2, 3, 5, 6], "6 is behind 5, and 7 behind nobody who is kept");
    room.kick(1, 4, &[6]);
    assert_eq!(room.members(), [1, 2, 3, 6], "both must keep somebody");
    room.forgive(2, 4, kick, 2);
    assert_eq!(room.members(), [1, 2, 3, 6], "one is left");
}

#[test]
fn roster_7_a_chain_counts_from_its_last_host() {
    let mut room = Room::staffed();
    room.come(&[1, 2, 4, 3, 6]);
    room.kick(1, 4, &[]);
    assert_eq!(room.members(), [1, 2, 3, 6], "3 is a host: who let it in once does not matter");
    room.kick(1, 3, &[]);
    assert_eq!(room.members(), [1, 2], "one that was shown out is a host still, and breaks its own");
    room.come(&[1, 2, 4, 3, 3, 6]);
    room.come(&[1, 2, 3, 7]);
    assert_eq!(room.members(), [1, 2], "spare keys, too");
}

#[test]
fn roster_7_a_chain_that_does_not_hold_gives_no_seat() {
    let mut room = Room::staffed();
    let ours = room.chain(&[(1, 0), (2, 0), (6, 0)], Manner::Unasked);
    for (author, chain) in [(7, ours), (8, Chain::default())] {
        room.word(author, 1, Whereabouts::Here, &chain, None);
        assert!(!room.roster().is_seated(&key(author)));
    }
    let (name, addresses) = (Name::new("anna").expect("a name"), List::NONE);
    let (chain, proof, whereabouts) = (List::NONE, List::NONE, Whereabouts::Here);
    room.say(4, 2, &EntryBody::Person { whereabouts, name, addresses, chain, proof });
    assert_eq!(room.members(), [1, 2, 3, 5], "the newest word counts, for its author alone");
}

#[test]
fn roster_7_each_admission_asks_for_what_the_charter_says() {
    for (admission, expected) in [
        (Admission::Open, [true, true, true, true, true]),
        (Admission::Ticket, [false, true, false, false, true]),
        (Admission::Lobby, [false, false, false, false, true]),
        (Admission::TicketAndLobby, [false, false, false, false, true]),
    ] {
        let mut room = Room::new(admission);
        room.appoint(2);
        let meeting = room.charter.meeting;
        let proof = prove_ticket(TICKET, None, meeting, &person(4));
        let unendorsed = prove_ticket(Secret([98; 32]), None, meeting, &person(6));
        room.come(&[1, 2, 3]);
        room.comes(&[1, 2, 4], 1, Manner::Unasked, Some(proof));
        room.comes(&[1, 2, 5], 1, Manner::Unasked, Some(proof));
        room.comes(&[1, 2, 6], 1, Manner::Unasked, Some(unendorsed));
        room.come_by_hand(&[1, 2, 7]);
        let seats = [3, 4, 5, 6, 7].map(|seed| room.roster().is_seated(&key(seed)));
        assert_eq!(seats, expected, "{admission:?}");
        // By hand of a member is nothing.
        room.come_by_hand(&[1, 2, 7, 8]);
        assert_eq!(room.roster().is_seated(&key(8)), admission == Admission::Open);
    }
}

#[test]
fn roster_7_a_void_ticket_lets_in_whom_each_revoke_keeps() {
    let mut room = Room::new(Admission::Ticket);
    let meeting = room.charter.meeting;
    let endorsement = person(1).sign(Domain::Ticket, &[&meeting.0, &ticket().0]);
    for member in [4, 5, 6] {
        let proof = prove_ticket(TICKET, Some(endorsement), meeting, &person(member));
        room.comes(&[1, member], 1, Manner::Unasked, Some(proof));
    }
    room.come_by_hand(&[1, 7]);
    let all = room.members();
    room.revoke(1, ticket(), Level::Mute, &[], &[]);
    assert_eq!(room.members(), all, "only level Out makes it void");
    let first = room.revoke(1, ticket(), Level::Out, &[], &[4, 5]);
    room.revoke(1, ticket(), Level::Out, &[], &[5, 6]);
    assert!(
        [(4, false), (5, true), (6, false), (7, true)]
            .iter()
            .all(|(seed, is_in)| { room.roster().is_seated(&key(*seed)) == *is_in })
    );
    room.grant(1, ticket(), Role::Member, first, 0);
    assert!(room.roster().is_seated(&key(6)) && !room.roster().is_seated(&key(4)));
}

#[test]
fn roster_8_who_comes_through_a_lock_is_listed_or_admitted_by_a_host_as_high() {
    let mut room = Room::staffed();
    room.come_by_hand(&[1, 2, 6]);
    room.come_by_hand(&[1, 3, 7]);
    room.come_by_hand(&[1, 2, 4, 8]);
    room.door(2, Door::Locked, &[5]);
    assert!(room.roster().is_locked());
    let seats = |room: &Room| [4, 5, 6, 7, 8].map(|seed| room.roster().is_seated(&key(seed)));
    assert_eq!(seats(&room), [false, true, true, false, false]);
    room.door(1, Door::Locked, &[4]);
    assert_eq!(seats(&room), [true, false, false, false, false], "the last one counts");
    room.door(3, Door::Unlocked, &[]);
    assert_eq!(seats(&room), [true; 5], "whoever wrote it");
}

#[test]
fn roster_9_who_has_no_seat_says_nothing() {
    let mut room = Room::staffed();
    let said = |seed| StreamId { author: key(seed), session: 1, lane: Lane::Talk };
    let hand = |seed| StreamId { lane: Lane::Register(3), ..said(seed) };
    let counts = |room: &Room, id| room.roster().counts(id, 1);
    assert!(counts(&room, said(5)) && counts(&room, hand(5)) && !counts(&room, said(6)) && !counts(&room, hand(6)));
    room.say(5, 1, &text());
    room.kick(1, 5, &[]);
    assert!(counts(&room, said(5)), "what it said before it was shown out stands");
    assert!(!counts(&room, hand(5)));
    for author in [5, 6] {
        assert!(counts(&room, StreamId { lane: Lane::PERSON, ..said(author) }));
        assert!(!counts(&room, StreamId { lane: Lane::Acts, ..said(author) }));
    }
    assert!(counts(&room, StreamId { lane: Lane::Acts, ..said(2) }));
}

#[test]
fn roster_10_in_a_star_only_hosts_have_seats() {
    let mut room = Room::of(Purpose::STAR, Admission::Open);
    room.appoint(2);
    room.come(&[1, 2, 4]);
    room.come_by_hand(&[1, 5]);
    assert_eq!(room.members(), [1, 2]);
}

#[test]
fn roster_11_seniority_is_rank_then_depth_then_key() {
    let mut room = Room::staffed();
    room.come(&[1, 2, 4, 5, 6]);
    room.come(&[1, 7]);
    room.come(&[1, 8]);
    let [one, other] = if key(7) < key(8) { [7, 8] } else { [8, 7] };
    assert_eq!(room.members(), [1, 2, 3, one, other, 4, 5, 6]);
}

#[test]
fn revoke_4_whose_chains_the_subject_has_signed() {
    let mut room = Room::staffed();
    room.come(&[1, 2, 4, 5, 6]);
    room.come(&[1, 2, 7]);
    let gone = room.chain(&[(1, 0), (2, 0), (4, 0), (8, 0)], Manner::Unasked);
    room.word(8, 1, Whereabouts::Gone, &gone, None);
    let roster = room.roster();
    let mut let_in: Vec<Key> = roster.let_in_by(&key(4)).collect();
    let_in.sort_unstable();
    let mut expected = [5, 6].map(key);
    expected.sort_unstable();
    assert_eq!(let_in, expected);
}

#[test]
fn pass_3_the_highest_floor_of_a_chain_counts() {
    let mut room = Room::staffed();
    let chain = room.chain(&[(1, 0), (2, 3), (4, 9), (6, 5)], Manner::Unasked);
    room.word(6, 1, Whereabouts::Here, &chain, None);
    room.word(1, 1, Whereabouts::Here, &Chain::default(), None);
    room.word(2, 1, Whereabouts::Here, &chain, None);
    let floors = [6, 1, 2, 7].map(|seed| room.roster().floor(&key(seed)));
    assert_eq!(floors, [Some(9), Some(0), Some(u64::MAX), None], "2 shows another's chain, and 7 none");
    room.word(6, 2, Whereabouts::Gone, &chain, None);
    assert_eq!(room.roster().floor(&key(6)), None);
}
