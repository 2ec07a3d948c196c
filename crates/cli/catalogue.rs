//! What registries show, as lines for people.

use std::net::SocketAddr;
use std::time::Duration;

use tertulia_core::charter::Admission;
use tertulia_core::event::Event;
use tertulia_core::wire::registry::Kind;
use tertulia_net::unix_ms;

use crate::escape;

/// The line for a meeting or a person; nothing for another event.
pub(crate) fn line(event: &Event) -> Option<String> {
    if let Event::Person { name, addresses, since_ms, .. } = event {
        let age = age(Duration::from_millis(unix_ms().saturating_sub(*since_ms)));
        return Some(format!("{}  {}  {age}", escape::line(name), addresses.first().map_or_else(String::new, text)));
    }
    let Event::Listing { number, kind, title, host, population, age_s, is_locked, admission, .. } = event else {
        return None;
    };
    let (title, host) = (escape::line(title), escape::line(host));
    let door = match admission {
        Admission::Open => "",
        Admission::Ticket => ", with a ticket",
        Admission::Lobby => ", through a lobby",
        Admission::TicketAndLobby => ", with a ticket, through a lobby",
    };
    let locked = if *is_locked { ", locked" } else { "" };
    let what = if *kind == Kind::Star { "lecture" } else { "room" };
    let age = age(Duration::from_secs(*age_s));
    Some(format!("{number:>3}  {title}: {what} of {host}, {population} there, {age}{door}{locked}"))
}

fn text(address: &SocketAddr) -> String {
    address.to_string()
}

/// How long something has been on, in its largest unit.
pub(crate) fn age(span: Duration) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let seconds = span.as_secs();
    let found = units.into_iter().find_map(|(unit, word)| {
        let count = seconds.checked_div(unit).filter(|count| *count > 0)?;
        Some(format!("for {count} {word}"))
    });
    found.unwrap_or_else(|| "just now".into())
}

/// What a registry says of this node; `does`: what it does if it can reach it.
pub(crate) fn published(registry: &str, does: &str, addresses: &[SocketAddr]) -> Result<String, String> {
    let registry = escape::line(registry);
    if addresses.is_empty() {
        return Err(format!(
            "the registry {registry} can't reach you, so nobody finds you there: open your port, or tell it another \
             way in: --announce HOST:PORT"
        ));
    }
    let addresses: Vec<String> = addresses.iter().map(text).collect();
    Ok(format!("the registry {registry} {does} at {}", addresses.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        for (seconds, told) in [
            (0, "just now"),
            (59, "just now"),
            (60, "for 1 min"),
            (7_199, "for 1 h"),
            (86_400, "for 1 d"),
            (200_000, "for 2 d"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), told);
        }
    }

    #[test]
    fn a_registry_that_reaches_nobody_says_what_to_do() {
        assert!(published("r:1", "lists you", &[]).unwrap_err().contains("--announce"));
        assert_eq!(
            published("r:1", "lists you", &["192.0.2.1:7473".parse().unwrap()]).unwrap(),
            "the registry r:1 lists you at 192.0.2.1:7473"
        );
    }
}
