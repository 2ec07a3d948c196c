//! How often nodes dial: within the table of limits, whatever they are told (SPEC DIAL-5, DIAL-6).

use std::collections::BTreeMap;
use std::time::Duration;

use tertulia_core::id::Key;
use tertulia_core::limits::{DIAL_BURST, DIAL_INTERVAL, TRY_BURST, TRY_INTERVAL};

/// Which node, and which of its runs.
pub(super) type Run = (usize, u32);

/// What is dialled because the user has typed it is not counted by a member: this many more at once, and so often.
const KNOCKS_AT_ONCE: u32 = 24;
const KNOCK_INTERVAL: Duration = Duration::from_millis(250);

/// When all that may be dialled at once may be dialled again, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Bucket(f64);

impl Bucket {
    /// Takes so many; whether they were there.
    pub(super) fn take(&mut self, count: usize, burst: u32, a_second: f64, now: u64) -> bool {
        let each = 1_000.0 / a_second;
        self.0 = self.0.max(now as f64) + count as f64 * each;
        self.0 <= now as f64 + f64::from(burst) * each + 1.0
    }
}

/// All dials of all nodes.
#[derive(Debug, Default)]
pub(super) struct Dials {
    of_all: BTreeMap<Run, Bucket>,
    /// Addresses at which nobody is.
    in_vain: BTreeMap<(Run, Key), Bucket>,
}

impl Dials {
    /// Counts a dial to `peer` at so many addresses, at `in_vain` of which there is nobody.
    ///
    /// # Panics
    /// If these are too many.
    pub(super) fn count(&mut self, run: Run, peer: Key, addresses: usize, in_vain: usize, now: u64) {
        let rate = 1.0 / DIAL_INTERVAL.as_secs_f64() + 1.0 / KNOCK_INTERVAL.as_secs_f64();
        let is_well = self.of_all.entry(run).or_default().take(addresses, DIAL_BURST + KNOCKS_AT_ONCE, rate, now);
        assert!(is_well, "node {} dials more than DIAL-6 allows", run.0);
        let tries = self.in_vain.entry((run, peer)).or_default();
        let is_well = tries.take(in_vain, TRY_BURST, 1.0 / TRY_INTERVAL.as_secs_f64(), now);
        assert!(is_well, "node {} tries where it has met nobody more often than DIAL-5 allows", run.0);
    }
}
