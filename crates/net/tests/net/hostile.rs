//! What others do to a node (H1 to H8), and what it costs them.

use std::time::Duration;

use tertulia_core::channel::PREAMBLE;
use tertulia_core::command::Command;
use tertulia_core::limits::{
    CONTROL_BURST, CONTROL_RATE, DEAD_TIMEOUT, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, HELLO_TIMEOUT, OWED_FRAMES_MAX,
    RATE_PATIENCE, STALL_TIMEOUT,
};
use tertulia_net::Node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{Peer, command, guest, host, identity, pass, ping, say, told};

/// What comes until the other side closes.
async fn answer(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // An end or a reset: both close.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// That nothing has been told and nothing has come, by the time everybody has had a turn.
async fn assert_quiet(node: &mut Node) {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(node.events.is_empty(), "{}", told(node).await);
}

fn assert_open(stream: &TcpStream) {
    let error = stream.try_read(&mut [0; 1]).expect_err("closed");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

fn assert_around(elapsed: Duration, expected: Duration) {
    let (least, most) = (expected - Duration::from_millis(20), expected + Duration::from_secs(3));
    assert!((least..most).contains(&elapsed), "{elapsed:?} instead of {expected:?}");
}

#[tokio::test]
async fn h1_h4_what_is_no_preamble_is_closed_without_a_word() {
    let (_host, address) = host(1);
    for opening in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01", b"\xff\xff", b"TERTUL!"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(opening).await.unwrap();
        let before = Instant::now();
        assert_eq!(answer(&mut stream).await, b"");
        assert!(before.elapsed() < HANDSHAKE_TIMEOUT);
    }
}

#[tokio::test]
async fn h4_another_version_gets_a_refusal_record() {
    let (_host, address) = host(1);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"TERTULIA\x02\x01 and whatever that version says next").await.unwrap();
    assert_eq!(answer(&mut stream).await, [0, 4, 1, 1, 0, 0x14]);
}

#[tokio::test]
async fn h3_a_handshake_with_a_flipped_bit_is_closed_without_a_word() {
    let (_host, address) = host(1);
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A point of low order: the responder's first Diffie-Hellman result would be zero.
    stream.write_all(&[&PREAMBLE[..], &[0, 32], &[0; 32]].concat()).await.unwrap();
    assert_eq!(answer(&mut stream).await, b"");
}

#[tokio::test]
async fn handshake_7_a_byte_now_and_then_buys_five_seconds() {
    let (mut host, address) = host(1);
    let mut slow = Vec::new();
    for _ in 0..50 {
        slow.push(TcpStream::connect(address).await.unwrap());
    }
    // Whoever comes later is in at once. It is accepted after all the slow ones, so their time runs.
    let mut guest = guest(2, Some(identity(1).key()), &[&address.to_string()]);
    assert_eq!(told(&mut guest).await, format!("up {}", identity(1).key()));
    assert_eq!(told(&mut host).await, format!("up {}", identity(2).key()));
    for byte in &PREAMBLE[..4] {
        for stream in &mut slow {
            stream.write_all(&[*byte]).await.unwrap();
        }
        pass(HANDSHAKE_TIMEOUT / 5).await;
    }
    slow.iter().for_each(assert_open);
    let before = Instant::now();
    pass(HANDSHAKE_TIMEOUT / 5).await;
    for stream in &mut slow {
        assert_eq!(answer(stream).await, b"");
    }
    assert!(before.elapsed() < HANDSHAKE_TIMEOUT / 2, "{:?}", before.elapsed());
}

#[tokio::test]
async fn when_all_places_are_taken_the_oldest_goes() {
    const EXCESS: usize = 44;
    let (_host, address) = host(1);
    let mut idle = Vec::new();
    for _ in 0..HANDSHAKES_MAX + EXCESS {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut guest = guest(2, None, &[&address.to_string()]);
    assert_eq!(told(&mut guest).await, format!("up {}", identity(1).key()));
    // One more for the guest, whose place is free again.
    for stream in &mut idle[..=EXCESS] {
        assert_eq!(answer(stream).await, b"");
    }
    idle[EXCESS + 1..].iter().for_each(assert_open);
}

#[tokio::test]
async fn who_says_no_hello_is_silent() {
    let (mut host, address) = host(1);
    let mut mute = Peer::dial(2, address).await;
    let mut peer = Peer::join(3, address).await;
    told(&mut host).await;
    peer.receive().await.unwrap();
    pass(HELLO_TIMEOUT).await;
    assert_eq!(mute.rest().await, ["silent"]);
    assert_quiet(&mut host).await;
}

#[tokio::test]
async fn who_goes_silent_is_dead_after_15_seconds() {
    let (mut host, address) = host(1);
    let mut peer = Peer::join(2, address).await;
    told(&mut host).await;
    let before = Instant::now();
    pass(DEAD_TIMEOUT - Duration::from_secs(1)).await;
    assert_quiet(&mut host).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(told(&mut host).await, "down silent");
    assert_around(before.elapsed(), DEAD_TIMEOUT);
    assert_eq!(peer.rest().await, ["HELLO", "PING", "silent"]);
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_record_is_a_cut() {
    let (mut host, address) = host(1);
    let mut peer = Peer::join(2, address).await;
    told(&mut host).await;
    peer.receive().await.unwrap();
    let record = peer.seal(&[ping()]);
    peer.stream.write_all(&record[..10]).await.unwrap();
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
    assert_eq!(told(&mut host).await, "down cut");
}

#[tokio::test]
async fn h5_a_flipped_bit_ends_the_link_and_says_why() {
    let (mut host, address) = host(1);
    let mut peer = Peer::join(2, address).await;
    told(&mut host).await;
    let mut record = peer.seal(&[ping()]);
    *record.last_mut().unwrap() ^= 1;
    peer.stream.write_all(&record).await.unwrap();
    assert_eq!(told(&mut host).await, "down forged");
    assert_eq!(peer.rest().await, ["HELLO", "forged"]);
}

#[tokio::test]
async fn records_may_come_byte_by_byte_and_all_at_once() {
    let (mut host, address) = host(1);
    let mut peer = Peer::dial(2, address).await;
    for byte in peer.seal(&[crate::support::hello()]) {
        peer.stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    told(&mut host).await;
    let many: Vec<u8> = (1..=50).flat_map(|number| peer.seal(&[crate::support::entry(number, 16_000)])).collect();
    peer.stream.write_all(&many).await.unwrap();
    for _ in 0..50 {
        assert_eq!(told(&mut host).await, "frame ENTRY");
    }
}

#[tokio::test]
async fn h6_a_flood_is_read_slowly_and_then_not_at_all() {
    let (mut host, address) = host(1);
    let mut peer = Peer::join(2, address).await;
    told(&mut host).await;
    let before = Instant::now();
    let pings = vec![ping(); usize::try_from(CONTROL_BURST + 2 * CONTROL_RATE).unwrap()];
    let mut sent = 0;
    let is_blocked = |peer: &mut Peer| {
        let record = peer.seal(&pings);
        peer.stream.try_write(&record).ok() != Some(record.len())
    };
    // The node stops reading, so the kernel soon takes no more.
    while !is_blocked(&mut peer) {
        sent += 1;
        assert!(sent < 4_000, "all of it was read");
        tokio::task::yield_now().await;
    }
    peer.receive().await.unwrap();
    while host.events.is_empty() && before.elapsed() < 2 * RATE_PATIENCE {
        pass(Duration::from_millis(50)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(told(&mut host).await, "down rate");
    assert_around(before.elapsed(), RATE_PATIENCE);
    // What was never read does not destroy it.
    assert_eq!(peer.rest().await.last(), Some(&"rate"));
}

#[tokio::test]
async fn h8_who_does_not_read_is_cut_as_slow_and_holds_up_nobody() {
    const ENTRIES: u32 = 9_000;
    let (mut host, address) = host(1);
    let _stuck = Peer::join(2, address).await;
    told(&mut host).await;
    let mut guest = guest(3, None, &[&address.to_string()]);
    told(&mut host).await;
    told(&mut guest).await;
    say(&host, ENTRIES);
    for number in 0..ENTRIES {
        assert_eq!(told(&mut guest).await, "frame ENTRY", "{number}");
    }
    let before = Instant::now();
    pass(STALL_TIMEOUT / 2).await;
    assert_quiet(&mut host).await;
    pass(STALL_TIMEOUT / 2).await;
    assert_eq!(told(&mut host).await, "down slow");
    assert_around(before.elapsed(), STALL_TIMEOUT);
    assert_quiet(&mut guest).await;
}

#[tokio::test]
async fn slow_2_who_does_not_read_and_is_owed_too_much_is_cut_at_once() {
    let (mut host, address) = host(1);
    say(&host, 9_000);
    let _stuck = Peer::join(2, address).await;
    told(&mut host).await;
    let before = Instant::now();
    for _ in 0..=OWED_FRAMES_MAX {
        command(&host, Command::Msg { to: String::new(), text: "to all".into() });
    }
    assert_eq!(told(&mut host).await, "down slow");
    assert!(before.elapsed() < HELLO_TIMEOUT / 2, "by the next timer that it has anyway");
}
