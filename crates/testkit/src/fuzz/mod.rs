//! What fuzz targets do with their bytes: `fuzz/` calls these functions, and so does the test that replays its corpus.

mod address;
mod frame;
mod handshake;
mod link;
mod log;
mod log_model;
mod plain;
pub mod seeds;
mod trace;

pub use self::address::address;
pub use self::frame::{frame, read};
pub use self::handshake::handshake;
pub use self::link::link;
pub use self::log::log;
pub use self::plain::Plain;
pub use self::trace::trace;
pub use crate::seats::seats;

/// A function that panics if its input shows a fault.
pub type Target = fn(&[u8]);

/// Every target, by the name that it has in `fuzz/`.
pub const TARGETS: [(&str, Target); 7] = [
    ("address", address),
    ("frame", frame),
    ("handshake", handshake),
    ("link", link),
    ("log", log),
    ("seats", seats),
    ("trace", trace),
];

/// The input of a structured target, read from its front: what has run out is zero, so every input is a whole one.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Up to `count` bytes.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// Which of `count` things is meant.
    fn index(&mut self, count: usize) -> usize {
        usize::from(self.u8()).checked_rem(count).unwrap_or(0)
    }

    /// What to do, 0 to 15, and how much of it, 0 to 15.
    fn step(&mut self) -> (u8, u8) {
        let step = self.u8();
        (step & 15, step >> 4)
    }
}
