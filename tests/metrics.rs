//! The figures of a registry: what was done is what they say, and whoever asks for them, in whatever way, harms nobody.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Bot, PATIENCE, Scratch, tertulia};
use tertulia_core::id::{MeetingId, RequestId};
use tertulia_core::wire::Frame;
use tertulia_core::wire::field::{Block, decode_all};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::registry::Publish;
use tertulia_core::wire::session::{Hello, Purpose, Session};
use tertulia_net::unix_ms;
use tertulia_testkit::directory::record_at;
use tertulia_testkit::lecture::ada;
use tertulia_testkit::real::peer::Peer;

/// Connections at one time.
const AT_ONCE: usize = 8;
/// Whoever asks in a proper way is answered by then: before the five seconds are over that others may take.
const SOON: Duration = Duration::from_secs(4);

/// A registry, where it listens, and where its figures are.
fn registry() -> (Bot, String, SocketAddr) {
    let mut registry = Bot::start("registry", &["registry", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
    let ready = registry.wait("ready");
    let text = |field: &str| ready[field].as_str().unwrap_or_else(|| panic!("{field} of {ready}")).to_string();
    let (address, figures) = (text("listen"), text("metrics"));
    (registry, address, figures.parse().unwrap())
}

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What is answered to `request`, head and body.
fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = dial(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    (head.into(), body.into())
}

fn page(address: SocketAddr) -> String {
    let (head, body) = ask(address, "GET /metrics HTTP/1.1\r\nHost: registry\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0;"),
        "{head}"
    );
    assert!(body.ends_with("\n# EOF\n"), "{body}");
    body
}

/// What is not nothing, by its name, without what all names begin with.
fn figures(address: SocketAddr) -> BTreeMap<String, u64> {
    let page = page(address);
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let figures =
        lines.map(|line| line.strip_prefix("tertulia_registry_").and_then(|line| line.split_once(' ')).unwrap());
    figures.map(|(name, figure)| (name.into(), figure.parse().unwrap())).filter(|(_, figure)| *figure > 0).collect()
}

/// Waits until the figures are these: how somebody ends is not told to whoever has ended.
fn become_those(address: SocketAddr, expected: &[(&str, u64)]) {
    let expected: BTreeMap<String, u64> = expected.iter().map(|(name, figure)| ((*name).into(), *figure)).collect();
    let deadline = Instant::now().checked_add(PATIENCE).unwrap();
    loop {
        let now = figures(address);
        if now == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{now:#?} and not {expected:#?}");
    }
}

/// Somebody whose record is over: what it is told.
async fn publish_what_is_over(registry: &str) -> Peer {
    let mut peer = Peer::dial(registry.parse().unwrap(), &ada()).await.unwrap();
    let none = Options::NONE;
    let hello = Hello { purpose: Purpose::REGISTRY, meeting: MeetingId::ZERO, started_ms: unix_ms(), options: none };
    let record = record_at(1, ([127, 0, 0, 1], 9).into());
    let publish = Publish { record: Block(decode_all(&record).unwrap()), options: none };
    let frames = [Frame::from(hello).encode(RequestId::EVENT), Frame::from(publish).encode(RequestId(1))];
    assert!(peer.send(&frames).await);
    let refused = |frame: &Frame<'_>, _| match frame {
        Frame::Session(Session::Refused(refused)) => Some(refused.code),
        Frame::Session(_) | Frame::Meeting(_) | Frame::Private(_) | Frame::Registry(_) => None,
    };
    assert_eq!(peer.until(refused).await.word(), "stale");
    peer
}

fn listed(registry: &str) -> usize {
    let home = Scratch::numbered("asker");
    let output = tertulia(&home).args(["--json", "--registry", registry, "list"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().matches(r#""event":"listing""#).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_what_was_done() {
    let (_registry, address, at) = registry();
    assert_eq!(figures(at), BTreeMap::new());
    let words = ["--registry", &address, "host", "Rust 101", "--lecture", "--listen", "127.0.0.1:0"];
    let mut host = Bot::start("ada", &words);
    host.wait("published");
    let held = [
        ("records{kind=\"star\"}", 1),
        ("leases_granted_total", 1),
        ("dial_backs_tried_total", 1),
        ("dial_backs_reached_total", 1),
        ("connections_open", 1),
        ("connections_total", 1),
    ];
    // What is answered is counted.
    assert_eq!(figures(at), held.map(|(name, figure)| (name.to_string(), figure)).into());

    let peer = publish_what_is_over(&address).await;
    assert_eq!(figures(at).get("refusals_total{code=\"stale\"}"), Some(&1));
    drop(peer);
    assert_eq!(listed(&address), 1);
    host.send(&json!({"command": "register"}));
    host.wait("published");
    host.send(&json!({"command": "quit"}));
    assert!(host.end().success());
    become_those(
        at,
        &[
            ("leases_granted_total", 2),
            ("leases_ended_total{how=\"left\"}", 2),
            ("dial_backs_tried_total", 2),
            ("dial_backs_reached_total", 2),
            ("refusals_total{code=\"stale\"}", 1),
            ("connections_total", 3),
            ("connections_ended_total{code=\"cut\"}", 1),
            ("connections_ended_total{code=\"left\"}", 2),
        ],
    );
}

#[test]
fn what_is_no_request_for_figures_is_told_so() {
    let (_registry, _, at) = registry();
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(10_000));
    for (request, status) in [
        ("GET /metrics?of=all HTTP/1.0\r\n\r\n", "200 OK"),
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("GET /metrics/more HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", "405 Method Not Allowed\r\nAllow: GET"),
        ("HEAD /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed\r\nAllow: GET"),
        ("GET /metrics\r\n\r\n", "400 Bad Request"),
        ("\u{0}\u{1}\r\n\r\n", "400 Bad Request"),
        (&long, "431 Request Header Fields Too Large"),
    ] {
        let (head, _) = ask(at, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:.40}: {head}");
    }
}

#[test]
fn who_asks_slowly_holds_up_neither_the_registry_nor_who_asks_well() {
    let (_registry, address, at) = registry();
    let words = ["--registry", &address, "host", "Rust 101", "--listen", "127.0.0.1:0"];
    let mut host = Bot::start("ada", &words);
    host.wait("published");
    let before = Instant::now();
    // Some say nothing, some go on and on, some want all and read nothing: thrice as many as there may be.
    let mut slow: Vec<TcpStream> = (0..3 * AT_ONCE).map(|_| dial(at)).collect();
    for (number, stream) in slow.iter_mut().enumerate() {
        let said: &[u8] = match number % 3 {
            0 => b"",
            1 => b"GET /metrics HTTP/1.1\r\nX: ",
            _ => b"GET /metrics HTTP/1.1\r\n\r\n",
        };
        // Whoever has made room may have gone.
        let _ = stream.write_all(said);
    }
    assert!(figures(at).contains_key("records{kind=\"mesh\"}"));
    // The oldest has made room, the last is let go in time: what it has said was no request.
    let gone = |stream: &mut TcpStream| stream.read_to_end(&mut Vec::new()).map_or(true, |read| read == 0);
    assert!(gone(&mut slow[0]) && before.elapsed() < SOON, "it took {:?}", before.elapsed());
    assert_eq!(listed(&address), 1);
    let last = slow.len() - 2;
    assert!(gone(&mut slow[last]), "what was never asked is answered");
    assert!(before.elapsed() < PATIENCE, "it took {:?}", before.elapsed());
}

#[test]
fn an_address_that_is_taken_or_none_is_named_with_one_that_is_free() {
    let (_registry, _, at) = registry();
    let home = Scratch::new("taken");
    for (wanted, code, expected, hint) in [
        (at.to_string(), 1, format!("can't listen at {at}: "), "tertulia registry --metrics 127.0.0.1:0"),
        (
            "here".into(),
            2,
            "can't listen at `here`, expected IP:PORT".into(),
            "tertulia registry --metrics 127.0.0.1:9472",
        ),
    ] {
        let words = ["--json", "registry", "--listen", "127.0.0.1:0", "--metrics", &wanted];
        let output = tertulia(&home).args(words).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let error: Value = serde_json::from_str(text.trim_end()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!((output.status.code(), &error["event"]), (Some(code), &json!("error")), "{text}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&expected) && message.ends_with(hint), "{message}");
    }
}
