//! What comes instead of a handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tertulia_core::channel::{DefaultResolver, Handshake, PREAMBLE};
use tertulia_core::charter::Admission;
use tertulia_core::code::Code;
use tertulia_core::id::{Key, Signature};
use tertulia_core::identity::{Identity, Pair, Scheme, Secret};
use tertulia_core::limits::HANDSHAKE_TIMEOUT;
use tertulia_testkit::real::local::{Lecture, attend, identity};
use tertulia_testkit::real::peer::{Peer, read_to_end};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Bytes of an initiator's first flight, and of its second.
const FIRST: usize = 10 + 2 + 32;
const SECOND: usize = 2 + 160;
/// Bytes of the responder's flight.
const ANSWER: usize = 2 + 192;
/// Refused at sight, not at the handshake's deadline.
const AT_SIGHT: Duration = HANDSHAKE_TIMEOUT.checked_div(2).unwrap();

/// Sends `bytes`, is silent, and reads what comes until the other side closes.
async fn shout(address: SocketAddr, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let start = Instant::now();
    stream.write_all(bytes).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    (answer, start.elapsed())
}

async fn is_refused_at_sight(address: SocketAddr, bytes: &[u8]) {
    let (answer, took) = shout(address, bytes).await;
    assert!(answer.is_empty(), "it answers {bytes:02x?} with {answer:02x?}");
    assert!(took < AT_SIGHT, "it waits for more than {bytes:02x?}: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_handshake_1_a_false_length_is_refused_before_what_it_promises() {
    let mut lecture = Lecture::hold("H1", "Ada", Admission::Open).await;
    is_refused_at_sight(lecture.address, &[0xff, 0xff]).await;
    is_refused_at_sight(lecture.address, &[&PREAMBLE[..], &[0xff, 0xff]].concat()).await;
    is_refused_at_sight(lecture.address, &[&PREAMBLE[..], &[0, 0]].concat()).await;
    lecture.works_for("h1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_handshake_3_a_turned_bit_anywhere_in_a_handshake_closes_in_silence() {
    let mut lecture = Lecture::hold("H3 bits", "Ada", Admission::Open).await;
    let mut attempts = JoinSet::new();
    for at in 0..FIRST + SECOND {
        // Version and suite are another matter: H4.
        if at != 8 && at != 9 {
            attempts.spawn(shake_with_a_turned_bit(lecture.address, at));
        }
        if attempts.len() >= 64 {
            attempts.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(ended) = attempts.join_next().await {
        ended.unwrap();
    }
    lecture.works_for("h3").await;
}

/// Shakes hands, but one bit of byte `at` of what is sent is wrong.
async fn shake_with_a_turned_bit(address: SocketAddr, at: usize) {
    let bit = 1 << (at % 8);
    let mut first = Vec::new();
    let mut handshake = Handshake::initiator(&identity(), None, [7; 32], &DefaultResolver, &mut first);
    assert_eq!(first.len(), FIRST);
    let mut stream = TcpStream::connect(address).await.unwrap();
    if at < FIRST {
        first[at] ^= bit;
    }
    stream.write_all(&first).await.unwrap();
    // The preamble and a length are looked at before anything is answered.
    if at >= FIRST - 32 {
        let mut answer = [0; ANSWER];
        stream.read_exact(&mut answer).await.unwrap();
        let mut second = Vec::new();
        match handshake.receive(&answer, &mut second) {
            Ok(_) => second[at - FIRST] ^= bit,
            // Both sides have seen another first message: nothing that this one can say is right.
            Err(_) => second = [&[0, 160][..], &[0x5a; SECOND - 2]].concat(),
        }
        stream.write_all(&second).await.unwrap();
    }
    assert!(read_to_end(&mut stream).await.is_empty(), "byte {at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_handshake_1_a_handshake_that_is_cut_short_closes_in_silence() {
    let mut lecture = Lecture::hold("H3 cuts", "Ada", Admission::Open).await;
    for length in [0, 1, 7, 8, 9, 10, 11, 12, 13, FIRST - 1, FIRST, FIRST + 1, FIRST + 2, FIRST + SECOND - 1] {
        let mut sent = Vec::new();
        let mut handshake = Handshake::initiator(&identity(), None, [7; 32], &DefaultResolver, &mut sent);
        let mut stream = TcpStream::connect(lecture.address).await.unwrap();
        stream.write_all(&sent[..length.min(FIRST)]).await.unwrap();
        if length >= FIRST {
            let mut answer = [0; ANSWER];
            stream.read_exact(&mut answer).await.unwrap();
            sent.clear();
            handshake.receive(&answer, &mut sent).unwrap();
            stream.write_all(&sent[..length - FIRST]).await.unwrap();
        }
        stream.shutdown().await.unwrap();
        assert!(read_to_end(&mut stream).await.is_empty(), "cut after {length} bytes");
    }
    lecture.works_for("h3").await;
}

/// X25519 points that make any shared secret zero: the seven below 2^255; the top bit is not looked at.
fn low_order_points() -> Vec<[u8; 32]> {
    let hex = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let points = hex.map(|hex| Key::from_hex(hex).unwrap().0);
    let high = points.map(|mut point| {
        point[31] |= 0x80;
        point
    });
    [points, high].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_handshake_2_a_point_of_low_order_is_not_answered() {
    let mut lecture = Lecture::hold("H3 points", "Ada", Admission::Open).await;
    for point in low_order_points() {
        is_refused_at_sight(lecture.address, &[&PREAMBLE[..], &[0, 32], &point].concat()).await;
    }
    // From who is dialled: a guest says no more than its first message to that, and dials again.
    for point in low_order_points() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (hostile, honest) = (listener.local_addr().unwrap(), lecture.address);
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(&[&[0, 192][..], &point, &[0x5a; 160]].concat()).await.unwrap();
            let heard = read_to_end(&mut stream).await.len();
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(honest).await.unwrap();
            copy_bidirectional(&mut near, &mut far).await.unwrap();
            heard
        });
        attend("bea", &[hostile], Some(&lecture.ticket), None).await.quit().await;
        assert_eq!(heard.await.unwrap(), FIRST);
    }
    lecture.works_for("h3").await;
}

/// Claims a key of small order, for which a signature is made without any secret.
#[derive(Debug)]
struct Forger([u8; 32]);

impl Scheme for Forger {
    fn pair(&self, _: &Secret) -> Arc<dyn Pair> {
        Arc::new(Self(self.0))
    }

    fn verify(&self, _: &Key, _: &[u8], _: &Signature) -> bool {
        true
    }
}

impl Pair for Forger {
    fn key(&self) -> Key {
        Key(self.0)
    }

    fn sign(&self, _: &[u8]) -> Signature {
        let mut signature = Signature::ZERO;
        signature.0[..32].copy_from_slice(&self.0);
        signature
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_handshake_5_an_identity_of_small_order_is_nobody() {
    let mut lecture = Lecture::hold("H3 identity", "Ada", Admission::Open).await;
    let mut neutral = [0; 32];
    neutral[0] = 1;
    for point in [neutral, [0; 32]] {
        let forger = Identity::new(Secret([0; 32]), Arc::new(Forger(point)));
        // The forger has no more to wait for; the host has.
        let mut peer = Peer::dial(lecture.address, &forger).await.unwrap();
        assert_eq!(peer.end().await.0, Code::Cut);
        assert!(peer.heard.is_empty());
    }
    lecture.works_for("h3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h4_preamble_1_other_protocols_are_closed_in_silence() {
    let mut lecture = Lecture::hold("H4", "Ada", Admission::Open).await;
    let http = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".as_slice();
    let tls = [0x16, 3, 1, 0, 0xc8, 1, 0, 0, 0xc4, 3, 3].into_iter().chain([0x5a; 194]).collect::<Vec<u8>>();
    for bytes in [http, &tls, b"SSH-2.0-OpenSSH_9.6\r\n", b"\r\n", b"tertulia\x01\x01", b"TERTULIE\x01\x01"] {
        is_refused_at_sight(lecture.address, bytes).await;
    }
    lecture.works_for("h4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h4_preamble_2_another_version_or_suite_gets_a_refusal() {
    let mut lecture = Lecture::hold("H4 version", "Ada", Admission::Open).await;
    for (version, suite, code) in [
        (0, 1, Code::VersionUnknown),
        (2, 1, Code::VersionUnknown),
        (1, 0, Code::SuiteUnknown),
        (1, 2, Code::SuiteUnknown),
    ] {
        let mut opening = [&PREAMBLE[..], &[0, 32], &[9; 32]].concat();
        (opening[8], opening[9]) = (version, suite);
        let (answer, took) = shout(lecture.address, &opening).await;
        let [high, low] = code.number().to_be_bytes();
        assert_eq!(answer, [0, 4, 1, 1, high, low], "{version}.{suite}");
        // Whoever does not close holds the refusal up for no longer than the handshake may last.
        assert!(took < HANDSHAKE_TIMEOUT * 2, "{took:?}");
    }
    lecture.works_for("h4").await;
}
