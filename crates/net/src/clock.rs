//! The two clocks that a machine is shown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tertulia_core::time::{Instant, Now};

/// A clock that goes on while the computer sleeps, as CLOCK_BOOTTIME does. It is put together from the runtime's clock
/// and the time slept, so that tests can move the former.
#[derive(Debug)]
pub(crate) struct Clock {
    start: tokio::time::Instant,
    base: Instant,
    slept_before: Duration,
    /// Milliseconds slept since the start, as far as known: never less than before.
    slept_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let base = Instant(millis(system::since_boot()));
        Self { start: tokio::time::Instant::now(), base, slept_before: system::slept(), slept_ms: AtomicU64::new(0) }
    }

    pub(crate) fn tick(&self) -> Instant {
        self.base.after(self.start.elapsed().saturating_add(self.slept()))
    }

    /// How long the computer has slept since the start.
    pub(crate) fn slept(&self) -> Duration {
        let slept_ms = millis(system::slept().saturating_sub(self.slept_before));
        Duration::from_millis(self.slept_ms.fetch_max(slept_ms, Ordering::Relaxed).max(slept_ms))
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

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
mod system {
    use rustix::time::{ClockId, Timespec, clock_gettime};
    use std::time::Duration;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    const BOOT: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const BOOT: ClockId = ClockId::Monotonic;

    pub(super) fn since_boot() -> Duration {
        read(BOOT)
    }

    /// How long the computer has slept, or less: the two clocks are not read at the same instant.
    pub(super) fn slept() -> Duration {
        let asleep_too = read(BOOT);
        asleep_too.saturating_sub(read(ClockId::Monotonic))
    }

    fn read(clock: ClockId) -> Duration {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
        Duration::new(u64::try_from(tv_sec).unwrap_or(0), u32::try_from(tv_nsec).unwrap_or(0))
    }
}

/// No clock is read here but the runtime's.
#[cfg(not(unix))]
mod system {
    use std::time::Duration;

    /// Any beginning will do.
    pub(super) const fn since_boot() -> Duration {
        Duration::from_secs(1)
    }

    pub(super) const fn slept() -> Duration {
        Duration::ZERO
    }
}

/// Wall clock: milliseconds since 1970 in UTC.
#[must_use]
pub fn unix_ms() -> u64 {
    millis(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
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
