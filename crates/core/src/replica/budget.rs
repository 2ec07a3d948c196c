//! What may be fetched, and how fast (SPEC MESH-29, MESH-30). Keys are free, so what somebody writes is on the account of
//! whoever is answerable for all the keys that it has let in.

use alloc::collections::BTreeMap;

use crate::id::{Key, Source};
use crate::limits;
use crate::link::Bucket;
use crate::time::Instant;

/// Who is answerable for what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Account {
    /// The branch of this key, or this friend.
    Branch(Key),
    /// Whoever comes from there, and is in no branch.
    Source(Source),
}

/// Who pays for what is fetched of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payer {
    /// It is bounded in another way.
    Nobody,
    /// Its author's branch.
    Branch(Key),
    /// Nobody knows its author: whoever brings it.
    Bringer,
}

impl Payer {
    /// The account, where `bringer` brings it.
    pub(crate) const fn account(self, bringer: Account) -> Option<Account> {
        match self {
            Self::Nobody => None,
            Self::Branch(key) => Some(Account::Branch(key)),
            Self::Bringer => Some(bringer),
        }
    }
}

/// What each has used up lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    all: Bucket,
    /// Invariant: none of them is full.
    accounts: BTreeMap<Account, Bucket>,
}

impl Default for Budget {
    fn default() -> Self {
        let all = Bucket::new(limits::FETCHED_BYTE_RATE, limits::FETCHED_BYTE_BURST);
        Self { all, accounts: BTreeMap::new() }
    }
}

impl Budget {
    /// Something was fetched, or brought for nothing.
    pub(crate) fn charge(&mut self, account: Account, bytes: usize, now: Instant) {
        self.all.take(bytes, now);
        self.accounts.retain(|_, bucket| !bucket.is_full(now));
        let new = || Bucket::new(limits::BRANCH_BYTE_RATE, limits::BRANCH_BYTE_BURST);
        self.accounts.entry(account).or_insert_with(new).take(bytes, now);
    }

    /// When something may be fetched on this account.
    pub(crate) fn room_at(&self, account: Account) -> Instant {
        self.all.clear_at().max(self.own_room_at(account))
    }

    /// The same, as far as nobody else has used it up.
    pub(crate) fn own_room_at(&self, account: Account) -> Instant {
        self.accounts.get(&account).map_or(Instant(0), Bucket::clear_at)
    }

    /// How much has been used: who has used least comes first.
    pub(crate) fn used(&self, account: Account) -> Instant {
        self.accounts.get(&account).map_or(Instant(0), Bucket::full_at)
    }
}
