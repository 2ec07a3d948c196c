//! Names that look like others': refused at the door, or marked where two doors let them in. The meeting goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::net::SocketAddr;

use serde_json::json;
use tertulia_core::log::Log;
use tertulia_core::rule::Rule;
use tertulia_core::wire::entry::Whereabouts;
use tertulia_core::wire::session::Purpose;
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof, hello_to};

use support::{Bot, Scratch, tertulia};

/// What reads like `ada` or `José`, who are there.
const ALIKE: [&str; 4] = ["\u{430}da", "AD\u{410}", "ａda", "Jose\u{301}"];
/// What nobody sees, or what turns letters round.
const HIDDEN: [&str; 3] = ["ada\u{200b}", "\u{202e}ada", "a\u{2066}da"];
/// What joins nothing.
const LOOSE: [&str; 3] = ["ad\u{200d}a", "ada\u{200c}", "ada\u{fe0f}"];
/// Names that are not spelled without joiners, and what reads like them.
const JOINED: [(&str, &str); 2] = [("می\u{200c}خواهم", "میخواهم"), ("👨\u{200d}👩\u{200d}👧", "👨\u{200d}👩👧")];

/// A meeting that `ada` holds, and `José` is in, whose keyboard has composed the name otherwise.
struct Meeting {
    ada: Bot,
    jose: Bot,
    address: String,
    purpose: Purpose,
}

impl Meeting {
    fn hold(purpose: Purpose) -> Self {
        let kind = (purpose == Purpose::STAR).then_some("--lecture");
        let arguments: Vec<&str> = ["host", "H15", "--listen", "127.0.0.1:0"].into_iter().chain(kind).collect();
        let mut ada = Bot::start("ada", &arguments);
        let address = ada.wait("ready")["listen"].as_str().expect("an address").to_string();
        let mut jose = Bot::start("Jose\u{301}", &["join", &address]);
        assert_eq!(jose.wait("ready")["name"], "José", "a name is sent composed");
        assert_eq!(ada.wait("joined")["name"], "José");
        Self { ada, jose, address, purpose }
    }

    fn refuses_look_alikes(&mut self) {
        for name in ALIKE {
            let mut twin = Bot::start(name, &["join", &self.address]);
            assert_eq!(twin.wait("closed")["code"], "name_taken", "{name:?}");
            assert_eq!(twin.end().code(), Some(1), "{name:?}");
        }
        let home = Scratch::new("hidden");
        for name in HIDDEN.into_iter().chain(LOOSE) {
            let ended = tertulia(&home).args(["--name", name, "join", &self.address]).output().expect("it runs");
            let said = String::from_utf8(ended.stderr).expect("text");
            assert_eq!(ended.status.code(), Some(2), "{name:?}: {said}");
            assert!(said.contains("nothing invisible") && said.contains("--name anna"), "{said}");
            let hidden = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{fe0f}'];
            assert!(!said.contains(hidden), "it is shown escaped: {said:?}");
        }
    }

    /// Whoever has a name that is not spelled without joiners comes in under it, and has no twin without them.
    fn takes_what_joins(&mut self) {
        for (name, twin) in JOINED {
            let mut joined = Bot::start(name, &["join", &self.address]);
            assert_eq!(joined.wait("ready")["name"], name);
            assert_eq!(self.ada.wait("joined")["name"], name);
            let mut twin = Bot::start(twin, &["join", &self.address]);
            assert_eq!(twin.wait("closed")["code"], "name_taken", "{name:?}");
            joined.send(&json!({"command": "quit"}));
            joined.wait("closed");
            assert_eq!(self.ada.wait("left")["name"], name);
        }
    }

    fn refuses_to_rename(&mut self) {
        let renames = [
            ("\u{430}da", "name_taken"),
            ("ada\u{200b}", "bad_name"),
            ("\u{202e}eve", "bad_name"),
            ("ev\u{200d}e", "bad_name"),
        ];
        for (id, (name, code)) in (1..).zip(renames) {
            self.jose.send(&json!({"command": "name", "name": name, "id": id}));
            let refused = self.jose.wait("error");
            assert_eq!((&refused["code"], &refused["id"]), (&json!(code), &json!(id)), "{name:?}: {refused}");
        }
    }

    /// Whoever sends such a name as bytes is no better off.
    async fn refuses_bytes(&self) {
        let address: SocketAddr = self.address.parse().expect("an address");
        for (rule, names) in [(Rule::Field2, HIDDEN), (Rule::Join16, LOOSE)] {
            for name in names {
                let mut peer = Peer::dial(address, &identity()).await.expect("a handshake");
                peer.send(&[hello_to(self.purpose, name.as_bytes())]).await;
                peer.ends_by(rule).await;
            }
        }
    }

    fn goes_on(&mut self) {
        self.ada.send(&json!({"command": "say", "text": "on it goes"}));
        assert_eq!(self.jose.wait("message")["text"], "on it goes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h15_join_7_a_lecture_takes_no_name_that_looks_like_another() {
    let mut lecture = Meeting::hold(Purpose::STAR);
    lecture.refuses_look_alikes();
    lecture.takes_what_joins();
    lecture.refuses_to_rename();
    lecture.refuses_bytes().await;
    lecture.goes_on();
}

#[tokio::test(flavor = "multi_thread")]
async fn h15_join_7_a_room_takes_no_name_that_looks_like_another_and_marks_what_comes_by_itself() {
    let mut room = Meeting::hold(Purpose::MESH);
    room.refuses_look_alikes();
    room.takes_what_joins();
    room.refuses_to_rename();
    room.refuses_bytes().await;
    // A member needs no door for another name.
    let eve = identity();
    let mut peer = Peer::dial(room.address.parse().unwrap(), &eve).await.expect("a handshake");
    let admission = peer.enter(Purpose::MESH, "eve", &Proof::default()).await.expect("it is let in");
    let mut log = Log::new(admission.charter.meeting, 1);
    peer.send(&[admission.person(&mut log, &eve, 1, ("\u{430}da", Whereabouts::Here), &[])]).await;
    let mark: String = eve.key().to_string().chars().take(8).collect();
    for bot in [&mut room.ada, &mut room.jose] {
        assert_eq!(bot.wait("joined")["name"], format!("\u{430}da-{mark}"));
    }
    room.goes_on();
}
