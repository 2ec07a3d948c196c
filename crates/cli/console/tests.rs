use super::*;

fn host(line: &str) -> Result<Option<Wish>, Problem> {
    parse(line, Role::Host, |name| name == "bea")
}

fn does(line: &str) -> Command {
    match host(line) {
        Ok(Some(Wish::Do(command))) => command,
        other => panic!("{line:?}: {other:?}"),
    }
}

fn refused(line: &str, role: Role) -> Problem {
    parse(line, role, |name| name == "bea").expect_err(line)
}

fn text(text: &str) -> Command {
    Command::Say { text: text.into() }
}

#[test]
fn every_slash_word_means_its_command() {
    let bea = || "bea".to_string();
    for (line, command) in [
        ("/say /quit", text("/quit")),
        ("/say  two  spaces", text(" two  spaces")),
        ("/msg bea how are you", Command::Msg { to: bea(), text: "how are you".into() }),
        ("/name bea", Command::Name { name: bea() }),
        ("/users", Command::Users),
        ("/users  ", Command::Users),
        ("/check", Command::Check { number: None }),
        ("/check 12", Command::Check { number: Some(12) }),
        ("/bans", Command::Bans),
        ("/tickets", Command::Tickets),
        ("/ticket press", Command::Ticket { label: "press".into(), void: false }),
        ("/ticket  press --void ", Command::Ticket { label: "press".into(), void: true }),
        ("/ticket --void press", Command::Ticket { label: "press".into(), void: true }),
        ("/ticket --void", Command::Ticket { label: String::new(), void: true }),
        ("/retract", Command::Retract { words: Words::Own }),
        ("/retract bea", Command::Retract { words: Words::Of("bea".into()) }),
        ("/kick bea", Command::Kick { name: bea(), why: String::new(), with: With::default() }),
        ("/kick bea too loud", Command::Kick { name: bea(), why: "too loud".into(), with: With::default() }),
        (
            "/kick bea --ticket  too --loud",
            Command::Kick { name: bea(), why: "too --loud".into(), with: With { all: false, ticket: true } },
        ),
        ("/unban bea", Command::Unban { name: bea() }),
        ("/mute bea", Command::Mute { name: bea() }),
        ("/unmute bea", Command::Unmute { name: bea() }),
        ("/admit bea", Command::Admit { name: Some(bea()) }),
        ("/admit all", Command::Admit { name: None }),
        ("/deny bea", Command::Deny { name: bea(), why: String::new() }),
        ("/deny bea it is full", Command::Deny { name: bea(), why: "it is full".into() }),
        ("/lock", Command::Lock),
        ("/unlock", Command::Unlock),
        ("/end", Command::End),
        ("/register", Command::Directory(Directory::Register)),
        ("/unregister", Command::Directory(Directory::Unregister)),
    ] {
        assert_eq!(does(line), command, "{line}");
    }
    assert_eq!(does("/me  waves"), text("/me waves"));
    assert_eq!(refused("/me waves", Role::Attendee).code, "host_only");
    for role in [Role::Host, Role::Attendee, Role::Member, Role::Friends] {
        let wish = |line: &str| parse(line, role, |_| false);
        assert_eq!(wish("/search a pear"), Ok(Some(Wish::Search("a pear".into()))), "{role:?}");
        assert_eq!(wish("/away"), Ok(Some(Wish::Away)), "{role:?}");
        assert_eq!((wish("/search").unwrap_err().code, wish("/away now").unwrap_err().code), ("usage", "usage"));
    }
    assert_eq!(host("/help"), Ok(Some(Wish::Help)));
    assert_eq!(host("/ticket"), Ok(Some(Wish::Ticket)));
    assert_eq!(host("/check it").unwrap_err().message, "type: /check [NUMBER]");
    assert_eq!(parse("/check", Role::Member, |_| false).unwrap_err().code, "not_here");
}

#[test]
fn whoever_quits_leaves_but_a_host_is_told_what_that_would_do() {
    for line in ["/quit", "quit", "exit", "disconnect"] {
        assert_eq!(parse(line, Role::Attendee, |_| false), Ok(Some(Wish::Do(Command::Quit))), "{line}");
        assert_eq!(host(line), Ok(Some(Wish::Hint(HOST_QUITS))), "{line}");
    }
}

#[test]
fn bare_words_work_only_as_the_whole_line_and_with_a_name_that_is_here() {
    let bea = || "bea".to_string();
    for (line, command) in [
        ("users", Command::Users),
        ("register", Command::Directory(Directory::Register)),
        ("rename carl", Command::Name { name: "carl".into() }),
        ("msg bea hi there", Command::Msg { to: bea(), text: "hi there".into() }),
        ("message bea hi", Command::Msg { to: bea(), text: "hi".into() }),
    ] {
        assert_eq!(does(line), command, "{line}");
    }
    assert_eq!(host("help"), Ok(Some(Wish::Help)));
    for line in [
        "users are people",
        "quit smoking",
        "help me",
        "exit left",
        "rename",
        "rename the file",
        "msg",
        "msg bea",
        "msg carl hi",
        "message from our sponsor",
        "message in a bottle",
        "msg bea  ",
        "register me",
        "Quit",
    ] {
        assert_eq!(does(line), text(line), "{line}");
    }
}

#[test]
fn empty_lines_are_not_sent_and_a_leading_space_sends_anything() {
    for line in ["", " ", "\t  "] {
        assert_eq!(host(line), Ok(None));
    }
    for (line, said) in [(" /quit", "/quit"), (" quit", "quit"), ("  indented", " indented"), ("hi ", "hi ")] {
        assert_eq!(does(line), text(said));
    }
}

#[test]
fn a_wrong_command_says_which_one_would_have_worked() {
    for (line, role, code, expected) in [
        ("/ban bea", Role::Host, "unknown_command", "/kick NAME [WHY]"),
        ("/kik bea", Role::Host, "unknown_command", "/kick NAME [WHY]"),
        ("/nick ann", Role::Attendee, "unknown_command", "/name NEW"),
        ("/user", Role::Attendee, "unknown_command", "/users"),
        ("/QUIT", Role::Attendee, "unknown_command", "/quit"),
        ("/ban bea", Role::Attendee, "unknown_command", "/say /ban bea"),
        ("/zzz", Role::Host, "unknown_command", "/say /msg"),
        ("/", Role::Host, "unknown_command", "/say /msg"),
        ("/msg bea", Role::Host, "usage", "/msg NAME TEXT"),
        ("/msg", Role::Host, "usage", "/msg NAME TEXT"),
        ("/say ", Role::Host, "usage", "/say TEXT"),
        ("/name two words", Role::Host, "bad_name", "no white space"),
        ("/quit now", Role::Host, "usage", "/quit"),
        ("/lock it", Role::Host, "usage", "/lock"),
        ("/kick", Role::Host, "usage", "/kick NAME [WHY]"),
        ("/admit", Role::Host, "usage", "/admit NAME|all"),
        ("/admit bea carl", Role::Host, "usage", "/admit NAME|all"),
        ("/admit all", Role::Attendee, "host_only", "/msg"),
        ("/kick bea", Role::Attendee, "host_only", "/msg"),
        ("/retract", Role::Attendee, "host_only", "/msg"),
        ("/retract bea why", Role::Host, "usage", "/retract [NAME]"),
        ("/retract", Role::Friends, "usage", "/retract NAME"),
        ("/end", Role::Attendee, "host_only", "/quit"),
        ("/name @all", Role::Host, "bad_name", "64 bytes"),
        ("/ticket a b", Role::Host, "usage", "/ticket LABEL --void"),
        ("/ticket --viod", Role::Host, "bad_label", "`--viod` is no label"),
        ("/ticket press", Role::Attendee, "host_only", "/ticket alone shows what others join with"),
        ("/tickets", Role::Attendee, "host_only", "only the host has /tickets"),
        ("/list", Role::Host, "unknown_command", "in another terminal: tertulia list"),
        ("/list rust", Role::Attendee, "unknown_command", "in another terminal: tertulia list"),
        (
            "/who",
            Role::Member,
            "unknown_command",
            "/users is meant; to see who has registered, in another terminal: tertulia who",
        ),
        (
            "/contacts",
            Role::Member,
            "unknown_command",
            "no /contacts here: contacts have a console of their own, in another",
        ),
        ("/register", Role::Attendee, "host_only", "tertulia friends, and there: /register"),
        ("unregister", Role::Attendee, "host_only", "tertulia friends, and there: /register"),
        ("/register me", Role::Host, "usage", "type: /register"),
    ] {
        let problem = refused(line, role);
        assert_eq!(problem.code, code, "{line}: {}", problem.message);
        assert!(problem.message.contains(expected), "{line}: {}", problem.message);
    }
}

#[test]
fn a_slip_in_what_goes_with_a_kick_kicks_nobody() {
    let with = With { all: true, ticket: true };
    let kick = Command::Kick { name: "bea".into(), why: "loud".into(), with };
    let parsed = parse("/kick bea --all --ticket loud", Role::Member, |_| false);
    assert_eq!(parsed, Ok(Some(Wish::Do(kick))));
    for (line, role, said) in [
        ("/kick bea --al", Role::Member, "/kick has no --al: there are --all and --ticket"),
        ("/kick bea --ticket --tickets", Role::Host, "/kick has no --tickets: there are --all and --ticket"),
        ("/kick bea --all", Role::Host, "in a lecture nobody lets others in: leave out --all"),
    ] {
        assert_eq!(refused(line, role).message, said, "{line}");
    }
}

#[test]
fn a_text_that_is_too_long_is_refused_at_the_byte() {
    let longest = "x".repeat(limits::TEXT_MAX);
    assert_eq!(does(&longest), text(&longest));
    let problem = refused(&format!("{longest}y"), Role::Host);
    assert_eq!(problem.code, "too_long");
    assert!(problem.message.contains("16385") && problem.message.contains("16384"), "{}", problem.message);
    assert_eq!(refused(&format!("/msg bea {longest}y"), Role::Host).code, "too_long");
    for word in ["kick", "deny"] {
        assert_eq!(refused(&format!("/{word} bea {}", "w".repeat(256)), Role::Host).code, "too_long");
    }
}

#[test]
fn help_lists_what_the_role_has() {
    let attendee = help(Role::Attendee).join("\n");
    assert!(attendee.contains("/msg NAME TEXT") && !attendee.contains("/kick"));
    assert!(help(Role::Host).join("\n").contains("/kick NAME [WHY]"));
    let member = help(Role::Member);
    let place = |words: &str| member.iter().position(|line| line.contains(words)).expect(words);
    assert!(place("/stop") < place("its host") && place("its host") < place("/kick NAME [WHY]"), "{member:?}");
}

#[test]
fn help_calls_a_room_a_room_and_a_lecture_a_lecture() {
    for (role, other) in [
        (Role::Host, "room"),
        (Role::Attendee, "room"),
        (Role::Member, "lecture"),
        (Role::Member, "question"),
        (Role::Friends, "lecture"),
        (Role::Friends, "room"),
    ] {
        let help = help(role).join("\n");
        assert!(!help.contains(other), "{role:?}: {help}");
    }
    let kick = |role| refused("/kick", role).message;
    assert_eq!(kick(Role::Host), kick(Role::Member));
}

#[test]
fn a_slip_leads_to_the_nearest_word() {
    for (typed, meant) in [
        ("/kik bea", "/kick NAME [WHY]"),
        ("/qiut", "/quit"),
        ("/Users", "/users"),
        ("/msgs bea hi", "/msg NAME TEXT"),
        ("/loock", "/lock"),
        ("/unlokc", "/unlock"),
        ("/unmut bea", "/unmute NAME"),
        ("/stpo", "/stop"),
        ("/hlep", "/help"),
        ("/regster", "/register"),
        ("/mut bea", "/mute NAME"),
        ("/ticke", "/ticket"),
        ("/NICK ann", "/name NEW"),
    ] {
        let message = refused(typed, Role::Host).message;
        assert!(message.contains(&format!("perhaps {meant} is meant")), "{typed}: {message}");
    }
    for typed in ["/frob", "/", "/x", "/dance"] {
        let message = refused(typed, Role::Host).message;
        assert!(message.contains("there are /say"), "{typed}: {message}");
    }
    // What only a host has is nobody else's slip.
    assert!(refused("/kik bea", Role::Attendee).message.contains("there are /say"));
}
