//! The life of a link (SPEC.md, "States of a link").

/// Where a link is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The other side's HELLO has not come.
    Opening,
    /// Frames flow.
    Open,
    /// BYE is owed, and what goes before it.
    Closing,
    /// Nothing more is sent or read.
    Closed,
}

/// What moves a link from state to state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A HELLO that holds.
    Hello,
    /// This side closes, or the other has broken a rule.
    Close,
    /// BYE is written.
    ByeWritten,
    /// The other side's BYE, the end of its stream, or the end of patience.
    Lost,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Opening, Self::Open, Self::Closing, Self::Closed];

    /// The state after `trigger`; `None` if it changes nothing here.
    #[must_use]
    pub const fn on(self, trigger: Trigger) -> Option<Self> {
        match (self, trigger) {
            (Self::Opening, Trigger::Hello) => Some(Self::Open),
            (Self::Opening | Self::Open, Trigger::Close) => Some(Self::Closing),
            (Self::Closing, Trigger::ByeWritten) | (Self::Opening | Self::Open | Self::Closing, Trigger::Lost) => {
                Some(Self::Closed)
            }
            (Self::Opening | Self::Open, Trigger::ByeWritten)
            | (Self::Open, Trigger::Hello)
            | (Self::Closing, Trigger::Hello | Trigger::Close)
            | (Self::Closed, _) => None,
        }
    }
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Self; 4] = [Self::Hello, Self::Close, Self::ByeWritten, Self::Lost];
}
