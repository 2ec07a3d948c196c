//! Rooms in the simulator: members who come, talk, leave and are cut off, and what must be true of them.
//!
//! First they come, and nothing goes wrong: three seconds after the last one every pair is linked. Then everything
//! goes wrong, and more come. Then nothing does any more: twenty seconds later all hold the same.

mod cast;
mod checks;
mod plan;
mod room;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

pub use self::plan::Mix;
use self::room::Room;
use crate::sim::Canary;
use crate::star::Failure;

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
    match catch_unwind(AssertUnwindSafe(|| room.play())) {
        Ok(()) => Ok(Report {
            seen: room.sim.seen().clone(),
            linked_ms: room.linked_ms,
            complete_ms: room.complete_ms,
            trace: room.sim.trace().to_string(),
        }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_string();
            let trace = canary.is_none().then(|| write_trace(seed, &message, room.sim.trace())).flatten();
            Err(Failure { seed, message, trace })
        }
    }
}

fn write_trace(seed: u64, message: &str, trace: &str) -> Option<PathBuf> {
    let path = std::env::temp_dir().join(format!("tertulia-mesh-seed-{seed}.trace"));
    std::fs::write(&path, format!("{trace}{message}\n")).ok()?;
    Some(path)
}

/// Plays the rooms of `seeds` on all processors; reports in the order of the seeds, failures first.
#[must_use]
pub fn play_all(seeds: std::ops::Range<u64>) -> (Vec<Failure>, Vec<Report>) {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 16) as u64;
    let mut results = std::thread::scope(|scope| {
        let spawn = |worker| {
            let seeds = seeds.clone().filter(move |seed| seed % workers == worker);
            // A thousand traces are not kept, only what they add up to.
            let play = |seed| (seed, play(seed, None).map(|report| Report { trace: String::new(), ..report }));
            scope.spawn(move || seeds.map(play).collect::<Vec<_>>())
        };
        let workers: Vec<_> = (0..workers).map(spawn).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("panics are caught")).collect::<Vec<_>>()
    });
    results.sort_by_key(|(seed, _)| *seed);
    let (mut failures, mut reports) = (Vec::new(), Vec::new());
    for (_, result) in results {
        match result {
            Ok(report) => reports.push(report),
            Err(failure) => failures.push(failure),
        }
    }
    (failures, reports)
}
