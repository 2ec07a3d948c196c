//! Who has a seat: core's fold against the pseudo-code of SPEC.md's chapter 11, on meetings drawn at random.

mod check;
mod draw;
mod laws;
mod model;

pub use check::{Report, play, play_all, seats};
pub use draw::{Meeting, draw};
pub use model::Model;

/// The pseudo-code that [`Model`] follows, as SPEC.md prints it.
pub const FOLD: &str = include_str!("fold.txt");
