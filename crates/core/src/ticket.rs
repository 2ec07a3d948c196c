//! What one types to join (SPEC.md, "Ticket"): `tertulia:MEETING.HOST[.SEED[.ENDORSEMENT]]@ADDRESS[,ADDRESS]/`.
//! In a code that cameras read, it has another form.

use alloc::{
    format,
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

impl Ticket {
    /// SPEC TICKET-2: what stands in a code that cameras read.
    #[must_use]
    pub fn to_code(&self) -> String {
        let replaced = |letter: char| match letter {
            '@' | ',' => MARK,
            '[' | ']' => BRACKET,
            '_' => '+',
            letter => letter.to_ascii_uppercase(),
        };
        self.to_string().chars().map(replaced).collect()
    }
}

/// In a code, this is in front of each address.
const MARK: char = '*';
/// In a code, an IPv6 address stands between two of them.
const BRACKET: char = '$';
/// What a code replaces.
const REPLACED: [char; 5] = ['@', ',', '[', ']', '_'];

/// SPEC TICKET-2: the line that a code stands for.
fn line_of(code: &str) -> Option<String> {
    if code.contains(REPLACED) {
        return None;
    }
    let code = code.to_ascii_lowercase().replace('+', "_");
    let (keys, addresses) = code.split_once(MARK)?;
    let six = |address: &str| {
        let (ip, port) = address.strip_prefix(BRACKET)?.split_once(BRACKET)?;
        Some(format!("[{ip}]{port}"))
    };
    let addresses = addresses.split(MARK).map(|address| six(address).unwrap_or_else(|| address.to_string()));
    Some(format!("{keys}@{}", addresses.collect::<Vec<_>>().join(",")))
}

/// Whether a text begins as a ticket does, in a line or in a code.
#[must_use]
pub fn is_begun(text: &str) -> bool {
    text.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
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
        let line = if text.contains(MARK) { Some(line_of(text).ok_or(NoTicket::Addresses)?) } else { None };
        let text = line.as_deref().unwrap_or(text);
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
    use proptest::prelude::*;

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

    fn ticket(addresses: &[&str]) -> Ticket {
        let addresses = addresses.iter().map(ToString::to_string).collect();
        Ticket { meeting: MeetingId([0xab; 16]), host: Key([2; 32]), seed: None, endorsement: None, addresses }
    }

    #[test]
    fn ticket_2_a_code_is_of_the_letters_that_it_may_have_and_is_read_in_either_case() {
        let ticket = ticket(&["192.0.2.1:7473", "[2001:db8::1]:7473", "my_host-2.example:1"]);
        let code = ticket.to_code();
        let end = "*192.0.2.1:7473*$2001:DB8::1$:7473*MY+HOST-2.EXAMPLE:1/";
        assert!(code.starts_with("TERTULIA:ABAB") && code.ends_with(end), "{code}");
        let is_of_a_code =
            |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || " $%*+-./:".contains(letter);
        assert!(code.chars().all(is_of_a_code), "{code}");
        for text in [code.clone(), code.to_lowercase(), code.replacen("TERTULIA", "tertulia", 1)] {
            assert_eq!(text.parse().as_ref(), Ok(&ticket), "{text}");
        }
    }

    #[test]
    fn ticket_2_what_is_nearly_a_code_is_no_ticket() {
        let code = ticket(&["[2001:db8::1]:7473", "my_host:1"]).to_code();
        for length in 0..code.len() {
            assert!(code[..length].parse::<Ticket>().is_err(), "{}", &code[..length]);
        }
        for (good, bad) in [
            ("*", "@"),
            ("7473*", "7473,"),
            ("$2001:DB8::1$", "[2001:DB8::1]"),
            ("$2001:DB8::1$", "2001:DB8::1"),
            ("$2001:DB8::1$", "$2001:DB8::1"),
            ("$2001:DB8::1$", "$$2001:DB8::1$"),
            ("$2001:DB8::1$", "$2001:DB8::1%LO$"),
            ("MY+HOST", "MY_HOST"),
            ("MY+HOST", "MY HOST"),
            ("MY+HOST", "MY$HOST"),
            ("*", "**"),
            ("*", ".*"),
            ("/", "*/"),
            ("/", "/*"),
            ("TERTULIA:", " TERTULIA:"),
            ("TERTULIA:", "TERTULIA:*"),
            ("TERTULIA:", "+ERTULIA:"),
            ("ABAB", "$BAB"),
        ] {
            let text = code.replacen(good, bad, 1);
            assert!(text != code && text.parse::<Ticket>().is_err(), "{good} -> {bad}");
        }
        // What a line may not be, it may not be in upper case either.
        let line = ticket(&["192.0.2.1:7473"]).to_string();
        assert_eq!(line.to_uppercase().parse::<Ticket>(), Err(NoTicket::Scheme));
    }

    proptest! {
        #[test]
        fn ticket_2_every_ticket_comes_back_from_its_code(
            meeting in any::<[u8; 16]>(),
            host in any::<[u8; 32]>(),
            seed in proptest::option::of(any::<[u8; 32]>()),
            word in proptest::option::of(any::<[u8; 32]>()),
            addresses in proptest::collection::vec(address(), 1..=limits::ADDRESSES_MAX),
        ) {
            let endorsement = word.filter(|_| seed.is_some()).map(|half| {
                Signature(core::array::from_fn(|at| half[at & 31]))
            });
            let seed = seed.map(Secret);
            let ticket = Ticket { meeting: MeetingId(meeting), host: Key(host), seed, endorsement, addresses };
            prop_assert_eq!(ticket.to_code().parse(), Ok(ticket));
        }
    }

    /// An address as a writer writes it.
    fn address() -> impl Strategy<Value = String> {
        let ip = any::<[u16; 8]>().prop_map(|groups| core::net::IpAddr::from(groups).to_string());
        let six = (ip, 1..=u16::MAX).prop_map(|(ip, port)| format!("[{ip}]:{port}"));
        let four =
            (any::<[u8; 4]>(), 1..=u16::MAX).prop_map(|(ip, port)| format!("{}:{port}", core::net::IpAddr::from(ip)));
        let name = ("[a-z0-9_]{1,8}(-[a-z0-9_]{1,8})?(\\.[a-z_][a-z0-9_]{0,8}){0,2}\\.[a-z]{2,8}", 1..=u16::MAX);
        prop_oneof![six, four, name.prop_map(|(name, port)| format!("{name}:{port}"))]
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
