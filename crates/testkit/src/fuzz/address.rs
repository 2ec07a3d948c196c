//! Addresses in text, by themselves and in a ticket, and on the wire.
//!
//! Of text, [`is_address`] has the grammar once more, to be laid beside the page:
//!
//! ```text
//! address = host ":" port             at most 255 bytes in all
//! port    = 1 to 65535, decimal
//! host    = ipv4 / "[" ipv6 "]" / name
//! ipv4    = number "." number "." number "." number
//! number  = 0 to 255, decimal
//! ipv6    = eight groups of 1 to 4 hex digits, ":" between; "::" once, in the place of one or more groups of 0;
//!           an ipv4 may stand in the place of the last two groups
//! name    = labels of 1 to 63 ASCII letters, digits, "-" and "_", "." between; none has "-" at an end;
//!           the last has not digits alone, and does not begin with 0x or 0X
//! ```

use std::net::{IpAddr, SocketAddr};

use tertulia_core::address::{HostPort, Scope, may_be_dialled};
use tertulia_core::limits;
use tertulia_core::ticket::Ticket;
use tertulia_core::wire::address::Address;
use tertulia_core::wire::field::{decode_all, encode_alone};

/// Reads `input` as a text, and as the bytes of an address.
///
/// # Panics
/// If core reads something else than the page has, or writes something else than it has read.
pub fn address(input: &[u8]) {
    wire(input);
    let Ok(text) = core::str::from_utf8(input) else { return };
    typed(text);
    if let Ok(ticket) = text.parse::<Ticket>() {
        let written = ticket.to_string();
        let code = ticket.to_code();
        assert_eq!(written.parse().as_ref(), Ok(&ticket), "{written}");
        // In a line, the name of a host may have letters of either case.
        let read = code.parse::<Ticket>().map(|ticket| ticket.to_string());
        assert_eq!(read, Ok(written.to_ascii_lowercase()), "{code}");
        // SPEC TICKET-2: what is read of a code is what a code says, and else of a line.
        let again = if text.contains('*') { code } else { written };
        assert_eq!(again.to_ascii_lowercase(), text.to_ascii_lowercase());
    }
}

fn typed(text: &str) {
    let read = HostPort::exactly(text);
    assert_eq!(read.is_some(), is_address(text), "{text:?}");
    let Some(read) = read else { return };
    let written = read.to_string();
    assert_eq!(HostPort::exactly(&written), Some(read), "{written:?}");
    assert!(written.bytes().all(|byte| !byte.is_ascii_uppercase()), "{written:?}");
    assert!(HostPort::typed(text, 1).is_ok(), "who types {text:?} is understood, too");
    // What the standard library takes for an address is that one.
    if let Ok(socket) = text.parse::<SocketAddr>() {
        assert_eq!(written.parse(), Ok(socket));
    }
}

/// By the grammar above.
fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once(':').filter(|_| text.len() <= 255);
    parts.is_some_and(|(host, port)| is_host(host) && is_number(port, 1, 65_535))
}

fn is_number(text: &str, low: u64, high: u64) -> bool {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_decimal && text.parse().is_ok_and(|number| (low..=high).contains(&number))
}

fn is_host(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    is_four(text) || is_name(text) || inside.is_some_and(is_six)
}

fn is_four(text: &str) -> bool {
    text.split('.').count() == 4 && text.split('.').all(|number| is_number(number, 0, 255))
}

fn is_six(text: &str) -> bool {
    match text.split_once("::") {
        Some((front, back)) => {
            let four = front.split(':').any(|group| group.contains('.'));
            !four && groups(front).zip(groups(back)).is_some_and(|(front, back)| front + back < 8)
        }
        None => groups(text) == Some(8),
    }
}

/// How many groups there are, if that is what they are.
fn groups(text: &str) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let groups: Vec<&str> = text.split(':').collect();
    let (last, others) = groups.split_last()?;
    let is_group = |group: &str| (1..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !others.iter().all(|group| is_group(group)) {
        return None;
    }
    if is_four(last) { Some(others.len() + 2) } else { is_group(last).then_some(groups.len()) }
}

fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| {
        let is_bare = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && label.bytes().all(is_letter) && is_bare
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    text.split('.').all(is_label) && !is_number
}

/// SPEC ADDRESS-2, ADDRESS-4, FIELD-3.
fn wire(input: &[u8]) {
    let shape = input.split_first().and_then(|(kind, rest)| Some((*kind, rest.split_first()?)));
    let is_whole = shape.is_some_and(|(_, (length, bytes))| {
        usize::from(*length) == bytes.len() && bytes.len() <= limits::ADDRESS_BYTES_MAX
    });
    let read = decode_all::<Address<'_>>(input);
    assert_eq!(read.is_ok(), is_whole, "{input:?}");
    let (Ok(read), Some((kind, (_, bytes)))) = (read, shape) else { return };
    assert_eq!(encode_alone(&read), input, "kept and passed on as it came");
    let ip = match (kind, bytes.len()) {
        (1, 6) => <[u8; 4]>::try_from(&bytes[..4]).ok().map(IpAddr::from),
        (1, 18) => <[u8; 16]>::try_from(&bytes[..16]).ok().map(|ip| IpAddr::from(ip).to_canonical()),
        _ => None,
    };
    let port = bytes.last_chunk().map_or(0, |port| u16::from_be_bytes(*port));
    let socket = ip.filter(|_| port != 0).map(|ip| SocketAddr::new(ip, port));
    assert_eq!(read.socket(), socket, "{input:?}");
    let Some(socket) = socket else { return };
    assert_eq!(Address::of(socket).socket(), Some(socket));
    let ways = [Scope::Machine, Scope::Cable, Scope::Site, Scope::World].map(|nearest| may_be_dialled(socket, nearest));
    assert!(ways.is_sorted_by(|near, far| near >= far), "{socket} is dialled from farther away alone");
    assert!(!ways[0] || port >= limits::TOLD_PORT_MIN && !socket.ip().is_multicast() && !socket.ip().is_unspecified());
}
