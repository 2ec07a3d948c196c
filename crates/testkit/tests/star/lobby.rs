//! Who waits in the lobby, and the host who decides.

use tertulia_core::charter::Admission;
use tertulia_core::code::Code;
use tertulia_core::command::{Command, Failure, Place, With};
use tertulia_core::event::{Ending, Event, Notice};
use tertulia_core::id::{LinkId, MeetingId, RequestId};
use tertulia_core::identity::Identity;
use tertulia_core::log::entry_of;
use tertulia_core::machine::{Input, Output};
use tertulia_core::node::Node;
use tertulia_core::pass::Chain;
use tertulia_core::rule::Rule;
use tertulia_core::wire::field::{List, Reason};
use tertulia_core::wire::meeting::{Digest, Join, Meeting, Waiting, Welcome};
use tertulia_core::wire::option::{self, OptionsBuffer};
use tertulia_core::wire::session::{Refused, Session};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::lecture::{ada, bea, identity};

use crate::guest::{HOST, config, dial, said, started, up as dialled};
use crate::host::{BEA, charter, charter_of, command, host, join, say, up};
use crate::{Bench, NONE, closed, events, names, refused, sent};

fn lobby() -> Bench<Node> {
    host(charter(Admission::Lobby, 1_000))
}

/// Somebody who knocks.
fn knock(bench: &mut Bench<Node>, link: LinkId, guest: &Identity, name: &str) -> Vec<Output> {
    assert!(up(bench, link, guest, name).is_empty());
    let out = join(bench, link);
    assert_eq!(names(&sent(&out, link)), ["WAITING"], "{name}");
    out
}

fn admit(bench: &mut Bench<Node>, name: &str) -> Vec<Output> {
    command(bench, Command::Admit { name: Some(name.into()) })
}

fn deny(bench: &mut Bench<Node>, name: &str, why: &str) -> Vec<Output> {
    command(bench, Command::Deny { name: name.into(), why: why.into() })
}

fn positions(out: &[Output], link: LinkId) -> Vec<u16> {
    let position = |frame: &Encoded| match decode(&frame.0).unwrap().frame.unwrap() {
        Frame::Meeting(Meeting::Waiting(waiting)) => waiting.position,
        other => panic!("{other:?}"),
    };
    sent(out, link).iter().map(position).collect()
}

fn chain_in(out: &[Output], link: LinkId) -> Chain {
    match decode(&sent(out, link).remove(0).0).unwrap().frame.unwrap() {
        Frame::Meeting(Meeting::Welcome(Welcome { chain, .. })) => Chain::shown(chain),
        other => panic!("{other:?}"),
    }
}

fn failed(out: &[Output]) -> Option<&'static str> {
    events(out)
        .into_iter()
        .find_map(|event| if let Event::Error { failure, .. } = event { Some(failure.word()) } else { None })
}

#[test]
fn lobby_1_who_knocks_waits_moves_up_and_comes_in_when_the_host_says_so() {
    let mut bench = lobby();
    for (link, name) in [(1, "bea"), (2, "carl"), (3, "dora")] {
        let seed = u8::try_from(link).unwrap();
        let out = knock(&mut bench, LinkId(link), &identity(seed), name);
        assert_eq!(positions(&out, LinkId(link)), [u16::from(seed)]);
        let told = events(&out);
        assert!(matches!(told[..], [Event::Knock { name: told, note, .. }] if told == name && note.is_empty()));
    }
    assert!(bench.pass(6_000).is_empty(), "nobody waits for their JOIN any more");
    let out = admit(&mut bench, "carl");
    assert_eq!(names(&sent(&out, LinkId(2))), ["WELCOME", "PRESENCE"]);
    assert!(events(&out).iter().any(|event| matches!(event, Event::Joined { name, .. } if name == "carl")));
    assert!(sent(&out, LinkId(3)).is_empty() && bench.pass(999).iter().all(|output| !is_waiting(output)));
    assert_eq!(positions(&bench.pass(1), LinkId(3)), [2]);
    // Who gives up leaves its place too.
    let out = bench.input(Input::Down { link: LinkId(1), code: Code::Left });
    assert!(matches!(events(&out)[..], [Event::Warning(Notice::LeftLobby(_))]));
    assert_eq!(positions(&bench.pass(1_000), LinkId(3)), [1]);
    let out = command(&mut bench, Command::Admit { name: None });
    assert_eq!(names(&sent(&out, LinkId(3))), ["WELCOME", "PRESENCE"]);
    assert_eq!(failed(&command(&mut bench, Command::Admit { name: None })), Some("no_such_name"));
    assert_eq!(failed(&admit(&mut bench, "bea")), Some("no_such_name"));
    assert_eq!(failed(&admit(&mut host(charter(Admission::Open, 9)), "bea")), Some("no_lobby"));
}

fn is_waiting(output: &Output) -> bool {
    matches!(output, Output::Send { frame, .. } if names(std::slice::from_ref(frame)) == ["WAITING"])
}

#[test]
fn lobby_2_and_join_1_before_it_is_admitted_a_guest_is_told_nothing_and_says_nothing() {
    let mut bench = lobby();
    knock(&mut bench, BEA, &bea(), "bea");
    let said = command(&mut bench, Command::Say { text: "among us".into() });
    assert!(sent(&said, BEA).is_empty() && sent(&bench.pass(2_000), BEA).is_empty());
    let digest = Digest { rows: List::over(0, &[]), options: NONE };
    assert_eq!(refused(&bench.hear(BEA, 0, digest), BEA), Some(Rule::Join1));
    knock(&mut bench, LinkId(2), &bea(), "bea");
    assert_eq!(refused(&join(&mut bench, LinkId(2)), LinkId(2)), Some(Rule::Join1), "JOIN comes once");
}

#[test]
fn lobby_5_after_an_hour_the_answer_is_no() {
    let mut bench = lobby();
    knock(&mut bench, BEA, &bea(), "bea");
    assert!(bench.pass(3_599_999).is_empty());
    let out = bench.pass(1);
    assert_eq!(names(&sent(&out, BEA)), ["ERROR"]);
    assert_eq!(closed(&out), [(BEA, Code::Denied, Some(Rule::Lobby5))]);
}

#[test]
fn lobby_6_who_is_denied_is_told_why() {
    let mut bench = lobby();
    knock(&mut bench, BEA, &bea(), "bea");
    let out = deny(&mut bench, "bea", "members only");
    let [error] = &sent(&out, BEA)[..] else { panic!("{out:?}") };
    let decoded = decode(&error.0).unwrap();
    let Some(Frame::Session(Session::Refused(error))) = decoded.frame else { panic!("{decoded:?}") };
    assert_eq!((decoded.id, error.code, error.reason.as_str()), (RequestId(1), Code::Denied, "members only"));
    assert!(out.iter().any(|output| matches!(output, Output::Close { reason, .. } if reason == "members only")));
    assert_eq!(refused(&out, BEA), Some(Rule::Lobby6));
    assert!(!events(&out).iter().any(|event| matches!(event, Event::Left { .. })), "it was never in");
    assert!(events(&out).iter().any(|event| matches!(event, Event::Warning(Notice::LeftLobby(name)) if name == "bea")));
    assert_eq!(failed(&deny(&mut bench, "bea", "")), Some("no_such_name"));
}

#[test]
fn lobby_11_a_name_that_has_changed_hands_lets_nobody_in_and_the_keys_digits_do() {
    let mut bench = lobby();
    knock(&mut bench, LinkId(1), &bea(), "bea");
    deny(&mut bench, "bea", "");
    knock(&mut bench, LinkId(2), &identity(3), "Bea");
    let changed = |name: &str| Failure::ChangedHands { name: name.into(), key: identity(3).key() };
    for out in [admit(&mut bench, "Bea"), deny(&mut bench, "Bea", "")] {
        assert!(matches!(events(&out)[..], [Event::Error { failure, .. }] if *failure == changed("Bea")));
    }
    let digits = identity(3).key().to_hex().to_uppercase();
    assert_eq!(failed(&admit(&mut bench, &digits[..7])), Some("no_such_name"));
    assert_eq!(names(&sent(&admit(&mut bench, &digits[..8]), LinkId(2))), ["WELCOME", "PRESENCE"]);
    // Ten seconds later, the name is good again; and digits name a guest, too.
    knock(&mut bench, LinkId(3), &identity(4), "carl");
    bench.input(Input::Down { link: LinkId(3), code: Code::Left });
    knock(&mut bench, LinkId(4), &identity(5), "carl");
    bench.pass(9_999);
    assert_eq!(failed(&admit(&mut bench, "carl")), Some("changed_hands"));
    bench.pass(1);
    assert_eq!(names(&sent(&admit(&mut bench, "carl"), LinkId(4))), ["WELCOME", "PRESENCE"]);
    let kick = Command::Kick { name: digits[..8].into(), why: String::new(), with: With::default() };
    assert_eq!(refused(&command(&mut bench, kick), LinkId(2)), Some(Rule::Revoke1));
}

#[test]
fn lobby_7_a_key_waits_once_a_name_is_one_persons_and_a_knock_counts_as_a_join() {
    let mut bench = lobby();
    knock(&mut bench, LinkId(1), &bea(), "bea");
    up(&mut bench, LinkId(2), &identity(3), "Bea");
    assert_eq!(refused(&join(&mut bench, LinkId(2)), LinkId(2)), Some(Rule::Join7));
    up(&mut bench, LinkId(3), &identity(3), "All");
    assert_eq!(refused(&join(&mut bench, LinkId(3)), LinkId(3)), Some(Rule::Join7));
    up(&mut bench, LinkId(4), &bea(), "bea");
    let out = join(&mut bench, LinkId(4));
    assert_eq!(closed(&out), [(LinkId(1), Code::Superseded, Some(Rule::Join10))]);
    assert_eq!(positions(&out, LinkId(4)), [1]);
    bench.input(Input::Down { link: LinkId(4), code: Code::Cut });
    knock(&mut bench, LinkId(5), &bea(), "bea");
    bench.input(Input::Down { link: LinkId(5), code: Code::Cut });
    up(&mut bench, LinkId(6), &bea(), "bea");
    assert_eq!(refused(&join(&mut bench, LinkId(6)), LinkId(6)), Some(Rule::Join8));
}

#[test]
fn lobby_9_who_is_shown_out_while_it_waits_does_not_come_in() {
    let mut bench = lobby();
    knock(&mut bench, BEA, &bea(), "bea");
    admit(&mut bench, "bea");
    bench.input(Input::Down { link: BEA, code: Code::Cut });
    // It has lost its pass.
    knock(&mut bench, LinkId(2), &bea(), "bea");
    let out = command(&mut bench, Command::Kick { name: "bea".into(), why: "noise".into(), with: With::default() });
    assert_eq!(refused(&out, LinkId(2)), Some(Rule::Join4));
    assert_eq!(failed(&admit(&mut bench, "bea")), Some("no_such_name"), "nobody waits");
}

#[test]
fn lobby_4_a_full_lobby_takes_nobody() {
    let mut bench = lobby();
    for link in 0..256_u64 {
        let guest = Identity::new(tertulia_core::identity::Secret(secret(link)), identity(1).scheme().clone());
        knock(&mut bench, LinkId(link), &guest, &format!("guest-{link}"));
    }
    up(&mut bench, LinkId(256), &identity(3), "dora");
    assert_eq!(refused(&join(&mut bench, LinkId(256)), LinkId(256)), Some(Rule::Lobby4));
}

fn secret(number: u64) -> [u8; 32] {
    let mut secret = [0x33; 32];
    secret[..8].copy_from_slice(&number.to_be_bytes());
    secret
}

#[test]
fn who_has_been_let_in_need_not_knock_again() {
    let mut bench = lobby();
    knock(&mut bench, BEA, &bea(), "bea");
    let chain = chain_in(&admit(&mut bench, "bea"), BEA);
    // Another process of the same key takes the place of the one that is in.
    up(&mut bench, LinkId(2), &bea(), "bea");
    let out = join(&mut bench, LinkId(2));
    assert_eq!(names(&sent(&out, LinkId(2)))[0], "WELCOME");
    assert_eq!(closed(&out), [(BEA, Code::Superseded, Some(Rule::Join10))]);
    bench.input(Input::Down { link: LinkId(2), code: Code::Cut });
    up(&mut bench, LinkId(3), &bea(), "bea");
    let mut options = OptionsBuffer::default();
    chain.show(&mut options);
    let out = bench.hear(LinkId(3), 1, Join { meeting: MeetingId::ZERO, options: options.options() });
    assert_eq!(names(&sent(&out, LinkId(3)))[0], "WELCOME");
    // Without the pass it is a stranger again.
    bench.input(Input::Down { link: LinkId(3), code: Code::Cut });
    knock(&mut bench, LinkId(4), &bea(), "bea");
}

#[test]
fn history_1_a_newcomers_history_begins_when_it_is_let_in() {
    let mut bench = host(charter_of(Admission::Lobby, 9, 0));
    knock(&mut bench, BEA, &bea(), "bea");
    let meanwhile = say(&mut bench, "while she waits");
    let lamport = entry_of(&meanwhile).unwrap().entry.lamport;
    assert_eq!(chain_in(&admit(&mut bench, "bea"), BEA).floor(), lamport);
}

#[test]
fn a_locked_door_refuses_who_comes_and_a_full_house_keeps_who_waits_waiting() {
    let mut bench = host(charter(Admission::Lobby, 1));
    knock(&mut bench, LinkId(1), &bea(), "bea");
    knock(&mut bench, LinkId(2), &identity(3), "carl");
    command(&mut bench, Command::Lock);
    up(&mut bench, LinkId(3), &identity(4), "dora");
    assert_eq!(refused(&join(&mut bench, LinkId(3)), LinkId(3)), Some(Rule::Join5));
    let out = command(&mut bench, Command::Admit { name: None });
    assert_eq!(names(&sent(&out, LinkId(1))), ["WELCOME", "PRESENCE"], "the host's own word opens its lock");
    assert!(sent(&out, LinkId(2)).is_empty() && failed(&out) == Some("full"));
    bench.input(Input::Down { link: LinkId(1), code: Code::Left });
    assert_eq!(names(&sent(&admit(&mut bench, "carl"), LinkId(2))), ["WELCOME", "PRESENCE"]);
    // The end is the end for those who wait, too.
    let mut bench = lobby();
    knock(&mut bench, BEA, &bea(), "bea");
    assert_eq!(closed(&command(&mut bench, Command::End)), [(BEA, Code::Ended, None)]);
}

#[test]
fn in_a_lobby_with_tickets_a_ticket_is_needed_to_knock() {
    let mut bench = host(charter(Admission::TicketAndLobby, 9));
    up(&mut bench, BEA, &bea(), "bea");
    assert_eq!(refused(&join(&mut bench, BEA), BEA), Some(Rule::Join3));
    up(&mut bench, LinkId(2), &bea(), "bea");
    let mut options = OptionsBuffer::default();
    let meeting = charter(Admission::TicketAndLobby, 9).meeting;
    let seed = tertulia_core::identity::Secret([0xcc; 32]);
    options.set(&option::TICKET, &tertulia_core::ticket::prove_ticket(seed, None, meeting, &bea()));
    options.set(&option::NOTE, &Reason::cut("it is me"));
    let out = bench.hear(LinkId(2), 1, Join { meeting: MeetingId::ZERO, options: options.options() });
    assert_eq!(positions(&out, LinkId(2)), [1]);
    assert!(matches!(events(&out)[..], [Event::Knock { note, .. }] if note == "it is me"));
}

#[test]
fn a_guest_waits_as_long_as_the_host_says_so_and_tells_its_note() {
    let (mut bench, first) = started(tertulia_core::star::NewcomerConfig { note: "it is me".into(), ..config() });
    let out = dialled(&mut bench, HOST, Some(first), ada().key());
    let frames = sent(&out, HOST);
    let Some(Frame::Meeting(Meeting::Join(join))) = decode(&frames[0].0).unwrap().frame else { panic!("{out:?}") };
    assert_eq!(join.options.find::<Reason<'_>>(&option::NOTE), Some(Reason::cut("it is me")));
    let out = bench.hear(HOST, 0, Waiting { position: 2, options: NONE });
    assert_eq!(events(&out), [&Event::Waiting { position: 2 }]);
    assert!(bench.pass(3_000_000).is_empty());
    bench.hear(HOST, 0, Waiting { position: 1, options: NONE });
    // The link breaks: ten seconds again to reach the host.
    bench.input(Input::Down { link: HOST, code: Code::Cut });
    let mut lost = Bench { machine: bench.machine.clone(), millis: bench.millis };
    assert!(lost.pass(10_000).iter().any(|output| matches!(output, Output::Event(Event::Closed { .. }))));
    let out = bench.pass(9_999);
    let again = dial(&out).expect("it dials again").0;
    assert!(!out.iter().any(|output| matches!(output, Output::Event(Event::Closed { .. }))));
    dialled(&mut bench, LinkId(2), Some(again), ada().key());
    bench.hear(LinkId(2), 0, Waiting { position: 1, options: NONE });
    assert!(bench.pass(60_000).is_empty());
    let welcome = bench.hear_bytes(LinkId(2), &said("WELCOME"));
    assert_eq!(names(&sent(&welcome, LinkId(2))), ["DIGEST"]);
    assert_eq!(
        refused(&bench.hear(LinkId(2), 0, Waiting { position: 1, options: NONE }), LinkId(2)),
        Some(Rule::Lobby3)
    );
}

#[test]
fn lobby_3_waiting_answers_join_and_nothing_else() {
    let (mut bench, first) = started(config());
    dialled(&mut bench, HOST, Some(first), ada().key());
    bench.hear_bytes(HOST, &said("WELCOME"));
    let out = bench.hear(HOST, 0, Waiting { position: 1, options: NONE });
    assert_eq!(refused(&out, HOST), Some(Rule::Lobby3));
}

#[test]
fn lobby_6_and_dial_3_a_guest_that_is_denied_says_why_and_does_not_dial_again() {
    for told_by_error in [true, false] {
        let (mut bench, first) = started(config());
        dialled(&mut bench, HOST, Some(first), ada().key());
        bench.hear(HOST, 0, Waiting { position: 1, options: NONE });
        let out = if told_by_error {
            let reason = Reason::cut("members only");
            bench.hear(HOST, 1, Refused { code: Code::Denied, reason, options: NONE })
        } else {
            bench.input(Input::Down { link: HOST, code: Code::Denied })
        };
        let told = events(&out);
        let ending = if told_by_error { Ending::Denied("members only".into()) } else { Ending::Final(Place::Lecture) };
        assert_eq!(told, [&Event::Closed { code: Code::Denied, ending }]);
        assert!(bench.pass(600_000).is_empty());
    }
}
