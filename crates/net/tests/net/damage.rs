//! What one flipped bit, or a file cut short, does to a home: the right state, or a word about it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tertulia_core::contact::{Listed, pair_id};
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::log::Record;
use tertulia_core::machine::Kept;
use tertulia_net::{Error, Home};

use crate::support::{MEETING, entry};

/// All that a home says, but for what is in logs and when a run starts.
#[derive(Debug, PartialEq, Eq)]
struct State {
    key: Key,
    name: Option<String>,
    contacts: Vec<Listed>,
    drafts: Option<Vec<u8>>,
    port: Option<u16>,
    listed: Vec<MeetingId>,
    pairs: Vec<Key>,
    charter: Option<Vec<u8>>,
    pass: Option<Vec<u8>>,
    ticket: Option<Vec<u8>>,
    target: Option<String>,
    meeting_port: Option<u16>,
    ended: bool,
}

/// The state, and whether anything was said of damage.
fn state(path: &Path) -> Result<(State, bool), Error> {
    let home = Home::open(path)?;
    assert!(!home.is_guest() && !home.is_new());
    let started = home.start_run()?;
    assert!(started > 0);
    let meetings = home.meetings()?;
    let of = |id: MeetingId| meetings.iter().find(|meeting| meeting.id == id).expect("it is a folder").clone();
    let meeting = of(MEETING);
    let (pairs, _) = home.pairs()?;
    let is_told = !home.noticed().is_empty() || meetings.iter().any(|meeting| !meeting.damaged.is_empty());
    let state = State {
        key: home.identity().key(),
        name: home.config().name.clone(),
        contacts: home.contacts()?,
        drafts: home.drafts()?,
        port: home.port()?,
        listed: home.listed()?,
        pairs: pairs.into_iter().map(|pair| pair.peer).collect(),
        charter: meeting.charter,
        pass: meeting.pass,
        ticket: meeting.ticket,
        target: meeting.target,
        meeting_port: meeting.port,
        ended: meeting.ended,
    };
    Ok((state, is_told))
}

/// A home with all that there is in one.
fn furnish(path: &Path) {
    fs::write(path.join("config.toml"), "name = \"anna\"\n").unwrap();
    let home = Home::open(path).unwrap();
    let bea = Key([7; 32]);
    let bea = Listed { name: "bea".into(), key: Some(bea), addresses: vec!["a:1".into()], ..Listed::default() };
    home.keep_contacts(std::slice::from_ref(&bea)).unwrap();
    home.keep_drafts(b"a draft").unwrap();
    home.keep_port(7_473).unwrap();
    home.remember_listed(&[MEETING]).unwrap();
    home.start_run().unwrap();
    let files = home.meeting(MEETING).unwrap();
    files.append(&Record::Entry(entry(1, 10))).unwrap();
    for (name, bytes) in [(Kept::Charter, b"charter"), (Kept::Pass, b"letmein"), (Kept::Ticket, b"tickets")] {
        files.keep(name, bytes).unwrap();
    }
    files.remember_target("127.0.0.1:7473").unwrap();
    files.keep_port(7_480).unwrap();
    files.mark_ended().unwrap();
    // One whose key is in the contacts, and a stranger.
    for peer in [Key([7; 32]), Key([8; 32])] {
        let files = home.meeting(pair_id(home.identity().key(), peer)).unwrap();
        files.keep(Kept::Peer, &peer.0).unwrap();
    }
}

/// The files of a folder, and of those in it.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in files_in(from) {
        let to = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&file, to).unwrap();
    }
}

/// Every how many bits one is flipped: `TERTULIA_BITS=1` flips all.
fn stride() -> usize {
    std::env::var("TERTULIA_BITS").map_or(7, |bits| bits.parse().expect("a number"))
}

/// In memory where the system has that: thousands of homes are written.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn one_flipped_bit_or_a_cut_leads_to_the_right_state_or_a_word_and_the_file_is_kept() {
    let (good, folder) = (folder(), folder());
    furnish(good.path());
    let (right, _) = state(good.path()).unwrap();
    let path = folder.path();
    let mut tried = 0;
    for file in files_in(good.path()) {
        let name = file.strip_prefix(good.path()).unwrap().to_path_buf();
        // What is in a log has a test of its own; a lock holds a number for people.
        if name.ends_with("lock") || name.ends_with("log") {
            continue;
        }
        let whole = fs::read(&file).unwrap();
        let flipped = (0..whole.len() * 8).step_by(stride()).map(|bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        let cuts = (0..whole.len()).step_by(stride()).map(|length| whole[..length].to_vec());
        for damaged in flipped.chain(cuts) {
            fs::remove_dir_all(path).unwrap();
            copy(good.path(), path);
            fs::write(path.join(&name), &damaged).unwrap();
            match state(path) {
                Err(error) => {
                    let folder = path.display().to_string();
                    assert!(error.to_string().contains(&folder), "{}: it names no file: {error}", name.display());
                    assert_eq!(fs::read(path.join(&name)).unwrap(), damaged, "{}", name.display());
                }
                Ok((found, is_told)) => {
                    assert!(found == right || is_told, "{}: {found:?}", name.display());
                    let is_somewhere = |file: &PathBuf| fs::read(file).unwrap() == damaged;
                    let is_kept = found == right && !is_told || files_in(path).iter().any(is_somewhere);
                    assert!(is_kept, "{}: what was damaged is gone", name.display());
                }
            }
            tried += 1;
        }
    }
    assert!(tried > 1_000, "{tried} damages were tried");
}
