//! Who fans out: a file each.

pub(crate) mod floor;
mod mosquitto;
mod nats;
mod ngircd;
pub(crate) mod ours;
mod plain;
mod redis;
pub(crate) mod server;
mod tls;

use server::Contestant;

const OWN: [Contestant; 3] = [ours::OURS, floor::BARE, floor::SEALED];
const OTHERS: [Contestant; 8] =
    [redis::PLAIN, redis::TLS, nats::PLAIN, nats::TLS, mosquitto::PLAIN, mosquitto::TLS, ngircd::PLAIN, ngircd::TLS];

/// Ours, what nobody can go below, and with `peers` those whom others would use, as far as they are here; or, if any are
/// named, `only` these.
pub(crate) fn all(peers: bool, only: &[String]) -> Vec<Contestant> {
    let is_chosen = |one: &Contestant| match only {
        [] => peers || one.programs.is_empty(),
        only => only.iter().any(|name| name == one.name),
    };
    let mut chosen: Vec<Contestant> = OWN.into_iter().chain(OTHERS).filter(is_chosen).collect();
    chosen.extend([floor::LOSSY].into_iter().filter(|one| only.iter().any(|name| name == one.name)));
    for name in only {
        let names = || OWN.iter().chain(&OTHERS).map(|one| one.name).collect::<Vec<_>>().join(", ");
        assert!(chosen.iter().any(|one| one.name == name), "nobody is called {name}; there are {}", names());
    }
    chosen.retain(|one| {
        let missing: Vec<&str> = one.programs.iter().copied().filter(|program| !is_here(program)).collect();
        if !missing.is_empty() {
            eprintln!("{} is left out: there is no {} on the PATH", one.name, missing.join(", no "));
        }
        missing.is_empty()
    });
    chosen
}

/// Whether there is such a program.
fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
