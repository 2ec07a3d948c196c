//! Lectures in the simulator: a host, its guests, and everything that can go wrong between them.
//!
//! A *safety phase* with faults everywhere, then a *liveness phase* without: whoever is to be there must come back, and
//! hold what the host has said, once and in its order. The reference is a plain list of what the host was told to say.

mod alarms;
mod cast;
mod checks;
mod lecture;
mod liar;
mod plan;

use std::collections::BTreeMap;

use self::lecture::Lecture;
pub use self::liar::Lie;
pub use self::plan::Mix;
use crate::sim::{self, Canary, Failure, attempt};

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
    attempt("star", seed, &mut lecture, Lecture::play, |lecture| &lecture.sim)?;
    Ok(Report { seen: lecture.sim.seen().clone(), lags: lecture.lags, trace: lecture.sim.trace().to_string() })
}

/// Plays lectures of the kind that `mix` makes of each of `seeds`; reports with the sums of their traces in the order of the seeds,
/// failures first.
#[must_use]
pub fn play_all(seeds: std::ops::Range<u64>, mix: fn(u64) -> Mix) -> (Vec<Failure>, Vec<Report>) {
    let untraced = |report: Report| Report { trace: sim::sum_of(&report.trace), ..report };
    sim::play_all(seeds, |seed| play_mix(seed, mix(seed), None).map(untraced))
}
