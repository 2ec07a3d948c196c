//! Bytes that are no frames, and frames at the wrong time or from the wrong side.

use tertulia_core::charter::Admission;
use tertulia_core::id::RequestId;
use tertulia_core::rule::Rule;
use tertulia_core::wire::decode;
use tertulia_testkit::lecture::{chain, lecture as frames_of_a_lecture};
use tertulia_testkit::real::local::{Lecture, dial, found, identity};
use tertulia_testkit::real::peer::{Peer, Proof, answer, digest, hello, welcome};
use tokio::net::TcpListener;

/// A frame of type `kind` and `id` with this body, whatever it is.
fn frame(kind: u16, id: u32, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], &kind.to_be_bytes(), &id.to_be_bytes(), body].concat()
}

/// An option of type `kind`.
fn option(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

/// Plaintexts that a joined guest may send once, and the rule that each breaks.
fn malformed() -> Vec<(&'static str, Vec<u8>, Rule)> {
    let (digest, ping, tell) = (0x46, 0x04, 0x60);
    let text = [&[0x5a; 16][..], &[0, 2], b"hi"].concat();
    let many = (0..65_u16).flat_map(|number| option(number * 2 + 1, &[])).collect::<Vec<u8>>();
    vec![
        ("a count of 65,535 in 2 bytes", frame(digest, 0, &[0xff, 0xff]), Rule::Field3),
        ("a count of 2^32 - 1", frame(digest, 0, &[0xff; 20]), Rule::Field3),
        ("a count of 256 and no rows", frame(digest, 0, &[1, 0]), Rule::Frame2),
        ("a FETCH of 65,535 ranges", frame(0x48, 9, &[0xff; 2]), Rule::Field3),
        ("a text longer than its frame", frame(tell, 9, &[&[0; 16][..], &[0x40, 0], b"hi"].concat()), Rule::Frame2),
        (
            "a text longer than any may be",
            frame(tell, 9, &[&[0; 16][..], &[0xff, 0xff], &[0x61; 20]].concat()),
            Rule::Field1,
        ),
        ("a text that is no UTF-8", frame(tell, 9, &[&[0; 16][..], &[0, 2, 0xc3, 0x28]].concat()), Rule::Field1),
        ("options out of order", frame(ping, 0, &[option(5, b""), option(3, b"")].concat()), Rule::Option1),
        ("an option twice", frame(ping, 0, &[option(5, b""), option(5, b"")].concat()), Rule::Option1),
        ("65 options", frame(ping, 0, &many), Rule::Option1),
        ("an option of an unknown even type", frame(ping, 0, &option(0x3f00, b"")), Rule::Option2),
        ("an option longer than its frame", frame(ping, 0, &[0, 3, 0xff, 0xff, 0]), Rule::Frame2),
        ("one byte after the last field", frame(tell, 9, &[&text[..], &[0]].concat()), Rule::Frame2),
        ("a frame longer than its record", [0xff, 0xff, 0, 4, 0, 0, 0, 0].into(), Rule::Frame1),
        ("half a header after a frame", [frame(ping, 0, &[]), vec![0, 0, 0]].concat(), Rule::Frame1),
        ("an unknown even type", frame(0x7ffe, 0, &[]), Rule::Frame4),
        ("an event with an id", frame(ping, 1, &[]), Rule::Frame5),
        ("a request without one", frame(tell, 0, &text), Rule::Frame5),
        ("a reply to nothing", frame(0x06, 77, &[]), Rule::Reply1),
        ("a second HELLO", hello("again").0.to_vec(), Rule::Hello2),
        ("a second JOIN", Proof::default().join(8).0.to_vec(), Rule::Join1),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn h17_malformed_frames_end_their_link_by_the_rule_they_break() {
    let mut lecture = Lecture::hold("H17", "Ada", Admission::Open).await;
    for (_, plaintext, rule) in malformed() {
        let mut peer = Peer::dial(lecture.address, &identity()).await.unwrap();
        peer.join("mallory", &Proof::default()).await.unwrap();
        peer.send_plaintext(&plaintext).await;
        peer.ends_by(rule).await;
    }
    lecture.works_for("h17").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h17_hello_1_whatever_comes_before_hello_ends_the_link() {
    let mut lecture = Lecture::hold("H17 hello", "Ada", Admission::Open).await;
    for frame in [digest(Vec::new()), Proof::default().join(1)] {
        let mut peer = Peer::dial(lecture.address, &identity()).await.unwrap();
        peer.send(&[frame]).await;
        peer.ends_by(Rule::Hello1).await;
        assert!(decode(&peer.heard).unwrap().rest.is_empty(), "more than BYE was said");
    }
    // An empty record, and one too short for a frame, are no records.
    for length in [0, 23] {
        let mut peer = Peer::dial(lecture.address, &identity()).await.unwrap();
        peer.send_bytes(&[&[0, length][..], &vec![0; length.into()]].concat()).await;
        peer.ends_by(Rule::Record1).await;
    }
    lecture.works_for("h17").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h17_a_guest_takes_no_malformed_frame_from_a_host_either() {
    let mut lecture = Lecture::hold("H17 host", "Ada", Admission::Open).await;
    let founder = identity();
    let charter = found("a trap", &founder, Admission::Open, None);
    let rows = frame(0x46, 0, &[0xff; 2]);
    let presence = frame(0x4c, 0, &[0xff; 6]);
    let unsorted = frame(0x04, 0, &[option(5, b""), option(3, b"")].concat());
    for (plaintext, rule) in [
        (rows, Rule::Field3),
        (presence, Rule::Field3),
        (unsorted, Rule::Option1),
        (frame(0x44, 0, &[0; 20]), Rule::Frame2),
        (frame(0x48, 9, &[0, 0]), Rule::Guest2),
        (welcome(&charter, &chain(), RequestId(99)).0.to_vec(), Rule::Reply1),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guest = dial("bea", &[listener.local_addr().unwrap()], None, None);
        let mut host = Peer::accept(listener.accept().await.unwrap().0, &founder).await.unwrap();
        let hello = host.next().await.unwrap();
        host.send(&[answer(&hello)]).await;
        let join = host.next().await.unwrap();
        host.send(&[welcome(&charter, &chain(), decode(&join.0).unwrap().id)]).await;
        host.send_plaintext(&plaintext).await;
        host.ends_by(rule).await;
        drop(host);
        guest.quit().await;
    }
    lecture.works_for("h17").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_1_what_a_host_sends_comes_from_no_guest() {
    let mut lecture = Lecture::hold("H17 roles", "Ada", Admission::Open).await;
    for said in frames_of_a_lecture() {
        let rule = match said.name() {
            "PRESENCE" => Rule::Guest1,
            "ENTRY" => Rule::Entry5,
            "WELCOME" | "OK" | "ERROR" => Rule::Reply1,
            _ => continue,
        };
        let mut peer = Peer::dial(lecture.address, &identity()).await.unwrap();
        peer.join("mallory", &Proof::default()).await.unwrap();
        peer.send(&[said.frame]).await;
        peer.ends_by(rule).await;
    }
    lecture.works_for("h17").await;
}
