//! How it is to look.

use jiff::tz::TimeZone;
use ratatui::style::{Color, Modifier, Style};
use tertulia_core::id::Key;

/// Colours of names that can be read on light and dark.
const COLOURS: [Color; 5] = [Color::Green, Color::Cyan, Color::Blue, Color::Magenta, Color::Red];

/// Colours, and times.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Whether the terminal shows colours.
    pub(crate) has_colour: bool,
    /// Where the user is.
    pub(crate) zone: TimeZone,
}

impl Look {
    /// This colour, where there are colours.
    pub(crate) fn styled(&self, colour: Color) -> Style {
        if self.has_colour { Style::new().fg(colour) } else { Style::new() }
    }

    /// The colour of somebody's name: by key, so that it stays.
    pub(crate) fn of_key(&self, key: &Key) -> Style {
        let at = usize::from(key.0.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
        let colour = COLOURS.get(at.checked_rem(COLOURS.len()).unwrap_or(0)).copied().unwrap_or(Color::Reset);
        self.styled(colour).add_modifier(Modifier::BOLD)
    }
}
