//! Passes: who has let whom in, from the founder down (SPEC.md, "Pass").

use alloc::vec::Vec;

use crate::charter::SignedCharter;
use crate::id::{Key, MeetingId};
use crate::identity::{Domain, Identity};
use crate::limits;
use crate::wire::field::{Field as _, List, decode_all, encode_items};
use crate::wire::option::{self, Manner, Options, OptionsBuffer, Pass};

/// The passes by which somebody has come in, from the founder's down to its own; none of the founder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain(Vec<Pass>);

impl Chain {
    /// What somebody shows, whether it holds or not.
    #[must_use]
    pub fn shown(passes: List<'_, Pass, { limits::PASSES_MAX }>) -> Self {
        Self(passes.iter().collect())
    }

    /// What an earlier run has kept; empty if that is no chain.
    #[must_use]
    pub fn restore(bytes: &[u8]) -> Self {
        decode_all(bytes).map(Self::shown).unwrap_or_default()
    }

    /// As it stands in WELCOME, and on the disk.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.with_list(|list| list.encode(&mut out));
        out
    }

    /// Shows it in JOIN or WELCOME (SPEC PASS-1).
    pub fn show(&self, options: &mut OptionsBuffer) {
        if !self.is_empty() {
            self.with_list(|list| options.set(&option::CHAIN, &list));
        }
    }

    /// What JOIN or WELCOME shows, whether it holds or not.
    #[must_use]
    pub fn of(options: &Options<'_>) -> Self {
        options.find::<List<'_, Pass, { limits::PASSES_MAX }>>(&option::CHAIN).map(Self::shown).unwrap_or_default()
    }

    /// Does something with the chain as frames carry it.
    pub fn with_list<T>(&self, f: impl FnOnce(List<'_, Pass, { limits::PASSES_MAX }>) -> T) -> T {
        let (count, items) = encode_items(self.0.iter().copied(), limits::PASSES_MAX);
        f(List::over(count, &items))
    }

    /// Whether it lets `key` in, if every signer's word counts (SPEC PASS-2).
    #[must_use]
    pub fn holds(&self, key: &Key, charter: &SignedCharter, us: &Identity) -> bool {
        let first = self.0.first().map_or(*key, |pass| pass.signer);
        first == charter.founder
            && self.is_empty() == (*key == charter.founder)
            && self
                .0
                .iter()
                .zip(self.subjects(*key))
                .all(|(pass, subject)| is_signed(pass, charter.meeting, &subject, us))
    }

    /// The passes, from the founder's down.
    #[must_use]
    pub fn passes(&self) -> &[Pass] {
        &self.0
    }

    /// Whom each pass lets in, the last of them `key`.
    pub(crate) fn subjects(&self, key: Key) -> impl Iterator<Item = Key> {
        self.0.iter().skip(1).map(|pass| pass.signer).chain([key])
    }

    /// Of those by whom `key` has come in, itself among them, who stands first below the last host; nobody above the founder.
    pub(crate) fn branch(&self, key: Key, is_host: impl Fn(&Key) -> bool) -> Option<Key> {
        let hosts = self.0.iter().zip(self.subjects(key)).filter(|(pass, _)| is_host(&pass.signer));
        hosts.last().map(|(_, subject)| subject)
    }

    /// Whether `key` has let in whoever has this chain, or somebody on the way.
    pub(crate) fn is_by(&self, key: &Key) -> bool {
        self.0.iter().any(|pass| pass.signer == *key)
    }

    /// The lamport time above which talk is served to whoever has this chain (SPEC PASS-3).
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.0.iter().map(|pass| pass.floor).max().unwrap_or(0)
    }

    /// Whether whoever has this chain can let nobody in (SPEC PASS-4).
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.0.len() >= limits::PASSES_MAX
    }

    /// How many passes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none: it is the founder's, or nobody's.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The chain of `subject`, whom the owner of this one lets in and serves talk above `floor`.
    #[must_use]
    pub fn and(&self, subject: Key, floor: u64, manner: Manner, meeting: MeetingId, us: &Identity) -> Self {
        let parts: [&[u8]; 4] = [&meeting.0, &subject.0, &floor.to_be_bytes(), &[manner.number()]];
        let pass = Pass { signer: us.key(), floor, manner, signature: us.sign(Domain::Pass, &parts) };
        Self(self.0.iter().copied().chain([pass]).collect())
    }
}

fn is_signed(pass: &Pass, meeting: MeetingId, subject: &Key, us: &Identity) -> bool {
    let parts: [&[u8]; 4] = [&meeting.0, &subject.0, &pass.floor.to_be_bytes(), &[pass.manner.number()]];
    us.verify(&pass.signer, Domain::Pass, &parts, &pass.signature)
}
