//! What is typed ahead of a line that is handed back: the two were never meant as one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ConditionalEventHandler, Context, Event, EventContext, Helper, KeyCode, KeyEvent, Modifiers, Movement,
    RepeatCount, Result,
};

/// Nobody reads a line and goes on with it in so short a time: what is typed sooner was meant for an empty one.
const READING: Duration = Duration::from_millis(200);

/// Sees the first key after a line was handed back. If it came ahead, it takes the place of the line: as a completion,
/// since no other command of the editor leaves its cursor behind what it puts in the place of something else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ahead(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// When a line was handed back, until a key was seen.
    again: Option<Instant>,
    /// What takes its place.
    letter: Option<char>,
}

impl Ahead {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line is handed back now.
    pub(crate) fn again(&self) {
        self.state().again = Some(Instant::now());
    }
}

impl ConditionalEventHandler for Ahead {
    fn handle(&self, event: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        let mut state = self.state();
        state.again.take().filter(|again| again.elapsed() <= READING)?;
        let KeyEvent(key, modifiers) = event.get(0)?;
        let is_control = modifiers.contains(Modifiers::CTRL);
        // What ends a line comes as one or the other, as the terminal was when it was typed.
        if *key == KeyCode::Enter || (is_control && matches!(key, KeyCode::Char('J' | 'M'))) {
            return Some(Cmd::Kill(Movement::WholeBuffer));
        }
        // Whoever begins with an arrow or a deletion means the line that is there.
        let KeyCode::Char(letter) = key else { return None };
        if is_control || modifiers.contains(Modifiers::ALT) {
            return None;
        }
        state.letter = Some(*letter);
        Some(Cmd::Complete)
    }
}

impl Completer for Ahead {
    type Candidate = String;

    fn complete(&self, _: &str, _: usize, _: &Context<'_>) -> Result<(usize, Vec<String>)> {
        Ok((0, self.state().letter.take().map(String::from).into_iter().collect()))
    }
}

impl Hinter for Ahead {
    type Hint = String;
}

impl Highlighter for Ahead {}
impl Validator for Ahead {}
impl Helper for Ahead {}
