use super::*;
use tertulia_core::command::{Failure, Place};
use tertulia_core::event::{Asked, Deed, Ending, Notice, Origin, Remover, Whisper};
use tertulia_core::id::Token;
use tertulia_core::wire::entry::Level;

const KEY: Key = Key([1; 32]);
const ORIGIN: Origin = Origin { author: KEY, session: 1, number: 1, lamport: 1, time_ms: 1 };

fn said(kind: Kind, from: &str, own: bool, text: &str) -> Event {
    Event::Message { meeting: MeetingId::ZERO, kind, from: from.into(), own, text: text.into() }
}

fn whisper() -> Kind {
    Kind::Whisper(Whisper { token: Token::ZERO, author: KEY, to: "bea".into() })
}

fn question(is_ambiguous: bool, heard: Option<(u64, u64)>, unheard: u64) -> Kind {
    Kind::Question(ORIGIN, Asked { key: KEY, is_ambiguous, heard, unheard })
}

fn shown_out(name: &str) -> Kind {
    Kind::Deed(ORIGIN, Deed::Revoke(name.into(), Level::Out))
}

fn plain(event: &Event) -> Option<String> {
    Text::new(false).event(event)
}

fn removed(by: &str) -> Kind {
    Kind::Removed(ORIGIN, Remover { name: by.into(), key: KEY })
}

#[test]
fn what_people_read() {
    let name = || "bea".to_string();
    let issued = |label: &str, is_void, here| Issued { label: label.into(), is_void, here };
    let member = |name: &str, state| Member { name: name.into(), key: KEY, state, is_host: false, is_muted: false };
    let muted = |name: &str, state| Member { is_muted: true, ..member(name, state) };
    let members = || vec![member("anna", State::You), member("bea", State::Linked), muted("carl", State::Away)];
    for (event, line) in [
        (said(Kind::Text(ORIGIN), "anna", false, "hello"), "anna: hello"),
        (said(Kind::Text(ORIGIN), "anna", false, "/me waves\n-- bea left"), "* anna waves\n    | -- bea left"),
        (said(question(false, Some((1, 2)), 0), "bea", false, "/me waves"), "Question from bea: /me waves"),
        (said(question(false, Some((1, 2)), 0), "bea", false, "why?"), "Question from bea: why?"),
        (
            said(question(true, Some((1, 2)), 1), "bea", false, "why?"),
            "Question from bea (01010101), before the last line: why?",
        ),
        (
            said(question(false, Some((1, 2)), 3), "bea", false, "why?"),
            "Question from bea, before the last 3 lines: why?",
        ),
        (said(question(false, None, 3), "bea", false, "why?"), "Question from bea, who had heard nothing: why?"),
        (said(Kind::Missing(ORIGIN), "bea", false, ""), "bea: [text missing]"),
        (said(removed("anna"), "bea", false, ""), "-- anna has removed what bea said: what they had said"),
        (said(whisper(), "anna", false, "psst"), "(private) anna: psst"),
        (said(shown_out("bea"), "anna", false, "why"), "-- anna showed bea out: why"),
        (Event::Joined { name: name(), key: KEY, ticket: None }, "-- bea joined"),
        (Event::Joined { name: name(), key: KEY, ticket: Some("press".into()) }, "-- bea joined (ticket: press)"),
        (
            Event::Ticket { label: "press".into(), ticket: "tertulia:x".into() },
            "-- others join, with the ticket `press`: tertulia join 'tertulia:x'",
        ),
        (
            Event::Tickets { tickets: vec![issued("", true, 2), issued("press", true, 1), issued("", false, 0)] },
            "-- tickets: an earlier one (void, 2 here), press (void, 1 here), the one that /ticket shows (0 here)",
        ),
        (Event::Left { name: name(), key: KEY, reason: String::new() }, "-- bea left"),
        (Event::Left { name: name(), key: KEY, reason: "cut off".into() }, "-- bea left: cut off"),
        (Event::Renamed { key: KEY, old: name(), new: "carl".into() }, "-- bea is now carl"),
        (Event::Roster { members: members(), guests: 2 }, "-- 3 here: anna (you), bea, carl (away, muted)"),
        (
            Event::Roster { members: members(), guests: 900 },
            "-- here: anna (you), bea, carl (away, muted), and 900 guests in all",
        ),
        (Event::Bans { muted: vec![], out: vec![] }, "-- nobody is muted or out"),
        (Event::Bans { muted: vec![name()], out: vec![] }, "-- muted: bea"),
        (Event::Bans { muted: vec![name()], out: vec![name(), "carl".into()] }, "-- muted: bea; out: bea, carl"),
        (Event::Gap { author: KEY, session: 1, first: 3, next: 10 }, "[7 messages missing]"),
        (Event::Gap { author: KEY, session: 1, first: 3, next: 4 }, "[1 message missing]"),
        (
            Event::Knock { name: name(), key: KEY, note: String::new(), ticket: None },
            "-- bea knocks (/admit bea, or /deny bea WHY)",
        ),
        (
            Event::Knock { name: name(), key: KEY, note: "it's\u{1b} me".into(), ticket: Some("press".into()) },
            "-- bea knocks and says: it's\\u{1b} me (ticket: press) (/admit bea, or /deny bea WHY)",
        ),
        (Event::Waiting { position: 1 }, "-- you are next in the lobby; the host decides when to let you in"),
        (Event::Waiting { position: 3 }, "-- you wait in the lobby; 2 before you"),
        (Event::Unlinked { name: name(), key: KEY, code: Code::Silent }, "-- cut off from bea (silent); trying again"),
        (Event::Warning(Notice::Untraced("mind".into())), "-- warning: mind"),
        (Event::Error { failure: Failure::Muted, id: None }, "-- error: a host has muted you"),
        (Event::Closed { code: Code::Left, ending: Ending::Left }, "-- you have left"),
        (
            Event::Closed { code: Code::Kicked, ending: Ending::Final(Place::Lecture) },
            "-- error: the host has shown you out",
        ),
    ] {
        assert_eq!(plain(&event).as_deref(), Some(line));
    }
}

#[test]
fn what_a_registry_says_of_the_meeting_and_of_its_user_differs() {
    let mut text = Text::new(false);
    let (name, ticket, title, meeting) = ("anna".into(), String::new(), String::new(), MeetingId([7; 16]));
    let questions = tertulia_core::charter::Questions::Open;
    text.event(&Event::Ready {
        role: Role::Host,
        name,
        key: KEY,
        meeting,
        title,
        ticket,
        questions,
        admission: tertulia_core::charter::Admission::Open,
        is_locked: false,
    });
    let mut says = |record, addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        text.event(&Event::Published { registry: "r:1".into(), record, addresses }).unwrap()
    };
    assert_eq!(says(meeting, &["192.0.2.1:7473"]), "-- the registry r:1 shows this meeting at 192.0.2.1:7473");
    assert_eq!(says(MeetingId([8; 16]), &["192.0.2.1:7473"]), "-- the registry r:1 lists you at 192.0.2.1:7473");
    let hidden = says(MeetingId([8; 16]), &[]);
    assert!(hidden.starts_with("-- warning: the registry r:1 can't reach you") && hidden.contains("--announce"));
}

#[test]
fn who_leaves_on_purpose_is_not_cut_off() {
    let parted = |role, code| {
        let mut text = reader(role);
        text.event(&Event::Unlinked { name: "bea".into(), key: KEY, code }).unwrap()
    };
    assert_eq!(parted(Role::Friends, Code::Left), "-- bea left");
    assert_eq!(parted(Role::Friends, Code::Stopped), "-- bea left");
    assert_eq!(parted(Role::Attendee, Code::Stopped), "-- bea has stopped for now; trying again");
    assert_eq!(parted(Role::Member, Code::Silent), "-- cut off from bea (silent); trying again");
    let cut = parted(Role::Friends, Code::Cut);
    assert!(cut.starts_with("-- cut off from bea (cut); ") && !cut.contains("trying"), "{cut}");
}

/// What is read in a part of this kind.
fn reader(role: Role) -> Text {
    let mut text = Text::new(false);
    let (name, ticket, title) = ("anna".into(), String::new(), String::new());
    let questions = tertulia_core::charter::Questions::Open;
    text.event(&Event::Ready {
        role,
        name,
        key: Key([9; 32]),
        meeting: MeetingId::ZERO,
        title,
        ticket,
        questions,
        admission: tertulia_core::charter::Admission::Open,
        is_locked: false,
    });
    text
}

#[test]
fn who_comes_is_told_once_and_a_link_once_it_had_been_lost() {
    let bea = || "bea".to_string();
    let joined = || Event::Joined { name: bea(), key: KEY, ticket: None };
    let linked = || Event::Linked { name: bea(), key: KEY };
    let cut = || Event::Unlinked { name: bea(), key: KEY, code: Code::Silent };
    let left = || Event::Left { name: bea(), key: KEY, reason: String::new() };
    let here = |state| Event::Roster {
        members: vec![Member { name: bea(), key: KEY, state, is_host: false, is_muted: false }],
        guests: 0,
    };
    let (came, went, back) = ("-- bea joined", "-- bea left", "-- linked with bea");
    let lost = "-- cut off from bea (silent); trying again";
    for (role, events, lines) in [
        (Role::Member, vec![joined(), linked()], vec![came]),
        (Role::Member, vec![linked(), joined()], vec![came]),
        (Role::Member, vec![linked(), joined(), cut(), linked(), linked()], vec![came, lost, back]),
        (Role::Member, vec![joined(), linked(), cut(), left(), linked(), joined()], vec![came, lost, went, came]),
        (Role::Member, vec![here(State::Linked), linked()], vec!["-- 1 here: bea"]),
        (Role::Member, vec![here(State::Away), linked()], vec!["-- 1 here: bea (away)", back]),
        (Role::Attendee, vec![linked(), here(State::Linked)], vec!["-- 1 here: bea"]),
        (Role::Attendee, vec![linked(), cut(), linked()], vec![lost, back]),
        (Role::Friends, vec![linked(), linked()], vec![back; 2]),
    ] {
        let mut text = reader(role);
        let shown: Vec<String> = events.iter().filter_map(|event| text.event(event)).collect();
        assert_eq!(shown, lines, "{role:?}: {events:?}");
    }
}

#[test]
fn who_leaves_reads_it_once() {
    let key = Key([9; 32]);
    assert_eq!(reader(Role::Member).event(&Event::Left { name: "anna".into(), key, reason: String::new() }), None);
    // Before it is known what kind of meeting it is, everybody there is told of by who is here.
    assert_eq!(plain(&Event::Linked { name: "bea".into(), key: KEY }), None);
}

#[test]
fn nothing_from_outside_forges_a_line_or_moves_the_cursor() {
    let hostile = "a\n-- error: forged\r\x1b[1A\u{9b}2K\x07\0\u{202e}x";
    let events = [
        said(Kind::Text(ORIGIN), hostile, false, hostile),
        said(question(false, None, 0), hostile, false, hostile),
        said(whisper(), hostile, false, hostile),
        said(shown_out(hostile), hostile, false, hostile),
        Event::Joined { name: hostile.into(), key: KEY, ticket: Some(hostile.into()) },
        Event::Left { name: hostile.into(), key: KEY, reason: hostile.into() },
        Event::Renamed { key: KEY, old: hostile.into(), new: hostile.into() },
        Event::Roster {
            members: vec![Member {
                name: hostile.into(),
                key: KEY,
                state: State::You,
                is_host: false,
                is_muted: false,
            }],
            guests: 0,
        },
        Event::Bans { muted: vec![hostile.into()], out: vec![hostile.into()] },
        Event::Linked { name: hostile.into(), key: KEY },
        Event::Unlinked { name: hostile.into(), key: KEY, code: Code::Cut },
        Event::Warning(Notice::Fork(hostile.into())),
        Event::Error { failure: Failure::NoSuchName(hostile.into()), id: None },
        Event::Error { failure: Failure::ChangedHands { name: hostile.into(), key: KEY }, id: None },
        Event::Closed { code: Code::Denied, ending: Ending::Denied(hostile.into()) },
    ];
    for event in events {
        let mut text = reader(Role::Friends);
        let shown = text.event(&event).unwrap();
        let clean = |line: &str| !line.chars().any(tertulia_core::visible::is_unsafe);
        assert!(shown.split('\n').all(clean), "{shown:?}");
        assert!(shown.split('\n').skip(1).all(|line| line.starts_with(escape::CONTINUATION)), "{shown:?}");
    }
}

#[test]
fn a_line_that_its_user_typed_is_not_shown_twice_but_restored_ones_are() {
    let mut text = Text::new(false);
    let own = said(Kind::Text(ORIGIN), "anna", true, "hello");
    assert_eq!(text.event(&own).as_deref(), Some("anna: hello"));
    text.typed("hello");
    assert_eq!(text.event(&own), None);
    assert_eq!(text.event(&own).as_deref(), Some("anna: hello"));
}

#[test]
fn colour_only_if_asked_for() {
    assert!(Text::new(true).event(&said(Kind::Text(ORIGIN), "anna", false, "hi")).unwrap().contains("\x1b[1m"));
}

#[test]
fn who_has_seen_what_is_removed_is_told_which_words_are_meant() {
    let mut text = Text::new(false);
    let long = "my phone number, which is nobody's business";
    text.event(&said(Kind::Text(ORIGIN), "bea", false, long));
    let told = text.event(&said(removed("anna"), "bea", false, "")).expect("a line");
    assert_eq!(told, "-- anna has removed what bea said: \u{201c}my phone number, which i\u{2026}\u{201d}");
}
