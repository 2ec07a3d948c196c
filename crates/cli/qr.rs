//! A ticket as a code that phones read, drawn with half blocks: each letter is two modules, one above the other. It is for
//! a full screen alone: who has lines read aloud has no use for it.

use std::iter::repeat_n;

use qrcode::{Color, EcLevel, QrCode};
use tertulia_core::ticket::Ticket;

use crate::window;

/// Modules around a code that have to be light.
const QUIET: usize = 4;

/// A code, to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// Its rows, all of one width: letters that are dark, on what is light, whatever the terminal's own colours are.
    pub(crate) rows: Vec<String>,
    pub(crate) width: usize,
}

impl Drawn {
    /// The code of a ticket's line; nothing where none can be shown: without colours, or the letters that it is drawn with.
    pub(crate) fn of(line: &str, has_colour: bool) -> Option<Self> {
        if has_colour && window::is_utf8() { Self::draw(&line.parse().ok()?) } else { None }
    }

    /// The code of a ticket.
    pub(crate) fn draw(ticket: &Ticket) -> Option<Self> {
        let code = QrCode::with_error_correction_level(ticket.to_code(), EcLevel::L).ok()?;
        let modules = code.to_colors();
        let quiet = || repeat_n(false, QUIET);
        let row =
            |row: &[Color]| quiet().chain(row.iter().map(|module| *module == Color::Dark)).chain(quiet()).collect();
        let inner: Vec<Vec<bool>> = modules.chunks(code.width()).map(row).collect();
        let width = inner.first().map_or(0, Vec::len);
        // A code has an odd number of rows, and letters have two: one more that is quiet makes it even.
        let blank = |count| repeat_n(vec![false; width], count);
        let all: Vec<Vec<bool>> = blank(QUIET).chain(inner).chain(blank(QUIET)).chain(blank(1)).collect();
        let letters = |pair: &[Vec<bool>]| match pair {
            [upper, lower] => upper.iter().zip(lower).map(|(upper, lower)| block(*upper, *lower)).collect(),
            _ => String::new(),
        };
        Some(Self { rows: all.chunks(2).map(letters).collect(), width })
    }

    /// Whether it has a place in a window of so many columns and rows, with a row under it; else, what it needs.
    ///
    /// # Errors
    /// What it needs, in words.
    pub(crate) fn fits(&self, (columns, rows): (u16, u16)) -> Result<(), String> {
        let needed = self.rows.len().saturating_add(1);
        if self.width <= columns.into() && needed <= rows.into() {
            return Ok(());
        }
        Err(format!(
            "a code that phones read has no place here: it needs {} columns and {needed} rows, and this window has \
             {columns} and {rows}; make it larger, or its letters smaller",
            self.width
        ))
    }
}

/// Dark is drawn, and light is left.
const fn block(upper: bool, lower: bool) -> char {
    match (upper, lower) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tertulia_core::id::{Key, MeetingId, Signature};
    use tertulia_core::identity::Secret;

    fn ticket(addresses: &[&str], has_seed: bool, is_endorsed: bool) -> Ticket {
        let bytes =
            |first: u8| core::array::from_fn(|at| first.wrapping_mul(7).wrapping_add(u8::try_from(at).unwrap()));
        Ticket {
            meeting: MeetingId(core::array::from_fn(|at| u8::try_from(at).unwrap().wrapping_mul(13))),
            host: Key(bytes(3)),
            seed: has_seed.then(|| Secret(bytes(9))),
            endorsement: is_endorsed.then(|| Signature(core::array::from_fn(|at| u8::try_from(at).unwrap()))),
            addresses: addresses.iter().map(ToString::to_string).collect(),
        }
    }

    /// What a camera sees of what was drawn: true is dark.
    fn seen(code: &Drawn) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for blocks in &code.rows {
            rows.push(blocks.chars().map(|block| "█▀".contains(block)).collect());
            rows.push(blocks.chars().map(|block| "█▄".contains(block)).collect());
        }
        rows
    }

    /// What another program reads of that, quiet zone and all left out.
    fn read(rows: &[Vec<bool>]) -> String {
        let inner: Vec<&[bool]> = rows.iter().skip(QUIET).map(|row| &row[QUIET..]).collect();
        let size = inner[0].len().checked_sub(QUIET).unwrap();
        let grid = rqrr::SimpleGrid::from_func(size, |x, y| inner[y][x]);
        rqrr::Grid::new(grid).decode().unwrap().1
    }

    #[test]
    fn what_is_drawn_of_any_ticket_is_read_back_by_another_program() {
        for addresses in [
            &["192.0.2.1:7473"][..],
            &["192.0.2.1:7473", "[2001:db8::1]:7473", "my_host-2.example:1"],
            &["[fd00:1234:5678:9abc:def0:1234:5678:9abc]:65535"],
        ] {
            for (has_seed, is_endorsed) in [(false, false), (true, false), (true, true)] {
                let ticket = ticket(addresses, has_seed, is_endorsed);
                let rows = seen(&Drawn::draw(&ticket).unwrap());
                let text = read(&rows);
                assert_eq!(text.parse(), Ok(ticket), "{text}");
                let width = rows[0].len();
                let is_quiet = |at: usize, length: usize| at < QUIET || at.saturating_add(QUIET) >= length;
                for (y, row) in rows.iter().enumerate() {
                    assert_eq!(row.len(), width);
                    let is_light = |x: usize| is_quiet(x, width) || is_quiet(y, width);
                    assert!(row.iter().enumerate().all(|(x, dark)| !(*dark && is_light(x))), "row {y}");
                }
            }
        }
    }

    #[test]
    fn a_usual_ticket_fits_a_usual_window_and_what_does_not_fit_says_what_it_needs() {
        let usual = Drawn::draw(&ticket(&["192.168.1.5:7473", "[fd00::2]:7473"], false, false)).unwrap();
        assert_eq!(usual.fits((80, 24)), Ok(()));
        for small in [(44, 24), (80, 23)] {
            let why = usual.fits(small).unwrap_err();
            assert!(why.contains("45 columns and 24 rows"), "{why}");
        }
        let long = Drawn::draw(&ticket(&["192.168.1.5:7473"], true, true)).unwrap();
        assert!(long.fits((80, 24)).is_err() && long.fits((80, 50)).is_ok());
    }
}
