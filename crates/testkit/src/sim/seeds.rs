//! Many worlds, a seed each: played on all processors, and what broke in which.

use std::fmt::{Display, Formatter};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::Sim;

/// A world that broke a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that shows it again.
    pub seed: u64,
    /// What was broken.
    pub message: String,
    /// Where the trace is, if it was written.
    pub trace: Option<PathBuf>,
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "seed {}: {}\n  again: TERTULIA_SEED={} cargo test", self.seed, self.message, self.seed)?;
        match &self.trace {
            Some(path) => write!(formatter, "\n  trace: {}", path.display()),
            None => Ok(()),
        }
    }
}

/// Plays one world to its end. A trace of its failure is named after `kind`; of a planted bug none is kept.
pub(crate) fn attempt<W>(
    kind: &str,
    seed: u64,
    world: &mut W,
    play: impl FnOnce(&mut W),
    sim: impl FnOnce(&W) -> &Sim,
) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(|| play(world))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_string();
        let (sim, path) = (sim(world), std::env::temp_dir().join(format!("tertulia-{kind}-seed-{seed}.trace")));
        let text = format!("{}{message}\n", sim.trace());
        let is_written = sim.canary.is_none() && std::fs::write(&path, text).is_ok();
        Failure { seed, message, trace: is_written.then_some(path) }
    })
}

/// Plays the worlds of `seeds`, on all processors; reports in the order of the seeds, failures first.
#[must_use]
pub fn play_all<R: Send>(seeds: Range<u64>, play: impl Fn(u64) -> Result<R, Failure> + Sync) -> (Vec<Failure>, Vec<R>) {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 16) as u64;
    let mut results = std::thread::scope(|scope| {
        let spawn = |worker| {
            let (seeds, play) = (seeds.clone().filter(move |seed| seed % workers == worker), &play);
            scope.spawn(move || seeds.map(|seed| (seed, play(seed))).collect::<Vec<_>>())
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

/// Worlds that a fingerprint is of.
const FINGERPRINTED: usize = 64;

/// SHA-256 of a trace, in hexadecimal digits.
pub(crate) fn sum_of(trace: &str) -> String {
    Sha256::digest(trace).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 over the traces of the first worlds, or over their sums: a change that is to leave everything as it was leaves
/// this.
#[must_use]
pub fn fingerprint<'a>(traces: impl Iterator<Item = &'a str>) -> String {
    sum_of(&traces.take(FINGERPRINTED).collect::<String>())
}

/// The number that an environment variable has, if it is set.
///
/// # Panics
/// If it is set to anything else.
#[must_use]
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}
