//! A write that stops in the middle. Alone in its program: a child that is being started holds, for a moment, every lock
//! that the program holds, and other tests wait for theirs to be free.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "what goes wrong in a helper fails its test, as it should"
)]

#[path = "net/support.rs"]
#[expect(dead_code, reason = "only its frames are of use here")]
mod support;

use std::fs;
use std::process::Command;

use tertulia_core::log::Record;
use tertulia_net::Home;

use self::support::{MEETING, entry};

/// Runs itself under a limit on the size of files: a full disk takes a part of a frame, and then no more.
#[test]
fn a_frame_that_finds_no_room_leaves_nothing_of_itself() {
    const PATH: &str = "TERTULIA_TEST_HOME";
    const LIMIT: u64 = 4_096;
    if let Some(path) = std::env::var_os(PATH) {
        let home = Home::open(path.as_ref()).unwrap();
        let files = home.meeting(MEETING).unwrap();
        let error =
            (1..100).find_map(|number| files.append(&Record::Entry(entry(number, 500))).err()).expect("a limit");
        print!("{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", LIMIT / 512);
    let child = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_frame_that_finds_no_room_leaves_nothing_of_itself", "--nocapture"])
        .env(PATH, folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && told.contains("cannot write"),
        "{told}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let home = Home::open(folder.path()).unwrap();
    let files = home.meeting(MEETING).unwrap();
    let length = || fs::metadata(files.path().join("log")).unwrap().len();
    let before = length();
    assert!((LIMIT - 1_000..=LIMIT).contains(&before), "{before}");
    let stored = files.load().unwrap();
    assert_eq!((stored.damaged, length()), (None, before), "nothing is cut off");
    assert_eq!(stored.log.entries().count(), 5);
}
