//! What is being typed: several lines, history, and the rest of words; no key loses what was typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Style;
use ratatui::widgets::Widget;
use ratatui_textarea::{CursorMove, TextArea, WrapMode};
use unicode_width::UnicodeWidthStr as _;

use super::wrap;

/// Texts that the arrow key brings back.
const HISTORY_MAX: usize = 1_000;
/// More lines than this are sent after a question.
const LINES_UNASKED: usize = 10;

/// What a key asks for that is not the editor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Nothing.
    None,
    /// A text is finished.
    Send(String),
    /// What was typed is gone, by Ctrl-C.
    Cleared,
    /// Ctrl-C on nothing.
    Interrupt,
    /// No more will be typed.
    End,
    /// Look further up by a window, or down.
    Scroll(bool),
    /// Give the terminal back for a while.
    Suspend,
    /// Draw everything again.
    Redraw,
    /// Show the keys, or not.
    Help,
    /// Show who is here, or not.
    People,
    /// Copy the ticket.
    Copy,
    /// Leave the mouse to the terminal, or not.
    Mouse,
}

/// What the user is told of that.
const DOUBT: &str = "some of it is no UTF-8 and was left out: mend it";

/// A text that is being typed, and those before it.
#[derive(Debug)]
pub(crate) struct Editor {
    area: TextArea<'static>,
    history: Vec<String>,
    /// Which of these is shown, and what was being typed.
    recalled: Option<(usize, String)>,
    /// A long text has been asked about.
    is_sure: bool,
    /// Some of what was typed is no UTF-8, and is not there.
    is_doubtful: bool,
    hint: Option<String>,
}

fn area_of(text: &str) -> TextArea<'static> {
    let mut area = TextArea::new(text.split('\n').map(String::from).collect());
    area.set_cursor_line_style(Style::new());
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.move_cursor(CursorMove::Bottom);
    area.move_cursor(CursorMove::End);
    area
}

impl Default for Editor {
    fn default() -> Self {
        Self { area: area_of(""), history: Vec::new(), recalled: None, is_sure: false, is_doubtful: false, hint: None }
    }
}

impl Editor {
    /// What is typed.
    pub(crate) fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether nothing is typed.
    pub(crate) fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// What the user should know of it.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// How many rows it needs in this width.
    pub(crate) fn rows(&self, width: u16) -> usize {
        // The cursor stands behind the last letter.
        wrap::rows(&format!("{} ", self.text()), usize::from(width)).len()
    }

    pub(crate) fn widget(&self) -> impl Widget + '_ {
        &self.area
    }

    fn put(&mut self, text: &str) {
        // Another text.
        self.is_doubtful = false;
        self.area = area_of(text);
    }

    /// A text was sent, or refused: the arrow key brings it back.
    pub(crate) fn remember(&mut self, text: String) {
        if self.history.last() != Some(&text) {
            self.history.push(text);
        }
        if self.history.len() > HISTORY_MAX {
            self.history.remove(0);
        }
    }

    /// There is no place for a text yet: it is there again, unless something else is being typed.
    pub(crate) fn hand_back(&mut self, text: &str) {
        if self.area.is_empty() {
            self.put(text);
        }
    }

    /// Something was typed that is no UTF-8: the rest is not sent before its user has seen that.
    pub(crate) fn doubt(&mut self) {
        self.is_doubtful = true;
        self.hint = Some(DOUBT.into());
    }

    /// A text is put in where the cursor is.
    pub(crate) fn paste(&mut self, text: &str) {
        // Terminals send line ends as Enter does.
        self.area.insert_str(text.replace("\r\n", "\n").replace('\r', "\n"));
        (self.is_sure, self.hint) = (false, None);
    }

    /// A key; `words`: what the one before the cursor may become.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other keys are the text's")]
    pub(crate) fn key(&mut self, key: KeyEvent, words: impl Fn(&str, bool) -> Vec<String>) -> Act {
        self.hint = self.is_doubtful.then(|| DOUBT.into());
        let was_sure = std::mem::take(&mut self.is_sure);
        let is = |modifier| key.modifiers.contains(modifier);
        let (ctrl, alt) = (is(KeyModifiers::CONTROL), is(KeyModifiers::ALT));
        match key.code {
            KeyCode::Enter if alt || is(KeyModifiers::SHIFT) => self.area.insert_newline(),
            KeyCode::Enter => return self.finish(was_sure),
            KeyCode::Char('j') if ctrl => self.area.insert_newline(),
            KeyCode::Char('c') if ctrl && self.area.is_empty() => return Act::Interrupt,
            KeyCode::Char('c') if ctrl => {
                let text = self.text();
                self.remember(text);
                self.put("");
                self.recalled = None;
                self.hint = None;
                return Act::Cleared;
            }
            KeyCode::Char('d') if ctrl && self.area.is_empty() => return Act::End,
            KeyCode::Char('l') if ctrl => return Act::Redraw,
            KeyCode::Char('z') if ctrl => return Act::Suspend,
            KeyCode::Char('u') if ctrl => _ = self.area.delete_line_by_head(),
            KeyCode::Char('_' | '/' | '7') if ctrl => _ = self.area.undo(),
            KeyCode::F(1) => return Act::Help,
            KeyCode::F(2) => return Act::People,
            KeyCode::F(3) => return Act::Copy,
            KeyCode::F(4) => return Act::Mouse,
            KeyCode::PageUp => return Act::Scroll(true),
            KeyCode::PageDown => return Act::Scroll(false),
            KeyCode::Up if self.area.cursor().0 == 0 => self.recall(true),
            KeyCode::Down if self.area.cursor().0.saturating_add(1) >= self.area.lines().len() => self.recall(false),
            KeyCode::Tab => self.complete(words),
            _ => _ = self.area.input(key),
        }
        Act::None
    }

    fn finish(&mut self, is_sure: bool) -> Act {
        self.hint = None;
        if std::mem::take(&mut self.is_doubtful) {
            self.hint = Some(format!("{DOUBT}, or Enter again sends the rest"));
            return Act::None;
        }
        let text = self.text();
        let lines = self.area.lines().len();
        if lines > LINES_UNASKED && !is_sure {
            self.is_sure = true;
            self.hint = Some(format!("{lines} lines: Enter again sends them as one text, Ctrl-C clears"));
            return Act::None;
        }
        self.put("");
        self.recalled = None;
        if text.trim().is_empty() { Act::None } else { Act::Send(text) }
    }

    /// Brings back what was typed before, or what was being typed.
    fn recall(&mut self, is_older: bool) {
        let at = self.recalled.as_ref().map_or(self.history.len(), |(at, _)| *at);
        let next = if is_older { at.checked_sub(1) } else { at.checked_add(1) };
        let Some(next) = next.filter(|next| *next <= self.history.len()) else { return };
        let now = self.text();
        let text = self.history.get(next).cloned();
        let draft = match self.recalled.take() {
            None => now,
            Some((_, draft)) => {
                // What was brought back and changed is not lost either.
                if self.history.get(at) != Some(&now) && !now.trim().is_empty() {
                    self.remember(now);
                }
                draft
            }
        };
        self.put(text.as_ref().unwrap_or(&draft));
        self.recalled = text.map(|_| (next, draft));
    }

    /// Completes the word before the cursor, as far as it is clear.
    fn complete(&mut self, words: impl Fn(&str, bool) -> Vec<String>) {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let line: String =
            self.area.lines().get(row).map(|line| line.chars().take(column).collect()).unwrap_or_default();
        let typed = line.rsplit(' ').next().unwrap_or_default();
        let is_first = row == 0 && typed.len() == line.len();
        let found = words(typed, is_first);
        let Some(first) = found.first() else { return };
        let common = found.iter().skip(1).fold(first.as_str(), |common, word| shared(common, word));
        let rest = common.strip_prefix(typed).unwrap_or_default().to_string();
        if rest.is_empty() && found.len() > 1 {
            self.hint = Some(listed(&found));
        } else {
            self.area.insert_str(rest);
        }
    }
}

/// What two words begin with.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    one.get(..same.unwrap_or(one.len().min(other.len()))).unwrap_or(one)
}

/// As many as fit.
fn listed(words: &[String]) -> String {
    let mut shown = String::new();
    for word in words {
        let word = word.trim_end();
        if shown.width().saturating_add(word.width()) > 70 {
            shown.push_str(" \u{2026}");
            break;
        }
        shown = if shown.is_empty() { word.into() } else { format!("{shown} {word}") };
    }
    shown
}
