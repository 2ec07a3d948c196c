//! What nodes do for each other.

use std::time::Duration;

use tertulia_core::channel::PREAMBLE;
use tertulia_core::command::Command;
use tertulia_core::id::LinkId;
use tertulia_core::limits::{CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT};
use tertulia_core::trace::{Direction, LinkStep, Step, parse};
use tertulia_net::start;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::support::{Echo, Peer, command, guest, host, identity, listening, pass, plain, say, told};

#[tokio::test]
async fn a_text_goes_there_and_its_answer_comes_back() {
    let (mut host, address) = host(1);
    let mut guest = guest(2, Some(identity(1).key()), &[&address.to_string()]);
    assert_eq!(told(&mut host).await, format!("up {}", identity(2).key()));
    assert_eq!(told(&mut guest).await, format!("up {}", identity(1).key()));
    command(&guest, Command::Msg { to: String::new(), text: "good day".into() });
    assert_eq!(told(&mut host).await, "tell good day");
    assert_eq!(told(&mut guest).await, "frame OK");
    command(&host, Command::Msg { to: String::new(), text: "to you too".into() });
    assert_eq!(told(&mut guest).await, "tell to you too");
    assert_eq!(told(&mut host).await, "frame OK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goodbye_comes_after_all_that_was_appended_before_it() {
    const ENTRIES: u32 = 4_000;
    let (mut host, address) = host(1);
    let mut guest = guest(2, None, &[&address.to_string()]);
    told(&mut host).await;
    told(&mut guest).await;
    say(&host, ENTRIES);
    command(&host, Command::End);
    for number in 0..=ENTRIES {
        assert_eq!(told(&mut guest).await, "frame ENTRY", "{number}");
    }
    assert_eq!(told(&mut guest).await, "down ended");
    assert_eq!(told(&mut host).await, "closed ended");
    assert_eq!(told(&mut host).await, "nothing more");
    host.finished().await.unwrap();
}

#[tokio::test]
async fn a_node_whose_user_is_gone_says_goodbye() {
    let (host, address) = host(1);
    let mut guest = guest(2, None, &[&address.to_string()]);
    told(&mut guest).await;
    drop(host);
    assert_eq!(told(&mut guest).await, "down stopped");
}

#[tokio::test]
async fn only_who_answers_otherwise_is_no_tertulia() {
    for (answer, why) in [(&b""[..], "cut"), (b"SSH-2.0-x\r\n", "handshake_failed"), (b"\x00", "handshake_failed")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut guest = guest(2, None, &[&listener.local_addr().unwrap().to_string()]);
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 44]).await.unwrap();
        stream.write_all(answer).await.unwrap();
        drop(stream);
        assert_eq!(told(&mut guest).await, format!("unreachable 0 {why}"), "{answer:?}");
    }
}

#[tokio::test]
async fn somebody_else_at_the_address_is_the_wrong_key() {
    let (_host, address) = host(1);
    let mut guest = guest(2, Some(identity(3).key()), &[&address.to_string()]);
    assert_eq!(told(&mut guest).await, "unreachable 0 wrong_key");
}

#[tokio::test]
async fn dial_1_somebody_else_at_one_address_does_not_hide_the_peer_at_another() {
    let ((_other, wrong), (_host, right)) = (host(3), host(1));
    let nobody = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let key = identity(1).key();
    let mut guest =
        guest(2, Some(key), &[&nobody.to_string(), &wrong.to_string(), &format!("localhost:{}", right.port())]);
    assert_eq!(told(&mut guest).await, format!("up {key}"));
}

#[tokio::test]
async fn where_nobody_listens_nobody_is_reached() {
    let nobody = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    for (addresses, why) in [
        (&[&nobody.to_string(), "no-such-name.invalid:7473"][..], "no_listener"),
        (&["no-such-name.invalid:7473"], "no_such_host"),
    ] {
        let mut guest = guest(2, None, addresses);
        assert_eq!(told(&mut guest).await, format!("unreachable 0 {why}"));
    }
}

#[tokio::test]
async fn who_accepts_and_says_nothing_is_given_up() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut guest = guest(2, None, &[&mute.local_addr().unwrap().to_string()]);
    let (mut stream, _) = mute.accept().await.unwrap();
    stream.read_exact(&mut [0; PREAMBLE.len()]).await.unwrap();
    let before = Instant::now();
    pass(HANDSHAKE_TIMEOUT).await;
    assert_eq!(told(&mut guest).await, "unreachable 0 unreachable");
    assert!(before.elapsed() <= HANDSHAKE_TIMEOUT + Duration::from_secs(1), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_node_that_ends_waits_for_no_dial_and_not_long_for_peers_that_do_not_close() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (setup, address) = listening(1);
    let mut host = start(Echo::dialling(None, &[&mute.local_addr().unwrap().to_string()]), setup).unwrap();
    let (_stream, _) = mute.accept().await.unwrap();
    let mut peer = Peer::join(2, address).await;
    told(&mut host).await;
    command(&host, Command::Stop);
    assert_eq!(peer.rest().await, ["HELLO", "stopped"]);
    assert!(timeout(Duration::ZERO, host.finished()).await.is_err());
    let before = Instant::now();
    pass(CLOSE_TIMEOUT).await;
    host.finished().await.unwrap();
    assert!(before.elapsed() <= CLOSE_TIMEOUT + Duration::from_secs(1), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_trace_has_every_frame_of_every_link() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.trace");
    let (mut setup, address) = listening(1);
    setup.trace = Some(path.clone());
    let mut host = start(Echo::default(), setup).unwrap();
    for number in [2, 3] {
        let mut guest = start(Echo::dialling(None, &[&address.to_string()]), plain(number)).unwrap();
        told(&mut host).await;
        told(&mut guest).await;
        command(&guest, Command::Msg { to: String::new(), text: "noted".into() });
        assert_eq!(told(&mut host).await, "tell noted");
        assert_eq!(told(&mut guest).await, "frame OK");
        command(&guest, Command::Quit);
        assert_eq!(told(&mut host).await, "down stopped");
    }
    command(&host, Command::Quit);
    host.finished().await.unwrap();
    let trace = parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for (link, number) in [(1, 2), (2, 3)] {
        let mut current = 0;
        let (mut steps, mut packets) = (Vec::new(), Vec::new());
        for step in &trace.steps {
            match step {
                Step::Link(of, LinkStep::Goes) => current = *of,
                Step::Link(of, step) => {
                    current = *of;
                    steps.extend((*of == link).then_some(*step));
                }
                Step::Packet(packet) if current == link => packets.push((packet.from, packet.name.as_str())),
                Step::Packet(_) | Step::Comment(_) => {}
            }
        }
        let (guest, host) = (Direction::Initiator, Direction::Responder);
        assert_eq!(packets, [(guest, "HELLO"), (host, "HELLO"), (guest, "TELL"), (host, "OK"), (guest, "BYE")]);
        let up = LinkStep::Up(identity(number).key());
        let down = LinkStep::Down(tertulia_core::code::Code::Stopped);
        assert_eq!(steps, [LinkStep::Accepted, up, down], "{:?}", LinkId(link));
    }
}
