//! What a registry has done since it started, in numbers. Nothing that it does depends on them.

/// How often what has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records taken that were not held.
    pub granted: u64,
    /// Records taken that were held, the same or newer.
    pub renewed: u64,
    /// Records gone since their publisher has withdrawn them.
    pub withdrawn: u64,
    /// Records gone with their publisher's goodbye.
    pub left: u64,
    /// Records gone since nobody has renewed them.
    pub expired: u64,
    /// Records gone to make room: their publisher was met nowhere.
    pub displaced: u64,
    /// Dial-backs begun.
    pub dialled: u64,
    /// Dial-backs that have met the publisher.
    pub met: u64,
    /// Dial-backs that are over without.
    pub missed: u64,
}

impl Counts {
    /// Records taken and not gone.
    pub(super) const fn held(&self) -> u64 {
        let gone = self.withdrawn.saturating_add(self.left).saturating_add(self.expired);
        self.granted.saturating_sub(gone.saturating_add(self.displaced))
    }

    /// Dial-backs begun and not over.
    pub(super) const fn open(&self) -> u64 {
        self.dialled.saturating_sub(self.met.saturating_add(self.missed))
    }
}

/// One more.
pub(super) const fn add(count: &mut u64) {
    *count = count.saturating_add(1);
}
