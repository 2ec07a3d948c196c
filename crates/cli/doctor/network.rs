//! What others reach, and what is reached: addresses, the port of a host, registries.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tertulia_core::address::{PORT, Scope};
use tertulia_core::code::Code;
use tertulia_core::command::{Command, Directory};
use tertulia_core::event::{Event, Notice};
use tertulia_core::id::CommandId;
use tertulia_core::registry::{Client, ClientConfig, Reach};
use tertulia_core::wire::registry::Visibility;
use tertulia_net::{Config, Setup, listen, machine_addresses, start, unix_ms};
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::Check;
use crate::directory::{GOODBYE, answer, random, stranger};
use crate::fail::Fail;
use crate::globals::{Globals, Registries};
use crate::venue::{self, Wish};

/// All that is to be told of the network by `deadline`.
pub(super) fn checks(globals: &Globals, config: &Config, deadline: Instant) -> Vec<Check> {
    let again = format!("{} host TITLE", globals.program());
    let own = machine_addresses();
    let has_six = listen((Ipv6Addr::UNSPECIFIED, 0).into()).is_ok();
    let wish = Wish { listen: config.listen.as_ref(), announce: None, kept: None, is_host: true };
    let (listener, port) = match venue::bind(wish, &again) {
        Ok(listener) => {
            let at = listener.local_addr().ok();
            (Some(listener), port(config.listen.as_ref(), at))
        }
        Err(fail) => (None, Check::failed("port", fail)),
    };
    let mut checks = vec![addresses(&own, &again), ipv6(&own, has_six), port];
    match globals.registries_in(config) {
        Err(fail) => checks.push(Check::failed("registry", fail)),
        Ok(registries) if registries.addresses.is_empty() => checks.push(Check::ok(
            "registry",
            "none is used: others come with your ticket or address, and titles are not found",
        )),
        Ok(registries) => match ask(&registries, listener, globals.trace.clone(), deadline) {
            Ok(told) => checks.extend(told.iter().map(|one| registry(one, registries.is_default, &again))),
            Err(fail) => checks.push(Check::failed("registry", fail)),
        },
    }
    checks
}

/// Which addresses others may dial.
fn addresses(own: &[IpAddr], again: &str) -> Check {
    let from = |ip: &IpAddr| match Scope::of(*ip) {
        Scope::World => "from anywhere, unless a firewall is in the way",
        Scope::Site => "in your own network",
        Scope::Cable => "on the same cable",
        Scope::Machine => "on this machine",
    };
    let told: Vec<String> = own.iter().map(|ip| format!("{ip} ({})", from(ip))).collect();
    let message = format!("others dial this machine at {}", told.join(", "));
    if own.is_empty() {
        let message = "this machine is in no network: only who is on it can join";
        return Check::note("network", message, "connect it, and then: tertulia doctor");
    }
    let is_far = own.iter().any(|ip| Scope::of(*ip) == Scope::World);
    let forward = format!("for who is farther away, have a port forwarded here, and: {again} --announce HOST:PORT");
    Check { hint: (!is_far).then_some(forward), ..Check::ok("network", message) }
}

fn ipv6(own: &[IpAddr], has_six: bool) -> Check {
    Check::ok(
        "ipv6",
        match (has_six, own.iter().any(IpAddr::is_ipv6), own.iter().any(IpAddr::is_ipv4)) {
            (_, true, true) => "there are addresses of both families: whoever has one of them gets here",
            (_, true, false) => "there is IPv6, and no address of IPv4: only who has IPv6 gets here",
            (true, false, true) => "there is IPv6, but no address of it to be dialled: only who has IPv4 gets here",
            (false, false, true) => "the system has no IPv6: only who has IPv4 gets here",
            (true, false, false) => "there is IPv6, as far as this machine goes",
            (false, false, false) => "the system has no IPv6",
        },
    )
}

/// Where a host listens: `at` is what it gets.
fn port(wanted: Option<&String>, at: Option<SocketAddr>) -> Check {
    let found = at.map_or(PORT, |at| at.port());
    if wanted.is_some() || found == PORT {
        let at = at.map_or_else(String::new, |at| at.to_string());
        return Check::ok("port", format!("a host can listen at {at}"));
    }
    let who = holder(PORT).unwrap_or_else(|| "another program".into());
    let message =
        format!("port {PORT} is held by {who}: a host listens at {found} meanwhile, and others must be told so");
    Check::note("port", message, format!("to have {PORT}, end that program"))
}

/// Which program listens at `port`, where the system lets its user know.
#[cfg(target_os = "linux")]
fn holder(port: u16) -> Option<String> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(|table| std::fs::read_to_string(table).ok());
    let of_table = |table: String| table.lines().filter_map(|row| socket(row, port)).collect::<Vec<_>>();
    let sockets: Vec<PathBuf> = tables.flat_map(of_table).collect();
    let has_one = |process: &u32| {
        let files = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        files.into_iter().any(|file| std::fs::read_link(file.path()).is_ok_and(|file| sockets.contains(&file)))
    };
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let process = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(has_one)?;
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(format!("process {process} ({})", name.trim()))
}

/// Nothing tells it here.
#[cfg(not(target_os = "linux"))]
const fn holder(_: u16) -> Option<String> {
    None
}

/// What the system calls the socket of this row, if that listens at `port`.
#[cfg(target_os = "linux")]
fn socket(row: &str, port: u16) -> Option<PathBuf> {
    let mut words = row.split_whitespace().skip(1);
    let (_, at) = words.next()?.rsplit_once(':')?;
    let (state, inode) = (words.nth(1)?, words.nth(5)?);
    (u16::from_str_radix(at, 16) == Ok(port) && state == LISTENING).then(|| format!("socket:[{inode}]").into())
}

/// A state in the system's table of sockets.
#[cfg(target_os = "linux")]
const LISTENING: &str = "0A";

/// What has come of dialling back.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Back {
    /// Nobody was to be dialled.
    NotAsked,
    /// Nothing was said in time.
    NotYet,
    /// Where we were met: nowhere, perhaps.
    Met(Vec<SocketAddr>),
    /// It takes nothing of ours: why.
    Refused(Code, String),
}

/// What one registry has said.
#[derive(Clone, Debug)]
struct Told {
    registry: String,
    /// How long its answer took, or why there is none.
    answer: Result<Duration, String>,
    back: Back,
    port: u16,
}

/// Asks every registry whether it is there, and whether it can dial this machine.
fn ask(
    registries: &Registries,
    listener: Option<TcpListener>,
    trace: Option<PathBuf>,
    deadline: Instant,
) -> Result<Vec<Told>, Fail> {
    let port = listener.as_ref().and_then(|listener| listener.local_addr().ok()).map_or(0, |at| at.port());
    let addresses = &registries.addresses;
    crate::block_on(async {
        let mut asked = JoinSet::new();
        for (at, address) in addresses.iter().cloned().enumerate() {
            asked.spawn(async move { (at, reached(address, deadline).await) });
        }
        let (answers, mut backs) = tokio::join!(asked.join_all(), dialled_back(addresses, listener, trace, deadline));
        let mut answers: BTreeMap<usize, Result<Duration, String>> = answers.into_iter().collect();
        let told = addresses.iter().enumerate().map(|(at, registry)| Told {
            registry: registry.clone(),
            answer: answers.remove(&at).unwrap_or_else(|| Err("it was not asked".into())),
            back: match &mut backs {
                Ok(backs) => backs.remove(registry).unwrap_or(Back::NotYet),
                Err(_) => Back::NotAsked,
            },
            port,
        });
        Ok(told.collect())
    })
}

/// Letters and digits of a title are looked for, and here are none: nothing is listed (SPEC LIST-1).
const NOTHING: &str = "-";

/// How long one registry takes to answer.
async fn reached(registry: String, deadline: Instant) -> Result<Duration, String> {
    let (began, question) = (Instant::now(), Directory::List { words: NOTHING.into() });
    let name = registry.clone();
    let registries = Registries { addresses: vec![registry], is_default: false };
    let patience = deadline.saturating_duration_since(began);
    let answer = timeout_at(deadline.into(), answer(&[question], patience, &registries, None)).await;
    match answer {
        Ok(Ok(answer)) => answer.failure.map_or_else(|| Ok(began.elapsed()), |(_, message)| Err(message)),
        Ok(Err(fail)) => Err(fail.message),
        Err(_) => Err(format!("the registry {name} has said nothing in {} s", patience.as_secs())),
    }
}

/// Publishes somebody whom nobody knows, as a host publishes its meeting, until each registry has said where it has met
/// them.
async fn dialled_back(
    registries: &[String],
    listener: Option<TcpListener>,
    trace: Option<PathBuf>,
    deadline: Instant,
) -> Result<BTreeMap<String, Back>, Fail> {
    let failed = |error: String| Fail::failed("node", error, "try again");
    let listener = listener.ok_or_else(|| failed("nothing is listened at".into()))?;
    let port = listener.local_addr().map_err(|error| failed(error.to_string()))?.port();
    let (identity, started_ms) = (stranger()?, unix_ms());
    let client = Client::new(ClientConfig {
        identity: identity.clone(),
        name: "doctor".into(),
        registries: registries.to_vec(),
        // Without addresses it is dialled where it comes from, and nowhere else.
        reach: Reach { port, addresses: Vec::new(), visibility: Visibility::Unlisted },
        started_ms,
        seed: random()?,
    });
    let setup = Setup { identity, started_ms, listener: Some(listener), home: None, trace };
    let mut node = start(client, setup).map_err(|error| failed(error.to_string()))?;
    // A node that takes no command says that it is closed.
    let _ = node.commands.send((CommandId(1), Command::Directory(Directory::Register)));
    let mut backs = BTreeMap::new();
    while backs.len() < registries.len()
        && let Ok(Some(event)) = timeout_at(deadline.into(), node.events.recv()).await
    {
        backs.extend(back_of(event));
    }
    let _ = node.commands.send((CommandId(2), Command::Quit));
    // A registry that holds on to the connection is of no interest.
    let _ = timeout(GOODBYE, node.finished()).await;
    Ok(backs)
}

/// What a registry has said of whoever was published.
fn back_of(event: Event) -> Option<(String, Back)> {
    if let Event::Published { registry, addresses, .. } = event {
        return Some((registry, Back::Met(addresses)));
    }
    let Event::Warning(notice) = event else { return None };
    if let Notice::RegistryRefuses { registry, code, reason } = notice {
        return Some((registry, Back::Refused(code, reason)));
    }
    let Notice::RegistryAway { registry, .. } = notice else { return None };
    Some((registry, Back::NotYet))
}

fn registry(told: &Told, is_default: bool, again: &str) -> Check {
    const NAME: &str = "registry";
    let Told { registry, answer, back, port } = told;
    let took = match answer {
        Ok(took) => took.as_millis(),
        Err(_) if is_default => {
            let message = format!("none answers at {registry}: the first host of this machine is one");
            return Check::ok(NAME, message);
        }
        Err(why) => {
            let other = "another one, or none: tertulia config set registry HOST:PORT";
            return Check::wrong(NAME, why.as_str(), other);
        }
    };
    let answers = format!("{registry} answers in {took} ms");
    let announce = format!("{again} --announce HOST:PORT");
    match back {
        Back::Met(met) if met.is_empty() => {
            let message = format!("{answers}, but can't dial port {port} here: it shows nobody a meeting of yours");
            Check::note(NAME, message, format!("open the port, or name another way in: {announce}"))
        }
        Back::Met(met) => {
            let met: Vec<String> = met.iter().map(ToString::to_string).collect();
            let message = format!("{answers}, and has dialled back at {}", met.join(", "));
            // SPEC REGISTRY-15: else it would not have taken the record.
            Check::ok(NAME, format!("{message}; its clock is less than half a day from this machine's"))
        }
        Back::NotYet => {
            let message = format!(
                "{answers}, but has not got through to port {port} here in time: it shows nobody a meeting of yours"
            );
            Check::note(NAME, message, format!("open the port, or name another way in: {announce}"))
        }
        Back::NotAsked => Check::ok(NAME, format!("{answers}; whether it can dial back was not tried")),
        // SPEC REGISTRY-15: no key that is new has an older record.
        Back::Refused(Code::Stale, _) => {
            let message =
                format!("{answers}, but its clock is half a day or more from this machine's: one of the two is wrong");
            Check::wrong(NAME, message, "timedatectl set-ntp true")
        }
        Back::Refused(code, reason) => {
            let message = format!("{answers}, but takes nothing from here now ({code}: {reason})");
            Check::note(NAME, message, "another one: tertulia config set registry HOST:PORT")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn each_answer_of_a_registry_has_its_state_and_its_way_out() {
        let of = |answer: Result<Duration, String>, back, is_default| {
            registry(&Told { registry: "r:1".into(), answer, back, port: 7473 }, is_default, "tertulia host TITLE")
        };
        let quick = || Ok(Duration::from_millis(3));
        let met = Back::Met(vec![SocketAddr::from(([192, 0, 2, 1], 7473))]);
        assert_eq!(of(quick(), met, false).state, State::Ok);
        for back in [Back::Met(vec![]), Back::NotYet] {
            let note = of(quick(), back, false);
            assert!(note.state == State::Note && note.hint.is_some_and(|hint| hint.contains("--announce")));
        }
        assert_eq!(of(quick(), Back::Refused(Code::Stale, String::new()), false).state, State::Wrong);
        assert_eq!(of(quick(), Back::Refused(Code::Full, String::new()), false).state, State::Note);
        assert_eq!(of(quick(), Back::NotAsked, false).state, State::Ok);
        assert_eq!(of(Err("cut".into()), Back::NotYet, false).state, State::Wrong);
        assert_eq!(of(Err("cut".into()), Back::NotYet, true).state, State::Ok);
    }

    #[test]
    fn private_addresses_come_with_what_leads_farther() {
        let of =
            |ips: &[&str]| addresses(&ips.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<_>>(), "tertulia host T");
        assert_eq!(of(&[]).state, State::Note);
        assert!(of(&["192.168.1.5"]).hint.is_some_and(|hint| hint.contains("tertulia host T --announce")));
        assert_eq!(of(&["192.168.1.5", "2001:db8::5"]).hint, None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_holds_a_port_is_found() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = holder(port).expect("it is this process");
        assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
        drop(listener);
        assert_eq!(holder(port), None);
    }
}
