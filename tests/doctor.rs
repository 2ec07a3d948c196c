//! What `tertulia doctor` finds: what is well, what is wrong and how to put it right; and that it changes nothing.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Bot, Scratch, kept, tertulia};

/// However much is wrong, it is told by then.
const BOUND: Duration = Duration::from_secs(5);

/// A home with an identity, whose host listens at any port of loopback.
fn well() -> Scratch {
    let home = Scratch::numbered("doctor");
    for arguments in [&["id"][..], &["config", "set", "listen", "127.0.0.1:0"], &["config", "set", "name", "anna"]] {
        assert!(tertulia(&home).args(arguments).output().expect("it runs").status.success());
    }
    home
}

/// What is found, and the exit code.
fn run(mut command: Command, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
    let began = Instant::now();
    let output = command.args(["--json", "doctor"]).args(arguments).output().expect("it runs");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let checks: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let is_wrong = checks.iter().any(|check| check["state"] == "wrong");
    assert_eq!(output.status.code(), Some(i32::from(is_wrong)), "{checks:?}");
    for check in &checks {
        assert_eq!(check["event"], "check", "{check}");
        assert!(check["state"] == "ok" || check["hint"].is_string(), "{check}");
    }
    (checks, output.status.code())
}

/// The same, while the home stays as it is.
fn doctor(home: &Scratch, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
    let before = files(home.path());
    let found = run(tertulia(home), arguments);
    let after = files(home.path());
    assert!(after == before, "what is there is changed: {:?}, {:?}", before.keys(), after.keys());
    found
}

/// All that is in a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.insert(path.clone(), Vec::new());
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).expect("it can be read"));
        }
    }
    found
}

/// The first check of this name that is in this state.
fn one<'a>(checks: &'a [Value], name: &str, state: &str) -> &'a Value {
    let found = checks.iter().find(|check| check["name"] == name && check["state"] == state);
    found.unwrap_or_else(|| panic!("no {name} is {state}: {checks:?}"))
}

fn says(check: &Value, field: &str, words: &str) {
    assert!(check[field].as_str().is_some_and(|text| text.contains(words)), "{check} has not: {words}");
}

#[test]
fn where_all_is_well_each_thing_is_named_and_the_registry_dials_back() {
    let home = well();
    let mut registry = Bot::start("registry", &["registry", "--listen", "127.0.0.1:0"]);
    let address = registry.wait("ready")["listen"].as_str().expect("an address").to_string();
    let (checks, code) = doctor(&home, &["--registry", &address]);
    assert_eq!(code, Some(0));
    for name in ["home", "rights", "files", "port", "registry", "name"] {
        one(&checks, name, "ok");
    }
    for name in ["network", "ipv6", "open_files", "terminal"] {
        assert!(checks.iter().any(|check| check["name"] == name), "{name}");
    }
    says(one(&checks, "registry", "ok"), "message", "has dialled back at 127.0.0.1:");
    says(one(&checks, "name", "ok"), "message", "anna");
    // For people: a line each, and what to type next.
    let output = tertulia(&home).args(["doctor", "--registry", &address]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("ok     registry ") && text.contains("-- nothing is wrong; to open a room: "), "{text}");
    assert_eq!(text.lines().count(), checks.len() + 1, "{text}");
    // The registry knows nobody any more.
    let who = tertulia(&home).args(["--json", "who", "--registry", &address]).output().expect("it runs");
    assert!(who.stdout.is_empty(), "{who:?}");
}

#[test]
fn a_home_that_is_not_there_is_not_made() {
    let folder = Scratch::numbered("doctor");
    let home = folder.path().join("none");
    let mut command = tertulia(&folder);
    command.env("TERTULIA_HOME", &home);
    let (checks, code) = run(command, &[]);
    assert_eq!(code, Some(0));
    says(one(&checks, "home", "ok"), "message", "is not there yet");
    assert!(!home.exists());
    // Where it can't be made, that is told.
    fs::write(&home, "a file").expect("it is written");
    let mut command = tertulia(&folder);
    command.env("TERTULIA_HOME", home.join("below"));
    says(one(&run(command, &[]).0, "home", "wrong"), "message", "not a directory");
}

#[test]
fn a_registry_that_is_dead_or_says_nothing_is_told_in_time_and_none_is_well() {
    let home = well();
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let dead = free.local_addr().expect("it has one").to_string();
    drop(free);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent_at = silent.local_addr().expect("it has one").to_string();
    for registry in [&dead, &silent_at] {
        let (checks, code) = doctor(&home, &["--registry", registry]);
        let check = one(&checks, "registry", "wrong");
        says(check, "message", registry);
        says(check, "hint", "tertulia config set registry");
        assert_eq!(code, Some(1));
    }
    let (checks, code) = doctor(&home, &["--no-registry"]);
    says(one(&checks, "registry", "ok"), "message", "none is used");
    assert_eq!(code, Some(0));
}

#[test]
fn a_port_that_is_taken_is_told_with_one_that_is_free() {
    let home = well();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has one").to_string();
    let set = tertulia(&home).args(["config", "set", "listen", &address]).output().expect("it runs");
    assert!(set.status.success(), "{set:?}");
    let (checks, code) = doctor(&home, &[]);
    let check = one(&checks, "port", "wrong");
    says(check, "message", &address);
    says(check, "hint", "host TITLE --listen");
    assert_eq!(code, Some(1));
}

#[cfg(unix)]
#[test]
fn an_identity_that_others_can_read_is_told_with_what_mends_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = well();
    let identity = home.path().join("identity");
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).expect("it is the test's");
    let (checks, code) = doctor(&home, &[]);
    let check = one(&checks, "rights", "wrong");
    says(check, "message", "0644");
    assert_eq!(code, Some(1));
    let mended = Command::new("sh").args(["-c", check["hint"].as_str().expect("a command")]).status();
    assert!(mended.expect("it runs").success());
    one(&doctor(&home, &[]).0, "rights", "ok");
}

#[test]
fn of_files_that_are_damaged_those_that_stop_something_are_wrong_and_the_others_noted() {
    let home = Arc::new(well());
    let mut host = Bot::start_in(&home, "anna", &["host", "Rust", "--no-registry"]);
    host.wait("ready");
    let (checks, code) = run(tertulia(&home), &[]);
    says(one(&checks, "holder", "note"), "message", &format!("process {}", host.id()));
    assert_eq!(code, Some(0));
    for text in ["one", "two"] {
        host.send(&json!({"command": "say", "text": text}));
        host.wait("message");
    }
    host.send(&json!({"command": "stop"}));
    host.wait("closed");
    host.end();
    one(&doctor(&home, &[]).0, "files", "ok");

    let flip = |path: &Path| {
        let mut bytes = fs::read(path).expect("it is there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).expect("it is written");
    };
    for name in ["charter", "log"] {
        let path = kept(&home, name);
        flip(&path);
        let (checks, code) = doctor(&home, &[]);
        says(one(&checks, "files", "note"), "message", &path.display().to_string());
        assert_eq!(code, Some(0));
        flip(&path);
    }
    for name in ["started", "identity"] {
        let path = home.path().join(name);
        flip(&path);
        let (checks, code) = doctor(&home, &[]);
        says(one(&checks, "files", "wrong"), "hint", &format!("mv {}", path.display()));
        assert_eq!(code, Some(1));
        flip(&path);
    }
    fs::write(home.path().join("config.toml"), "name = anna\n").expect("it is written");
    says(one(&doctor(&home, &[]).0, "files", "wrong"), "hint", "config edit");
}

#[test]
fn a_home_of_another_version_is_told_and_left_as_it_is() {
    let home = well();
    let version = |number: u32| {
        use sha2::Digest as _;
        let line = format!("tertulia {number} version");
        let sum = sha2::Sha256::digest(format!("{line}\n"));
        let check: String = sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        fs::write(home.path().join("version"), format!("{line} {check}\n")).expect("it is written");
    };
    version(1);
    says(one(&doctor(&home, &[]).0, "home", "note"), "message", "earlier tertulia");
    version(99);
    let (checks, code) = doctor(&home, &[]);
    says(one(&checks, "home", "wrong"), "message", "later tertulia");
    assert_eq!(code, Some(1));
    fs::write(home.path().join("version"), "none").expect("it is written");
    says(one(&doctor(&home, &[]).0, "home", "note"), "message", "written anew");
}

#[test]
fn a_clock_that_was_set_back_since_the_last_run_is_noted() {
    let home = well();
    let ahead = tertulia_net::unix_ms() + 7_200_000;
    fs::write(home.path().join("started"), support::sealed("started", &ahead.to_string())).expect("it is written");
    says(one(&doctor(&home, &[]).0, "clock", "note"), "message", " s behind");
}
