//! What the acts of a room add up to.

mod model;

use alloc::{sync::Arc, vec, vec::Vec};

use super::*;
use crate::charter::Admission;
use crate::id::Salt;
use crate::identity::{Domain, Ed25519, Secret, identity as person};
use crate::log::Verdict;
use crate::ticket::prove_ticket;
use crate::time::Now;
use crate::wire::entry::Cut;
use crate::wire::field::{List, Name, Reason, Text, encode_items};
use crate::wire::option::TicketProof;
use crate::wire::session::Purpose;

const SEED: Secret = Secret([99; 32]);

fn key(seed: u8) -> Key {
    person(seed).key()
}

fn charter(kind: Purpose, admission: Admission) -> SignedCharter {
    SignedCharter::sample(kind, &person(1), |terms| {
        (terms.admission, terms.ticket) = (admission, Identity::new(SEED, Arc::new(Ed25519)).key());
    })
}

fn counts(room: &Room, entry: &Held) -> bool {
    room.roster().counts(entry.id, entry.number)
}

fn named(name: &str, whereabouts: Whereabouts) -> EntryBody<'_> {
    EntryBody::Person { whereabouts, name: Name::new(name).expect("a name"), addresses: List::NONE }
}

/// A room in which everybody knows everything at once. 1 is the founder; sessions are 1 unless said.
struct Room {
    charter: SignedCharter,
    log: Log,
}

impl Room {
    fn new(admission: Admission) -> Self {
        let charter = charter(Purpose::MESH, admission);
        Self { log: Log::new(charter.meeting, 100), charter }
    }

    /// An open room with hosts 2 and 3, and members 4, whom 2 has granted, and 5, whom 4 has.
    fn staffed() -> Self {
        let mut room = Self::new(Admission::Open);
        room.grant(1, 2, Role::Host);
        room.grant(1, 3, Role::Host);
        room.grant(2, 4, Role::Member);
        room.grant(4, 5, Role::Member);
        room
    }

    fn say(&mut self, author: u8, session: u64, body: &EntryBody<'_>) -> Arc<Held> {
        self.log.write(&person(author), session, body, Now::default()).expect("there is room")
    }

    fn act(&mut self, author: u8, session: u64, body: &EntryBody<'_>) -> Hash {
        self.say(author, session, body).hash
    }

    fn grant(&mut self, author: u8, subject: u8, role: Role) -> Hash {
        self.grant_with(author, 1, key(subject), role, Hash::ZERO, None)
    }

    fn grant_with(
        &mut self,
        author: u8,
        session: u64,
        subject: Key,
        role: Role,
        answers: Hash,
        proof: Option<TicketProof>,
    ) -> Hash {
        let (count, proof) = encode_items(proof, 1);
        let (name, proof) = (Reason::NONE, List::over(count, &proof));
        self.act(author, session, &EntryBody::Grant { subject, role, answers, name, proof })
    }

    fn revoke(&mut self, author: u8, subject: Key, level: Level, cuts: &[Cut], kept: &[Key]) -> Hash {
        let (name, why) = (Reason::NONE, Reason::NONE);
        let (count, cuts) = encode_items(cuts.iter().copied(), limits::CUTS_MAX);
        let cuts = List::over(count, &cuts);
        let (count, kept) = encode_items(kept.iter().copied(), limits::KEPT_MAX);
        let kept = List::over(count, &kept);
        self.act(author, 1, &EntryBody::Revoke { subject, level, name, why, cuts, kept })
    }

    /// Shows somebody out, as REVOKE-3 says.
    fn kick(&mut self, author: u8, subject: u8) -> Hash {
        let cuts = self.log.cuts(key(subject));
        self.revoke(author, key(subject), Level::Out, &cuts, &[])
    }

    fn door(&mut self, author: u8, door: Door, kept: &[Key]) {
        let (count, kept) = encode_items(kept.iter().copied(), limits::KEPT_MAX);
        self.act(author, 1, &EntryBody::Policy { door, kept: List::over(count, &kept) });
    }

    fn roster(&self) -> Roster {
        let roster = Roster::fold(&self.log, &self.charter, &person(1));
        roster.assert_invariants(&self.charter);
        roster
    }

    /// Who is in, by rank.
    fn members(&self) -> Vec<u8> {
        let roster = self.roster();
        let seed = |key: Key| (1..=9).find(|seed| person(*seed).key() == key).expect("somebody known");
        roster.members().map(|member| seed(member.key)).collect()
    }
}

#[test]
fn roster_2_ranks_go_down_the_grants_whatever_their_order() {
    let mut room = Room::staffed();
    assert_eq!(room.members(), [1, 2, 3, 4, 5]);
    // 6 comes by 5, and then by 3, who ranks above 4.
    room.grant(5, 6, Role::Member);
    assert_eq!(room.members(), [1, 2, 3, 4, 5, 6]);
    room.grant(3, 6, Role::Member);
    assert_eq!(room.members(), [1, 2, 3, 4, 6, 5]);
    // A host who was shown out and is forgiven stands where it stood.
    let kick = room.kick(1, 2);
    assert_eq!(room.members(), [1, 3, 4, 6, 5]);
    room.grant_with(1, 1, key(2), Role::Member, kick, None);
    assert_eq!(room.members(), [1, 2, 3, 4, 6, 5]);
    assert!(room.roster().is_host(&key(2)) && room.roster().rank(&key(5)) == Some(5));
}

#[test]
fn roster_3_who_is_not_entitled_changes_nothing() {
    let mut room = Room::staffed();
    let before = room.roster().standing;
    let end = EntryBody::End { why: Reason::NONE };
    for author in 2..=7 {
        room.act(author, 1, &end);
        room.grant(author, 8, Role::Host);
    }
    for author in 4..=7 {
        room.kick(author, 3);
        room.door(author, Door::Locked, &[]);
    }
    room.grant(7, 9, Role::Member);
    room.act(7, 1, &named("eve", Whereabouts::Here));
    assert_eq!(room.roster().standing, before);
    room.act(1, 1, &end);
    assert_eq!(room.roster().ended(), Some(""));
}

#[test]
fn roster_4_of_two_hosts_who_ban_each_other_the_senior_stays() {
    let mut room = Room::staffed();
    room.kick(3, 2);
    room.kick(2, 3);
    room.kick(2, 1);
    room.kick(2, 2);
    assert_eq!(room.members(), [1, 2, 4, 5]);
    // What 3 did before it was shown out stands.
    let mut room = Room::staffed();
    room.kick(3, 5);
    room.kick(2, 3);
    assert_eq!(room.members(), [1, 2, 4]);
}

#[test]
fn roster_5_a_restart_does_not_evade_a_cut() {
    let mut room = Room::staffed();
    room.grant(4, 6, Role::Member);
    let cuts = room.log.cuts(key(4));
    let number = cuts.first().expect("a stream").next;
    room.kick(1, 4);
    // The same stream goes on, and a new session has a number that is lower than the cut's.
    room.grant(4, 7, Role::Member);
    room.grant_with(4, 2, key(8), Role::Member, Hash::ZERO, None);
    room.grant_with(4, 0, key(9), Role::Member, Hash::ZERO, None);
    assert!(room.log.next_number(StreamId { author: key(4), session: 2, lane: Lane::Acts }) <= number);
    assert_eq!(room.members(), [1, 2, 3, 5, 6]);
    let text = EntryBody::Text { salt: Salt::ZERO, text: Text::new("still here").expect("short") };
    let said = room.say(4, 9, &text);
    assert!(!counts(&room, &said));
}

#[test]
fn roster_5_at_level_mute_only_talk_is_cut() {
    let mut room = Room::staffed();
    let text = EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear me").expect("short") };
    let (before, after) = (room.say(4, 1, &text), room.log.cuts(key(4)));
    let mute = room.revoke(1, key(4), Level::Mute, &after, &[]);
    let after = room.say(4, 1, &text);
    room.grant(4, 6, Role::Member);
    let left = room.say(4, 1, &named("anna", Whereabouts::Gone));
    assert!(counts(&room, &before) && !counts(&room, &after));
    assert!(counts(&room, &left), "a register is not cut");
    assert_eq!(room.members(), [1, 2, 3, 4, 5, 6]);
    assert!(room.roster().is_revoked(&key(4), Level::Mute));
    room.grant_with(2, 1, key(4), Role::Member, mute, None);
    assert!(room.roster().is_revoked(&key(4), Level::Mute), "2 ranks below the founder");
    room.grant_with(1, 1, key(4), Role::Member, mute, None);
    let again = room.say(4, 2, &text);
    assert!(!counts(&room, &after) && counts(&room, &again), "a new session goes on, the old one does not");
}

#[test]
fn roster_6_only_a_rank_as_high_answers_and_only_new_sessions_go_on() {
    let mut room = Room::staffed();
    let kick = room.kick(2, 4);
    for (author, subject) in [(3, 4), (5, 4), (2, 5)] {
        room.grant_with(author, 1, key(subject), Role::Member, kick, None);
        assert!(!room.roster().is_member(&key(4)), "{author}");
    }
    let mut by_author = Room { charter: room.charter.clone(), log: room.log.clone() };
    by_author.grant_with(2, 1, key(4), Role::Member, kick, None);
    room.grant_with(1, 1, key(4), Role::Member, kick, None);
    for mut room in [room, by_author] {
        assert_eq!(room.members(), [1, 2, 3, 4, 5]);
        room.grant(4, 6, Role::Member);
        assert!(!room.roster().is_member(&key(6)), "session 1 stays cut");
        room.grant_with(4, 2, key(7), Role::Member, Hash::ZERO, None);
        assert_eq!(room.members(), [1, 2, 3, 4, 5, 7]);
    }
}

#[test]
fn roster_7_members_admit_as_the_charter_says() {
    for (admission, bare, proved) in [
        (Admission::Open, true, true),
        (Admission::Ticket, false, true),
        (Admission::Lobby, false, false),
        (Admission::TicketAndLobby, false, false),
    ] {
        let mut room = Room::new(admission);
        room.grant(1, 2, Role::Member);
        room.grant(2, 3, Role::Member);
        let meeting = room.charter.meeting;
        let proof = prove_ticket(SEED, None, meeting, &person(4));
        room.grant_with(2, 1, key(4), Role::Member, Hash::ZERO, Some(proof));
        // Another's proof, and one of a ticket that nobody has endorsed.
        room.grant_with(2, 1, key(5), Role::Member, Hash::ZERO, Some(proof));
        let false_ticket = prove_ticket(Secret([98; 32]), None, meeting, &person(6));
        room.grant_with(2, 1, key(6), Role::Member, Hash::ZERO, Some(false_ticket));
        let roster = room.roster();
        let expected = [bare, proved, bare, bare];
        assert_eq!([3, 4, 5, 6].map(|seed| roster.is_member(&key(seed))), expected, "{admission:?}");
    }
}

#[test]
fn roster_7_a_void_ticket_admits_only_whom_its_revoke_keeps() {
    let mut room = Room::new(Admission::Ticket);
    let meeting = room.charter.meeting;
    let ticket = Identity::new(SEED, Arc::new(Ed25519)).key();
    room.grant(1, 2, Role::Member);
    for seed in [3, 4] {
        let proof = prove_ticket(SEED, None, meeting, &person(seed));
        room.grant_with(2, 1, key(seed), Role::Member, Hash::ZERO, Some(proof));
    }
    room.kick(1, 4);
    let kept: Vec<Key> = room.roster().kept().collect();
    let void = room.revoke(1, ticket, Level::Out, &[], &kept);
    for seed in [5, 6] {
        let proof = prove_ticket(SEED, None, meeting, &person(seed));
        room.grant_with(2, 1, key(seed), Role::Member, Hash::ZERO, Some(proof));
    }
    // The founder's next ticket.
    let next = Identity::new(Secret([98; 32]), Arc::new(Ed25519));
    let endorsement = person(1).sign(Domain::Ticket, &[&meeting.0, &next.key().0]);
    let proof = prove_ticket(Secret([98; 32]), Some(endorsement), meeting, &person(7));
    room.grant_with(2, 1, key(7), Role::Member, Hash::ZERO, Some(proof));
    assert_eq!(room.members(), [1, 2, 3, 7]);
    room.grant_with(1, 1, ticket, Role::Member, void, None);
    assert_eq!(room.roster().members().count(), 7, "the ticket is good again, and its key is granted");
}

#[test]
fn roster_8_behind_a_lock_juniors_admit_only_whom_it_keeps() {
    let mut room = Room::staffed();
    let kept: Vec<Key> = room.roster().kept().collect();
    // On its way as the door is locked, or dated back: the same.
    room.grant(5, 6, Role::Member);
    room.door(2, Door::Locked, &kept);
    room.grant_with(4, 2, key(7), Role::Member, Hash::ZERO, None);
    room.grant(3, 8, Role::Member);
    room.grant(1, 9, Role::Member);
    assert!(room.roster().is_locked());
    assert_eq!(room.members(), [1, 2, 3, 9, 4, 5], "only the founder ranks above 2");
    room.door(3, Door::Unlocked, &[]);
    assert_eq!(room.members(), [1, 2, 3, 9, 4, 8, 5, 7, 6]);
}

#[test]
fn roster_9_talk_of_strangers_does_not_count() {
    let mut room = Room::staffed();
    let text = EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear me").expect("short") };
    let (member, stranger) = (room.say(5, 1, &text), room.say(6, 1, &text));
    assert!(counts(&room, &member) && !counts(&room, &stranger));
}

#[test]
fn roster_10_a_stars_guest_is_forgiven_and_no_member() {
    let mut room = Room::new(Admission::Open);
    room.charter = charter(Purpose::STAR, Admission::Open);
    room.log = Log::new(room.charter.meeting, 100);
    let kick = room.kick(1, 2);
    assert!(room.roster().is_revoked(&key(2), Level::Out));
    room.grant_with(1, 1, key(2), Role::Member, kick, None);
    assert!(!room.roster().is_revoked(&key(2), Level::Out));
    assert_eq!(room.members(), [1]);
}

#[test]
fn fork_3_no_act_counts_after_a_fork() {
    let mut room = Room::staffed();
    let mut other = Room { charter: room.charter.clone(), log: room.log.clone() };
    room.grant(4, 6, Role::Member);
    room.grant(4, 7, Role::Member);
    other.grant(4, 8, Role::Member);
    let rival = other.log.acts().last().expect("that").clone();
    let mut roster = room.roster();
    assert_eq!(room.members(), [1, 2, 3, 4, 5, 6, 7]);
    let Verdict::Forked(proof) = room.log.offer(&rival.carried(), false, &person(9)) else { panic!("no fork") };
    roster.void(proof.stream, proof.number, &room.charter);
    assert_eq!(room.members(), [1, 2, 3, 4, 5]);
    assert_eq!(roster, room.roster());
}

#[test]
fn revoke_3_a_cut_for_every_stream_the_newest_first() {
    let mut room = Room::staffed();
    let text = EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear me").expect("short") };
    room.say(4, 1, &text);
    room.say(4, 2, &text);
    room.say(4, 2, &text);
    let cut = |session, lane, next| Cut { session, lane, next };
    let expected = vec![cut(2, Lane::Talk, 3), cut(1, Lane::Talk, 2), cut(1, Lane::Acts, 2)];
    assert_eq!(room.log.cuts(key(4)), expected);
    for session in 10..300 {
        room.grant_with(4, session, key(6), Role::Member, Hash::ZERO, None);
    }
    let cuts = room.log.cuts(key(4));
    assert_eq!((cuts.len(), cuts.first().copied()), (limits::CUTS_MAX, Some(cut(299, Lane::Acts, 2))));
}

#[test]
fn lock_1_the_members_are_kept_by_rank() {
    let mut room = Room::staffed();
    room.kick(1, 2);
    assert_eq!(room.roster().kept().collect::<Vec<_>>(), [1, 3, 4, 5].map(key));
}

#[test]
fn who_comes_has_nothing_folded_again() {
    let mut room = Room::staffed();
    let mut roster = room.roster();
    let name = named("anna", Whereabouts::Here);
    for author in [4, 5] {
        let subject = author + 2;
        let (proof, answers, role) = (List::NONE, Hash::ZERO, Role::Member);
        let grant = EntryBody::Grant { subject: key(subject), role, answers, name: Reason::NONE, proof };
        for entry in [room.say(author, 1, &grant), room.say(9, 1, &grant)] {
            let (place, act) = roster.keep(&entry, &room.charter, &person(1)).expect("an act");
            let Roster { acts, standing, .. } = &mut roster;
            assert!(standing.take(entry.id.author, place, &act, acts, &room.charter));
            roster.assert_invariants(&room.charter);
        }
        for seed in [subject, 9] {
            roster.take(&room.say(seed, 1, &name), &room.charter, &person(1));
        }
    }
    assert_eq!(roster.name(&key(7)), Some("anna"));
    assert_eq!(roster.name(&key(9)), None, "nobody has granted 9");
}

#[test]
fn roster_11_one_act_too_many_takes_the_effect_of_all_and_a_host_may_write_more() {
    let mut room = Room::staffed();
    let mut roster = room.roster();
    let grant = |seed| EntryBody::Grant {
        subject: key(seed),
        role: Role::Member,
        answers: Hash::ZERO,
        name: Reason::NONE,
        proof: List::NONE,
    };
    // 2 is a host; 4 is a member, and has granted 5.
    for author in [2, 4] {
        while roster.acts_of(&key(author)) < limits::ACTS_OF_MEMBER_MAX {
            roster.take(&room.say(author, 9, &grant(author)), &room.charter, &person(1));
        }
        roster.assert_invariants(&room.charter);
    }
    assert_eq!(room.members(), [1, 2, 3, 4, 5]);
    for (author, lets_in) in [(2, 6), (4, 7), (4, 8)] {
        roster.take(&room.say(author, 7, &grant(lets_in)), &room.charter, &person(1));
        roster.assert_invariants(&room.charter);
    }
    assert_eq!(room.members(), [1, 2, 3, 4, 6], "5 was granted by 4");
    assert_eq!(roster, room.roster(), "in whatever order");
}
