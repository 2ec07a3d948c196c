//! Frames that those send who do as they like, over sockets and in the simulator.

use std::net::SocketAddr;

use tertulia_core::id::{Key, MeetingId, RequestId, Token};
use tertulia_core::identity::{Domain, Identity};
use tertulia_core::limits::{ADDRESSES_MAX, MESH_MAX, RANGES_MAX};
use tertulia_core::log::Log;
use tertulia_core::pass::Chain;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::address::Address;
use tertulia_core::wire::entry::{EntryBody, Heard};
use tertulia_core::wire::field::{List, Name, Text, encode_items};
use tertulia_core::wire::meeting::{Digest, Fetch, Join, Links, Range, Row, Whereabouts};
use tertulia_core::wire::option::{self, Options, OptionsBuffer, TicketProof};
use tertulia_core::wire::private::{Ask, asked};
use tertulia_core::wire::{Encoded, Frame};

/// What JOIN and PERSON show.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// What has let it in before, if anything.
    pub chain: Chain,
    /// What a ticket gives.
    pub ticket: Option<TicketProof>,
}

impl Proof {
    /// The JOIN with this proof.
    #[must_use]
    pub fn join(&self, id: u32) -> Encoded {
        let mut options = OptionsBuffer::default();
        self.chain.show(&mut options);
        self.ticket.iter().for_each(|ticket| options.set(&option::TICKET, ticket));
        Frame::from(Join { meeting: MeetingId::ZERO, options: options.options() }).encode(RequestId(id))
    }

    /// What somebody with this proof says of itself: the next PERSON of `log`, in this session.
    pub fn person(
        &self,
        log: &mut Log,
        us: &Identity,
        session: u64,
        (name, whereabouts): (&str, Whereabouts),
        addresses: &[SocketAddr],
    ) -> Encoded {
        let (count, items) = encode_items(addresses.iter().copied().map(Address::of), ADDRESSES_MAX);
        let (name, addresses) = (Name::new(name).unwrap(), List::over(count, &items));
        let (count, items) = encode_items(self.ticket, 1);
        let proof = List::over(count, &items);
        let now = Now { tick: Instant(0), unix_ms: session };
        self.chain.with_list(|chain| {
            let person = EntryBody::Person { whereabouts, name, addresses, chain, proof };
            log.write(us, session, &person, now).unwrap().frame.clone()
        })
    }
}

/// A DIGEST of `rows`; an empty one has the host send all.
#[must_use]
pub fn digest(rows: Vec<Row>) -> Encoded {
    let (count, items) = encode_items(rows, usize::MAX);
    Frame::from(Digest { rows: List::over(count, &items), options: Options::NONE }).encode(RequestId::EVENT)
}

/// A LINKS that names these keys, linked or not.
#[must_use]
pub fn links(keys: impl IntoIterator<Item = Key>) -> Encoded {
    let (count, items) = encode_items(keys, MESH_MAX);
    Frame::from(Links { keys: List::over(count, &items), options: Options::NONE }).encode(RequestId::EVENT)
}

/// A FETCH of these ranges.
#[must_use]
pub fn fetch(ranges: impl IntoIterator<Item = Range>, id: u32) -> Encoded {
    let (count, items) = encode_items(ranges, RANGES_MAX);
    Frame::from(Fetch { ranges: List::over(count, &items), options: Options::NONE }).encode(RequestId(id))
}

/// What `asker` asks, who is called so and has heard so much.
#[must_use]
pub fn ask<'a>(
    asker: &Identity,
    meeting: MeetingId,
    token: Token,
    heard: Heard,
    (name, text): (&'a str, &'a str),
) -> Ask<'a> {
    let (name, text) = (Name::new(name).unwrap(), Text::new(text).unwrap());
    let signature = asker.sign(Domain::Question, &[&meeting.0, &asked(token, &heard, name, text)]);
    Ask { token, heard, signature, name, text, options: Options::NONE }
}
