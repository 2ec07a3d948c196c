//! What one types to join (SPEC.md, "Ticket"): `tertulia:MEETING.HOST[.SEED[.ENDORSEMENT]]@ADDRESS[,ADDRESS]/`.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use crate::address::HostPort;
use crate::id::{Key, MeetingId, Signature};
use crate::identity::{Domain, Identity, Secret};
use crate::limits;
use crate::wire::option::TicketProof;

/// Where a meeting is, who holds it, and the key that opens its door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The meeting.
    pub meeting: MeetingId,
    /// The host: nobody else may answer.
    pub host: Key,
    /// The seed of the ticket's key pair, where the meeting wants one.
    pub seed: Option<Secret>,
    /// The founder's word for the ticket's key, where the charter does not name it.
    pub endorsement: Option<Signature>,
    /// `HOST:PORT`, one at least.
    pub addresses: Vec<String>,
}

/// The scheme that opens a ticket.
const SCHEME: &str = "tertulia:";
/// What closes it: without it, a port that has lost a digit would read as another port.
const END: char = '/';

impl fmt::Display for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}.{}", self.meeting, self.host)?;
        if let Some(seed) = &self.seed {
            write!(formatter, ".{}", Key(seed.0))?;
        }
        if let Some(endorsement) = &self.endorsement {
            write!(formatter, ".{endorsement}")?;
        }
        write!(formatter, "@{}{END}", self.addresses.join(","))
    }
}

/// Why a text is no whole ticket: what was expected, and is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTicket {
    /// `tertulia:` in front.
    Scheme,
    /// `@` and an address at the end.
    At,
    /// A meeting id of 32 hex digits.
    Meeting,
    /// A host key of 64 hex digits.
    Host,
    /// A seed of 64 hex digits.
    Seed,
    /// An endorsement of 128 hex digits.
    Endorsement,
    /// `@` after the endorsement.
    AtAfterEndorsement,
    /// `/` after the addresses.
    End,
    /// One to three `HOST:PORT` after `@`.
    Addresses,
}

impl FromStr for Ticket {
    type Err = NoTicket;

    fn from_str(text: &str) -> Result<Self, NoTicket> {
        let rest = text.strip_prefix(SCHEME).ok_or(NoTicket::Scheme)?;
        let (keys, addresses) = rest.split_once('@').ok_or(NoTicket::At)?;
        let mut keys = keys.split('.');
        let meeting = keys.next().and_then(MeetingId::from_hex).ok_or(NoTicket::Meeting)?;
        let host = keys.next().and_then(Key::from_hex).ok_or(NoTicket::Host)?;
        let seed = keys.next().map(|seed| Key::from_hex(seed).ok_or(NoTicket::Seed));
        let endorsement = keys.next().map(|word| Signature::from_hex(word).ok_or(NoTicket::Endorsement));
        if keys.next().is_some() {
            return Err(NoTicket::AtAfterEndorsement);
        }
        let addresses = addresses.strip_suffix(END).ok_or(NoTicket::End)?;
        let addresses: Vec<String> = addresses.split(',').map(ToString::to_string).collect();
        let is_address = |text: &String| HostPort::exactly(text).is_some();
        if addresses.len() > limits::ADDRESSES_MAX || !addresses.iter().all(is_address) {
            return Err(NoTicket::Addresses);
        }
        Ok(Self {
            meeting,
            host,
            seed: seed.transpose()?.map(|key| Secret(key.0)),
            endorsement: endorsement.transpose()?,
            addresses,
        })
    }
}

/// What `guest` shows of the ticket that grows from `seed`.
#[must_use]
pub fn prove_ticket(seed: Secret, endorsement: Option<Signature>, meeting: MeetingId, guest: &Identity) -> TicketProof {
    let ticket = Identity::new(seed, guest.scheme().clone());
    let proof = ticket.sign(Domain::TicketProof, &[&meeting.0, &guest.key().0]);
    TicketProof { ticket: ticket.key(), endorsement: endorsement.unwrap_or(Signature::ZERO), proof }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_ticket_survives_being_typed() {
        for (seed, endorsement) in
            [(None, None), (Some(Secret([7; 32])), None), (Some(Secret([7; 32])), Some(Signature([9; 64])))]
        {
            let addresses = vec!["[::1]:7473".to_string(), "example.org:1".to_string()];
            let ticket = Ticket { meeting: MeetingId([1; 16]), host: Key([2; 32]), seed, endorsement, addresses };
            assert_eq!(ticket.to_string().parse(), Ok(ticket));
        }
    }

    #[test]
    fn half_a_ticket_says_what_is_missing() {
        for (text, expected) in [
            ("hello", NoTicket::Scheme),
            ("tertulia:00", NoTicket::At),
            ("tertulia:00@h:1/", NoTicket::Meeting),
            ("tertulia:00000000000000000000000000000000.00@h:1/", NoTicket::Host),
        ] {
            assert_eq!(text.parse::<Ticket>(), Err(expected), "{text}");
        }
    }
}
