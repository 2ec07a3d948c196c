use super::*;
use tertulia_core::charter::{Admission, Questions};
use tertulia_core::code::Code;
use tertulia_core::command::{Failure, Place};
use tertulia_core::event::{Asked, Deed, Ending, Notice, Origin, Whisper};
use tertulia_core::id::{CommandId, Key, MeetingId, Token};

const KEY: Key = Key([0xab; 32]);
const MEETING: MeetingId = MeetingId([0xcd; 16]);

fn shown(what: &Event, id: Option<Value>) -> Option<String> {
    event(
        what,
        &Beside {
            now_ms: 7,
            listen: Some("127.0.0.1:7473".into()),
            registry: None,
            id: id.map(|id| Id(id.to_string())),
        },
    )
}

fn key() -> String {
    "ab".repeat(32)
}

fn meeting() -> String {
    "cd".repeat(16)
}

fn said(kind: Kind, text: &str) -> Event {
    Event::Message { meeting: MEETING, kind, from: "anna".into(), own: false, text: text.into() }
}

#[test]
fn who_is_there_is_told_in_the_fields_that_scripts_know() {
    let (name, reason) = ("bea".to_string(), "why".to_string());
    let ready = Event::Ready {
        role: Role::Host,
        name: "anna".into(),
        key: KEY,
        meeting: MEETING,
        title: "T \"1\"".into(),
        ticket: "tertulia:x".into(),
        questions: Questions::Open,
        admission: Admission::Open,
        is_locked: false,
    };
    let members = vec![
        Member { name: "anna".into(), key: KEY, state: State::You, is_host: true, is_muted: false },
        Member { name: "bea".into(), key: KEY, state: State::Away, is_host: false, is_muted: true },
    ];
    let cases = [
        (
            ready,
            format!(
                r#"{{"event":"ready","time_ms":7,"role":"host","name":"anna","key":"{}","listen":"127.0.0.1:7473","meeting":"{}","title":"T \"1\"","ticket":"tertulia:x","admission":"open","locked":false,"registry":null}}"#,
                key(),
                meeting()
            ),
        ),
        (
            Event::Joined { name: name.clone(), key: KEY, ticket: None },
            format!(r#"{{"event":"joined","time_ms":7,"name":"bea","key":"{}"}}"#, key()),
        ),
        (
            Event::Left { name: name.clone(), key: KEY, reason },
            format!(r#"{{"event":"left","time_ms":7,"name":"bea","key":"{}","reason":"why"}}"#, key()),
        ),
        (
            Event::Renamed { key: KEY, old: name, new: "carl".into() },
            format!(r#"{{"event":"renamed","time_ms":7,"key":"{}","old":"bea","new":"carl"}}"#, key()),
        ),
        (
            Event::Knock { name: "bea".into(), key: KEY, note: "it is me".into(), ticket: None },
            format!(r#"{{"event":"knock","time_ms":7,"name":"bea","key":"{}","note":"it is me"}}"#, key()),
        ),
        (Event::Retry { after_ms: 700 }, r#"{"event":"retry","time_ms":7,"after_ms":700}"#.into()),
        (Event::Waiting { position: 3 }, r#"{"event":"waiting","time_ms":7,"position":3}"#.into()),
        (
            Event::Roster { members, guests: 1 },
            format!(
                r#"{{"event":"roster","time_ms":7,"members":[{{"host":true,"key":"{0}","muted":false,"name":"anna","state":"you"}},{{"host":false,"key":"{0}","muted":true,"name":"bea","state":"away"}}],"guests":1}}"#,
                key()
            ),
        ),
        (
            Event::Bans { muted: vec!["bea".into()], out: vec![] },
            r#"{"event":"bans","time_ms":7,"muted":["bea"],"out":[]}"#.into(),
        ),
    ];
    for (event, line) in cases {
        assert_eq!(shown(&event, None), Some(line));
    }
}

#[test]
fn what_is_said_is_told_in_the_fields_that_scripts_know() {
    let origin = Origin { author: KEY, session: 1, number: 2, lamport: 3, time_ms: 4 };
    let asked = Asked { key: KEY, is_ambiguous: true, heard: Some((1, 1)), unheard: 0 };
    let entry = |kind: &str, text: &str| {
        format!(
            r#"{{"event":"message","time_ms":4,"meeting":"{}","author":"{}","session":"0000000000000001","number":2,"lamport":3,"from":"anna","kind":"{kind}","text":"{text}"}}"#,
            meeting(),
            key()
        )
    };
    let cases = [
        (said(Kind::Text(origin), "hi"), entry("text", "hi")),
        (
            said(Kind::Question(origin, asked), "why?"),
            entry("question", "why?").replace(
                '}',
                &format!(r#","asker":"{}","heard_session":"0000000000000001","heard_number":1,"unheard":0}}"#, key()),
            ),
        ),
        (said(Kind::Missing(origin), ""), entry("missing", "")),
        (said(Kind::Deed(origin, Deed::End), "enough"), entry("notice", "ended the meeting: enough")),
        (
            said(Kind::Whisper(Whisper { token: Token([0xef; 16]), author: KEY, to: "bea".into() }), "psst"),
            format!(
                r#"{{"event":"message","time_ms":7,"meeting":"{}","author":"{}","token":"{}","from":"anna","to":"bea","kind":"whisper","text":"psst"}}"#,
                meeting(),
                key(),
                "ef".repeat(16)
            ),
        ),
    ];
    for (event, line) in cases {
        assert_eq!(shown(&event, None), Some(line));
    }
}

#[test]
fn what_is_going_on_is_told_in_the_fields_that_scripts_know() {
    let name = "bea".to_string();
    let cases = [
        (
            Event::Delivery { session: 1, number: 2, reach: Reach::Sent, have: 1, of: 3 },
            r#"{"event":"delivery","time_ms":7,"session":"0000000000000001","number":2,"state":"sent","have":1,"of":3}"#.into(),
        ),
        (
            Event::Linked { name: name.clone(), key: KEY },
            format!(r#"{{"event":"linked","time_ms":7,"name":"bea","key":"{}"}}"#, key()),
        ),
        (
            Event::Unlinked { name, key: KEY, code: Code::Cut },
            format!(r#"{{"event":"unlinked","time_ms":7,"name":"bea","key":"{}","reason":"cut"}}"#, key()),
        ),
        (
            Event::Gap { author: KEY, session: 1, first: 2, next: 5 },
            format!(r#"{{"event":"gap","time_ms":7,"author":"{}","session":"0000000000000001","first":2,"next":5}}"#, key()),
        ),
        (
            Event::Warning(Notice::LeftLobby("bea".into())),
            r#"{"event":"warning","time_ms":7,"code":"lobby","message":"bea no longer waits in the lobby"}"#.into(),
        ),
        (
            Event::Error { failure: Failure::Refused { code: Code::NameTaken, reason: "taken".into() }, id: None },
            r#"{"event":"error","time_ms":7,"code":"name_taken","message":"taken"}"#.into(),
        ),
        (
            Event::Closed { code: Code::Kicked, ending: Ending::Final(Place::Lecture) },
            r#"{"event":"closed","time_ms":7,"code":"kicked","reason":"the host has shown you out"}"#.into(),
        ),
    ];
    for (event, line) in cases {
        assert_eq!(shown(&event, None), Some(line));
    }
}

#[test]
fn an_answer_repeats_the_id_and_a_done_without_one_is_silent() {
    let done = Event::Done { id: CommandId(1) };
    assert_eq!(shown(&done, None), None);
    let id = serde_json::json!({"any": ["json", 1]});
    assert_eq!(shown(&done, Some(id)).unwrap(), r#"{"event":"done","time_ms":7,"id":{"any":["json",1]}}"#);
    let error = Event::Error { failure: Failure::Muted, id: Some(CommandId(1)) };
    let line = shown(&error, Some(Value::from(12))).unwrap();
    assert_eq!(line, r#"{"event":"error","time_ms":7,"code":"muted","message":"a host has muted you","id":12}"#);
}

#[test]
fn what_acts_on_a_terminal_is_escaped_and_means_the_same() {
    let text = "\x1b[2J\u{9b}31m \u{202e}\u{feff}\u{e0001} \u{7f}\nüß";
    let line = shown(&Event::Warning(Notice::Untraced(text.into())), None).unwrap();
    assert!(!line.contains(|letter: char| letter.is_control() || tertulia_core::visible::is_unsafe(letter)), "{line}");
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["message"], text);
}

#[test]
fn every_command_is_read() {
    let bea = || "bea".to_string();
    for (line, expected) in [
        (r#"{"command":"say","text":"/quit"}"#, Command::Say { text: "/quit".into() }),
        (r#"{"command":"msg","to":"bea","text":"hi"}"#, Command::Msg { to: bea(), text: "hi".into() }),
        (r#"{"command":"name","name":"bea"}"#, Command::Name { name: bea() }),
        (r#"{"command":"users"}"#, Command::Users),
        (r#"{"command":"check"}"#, Command::Check { number: None }),
        (r#"{"command":"check","number":12}"#, Command::Check { number: Some(12) }),
        (r#"{"command":"quit"}"#, Command::Quit),
        (
            r#"{"command":"kick","name":"bea"}"#,
            Command::Kick { name: bea(), why: String::new(), with: With::default() },
        ),
        (
            r#"{"command":"kick","name":"bea","why":"loud"}"#,
            Command::Kick { name: bea(), why: "loud".into(), with: With::default() },
        ),
        (
            r#"{"command":"kick","name":"bea","all":false,"ticket":true}"#,
            Command::Kick { name: bea(), why: String::new(), with: With { all: false, ticket: true } },
        ),
        (r#"{"command":"unban","name":"bea"}"#, Command::Unban { name: bea() }),
        (r#"{"command":"mute","name":"bea"}"#, Command::Mute { name: bea() }),
        (r#"{"command":"unmute","name":"bea"}"#, Command::Unmute { name: bea() }),
        (r#"{"command":"admit","name":"bea"}"#, Command::Admit { name: Some("bea".into()) }),
        (r#"{"command":"admit","name":"all"}"#, Command::Admit { name: None }),
        (r#"{"command":"deny","name":"bea","why":"no"}"#, Command::Deny { name: "bea".into(), why: "no".into() }),
        (r#"{"command":"lock"}"#, Command::Lock),
        (r#"{"command":"unlock"}"#, Command::Unlock),
        (r#"{"command":"retract"}"#, Command::Retract { words: Words::Own }),
        (r#"{"command":"end"}"#, Command::End),
    ] {
        assert_eq!(command(line, Role::Host), Ok((expected, None)), "{line}");
    }
    for id in ["null", "18446744073709551616", "1E400", "-0", "1.10", "\"\\u202e\"", "[ {\"b\":1e3, \"a\":[]}]"] {
        let (_, read) = command(&format!("{{\"id\":{id},\"command\":\"users\"}}"), Role::Attendee).unwrap();
        assert_eq!(read, Some(Id(id.into())), "as it was sent");
    }
    let (_, spaced) = command("{\"command\":\"users\",\"id\":\t[1,\t2]\r}", Role::Attendee).unwrap();
    let done = event(&Event::Done { id: CommandId(1) }, &Beside { now_ms: 7, id: spaced, ..Beside::default() });
    assert_eq!(done.as_deref(), Some("{\"event\":\"done\",\"time_ms\":7,\"id\":[1, 2]}"));
}

#[test]
fn every_command_that_there_is_said_to_be_is_one_and_stands_in_the_help() {
    for word in KNOWN.split(' ') {
        let read = command(&format!(r#"{{"command":"{word}"}}"#), Role::Host);
        assert!(!read.is_err_and(|(problem, _)| problem.code == "unknown_command"), "{word}");
        let mut words = crate::COMMANDS.split(|letter: char| !letter.is_alphanumeric());
        assert!(words.any(|known| known == word), "{word}");
    }
}

#[test]
fn a_wrong_command_says_what_it_wants_and_keeps_its_id() {
    let deep = "[".repeat(100_000);
    for (line, code, expected) in [
        ("hello", "malformed", "one a line"),
        ("[]", "malformed", "object"),
        (deep.as_str(), "malformed", "one a line"),
        (r#"{"command":"say","text":"x"} trailing"#, "malformed", "one a line"),
        (r#"{"command":"dance","id":5}"#, "unknown_command", "say msg"),
        (r#"{"command":"retract","number":7,"id":5}"#, "usage", "go together"),
        (r#"{"command":"retract","author":"ab","session":"1","number":7,"id":5}"#, "usage", "go together"),
        (r#"{"command":"retract","number":"7","id":5}"#, "usage", "must be a whole number"),
        (r#"{"command":"kik","name":"bea","id":5}"#, "unknown_command", "perhaps `kick` is meant"),
        (r#"{"command":"Users","id":5}"#, "unknown_command", "perhaps `users` is meant"),
        (r#"{"text":"hi","id":5}"#, "usage", "`command` is missing"),
        (r#"{"command":"say","id":5}"#, "usage", "`text` is missing"),
        (r#"{"command":"say","text":1,"id":5}"#, "usage", "must be a string"),
        (r#"{"command":"users","text":"hi","id":5}"#, "usage", "no field `text`"),
        (r#"{"command":"say","text":"","id":5}"#, "empty", "nothing to send"),
        (r#"{"command":"name","name":"a b","id":5}"#, "bad_name", "64 bytes"),
        (r#"{"command":"lock","id":5}"#, "host_only", "only the host"),
    ] {
        let (problem, id) = command(line, Role::Attendee).unwrap_err();
        assert_eq!(problem.code, code, "{}", problem.message);
        assert!(problem.message.contains(expected), "{}", problem.message);
        assert_eq!(id, (code != "malformed").then(|| Id("5".into())));
    }
}

#[test]
fn friends_are_told_in_the_fields_that_scripts_know() {
    let bea = |held| Contact {
        name: "bea".into(),
        key: Some(KEY),
        meeting: Some(MeetingId([0x12; 16])),
        addresses: vec!["host:1".into(), "host:2".into()],
        is_stranger: false,
        is_blocked: false,
        state: State::Linked,
        held,
    };
    let carl = Contact { name: "carl".into(), key: None, meeting: None, state: State::Away, ..bea(0) };
    let fields = |held: u32| {
        format!(
            r#""address":"host:1","addresses":["host:1","host:2"],"blocked":false,"held":{held},"key":"{}","meeting":"{}","name":"bea","safety":"{}","state":"linked","stranger":false"#,
            key(),
            "12".repeat(16),
            safety_words(MeetingId([0x12; 16]))
        )
    };
    let unmet = r#"{"address":"host:1","addresses":["host:1","host:2"],"blocked":false,"held":0,"key":null,"meeting":null,"name":"carl","safety":null,"state":"away","stranger":false}"#;
    assert_eq!(
        shown(&Event::Contacts { contacts: vec![bea(2), carl] }, None),
        Some(format!(r#"{{"event":"contacts","time_ms":7,"contacts":[{{{}}},{unmet}]}}"#, fields(2)))
    );
    assert_eq!(
        shown(&Event::Contact { change: Change::Met, contact: bea(0) }, None),
        Some(format!(r#"{{"event":"contact","time_ms":7,"change":"met",{}}}"#, fields(0)))
    );
    let add = r#"{"command":"add","name":"bea","address":"host:1","id":1}"#;
    let command = Command::Add { name: "bea".into(), address: "host:1".into() };
    assert_eq!(super::command(add, Role::Friends), Ok((command, Some(Id("1".into())))));
    assert!(super::command(add, Role::Host).is_err(), "a meeting has no contacts");
    let block = r#"{"command":"block","name":"bea"}"#;
    assert_eq!(super::command(block, Role::Friends), Ok((Command::Block { name: "bea".into() }, None)));
    assert!(super::command(block, Role::Member).is_err(), "a meeting has no contacts");
    assert!(super::command(r#"{"command":"say","text":"hi"}"#, Role::Friends).is_err(), "to whom?");
    let all = Command::Msg { to: "*".into(), text: "hi".into() };
    assert_eq!(super::command(r#"{"command":"msg","to":"*","text":"hi"}"#, Role::Friends), Ok((all, None)));
}
