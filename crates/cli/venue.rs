//! Where a node listens, and what others dial.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, TcpListener, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;

use tertulia_core::address::{self, HostPort, NoAddress, PORT};
use tertulia_core::charter::Admission;
use tertulia_core::id::MeetingId;
use tertulia_core::identity::Identity;
use tertulia_core::limits;
use tertulia_core::registry::{ClientConfig, Reach};
use tertulia_core::wire::registry::Visibility;
use tertulia_net::{Home, listen, listen_everywhere, machine_addresses, machine_loopback};

use crate::directory::random;
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, Registries, customary};
use crate::screen::Screen;
use crate::words;

/// Ports that are tried from the default one on; then any.
const PORTS_TRIED: u16 = 64;

/// What decides where a node listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// Where the user or the settings want it, IP:PORT.
    pub(crate) listen: Option<&'a String>,
    /// What others are to dial.
    pub(crate) announce: Option<&'a String>,
    /// The port of the time before: others know it.
    pub(crate) kept: Option<u16>,
    /// Whether newcomers look for it at the usual port.
    pub(crate) is_host: bool,
}

/// What others come to.
#[derive(Debug)]
pub(crate) struct Place {
    /// What others dial who are told it by this user: loopback only where there is nothing else.
    pub(crate) addresses: Vec<String>,
    /// The same as programs tell it each other (SPEC ADDRESS-3): no names.
    pub(crate) told: Vec<SocketAddr>,
    /// What is dialled on this machine, if anything is.
    pub(crate) here: Option<String>,
    /// The port that is listened at.
    pub(crate) port: u16,
    /// The same, where the address in front of it is for others to see.
    pub(crate) seen: Option<u16>,
}

/// Listens where the user wants; else at the port of the time before, at the usual one, or at any. The screen is told
/// where.
///
/// # Errors
/// Nothing can be listened at, or nobody can dial what is announced.
pub(crate) fn open(wish: Wish<'_>, screen: &mut Screen, again: &str) -> Result<(TcpListener, Place), Fail> {
    check_announced(wish.announce, again)?;
    let listener = bind(wish, again)?;
    let address = listener.local_addr().map_err(|error| no_listener(&error.to_string(), again))?;
    screen.listen = Some(address);
    if let Some(message) = other_port(wish, address.port()) {
        screen.warning("port", &message);
    }
    let own = if wish.announce.is_some() && !wish.is_host { Vec::new() } else { own_addresses(address) };
    let announced = wish.announce.map(|announced| (announced, stands_for(announced)));
    if let Some((announced, sockets)) = &announced {
        tell_announced(announced, sockets, screen);
    }
    let addresses = dialable(address, wish.announce, &own);
    let mut told: Vec<SocketAddr> = announced.into_iter().flat_map(|(_, sockets)| sockets).chain(own).collect();
    if told.is_empty() && wish.announce.is_none() {
        told.extend(addresses.iter().filter_map(|address| address.parse::<SocketAddr>().ok()));
    }
    told.dedup();
    told.truncate(limits::ADDRESSES_MAX);
    let (ip, port) = (address.ip(), address.port());
    let itself = if ip.is_unspecified() { machine_loopback() } else { ip };
    let has_zone = matches!(address, SocketAddr::V6(address) if address.scope_id() != 0);
    let here = if has_zone { Some(address.to_string()) } else { loopback_at(itself, port) };
    let seen = (ip.is_unspecified() && wish.announce.is_none()).then_some(port);
    tracing::info!(%address, ?addresses, ?told, "listening");
    Ok((listener, Place { addresses, told, here, port, seen }))
}

fn loopback_at(ip: IpAddr, port: u16) -> Option<String> {
    ip.is_loopback().then(|| SocketAddr::new(ip, port).to_string())
}

impl Place {
    /// Where registries are told that this node is.
    pub(crate) fn reach(&self, visibility: Visibility) -> Reach {
        Reach { port: self.port, addresses: self.told.clone(), visibility }
    }
}

/// The listener: where it is wanted, else at the first port that is free.
///
/// # Errors
/// It can't listen where it is wanted, or nowhere.
pub(crate) fn bind(wish: Wish<'_>, again: &str) -> Result<TcpListener, Fail> {
    if let Some(wanted) = wish.listen {
        return listen_at(wanted, everywhere(PORT), &format!("{again} --listen"));
    }
    let usual = wish.is_host.then(|| PORT..PORT.saturating_add(PORTS_TRIED));
    let ports = wish.kept.into_iter().chain(usual.into_iter().flatten()).chain([0]);
    let mut tries = ports.map(listen_everywhere);
    tries.find_map(Result::ok).ok_or_else(|| no_listener("no port is free", again))
}

/// What others are to dial.
///
/// # Errors
/// It is no address, or one that others can't dial.
pub(crate) fn check_announced(announced: Option<&String>, again: &str) -> Result<(), Fail> {
    let Some(typed) = announced else { return Ok(()) };
    let (flaw, meant) = match typed.parse::<HostPort>() {
        Ok(address) => match address.for_others() {
            Ok(()) => return Ok(()),
            Err(flaw) => (flaw, Some(address)),
        },
        Err(NoAddress { flaw, instead }) => (flaw, instead.map(|meant| *meant)),
    };
    let message = format!("--announce takes the HOST:PORT that others dial, not `{typed}`: {}", words::flaw(flaw));
    let meant = meant.as_ref().map_or_else(|| format!("example.org:{PORT}"), seen_by_others);
    Err(Fail::usage(message, format!("{again} --announce {}", quoted(&meant))))
}

/// The address, or, if others can't dial it, that of this machine which they can.
fn seen_by_others(meant: &HostPort) -> String {
    if meant.for_others().is_ok() {
        return meant.to_string();
    }
    let is_six = matches!(meant.host, address::Host::V6(..));
    let own = machine_addresses();
    let ip = own.iter().find(|ip| ip.is_ipv6() == is_six).or(own.first()).copied().unwrap_or_else(machine_loopback);
    SocketAddr::new(ip, meant.port).to_string()
}

/// This port of all IPv4 addresses of this machine.
pub(crate) const fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

/// Where the user wants to listen; `usual`: what to propose; `before`: what is typed before the address.
///
/// # Errors
/// It is no IP:PORT.
pub(crate) fn listen_address(typed: &str, usual: SocketAddr, before: &str) -> Result<HostPort, Fail> {
    HostPort::listening(typed, usual.port()).map_err(|NoAddress { flaw, instead }| {
        let message = format!("can't listen at `{typed}`, expected IP:PORT: {}", words::flaw(flaw));
        // Whoever names an address is not sent to all of them.
        let meant = instead.map_or_else(|| usual.to_string(), |meant| meant.to_string());
        Fail::usage(message, format!("{before} {}", quoted(&meant)))
    })
}

/// A listener where it is wanted, and nowhere else.
///
/// # Errors
/// It can't listen there; the hint is where it can.
pub(crate) fn listen_at(wanted: &str, usual: SocketAddr, before: &str) -> Result<TcpListener, Fail> {
    let wanted = listen_address(wanted, usual, before)?;
    at(&wanted).map_err(|error| {
        let everywhere = if matches!(wanted.host, address::Host::V6(..)) { "[::]" } else { "0.0.0.0" };
        let nearby = HostPort { host: wanted.host.clone(), port: 0 }.to_string();
        let places = [nearby, format!("{everywhere}:{}", wanted.port), format!("{everywhere}:0"), "0.0.0.0:0".into()];
        let is_free = |place: &&String| HostPort::listening(place, usual.port()).is_ok_and(|place| at(&place).is_ok());
        let free = places.iter().find(is_free).map_or("0.0.0.0:0", String::as_str);
        let found = match (&wanted.host, error.kind()) {
            (_, io::ErrorKind::AddrNotAvailable) => "this machine has no such address".to_string(),
            // Nobody knows it: the system has not been asked for it.
            (address::Host::V6(_, Some(zone)), _) if error.raw_os_error().is_none() => {
                format!("this machine has no interface `{zone}`")
            }
            _ => error.to_string(),
        };
        Fail::failed("listen", format!("can't listen at {wanted}: {found}"), format!("{before} {}", quoted(free)))
    })
}

/// The system knows the zones of its interfaces.
fn at(place: &HostPort) -> io::Result<TcpListener> {
    let mut places = (place.host.to_string(), place.port).to_socket_addrs()?;
    places.next().map_or_else(|| Err(io::ErrorKind::AddrNotAvailable.into()), listen)
}

pub(crate) fn no_listener(found: &str, again: &str) -> Fail {
    Fail::failed("listen", format!("can't listen: {found}"), format!("{again} --listen 0.0.0.0:0"))
}

/// What to say where others look at another port than this.
fn other_port(wish: Wish<'_>, port: u16) -> Option<String> {
    if wish.listen.is_some() {
        return None;
    }
    match wish.kept {
        Some(kept) if kept == port => None,
        Some(kept) => Some(format!(
            "port {kept}, where others know you, is busy: from now on they dial {port}; give them the new ticket or address"
        )),
        None if !wish.is_host || port == PORT => None,
        None => Some(format!("port {PORT} is busy: others dial {port} this time, not {PORT}")),
    }
}

/// The addresses of this machine at which it listens, without loopback.
fn own_addresses(listening: SocketAddr) -> Vec<SocketAddr> {
    let fits = |ip: &IpAddr| listening.is_ipv6() || ip.is_ipv4();
    let own: Vec<IpAddr> = match listening.ip() {
        ip if ip.is_unspecified() => machine_addresses().into_iter().filter(fits).collect(),
        ip if ip.is_loopback() => Vec::new(),
        ip => vec![ip],
    };
    own.into_iter().map(|ip| SocketAddr::new(ip, listening.port())).collect()
}

/// What others can dial: what is announced, and the addresses of this machine; loopback, if there is nothing else.
fn dialable(listening: SocketAddr, announce: Option<&String>, own: &[SocketAddr]) -> Vec<String> {
    let mut addresses: Vec<String> = announce.cloned().into_iter().chain(own.iter().map(ToString::to_string)).collect();
    if addresses.is_empty() {
        let itself = if listening.ip().is_unspecified() { machine_loopback() } else { listening.ip() };
        addresses.push(SocketAddr::new(itself, listening.port()).to_string());
    }
    addresses.dedup();
    addresses.truncate(limits::ADDRESSES_MAX);
    addresses
}

/// The addresses of what is announced; a name server that does not answer soon is not waited for.
fn stands_for(announced: &str) -> Vec<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    let name = announced.to_string();
    thread::spawn(move || sender.send(name.to_socket_addrs().map(Iterator::collect).unwrap_or_default()));
    receiver.recv_timeout(limits::CONNECT_TIMEOUT).unwrap_or_default()
}

/// Says what becomes of a name that is announced.
fn tell_announced(announced: &str, sockets: &[SocketAddr], screen: &Screen) {
    let shown = escape::line(announced);
    if sockets.is_empty() {
        let message = format!(
            "{shown} stands for no address now: your ticket leads there, but others of the room, and registries, are told addresses and no names"
        );
        return screen.warning("announce", &message);
    }
    if sockets.iter().all(|socket| socket.port() < limits::TOLD_PORT_MIN) {
        let message = format!(
            "your ticket leads to {shown}, but on anybody else's word programs dial no port below {}: announce a higher one",
            limits::TOLD_PORT_MIN
        );
        screen.warning("announce", &message);
    }
    if announced.parse::<SocketAddr>().is_err() {
        let sockets: Vec<String> = sockets.iter().map(ToString::to_string).collect();
        screen.own(&format!("{shown} stands in your ticket; programs tell each other {}", sockets.join(", ")));
    }
}

/// Keeps the port at which a meeting is reached: whoever knows it finds the meeting there again.
pub(crate) fn keep_port(home: Option<&Home>, meeting: MeetingId, port: u16, screen: &Screen) {
    let kept = home.map(|home| home.meeting(meeting).and_then(|files| files.keep_port(port)));
    if let Some(Err(error)) = kept {
        screen.warning("home", &error.to_string());
    }
}

/// The registries that a host tells: with --lan, its own among them.
///
/// # Errors
/// What was chosen is no address, or no registry at all.
pub(crate) fn registries(lan: bool, globals: &Globals, home: &Home, again: &str) -> Result<Registries, Fail> {
    let mut registries = globals.registries(home)?;
    if lan && globals.no_registry {
        let message = "--lan makes this host a registry for its network, and --no-registry says that there is none";
        return Err(Fail::usage(message, format!("{again} --no-registry")));
    }
    if lan && !registries.is_default {
        registries.addresses.insert(0, customary().to_string());
        registries.addresses.truncate(limits::REGISTRIES_MAX);
    }
    Ok(registries)
}

/// Who tells registries of the meeting.
///
/// # Errors
/// The system gives no randomness.
pub(crate) fn publisher(
    identity: Identity,
    name: &str,
    registries: Vec<String>,
    reach: Reach,
    started_ms: u64,
) -> Result<ClientConfig, Fail> {
    let (name, seed) = (name.to_string(), random()?);
    Ok(ClientConfig { identity, name, registries, reach, started_ms, seed })
}

fn is_of_a_cable(address: &&String) -> bool {
    address.parse().is_ok_and(|address: SocketAddrV6| address.ip().is_unicast_link_local())
}

/// Says what others type to join, here and elsewhere.
pub(crate) fn invite(place: &Place, ticket: &str, admission: Admission, screen: &Screen) {
    let is_here = |address: &&String| address.parse().is_ok_and(|address: SocketAddr| address.ip().is_loopback());
    let (own, others): (Vec<&String>, Vec<&String>) = place.addresses.iter().partition(is_here);
    if place.seen.is_some() && others.is_empty() {
        screen.own("this machine is in no network: only who is on it can join");
    }
    screen.own(if admission.has_tickets() { "others join with:" } else { "others join with one of:" });
    // An address of one cable: each machine on it calls the cable otherwise.
    let (of_a_cable, others): (Vec<&String>, Vec<&String>) = others.into_iter().partition(is_of_a_cable);
    for address in of_a_cable {
        let named = address.replacen(']', "%eth0]", 1);
        screen.own(&format!("  on the same cable, with the name of their own interface: tertulia join '{named}'"));
    }
    if !admission.has_tickets() {
        others.iter().for_each(|address| screen.own(&format!("  tertulia join {}", quoted(address))));
        let here = own.first().copied().or(place.here.as_ref());
        here.into_iter()
            .for_each(|address| screen.own(&format!("  on this machine: tertulia join {}", quoted(address))));
    }
    screen.own(&format!("  tertulia join '{ticket}'"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Wish<'static> = Wish { listen: None, announce: None, kept: None, is_host: true };

    #[test]
    fn loopback_is_dialled_by_nobody_who_has_another_address() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let announced = "example.org:1".to_string();
        let dialable = |listening, announced| dialable(listening, announced, &own_addresses(listening));
        assert_eq!(dialable(at("127.0.0.1:7474"), None), ["127.0.0.1:7474"]);
        assert_eq!(dialable(at("127.0.0.1:7474"), Some(&announced)), ["example.org:1"]);
        assert_eq!(dialable(at("192.0.2.1:7474"), Some(&announced)), ["example.org:1", "192.0.2.1:7474"]);
        for any in ["0.0.0.0:7473", "[::]:7473"] {
            let addresses: Vec<SocketAddr> =
                dialable(at(any), None).iter().map(|address| address.parse().unwrap()).collect();
            let loopback = addresses.iter().filter(|address| address.ip().is_loopback()).count();
            assert!(!addresses.is_empty() && (loopback == 0 || addresses.len() == 1), "{addresses:?}");
            assert!(addresses.iter().all(|address| address.port() == 7473), "{addresses:?}");
        }
    }

    #[test]
    fn a_busy_port_leads_to_the_next_one_and_a_busy_wanted_one_to_an_error() {
        let first = bind(HOST, "").expect("some port is free");
        let second = bind(HOST, "").expect("another port is free");
        assert_ne!(first.local_addr().unwrap(), second.local_addr().unwrap());
        let taken = second.local_addr().unwrap();
        let wanted = taken.to_string();
        let fail = bind(Wish { listen: Some(&wanted), ..HOST }, "tertulia host T --lecture").expect_err("it is busy");
        assert!(fail.message.contains(&wanted) && fail.hint.contains("--listen"), "{fail:?}");
        let third = bind(Wish { kept: Some(taken.port()), ..HOST }, "").expect("another port is free");
        assert_ne!(third.local_addr().unwrap().port(), taken.port());
        drop(second);
        let again = bind(Wish { kept: Some(taken.port()), ..HOST }, "").expect("it is free");
        assert_eq!(again.local_addr().unwrap().port(), taken.port());
    }

    #[test]
    fn another_port_than_others_know_is_told() {
        let kept = Wish { kept: Some(7_480), ..HOST };
        assert_eq!(other_port(HOST, PORT), None);
        assert!(other_port(HOST, 7_474).unwrap().contains("others dial 7474"));
        assert_eq!(other_port(kept, 7_480), None);
        let told = other_port(kept, PORT).unwrap();
        assert!(told.contains("7480") && told.contains("7473") && told.contains("ticket"), "{told}");
        let wanted = "127.0.0.1:9000".to_string();
        assert_eq!(other_port(Wish { listen: Some(&wanted), ..kept }, 9_000), None);
        assert_eq!(other_port(Wish { is_host: false, ..HOST }, 40_000), None);
    }
}
