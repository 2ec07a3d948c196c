//! The settings of a home: shown with their origin, changed one by one or with an editor, and never to what makes no sense.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::fs;
use std::process::Output;

use serde_json::Value;
use support::{Scratch, tertulia};

fn config(home: &Scratch, arguments: &[&str]) -> Output {
    tertulia(home).arg("config").args(arguments).env_remove("TERTULIA_REGISTRY").output().expect("it runs")
}

fn shown(home: &Scratch, name: &str, arguments: &[&str]) -> (String, String) {
    let output = config(home, &[&["--json", "show"], arguments].concat());
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let settings = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let setting = settings.into_iter().find(|setting| setting["name"] == name).expect("it is shown");
    let text = |field: &str| setting[field].as_str().expect("a string").to_string();
    (text("value"), text("origin"))
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn pair(value: &str, origin: &str) -> (String, String) {
    (value.into(), origin.into())
}

#[test]
fn a_setting_is_kept_and_a_flag_beats_it() {
    let home = Scratch::numbered("config");
    assert_eq!(shown(&home, "idle", &[]), pair("300", "default"));
    for (name, value) in [("name", "anna"), ("idle", "60"), ("registry", "none"), ("listen", "127.0.0.1:7500")] {
        let set = config(&home, &["set", name, value]);
        assert!(set.status.success(), "{set:?}");
        assert_eq!(shown(&home, name, &[]), pair(value, "file"));
    }
    assert_eq!(shown(&home, "registry", &["--registry", "127.0.0.1"]), pair("127.0.0.1:7472", "flag"));
    assert_eq!(shown(&home, "name", &["--name", "bea"]), pair("bea", "flag"));
    assert!(config(&home, &["set", "idle"]).status.success());
    assert_eq!(shown(&home, "idle", &[]), pair("300", "default"));
    // It is what the other verbs go by, and no change that nobody has made.
    let id = tertulia(&home).arg("id").output().expect("it runs");
    assert!(String::from_utf8_lossy(&id.stdout).contains("name  anna"), "{id:?}");
    assert!(!told(&id).contains("not as it was"), "{id:?}");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would_and_nothing_is_changed() {
    let home = Scratch::numbered("config");
    assert!(config(&home, &["set", "name", "anna"]).status.success());
    let path = home.path().join("config.toml");
    let before = fs::read_to_string(&path).expect("it is there");
    for (name, value) in [("name", ""), ("idle", "0"), ("idle", "soon"), ("registry", "a b"), ("listen", "::1:1:")] {
        let refused = config(&home, &["set", name, value]);
        assert_eq!(refused.status.code(), Some(2), "{name} {value}: {refused:?}");
        assert!(told(&refused).contains("try: "), "{refused:?}");
    }
    assert_eq!(config(&home, &["set", "colour", "red"]).status.code(), Some(2));
    assert_eq!(fs::read_to_string(&path).expect("it is there"), before);
    fs::write(&path, "name = anna\n").expect("it is written");
    let broken = config(&home, &["set", "idle", "60"]);
    assert!(told(&broken).contains("line 1") && told(&broken).contains("config edit"), "{broken:?}");
}

#[cfg(unix)]
#[test]
fn an_editor_gets_the_file_and_what_it_leaves_is_checked() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Scratch::numbered("config");
    let editor = home.path().join("editor.sh");
    let edit = |script: &str| {
        fs::create_dir_all(home.path()).expect("the folder is made");
        fs::write(&editor, format!("#!/bin/sh\n{script}\n")).expect("it is written");
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).expect("it may run");
        tertulia(&home)
            .args(["config", "edit"])
            .env("VISUAL", format!("{} -w", editor.display()))
            .output()
            .expect("it runs")
    };
    let edited = edit(r#"[ "$1" = -w ] && grep -q '# name' "$2" && echo 'name = "anna"' >> "$2""#);
    assert!(edited.status.success(), "{edited:?}");
    assert_eq!(shown(&home, "name", &[]), pair("anna", "file"));
    for (script, word) in [
        (r#"echo 'nane = "bea"' >> "$2""#, "nane"),
        (r#"echo 'name = ""' > "$2""#, "name"),
        ("exit 3", "ended with exit status: 3"),
    ] {
        let refused = edit(script);
        assert!(!refused.status.success() && told(&refused).contains(word), "{refused:?}");
        assert!(told(&refused).contains("config edit"), "{refused:?}");
    }
    let none = tertulia(&home).args(["config", "edit"]).env("VISUAL", "/none/such").output().expect("it runs");
    assert!(told(&none).contains("could not be started"), "{none:?}");
}
