//! What a home keeps, and what becomes of it when a crash or somebody else has had a hand in it.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use tempfile::TempDir;
use tertulia_core::contact::Listed;
use tertulia_core::id::Key;
use tertulia_core::machine::Kept;
use tertulia_net::{Error, Home, Noticed, StoredMeeting, unix_ms};

use crate::support::MEETING;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn an_identity_is_made_once_and_only_its_owner_reads_it() {
    let folder = folder();
    let path = folder.path().join("new/home");
    let first = Home::open(&path).unwrap();
    assert!(first.is_new() && !first.is_guest());
    let key = first.identity().key();
    drop(first);
    let second = Home::open(&path).unwrap();
    assert!(!second.is_new());
    assert_eq!(second.identity().key(), key);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(""), mode("identity")), (0o700, 0o600));
    }
}

#[test]
fn a_damaged_identity_is_named_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("identity");
    drop(Home::open(folder.path()).unwrap());
    let whole = fs::read_to_string(&path).unwrap();
    let swapped = if whole.contains("secret 0") { "secret 1" } else { "secret 0" };
    let at = whole.find("secret ").unwrap();
    let other_secret = [&whole[..at], swapped, &whole[at + swapped.len()..]].concat();
    for damaged in ["", "tertulia-identity 1\n", &whole[..whole.len() - 9], &other_secret, "\u{0}\u{0}\u{0}"] {
        fs::write(&path, damaged).unwrap();
        let error = Home::open(folder.path()).expect_err(damaged);
        assert!(matches!(error, Error::Identity { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
}

#[test]
fn who_comes_second_is_a_guest_for_as_long_as_the_first_is_there() {
    let folder = folder();
    let owner = Home::open(folder.path()).unwrap();
    let first = Home::open(folder.path()).unwrap();
    let second = Home::open(folder.path()).unwrap();
    assert_eq!((owner.guest_number(), first.guest_number(), second.guest_number()), (None, Some(1), Some(2)));
    assert_ne!(first.identity().key(), owner.identity().key());
    assert_ne!(first.identity().key(), second.identity().key());
    assert!(matches!(first.meeting(MEETING), Err(Error::GuestHome { .. })));
    drop(first);
    assert_eq!(Home::open(folder.path()).unwrap().guest_number(), Some(1));
    drop(owner);
    assert!(!Home::open(folder.path()).unwrap().is_guest());
}

#[test]
fn settings_are_read_and_a_wrong_one_is_named() {
    let folder = folder();
    let path = folder.path().join("config.toml");
    fs::write(&path, "name = \"bea\"\nlisten = \"0.0.0.0:7473\"\n").unwrap();
    let home = Home::open(folder.path()).unwrap();
    assert_eq!(home.config().name.as_deref(), Some("bea"));
    assert_eq!(home.config().listen.as_deref(), Some("0.0.0.0:7473"));
    assert_eq!(home.config().registry, None);
    for (wrong, named) in [("nmae = \"bea\"\n", "nmae"), ("name = 7\n", "name = 7"), ("name", "name")] {
        fs::write(&path, wrong).unwrap();
        let error = Home::open(folder.path()).expect_err(wrong).to_string();
        assert!(error.contains(named) && error.contains("config.toml"), "{error}");
        assert!(error.contains("line 1, column ") && !error.contains(['\n', '^']), "{error:?}");
    }
    // Some editors begin a file with a byte order mark.
    fs::write(&path, "\u{feff}name = \"bea\"\n").unwrap();
    assert_eq!(Home::open(folder.path()).unwrap().config().name.as_deref(), Some("bea"));
}

#[test]
fn small_files_are_kept_and_replaced() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    let files = home.meeting(MEETING).unwrap();
    assert_eq!(files.kept(Kept::Charter).unwrap(), None);
    for bytes in [&b"one"[..], b"two"] {
        files.keep(Kept::Charter, bytes).unwrap();
        files.keep(Kept::Pass, bytes).unwrap();
    }
    home.remember_target(MEETING, "127.0.0.1:7473").unwrap();
    home.meeting(MEETING).unwrap().keep_port(7_480).unwrap();
    let mut stored = StoredMeeting {
        id: MEETING,
        charter: Some(b"two".into()),
        pass: Some(b"two".into()),
        ticket: None,
        target: Some("127.0.0.1:7473".into()),
        port: Some(7_480),
        ended: false,
        is_pair: false,
        bytes: 0,
        used: SystemTime::UNIX_EPOCH,
        damaged: Vec::new(),
    };
    let meetings = |stored: &mut StoredMeeting| {
        let found = home.meetings().unwrap();
        let files = fs::read_dir(files.path()).unwrap().map(|file| file.unwrap().metadata().unwrap());
        let files: Vec<_> = files.map(|file| (file.len(), file.modified().unwrap())).collect();
        stored.bytes = files.iter().map(|(bytes, _)| bytes).sum();
        stored.used = files.iter().map(|(_, used)| *used).max().unwrap();
        found
    };
    assert_eq!(meetings(&mut stored), [stored.clone()]);
    files.mark_ended().unwrap();
    fs::create_dir(folder.path().join("meetings/something else")).unwrap();
    stored.ended = true;
    assert_eq!(meetings(&mut stored), [stored.clone()]);
    files.keep(Kept::Peer, b"somebody").unwrap();
    assert!(home.meetings().unwrap()[0].is_pair);
    home.forget(MEETING).unwrap();
    assert!(home.meetings().unwrap().is_empty() && !files.path().exists());
    assert!(home.forget(MEETING).is_err(), "there is nothing to forget");
}

#[test]
fn hello_7_a_run_starts_after_every_run_before_it_wherever_the_clock_stands() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    let before = unix_ms();
    let first = home.start_run().unwrap();
    assert!((before..=unix_ms()).contains(&first), "by the clock");
    assert!(home.start_run().unwrap() > first);
    let ahead = unix_ms() + 3_600_000;
    fs::write(folder.path().join("started"), sealed("started", &ahead.to_string())).unwrap();
    assert_eq!([home.start_run().unwrap(), home.start_run().unwrap()], [ahead + 1, ahead + 2]);
    let guest = Home::open(folder.path()).unwrap();
    assert!(guest.is_guest() && guest.start_run().unwrap() < ahead, "nobody has met a guest's key before");
    let whole = fs::read(folder.path().join("started")).unwrap();
    fs::write(folder.path().join("started"), "soon").unwrap();
    let error = home.start_run().unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }) && error.to_string().contains("move it away"), "{error}");
    fs::write(folder.path().join("started"), whole).unwrap();
    assert_eq!(home.start_run().unwrap(), ahead + 3);
}

/// A small file as homes hold it.
fn sealed(name: &str, content: &str) -> String {
    use sha2::Digest as _;
    let line = format!("tertulia 2 {name}");
    let sum = sha2::Sha256::new_with_prefix(&line).chain_update("\n").chain_update(content).finalize();
    let check: String = sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{line} {check}\n{content}")
}

#[test]
fn a_home_says_its_version_and_one_that_is_older_is_set_aside_and_one_that_is_newer_refused() {
    let folder = folder();
    let path = folder.path();
    let key = Home::open(path).unwrap().identity().key();
    assert_eq!(fs::read_to_string(path.join("version")).unwrap(), sealed("version", ""));
    fs::write(path.join("version"), sealed("version", "").replace("tertulia 2", "tertulia 3")).unwrap();
    let home = Home::open(path).unwrap();
    let [Noticed::Version(aside)] = home.noticed() else { panic!("{:?}", home.noticed()) };
    assert!(fs::read_to_string(aside).unwrap().starts_with("tertulia 3"), "its check does not hold");
    drop(home);
    let newer = version(3);
    fs::write(path.join("version"), &newer).unwrap();
    let error = Home::open(path).unwrap_err();
    assert!(matches!(error, Error::Version { found: 3, expected: 2, .. }), "{error}");
    assert_eq!(fs::read_to_string(path.join("version")).unwrap(), newer);
    // And before homes had versions.
    for older in [Some(version(1)), None] {
        match older {
            Some(older) => fs::write(path.join("version"), older).unwrap(),
            None => fs::remove_file(path.join("version")).unwrap(),
        }
        is_set_aside(path, key);
    }
}

/// The file that says a home's version.
fn version(number: u32) -> String {
    let line = format!("tertulia {number} version");
    let sum = <sha2::Sha256 as sha2::Digest>::digest(format!("{line}\n"));
    let check: String = sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{line} {check}\n")
}

/// What an older version has kept of meetings and drafts is put into a folder of its own, and the user told once.
fn is_set_aside(path: &Path, key: Key) {
    fs::create_dir_all(path.join("meetings/00")).unwrap();
    fs::write(path.join("drafts"), "old").unwrap();
    let home = Home::open(path).unwrap();
    let [Noticed::Older(aside)] = home.noticed() else { panic!("{:?}", home.noticed()) };
    assert_eq!(fs::read_to_string(aside.join("drafts")).unwrap(), "old");
    assert!(aside.join("meetings/00").is_dir() && !path.join("meetings").exists());
    assert_eq!(home.identity().key(), key);
    drop(home);
    assert_eq!(Home::open(path).unwrap().noticed(), []);
}

#[test]
fn what_people_write_is_compared_with_what_it_was() {
    let folder = folder();
    let (contacts, config) = (folder.path().join("contacts.toml"), folder.path().join("config.toml"));
    let open = || Home::open(folder.path()).unwrap();
    let bea = Listed { name: "bea".into(), addresses: vec!["a:1".into()], ..Listed::default() };
    open().keep_contacts(std::slice::from_ref(&bea)).unwrap();
    assert_eq!(open().noticed(), [], "its own doing is none of its user's");
    fs::write(&config, "name = \"anna\"\n").unwrap();
    assert_eq!(open().noticed(), [], "there was none before");
    let before = fs::read_to_string(&contacts).unwrap();
    fs::write(&contacts, before.replace("a:1", "b:1")).unwrap();
    let home = open();
    let [Noticed::Changed(changed)] = home.noticed() else { panic!("{:?}", home.noticed()) };
    assert_eq!(
        (changed.now.as_deref(), changed.before.as_deref()),
        (Some("address = \"b:1\""), Some("address = \"a:1\""))
    );
    assert_eq!(before.lines().nth(changed.line - 1), changed.before.as_deref());
    assert_eq!(fs::read_to_string(&changed.kept).unwrap(), before);
    assert_eq!(home.contacts().unwrap()[0].addresses, ["b:1"], "what it says now counts");
    drop(home);
    assert_eq!(open().noticed(), [], "it is told once");
    fs::remove_file(&config).unwrap();
    let home = open();
    let [Noticed::Changed(changed)] = home.noticed() else { panic!("{:?}", home.noticed()) };
    assert_eq!((changed.line, changed.now.as_deref(), changed.before.as_deref()), (1, None, Some("name = \"anna\"")));
}
