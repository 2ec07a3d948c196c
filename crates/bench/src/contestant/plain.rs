//! Guests of protocols whose words can be told apart without a state.

use std::time::Instant;

use super::server::{Guest, Heard};

/// What bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Less than a word.
    Partial,
    /// A word of so many bytes that matters to nobody here.
    Other(usize),
    /// A word of so many bytes that lets the guest in.
    In(usize),
    /// A message: bytes of the word, and its number.
    Message(usize, usize),
    /// A word of so many bytes that wants an answer.
    Answer(usize, Vec<u8>),
}

/// A guest that says one thing, and then listens.
#[derive(Debug)]
pub(crate) struct Plain {
    first: Vec<u8>,
    read: fn(&[u8]) -> Word,
    /// What has come of a word that has not come whole.
    rest: Vec<u8>,
}

impl Plain {
    pub(crate) fn new(first: impl Into<Vec<u8>>, read: fn(&[u8]) -> Word) -> Self {
        Self { first: first.into(), read, rest: Vec::new() }
    }

    /// How many bytes of `input` were whole words.
    fn take(&self, input: &[u8], out: &mut Vec<u8>, heard: &mut Heard) -> usize {
        let mut taken = 0;
        loop {
            taken += match (self.read)(&input[taken..]) {
                Word::Partial => return taken,
                Word::Other(length) => length,
                Word::In(length) => {
                    heard.is_in = true;
                    length
                }
                Word::Message(length, number) => {
                    heard.messages.push(number);
                    length
                }
                Word::Answer(length, answer) => {
                    out.extend_from_slice(&answer);
                    length
                }
            };
        }
    }
}

impl Guest for Plain {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.first);
    }

    fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>, heard: &mut Heard) {
        if self.rest.is_empty() {
            let taken = self.take(bytes, out, heard);
            self.rest.extend_from_slice(&bytes[taken..]);
        } else {
            self.rest.extend_from_slice(bytes);
            let input = std::mem::take(&mut self.rest);
            let taken = self.take(&input, out, heard);
            self.rest.extend_from_slice(&input[taken..]);
        }
    }

    fn stay(&mut self, _now: Instant, _out: &mut Vec<u8>) -> Option<Instant> {
        None
    }
}

/// The line that `input` begins with, and its end; `None` before that has come.
pub(crate) fn line(input: &[u8]) -> Option<&[u8]> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some(&input[..=end])
}
