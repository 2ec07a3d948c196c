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
    use tertulia_core::event::{Event, Notice};
    use tertulia_core::id::{LinkId, MeetingId};
    use tertulia_core::log::{Held, Record};
    use tertulia_core::machine::{Input, Machine, Output};
    use tertulia_core::time::{Instant, Now};
    use tertulia_core::wire::Encoded;
    use tertulia_net::{Home, Node, start};

    use crate::support::{MEETING, entry, plain, say, told};

    /// For this one's log there is no room.
    const OTHER: MeetingId = MeetingId([8; 16]);

    /// Tells its user of each entry that it has had stored: of the first two in one meeting, of more in the other. What else
    /// becomes of an entry is its own.
    struct Teller(fn(MeetingId, Encoded) -> Option<Output>);

    impl Machine for Teller {
        fn handle(&mut self, input: Input<'_>, _: Now, out: &mut Vec<Output>) {
            if let Input::Command { command: Command::Say { text }, .. } = input {
                let number: u64 = text.parse().unwrap();
                let (meeting, frame) = (if number > 2 { OTHER } else { MEETING }, entry(number, 1_024));
                out.push(Output::Store { meeting, record: Record::Entry(frame.clone()) });
                out.extend(self.0(meeting, frame));
                out.push(Output::Event(Event::Warning(Notice::Untraced(text))));
            }
        }

        fn handle_timeout(&mut self, _: Now, _: &mut Vec<Output>) {}

        fn poll_timeout(&self) -> Option<Instant> {
            None
        }

        fn assert_invariants(&self) {}
    }

    /// What the user hears as three entries are said at once.
    async fn hears(with_each: fn(MeetingId, Encoded) -> Option<Output>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let files = home.meeting(OTHER).unwrap();
        std::fs::create_dir_all(files.path()).unwrap();
        std::os::unix::fs::symlink("/dev/full", files.path().join("log.new")).unwrap();
        let mut setup = plain(1);
        setup.home = Some(home);
        let mut node: Node = start(Teller(with_each), setup).unwrap();
        (1..=4).for_each(|number| say(&node, number));
        let mut heard = Vec::new();
        loop {
            match told(&mut node).await.as_str() {
                "nothing more" => return heard,
                other => heard.push(other.to_string()),
            }
        }
    }

    #[tokio::test]
    async fn what_a_full_disk_has_not_kept_is_not_shown_and_what_it_has_is() {
        let sent = |_, frame| Some(Output::Send { link: LinkId(9), frame });
        assert_eq!(hears(sent).await, ["1", "2", "closed unwritten"]);
        // Written together, in the order of meetings: none of it is known to be kept. What is appended waits for it, too.
        let appended =
            |meeting, frame| Some(Output::Append { entry: Held::read(meeting, &frame).unwrap(), at: 0, dropped: 0 });
        assert_eq!(hears(appended).await, ["closed unwritten"]);
        assert_eq!(hears(|_, _| None).await, ["closed unwritten"]);
    }
}
