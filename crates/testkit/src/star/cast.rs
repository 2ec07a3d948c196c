//! Who is in a lecture: identities, and the machines that are made from what is on disk.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::id::{Key, MeetingId, Token};
use tertulia_core::identity::{Ed25519, Identity, Scheme, Secret};
use tertulia_core::machine::Kept;
use tertulia_core::mesh::MemberConfig;
use tertulia_core::node::{Guess, Node};
use tertulia_core::star::{Attendee, Host, HostConfig, NewcomerConfig, Restored, Tickets};
use tertulia_core::ticket::Ticket;
use tertulia_core::wire::field::Title;
use tertulia_core::wire::session::Purpose;

use super::plan::Mix;
use crate::sim::{Boot, Maker, NodeSpec};

/// A word that the host does not publish.
pub(super) const BAD_WORD: &str = "spam";
pub(super) const HOST_NAME: &str = "ada";
/// The number of the first guest.
pub(super) const FIRST_GUEST: u8 = 10;
const HOST_ADDRESS: &str = "node0:1";
const FIRST_TICKET: Secret = Secret([0xcc; 32]);

/// What the host's user has handed out last; the guests' users ask for it before they join anew.
pub(super) type HandedOut = Rc<RefCell<Ticket>>;

pub(super) fn identity(number: u8, mix: &Mix) -> Identity {
    let scheme: Arc<dyn Scheme> = if mix.real_signatures { Arc::new(Ed25519) } else { Arc::new(crate::scheme::Hashed) };
    Identity::new(Secret([number; 32]), scheme)
}

pub(super) fn charter(mix: &Mix) -> SignedCharter {
    let founder = identity(1, mix);
    let ticket = Identity::new(FIRST_TICKET, founder.scheme().clone()).key();
    let terms = Terms {
        kind: Purpose::STAR,
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
        history: mix.history,
        guests: 100,
        title: Title::new("Rust for all").unwrap(),
    };
    SignedCharter::found(terms, &founder).unwrap()
}

pub(super) fn handed_out(mix: &Mix) -> HandedOut {
    let charter = charter(mix);
    let seed = mix.ticket.then_some(FIRST_TICKET);
    let addresses = vec![HOST_ADDRESS.to_string()];
    let ticket = Ticket { meeting: charter.meeting, host: charter.founder, seed, endorsement: None, addresses };
    Rc::new(RefCell::new(ticket))
}

pub(super) fn host(mix: &Mix) -> NodeSpec {
    let (us, charter, mix) = (identity(1, mix), charter(mix), mix.clone());
    let (key, talk_max) = (us.key(), mix.talk_max);
    let maker: Maker = Box::new(move |boot| {
        let kept = boot.disk.kept.get(&(charter.meeting, Kept::Ticket));
        let kept = kept.map(|bytes| Tickets::restore(bytes, &us).expect("what it has kept"));
        let tickets = kept.unwrap_or_else(|| Tickets::first(mix.ticket.then_some(FIRST_TICKET), &us));
        Box::new(Node::new(Host::new(HostConfig {
            identity: us.clone(),
            charter: charter.clone(),
            name: HOST_NAME.into(),
            started_ms: boot.now.unix_ms,
            seed: boot.seed,
            filter: vec![BAD_WORD.into()],
            tickets,
            addresses: vec![HOST_ADDRESS.into()],
            log: boot.disk.log(charter.meeting, mix.talk_max),
        })))
    });
    NodeSpec { key, maker, talk_max }
}

/// A guest who knows of the host what `knows` says.
pub(super) fn guest(number: u8, name: &str, mix: &Mix, handed_out: &HandedOut, knows: Knows) -> NodeSpec {
    let (us, name, handed_out) = (identity(number, mix), name.to_string(), handed_out.clone());
    let (key, talk_max, ticketed) = (us.key(), mix.talk_max, mix.ticket);
    let maker: Maker = Box::new(move |boot| {
        let ticket = handed_out.borrow().clone();
        let meeting = if knows == Knows::Address { MeetingId::ZERO } else { ticket.meeting };
        let newcomer = NewcomerConfig {
            identity: us.clone(),
            name: name.clone(),
            name_is_chosen: false,
            started_ms: boot.now.unix_ms,
            seed: boot.seed,
            meeting,
            host: (knows == Knows::Ticket).then_some(ticket.host),
            addresses: ticket.addresses.clone(),
            ticket: ticketed.then_some(ticket),
            restored: None,
            others: Vec::new(),
            note: String::new(),
            talk_max,
        };
        let room = |newcomer| {
            let (addresses, port) = (vec![boot.address.to_string()], Some(boot.address.port()));
            MemberConfig { newcomer, tickets: Tickets::default(), addresses, told: vec![boot.address], port }
        };
        Box::new(match restore(boot, &us, talk_max) {
            // Neither an address nor a ticket says of what kind the meeting is.
            None => Node::newcomer(room(newcomer)),
            Some(restored) if knows == Knows::Address => {
                let others = vec![restored.clone()];
                let guess = Guess { restored, heard: "a while ago".into() };
                Node::returner(guess, room(NewcomerConfig { others, ..newcomer }))
            }
            restored => Node::new(Attendee::new(NewcomerConfig { restored, ..newcomer })),
        })
    });
    NodeSpec { key, maker, talk_max }
}

/// What a guest knows of the host before it joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knows {
    /// Only where it is.
    Address,
    /// Also which meeting it holds.
    Meeting,
    /// Also its key.
    Ticket,
}

fn restore(boot: &Boot<'_>, us: &Identity, talk_max: usize) -> Option<Restored> {
    let ((meeting, _), bytes) = boot.disk.kept.iter().find(|((_, name), _)| *name == Kept::Charter)?;
    let charter = SignedCharter::check(bytes, *meeting, us).expect("it was checked before it was kept");
    let pass = boot.disk.kept.get(&(*meeting, Kept::Pass)).cloned();
    Some(Restored { log: boot.disk.log(*meeting, talk_max), charter, pass })
}
