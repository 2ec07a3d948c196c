//! What becomes of a lecture when connections do not hold: everything comes once, in order, and no more is sent again
//! than was missed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tertulia_core::channel::record_bytes;
use tertulia_core::charter::Admission;
use tertulia_core::code::Code;
use tertulia_core::event::Event;
use tertulia_core::limits::{BACKOFF_MAX, DEAD_TIMEOUT};
use tertulia_core::wire::Frame;
use tertulia_core::wire::session::Session;
use tertulia_testkit::real::entries::received_by_link;
use tertulia_testkit::real::local::{Lecture, Local, attend, dial, found, identity, text};
use tertulia_testkit::real::peer::{Peer, ping, tell};
use tertulia_testkit::real::proxy::{Fault, Proxy, Way};
use tokio::net::TcpListener;

/// Entries beside the lines: the host's name, and what nobody knows (SPEC EXT-5).
const UNSHOWN: usize = 2;
/// Bytes of the handshake that a host sends.
const HANDSHAKE: usize = 2 + 192;
/// No record is shorter: a header of 8, a tag of 16, a length of 2.
const RECORD_MIN: usize = 26;

/// Whether the bytes of a connection end before a record does.
fn ends_inside_a_record(bytes: &[u8]) -> bool {
    let mut rest = &bytes[HANDSHAKE..];
    while let Ok(Some(length)) = record_bytes(rest)
        && length <= rest.len()
    {
        rest = &rest[length..];
    }
    !rest.is_empty()
}

/// The text of the line with this number, longer or shorter.
fn line(number: usize) -> String {
    format!("line {number} {}", "x".repeat(number * 37 % 1_000))
}

/// What a guest is shown until it has `count` texts, and how many it had when its link broke the first time.
async fn attend_all(guest: &mut Local, count: usize) -> (Vec<String>, usize) {
    let (mut shown, mut before) = (Vec::new(), None);
    while shown.len() < count {
        let event = guest.next().await;
        if let Event::Unlinked { .. } = event {
            before.get_or_insert(shown.len());
        }
        shown.extend(text(&event));
    }
    (shown, before.expect("the link has broken"))
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tertulia-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over is the system's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Checks a trace: nothing came twice, all came in the end, and of what was there before the break nothing again.
fn check(trace: &Path, lines: usize, before: usize) {
    let links = received_by_link(trace);
    let all: BTreeSet<_> = links.iter().flatten().collect();
    assert_eq!(all.len(), UNSHOWN + lines);
    assert_eq!(links.len(), 2, "the link broke once");
    let missed = UNSHOWN + lines - links[0].len();
    assert_eq!(links[1].len(), missed, "entries were sent again");
    assert_eq!(lines - before, missed, "what was not shown before is what was missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn resume_after_resets_in_the_middle_of_records() {
    let lecture = Lecture::hold("Resets", "Ada", Admission::Open).await;
    let folder = Folder::new("resets");
    // In the length of a record, right after it, in and after its first frame's header, and well into what follows.
    let cuts = [1, 2, 3, 9, 10, 11, 17, 18, 25, 100, 1_000, 5_000, 12_000, 30_000];
    let mut guests = Vec::new();
    for ahead in cuts {
        let proxy = Proxy::start(lecture.address).await;
        let trace = folder.path().join(ahead.to_string());
        let name = format!("guest-{ahead}");
        let guest = attend(&name, &[proxy.address()], Some(&lecture.ticket), Some(trace.clone())).await;
        guests.push((ahead, proxy, trace, guest));
    }
    let mut witness = attend("witness", &[lecture.address], Some(&lecture.ticket), None).await;
    lecture.host.say(&line(0));
    for (_, _, _, guest) in &mut guests {
        assert_eq!(guest.texts(1).await, [line(0)]);
    }
    guests.iter().for_each(|(ahead, proxy, ..)| proxy.arm(Way::Back, *ahead, Fault::Reset));
    // Some lines have a record of their own, some share one.
    for number in 1..=100 {
        lecture.host.say(&line(number));
        if number % 7 == 0 || number < 5 {
            witness.until(|event| text(event).filter(|text| *text == line(number))).await;
        }
    }
    for (ahead, proxy, trace, mut guest) in guests {
        let (shown, before) = attend_all(&mut guest, 100).await;
        assert_eq!(shown, (1..=100).map(line).collect::<Vec<_>>(), "after {ahead} bytes");
        let connections = proxy.connections(Way::Back);
        assert!(ahead >= RECORD_MIN || ends_inside_a_record(&connections[0]), "{ahead} bytes are whole records");
        guest.quit().await;
        check(&trace, 101, 1 + before);
    }
    witness.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resume_after_reset_upon_reset() {
    let mut lecture = Lecture::hold("Reset upon reset", "Ada", Admission::Open).await;
    let folder = Folder::new("reset-upon-reset");
    let trace = folder.path().join("trace");
    let proxy = Proxy::start(lecture.address).await;
    let mut guest = attend("bea", &[proxy.address()], Some(&lecture.ticket), Some(trace.clone())).await;
    for round in 0..10 {
        proxy.arm(Way::Back, 3 + 500 * round, Fault::Reset);
        // Said before, while and after it is away; it asks as well.
        (0..10).for_each(|number| lecture.host.say(&line(round * 10 + number)));
        let expected: Vec<String> = (0..10).map(|number| line(round * 10 + number)).collect();
        assert_eq!(guest.texts(10).await, expected);
        guest.say(&format!("question {round}?"));
        assert_eq!(guest.texts(1).await, [format!("question {round}?")]);
        if round * 500 < 2_000 {
            proxy.all_happened().await;
        }
    }
    guest.quit().await;
    let links = received_by_link(&trace);
    let entries: Vec<_> = links.iter().flatten().collect();
    assert!(links.len() > 4, "{} links", links.len());
    assert_eq!(entries.len(), UNSHOWN + 10 * 11, "entries were sent again");
    assert_eq!(entries.iter().collect::<BTreeSet<_>>().len(), entries.len());
    let asked = lecture.host.texts(10 * 11).await;
    assert_eq!(asked.iter().filter(|text| text.starts_with("question")).count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn ping_1_a_connection_that_dies_in_silence_is_noticed_and_replaced() {
    let lecture = Lecture::hold("Silence", "Ada", Admission::Open).await;
    let folder = Folder::new("silence");
    let trace = folder.path().join("trace");
    let proxy = Proxy::start(lecture.address).await;
    let mut guest = attend("bea", &[proxy.address()], Some(&lecture.ticket), Some(trace.clone())).await;
    lecture.host.say(&line(0));
    assert_eq!(guest.texts(1).await, [line(0)]);
    proxy.arm(Way::Back, 40, Fault::Stall);
    let start = Instant::now();
    (1..=20).for_each(|number| lecture.host.say(&line(number)));
    let mut code = None;
    let unlinked = |event: &Event| match event {
        Event::Unlinked { code, .. } => Some(*code),
        _ => None,
    };
    let mut shown = 1;
    while code.is_none() {
        let event = guest.next().await;
        shown += usize::from(text(&event).is_some());
        code = unlinked(&event);
    }
    assert_eq!(code, Some(Code::Silent));
    let took = start.elapsed();
    assert!(took > DEAD_TIMEOUT / 2 && took < DEAD_TIMEOUT * 2, "{took:?}");
    let rest: Vec<String> = (shown..=20).map(line).collect();
    assert_eq!(guest.texts(rest.len()).await, rest);
    assert!(start.elapsed() < took + BACKOFF_MAX);
    guest.quit().await;
    check(&trace, 21, shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_1_a_narrow_line_is_not_slow_as_long_as_it_moves() {
    let lecture = Lecture::hold("Narrow", "Ada", Admission::Open).await;
    let proxy = Proxy::start(lecture.address).await;
    proxy.limit(Some(200_000));
    let mut guest = attend("bea", &[proxy.address()], Some(&lecture.ticket), None).await;
    let start = Instant::now();
    let long = |number: usize| format!("{number:01000}");
    (0..600).for_each(|number| lecture.host.say(&long(number)));
    assert_eq!(guest.texts(600).await, (0..600).map(long).collect::<Vec<_>>());
    assert!(start.elapsed() > Duration::from_secs(2), "the proxy lets too much through");
    assert_eq!(proxy.connections(Way::Back).len(), 1);
    guest.quit().await;
}

/// A process may be kept waiting for longer than silence may last, with all that was sent meanwhile unread.
#[tokio::test]
async fn ping_1_what_has_come_is_read_before_silence_is_judged() {
    let founder = identity();
    let charter = found("Late", &founder, Admission::Open, None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut guest = dial("bea", &[listener.local_addr().unwrap()], None, None);
    let mut host = Peer::accept(listener.accept().await.unwrap().0, &founder).await.unwrap();
    host.take_in(&charter, &founder).await;
    guest.until(|event| matches!(event, Event::Linked { .. }).then_some(())).await;
    for _ in 0..5 {
        tokio::time::pause();
        assert!(host.send(&[ping()]).await);
        // Its own business comes first when it goes on.
        guest.say("is anybody there?");
        tokio::time::advance(DEAD_TIMEOUT * 2).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        tokio::time::resume();
        // It answers on the link that it had.
        assert!(host.send(&[tell(1)]).await);
        host.until(|frame, _| matches!(frame, Frame::Session(Session::Done(_))).then_some(())).await;
    }
    drop(host);
    guest.quit().await;
}
