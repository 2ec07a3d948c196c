//! Doors, and who stands before them (SPEC.md, "Joining"): the outside, which is one for all kinds of meetings.

mod newcomer;

pub(crate) use self::newcomer::{ENDINGS, Goal, Me, Newcomer, Progress, Wait, is_innocent};
