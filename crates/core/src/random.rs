//! Randomness as an argument: a stream of bytes that a seed of 32 bytes decides.

use core::time::Duration;

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::limits;

/// The only source of randomness of a machine or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random(ChaCha20Rng);

impl Random {
    /// The stream that grows from `seed`: as secret as the seed is.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// How long to wait before the next try after so many failures, at most `longest`: any time up to twice as long as
    /// before (SPEC DIAL-2: full jitter).
    pub fn backoff(&mut self, failures: u32, longest: Duration) -> Duration {
        let doubled = limits::BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(failures.min(16)));
        let longest = u64::try_from(doubled.min(longest).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.below(longest.saturating_add(1)))
    }

    /// A number below `bound`; 0 if `bound` is. The bias is below 2^-32 for every bound used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }
}
