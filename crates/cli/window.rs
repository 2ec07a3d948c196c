//! What is known of the terminal in which lines are shown.

use std::io::{self, IsTerminal as _};

/// Columns and rows, where stdout is a terminal that tells them.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = if io::stdout().is_terminal() { crossterm::terminal::size().ok() } else { None };
    size.filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

/// Whether a window of so many columns and rows has a place for a full screen.
pub(crate) const fn is_large((columns, rows): &(u16, u16)) -> bool {
    *columns >= 20 && *rows >= 6
}

/// Whether the user's locale has all letters.
pub(crate) fn is_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    // In this order, the first that is set counts.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}
