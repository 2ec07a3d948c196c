//! What a node keeps, and what it does when it cannot.

use tertulia_core::command::Command;
use tertulia_core::event::{Ending, Event};
use tertulia_core::log::{Shown, entry_of};
use tertulia_net::{Error, Home, start};

use crate::support::{Echo, MEETING, Peer, command, listening, plain, say, told};

#[tokio::test]
async fn entries_are_on_the_disk_when_the_node_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let mut setup = plain(1);
    setup.home = Some(home.clone());
    let mut node = start(Echo::default(), setup).unwrap();
    say(&node, 20);
    command(&node, Command::Stop);
    assert_eq!(told(&mut node).await, "closed stopped");
    node.finished().await.unwrap();
    let log = home.meeting(MEETING).unwrap().load().unwrap();
    assert_eq!((log.entries.len(), log.damaged), (20, None));
    assert_eq!(log.entries[6], crate::support::entry(7, 1_024));
}

#[test]
fn show_3_what_was_shown_is_kept_beside_the_log_and_of_a_log_without_it_all_was() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let mut files = home.meeting(MEETING).unwrap();
    let entries: Vec<_> = (1..4).map(|number| crate::support::entry(number, 8)).collect();
    entries.iter().for_each(|frame| files.append(frame).unwrap());
    let path = files.path().join("shown");
    assert_eq!(files.load().unwrap().shown, Shown::default(), "nothing yet");
    let all = Shown::all(&entries);
    let mut shown = Shown::default();
    for frame in &entries {
        let entry = entry_of(frame).unwrap().value;
        let mark = shown.note(entry.author, entry.session, entry.number).unwrap();
        files.mark_shown(&mark).unwrap();
    }
    let length = || std::fs::metadata(&path).unwrap().len();
    assert_eq!((files.shown().unwrap(), length()), (all.clone(), 3 * 48));
    // A mark that a crash has cut short does not count.
    std::fs::File::options().append(true).open(&path).unwrap().set_len(3 * 48 - 1).unwrap();
    let before_last = Shown::all(&entries[..2]);
    assert_eq!((files.load().unwrap().shown, length()), (before_last, 48), "in as few bytes as that takes");
    std::fs::remove_file(&path).unwrap();
    assert_eq!((files.load().unwrap().shown, length()), (all, 48));
}

#[tokio::test]
async fn a_guest_of_a_home_keeps_nothing_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Home::open(folder.path()).unwrap();
    let mut setup = plain(1);
    setup.home = Some(Home::open(folder.path()).unwrap());
    let mut node = start(Echo::default(), setup).unwrap();
    say(&node, 20);
    command(&node, Command::Stop);
    node.finished().await.unwrap();
    assert_eq!(owner.meetings().unwrap(), []);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_ends_the_node_with_a_word_and_nobody_gets_what_was_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let files = home.meeting(MEETING).unwrap();
    std::fs::create_dir_all(files.path()).unwrap();
    std::os::unix::fs::symlink("/dev/full", files.path().join("log")).unwrap();
    let (mut setup, address) = listening(1);
    setup.home = Some(home);
    let mut node = start(Echo::default(), setup).unwrap();
    let mut peer = Peer::join(2, address).await;
    told(&mut node).await;
    say(&node, 3);
    let Some(Event::Closed { ending: Ending::Unwritten(message), .. }) = node.events.recv().await else { panic!() };
    let log = files.path().join("log");
    assert!(message.starts_with(&format!("cannot write {}: No space left", log.display())), "{message}");
    assert!(message.contains("make room"), "{message}");
    assert_eq!(peer.rest().await, ["HELLO", "stopped"]);
    drop(peer);
    assert!(matches!(node.finished().await, Err(Error::File { .. })));
}
