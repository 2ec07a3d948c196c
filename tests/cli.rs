//! What the command line says without a node: help, refusals, exit codes, homes.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::process::Stdio;

use serde_json::Value;
use support::{Scratch, tertulia};

struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

fn run(home: &Scratch, arguments: &[&str]) -> Said {
    let output = tertulia(home).args(arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("all that is said is UTF-8");
    Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
}

#[test]
fn help_leads_with_an_example_and_every_flag_has_a_meaning() {
    let home = Scratch::new("help");
    for (arguments, example) in [
        (&["--help"][..], "  tertulia host 'Rust for sailors' --lecture\n"),
        (&["host", "--help"], "  tertulia host 'Rust for sailors' --lecture\n"),
        (&["join", "--help"], "  tertulia join 127.0.0.1:7473\n"),
        (&["friends", "--help"], "  tertulia friends\n  bea/hello\n"),
        (&["contacts", "--help"], "  tertulia contacts add bea 192.0.2.7:7473\n"),
        (&["send", "--help"], "  tertulia send bea 'see you at eight'\n"),
        (&["receive", "--help"], "  tertulia receive --once\n"),
        (&["id", "-h"], "  tertulia id\n"),
    ] {
        let said = run(&home, arguments);
        assert_eq!(said.code, Some(0));
        assert!(said.out.starts_with(example), "{}", said.out);
    }
    let host = run(&home, &["host", "-h"]).out;
    for flag in "--lecture --ticket --questions --filter --history --listen --announce --name --home --json --trace -v"
        .split(' ')
    {
        let line = host.lines().find(|line| line.trim_start().starts_with(flag));
        let line = line.unwrap_or_else(|| panic!("{flag} is not in {host}"));
        assert!(line.trim().len() > flag.len() + 10, "{line}");
    }
}

/// What `tertulia --help` lists.
fn verbs(home: &Scratch) -> Vec<String> {
    let help = run(home, &["-h"]).out;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<String> = list.filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect();
    assert!(verbs.len() > 10, "{help}");
    verbs
}

#[test]
fn help_in_a_room_speaks_of_a_room_and_knows_slips() {
    use std::io::Write as _;
    let home = Scratch::new("room-help");
    let mut command = tertulia(&home);
    command.args(["host", "T", "--listen", "127.0.0.1:0"]).stdin(Stdio::piped());
    let mut host = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut input = host.stdin.take().expect("stdin is a pipe");
    input.write_all("/help\n/kik bea\n/QIUT\n/end\n".as_bytes()).expect("the program reads");
    let said = host.wait_with_output().expect("the program ends");
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(out.contains("/end") && out.contains("end the room for all") && !out.contains("lecture"), "{out}");
    assert!(err.contains("there is no /kik here: perhaps /kick NAME [WHY] is meant"), "{err}");
    assert!(err.contains("there is no /QIUT here: perhaps /quit is meant"), "{err}");
}

#[test]
fn every_shell_gets_a_script_that_knows_every_verb() {
    let home = Scratch::new("completions");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = run(&home, &["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}");
        // What a shell shows beside a verb is prose, and may have the same words in it.
        let known: Vec<&str> = said.out.split(|letter: char| !letter.is_alphanumeric() && letter != '-').collect();
        for verb in verbs(&home).iter().map(String::as_str) {
            assert!(known.contains(&verb), "{shell} does not know {verb}");
        }
        for flag in ["questions", "no-registry"] {
            assert!(said.out.contains(flag), "{shell} does not know {flag}");
        }
    }
    let said = run(&home, &["completions", "dos"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("[possible values: bash") && said.err.contains("try: tertulia completions bash"));
}

#[test]
fn every_verb_has_a_manual_page() {
    let home = Scratch::new("man");
    let folder = home.path().join("new").join("man1");
    let folder = folder.to_str().expect("UTF-8");
    let said = run(&home, &["man", folder]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.contains(&format!("man {folder}/tertulia.1")), "{}", said.out);
    let page = |name: &str| std::fs::read_to_string(format!("{folder}/{name}.1")).expect("the page is there");
    assert!(page("tertulia").starts_with(".ie"), "roff begins with its own quotes");
    for verb in verbs(&home).iter().filter(|verb| *verb != "help") {
        let page = page(&format!("tertulia-{verb}"));
        assert!(page.contains(&format!("tertulia {verb}")) && page.contains("no\\-registry"), "{verb}: {page}");
    }
    let said = run(&home, &["man", "/dev/null/man1"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("/dev/null/man1") && said.err.contains("try: tertulia man ~/"), "{}", said.err);
}

#[test]
fn a_refusal_ends_with_the_command_that_would_have_worked() {
    let home = Scratch::new("refusals");
    for (arguments, code, hint) in [
        (&["host", "My Talk", "--questions", "closed"][..], 2, "tertulia host 'My Talk' --lecture"),
        (&["who"], 1, "tertulia who --registry HOST:PORT"),
        (&["friends", "--announce", "here"], 2, "tertulia friends --announce here:7473"),
        (&["host"], 2, "tertulia host 'Rust for sailors' --lecture"),
        (&["host", "", "--lecture"], 2, "tertulia host 'A shorter title' --lecture"),
        (&["host", ""], 2, "tertulia host 'A shorter title'"),
        (&["host", "T", "--lecture", "--listen", "here"], 2, "tertulia host T --lecture --listen 0.0.0.0:7473"),
        (&["host", "T", "--lecture", "--announce", "two words"], 2, "--announce example.org:7473"),
        (&["host", "T", "--lecture", "--filter", "/no/such/file"], 1, "--filter words.txt"),
        (&["join"], 2, "tertulia join 127.0.0.1:7473"),
        (&["send", "bea"], 2, "tertulia send bea 'see you at eight'"),
        (&["join", "myhost"], 2, "tertulia join myhost:7473"),
        (&["join", "127.0.0.1:0"], 2, "tertulia join 127.0.0.1:7473"),
        (&["join", "tertulia:00@127.0.0.1:1"], 2, "tertulia join -"),
        (&["join", "127.0.0.1:1", "--name", "two words"], 2, "--name anna"),
        (&["dance"], 2, "tertulia host 'Rust for sailors' --lecture"),
        (&["jion", "127.0.0.1:7473"], 2, "tertulia join 127.0.0.1:7473"),
        (&["Sedn", "bea"], 2, "tertulia send bea 'see you at eight'"),
        (&["contacts", "ad", "bea"], 2, "tertulia contacts add bea 192.0.2.7:7473"),
    ] {
        let said = run(&home, arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.err);
        let last = said.err.lines().last().unwrap_or_default();
        assert!(last.starts_with("  try: ") && last.ends_with(hint), "{arguments:?}: {}", said.err);
        assert_eq!(said.out, "", "{arguments:?}");
    }
}

#[test]
fn half_a_ticket_says_what_is_missing() {
    let home = Scratch::new("tickets");
    let said = run(&home, &["join", &format!("tertulia:{}@127.0.0.1:1", "0".repeat(32))]);
    assert!(said.err.contains("expected a host key of 64 hex digits"), "{}", said.err);
    let said = run(&home, &["--json", "join", "tertulia:00"]);
    let event: Value = serde_json::from_str(&said.out).expect("one JSON line");
    assert_eq!((event["event"].as_str(), event["code"].as_str()), (Some("error"), Some("usage")));
    assert!(event["message"].as_str().is_some_and(|message| message.ends_with("tertulia join -")));
    assert_eq!((said.code, said.err.as_str()), (Some(2), ""));
}

#[test]
fn what_is_typed_is_escaped_where_it_is_repeated() {
    let home = Scratch::new("escapes");
    let said = run(&home, &["join", "\u{1b}[2J\u{202e}"]);
    assert!(said.err.contains("\\u{1b}[2J\\u{202e}"), "{}", said.err);
    let said = run(&home, &["host", "\u{1b}]0;x\u{7}", "--questions", "closed"]);
    assert!(!said.err.contains(['\u{1b}', '\u{7}']), "{:?}", said.err);
}

#[test]
fn logs_are_written_to_stderr_if_asked_for_and_escaped() {
    let home = Scratch::new("logs");
    let said = run(&home, &["id", "-v", "--home", &format!("{}/\u{1b}[2J\u{202e}", home.path().display())]);
    assert!(said.err.contains("opened the home") && said.err.contains("[2J"), "{}", said.err);
    assert!(!said.err.contains(['\u{1b}', '\u{202e}']), "{:?}", said.err);
    assert!(!said.out.contains(['\u{1b}', '\u{202e}']), "{:?}", said.out);
    assert_eq!(run(&home, &["id"]).err, "");
}

#[test]
fn a_pipe_gets_colours_only_if_they_are_forced_and_nobody_forbids_them() {
    let home = Scratch::new("colours");
    for (set, has_colours) in [
        (&[][..], false),
        (&["CLICOLOR"], false),
        (&["CLICOLOR_FORCE"], true),
        (&["CLICOLOR_FORCE", "NO_COLOR"], false),
    ] {
        let mut command = tertulia(&home);
        let output = command.arg("id").envs(set.iter().map(|name| (name, "1"))).output().expect("the program starts");
        assert_eq!(output.stdout.contains(&0x1b), has_colours, "{set:?}");
    }
}

#[test]
fn id_makes_a_home_once_and_tells_key_and_path() {
    let home = Scratch::new("id");
    let first = run(&home, &["id"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert!(first.out.starts_with("-- your new identity:\nkey   "), "{}", first.out);
    let key = first.out.lines().find_map(|line| line.strip_prefix("key   ")).expect("a key");
    assert!(key.len() == 64 && key.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f')), "{key}");
    let path = home.path().join("identity");
    assert!(first.out.contains(&format!("path  {}\n", path.display())) && path.is_file());
    assert_eq!(first.out.matches(home.path().to_str().expect("UTF-8")).count(), 1, "the path once: {}", first.out);
    assert!(
        first.out.lines().last().is_some_and(|line| line.contains("tertulia host") && line.contains("tertulia join"))
    );

    let second = run(&home, &["id", "--json", "--name", "anna"]);
    let event: Value = serde_json::from_str(&second.out).expect("one JSON line");
    assert_eq!(event["event"], "id");
    assert_eq!(event["key"], key);
    assert_eq!(event["name"], "anna");
    assert_eq!(event["path"], path.display().to_string());
    assert!(event["time_ms"].is_u64());
}

#[test]
fn without_a_verb_it_says_who_you_are_and_what_to_type() {
    let home = Scratch::new("overview");
    let said = run(&home, &[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.starts_with("-- your new identity:\nkey   "), "{}", said.out);
    assert_eq!(said.out.matches(home.path().to_str().expect("UTF-8")).count(), 1, "the path once: {}", said.out);
    let commands =
        ["tertulia join HOST:PORT", "tertulia host 'Friday tertulia'", "tertulia friends", "tertulia --help"];
    for expected in ["key   ", "there is no registry to ask"].iter().chain(&commands) {
        assert!(said.out.contains(expected), "{}", said.out);
    }
    let said = run(&home, &["--home", home.path().to_str().expect("UTF-8")]);
    let next = format!("tertulia --home {} friends\n", home.path().display());
    assert!(said.out.contains(&next), "what is printed works as it is: {}", said.out);
    let said = run(&home, &["--json", "--name", "anna"]);
    let events: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [id, warning] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((id["event"].as_str(), id["name"].as_str()), (Some("id"), Some("anna")));
    assert_eq!((warning["event"].as_str(), warning["code"].as_str()), (Some("warning"), Some("no_registry")));
    // Without a home it tells what it can.
    let said = run(&home, &["--home", "/dev/null/home"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("/dev/null/home") && said.out.contains("tertulia --help"), "{}{}", said.out, said.err);
    assert_eq!(run(&home, &["--name", "two words"]).code, Some(2));
}

#[test]
fn a_name_comes_from_the_flag_else_the_settings_else_the_system() {
    let home = Scratch::new("names");
    let name = |arguments: &[&str]| {
        let output = tertulia(&home).env("USER", "sys tem").args(arguments).output().expect("the program starts");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().find_map(|line| line.strip_prefix("name  ")).map(str::to_string)
    };
    assert_eq!(name(&["id"]).as_deref(), Some("system"));
    std::fs::write(home.path().join("config.toml"), "name = \"settled\"\n").expect("the home is there");
    assert_eq!(name(&["id"]).as_deref(), Some("settled"));
    assert_eq!(name(&["id", "--name", "chosen"]).as_deref(), Some("chosen"));
    std::fs::write(home.path().join("config.toml"), "nmae = \"x\"\n").expect("the home is there");
    let said = run(&home, &["id"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("nmae"), "{}", said.err);
}

#[test]
fn a_trace_is_shown_and_replayed_and_anything_else_is_refused() {
    let traces = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces");
    let run = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tertulia")).args(words).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code(), text)
    };
    let lecture = format!("{traces}/lecture.trace");
    let (code, text) = run(&["trace", "show", &lecture]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.lines().any(|line| line.contains(" I WELCOME ") && line.contains("rows")), "{text}");
    let refused = format!("{traces}/option-unknown-even.trace");
    assert_eq!(run(&["trace", "replay", &lecture, &refused]).0, Some(0));
    let (code, text) = run(&["trace", "replay", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("line 1: expected `# tertulia-trace 1`"), "{text}");
}
