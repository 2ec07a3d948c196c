//! What somebody does who keeps to no rule.

/// One way of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It never says who it is.
    Listens,
    /// It says that it is gone, and stays.
    LeavesAndStays,
    /// It signs two versions of one line.
    SignsTwice,
    /// It lets in keys of its own, one by the other.
    MakesSpares,
    /// It passes on what keys say of themselves that never come, and names them in LINKS.
    NamesGhosts,
    /// It writes acts.
    Rules,
    /// It passes on again what others have said before.
    Replays,
    /// It was shown out, and comes again, and so do keys of its own.
    ComesAgain,
    /// It tells of what nobody has.
    ClaimsMuch,
    /// It answers whoever asks, with nothing.
    Withholds,
    /// It writes at once more than may be fetched of a branch (SPEC MESH-30): too much for every tenth room.
    Fills,
}

impl Deed {
    pub(super) const ALL: [Self; 10] = [
        Self::Listens,
        Self::LeavesAndStays,
        Self::SignsTwice,
        Self::MakesSpares,
        Self::NamesGhosts,
        Self::Rules,
        Self::Replays,
        Self::ComesAgain,
        Self::ClaimsMuch,
        Self::Withholds,
    ];

    /// A word for it, among what happens sometimes.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Listens => "byzantine_listens",
            Self::LeavesAndStays => "byzantine_leaves_and_stays",
            Self::SignsTwice => "byzantine_signs_twice",
            Self::MakesSpares => "byzantine_makes_spares",
            Self::NamesGhosts => "byzantine_names_ghosts",
            Self::Rules => "byzantine_rules",
            Self::Replays => "byzantine_replays",
            Self::ComesAgain => "byzantine_comes_again",
            Self::ClaimsMuch => "byzantine_claims_much",
            Self::Withholds => "byzantine_withholds",
            Self::Fills => "byzantine_fills",
        }
    }

    /// How many keys it lets in that are its own.
    pub(super) const fn spares(self) -> usize {
        match self {
            Self::MakesSpares | Self::ComesAgain => 2,
            _ => 0,
        }
    }
}
