//! Lectures in the simulator: a host, its guests, and everything that can go wrong between them.
//!
//! A *safety phase* with faults everywhere, then a *liveness phase* without: whoever is to be there must come back, and
//! hold what the host has said, once and in its order. The reference is a plain list of what the host was told to say.

mod cast;
mod checks;
mod lecture;
mod plan;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use self::lecture::Lecture;
pub use self::plan::Mix;
use crate::sim::Canary;

/// What one lecture has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How often each thing that should happen sometimes has happened.
    pub seen: BTreeMap<&'static str, u64>,
    /// For each guest, how its connection was as the last fault ended, and how much later it had everything, in
    /// milliseconds.
    pub lags: Vec<(&'static str, u64)>,
    /// What has happened, a line each.
    pub trace: String,
}

/// A lecture that broke a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that shows it again.
    pub seed: u64,
    /// What was broken.
    pub message: String,
    /// Where the trace is, if it could be written.
    pub trace: Option<PathBuf>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "seed {}: {}\n  again: TERTULIA_SEED={} cargo test", self.seed, self.message, self.seed)?;
        match &self.trace {
            Some(path) => write!(formatter, "\n  trace: {}", path.display()),
            None => Ok(()),
        }
    }
}

/// Plays the lecture that `seed` decides, with a bug planted or none.
///
/// # Errors
/// The first promise that was broken.
pub fn play(seed: u64, canary: Option<Canary>) -> Result<Report, Failure> {
    play_mix(seed, Mix::draw(seed), canary)
}

/// Plays a lecture of the given kind.
///
/// # Errors
/// The first promise that was broken.
pub fn play_mix(seed: u64, mix: Mix, canary: Option<Canary>) -> Result<Report, Failure> {
    let mut lecture = Lecture::new(seed, mix, canary);
    match catch_unwind(AssertUnwindSafe(|| lecture.play())) {
        Ok(()) => Ok(Report {
            seen: lecture.sim.seen().clone(),
            lags: lecture.lags.clone(),
            trace: lecture.sim.trace().to_string(),
        }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_string();
            let trace = canary.is_none().then(|| write_trace(seed, &message, lecture.sim.trace())).flatten();
            Err(Failure { seed, message, trace })
        }
    }
}

fn write_trace(seed: u64, message: &str, trace: &str) -> Option<PathBuf> {
    let path = std::env::temp_dir().join(format!("tertulia-star-seed-{seed}.trace"));
    std::fs::write(&path, format!("{trace}{message}\n")).ok()?;
    Some(path)
}

/// Plays lectures of the kind that `mix` makes of each of `seeds`, on all processors; reports in the order of the seeds, failures first.
#[must_use]
pub fn play_all(seeds: std::ops::Range<u64>, mix: fn(u64) -> Mix) -> (Vec<Failure>, Vec<Report>) {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 16) as u64;
    let mut results = std::thread::scope(|scope| {
        let spawn = |worker| {
            let seeds = seeds.clone().filter(move |seed| seed % workers == worker);
            // A thousand traces are not kept, only what they add up to.
            let untraced = |report| Report { trace: String::new(), ..report };
            let play = move |seed| (seed, play_mix(seed, mix(seed), None).map(untraced));
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
