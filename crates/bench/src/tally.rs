//! Who has which message, when, and what is missing.

use std::time::Instant;

/// What was sent to so many, and who has it.
#[derive(Debug)]
pub(crate) struct Tally {
    guests: usize,
    /// When each message was sent.
    sent: Vec<Instant>,
    /// How many have each message.
    have: Vec<u32>,
    /// All below have come to everybody.
    complete: usize,
    deliveries: u64,
    /// How long each delivery took, in microseconds.
    took_us: Vec<u32>,
}

impl Tally {
    pub(crate) const fn new(guests: usize) -> Self {
        Self { guests, sent: Vec::new(), have: Vec::new(), complete: 0, deliveries: 0, took_us: Vec::new() }
    }

    /// The number of the next message, which goes out now.
    pub(crate) fn send(&mut self, now: Instant) -> usize {
        self.sent.push(now);
        self.have.push(0);
        self.sent.len() - 1
    }

    /// Somebody who waits for message `next` has received message `number`; what that one waits for then.
    pub(crate) fn receive(&mut self, next: usize, number: usize, now: Instant) -> usize {
        assert!(number >= next, "message {number} has come twice, or late");
        self.arrive(number, now);
        number + 1
    }

    /// Somebody has received message `number`, once, as whoever tells it says.
    pub(crate) fn arrive(&mut self, number: usize, now: Instant) {
        assert!(number < self.sent.len(), "message {number} was never sent");
        self.deliveries += 1;
        self.have[number] += 1;
        self.took_us.push(u32::try_from((now - self.sent[number]).as_micros()).unwrap_or(u32::MAX));
        while self.have.get(self.complete).is_some_and(|have| *have as usize == self.guests) {
            self.complete += 1;
        }
    }

    /// How many messages were sent, and have not come to everybody.
    pub(crate) const fn in_flight(&self) -> usize {
        self.sent.len() - self.complete
    }

    /// How many deliveries there were.
    pub(crate) const fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// How many deliveries are missing.
    pub(crate) const fn missing(&self) -> u64 {
        (self.sent.len() * self.guests) as u64 - self.deliveries
    }

    /// How long each delivery took since this was last asked.
    pub(crate) fn take_times(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.took_us)
    }

    /// What is missing now is given up: those who lack it wait for the next message.
    pub(crate) fn give_up(&mut self) {
        self.complete = self.sent.len();
    }
}
