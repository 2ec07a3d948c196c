//! What is new, on its way to a screen that draws it.

use tertulia_core::event::Event;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// This program tells.
    Plain,
    /// It should be known.
    Caution,
    /// Something went wrong.
    Alarm,
}

/// Something new: an event, and its words for people, where it has some.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// What has happened; `None`: words alone.
    pub(crate) event: Option<Box<Event>>,
    /// In words.
    pub(crate) words: Option<String>,
    /// How much the words matter.
    pub(crate) tone: Tone,
    /// What calls the user, who may look elsewhere.
    pub(crate) call: Option<String>,
    /// When, milliseconds since 1970 in UTC.
    pub(crate) at_ms: u64,
    /// An earlier run has shown it.
    pub(crate) is_earlier: bool,
    /// A ticket, whose code is shown where there is a place for it.
    pub(crate) invitation: Option<String>,
}

impl Update {
    /// An event without words.
    pub(crate) fn event(event: Event, at_ms: u64) -> Self {
        let event = Some(Box::new(event));
        Self { event, words: None, tone: Tone::Plain, call: None, at_ms, is_earlier: false, invitation: None }
    }

    /// Words alone, of now.
    pub(crate) fn words(words: &str, tone: Tone) -> Self {
        let at_ms = tertulia_net::unix_ms();
        Self { event: None, words: Some(words.into()), tone, call: None, at_ms, is_earlier: false, invitation: None }
    }
}
