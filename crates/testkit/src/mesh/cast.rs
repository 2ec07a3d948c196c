//! Who is in a room: identities, and the machines that are made from what is on disk.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::id::{Key, MeetingId, Token};
use tertulia_core::identity::{Ed25519, Identity, Scheme, Secret};
use tertulia_core::log::Log;
use tertulia_core::machine::Kept;
use tertulia_core::mesh::{Member, MemberConfig, NewcomerConfig, Restored, Tickets};
use tertulia_core::node::{Guess, Node};
use tertulia_core::ticket::Ticket;
use tertulia_core::wire::field::Title;
use tertulia_core::wire::session::Purpose;

use super::plan::Mix;
use crate::sim::{Boot, Maker, NodeSpec, Sim};

/// What the tickets of the first ones prove.
pub(super) const TICKET: Secret = Secret([0xcc; 32]);

pub(crate) fn identity(number: usize, mix: &Mix) -> Identity {
    let scheme: Arc<dyn Scheme> = if mix.real_signatures { Arc::new(Ed25519) } else { Arc::new(crate::scheme::Hashed) };
    Identity::new(Secret([number as u8 + 1; 32]), scheme)
}

pub(crate) fn charter(mix: &Mix) -> SignedCharter {
    let founder = identity(0, mix);
    let ticket = Identity::new(TICKET, founder.scheme().clone()).key();
    let terms = Terms {
        kind: Purpose::MESH,
        founder: founder.key(),
        nonce: Token([0x4e; 16]),
        admission: match (mix.ticket, mix.lobby) {
            (false, false) => Admission::Open,
            (true, false) => Admission::Ticket,
            (false, true) => Admission::Lobby,
            (true, true) => Admission::TicketAndLobby,
        },
        ticket: if mix.ticket { ticket } else { Key::ZERO },
        questions: Questions::Open,
        history: u32::MAX,
        guests: 64,
        title: Title::new("Friday tertulia").unwrap(),
    };
    SignedCharter::found(terms, &founder).unwrap()
}

pub(super) fn address(node: usize) -> String {
    Sim::address(node).to_string()
}

/// Where others are told that a node is: some say, too, that they are where nobody is.
fn told(node: usize) -> Vec<SocketAddr> {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 30_000 + node as u16));
    [Some(Sim::address(node)), (node % 3 == 2).then_some(nowhere)].into_iter().flatten().collect()
}

/// The ticket that the founder's user has handed out last.
pub(crate) type HandedOut = Rc<RefCell<Option<Ticket>>>;

/// The node at which a newcomer knocks: another one once its user has heard that this one is gone.
pub(crate) type DoorCell = Rc<Cell<usize>>;

/// Member `number`; the founder is number 0, and knocks nowhere.
pub(crate) fn member(
    number: usize,
    door: &DoorCell,
    name: &str,
    mix: &Mix,
    knows_key: bool,
    handed_out: &HandedOut,
) -> NodeSpec {
    let (us, name, mix, door) = (identity(number, mix), name.to_string(), mix.clone(), door.clone());
    let handed_out = handed_out.clone();
    let (key, talk_max) = (us.key(), 10_000);
    let maker: Maker = Box::new(move |boot| {
        let charter = charter(&mix);
        let restored = restore(boot, &us).or_else(|| {
            (number == 0).then(|| Restored {
                log: Log::new(charter.meeting, 10_000),
                charter: charter.clone(),
                pass: None,
            })
        });
        let host = identity(door.get(), &mix).key();
        let addresses = vec![address(door.get())];
        let kept = boot.disk.kept.get(&(charter.meeting, Kept::Ticket)).filter(|_| number == 0);
        let tickets = kept.map(|bytes| Tickets::restore(bytes, &us).expect("what it has kept")).unwrap_or_default();
        let handed = handed_out.borrow().as_ref().and_then(|ticket| Some((ticket.seed?, ticket.endorsement)));
        let (seed, endorsement) = handed.unwrap_or((TICKET, None));
        let seed = mix.ticket.then_some(seed);
        let ticket = Ticket { meeting: charter.meeting, host, seed, endorsement, addresses: addresses.clone() };
        let is_founder = number == 0;
        let newcomer = NewcomerConfig {
            identity: us.clone(),
            name: name.clone(),
            name_is_chosen: false,
            started_ms: boot.now.unix_ms,
            seed: boot.seed,
            meeting: if knows_key { charter.meeting } else { MeetingId::ZERO },
            host: (knows_key && !is_founder).then_some(host),
            ticket: Some(ticket),
            addresses: if is_founder { Vec::new() } else { addresses },
            restored: None,
            others: Vec::new(),
            note: String::new(),
            talk_max: 10_000,
        };
        let room = |newcomer| {
            let (addresses, told) = (vec![address(number)], told(number));
            MemberConfig { newcomer, tickets, addresses, told, port: None }
        };
        Box::new(match restored {
            restored if is_founder => Node::new(Member::new(room(NewcomerConfig { restored, ..newcomer }))),
            Some(restored) if !knows_key => {
                let others = vec![restored.clone()];
                let guess = Guess { restored, heard: "a while ago".into() };
                Node::returner(guess, room(NewcomerConfig { others, ..newcomer }))
            }
            // Neither an address nor a ticket says of what kind the meeting is.
            restored => Node::newcomer(room(NewcomerConfig { restored, ..newcomer })),
        })
    });
    NodeSpec { key, maker, talk_max }
}

fn restore(boot: &Boot<'_>, us: &Identity) -> Option<Restored> {
    let ((meeting, _), bytes) = boot.disk.kept.iter().find(|((_, name), _)| *name == Kept::Charter)?;
    let charter = SignedCharter::check(bytes, *meeting, us).expect("it was checked before it was kept");
    let pass = boot.disk.kept.get(&(*meeting, Kept::Pass)).cloned();
    Some(Restored { log: boot.disk.log(*meeting, 10_000), charter, pass })
}
