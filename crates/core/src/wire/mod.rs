//! Frames and entries, and their bytes (SPEC.md, "Frames"). Decoding borrows and allocates nothing.

pub mod address;
pub mod charter;
pub mod entry;
pub mod error;
pub mod family;
pub mod field;
pub mod frame;
pub mod meeting;
pub mod option;
mod options;
pub mod private;
mod purpose;
pub mod registry;
mod row;
pub mod session;

pub use frame::{Encoded, Frame, decode};
