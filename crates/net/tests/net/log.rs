//! Logs on the disk: cut, flipped, of another format, and written anew.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tertulia_core::id::Salt;
use tertulia_core::identity::Identity;
use tertulia_core::log::{Log, Record, StreamId, entry_of};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::Encoded;
use tertulia_core::wire::entry::{Door, EntryBody};
use tertulia_core::wire::field::{List, Text};
use tertulia_net::{Damaged, Home, MeetingFiles, StoredLog};

use crate::support::{MEETING, identity};

const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };

fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn write(log: &mut Log, us: &Identity, text: &str, files: &MeetingFiles) {
    let body = match text {
        "" => EntryBody::Policy { door: Door::Locked, kept: List::NONE },
        text => EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() },
    };
    log.write(us, 5, &body, NOW).unwrap();
    log.unkept().iter().for_each(|record| files.append(record).unwrap());
}

/// A home in which `texts` were said; an empty one is an act.
fn home_with(folder: &Path, texts: &[&str]) -> (Log, PathBuf) {
    let home = Home::open(folder).unwrap();
    let files = home.meeting(MEETING).unwrap();
    let mut log = Log::new(MEETING, 10_000);
    texts.iter().for_each(|text| write(&mut log, &identity(1), text, &files));
    (log, files.path().join("log"))
}

fn load(folder: &Path) -> StoredLog {
    Home::open(folder).unwrap().meeting(MEETING).unwrap().load().unwrap()
}

fn frames(log: &Log) -> Vec<Encoded> {
    log.entries().map(|entry| entry.frame.clone()).collect()
}

fn set_aside(folder: &Path) -> usize {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    files.filter(|name| name.to_string_lossy().starts_with("log.damaged")).count()
}

#[test]
fn p9_a_log_cut_at_any_byte_loads_and_goes_on() {
    let folder = folder();
    let (log, path) = home_with(folder.path(), &["one", "", "two"]);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let stored = load(folder.path());
        let held = frames(&stored.log);
        assert!(frames(&log).starts_with(&held), "{length}");
        let is_headless = length < 94;
        assert_eq!(stored.damaged.is_some(), is_headless, "{length}");
        let home = Home::open(folder.path()).unwrap();
        let files = home.meeting(MEETING).unwrap();
        write(&mut stored.log.clone(), &identity(1), "more", &files);
        drop((files, home));
        let stored = load(folder.path());
        assert_eq!((stored.log.entries().count(), stored.damaged), (held.len() + 1, None), "{length}");
    }
}

#[test]
fn one_flipped_bit_costs_at_most_one_line_of_talk_and_what_was_there_is_set_aside() {
    let folder = folder();
    let (log, path) = home_with(folder.path(), &["one", "", "two", "three", "four"]);
    let (whole, right) = (fs::read(&path).unwrap(), frames(&log));
    let talk = StreamId::of(&entry_of(&right[0]).unwrap().entry);
    for bit in (0..whole.len() * 8).step_by(7) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        let StoredLog { log, damaged } = load(folder.path());
        let Some(Damaged { path: aside, bytes: count, lost, is_foreign: false, .. }) = damaged else {
            panic!("bit {bit}: nobody is told")
        };
        assert_eq!(fs::metadata(&aside).unwrap().len(), count, "bit {bit}");
        let held = frames(&log);
        let missing: Vec<&Encoded> = right.iter().filter(|frame| !held.contains(frame)).collect();
        assert!(held.iter().all(|frame| right.contains(frame)) && missing.len() <= 1, "bit {bit}");
        // The last of all might never have been there, for all that others know.
        let is_known = missing.first().is_some_and(|frame| **frame != right[4]);
        assert_eq!((lost, log.lost().count()), (u64::from(is_known), usize::from(is_known)), "bit {bit}");
        assert!(log.next_number(talk) >= 4, "bit {bit}");
        // Once.
        let again = load(folder.path());
        assert_eq!((frames(&again.log), again.damaged, again.log.lost().count()), (held, None, log.lost().count()));
        assert_eq!(set_aside(path.parent().unwrap()), 1);
        fs::remove_file(aside).unwrap();
    }
}

#[test]
fn a_log_of_another_format_is_moved_aside_whole_and_a_new_one_begun() {
    let folder = folder();
    let (log, path) = home_with(folder.path(), &["one"]);
    let raw: Vec<u8> = frames(&log).iter().flat_map(|frame| frame.0.to_vec()).collect();
    let older = String::from_utf8_lossy(&fs::read(&path).unwrap()).replace("tertulia log 2", "tertulia log 1");
    for (number, bytes) in [raw, older.into_bytes(), Vec::new()].into_iter().enumerate() {
        fs::write(&path, &bytes).unwrap();
        let StoredLog { log, damaged } = load(folder.path());
        let Some(Damaged { path: aside, is_foreign: true, .. }) = damaged else { panic!("nobody is told") };
        assert_eq!((frames(&log), fs::read(aside).unwrap()), (vec![], bytes));
        assert_eq!(load(folder.path()).damaged, None);
        assert_eq!(set_aside(path.parent().unwrap()), number + 1);
    }
}

#[test]
fn a_log_that_has_grown_is_written_anew_while_it_is_written_and_is_what_it_was() {
    let folder = folder();
    let home = Home::open(folder.path()).unwrap();
    let files = home.meeting(MEETING).unwrap();
    let (mut log, us) = (Log::new(MEETING, 10_000), identity(1));
    let long = "x".repeat(1_000);
    let path = files.path().join("log");
    // Twenty thousand lines, of which ten thousand are held.
    let mut longest = 0;
    for number in 0..20_000 {
        write(&mut log, &us, if number % 50 == 0 { "" } else { &long }, &files);
        longest = longest.max(fs::metadata(&path).unwrap().len());
    }
    drop((files, home));
    let length = fs::metadata(&path).unwrap().len();
    let held: usize = log.entries().map(|entry| entry.frame.0.len()).sum();
    let most = u64::try_from(held * 5 / 2).unwrap();
    assert!(longest < most && length < most, "{longest}, {length} of {held}");
    let stored = load(folder.path());
    assert_eq!(stored.damaged, None);
    assert!(stored.log.records().eq(log.records()), "another log than before");
    let records: Vec<Record> = stored.log.records().collect();
    assert!(Log::restored(MEETING, 10_000, records).records().eq(log.records()));
}
