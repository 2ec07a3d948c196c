//! Entries that nobody should store: out of order, replayed, from elsewhere, or from who may not write.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::charter::{Admission, SignedCharter};
use tertulia_core::code::Code;
use tertulia_core::event::{Event, Kind};
use tertulia_core::id::{Hash, MeetingId, RequestId, Salt, ShortHash, Token};
use tertulia_core::identity::{Domain, Identity};
use tertulia_core::limits::{FETCH_ENTRIES_MAX, FETCH_TIMEOUT};
use tertulia_core::log::{Log, entry_of, signed};
use tertulia_core::rule::Rule;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{Entry, EntryBody, Heard};
use tertulia_core::wire::field::Text;
use tertulia_core::wire::meeting::{EntryFrame, Lane, Meeting, Range};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::private::Ask;
use tertulia_core::wire::session::{Done, Session};
use tertulia_core::wire::{Encoded, Frame};
use tertulia_testkit::frames;
use tertulia_testkit::real::local::{Lecture, Local, dial, found, identity, text};
use tertulia_testkit::real::peer::{Peer, Proof, digest, tell};
use tokio::net::TcpListener;

const NONE: Options<'static> = Options::NONE;

/// A host that sends what it likes.
pub(crate) struct Hostile {
    pub(crate) founder: Identity,
    pub(crate) charter: SignedCharter,
    listener: TcpListener,
}

impl Hostile {
    pub(crate) async fn new(title: &str) -> Self {
        let founder = identity();
        let charter = found(title, &founder, Admission::Open, None);
        Self { founder, charter, listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn guest(&self) -> Local {
        self.called("bea")
    }

    /// Somebody who attends under this name.
    pub(crate) fn called(&self, name: &str) -> Local {
        dial(name, &[self.listener.local_addr().unwrap()], None, None)
    }

    /// Takes in the guest who dials next.
    pub(crate) async fn take_in(&self) -> Peer {
        let mut peer = Peer::accept(self.listener.accept().await.unwrap().0, &self.founder).await.unwrap();
        peer.take_in(&self.charter, &self.founder).await;
        peer
    }

    /// The first `count` texts of a session, as the founder of `meeting` signs them.
    fn texts(&self, meeting: MeetingId, session: u64, count: u64) -> Vec<Encoded> {
        let mut log = Log::new(meeting, 1_000);
        let write = |number| {
            let text = format!("{session}/{number}");
            let now = Now { tick: Instant(0), unix_ms: 1_700_000_000_000 };
            log.write(
                &self.founder,
                session,
                &EntryBody::Text { salt: Salt::ZERO, text: Text::new(&text).unwrap() },
                now,
            )
            .unwrap()
            .frame
            .clone()
        };
        (1..=count).map(write).collect()
    }

    /// The first of its stream, of any kind and body, signed as it should be.
    fn first(&self, session: u64, lane: Lane, kind: u16, body: &[u8]) -> Encoded {
        self.entry(session, lane, 1, kind, body)
    }

    /// A text of any number, signed as it should be.
    fn leap(&self, session: u64, number: u64) -> Encoded {
        let (kind, body) = EntryBody::Text { salt: Salt::ZERO, text: Text::new("a leap").unwrap() }.encode();
        self.entry(session, Lane::Talk, number, kind, &body)
    }

    fn entry(&self, session: u64, lane: Lane, number: u64, kind: u16, body: &[u8]) -> Encoded {
        let entry = Entry {
            author: self.founder.key(),
            session,
            lane,
            number,
            prev: Hash([7; 32]),
            lamport: 99,
            reference: ShortHash::ZERO,
            time_ms: 0,
            kind,
            length: 0,
        };
        let entry = signed(&self.founder, Domain::Entry, self.charter.meeting, entry, body);
        Frame::from(EntryFrame { entry, options: NONE }).encode(RequestId::EVENT)
    }
}

/// The next FETCH of a guest: its id and ranges.
async fn fetched(peer: &mut Peer) -> (RequestId, Vec<Range>) {
    peer.until(|frame, id| match frame {
        Frame::Meeting(Meeting::Fetch(fetch)) => Some((id, fetch.ranges.iter().collect())),
        _ => None,
    })
    .await
}

fn done(id: RequestId) -> Encoded {
    Frame::from(Done { options: NONE }).encode(id)
}

/// What the guest has sent up to its answer to [`tell`].
async fn up_to_answer(peer: &mut Peer, id: u32) -> usize {
    let mut fetches = 0;
    peer.until(|frame, reply| match frame {
        Frame::Meeting(Meeting::Fetch(_)) => {
            fetches += 1;
            None
        }
        Frame::Session(Session::Done(_)) if reply == RequestId(id) => Some(()),
        _ => None,
    })
    .await;
    fetches
}

#[tokio::test(flavor = "multi_thread")]
async fn h9_store_1_a_leap_is_not_stored_and_is_asked_for_once() {
    let hostile = Hostile::new("H9").await;
    let mut guest = hostile.guest();
    let mut host = hostile.take_in().await;
    let entries = hostile.texts(hostile.charter.meeting, 5, 4);
    host.send(&entries[..1]).await;
    // next + 1, and then as far as numbers go: what is signed well is no better for it.
    let leaps = [3, 1_000_000_002, u64::MAX, 1_000, 4].map(|number| hostile.leap(5, number));
    host.send(&[&entries[2..3], &leaps, &entries[2..4], &[tell(1)]].concat()).await;
    assert_eq!(up_to_answer(&mut host, 1).await, 1, "one FETCH a stream");
    // What had leapt ahead was not kept for later: only 2 itself, then what comes after it.
    host.send(&[entries[1].clone(), tell(2)]).await;
    assert_eq!(up_to_answer(&mut host, 2).await, 0);
    host.send(&entries[2..]).await;
    assert_eq!(guest.texts(4).await, ["5/1", "5/2", "5/3", "5/4"]);
    drop(host);
    guest.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h9_fetch_2_a_leap_that_is_not_answered_is_asked_for_again_and_never_twice_at_a_time() {
    let hostile = Hostile::new("H9 again").await;
    let mut guest = hostile.guest();
    let mut host = hostile.take_in().await;
    let entries = hostile.texts(hostile.charter.meeting, 5, 2);
    host.send(&[entries[0].clone(), hostile.leap(5, u64::MAX)]).await;
    let (first, ranges) = fetched(&mut host).await;
    // As much as one answer holds.
    let most = u64::try_from(FETCH_ENTRIES_MAX).unwrap();
    assert_eq!((ranges.len(), ranges[0].from, ranges[0].to), (1, 2, 2 + most));
    for number in 10..200 {
        host.send(&[hostile.leap(5, number)]).await;
    }
    let (again, ranges) = fetched(&mut host).await;
    assert!(again != first && ranges[0].from == 2, "{again:?} {ranges:?}");
    // An answer that brings something is asked on from; behind one that brings nothing is a gap.
    host.send(&[entries[1].clone(), done(again)]).await;
    let (on, ranges) = fetched(&mut host).await;
    assert_eq!(ranges[0].from, 3);
    host.send(&[done(on)]).await;
    let (behind, ranges) = fetched(&mut host).await;
    assert_eq!(ranges[0].from, 10);
    host.send(&[done(behind), tell(1)]).await;
    assert_eq!(up_to_answer(&mut host, 1).await, 0);
    assert_eq!(guest.texts(2).await, ["5/1", "5/2"]);
    drop(host);
    guest.quit().await;
}

/// Every order of 0 to `count` - 1.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    let with = |order: &Vec<usize>, at: usize| {
        let mut longer = order.clone();
        longer.insert(at, count - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..count).map(move |at| with(order, at))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn h9_store_1_in_whatever_order_entries_come_they_are_stored_in_their_own() {
    let hostile = Hostile::new("H9 orders").await;
    let mut guest = hostile.guest();
    let mut host = hostile.take_in().await;
    let mut sessions = BTreeMap::new();
    let mut shown = BTreeMap::<u64, Vec<u64>>::new();
    let orders = permutations(5);
    assert_eq!(orders.len(), 120);
    for (session, order) in (1_u64..).zip(orders) {
        // The stream begins with 1; then 2 to 6 in some order, and nobody answers a FETCH with an entry.
        let entries = hostile.texts(hostile.charter.meeting, session, 6);
        let shuffled = order.iter().map(|at| entries[at + 1].clone());
        let probe = u32::try_from(session).unwrap();
        host.send(&entries[..1].iter().cloned().chain(shuffled).chain([tell(probe)]).collect::<Vec<_>>()).await;
        let mut open = BTreeMap::<u64, (RequestId, std::time::Instant)>::new();
        host.until(|frame, id| match frame {
            Frame::Meeting(Meeting::Fetch(fetch)) => {
                for range in fetch.ranges.iter() {
                    let before = open.insert(range.session, (id, std::time::Instant::now()));
                    // Again only once it has not been answered for long.
                    assert!(before.is_none_or(|(_, at)| at.elapsed() > FETCH_TIMEOUT / 2), "two for {range:?}");
                }
                None
            }
            Frame::Session(Session::Done(_)) if id == RequestId(probe) => Some(()),
            _ => None,
        })
        .await;
        // One may ask for several sessions: for what was not brought, again.
        let open: BTreeSet<RequestId> = open.into_values().map(|(id, _)| id).collect();
        host.send(&open.into_iter().map(done).collect::<Vec<_>>()).await;
        // Those that find their predecessor there: no place was kept for any other.
        let next = order.iter().fold(1, |next, at| if *at + 1 == next { next + 1 } else { next });
        sessions.insert(session, u64::try_from(next).unwrap());
    }
    let last = hostile.texts(hostile.charter.meeting, 1_000, 1);
    host.send(&last).await;
    guest
        .until(|event| match event {
            Event::Message { kind: Kind::Text(origin), .. } if origin.session == 1_000 => Some(()),
            Event::Message { kind: Kind::Text(origin), .. } => {
                shown.entry(origin.session).or_default().push(origin.number);
                None
            }
            _ => None,
        })
        .await;
    for (session, count) in sessions {
        assert_eq!(shown[&session], (1..=count).collect::<Vec<_>>(), "session {session}");
    }
    drop(host);
    guest.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h9_entry_5_a_guest_writes_nothing() {
    let mut lecture = Lecture::hold("H9 guest", "Ada", Admission::Open).await;
    let mallory = identity();
    for author in [&mallory, &lecture.founder] {
        let mut peer = Peer::dial(lecture.address, &mallory).await.unwrap();
        peer.join("mallory", &Proof::default()).await.unwrap();
        // The founder's own signature makes no difference: a guest passes on nothing in a star.
        let mut log = Log::new(lecture.charter.meeting, 10);
        let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new("forged").unwrap() };
        let frame = log.write(author, 1, &body, Now { tick: Instant(0), unix_ms: 1 }).unwrap().frame.clone();
        peer.send(&[frame]).await;
        peer.ends_by(Rule::Entry5).await;
    }
    let mut peer = Peer::dial(lecture.address, &identity()).await.unwrap();
    peer.join("eve", &Proof::default()).await.unwrap();
    lecture.host.say("the only text");
    peer.send(&[digest(Vec::new())]).await;
    let first_talk = peer.until(|frame, _| match frame {
        Frame::Meeting(Meeting::EntryFrame(frame)) if frame.entry.entry.lane == Lane::Talk => {
            let EntryBody::Text { text, .. } = frame.entry.read() else { panic!("{frame:?}") };
            Some(text.as_str().to_owned())
        }
        _ => None,
    });
    assert_eq!(first_talk.await, "the only text");
    lecture.works_for("h9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h9_entry_3_a_body_that_cannot_be_read_costs_nobody_the_link() {
    let hostile = Hostile::new("H9 bodies").await;
    let mut guest = hostile.guest();
    let mut host = hostile.take_in().await;
    let text = |rest: &[u8]| [&[0; 16][..], b"\x00\x02hi", rest].concat();
    let third_role = [&[7; 32][..], &[3], &[0; 32], &[0, 0, 0]].concat();
    let third_lane = [&[7; 32][..], &[2, 0, 0, 0, 1], &[0; 8], &[2], &[0; 8], &[0, 0]].concat();
    host.send(&[
        hostile.first(5, Lane::Acts, 0x0004, &third_role),
        hostile.first(6, Lane::Acts, 0x0002, &third_lane),
        hostile.first(7, Lane::Talk, 0x0100, &text(b"\0")),
        hostile.first(8, Lane::Talk, 0x0100, &text(b"\x01\x00\x00\x00")),
        hostile.first(9, Lane::Talk, 0x0100, b""),
    ])
    .await;
    host.send(&hostile.texts(hostile.charter.meeting, 10, 1)).await;
    host.send(&[tell(7)]).await;
    up_to_answer(&mut host, 7).await;
    assert_eq!(guest.texts(1).await, ["10/1"]);
    drop(host);
    guest.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h10_store_3_entries_that_are_replayed_are_dropped() {
    let hostile = Hostile::new("H10").await;
    let mut guest = hostile.guest();
    let mut host = hostile.take_in().await;
    let entries = hostile.texts(hostile.charter.meeting, 5, 50);
    host.send(&entries).await;
    for _ in 0..20 {
        host.send(&entries).await;
    }
    // Another connection is no fresh start.
    drop(host);
    let mut host = hostile.take_in().await;
    host.send(&entries).await;
    host.send(&hostile.texts(hostile.charter.meeting, 6, 1)).await;
    let shown = guest.texts(51).await;
    assert_eq!(shown, (1..=50).map(|number| format!("5/{number}")).chain(["6/1".into()]).collect::<Vec<_>>());
    drop(host);
    guest.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h10_entry_1_entries_of_another_meeting_are_forgeries_here() {
    let hostile = Hostile::new("H10 elsewhere").await;
    let elsewhere = found("another", &hostile.founder, Admission::Open, None);
    let mut guest = hostile.guest();
    let mut host = hostile.take_in().await;
    let foreign = hostile.texts(elsewhere.meeting, 5, 2);
    assert!(entry_of(&foreign[0]).is_some());
    host.send(&foreign).await;
    host.ends_by(Rule::Entry1).await;
    guest.until(|event| matches!(event, Event::Unlinked { code: Code::Forged, .. }).then_some(())).await;
    drop(host);
    // The guest comes back, holds nothing of that, and takes what is right.
    let mut host = hostile.take_in().await;
    host.send(&hostile.texts(hostile.charter.meeting, 7, 2)).await;
    assert_eq!(guest.texts(2).await, ["7/1", "7/2"]);
    drop(host);
    guest.quit().await;
}

/// A question, signed by `asker` for `meeting`.
fn ask(id: u32, asker: &Identity, meeting: MeetingId, token: Token, text: &str) -> Encoded {
    Frame::from(question(asker, meeting, token, text)).encode(RequestId(id))
}

fn question<'a>(asker: &Identity, meeting: MeetingId, token: Token, text: &'a str) -> Ask<'a> {
    frames::ask(asker, meeting, token, Heard::NONE, ("anna", text))
}

#[tokio::test(flavor = "multi_thread")]
async fn h10_ask_1_a_question_serves_its_asker_its_meeting_and_once() {
    let mut lecture = Lecture::hold("H10 questions", "Ada", Admission::Open).await;
    let (meeting, anna, mallory) = (lecture.charter.meeting, identity(), identity());
    let mut peer = Peer::dial(lecture.address, &anna).await.unwrap();
    peer.join("anna", &Proof::default()).await.unwrap();
    let token = Token([1; 16]);
    for id in 2..22 {
        peer.send(&[ask(id, &anna, meeting, token, "why?")]).await;
        peer.until(|frame, reply| {
            (matches!(frame, Frame::Session(Session::Done(_))) && reply == RequestId(id)).then_some(())
        })
        .await;
    }
    // Signature and token stand in the log for all to see.
    let stolen = Frame::from(question(&anna, meeting, token, "why?")).encode(RequestId(2));
    let other = found("another", &lecture.founder, Admission::Open, None).meeting;
    for question in [stolen, ask(2, &mallory, other, Token([2; 16]), "how?")] {
        let mut peer = Peer::dial(lecture.address, &mallory).await.unwrap();
        peer.join("mallory", &Proof::default()).await.unwrap();
        peer.send(&[question]).await;
        peer.ends_by(Rule::Ask1).await;
    }
    lecture.host.say("enough");
    let mut said = Vec::new();
    let enough = |event: &Event| {
        said.extend(text(event));
        (said.last()? == "enough").then_some(())
    };
    lecture.host.until(enough).await;
    assert_eq!(said, ["why?", "enough"]);
    drop(peer);
    lecture.works_for("h10").await;
}
