//! A registry: what is published and proved, and what is not taken.

use tertulia_core::code::Code;
use tertulia_core::id::MeetingId;
use tertulia_core::machine::Machine;
use tertulia_core::registry::{Server, ServerConfig};
use tertulia_core::trace::Trace;
use tertulia_core::wire::Encoded;
use tertulia_core::wire::field::{Block, decode_all};
use tertulia_core::wire::meeting::Join;
use tertulia_core::wire::option::Options;
use tertulia_core::wire::registry::{Publish, Withdraw};
use tertulia_core::wire::session::Purpose;

use super::{Outlaw, Scene, frame};
use crate::directory::{record_at, registry};
use crate::lecture::{START_MS, ada, bea};
use crate::sim::{Boot, NodeSpec, Sim};

const REGISTRY: usize = 0;
const PUBLISHER: usize = 1;
const NO_OPTIONS: Options<'static> = Options::NONE;

fn server() -> NodeSpec {
    let maker = |boot: &Boot<'_>| -> Box<dyn Machine> {
        let (address, started_ms) = (Sim::address(REGISTRY), boot.now.unix_ms);
        Box::new(Server::new(ServerConfig { identity: registry(), address, started_ms }))
    };
    NodeSpec { key: registry().key(), maker: Box::new(maker), talk_max: 10 }
}

fn publish(id: u32, record: &[u8]) -> Encoded {
    frame(id, Publish { record: Block(decode_all(record).expect("a record")), options: NO_OPTIONS })
}

/// Ada's record of her lecture, met at the node of the scene.
fn record(number: u64) -> Vec<u8> {
    record_at(number, Sim::address(PUBLISHER))
}

/// A visit of Ada's, or of whoever has her place; the registry writes it down if `at` is its.
fn visit(at: usize, us: &tertulia_core::identity::Identity, meeting: MeetingId, says: Vec<Encoded>) -> Scene {
    let mut scene = Scene::new(1);
    scene.add(server());
    scene.add(Outlaw::new("node0:1", Purpose::REGISTRY, meeting, None, says).spec(us));
    scene.start(REGISTRY);
    scene.sim.record(at);
    scene.start(PUBLISHER);
    scene.pass(6_000);
    scene
}

fn refused(says: Vec<Encoded>, meeting: MeetingId, code: Code) -> Scene {
    let scene = visit(PUBLISHER, &ada(), meeting, says);
    let closed = scene.sim.seen().contains_key(code.word());
    assert!(closed || scene.sim.trace().contains(" ERROR "), "{code} is what it gets: {:?}", scene.sim.seen());
    scene
}

pub(super) fn all() -> Vec<(&'static str, Trace)> {
    let (fresh, old) = (record(START_MS + 30), record(START_MS + 20));
    let mut forged = fresh.clone();
    *forged.last_mut().expect("a signature") ^= 1;
    let join = frame(1, Join { meeting: MeetingId::ZERO, options: NO_OPTIONS });
    let withdraw = frame(1, Withdraw { record: MeetingId([0x11; 16]), options: NO_OPTIONS });
    let zero = MeetingId::ZERO;
    let foreign = visit(PUBLISHER, &bea(), zero, vec![publish(1, &fresh)]);
    assert!(foreign.sim.seen().contains_key(Code::Unexpected.word()), "{:?}", foreign.sim.seen());
    let listed = visit(REGISTRY, &ada(), zero, vec![publish(1, &fresh)]);
    assert!(listed.sim.trace().contains("connection 1"), "it dials back");
    vec![
        (
            "registry-dials-back",
            listed.done("a registry dials back before it lists, and meets the publisher's key", &[]),
        ),
        (
            "registry-stale",
            refused(vec![publish(1, &fresh), publish(2, &old)], zero, Code::Stale)
                .done("an older record comes after a newer one", &["REGISTRY-7"]),
        ),
        (
            "registry-forged",
            refused(vec![publish(1, &forged)], zero, Code::Forged)
                .done("a record's signature does not hold", &["REGISTRY-3"]),
        ),
        (
            "registry-foreign",
            foreign.done("a record is published by another key than its publisher's", &["REGISTRY-4"]),
        ),
        (
            "registry-no-record",
            refused(vec![withdraw], zero, Code::NoRecord).done("what was not published is withdrawn", &["REGISTRY-12"]),
        ),
        (
            "registry-of-a-meeting",
            refused(vec![], MeetingId([0x11; 16]), Code::NoMeeting).done("HELLO names a meeting", &["REGISTRY-1"]),
        ),
        (
            "registry-join",
            refused(vec![join], zero, Code::Unexpected).done("JOIN comes to a registry", &["REGISTRY-2"]),
        ),
    ]
}
