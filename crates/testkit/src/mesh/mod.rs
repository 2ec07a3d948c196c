//! Rooms in the simulator: members who come, talk, leave and are cut off, and what must be true of them.
//!
//! First they come, and nothing goes wrong: three seconds after the last one every pair is linked. Then everything
//! goes wrong, and more come. Then nothing does any more: twenty seconds later all hold the same.

mod byzantine;
pub(crate) mod cast;
mod checks;
mod deed;
mod load;
mod plan;
mod room;
mod watch;

use std::collections::BTreeMap;

pub use self::deed::Deed;
pub use self::load::{Load, Traffic, carry};
pub use self::plan::Mix;
use self::room::Room;
use crate::sim::{self, Canary, Failure, attempt};

/// What one room has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How often each thing that should happen sometimes has happened.
    pub seen: BTreeMap<&'static str, u64>,
    /// How long after the last join every pair was linked, in milliseconds.
    pub linked_ms: u64,
    /// How long after the last fault all held the same, in milliseconds.
    pub complete_ms: u64,
    /// What has happened, a line each.
    pub trace: String,
}

/// Plays the room that `seed` decides, with a bug planted or none.
///
/// # Errors
/// The first promise that was broken.
pub fn play(seed: u64, canary: Option<Canary>) -> Result<Report, Failure> {
    play_mix(seed, Mix::draw(seed), canary)
}

/// Plays a room of the given kind.
///
/// # Errors
/// The first promise that was broken.
pub fn play_mix(seed: u64, mix: Mix, canary: Option<Canary>) -> Result<Report, Failure> {
    let mut room = Room::new(seed, mix, canary);
    attempt("mesh", seed, &mut room, Room::play, |room| &room.sim)?;
    Ok(Report {
        seen: room.sim.seen().clone(),
        linked_ms: room.linked_ms,
        complete_ms: room.complete_ms,
        trace: room.sim.trace().to_string(),
    })
}

/// Plays the rooms of `seeds`; reports with the sums of their traces in the order of the seeds, failures first.
#[must_use]
pub fn play_all(seeds: std::ops::Range<u64>) -> (Vec<Failure>, Vec<Report>) {
    sim::play_all(seeds, |seed| play(seed, None).map(|report| Report { trace: sim::sum_of(&report.trace), ..report }))
}
