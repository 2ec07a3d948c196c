use std::net::{Ipv4Addr, SocketAddr};

use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::code::Code;
use tertulia_core::command::{Command, With};
use tertulia_core::event::Event;
use tertulia_core::id::{CommandId, Hash, Key, LinkId, MeetingId, Salt, Signature, Token};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::limits::{FETCH_ENTRIES_MAX, PRESENCE_NAMES_MAX, TOKENS_MAX};
use tertulia_core::log::{Held, Log, entry_of, hash};
use tertulia_core::machine::{Input, Output};
use tertulia_core::node::Node;
use tertulia_core::pass::Chain;
use tertulia_core::roster::Roster;
use tertulia_core::rule::Rule;
use tertulia_core::star::{Host, HostConfig, Tickets};
use tertulia_core::ticket::prove_ticket;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{Door, EntryBody, Heard, Level, Role};
use tertulia_core::wire::field::{List, Name, Reason, Text, Title, encode_items};
use tertulia_core::wire::meeting::{
    Digest, EntryFrame, Fetch, Join, Lane, Meeting, Presence, Range, Rename, Row, Whereabouts,
};
use tertulia_core::wire::option::{self, OptionsBuffer};
use tertulia_core::wire::private::{Ask, Tell};
use tertulia_core::wire::session::{Hello, Ping, Purpose, Session};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::frames::ask;
use tertulia_testkit::lecture::{START_MS, ada, bea, identity, ticket};

use crate::{ADDRESS, Bench, NONE, closed, events, names, refused, sent};

pub(crate) const BEA: LinkId = LinkId(1);

pub(crate) fn charter(admission: Admission, guests: u32) -> SignedCharter {
    charter_of(admission, guests, u32::MAX)
}

pub(crate) fn charter_of(admission: Admission, guests: u32, history: u32) -> SignedCharter {
    let ticket = if admission.has_tickets() { ticket().key() } else { Key::ZERO };
    let terms = Terms {
        kind: Purpose::STAR,
        founder: ada().key(),
        nonce: Token([1; 16]),
        admission,
        ticket,
        questions: Questions::Open,
        history,
        guests,
        title: Title::new("Rust").unwrap(),
    };
    SignedCharter::found(terms, &ada()).unwrap()
}

pub(crate) fn host(charter: SignedCharter) -> Bench<Node> {
    let log = Log::new(charter.meeting, 10_000);
    host_again(charter, log)
}

/// A host of which an earlier run has kept something.
fn host_again(charter: SignedCharter, log: Log) -> Bench<Node> {
    let config = HostConfig {
        identity: ada(),
        tickets: Tickets::first(charter.admission.has_tickets().then_some(Secret([0xcc; 32])), &ada()),
        log,
        charter,
        name: "Ada".into(),
        started_ms: START_MS,
        seed: [1; 32],
        filter: Vec::new(),
        addresses: vec!["192.0.2.1:7473".into()],
    };
    let mut bench = Bench::new(Node::new(Host::new(config)));
    bench.input(Input::Start);
    bench
}

fn open() -> Bench<Node> {
    host(charter(Admission::Open, 1_000))
}

pub(crate) fn up(bench: &mut Bench<Node>, link: LinkId, guest: &Identity, name: &str) -> Vec<Output> {
    let mut options = OptionsBuffer::default();
    if let Some(name) = Name::new(name) {
        options.set(&option::NAME, &name);
    }
    let (purpose, meeting) = (Purpose::STAR, MeetingId::ZERO);
    let hello = Hello { purpose, meeting, started_ms: 1, options: options.options() };
    // Each from elsewhere.
    let address = SocketAddr::new(Ipv4Addr::from_bits(u32::try_from(link.0).unwrap()).into(), 40_000);
    bench.input(Input::Up { link, peer: guest.key(), address, hello, dial: None })
}

pub(crate) fn join(bench: &mut Bench<Node>, link: LinkId) -> Vec<Output> {
    bench.hear(link, 1, Join { meeting: MeetingId::ZERO, options: NONE })
}

/// A guest who is in.
pub(crate) fn enter(bench: &mut Bench<Node>, link: LinkId, guest: &Identity, name: &str) -> Vec<Output> {
    assert!(up(bench, link, guest, name).is_empty());
    let out = join(bench, link);
    assert_eq!(names(&sent(&out, link)), ["WELCOME", "PRESENCE"]);
    out
}

pub(crate) fn command(bench: &mut Bench<Node>, command: Command) -> Vec<Output> {
    bench.input(Input::Command { id: CommandId(1), command })
}

pub(crate) fn say(bench: &mut Bench<Node>, text: &str) -> Encoded {
    let out = command(bench, Command::Say { text: text.into() });
    let entry =
        out.iter().find_map(|output| if let Output::Append { entry, .. } = output { Some(entry) } else { None });
    entry.expect("an entry").frame.clone()
}

fn with<T>(frame: &Encoded, look: impl FnOnce(&Meeting<'_>) -> T) -> T {
    match decode(&frame.0).unwrap().frame.unwrap() {
        Frame::Meeting(frame) => look(&frame),
        other => panic!("{other:?}"),
    }
}

/// Count, and who is here or gone, of the PRESENCE in `out`.
fn presence(out: &[Output], link: LinkId) -> Option<(u32, Vec<(String, Whereabouts)>)> {
    let frame = sent(out, link).into_iter().find(|frame| names(std::slice::from_ref(frame)) == ["PRESENCE"])?;
    with(&frame, |frame| match frame {
        Meeting::Presence(Presence { guests, people, .. }) => {
            Some((*guests, people.iter().map(|person| (person.name.as_str().into(), person.whereabouts)).collect()))
        }
        other => panic!("{other:?}"),
    })
}

#[test]
fn join_1_nothing_of_the_meeting_comes_before_join_and_join_comes_once() {
    let mut bench = open();
    up(&mut bench, BEA, &bea(), "bea");
    assert_eq!(
        refused(&bench.hear(BEA, 0, Digest { rows: List::over(0, &[]), options: NONE }), BEA),
        Some(Rule::Join1)
    );
    enter(&mut bench, LinkId(2), &bea(), "bea");
    assert_eq!(refused(&join(&mut bench, LinkId(2)), LinkId(2)), Some(Rule::Join1));
}

#[test]
fn join_14_a_lecture_takes_only_who_wants_a_star() {
    let mut bench = open();
    let (purpose, meeting) = (Purpose(9), MeetingId::ZERO);
    let hello = Hello { purpose, meeting, started_ms: 1, options: NONE };
    let out = bench.input(Input::Up { link: BEA, peer: bea().key(), address: ADDRESS, hello, dial: None });
    assert_eq!(refused(&out, BEA), Some(Rule::Join14));
}

#[test]
fn join_2_only_this_meeting_is_held_here() {
    let mut bench = open();
    up(&mut bench, LinkId(2), &bea(), "bea");
    let out = bench.hear(LinkId(2), 1, Join { meeting: MeetingId([7; 16]), options: NONE });
    assert_eq!(refused(&out, LinkId(2)), Some(Rule::Join2));
}

#[test]
fn digest_1_a_newcomer_is_told_of_every_stream_however_many_there_are() {
    let charter = charter(Admission::Open, 1_000);
    let mut log = Log::new(charter.meeting, 10);
    let door = EntryBody::Policy { door: Door::Unlocked, kept: List::NONE };
    let now = Now { tick: Instant(0), unix_ms: 0 };
    (1..=300).for_each(|session| drop(log.write(&ada(), session, &door, now).unwrap()));
    drop(log.unkept());
    let mut bench = host_again(charter, log);
    up(&mut bench, BEA, &bea(), "bea");
    let out = join(&mut bench, BEA);
    let frames = sent(&out, BEA);
    assert_eq!(names(&frames), ["WELCOME", "DIGEST", "PRESENCE"]);
    let welcome =
        with(&frames[0], |frame| if let Meeting::Welcome(welcome) = frame { welcome.rows.len() } else { panic!() });
    let rest = with(&frames[1], |frame| if let Meeting::Digest(digest) = frame { digest.rows.len() } else { panic!() });
    assert_eq!((welcome, rest), (256, 46), "the 300, and what this run has written: its name, and what nobody knows");
}

#[test]
fn join_6_a_full_meeting_takes_nobody() {
    let mut bench = host(charter(Admission::Open, 2));
    enter(&mut bench, LinkId(1), &identity(1), "a");
    enter(&mut bench, LinkId(2), &identity(2), "b");
    up(&mut bench, LinkId(3), &identity(3), "c");
    assert_eq!(refused(&join(&mut bench, LinkId(3)), LinkId(3)), Some(Rule::Join6));
    bench.input(Input::Down { link: LinkId(1), code: Code::Left });
    enter(&mut bench, LinkId(4), &identity(3), "c");
}

#[test]
fn join_8_looking_for_a_free_name_costs_nothing() {
    let mut bench = open();
    enter(&mut bench, LinkId(1), &identity(1), "student");
    for link in 2..9 {
        up(&mut bench, LinkId(link), &identity(2), "student");
        assert_eq!(refused(&join(&mut bench, LinkId(link)), LinkId(link)), Some(Rule::Join7));
    }
    enter(&mut bench, LinkId(9), &identity(2), "student-2");
}

#[test]
fn join_9_who_does_not_join_in_time_is_sent_away() {
    let mut bench = open();
    up(&mut bench, BEA, &bea(), "bea");
    assert!(bench.pass(4_999).is_empty());
    assert_eq!(refused(&bench.pass(1), BEA), Some(Rule::Join9));
}

#[test]
fn join_12_a_guest_has_a_name() {
    assert_eq!(refused(&up(&mut open(), BEA, &bea(), ""), BEA), Some(Rule::Join12));
}

#[test]
fn entry_5_a_guest_writes_nothing() {
    let mut bench = open();
    enter(&mut bench, BEA, &bea(), "bea");
    let mut log = Log::new(charter(Admission::Open, 1_000).meeting, 10);
    let now = Now { tick: Instant(0), unix_ms: 0 };
    let entry = log
        .write(&bea(), 1, &EntryBody::Text { salt: Salt::ZERO, text: Text::new("I am the host").unwrap() }, now)
        .unwrap()
        .frame
        .clone();
    let entry = entry_of(&entry).unwrap();
    assert_eq!(refused(&bench.hear(BEA, 0, EntryFrame { entry, options: NONE }), BEA), Some(Rule::Entry5));
}

/// What somebody called bea asks.
fn question<'a>(guest: &Identity, heard: Heard, text: &'a str) -> Ask<'a> {
    ask(guest, charter(Admission::Open, 1_000).meeting, Token([1; 16]), heard, ("bea", text))
}

#[test]
fn ask_1_nobody_asks_in_anothers_name() {
    let good = question(&bea(), Heard::NONE, "Why?");
    for question in [
        question(&identity(3), Heard::NONE, "Why?"),
        Ask { token: Token([2; 16]), ..good },
        Ask { heard: Heard { number: 1, ..Heard::NONE }, ..good },
        Ask { name: Name::new("be").unwrap(), ..good },
        Ask { text: Text::new("Why not?").unwrap(), ..good },
        Ask { signature: Signature::ZERO, ..good },
    ] {
        let mut bench = open();
        enter(&mut bench, BEA, &bea(), "bea");
        assert_eq!(refused(&bench.hear(BEA, 2, question), BEA), Some(Rule::Ask1), "{question:?}");
    }
}

/// What the host has written.
fn written(out: &[Output]) -> Vec<Heard> {
    let heard = |entry: &Held| Heard { session: entry.id.session, number: entry.number, head: entry.hash };
    let appended = |output: &Output| match output {
        Output::Append { entry, .. } => Some(heard(entry)),
        _ => None,
    };
    out.iter().filter_map(appended).collect()
}

/// The code of the ERROR in what is sent to Bea.
fn error(out: &[Output]) -> Option<Code> {
    sent(out, BEA).iter().find_map(|frame| match decode(&frame.0).unwrap().frame {
        Some(Frame::Session(Session::Refused(error))) => Some(error.code),
        _ => None,
    })
}

#[test]
fn ask_8_a_host_publishes_what_was_asked_after_what_it_has_said_under_the_name_that_the_asker_has_here() {
    let mut bench = open();
    enter(&mut bench, BEA, &bea(), "bea");
    let heard = written(&command(&mut bench, Command::Say { text: "one".into() }))[0];
    let meeting = charter(Admission::Open, 1_000).meeting;
    let wrong = [
        Heard { session: heard.session + 1, ..heard },
        Heard { number: 2, ..heard },
        Heard { number: 0, ..heard },
        Heard { head: Hash([7; 32]), ..heard },
        Heard { head: Hash::ZERO, ..heard },
    ];
    for (id, heard) in (2..).zip(wrong) {
        let out = bench.hear(BEA, id, question(&bea(), heard, "Why?"));
        assert_eq!((error(&out), written(&out).len()), (Some(Code::Differs), 0), "{heard:?}");
    }
    let out = bench.hear(BEA, 12, ask(&bea(), meeting, Token([1; 16]), heard, ("Bea", "Why?")));
    assert_eq!((error(&out), written(&out).len()), (Some(Code::Differs), 0));
    // The same token, signed anew.
    let out = bench.hear(BEA, 13, question(&bea(), heard, "Why?"));
    assert_eq!((names(&sent(&out, BEA)), written(&out).len()), (vec!["OK"], 1));
    // And again, whatever it says now: it has been published.
    let out = bench.hear(BEA, 14, question(&bea(), wrong[0], "Why?"));
    assert_eq!((names(&sent(&out, BEA)), written(&out).len()), (vec!["OK"], 0));
}

#[test]
fn ask_8_after_a_restart_what_an_earlier_run_has_said_is_still_borne_out() {
    let charter = charter(Admission::Open, 1_000);
    let meeting = charter.meeting;
    let mut log = Log::new(meeting, 2);
    let now = Now { tick: Instant(0), unix_ms: START_MS };
    let said: Vec<Heard> = ["one", "two", "three"]
        .into_iter()
        .map(|text| {
            let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() };
            let entry = log.write(&ada(), 7, &body, now).unwrap();
            Heard { session: 7, number: entry.number, head: entry.hash }
        })
        .collect();
    let mut bench = host_again(charter, log);
    enter(&mut bench, BEA, &bea(), "bea");
    for (heard, answer) in [(said[0], "ERROR"), (said[1], "OK"), (Heard::NONE, "OK")] {
        let token = Token([u8::try_from(heard.number).unwrap(); 16]);
        let question = ask(&bea(), meeting, token, heard, ("bea", "Why?"));
        let out = bench.hear(BEA, 2 + u32::from(token.0[0]), question);
        assert_eq!(names(&sent(&out, BEA)), [answer], "{heard:?}: what it does not hold any more, it can't vouch for");
    }
}

#[test]
fn token_2_a_text_that_comes_again_is_answered_and_not_shown_again() {
    let mut bench = open();
    enter(&mut bench, BEA, &bea(), "bea");
    for (id, token, shown) in [(2, 1, 1), (3, 1, 0), (4, 2, 1), (5, 1, 0)] {
        let tell = Tell { token: Token([token; 16]), text: Text::new("hello").unwrap(), options: NONE };
        let out = bench.hear(BEA, id, tell);
        assert_eq!(names(&sent(&out, BEA)), ["OK"]);
        assert_eq!(events(&out).len(), shown, "token {token}");
    }
    // Each key has its own tokens, on whatever link it comes.
    bench.input(Input::Down { link: BEA, code: Code::Cut });
    enter(&mut bench, LinkId(2), &bea(), "bea");
    enter(&mut bench, LinkId(3), &identity(3), "cy");
    for (link, shown) in [(LinkId(2), 0), (LinkId(3), 1)] {
        let tell = Tell { token: Token([1; 16]), text: Text::new("hello").unwrap(), options: NONE };
        assert_eq!(events(&bench.hear(link, 7, tell)).len(), shown);
    }
    for token in 10..10 + u8::try_from(TOKENS_MAX).unwrap() - 1 {
        let tell = Tell { token: Token([token; 16]), text: Text::new("hello").unwrap(), options: NONE };
        bench.hear(LinkId(3), 7, tell);
    }
    let tell = Tell { token: Token([1; 16]), text: Text::new("hello").unwrap(), options: NONE };
    assert!(events(&bench.hear(LinkId(3), 8, tell)).is_empty(), "the last 64 are remembered");
}

#[test]
fn end_1_the_end_is_written_before_goodbye() {
    let mut bench = open();
    enter(&mut bench, BEA, &bea(), "bea");
    let out = command(&mut bench, Command::End);
    let append =
        out.iter().position(|output| matches!(output, Output::Append { entry, .. } if entry.lane() == Lane::Acts));
    let close = out.iter().position(|output| matches!(output, Output::Close { code: Code::Ended, .. }));
    assert!(append.is_some() && append < close, "{out:?}");
    let mut stopped = open();
    enter(&mut stopped, BEA, &bea(), "bea");
    let out = command(&mut stopped, Command::Stop);
    assert!(!out.iter().any(|output| matches!(output, Output::Append { .. })));
    assert_eq!(closed(&out), [(BEA, Code::Stopped, None)]);
}

#[test]
fn presence_1_and_presence_2_everybody_first_then_who_changed_once_a_second() {
    let mut bench = open();
    let here = |names: &[&str]| names.iter().map(|name| ((*name).into(), Whereabouts::Here)).collect::<Vec<_>>();
    let out = enter(&mut bench, LinkId(1), &identity(1), "a");
    assert_eq!(presence(&out, LinkId(1)), Some((1, here(&["a"]))));
    assert_eq!(presence(&bench.pass(5_000), LinkId(1)), Some((1, here(&["a"]))));
    let out = enter(&mut bench, LinkId(2), &identity(2), "b");
    let (count, mut everybody) = presence(&out, LinkId(2)).unwrap();
    everybody.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!((count, everybody), (2, here(&["a", "b"])));
    assert_eq!(presence(&out, LinkId(1)), None, "not yet");
    bench.hear(LinkId(2), 2, Rename { name: Name::new("bo").unwrap(), options: NONE });
    enter(&mut bench, LinkId(3), &identity(3), "c");
    bench.input(Input::Down { link: LinkId(3), code: Code::Left });
    assert!(bench.pass(999).is_empty());
    let (count, mut changed) = presence(&bench.pass(1), LinkId(1)).unwrap();
    changed.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!((count, changed), (2, vec![("bo".into(), Whereabouts::Here), ("c".into(), Whereabouts::Gone)]));
    assert!(bench.pass(10_000).is_empty(), "nothing has changed");
}

#[test]
fn presence_3_too_many_are_counted_and_not_named() {
    let mut bench = open();
    let guest = |number: u64| {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        Identity::new(Secret(secret), ada().scheme().clone())
    };
    let most = u64::try_from(PRESENCE_NAMES_MAX).unwrap();
    for number in 0..most {
        let out = enter(&mut bench, LinkId(number), &guest(number), &format!("guest-{number}"));
        assert_eq!(presence(&out, LinkId(number)).unwrap().1.len(), usize::try_from(number + 1).unwrap());
    }
    bench.pass(1_000);
    let out = enter(&mut bench, LinkId(most), &guest(most), "one-more");
    assert_eq!(presence(&out, LinkId(most)), Some((257, vec![])));
    assert_eq!(presence(&bench.pass(1_000), LinkId(0)), Some((257, vec![])));
    for number in 0..4 {
        bench.input(Input::Down { link: LinkId(number), code: Code::Left });
    }
    // PRESENCE-1: few enough again, so everybody is named.
    let (count, named) = presence(&bench.pass(1_000), LinkId(9)).unwrap();
    assert_eq!((count, named.len()), (253, 253));
    assert!(named.iter().all(|(_, whereabouts)| *whereabouts == Whereabouts::Here));
}

#[test]
fn digest_3_who_holds_another_head_is_sent_ours() {
    let mut bench = open();
    enter(&mut bench, BEA, &bea(), "bea");
    let entry = say(&mut bench, "hello");
    let value = entry_of(&entry).unwrap().entry;
    let mut row = Row {
        author: value.author,
        session: value.session,
        lane: value.lane,
        first: 1,
        next: 2,
        head: hash(charter(Admission::Open, 1_000).meeting, &entry_of(&entry).unwrap().envelope()),
    };
    for (head, answer) in [(row.head, vec![]), (Hash([9; 32]), vec![entry])] {
        row.head = head;
        let (count, items) = encode_items([row], 1);
        let out = bench.hear(BEA, 0, Digest { rows: List::over(count, &items), options: NONE });
        assert_eq!(sent(&out, BEA), answer);
    }
}

fn fetch(bench: &mut Bench<Node>, session: u64, ranges: &[(u64, u64)]) -> Vec<Output> {
    let author = ada().key();
    let ranges = ranges.iter().map(|(from, to)| Range { author, session, lane: Lane::Talk, from: *from, to: *to });
    let (count, items) = encode_items(ranges, 64);
    bench.hear(BEA, 5, Fetch { ranges: List::over(count, &items), options: NONE })
}

#[test]
fn fetch_1_an_empty_range_is_refused() {
    for range in [(0, 0), (2, 2), (3, 2)] {
        let mut bench = open();
        enter(&mut bench, BEA, &bea(), "bea");
        assert_eq!(refused(&fetch(&mut bench, START_MS, &[range]), BEA), Some(Rule::Fetch1));
    }
}

#[test]
fn fetch_3_the_answer_is_bounded_and_ends_with_ok() {
    let mut bench = open();
    enter(&mut bench, BEA, &bea(), "bea");
    assert_eq!(names(&sent(&fetch(&mut bench, START_MS, &[(1, 9)]), BEA)), ["OK"]);
    let entries: Vec<Encoded> = (0..300).map(|number| say(&mut bench, &format!("number {number}"))).collect();
    let session = entry_of(&entries[0]).unwrap().entry.session;
    let answer = sent(&fetch(&mut bench, session, &[(3, 5), (1, 2), (4, 6)]), BEA);
    assert_eq!(names(&answer), ["ENTRY", "ENTRY", "ENTRY", "ENTRY", "OK"]);
    assert_eq!(answer[..4], [0, 2, 3, 4].map(|at: usize| entries[at].clone()));
    let answer = sent(&fetch(&mut bench, session, &[(1, u64::MAX)]), BEA);
    assert_eq!((answer.len(), &answer[255]), (FETCH_ENTRIES_MAX + 1, &entries[255]));
    let long = "x".repeat(16_000);
    (0..20).for_each(|_| drop(say(&mut bench, &long)));
    let answer = sent(&fetch(&mut bench, session, &[(301, 330)]), BEA);
    let bytes: usize = answer.iter().map(|frame| frame.0.len()).sum();
    assert!((246_000..=262_144 + 8).contains(&bytes), "{bytes}");
}

#[test]
fn revoke_2_the_ticket_of_whoever_is_shown_out_is_void_too() {
    let mut bench = host(charter(Admission::Ticket, 100));
    let meeting = charter(Admission::Ticket, 100).meeting;
    let enter = |bench: &mut Bench<Node>, link, guest: &Identity, name: &str, chain: Chain| {
        let mut options = OptionsBuffer::default();
        options.set(&option::TICKET, &prove_ticket(Secret([0xcc; 32]), None, meeting, guest));
        chain.show(&mut options);
        up(bench, link, guest, name);
        bench.hear(link, 1, Join { meeting, options: options.options() })
    };
    let out = enter(&mut bench, LinkId(1), &identity(1), "a", Chain::default());
    let chain = with(&sent(&out, LinkId(1))[0], |frame| {
        if let Meeting::Welcome(welcome) = frame { Chain::shown(welcome.chain) } else { panic!() }
    });
    enter(&mut bench, LinkId(2), &identity(2), "b", Chain::default());
    let out = command(
        &mut bench,
        Command::Kick { name: "b".into(), why: "noise".into(), with: With { ticket: true, ..With::default() } },
    );
    let acts = out
        .iter()
        .filter(|output| matches!(output, Output::Append { entry, .. } if entry.lane() == Lane::Acts))
        .count();
    assert_eq!((acts, refused(&out, LinkId(2))), (2, Some(Rule::Revoke1)));
    let new = events(&out)
        .iter()
        .find_map(|event| if let Event::Ready { ticket, .. } = event { Some(ticket.clone()) } else { None });
    let new: tertulia_core::ticket::Ticket = new.expect("a new ticket").parse().unwrap();
    // The old ticket is void for newcomers, and needless for who has a pass.
    assert_eq!(
        refused(&enter(&mut bench, LinkId(3), &identity(3), "c", Chain::default()), LinkId(3)),
        Some(Rule::Join4)
    );
    bench.input(Input::Down { link: LinkId(1), code: Code::Cut });
    assert_eq!(closed(&enter(&mut bench, LinkId(4), &identity(1), "a", chain)), []);
    let mut options = OptionsBuffer::default();
    options.set(&option::TICKET, &prove_ticket(new.seed.unwrap(), new.endorsement, meeting, &identity(5)));
    up(&mut bench, LinkId(5), &identity(5), "e");
    assert_eq!(closed(&bench.hear(LinkId(5), 1, Join { meeting, options: options.options() })), []);
}

#[test]
fn roster_1_the_order_in_which_acts_come_is_nothing() {
    let charter = charter(Admission::Open, 1_000);
    let (meeting, now) = (charter.meeting, Now { tick: Instant(0), unix_ms: 0 });
    let mut written = Log::new(meeting, 10);
    let (subject, name, why) = (bea().key(), Reason::NONE, Reason::NONE);
    let revoke = |level| EntryBody::Revoke { subject, level, name, why, cuts: List::NONE, kept: List::NONE };
    let door = |door| EntryBody::Policy { door, kept: List::NONE };
    let first = [door(Door::Unlocked), revoke(Level::Out), revoke(Level::Mute)];
    let mut frames: Vec<Encoded> =
        first.iter().map(|body| written.write(&ada(), 1, body, now).unwrap().frame.clone()).collect();
    let answers = hash(meeting, &entry_of(&frames[1]).unwrap().envelope());
    let grant = EntryBody::Grant { subject, role: Role::Member, answers, session: 0, name };
    let second = [door(Door::Unlocked), door(Door::Locked), grant];
    frames.extend(second.iter().map(|body| written.write(&ada(), 2, body, now).unwrap().frame.clone()));
    let expected = Roster::fold(&written, &charter, &bea());
    assert!(expected.is_locked());
    assert!(!expected.is_revoked(&bea().key(), Level::Out) && expected.is_revoked(&bea().key(), Level::Mute));
    // Two streams, in every order that keeps each of them whole.
    for choice in 0_u32..64 {
        if choice.count_ones() != 3 {
            continue;
        }
        let (mut log, mut next) = (Log::new(meeting, 10), [0, 3]);
        for at in 0..6 {
            let stream = usize::from(choice & 1 << at == 0);
            log.offer(&entry_of(&frames[next[stream]]).unwrap(), false, &bea());
            next[stream] += 1;
        }
        assert_eq!(Roster::fold(&log, &charter, &bea()), expected, "{choice:b}");
    }
}

#[test]
fn a_ping_before_join_is_not_a_frame_of_the_meeting() {
    let mut bench = open();
    up(&mut bench, BEA, &bea(), "bea");
    assert!(bench.hear(BEA, 0, Ping { options: NONE }).is_empty());
}

#[test]
fn show_2_a_host_is_told_of_one_who_comes_and_goes_only_so_often() {
    let mut bench = open();
    let is_line = |event: &&Event| matches!(event, Event::Joined { .. } | Event::Left { .. });
    let mut lines = Vec::new();
    for number in 1..=30 {
        let link = LinkId(number);
        let mut out = up(&mut bench, link, &bea(), "bea");
        out.extend(join(&mut bench, link));
        out.extend(bench.input(Input::Down { link, code: Code::Cut }));
        out.extend(bench.pass(1_000));
        lines.extend(events(&out).into_iter().filter(is_line).cloned());
    }
    lines.extend(events(&bench.pass(10_000)).into_iter().filter(is_line).cloned());
    assert!((6..=6 + 8).contains(&lines.len()), "{} lines in 40 s", lines.len());
    assert!(matches!(lines.last(), Some(Event::Left { .. })), "and in the end, how it is");
}
