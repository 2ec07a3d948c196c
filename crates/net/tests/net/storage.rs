//! What a node keeps, and what it does when it cannot.

use tertulia_core::command::Command;
use tertulia_net::{Home, start};

use crate::support::{Echo, MEETING, command, plain, say, told};

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
    let frames: Vec<_> = log.log.entries().map(|entry| entry.frame.clone()).collect();
    assert_eq!((frames.len(), log.damaged), (20, None));
    assert_eq!(frames[6], crate::support::entry(7, 1_024));
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
    use crate::support::{Peer, listening};
    use tertulia_core::event::{Ending, Event};
    use tertulia_net::Error;

    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    let files = home.meeting(MEETING).unwrap();
    std::fs::create_dir_all(files.path()).unwrap();
    // Where a log begins, and is given its name once it has.
    std::os::unix::fs::symlink("/dev/full", files.path().join("log.new")).unwrap();
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

#[cfg(target_os = "linux")]
mod teller {
    use tertulia_core::command::Command;
    use tertulia_core::event::{Ending, Event, Notice};
    use tertulia_core::log::Record;
    use tertulia_core::machine::{Input, Machine, Output};
    use tertulia_core::time::{Instant, Now};
    use tertulia_net::{Home, start};

    use crate::support::{MEETING, entry, plain, say};

    /// Tells its user of each entry that it has had stored.
    struct Teller;

    impl Machine for Teller {
        fn handle(&mut self, input: Input<'_>, _: Now, out: &mut Vec<Output>) {
            if let Input::Command { command: Command::Say { text }, .. } = input {
                out.push(Output::Store { meeting: MEETING, record: Record::Entry(entry(1, 1_024)) });
                out.push(Output::Event(Event::Warning(Notice::Untraced(text))));
            }
        }

        fn handle_timeout(&mut self, _: Now, _: &mut Vec<Output>) {}

        fn poll_timeout(&self) -> Option<Instant> {
            None
        }

        fn assert_invariants(&self) {}
    }

    #[tokio::test]
    async fn what_a_full_disk_has_not_kept_is_not_shown_either() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let files = home.meeting(MEETING).unwrap();
        std::fs::create_dir_all(files.path()).unwrap();
        std::os::unix::fs::symlink("/dev/full", files.path().join("log.new")).unwrap();
        let mut setup = plain(1);
        setup.home = Some(home);
        let mut node = start(Teller, setup).unwrap();
        say(&node, 1);
        let first = node.events.recv().await;
        assert!(matches!(first, Some(Event::Closed { ending: Ending::Unwritten(_), .. })), "{first:?}");
    }
}
