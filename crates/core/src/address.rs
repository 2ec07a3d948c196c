//! The one grammar of addresses in text (SPEC.md, "Addresses"): `HOST:PORT`.

mod scope;

pub use self::scope::{Scope, may_be_dialled};

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Where meetings and friends are by custom.
pub const PORT: u16 = 7473;
/// Where registries are by custom.
pub const REGISTRY_PORT: u16 = 7472;
/// Bytes of an address.
const ADDRESS_MAX: usize = 255;
/// Bytes of a label of a name.
const LABEL_MAX: usize = 63;
/// Bytes of a zone: no system has longer names of interfaces.
const ZONE_MAX: usize = 15;

/// The computer that an address leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Four decimal numbers.
    V4(Ipv4Addr),
    /// In brackets, and the zone if there is one: through which interface of this machine, by name or number.
    V6(Ipv6Addr, Option<String>),
    /// A name, in lower case.
    Name(String),
}

/// An address as it is typed, announced, and written into tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The computer.
    pub host: Host,
    /// 0 only where one listens: any that is free.
    pub port: u16,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is no `HOST:PORT`.
    Form,
    /// It has no port.
    NoPort,
    /// A port is a number from 1 to 65535.
    Port,
    /// An IPv6 address before a port stands in brackets.
    NoBrackets,
    /// One listens at an IP address of this machine.
    NoInterface,
    /// Each machine has its own names of interfaces.
    Zone,
    /// It is the address of no single machine.
    NobodysOwn,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAddress {
    /// What is wrong with it.
    pub flaw: Flaw,
    /// What was probably meant.
    pub instead: Option<Box<HostPort>>,
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(ip) => write!(formatter, "{ip}"),
            Self::V6(ip, None) => write!(formatter, "{ip}"),
            Self::V6(ip, Some(zone)) => write!(formatter, "{ip}%{zone}"),
            Self::Name(name) => formatter.write_str(name),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            host @ Host::V6(..) => write!(formatter, "[{host}]:{}", self.port),
            host @ (Host::V4(_) | Host::Name(_)) => write!(formatter, "{host}:{}", self.port),
        }
    }
}

impl Host {
    /// Reads what stands before the port, or alone.
    fn read(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return Self::six(inner.strip_suffix(']')?);
        }
        text.parse().map(Self::V4).ok().or_else(|| is_name(text).then(|| Self::Name(text.to_ascii_lowercase())))
    }

    /// An IPv6 address without its brackets.
    fn six(text: &str) -> Option<Self> {
        let (ip, zone) = text.split_once('%').map_or((text, None), |(ip, zone)| (ip, Some(zone)));
        let is_zone = |zone: &str| {
            (1..=ZONE_MAX).contains(&zone.len())
                && zone.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
        };
        let ip = ip.parse().ok().filter(|_| zone.is_none_or(is_zone))?;
        Some(Self::V6(ip, zone.map(ToString::to_string)))
    }

    /// Whether it can be nothing else than a computer: what is called `tides` or `v1.0` may be a title.
    #[must_use]
    pub fn is_unmistakable(&self) -> bool {
        match self {
            Self::V4(_) | Self::V6(..) => true,
            Self::Name(name) => {
                let is_domain = |(_, last): (&str, &str)| {
                    last.starts_with("xn--")
                        || last.len() > 1 && last.chars().all(|letter| letter.is_ascii_alphabetic())
                };
                name == "localhost" || name.rsplit_once('.').is_some_and(is_domain)
            }
        }
    }
}

/// Whether an address can be that of one computer: not of none, and not of many.
pub(crate) fn is_of_one(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().first() != Some(&0) && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    }
}

/// Labels of letters, digits, `-` and `_`, with dots between; the last is no number, which systems take for an IPv4
/// address.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_number =
        last.chars().all(|digit| digit.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X");
    !is_number && text.split('.').all(is_label)
}

/// A port without sign and leading zeros; 0 is one.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.chars().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// Reads HOST, or HOST:PORT; `usual`: the port to propose where that is what is wrong.
fn read(text: &str, usual: u16) -> Result<(Host, Option<u16>), NoAddress> {
    let nothing = NoAddress { flaw: Flaw::Form, instead: None };
    let (front, digits) = text.rsplit_once(':').unwrap_or((text, ""));
    // `::1:7473` may be an address without a port as well: nothing is guessed.
    if let (Some(host), Some(port)) = (Host::six(front), port(digits)) {
        return Err(NoAddress::but(Flaw::NoBrackets, host, port));
    }
    if text.len() > ADDRESS_MAX {
        return Err(nothing);
    }
    if let Some(host) = Host::read(text).or_else(|| Host::six(text)) {
        return Ok((host, None));
    }
    match (Host::read(front), port(digits)) {
        (Some(host), Some(port)) => Ok((host, Some(port))),
        (Some(host), None) if digits.parse::<u32>().is_ok() => Err(NoAddress::but(Flaw::Port, host, usual)),
        _ => Err(nothing),
    }
}

impl NoAddress {
    fn but(flaw: Flaw, host: Host, port: u16) -> Self {
        Self { flaw, instead: Some(Box::new(HostPort { host, port })) }
    }

    /// What is dialled has a port.
    fn with_port(self, usual: u16) -> Self {
        let port = |meant: Box<HostPort>| HostPort { port: if meant.port == 0 { usual } else { meant.port }, ..*meant };
        Self { instead: self.instead.map(port).map(Box::new), ..self }
    }
}

impl FromStr for HostPort {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        match read(text, PORT).map_err(|error| error.with_port(PORT))? {
            (host, None) => Err(NoAddress::but(Flaw::NoPort, host, PORT)),
            (host, Some(0)) => Err(NoAddress::but(Flaw::Port, host, PORT)),
            (host, Some(port)) => Ok(Self { host, port }),
        }
    }
}

impl HostPort {
    /// SPEC ADDRESS-1: what others have written, by the grammar alone. A zone is of one machine.
    #[must_use]
    pub fn exactly(text: &str) -> Option<Self> {
        text.parse().ok().filter(|address: &Self| !matches!(address.host, Host::V6(_, Some(_))))
    }

    /// What a person has typed to be dialled: without a port, it is `usual`; the address of all interfaces is this
    /// machine.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn typed(text: &str, usual: u16) -> Result<Self, NoAddress> {
        // A dot at the end says that the name is whole, which it is anyway.
        let text = text.trim().replace(".:", ":");
        let text = text.strip_suffix('.').unwrap_or(&text);
        let (host, port) = read(text, usual).map_err(|error| error.with_port(usual))?;
        let host = match host {
            Host::V4(Ipv4Addr::UNSPECIFIED) => Host::V4(Ipv4Addr::LOCALHOST),
            Host::V6(Ipv6Addr::UNSPECIFIED, None) => Host::V6(Ipv6Addr::LOCALHOST, None),
            host @ (Host::V4(_) | Host::V6(..) | Host::Name(_)) => host,
        };
        match port.unwrap_or(usual) {
            0 => Err(NoAddress::but(Flaw::Port, host, usual)),
            port => Ok(Self { host, port }),
        }
    }

    /// `IP:PORT` to listen at; port 0: any that is free.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn listening(text: &str, usual: u16) -> Result<Self, NoAddress> {
        match read(text.trim(), usual)? {
            (Host::Name(name), port) if name == "localhost" => {
                Err(NoAddress::but(Flaw::NoInterface, Host::V4(Ipv4Addr::LOCALHOST), port.unwrap_or(usual)))
            }
            (Host::Name(_), _) => Err(NoAddress { flaw: Flaw::NoInterface, instead: None }),
            (host, None) => Err(NoAddress::but(Flaw::NoPort, host, usual)),
            (host, Some(port)) => Ok(Self { host, port }),
        }
    }

    /// Checks that others can dial it: that it does not mean something else to each of them.
    ///
    /// # Errors
    /// Why they can't.
    pub fn for_others(&self) -> Result<(), Flaw> {
        let is_of_one = match self.host {
            Host::V6(_, Some(_)) => return Err(Flaw::Zone),
            Host::V4(ip) => is_of_one(ip.into()),
            Host::V6(ip, None) => is_of_one(ip.into()),
            Host::Name(_) => true,
        };
        is_of_one.then_some(()).ok_or(Flaw::NobodysOwn)
    }
}

/// Of `addresses`, those that others can dial, once each, as they are written down for them.
pub fn for_others<'a>(addresses: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut shared = Vec::new();
    for mut address in addresses.into_iter().filter_map(|address| address.parse::<HostPort>().ok()) {
        if let Host::V6(_, zone) = &mut address.host {
            *zone = None;
        }
        let text = address.to_string();
        if address.for_others().is_ok() && !shared.contains(&text) {
            shared.push(text);
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for text in [
            "a:1",
            "192.0.2.1:7473",
            "[2001:db8::1]:7473",
            "[fe80::1%eth0.100]:7473",
            "[fe80::1%2]:1",
            "example.org:65535",
            "xn--mller-kva.example:1",
            "my_host-2:7473",
            "0.0.0.0:1",
        ] {
            assert_eq!(text.parse::<HostPort>().map(|address| address.to_string()).as_deref(), Ok(text), "{text}");
        }
        let same = |text: &str| text.parse::<HostPort>().map(|address| address.to_string());
        assert_eq!(same("Example.ORG:1").as_deref(), Ok("example.org:1"));
        assert_eq!(same("[2001:DB8:0::1]:1").as_deref(), Ok("[2001:db8::1]:1"));
        for text in [
            "",
            ":",
            ":1",
            "a",
            "a:",
            "a:0",
            "a:+1",
            "a:01",
            "a: 1",
            "a:1 ",
            " a:1",
            "a b:1",
            "a:65536",
            "a:x",
            "a:1:2",
            "::1:7473",
            "::1",
            "[::1]",
            "[::1:7473",
            "::1]:7473",
            "[192.0.2.1]:7473",
            "[a]:1",
            "192.0.2.256:1",
            "192.0.2.01:1",
            "192.0.2:1",
            "7:80",
            "0x7f000001:1",
            "a..b:1",
            ".a:1",
            "a.:1",
            "-a:1",
            "a-:1",
            "a/b:1",
            "müller.example:1",
            "[fe80::1%]:1",
            "[fe80::1%a b]:1",
            "[fe80::1%0123456789abcdef]:1",
            "192.0.2.1%lo:1",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
        let label = "a".repeat(63);
        assert!(alloc::format!("{label}.{label}.{label}:1").parse::<HostPort>().is_ok());
        assert!(alloc::format!("{label}a:1").parse::<HostPort>().is_err());
        assert!(alloc::format!("{label}.{label}.{label}.{label}:1").parse::<HostPort>().is_err());
    }

    #[test]
    fn what_is_typed_has_the_usual_port_if_it_has_none() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1:7473"),
            ("host.example", "host.example:7473"),
            ("::1", "[::1]:7473"),
            ("[::1]", "[::1]:7473"),
            ("2001:db8::1", "[2001:db8::1]:7473"),
            ("1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:7473"),
            ("fe80::1%eth0", "[fe80::1%eth0]:7473"),
            ("a:1", "a:1"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("::", "[::1]:7473"),
            (" 192.0.2.1:1 ", "192.0.2.1:1"),
            ("host.example.", "host.example:7473"),
            ("Host.Example.:1", "host.example:1"),
        ] {
            let typed = HostPort::typed(text, PORT).map(|address| address.to_string());
            assert_eq!(typed.as_deref(), Ok(address), "{text}");
        }
    }

    #[test]
    fn whoever_is_wrong_is_told_what_is_right() {
        let instead = |error: NoAddress| error.instead.map(|address| address.to_string());
        for (text, meant) in [
            ("::1:7472", Some("[::1]:7472")),
            ("::1:0", Some("[::1]:7472")),
            ("1:2:3:4:5:6:7:8:9", Some("[1:2:3:4:5:6:7:8]:9")),
            ("fe80::1%lo:9", Some("[fe80::1%lo]:9")),
            (":::9", Some("[::]:9")),
            ("a:0", Some("a:7472")),
            ("a:70000", Some("a:7472")),
            ("a b", None),
            ("a..", None),
            (".", None),
        ] {
            assert_eq!(instead(HostPort::typed(text, 7472).expect_err(text)).as_deref(), meant, "{text}");
        }
        for (text, meant) in [
            ("::1:0", Some("[::1]:0")),
            ("::1", Some("[::1]:7472")),
            ("192.0.2.1", Some("192.0.2.1:7472")),
            ("localhost:0", Some("127.0.0.1:0")),
            ("localhost", Some("127.0.0.1:7472")),
            ("here", None),
            ("here:1", None),
        ] {
            assert_eq!(instead(HostPort::listening(text, 7472).expect_err(text)).as_deref(), meant, "{text}");
        }
        for text in ["[fe80::1%lo]:0", "127.0.0.1:0", "[::]:7473"] {
            assert_eq!(HostPort::listening(text, 7472).map(|address| address.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn only_what_can_be_nothing_else_is_a_computer_without_a_port() {
        let is_unmistakable = |text: &str| HostPort::typed(text, PORT).is_ok_and(|typed| typed.host.is_unmistakable());
        for computer in ["192.0.2.1", "::1", "[fe80::1%lo]", "localhost", "host.example", "a.b.org", "h.xn--p1ai"] {
            assert!(is_unmistakable(computer), "{computer}");
        }
        for title in ["tides", "v1.0", "Rust.101", "U.S.A", "Vol.2b", "Rust for all", "Rust", "1.2.3", "12"] {
            assert!(!is_unmistakable(title), "{title}");
        }
    }

    #[test]
    fn others_are_told_what_they_can_dial() {
        for (text, is_well) in [
            ("127.0.0.1:1", true),
            ("example.org:1", true),
            ("[2001:db8::1]:1", true),
            ("0.0.0.0:1", false),
            ("0.1.2.3:1", false),
            ("[::]:1", false),
            ("[::ffff:0.0.0.0]:1", false),
            ("224.0.0.1:1", false),
            ("[ff02::1]:1", false),
            ("255.255.255.255:1", false),
            ("[fe80::1%lo]:1", false),
        ] {
            let address: HostPort = text.parse().expect(text);
            assert_eq!(address.for_others().is_ok(), is_well, "{text}");
        }
        let told = ["0.0.0.0:1", "[fe80::1%lo]:1", "a:1", "A:1", "nowhere"].map(ToString::to_string);
        assert_eq!(for_others(&told), ["[fe80::1]:1", "a:1"]);
    }
}
