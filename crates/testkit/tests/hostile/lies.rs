//! A lecture's host that lies.

use tertulia_core::event::{Asked, Event, Kind, Notice};
use tertulia_core::id::{Key, RequestId, Salt, Token};
use tertulia_core::identity::Identity;
use tertulia_core::log::{Held, Log};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{EntryBody, Heard, Whereabouts};
use tertulia_core::wire::field::{List, Name, Text, encode_items};
use tertulia_core::wire::meeting::{Person, Presence};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::private::Private;
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::frames;
use tertulia_testkit::real::local::{Local, identity, text};
use tertulia_testkit::real::peer::Peer;

use crate::entries::Hostile;

const NOW: Now = Now { tick: Instant(0), unix_ms: 1_700_000_000_000 };

/// What the host says to somebody.
struct Version {
    log: Log,
    founder: Identity,
}

impl Version {
    fn new(hostile: &Hostile) -> Self {
        Self { log: Log::new(hostile.charter.meeting, 100), founder: hostile.founder.clone() }
    }

    fn write(&mut self, body: &EntryBody<'_>) -> Encoded {
        self.log.write(&self.founder, 5, body, NOW).unwrap().frame.clone()
    }

    fn text(&mut self, text: &str) -> Encoded {
        self.write(&EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() })
    }

    /// Publishes the question in an ASK.
    fn question(&mut self, asker: Key, ask: &Encoded) -> Encoded {
        match decode(&ask.0).unwrap().frame {
            Some(Frame::Private(Private::Ask(ask))) => self.write(&ask.published(asker)),
            other => unreachable!("{other:?}"),
        }
    }
}

fn presence(people: &[(Key, &str)]) -> Encoded {
    let named = people.iter().map(|(key, name)| Person {
        key: *key,
        whereabouts: Whereabouts::Here,
        name: Name::new(name).unwrap(),
    });
    let (count, items) = encode_items(named, people.len());
    let guests = u32::try_from(people.len()).unwrap();
    Frame::from(Presence { guests, people: List::over(count, &items), options: Options::NONE }).encode(RequestId::EVENT)
}

/// The next ASK of a guest.
async fn asked(peer: &mut Peer) -> Encoded {
    peer.until(|frame, id| match frame {
        Frame::Private(Private::Ask(ask)) => Some(Frame::from(*ask).encode(id)),
        _ => None,
    })
    .await
}

/// Of what a guest is told up to the text `end`: the one question, and the number of each entry that was told in two ways.
async fn told(guest: &mut Local, end: &str) -> (Option<Asked>, Vec<u64>) {
    let (mut question, mut stories) = (None, Vec::new());
    loop {
        match guest.next().await {
            Event::Message { kind: Kind::Question(_, asked), .. } => question = Some(asked),
            Event::Warning(Notice::TwoStories { number, .. }) => stories.push(number),
            event if text(&event).as_deref() == Some(end) => return (question, stories),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_12_words_that_no_guest_has_said_are_shown_with_the_key_of_whoever_did() {
    let hostile = Hostile::new("made up").await;
    let mut anna = hostile.called("anna");
    let mut host = hostile.take_in().await;
    let (bea, made_up) = (identity(), identity());
    host.send(&[presence(&[(host.other(), "anna"), (bea.key(), "bea")])]).await;
    let mut version = Version::new(&hostile);
    let first = version.text("hello");
    let heard = Held::read(hostile.charter.meeting, &first).unwrap();
    let heard = Heard { session: heard.id.session, number: heard.number, head: heard.hash };
    let ask = |asker: &Identity, token| {
        let said = ("bea", "I have nothing to hide");
        Frame::from(frames::ask(asker, hostile.charter.meeting, Token([token; 16]), heard, said)).encode(RequestId(1))
    };
    host.send(&[first, version.question(bea.key(), &ask(&bea, 1)), version.text("bea")]).await;
    host.send(&[version.question(made_up.key(), &ask(&made_up, 2)), version.text("not bea")]).await;
    let question = |key, is_ambiguous, unheard| Some(Asked { key, is_ambiguous, heard: Some((5, 1)), unheard });
    assert_eq!(told(&mut anna, "bea").await, (question(bea.key(), false, 0), vec![]));
    assert_eq!(told(&mut anna, "not bea").await, (question(made_up.key(), true, 1), vec![]));
    drop(host);
    anna.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_true_yes_under_another_question_is_shown_as_what_it_was_said_before() {
    let hostile = Hostile::new("another question").await;
    let (mut anna, mut bea) = (hostile.called("anna"), hostile.called("bea"));
    let mut peers = [hostile.take_in().await, hostile.take_in().await];
    let mut version = Version::new(&hostile);
    let coffee = version.text("Coffee?");
    for peer in &mut peers {
        peer.send(std::slice::from_ref(&coffee)).await;
    }
    for guest in [&mut anna, &mut bea] {
        told(guest, "Coffee?").await;
        guest.say("Yes, please!");
    }
    let [one, other] = &mut peers;
    let (yes, asker) = (asked(one).await, one.other());
    let pay = version.text("Shall all pay double?");
    let lie = [pay, version.question(asker, &yes), version.text("end")];
    for peer in [one, other] {
        peer.send(&lie).await;
    }
    for guest in [&mut anna, &mut bea] {
        let (question, stories) = told(guest, "end").await;
        assert_eq!(question, Some(Asked { key: asker, is_ambiguous: false, heard: Some((5, 1)), unheard: 1 }));
        assert!(stories.is_empty(), "nobody can tell more of a host that waits");
    }
    drop(peers);
    anna.quit().await;
    bea.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_10_two_versions_of_an_entry_are_found_out_by_whoever_is_shown_a_question() {
    let hostile = Hostile::new("two stories").await;
    let (mut anna, mut bea) = (hostile.called("anna"), hostile.called("bea"));
    let mut peers = [hostile.take_in().await, hostile.take_in().await];
    let texts = ["Coffee?", "Shall all pay double?"];
    let mut versions = [Version::new(&hostile), Version::new(&hostile)];
    let mut asks = Vec::new();
    for ((peer, version), text) in peers.iter_mut().zip(&mut versions).zip(texts) {
        peer.send(&[version.text(text)]).await;
    }
    for guest in [&mut anna, &mut bea] {
        guest.until(text).await;
        guest.say("Yes, please!");
    }
    for peer in &mut peers {
        asks.push((peer.other(), asked(peer).await));
    }
    // Each is sent the other's question, after what it was told itself.
    for ((peer, version), (asker, ask)) in peers.iter_mut().zip(&mut versions).zip(asks.iter().rev()) {
        peer.send(&[version.question(*asker, ask), version.text("end")]).await;
    }
    for guest in [&mut anna, &mut bea] {
        assert_eq!(told(guest, "end").await.1, [1]);
    }
    drop(peers);
    anna.quit().await;
    bea.quit().await;
}
