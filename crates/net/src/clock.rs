//! The two clocks that a machine is shown.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, Timespec, clock_gettime};
use tertulia_core::time::{Instant, Now};

/// A clock that goes on while the computer sleeps. CLOCK_BOOTTIME alone would do; it is put together from the
/// runtime's clock and the time slept, so that tests can pause the former.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: tokio::time::Instant,
    base_ms: u64,
    slept_before: Duration,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let base_ms = u64::try_from(read(BOOT).as_millis()).unwrap_or(u64::MAX);
        Self { start: tokio::time::Instant::now(), base_ms, slept_before: slept() }
    }

    pub(crate) fn tick(&self) -> Instant {
        let slept = slept().saturating_sub(self.slept_before);
        Instant(self.base_ms).after(self.start.elapsed().saturating_add(slept))
    }

    pub(crate) fn now(&self) -> Now {
        Now { tick: self.tick(), unix_ms: unix_ms() }
    }

    /// When the runtime's clock will show `deadline`, if the computer does not sleep until then.
    pub(crate) fn runtime(&self, deadline: Instant) -> tokio::time::Instant {
        let now = tokio::time::Instant::now();
        // A deadline beyond all time is a year away: timers take no more.
        let wait = deadline.since(self.tick()).min(Duration::from_secs(31_536_000));
        now.checked_add(wait).unwrap_or(now)
    }
}

/// How long the computer has slept since it was started. Two readings of one computer differ by less than a
/// millisecond if it has not slept between them.
pub(crate) fn slept() -> Duration {
    let running = read(ClockId::Monotonic);
    let slept = read(BOOT).saturating_sub(running);
    Duration::from_millis(u64::try_from(slept.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT: ClockId = ClockId::Monotonic;

fn read(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    Duration::new(u64::try_from(tv_sec).unwrap_or(0), u32::try_from(tv_nsec).unwrap_or(0))
}

/// Wall clock: milliseconds since 1970 in UTC.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_the_runtime_and_starts_at_boot_time() {
        let clock = Clock::new();
        let before = clock.tick();
        assert!(before.0 >= 1);
        tokio::time::advance(Duration::from_secs(7)).await;
        let passed = clock.tick().since(before);
        assert!((7_000..7_010).contains(&passed.as_millis()), "{passed:?}");
        let ahead = clock.runtime(clock.tick().after(Duration::from_secs(3))) - tokio::time::Instant::now();
        assert!((2_990..=3_000).contains(&ahead.as_millis()), "{ahead:?}");
    }
}
