//! What a trace or a log file says came over which connection.

use std::path::Path;

use tertulia_core::log::record::Reader;
use tertulia_core::log::{Record, StreamId, entry_of};
use tertulia_core::trace::{Direction, LinkStep, Step, parse};
use tertulia_core::wire::Encoded;

/// The stream and number of an entry: its name, where nobody forks.
pub type Name = (StreamId, u64);

/// The entries that the dialling node which wrote the trace at `path` was sent, by link in order.
#[must_use]
pub fn received_by_link(path: &Path) -> Vec<Vec<Name>> {
    let trace = parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut links: Vec<(u64, Vec<Name>)> = Vec::new();
    let mut current = 0;
    for step in &trace.steps {
        match step {
            Step::Link(link, LinkStep::Up(_)) => {
                links.push((*link, Vec::new()));
                current = *link;
            }
            Step::Link(link, _) => current = *link,
            Step::Packet(packet) if packet.from == Direction::Responder && packet.name == "ENTRY" => {
                let frame = Encoded(packet.bytes().into());
                let entry = entry_of(&frame).unwrap().entry;
                let (_, entries) = links.iter_mut().find(|(link, _)| *link == current).unwrap();
                entries.push((StreamId::of(&entry), entry.number));
            }
            Step::Packet(_) | Step::Comment(_) => {}
        }
    }
    links.into_iter().map(|(_, entries)| entries).collect()
}

/// How many entries the log file at `path` holds.
#[must_use]
pub fn count_stored(path: &Path) -> usize {
    let mut reader = Reader::default();
    reader.take(&std::fs::read(path).unwrap());
    reader.end();
    let records = std::iter::from_fn(|| reader.read());
    records.filter(|record| matches!(record, Ok(Record::Entry(_) | Record::Held(_)))).count()
}
