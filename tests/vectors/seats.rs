//! Who has a seat: acts and PERSONs, and what they add up to.

use std::collections::BTreeSet;
use std::sync::Arc;

use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::id::{Hash, Key, Signature, Token};
use tertulia_core::identity::{Domain, Ed25519, Identity, Secret};
use tertulia_core::log::{Held, Log, StreamId};
use tertulia_core::pass::Chain;
use tertulia_core::roster::Roster;
use tertulia_core::ticket::prove_ticket;
use tertulia_core::time::Now;
use tertulia_core::wire::entry::{Cut, Door, EntryBody, Lane, Level, Role, Whereabouts};
use tertulia_core::wire::field::{List, Name, Reason, Title, encode_items};
use tertulia_core::wire::option::{Manner, TicketProof};
use tertulia_core::wire::session::Purpose;
use tertulia_testkit::seats::Model;

use crate::{compare, hex, list, object, text};

const ABOUT: &str = "SPEC.md, Roster. Of each meeting: its charter, ENTRY frames sorted as text, and what follows from \
                     them in whatever order they come: who has a rank, the founder first; whether the door is locked; who \
                     has a seat, by seniority, whether it is here, and above which lamport time it is served talk (null: \
                     it is served none). All bytes in hex.";
const NAMES: [&str; 7] = ["Ada", "Bea", "Cleo", "Dan", "Eve", "Fay", "Gus"];
pub(crate) const ADA: u8 = 1;
pub(crate) const BEA: u8 = 2;
pub(crate) const CLEO: u8 = 3;
pub(crate) const DAN: u8 = 4;
pub(crate) const EVE: u8 = 5;
const FAY: u8 = 6;
pub(crate) const GUS: u8 = 7;
/// The secret of the ticket that the charter names.
const TICKET: Secret = Secret([0xcc; 32]);

/// How many are kept at most in these meetings.
const MANY: usize = 16;

pub(crate) fn person(who: u8) -> Identity {
    Identity::new(Secret([who; 32]), Arc::new(Ed25519))
}

pub(crate) fn key(who: u8) -> Key {
    person(who).key()
}

fn ticket() -> Key {
    Identity::new(TICKET, Arc::new(Ed25519)).key()
}

/// A meeting of Ada's, who has made Bea and Cleo hosts.
#[derive(Clone)]
pub(crate) struct Meeting {
    pub(crate) charter: SignedCharter,
    pub(crate) log: Log,
    /// What a log does not take, for it forks something.
    pub(crate) rivals: Vec<Arc<Held>>,
}

impl Meeting {
    fn of(kind: Purpose, admission: Admission) -> Self {
        let terms = Terms {
            kind,
            founder: key(ADA),
            nonce: Token([0x4e; 16]),
            admission,
            ticket: if matches!(admission, Admission::Open | Admission::Lobby) { Key::ZERO } else { ticket() },
            questions: Questions::Open,
            history: u32::MAX,
            guests: 64,
            title: Title::new("Friday").unwrap(),
        };
        let charter = SignedCharter::found(terms, &person(ADA)).unwrap();
        let mut meeting = Self { log: Log::new(charter.meeting, 100), charter, rivals: Vec::new() };
        meeting.appoint(ADA, BEA);
        meeting.appoint(ADA, CLEO);
        meeting.word(ADA, 1, Whereabouts::Here, &Chain::default(), None);
        meeting
    }

    /// An open room: Bea has let in Dan, Dan has let in Eve, and Eve has let in Fay. All are here.
    pub(crate) fn new() -> Self {
        let mut meeting = Self::of(Purpose::MESH, Admission::Open);
        for path in [&[BEA][..], &[CLEO], &[BEA, DAN], &[BEA, DAN, EVE], &[BEA, DAN, EVE, FAY]] {
            meeting.comes(path);
        }
        meeting
    }

    pub(crate) fn write(&mut self, author: u8, session: u64, body: &EntryBody<'_>) -> Arc<Held> {
        self.log.write(&person(author), session, body, Now::default()).unwrap()
    }

    fn act(&mut self, author: u8, body: &EntryBody<'_>) -> Hash {
        self.write(author, 1, body).hash
    }

    fn appoint(&mut self, author: u8, subject: u8) {
        let (subject, role, answers, name) = (key(subject), Role::Host, Hash::ZERO, Reason::NONE);
        self.act(author, &EntryBody::Grant { subject, role, answers, session: 0, name });
    }

    pub(crate) fn forgive(&mut self, author: u8, subject: u8, answers: Hash, session: u64) {
        let (subject, role, name) = (key(subject), Role::Member, Reason::NONE);
        self.act(author, &EntryBody::Grant { subject, role, answers, session, name });
    }

    pub(crate) fn revoke(&mut self, author: u8, subject: Key, level: Level, cuts: Vec<Cut>, kept: &[u8]) -> Hash {
        let (name, why) = (Reason::NONE, Reason::NONE);
        let (count, cuts) = encode_items(cuts, MANY);
        let cuts = List::over(count, &cuts);
        let (count, kept) = encode_items(kept.iter().map(|who| key(*who)), MANY);
        let kept = List::over(count, &kept);
        self.act(author, &EntryBody::Revoke { subject, level, name, why, cuts, kept })
    }

    pub(crate) fn kick(&mut self, author: u8, subject: u8, kept: &[u8]) -> Hash {
        let cuts = self.log.cuts(key(subject));
        self.revoke(author, key(subject), Level::Out, cuts, kept)
    }

    fn door(&mut self, author: u8, door: Door, kept: &[u8]) {
        let (count, kept) = encode_items(kept.iter().map(|who| key(*who)), MANY);
        self.act(author, &EntryBody::Policy { door, kept: List::over(count, &kept) });
    }

    /// From Ada down along `path`: whom each lets in, above which floor; the last in that manner.
    fn chain(&self, path: &[(u8, u64)], manner: Manner) -> Chain {
        let signers = [ADA].into_iter().chain(path.iter().map(|step| step.0));
        let passes = signers.zip(path).enumerate();
        passes.fold(Chain::default(), |chain, (at, (signer, (subject, floor)))| {
            let manner = if at + 1 == path.len() { manner } else { Manner::Unasked };
            chain.and(key(*subject), *floor, manner, self.charter.meeting, &person(signer))
        })
    }

    fn word(&mut self, author: u8, session: u64, whereabouts: Whereabouts, chain: &Chain, proof: Option<TicketProof>) {
        let (count, proof) = encode_items(proof, 1);
        let (name, proof) = (Name::new(NAMES[usize::from(author) - 1]).unwrap(), List::over(count, &proof));
        chain.with_list(|chain| {
            self.write(author, session, &EntryBody::Person { whereabouts, name, addresses: List::NONE, chain, proof });
        });
    }

    /// The last of `path` says that it is here, and how it has come.
    fn comes_in(&mut self, path: &[u8], session: u64, manner: Manner, proof: Option<TicketProof>) {
        let path: Vec<(u8, u64)> = path.iter().map(|who| (*who, 0)).collect();
        let chain = self.chain(&path, manner);
        let (author, _) = *path.last().unwrap();
        self.word(author, session, Whereabouts::Here, &chain, proof);
    }

    fn comes(&mut self, path: &[u8]) {
        self.comes_in(path, 1, Manner::Unasked, None);
    }

    fn comes_by_hand(&mut self, path: &[u8]) {
        self.comes_in(path, 1, Manner::ByHand, None);
    }

    fn proof(&self, who: u8) -> TicketProof {
        prove_ticket(TICKET, None, self.charter.meeting, &person(who))
    }
}

pub(crate) fn name(key: &Key) -> &'static str {
    (1..).zip(NAMES).find(|(who, _)| person(*who).key() == *key).unwrap().1
}

/// A meeting, and in words what is to follow: who has a seat, by seniority, behind who is here `:` and its floor, or `:-` if
/// it is served nothing; who has a rank; whether the door is locked.
type Case = (&'static str, Meeting, &'static str, &'static str, bool);

const HOSTS: &str = "Ada Bea Cleo";

/// Who has a seat where nothing has happened yet.
const ALL: &str = "Ada:0 Bea:0 Cleo:0 Dan:0 Eve:0 Fay:0";

/// What becomes of the open room.
fn staffed(about: &'static str, expected: &'static str, play: impl FnOnce(&mut Meeting)) -> Case {
    let mut meeting = Meeting::new();
    play(&mut meeting);
    (about, meeting, expected, HOSTS, false)
}

fn who_is_out() -> Vec<Case> {
    vec![
        staffed("two hosts, and three members, each let in by the one before", ALL, |_| {}),
        staffed("what members write has no effect", ALL, |meeting| {
            meeting.kick(DAN, CLEO, &[]);
            meeting.door(EVE, Door::Locked, &[]);
            meeting.appoint(FAY, GUS);
            meeting.appoint(BEA, GUS);
        }),
        staffed(
            "of two hosts who revoke each other, and the founder, the junior is out",
            "Ada:0 Bea:0 Dan:0 Eve:0 Fay:0",
            |meeting| {
                meeting.kick(CLEO, BEA, &[]);
                meeting.kick(CLEO, ADA, &[]);
                meeting.kick(BEA, CLEO, &[]);
            },
        ),
        staffed(
            "what a host wrote behind the cuts, or in a session that they do not name, is void",
            "Ada:0 Bea:0 Dan:0",
            |meeting| {
                meeting.kick(CLEO, EVE, &[]);
                meeting.kick(ADA, CLEO, &[]);
                meeting.kick(CLEO, DAN, &[]);
                meeting.write(CLEO, 2, &EntryBody::Policy { door: Door::Locked, kept: List::NONE });
            },
        ),
        staffed("who is shown out takes along whom it has let in", "Ada:0 Bea:0 Cleo:0", |meeting| {
            meeting.kick(BEA, DAN, &[]);
        }),
        staffed("who is kept stays, with those behind", "Ada:0 Bea:0 Cleo:0 Eve:0 Fay:0", |meeting| {
            meeting.kick(BEA, DAN, &[EVE]);
        }),
        staffed("of two revokes, both must keep somebody", "Ada:0 Bea:0 Cleo:0 Fay:0", |meeting| {
            meeting.kick(BEA, DAN, &[EVE]);
            meeting.kick(CLEO, DAN, &[FAY]);
        }),
        staffed("a host that is out breaks the chains behind it", "Ada:0 Cleo:0", |meeting| {
            meeting.kick(ADA, BEA, &[]);
        }),
        staffed("a chain counts from its last host", "Ada:0 Bea:0 Cleo:0 Gus:0", |meeting| {
            meeting.comes(&[BEA, DAN, CLEO, GUS]);
            meeting.kick(BEA, DAN, &[]);
        }),
    ]
}

fn who_is_back() -> Vec<Case> {
    vec![
        staffed("an answer of a host that ranks below is none", "Ada:0 Bea:0 Cleo:0", |meeting| {
            let kick = meeting.kick(BEA, DAN, &[]);
            meeting.forgive(CLEO, DAN, kick, 2);
        }),
        staffed("an answer brings back the tree, but not who was out", "Ada:0 Bea:0 Cleo:0 Eve:0 Fay:0", |meeting| {
            let kick = meeting.kick(BEA, DAN, &[]);
            meeting.forgive(ADA, DAN, kick, 2);
        }),
        staffed("it comes back by its own word, in the session that the answer names", ALL, |meeting| {
            let kick = meeting.kick(BEA, DAN, &[]);
            meeting.forgive(ADA, DAN, kick, 2);
            meeting.comes_in(&[BEA, DAN], 2, Manner::Unasked, None);
        }),
        staffed(
            "a host is back at once, but not here before its own word",
            "Ada:0 Bea:0 Cleo Dan:0 Eve:0 Fay:0",
            |meeting| {
                let kick = meeting.kick(ADA, CLEO, &[]);
                meeting.forgive(ADA, CLEO, kick, 2);
            },
        ),
        staffed("a mute takes no seat", ALL, |meeting| {
            let cuts = meeting.log.cuts(key(DAN));
            meeting.revoke(ADA, key(DAN), Level::Mute, cuts, &[]);
        }),
    ]
}

fn whose_chain_counts() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut meeting = Meeting::new();
    let others = meeting.chain(&[(BEA, 0), (FAY, 0)], Manner::Unasked);
    meeting.word(GUS, 1, Whereabouts::Here, &others, None);
    meeting.word(DAN, 2, Whereabouts::Here, &Chain::default(), None);
    meeting.word(CLEO, 1, Whereabouts::Here, &others, None);
    let about = "the newest PERSON counts; another's chain and none give no seat, and show a host nothing";
    cases.push((about, meeting, "Ada:0 Bea:0 Cleo:- Eve:0 Fay:0", HOSTS, false));
    let mut meeting = Meeting::new();
    let chain = meeting.chain(&[(BEA, 2), (DAN, 9), (EVE, 5)], Manner::Unasked);
    meeting.word(EVE, 1, Whereabouts::Here, &chain, None);
    let chain = meeting.chain(&[(CLEO, 4), (FAY, 3)], Manner::Unasked);
    meeting.word(FAY, 1, Whereabouts::Gone, &chain, None);
    let about = "the highest floor of a chain counts; who is gone is served nothing";
    cases.push((about, meeting, "Ada:0 Bea:0 Cleo:0 Fay Dan:0 Eve:9", HOSTS, false));
    let mut meeting = Meeting::of(Purpose::STAR, Admission::Open);
    meeting.comes(&[BEA]);
    meeting.comes_by_hand(&[BEA, DAN]);
    cases.push(("in a star only hosts have seats", meeting, "Ada:0 Bea:0 Cleo", HOSTS, false));
    let mut meeting = Meeting::new();
    meeting.door(ADA, Door::Locked, &[]);
    let mut other = Meeting { rivals: Vec::new(), ..Meeting::new() };
    other.kick(ADA, BEA, &[]);
    let stream = StreamId { author: key(ADA), session: 1, lane: Lane::Acts };
    let rivals = other.log.acts().filter(|act| act.id == stream && act.number == 3);
    meeting.rivals.extend(rivals.cloned());
    let about = "a fork voids both of its acts, and what comes after them";
    meeting.appoint(ADA, GUS);
    cases.push((about, meeting, ALL, HOSTS, false));
    cases
}

fn who_is_admitted() -> Vec<Case> {
    let lets_in = |admission| {
        let mut meeting = Meeting::of(Purpose::MESH, admission);
        let proofs = [DAN, EVE].map(|who| meeting.proof(who));
        meeting.comes_in(&[BEA, DAN], 1, Manner::Unasked, Some(proofs[0]));
        meeting.comes_in(&[BEA, EVE], 1, Manner::ByHand, None);
        meeting.comes_in(&[BEA, EVE, FAY], 1, Manner::ByHand, Some(proofs[1]));
        meeting.comes(&[BEA, GUS]);
        meeting
    };
    let mut cases = vec![
        ("open: whoever has a chain", lets_in(Admission::Open), "Ada:0 Bea Cleo Eve:0 Dan:0 Gus:0 Fay:0", HOSTS, false),
        (
            "a ticket: by its own proof, or by a host's hand",
            lets_in(Admission::Ticket),
            "Ada:0 Bea Cleo Eve:0 Dan:0",
            HOSTS,
            false,
        ),
        (
            "a lobby: by a host's hand, not by a member's",
            lets_in(Admission::Lobby),
            "Ada:0 Bea Cleo Eve:0",
            HOSTS,
            false,
        ),
        (
            "ticket and lobby: by a host's hand alone",
            lets_in(Admission::TicketAndLobby),
            "Ada:0 Bea Cleo Eve:0",
            HOSTS,
            false,
        ),
    ];
    let mut meeting = Meeting::of(Purpose::MESH, Admission::Ticket);
    let meeting_id = meeting.charter.meeting;
    let other = Secret([0xdd; 32]);
    let other_key = Identity::new(other, Arc::new(Ed25519)).key();
    let endorsement = person(ADA).sign(Domain::Ticket, &[&meeting_id.0, &other_key.0]);
    for (who, endorsement) in [(DAN, Some(endorsement)), (EVE, Some(Signature([1; 64])))] {
        let proof = prove_ticket(other, endorsement, meeting_id, &person(who));
        meeting.comes_in(&[who], 1, Manner::Unasked, Some(proof));
    }
    for who in [FAY, GUS] {
        let proof = meeting.proof(who);
        meeting.comes_in(&[who], 1, Manner::Unasked, Some(proof));
    }
    meeting.revoke(BEA, ticket(), Level::Out, Vec::new(), &[FAY]);
    let about = "a ticket that the founder endorsed lets in; one that is void only whom the revoke keeps";
    cases.push((about, meeting, "Ada:0 Bea Cleo Fay:0 Dan:0", HOSTS, false));
    let mut meeting = Meeting::of(Purpose::MESH, Admission::Open);
    meeting.comes(&[DAN]);
    meeting.comes(&[EVE]);
    meeting.comes_by_hand(&[BEA, FAY]);
    meeting.comes_by_hand(&[CLEO, GUS]);
    meeting.door(ADA, Door::Locked, &[]);
    meeting.door(BEA, Door::Locked, &[DAN]);
    let about =
        "the last lock counts: whom it keeps, and whom a host that ranks as high as its author has let in by hand";
    cases.push((about, meeting.clone(), "Ada:0 Bea Cleo Dan:0 Fay:0", HOSTS, true));
    meeting.door(CLEO, Door::Unlocked, &[]);
    cases.push(("any host opens it", meeting, "Ada:0 Bea Cleo Eve:0 Dan:0 Fay:0 Gus:0", HOSTS, false));
    cases
}

/// What core makes of a meeting, in words.
fn seats(roster: &Roster) -> String {
    let floor = |key: &Key| match roster.floor(key) {
        None => String::new(),
        Some(u64::MAX) => ":-".into(),
        Some(floor) => format!(":{floor}"),
    };
    let seats = roster.members().map(|member| format!("{}{}", name(&member.key), floor(&member.key)));
    seats.collect::<Vec<_>>().join(" ")
}

fn case((about, mut meeting, expected, ranks, locked): Case) -> String {
    let us = person(GUS);
    let entries: Vec<Arc<Held>> = meeting.log.entries().chain(&meeting.rivals).cloned().collect();
    let mut forks = Vec::new();
    for rival in &meeting.rivals {
        forks.push((rival.id, rival.number));
        meeting.log.void(rival.id, rival.number);
    }
    let roster = Roster::fold(&meeting.log, &meeting.charter, &us);
    assert_eq!(seats(&roster), expected, "{about}");
    assert_eq!(roster.hosts().iter().map(name).collect::<Vec<_>>().join(" "), ranks, "{about}");
    assert_eq!(roster.is_locked(), locked, "{about}");
    let model = Model::new(&meeting.charter, &us, &entries, &forks);
    let keys: Vec<Key> = roster.members().map(|member| member.key).collect();
    assert_eq!(keys, model.seats(), "{about}: the model of the page");
    let seats = keys.iter().map(|key| {
        let floor = roster.floor(key).filter(|floor| *floor < u64::MAX);
        let floor = floor.map_or("null".into(), |floor| floor.to_string());
        object(4, &[("key", hex(&key.0)), ("here", roster.is_here(key).to_string()), ("floor", floor)])
    });
    let hosts: Vec<String> = roster.hosts().iter().map(|key| hex(&key.0)).collect();
    let frames: BTreeSet<String> = entries.iter().map(|entry| hex(&entry.frame.0)).collect();
    let frames: Vec<String> = frames.into_iter().collect();
    let fields = [
        ("about", text(about)),
        ("charter", hex(meeting.charter.bytes())),
        ("entries", list(3, &frames)),
        ("ranks", list(3, &hosts)),
        ("locked", locked.to_string()),
        ("seats", list(3, &seats.collect::<Vec<_>>())),
    ];
    object(2, &fields)
}

#[test]
fn the_seats_are_as_the_vectors_say() {
    let people = (1..).zip(NAMES).map(|(who, name)| {
        object(2, &[("name", text(name)), ("secret", hex(&[who; 32])), ("key", hex(&person(who).key().0))])
    });
    let cases = [who_is_out(), who_is_back(), whose_chain_counts(), who_is_admitted()].into_iter().flatten().map(case);
    let parts = [
        ("license", text("CC0-1.0")),
        ("about", text(ABOUT)),
        ("people", list(1, &people.collect::<Vec<_>>())),
        ("meetings", list(1, &cases.collect::<Vec<_>>())),
    ];
    compare("seats.json", &format!("{}\n", object(0, &parts)));
}
