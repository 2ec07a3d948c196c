//! What a link waits for, and until when.

use crate::time::Instant;

/// What a deadline is for, in the order in which those of one instant fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The reader is behind: told at once.
    Behind,
    Hello,
    Ping,
    Dead,
    Stall,
    Resume,
    Patience,
    Close,
    Age,
}

impl Timer {
    const ALL: [Self; 9] = [
        Self::Behind,
        Self::Hello,
        Self::Ping,
        Self::Dead,
        Self::Stall,
        Self::Resume,
        Self::Patience,
        Self::Close,
        Self::Age,
    ];

    /// Where it stands among all of them.
    #[expect(clippy::as_conversions, reason = "of an enum without values")]
    const fn place(self) -> usize {
        self as usize
    }
}

/// The end of time, which does not come.
const NEVER: Instant = Instant(u64::MAX);

/// A deadline for each, in no place but the link's own: each record moves some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timers([Instant; Timer::ALL.len()]);

impl Default for Timers {
    fn default() -> Self {
        Self([NEVER; Timer::ALL.len()])
    }
}

impl Timers {
    /// Fires `timer` at `deadline`, and at no other time.
    pub(super) fn arm(&mut self, timer: Timer, deadline: Instant) {
        self.0.get_mut(timer.place()).into_iter().for_each(|at| *at = deadline);
    }

    /// Forgets `timer`'s deadline, if it has one.
    pub(super) fn disarm(&mut self, timer: Timer) {
        self.arm(timer, NEVER);
    }

    /// Whether `timer` waits.
    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.deadline(timer).is_some()
    }

    /// When `timer` fires, if it waits.
    pub(super) fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer.place()).copied().filter(|at| *at < NEVER)
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().min().copied().filter(|at| *at < NEVER)
    }

    /// Takes out one timer whose deadline is reached: call until `None`.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let next = self.next().filter(|next| *next <= now)?;
        let timer = Timer::ALL.into_iter().find(|timer| self.deadline(*timer) == Some(next))?;
        self.disarm(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn each_fires_once_in_the_order_of_the_deadlines_and_then_of_the_timers() {
        let mut timers = Timers::default();
        // The last armed first, all of them at two instants.
        for (timer, at) in Timer::ALL.into_iter().rev().zip([3, 4].into_iter().cycle()) {
            timers.arm(timer, Instant(9));
            timers.arm(timer, Instant(at));
        }
        timers.disarm(Timer::Stall);
        assert!(!timers.is_armed(Timer::Stall) && timers.deadline(Timer::Close) == Some(Instant(4)));
        assert_eq!((timers.next(), timers.expire(Instant(2))), (Some(Instant(3)), None));
        let fired: Vec<Timer> = core::iter::from_fn(|| timers.expire(Instant(4))).collect();
        let (first, then) = (Timer::ALL.into_iter().step_by(2), Timer::ALL.into_iter().skip(1).step_by(2));
        assert!(first.filter(|timer| *timer != Timer::Stall).chain(then).eq(fired));
        assert_eq!((&timers, timers.next()), (&Timers::default(), None));
    }
}
