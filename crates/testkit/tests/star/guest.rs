use std::collections::BTreeSet;

use tertulia_core::code::Code;
use tertulia_core::command::{Command, Failure};
use tertulia_core::event::{Asked, Event, Kind, Notice};
use tertulia_core::id::{CommandId, DialId, Key, LinkId, MeetingId, Salt, Token};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::limits;
use tertulia_core::log::{Log, Record, entry_of};
use tertulia_core::machine::{Input, Output};
use tertulia_core::node::Node;
use tertulia_core::pass::Chain;
use tertulia_core::rule::Rule;
use tertulia_core::star::{Attendee, NewcomerConfig};
use tertulia_core::ticket::Ticket;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{Entry, EntryBody, Heard};
use tertulia_core::wire::field::{List, Name, Reason, Text, encode_items};
use tertulia_core::wire::meeting::{EntryFrame, Fetch, Join, Meeting, Person, Presence, Rename, Whereabouts};
use tertulia_core::wire::option::{self, TicketProof};
use tertulia_core::wire::private::{Ask, Private, Tell};
use tertulia_core::wire::session::{Done, Hello, Purpose, Refused, Session};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::frames::ask;
use tertulia_testkit::lecture::{START_MS, ada, bea, chain, charter, identity, lecture, ticket_proof};

use crate::{ADDRESS, Bench, NONE, events, names, refused, sent};

pub(crate) const HOST: LinkId = LinkId(1);

pub(crate) fn config() -> NewcomerConfig {
    let addresses = vec!["192.0.2.1:7473".to_owned()];
    let ticket = Ticket {
        meeting: charter().meeting,
        host: ada().key(),
        seed: Some(Secret([0xcc; 32])),
        endorsement: None,
        addresses: addresses.clone(),
    };
    NewcomerConfig {
        identity: bea(),
        name: "bea".into(),
        name_is_chosen: false,
        started_ms: START_MS,
        seed: [3; 32],
        meeting: charter().meeting,
        host: Some(ada().key()),
        ticket: Some(ticket),
        addresses,
        restored: None,
        others: Vec::new(),
        note: String::new(),
        talk_max: 1_000,
    }
}

/// The dial in `out`, and the name in its HELLO.
pub(crate) fn dial(out: &[Output]) -> Option<(DialId, String)> {
    out.iter().find_map(|output| match output {
        Output::Dial { id, hello, .. } => match decode(&hello.0).unwrap().frame.unwrap() {
            Frame::Session(Session::Hello(hello)) => {
                Some((*id, hello.options.find::<Name<'_>>(&option::NAME).unwrap().as_str().to_owned()))
            }
            other => panic!("{other:?}"),
        },
        _ => None,
    })
}

/// A guest who has dialled.
pub(crate) fn started(config: NewcomerConfig) -> (Bench<Node>, DialId) {
    let mut bench = Bench::new(Node::new(Attendee::new(config)));
    let out = bench.input(Input::Start);
    let (dial, _) = dial(&out).expect("a dial");
    (bench, dial)
}

pub(crate) fn up(bench: &mut Bench<Node>, link: LinkId, dial: Option<DialId>, peer: Key) -> Vec<Output> {
    let hello = Hello { purpose: Purpose::STAR, meeting: charter().meeting, started_ms: 1, options: NONE };
    bench.input(Input::Up { link, peer, address: ADDRESS, hello, dial })
}

pub(crate) fn said(name: &str) -> Encoded {
    lecture().into_iter().find(|said| said.name() == name).unwrap().frame
}

/// Gets a dial as far as WELCOME.
fn welcome(bench: &mut Bench<Node>, link: LinkId, dial: DialId) -> Vec<Output> {
    assert_eq!(names(&sent(&up(bench, link, Some(dial), ada().key()), link)), ["JOIN"]);
    bench.hear_bytes(link, &said("WELCOME"))
}

fn attending() -> Bench<Node> {
    attending_with(3)
}

/// A guest who is in, knows the host's name, and has acknowledged it.
fn attending_with(seed: u8) -> Bench<Node> {
    let (mut bench, dial) = started(NewcomerConfig { seed: [seed; 32], ..config() });
    let out = welcome(&mut bench, HOST, dial);
    assert_eq!(names(&sent(&out, HOST)), ["DIGEST"]);
    bench.hear_bytes(HOST, &said("ENTRY"));
    assert_eq!(names(&sent(&bench.pass(5_000), HOST)), ["DIGEST"]);
    bench
}

/// The link goes, the guest dials again, and is let in.
fn again(bench: &mut Bench<Node>, old: LinkId, new: LinkId) -> Vec<Output> {
    bench.input(Input::Down { link: old, code: Code::Cut });
    let (dial, _) = dial(&bench.pass(60_000)).expect("a dial");
    welcome(bench, new, dial)
}

fn command(bench: &mut Bench<Node>, id: u64, command: Command) -> Vec<Output> {
    bench.input(Input::Command { id: CommandId(id), command })
}

/// What the host writes, as ENTRY frames.
fn entries(texts: &[&str]) -> Vec<Encoded> {
    let mut log = Log::new(charter().meeting, 100);
    let now = Now { tick: Instant(0), unix_ms: START_MS };
    let body = |text| EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() };
    texts.iter().map(|text| log.write(&ada(), START_MS, &body(*text), now).unwrap().frame.clone()).collect()
}

fn id_of(frame: &Encoded) -> u32 {
    decode(&frame.0).unwrap().id.0
}

fn has_stored(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::Store { record: Record::Entry(_), .. }))
}

#[test]
fn charter_3_whoever_answers_is_the_founder() {
    let open = NewcomerConfig { meeting: MeetingId::ZERO, host: None, ticket: None, ..config() };
    let (mut bench, dial) = started(open);
    up(&mut bench, HOST, Some(dial), identity(3).key());
    assert_eq!(refused(&bench.hear_bytes(HOST, &said("WELCOME")), HOST), Some(Rule::Charter3));
}

#[test]
fn pass_1_whoever_has_a_pass_shows_it() {
    let mut bench = attending();
    bench.input(Input::Down { link: HOST, code: Code::Cut });
    let (dial, _) = dial(&bench.pass(60_000)).unwrap();
    let join = sent(&up(&mut bench, LinkId(2), Some(dial), ada().key()), LinkId(2));
    let Some(Frame::Meeting(Meeting::Join(join))) = decode(&join[0].0).unwrap().frame else { panic!("{join:?}") };
    assert_eq!(Chain::of(&join.options), chain());
    assert_eq!(join.options.find::<TicketProof>(&option::TICKET), Some(ticket_proof()));
}

#[test]
fn join_13_a_taken_name_gets_a_number_unless_its_user_chose_it() {
    let (mut bench, mut dialled) = started(config());
    for link in 1..6 {
        up(&mut bench, LinkId(link), Some(dialled), ada().key());
        let out = bench.input(Input::Down { link: LinkId(link), code: Code::NameTaken });
        let (next, called) = dial(&out).expect("a dial at once");
        let number: u64 = called.strip_prefix("bea-").unwrap().parse().unwrap();
        assert!(number == 2 || link > 1 && number > 2, "{called}");
        dialled = next;
    }
    let (mut bench, dialled) = started(NewcomerConfig { name_is_chosen: true, ..config() });
    up(&mut bench, HOST, Some(dialled), ada().key());
    let out = bench.input(Input::Down { link: HOST, code: Code::NameTaken });
    assert!(matches!(events(&out).as_slice(), [Event::Closed { code: Code::NameTaken, .. }]), "{out:?}");
}

#[test]
fn welcome_1_nothing_comes_before_welcome_and_it_comes_once() {
    let (mut bench, dial) = started(config());
    up(&mut bench, HOST, Some(dial), ada().key());
    assert_eq!(refused(&bench.hear_bytes(HOST, &said("ENTRY")), HOST), Some(Rule::Welcome1));
    let mut bench = attending();
    assert_eq!(refused(&bench.hear_bytes(HOST, &said("WELCOME")), HOST), Some(Rule::Welcome1));
}

#[test]
fn guest_2_what_only_a_guest_sends_comes_from_no_host_and_nobody_dials_a_guest() {
    let meeting = charter().meeting;
    let name = Name::new("x").unwrap();
    let frames: [Frame<'_>; 4] = [
        Join { meeting, options: NONE }.into(),
        Rename { name, options: NONE }.into(),
        Fetch { ranges: List::over(0, &[]), options: NONE }.into(),
        ask(&bea(), meeting, Token([1; 16]), Heard::NONE, ("x", "x")).into(),
    ];
    for frame in frames {
        assert_eq!(refused(&attending().hear(HOST, 1, frame), HOST), Some(Rule::Guest2), "{frame:?}");
    }
    let out = up(&mut attending(), LinkId(2), None, identity(3).key());
    assert_eq!(refused(&out, LinkId(2)), Some(Rule::Guest2));
}

#[test]
fn ask_6_what_was_not_answered_is_sent_again_with_the_same_token() {
    let (mut bench, dial) = started(config());
    assert!(sent(&command(&mut bench, 1, Command::Say { text: "Early?".into() }), HOST).is_empty());
    let out = welcome(&mut bench, HOST, dial);
    assert_eq!(names(&sent(&out, HOST)), ["DIGEST", "ASK"]);
    let mut asked = sent(&out, HOST)[1..].to_vec();
    bench.hear_bytes(HOST, &said("ENTRY"));
    for line in [Command::Say { text: "Late?".into() }, Command::Name { name: "bo".into() }] {
        asked.extend(sent(&command(&mut bench, 2, line), HOST));
    }
    let out = again(&mut bench, HOST, LinkId(2));
    let repeated = sent(&out, LinkId(2))[1..].to_vec();
    let bodies = |frames: &[Encoded]| frames.iter().map(|frame| frame.0.slice(8..)).collect::<Vec<_>>();
    assert_eq!(bodies(&repeated), bodies(&asked), "token, signature and text are the same");
    // Answered is answered.
    for frame in &repeated[..2] {
        bench.hear(LinkId(2), id_of(frame), Done { options: NONE });
    }
    let out = again(&mut bench, LinkId(2), LinkId(3));
    assert_eq!(names(&sent(&out, LinkId(3))), ["DIGEST", "RENAME"]);
}

/// One version of what the host says.
struct Version(Log);

impl Version {
    fn new() -> Self {
        Self(Log::new(charter().meeting, 1_000))
    }

    fn write(&mut self, body: &EntryBody<'_>) -> (Encoded, Heard) {
        let now = Now { tick: Instant(0), unix_ms: START_MS };
        let entry = self.0.write(&ada(), START_MS, body, now).unwrap();
        (entry.frame.clone(), Heard { session: START_MS, number: entry.number, head: entry.hash })
    }

    fn text(&mut self, text: &str) -> (Encoded, Heard) {
        self.write(&EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() })
    }

    /// A question whose asker has heard so much, and has drawn this token.
    fn question(&mut self, asker: &Identity, name: &str, heard: Heard, token: u8) -> Encoded {
        let question = ask(asker, charter().meeting, Token([token; 16]), heard, (name, "Why?"));
        self.write(&question.published(asker.key())).0
    }
}

/// What is told of the one question in `out`, and how many stories the host has told by then.
fn told(out: &[Output]) -> (Option<Asked>, usize) {
    let events = events(out);
    let stories = events.iter().filter(|event| matches!(event, Event::Warning(Notice::TwoStories { .. }))).count();
    let asked = events.iter().find_map(|event| match event {
        Event::Message { kind: Kind::Question(_, asked), .. } => Some(*asked),
        _ => None,
    });
    (asked, stories)
}

#[test]
fn ask_9_what_does_not_fit_is_signed_anew_with_the_same_token_three_times() {
    let mut bench = attending();
    let mut version = Version::new();
    let (one, heard) = version.text("one");
    bench.hear_bytes(HOST, &one);
    let mut asked = sent(&command(&mut bench, 1, Command::Say { text: "Why?".into() }), HOST);
    let look = |frame: &Encoded| match decode(&frame.0).unwrap().frame.unwrap() {
        Frame::Private(Private::Ask(Ask { token, heard, name, .. })) => (token, heard, name.as_str().to_owned()),
        other => panic!("{other:?}"),
    };
    let (token, first, _) = look(&asked[0]);
    assert_eq!(first, heard);
    let refuse = |bench: &mut Bench<Node>, asked: &[Encoded]| {
        bench.hear(HOST, id_of(&asked[0]), Refused { code: Code::Differs, reason: Reason::NONE, options: NONE })
    };
    for number in 2..5 {
        let (next, heard) = version.text("more");
        bench.hear_bytes(HOST, &next);
        asked = sent(&refuse(&mut bench, &asked), HOST);
        assert_eq!(look(&asked[0]), (token, heard, "bea".to_owned()), "what it holds by then: {number}");
    }
    let out = refuse(&mut bench, &asked);
    assert!(sent(&out, HOST).is_empty());
    let failure = Failure::Differs { number: 4 };
    assert_eq!(events(&out), [&Event::Error { failure, id: Some(CommandId(1)) }]);
}

#[test]
fn ask_10_two_versions_of_an_entry_are_found_out_by_a_question() {
    let (mut bench, cy) = (attending(), identity(3));
    let [mut here, mut there] = [(); 2].map(|()| Version::new());
    let ((one, heard), (_, elsewhere)) = (here.text("one"), there.text("another"));
    bench.hear_bytes(HOST, &one);
    for (heard, stories) in [
        (heard, 0),
        (Heard::NONE, 0),
        (elsewhere, 1),
        // Not before the question itself.
        (Heard { number: 5, ..heard }, 1),
        (Heard { session: heard.session + 1, ..heard }, 1),
        // Nobody here can tell.
        (Heard { session: heard.session - 1, ..heard }, 0),
        // But now somebody else can.
        (Heard { session: heard.session - 1, ..elsewhere }, 1),
    ] {
        let question = here.question(&cy, "cy", heard, u8::try_from(here.0.ring().head()).unwrap());
        let (asked, found) = told(&bench.hear_bytes(HOST, &question));
        assert_eq!((asked.map(|asked| asked.key), found), (Some(cy.key()), stories), "{heard:?}");
    }
}

#[test]
fn ask_11_a_question_is_shown_once() {
    let (mut bench, cy, di) = (attending(), identity(3), identity(4));
    let mut version = Version::new();
    for (asker, token, shown) in [(&cy, 1, true), (&cy, 1, false), (&cy, 2, true), (&di, 1, true), (&di, 1, false)] {
        let question = version.question(asker, "cy", Heard::NONE, token);
        let asked = told(&bench.hear_bytes(HOST, &question)).0;
        assert_eq!(asked.is_some(), shown, "{token}");
    }
}

#[test]
fn ask_12_a_name_that_somebody_else_here_has_is_shown_with_its_askers_key() {
    let (mut bench, cy, di) = (attending(), identity(3), identity(4));
    let mut version = Version::new();
    let here = |people: &[(&Identity, &str)], guests| {
        let people = people.iter().map(|(who, name)| Person {
            key: who.key(),
            whereabouts: Whereabouts::Here,
            name: Name::new(name).unwrap(),
        });
        let (count, items) = encode_items(people, 256);
        Frame::from(Presence { guests, people: List::over(count, &items), options: NONE })
            .encode(tertulia_core::id::RequestId::EVENT)
    };
    bench.hear_bytes(HOST, &here(&[(&bea(), "bea"), (&cy, "cy")], 2));
    let mut token = 0;
    let mut is_ambiguous = |bench: &mut Bench<Node>, asker: &Identity, name: &str| {
        token += 1;
        let question = version.question(asker, name, Heard::NONE, token);
        told(&bench.hear_bytes(HOST, &question)).0.expect("a question").is_ambiguous
    };
    assert!(!is_ambiguous(&mut bench, &cy, "cy"));
    // Who has left, or had another name.
    assert!(!is_ambiguous(&mut bench, &di, "di"));
    assert!(!is_ambiguous(&mut bench, &cy, "si"));
    for name in ["cy", "CY", "bea", "Ada"] {
        assert!(is_ambiguous(&mut bench, &di, name), "{name}");
    }
    assert!(!is_ambiguous(&mut bench, &bea(), "bea"));
    bench.hear_bytes(HOST, &here(&[], 300));
    assert!(is_ambiguous(&mut bench, &di, "di"), "nobody can say who is here");
    assert!(!is_ambiguous(&mut bench, &bea(), "bea"));
}

#[test]
fn a_question_says_how_much_its_asker_had_not_heard() {
    let (mut bench, cy) = (attending(), identity(3));
    let mut version = Version::new();
    let (one, first) = version.text("one");
    bench.hear_bytes(HOST, &one);
    for (token, heard, unheard) in [(1, first, 0), (2, first, 1), (3, Heard::NONE, 3)] {
        let question = version.question(&cy, "cy", heard, token);
        let asked = told(&bench.hear_bytes(HOST, &question)).0.expect("a question");
        let place = Some((heard.session, heard.number)).filter(|_| heard != Heard::NONE);
        assert_eq!((asked.heard, asked.unheard), (place, unheard), "{token}");
        bench.hear_bytes(HOST, &version.text("more").0);
    }
}

#[test]
fn token_1_no_two_texts_have_one_token() {
    let mut bench = attending();
    let mut tokens = BTreeSet::new();
    for number in 0..500 {
        let text = format!("question {}", number % 7);
        let out = if number % 2 == 0 {
            command(&mut bench, number, Command::Say { text })
        } else {
            command(&mut bench, number, Command::Msg { to: "Ada".into(), text })
        };
        let frames = sent(&out, HOST);
        let token = match decode(&frames[0].0).unwrap().frame.unwrap() {
            Frame::Private(Private::Ask(ask)) => ask.token,
            Frame::Private(Private::Tell(tell)) => tell.token,
            other => panic!("{other:?}"),
        };
        assert!(tokens.insert(token), "{token} comes twice");
        bench.hear(HOST, id_of(&frames[0]), Done { options: NONE });
    }
}

#[test]
fn token_2_a_whisper_that_comes_again_is_answered_and_not_shown_again() {
    let mut bench = attending();
    for (id, shown) in [(1, 1), (2, 0)] {
        let tell = Tell { token: Token([1; 16]), text: Text::new("psst").unwrap(), options: NONE };
        let out = bench.hear(HOST, id, tell);
        assert_eq!((names(&sent(&out, HOST)), events(&out).len()), (vec!["OK"], shown));
    }
}

#[test]
fn dial_2_waits_are_random_and_grow_up_to_5_s() {
    let mut longest = [0; 10];
    for seed in 0..64 {
        let mut bench = attending_with(seed);
        let mut down = bench.input(Input::Down { link: HOST, code: Code::Cut });
        for longest in &mut longest {
            assert!(dial(&down).is_none());
            let told = down.iter().find_map(|output| match output {
                Output::Event(Event::Retry { after_ms }) => Some(*after_ms),
                _ => None,
            });
            let before = bench.millis;
            let dialled = loop {
                if let Some((dialled, _)) = dial(&bench.pass(1)) {
                    break dialled;
                }
                assert!(bench.millis - before < 60_000, "it does not dial");
            };
            assert_eq!(told.map(|told| told.max(1)), Some(bench.millis - before), "as its user was told");
            *longest = (*longest).max(bench.millis - before);
            down = bench.input(Input::Unreachable { dial: dialled, code: Code::Unreachable });
        }
    }
    for (failures, longest) in longest.into_iter().enumerate() {
        let bound = (500 << failures.min(10)).min(5_000);
        assert!(longest <= bound && longest > bound * 8 / 10, "after {failures}: {longest} of {bound} ms");
    }
}

#[test]
fn dial_3_there_are_ends_after_which_nobody_dials_again() {
    use Code::{
        Banned, Denied, Ended, Full, Kicked, Locked, NoMeeting, NoSuchHost, SelfLink, Superseded, TicketNeeded,
        TooDeep, VersionUnknown, WrongKey, WrongKind,
    };
    // NAME_TAKEN is JOIN-13's.
    let always = [Ended, Kicked, Banned, Denied, TicketNeeded, Superseded, SelfLink];
    let at_first = [Locked, Full, TooDeep, NoMeeting, NoSuchHost, WrongKey, VersionUnknown, WrongKind];
    let codes = Code::TABLE.iter().map(|(number, ..)| Code::from_number(*number));
    for code in codes.filter(|code| *code != Code::NameTaken).chain([Code::Other(0x7fff)]) {
        let (mut newcomer, dialled) = started(config());
        up(&mut newcomer, HOST, Some(dialled), ada().key());
        let mut member = attending();
        for (bench, is_final) in
            [(&mut newcomer, always.contains(&code) || at_first.contains(&code)), (&mut member, always.contains(&code))]
        {
            let mut out = bench.input(Input::Down { link: HOST, code });
            out.extend(bench.pass(2_000));
            let is_over = events(&out).iter().any(|event| matches!(event, Event::Closed { .. }));
            assert_eq!((dial(&out).is_some(), is_over), (!is_final, is_final), "{code}");
        }
    }
}

#[test]
fn digest_4_changes_are_told_within_five_seconds_and_no_more_often() {
    let mut bench = attending();
    let texts = entries(&["one", "two", "three"]);
    bench.hear_bytes(HOST, &texts[0]);
    bench.pass(1_000);
    bench.hear_bytes(HOST, &texts[1]);
    assert!(sent(&bench.pass(3_999), HOST).is_empty());
    let frames = sent(&bench.pass(1), HOST);
    let Some(Frame::Meeting(Meeting::Digest(digest))) = decode(&frames[0].0).unwrap().frame else {
        panic!("{frames:?}")
    };
    let rows: Vec<_> = digest.rows.iter().map(|row| (row.first, row.next)).collect();
    assert_eq!((frames.len(), rows), (1, vec![(1, 3)]));
    bench.hear_bytes(HOST, &texts[2]);
    assert!(sent(&bench.pass(4_999), HOST).is_empty());
    assert_eq!(names(&sent(&bench.pass(1), HOST)), ["DIGEST"]);
    assert!(sent(&bench.pass(60_000), HOST).is_empty(), "nothing has changed");
}

#[test]
fn store_3_what_is_held_already_is_dropped() {
    let mut bench = attending();
    let text = &entries(&["one"])[0];
    assert!(has_stored(&bench.hear_bytes(HOST, text)));
    assert!(bench.hear_bytes(HOST, text).is_empty());
    // Even with a signature that does not hold: it is not looked at.
    let mut forged = text.0.to_vec();
    forged[8 + Entry::LENGTH] ^= 1;
    assert!(bench.hear_bytes(HOST, &Encoded(forged.into())).is_empty());
}

#[test]
fn fork_2_whoever_finds_a_fork_sends_the_proof_back() {
    let mut bench = attending();
    bench.hear_bytes(HOST, &entries(&["Yes."])[0]);
    let out = bench.hear_bytes(HOST, &entries(&["No."])[0]);
    assert_eq!(names(&sent(&out, HOST)), ["FORK"]);
    assert!(matches!(events(&out).as_slice(), [Event::Warning(Notice::ForkOfHost)]), "{out:?}");
    assert!(!has_stored(&out));
}

#[test]
fn fetch_2_what_lies_between_is_asked_for_once_and_again_after_three_seconds() {
    let mut bench = attending();
    let texts = entries(&["one", "two", "three", "four", "five"]);
    bench.hear_bytes(HOST, &texts[0]);
    let out = bench.hear_bytes(HOST, &texts[3]);
    let frames = sent(&out, HOST);
    let range = |frames: &[Encoded]| match decode(&frames[0].0).unwrap().frame.unwrap() {
        Frame::Meeting(Meeting::Fetch(fetch)) => fetch.ranges.iter().map(|range| (range.from, range.to)).collect(),
        other => panic!("{other:?}"),
    };
    let ranges: Vec<_> = range(&frames);
    assert_eq!((has_stored(&out), ranges), (false, vec![(2, 5)]));
    assert!(sent(&bench.hear_bytes(HOST, &texts[4]), HOST).is_empty(), "one open FETCH a stream");
    let later = sent(&bench.pass(u64::try_from(limits::FETCH_TIMEOUT.as_millis()).unwrap()), HOST);
    assert_eq!(range(&later), [(2, 6)], "up to the highest that was sent");
    for text in &texts[1..] {
        assert!(has_stored(&bench.hear_bytes(HOST, text)));
    }
    bench.hear(HOST, id_of(&later[0]), Done { options: NONE });
    assert_eq!(
        names(&sent(&bench.hear_bytes(HOST, &entries(&["1", "2", "3", "4", "5", "6", "7"])[6]), HOST)),
        ["FETCH"]
    );
}

#[test]
fn entry_5_nobody_but_the_founder_is_an_author() {
    let mut log = Log::new(charter().meeting, 10);
    let now = Now { tick: Instant(0), unix_ms: 0 };
    let entry = log
        .write(&identity(3), 1, &EntryBody::Text { salt: Salt::ZERO, text: Text::new("psst").unwrap() }, now)
        .unwrap()
        .frame
        .clone();
    let entry = entry_of(&entry).unwrap();
    assert_eq!(refused(&attending().hear(HOST, 0, EntryFrame { entry, options: NONE }), HOST), Some(Rule::Entry5));
}

fn presence(bench: &mut Bench<Node>, guests: u32, people: &[(u8, Whereabouts, &str)]) -> Vec<String> {
    let people = people.iter().map(|(key, whereabouts, name)| Person {
        key: identity(*key).key(),
        whereabouts: *whereabouts,
        name: Name::new(name).unwrap(),
    });
    let (count, items) = encode_items(people, limits::PRESENCE_NAMES_MAX);
    bench.hear(HOST, 0, Presence { guests, people: List::over(count, &items), options: NONE });
    let out = command(bench, 1, Command::Users);
    let members = out.iter().find_map(|output| match output {
        Output::Event(Event::Roster { members, guests: count }) if *count == guests => Some(members),
        _ => None,
    });
    members.expect("a roster").iter().skip(1).map(|member| member.name.clone()).collect()
}

#[test]
fn presence_1_and_presence_3_a_guest_knows_who_is_here() {
    use Whereabouts::{Gone, Here};
    let mut bench = attending();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(presence(&mut bench, 3, &[(1, Here, "a"), (2, Here, "b"), (3, Here, "c")])), ["a", "b", "c"]);
    assert_eq!(sorted(presence(&mut bench, 3, &[(4, Here, "d"), (1, Gone, "a")])), ["b", "c", "d"]);
    assert_eq!(sorted(presence(&mut bench, 3, &[(2, Here, "bo")])), ["bo", "c", "d"]);
    // As many here as there are guests: everybody.
    assert_eq!(sorted(presence(&mut bench, 2, &[(2, Here, "bo"), (5, Here, "e")])), ["bo", "e"]);
    assert!(presence(&mut bench, 257, &[]).is_empty());
    assert_eq!(sorted(presence(&mut bench, 1, &[(5, Here, "e")])), ["e"]);
    assert!(presence(&mut bench, 0, &[(5, Gone, "e")]).is_empty());
}

#[test]
fn show_2_a_guest_is_told_of_one_who_comes_and_goes_only_so_often() {
    let (mut bench, eve) = (attending(), identity(9).key());
    let is_line = |event: &&Event| matches!(event, Event::Joined { key, .. } | Event::Left { key, .. } if *key == eve);
    let mut lines = Vec::new();
    for second in 0..61 {
        let whereabouts = if second % 2 == 0 { Whereabouts::Here } else { Whereabouts::Gone };
        let (bea, name) = (bea().key(), |name| Name::new(name).unwrap());
        let people = [(bea, Whereabouts::Here, name("bea")), (eve, whereabouts, name("eve"))];
        let people = people.map(|(key, whereabouts, name)| Person { key, whereabouts, name });
        let (count, items) = encode_items(people, 2);
        let presence = Presence { guests: 2, people: List::over(count, &items), options: NONE };
        let mut out = bench.hear(HOST, 0, presence);
        out.extend(bench.pass(1_000));
        lines.extend(events(&out).into_iter().filter(is_line).cloned());
    }
    lines.extend(events(&bench.pass(10_000)).into_iter().filter(is_line).cloned());
    assert!((6..=6 + 14).contains(&lines.len()), "{} lines in 71 s", lines.len());
    assert!(matches!(lines.last(), Some(Event::Joined { .. })), "and in the end, how it is");
}
