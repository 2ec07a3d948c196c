//! Each view in three windows, as it was the last time: `UPDATE=1 cargo test -p tertulia snapshots` writes them anew, and
//! the difference is to be read.

use std::fmt::Write as _;
use std::path::Path;

use tertulia_core::ticket::Ticket;
use tertulia_core::wire::entry::Level;

use super::*;
use crate::full::draw::{Invitation, Place};
use crate::qr::Drawn;

/// A lecture's ticket, as its code is shown.
fn code(is_asked: bool) -> Option<Invitation> {
    let ticket = Ticket {
        meeting: MEETING,
        host: key(1),
        seed: None,
        endorsement: None,
        addresses: vec!["192.168.1.5:7473".into()],
    };
    let drawn = Drawn::draw(&ticket).expect("it is short");
    Some(Invitation { drawn, is_asked, place: Place::Nowhere })
}

const SIZES: [(u16, u16); 3] = [(80, 24), (200, 60), (40, 10)];

/// A model, what is typed, and where its user looks.
type Shown = (Model, Editor, View);

fn plain(model: Model) -> Shown {
    (model, Editor::default(), View { now_ms: NOON_MS.saturating_add(90_000), ..View::default() })
}

/// A lecture's host, whose guests ask, and one of whom waits outside.
fn lecture() -> Model {
    let mut model = Model::default();
    let anna = Member { is_host: true, ..member("anna", 1, State::You) };
    let members = vec![anna, member("bea", 2, State::Linked)];
    let asked = Asked { key: key(2), is_ambiguous: false, heard: None, unheard: 0 };
    let knock = Event::Knock { name: "dora".into(), key: key(4), note: "of the course".into(), ticket: None };
    let news = [
        ready(Role::Host, "Rust 101"),
        update(Event::Roster { members, guests: 1_500 }, Some("here: anna (you, host), bea, and 1500 guests in all")),
        message(Kind::Text(origin(1, 1, 0)), "anna", true, "A value has one owner."),
        message(Kind::Question(origin(1, 2, 1), asked), "bea", false, "And who borrows it?"),
        update(knock, Some("dora knocks and says: of the course (/admit dora, or /deny dora WHY)")),
        Update { tone: Tone::Alarm, ..told("error: there is no /frob here: perhaps /mute is meant") },
        message(Kind::Deed(origin(1, 3, 2), Deed::Lock), "anna", true, ""),
        message(Kind::Deed(origin(1, 4, 2), Deed::Revoke("bea".into(), Level::Mute)), "anna", true, ""),
    ];
    news.into_iter().for_each(|update| _ = take(&mut model, update));
    model
}

fn friends() -> Model {
    let mut model = Model::default();
    let contacts = vec![contact("bea", 2, State::Linked), contact("cleo", 3, State::Away)];
    take(&mut model, ready(Role::Friends, ""));
    take(&mut model, update(Event::Contacts { contacts }, None));
    take(&mut model, between(2, 1, ("bea", 2), "are you there?"));
    take(&mut model, between(3, 1, ("anna", 1), "a song for you"));
    model.take(between(2, 2, ("bea", 2), "call me"), false);
    take(&mut model, update(Event::Delivery { session: 1, number: 1, reach: Reach::Held, have: 0, of: 1 }, None));
    model
}

fn cut_off() -> Model {
    let mut model = room();
    for number in [2, 3] {
        take(&mut model, update(Event::Unlinked { name: String::new(), key: key(number), code: Code::Silent }, None));
    }
    model
}

fn views() -> [(&'static str, Shown); 11] {
    let mut typing = plain(room());
    typing.1.paste("several lines,\nof which the second is longer than a narrow window has place for\n日本語");
    let mut back = plain(room());
    (back.2.back, back.2.below) = (4, 2);
    back.2.left_at = Some(3);
    let mut search = plain(room());
    search.2.search = Some(Search::new("dora", &search.0));
    let mut help = plain(room());
    help.2.has_help = true;
    let mut with = plain(friends());
    with.0.show_with(Some("bea"));
    let [mut invited, mut asked] = [lecture(), lecture()].map(plain);
    (invited.2.code, asked.2.code) = (code(false), code(true));
    [
        ("a room", plain(room())),
        ("a lecture's host", plain(lecture())),
        ("a code where there is place", invited),
        ("a code that is asked for", asked),
        ("friends", plain(friends())),
        ("with one friend", with),
        ("cut off", plain(cut_off())),
        ("typing", typing),
        ("looking back", back),
        ("searching", search),
        ("keys", help),
    ]
}

fn buffer((width, height): (u16, u16), has_colour: bool, (model, mut editor, mut view): Shown) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory");
    let look = Look { has_colour, zone: TimeZone::UTC };
    terminal.draw(|frame| draw::draw(frame, &model, &mut editor, &mut view, &look)).expect("it is drawn");
    terminal.backend().buffer().clone()
}

/// Its rows; and, if it has colours, under each of them how it looks, from which column on. `~`: so many have nothing, or a
/// line between columns alone.
fn written(buffer: &Buffer, has_colour: bool) -> String {
    let (mut out, mut empty) = (String::new(), 0_usize);
    let rows: Vec<String> = (0..buffer.area.height).map(|y| row(buffer, y)).collect();
    for (y, row) in (0..).zip(&rows) {
        if row.trim_matches([' ', '\u{2502}']).is_empty() {
            empty = empty.saturating_add(1);
            continue;
        }
        out.push_str(&skipped(std::mem::take(&mut empty)));
        let _ = writeln!(out, "|{row}");
        let mut before = Style::reset();
        for x in (0..buffer.area.width).filter(|_| has_colour) {
            let style = buffer[(x, y)].style();
            if std::mem::replace(&mut before, style) != style {
                let _ = writeln!(out, "    {x}: {:?} {:?}", buffer[(x, y)].fg, buffer[(x, y)].modifier);
            }
        }
    }
    out + &skipped(empty)
}

fn skipped(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("~ {rows}\n") }
}

#[test]
fn snapshots_of_each_view_are_what_they_were() {
    let mut now = String::new();
    for size in SIZES {
        for has_colour in [false, true] {
            for (name, shown) in views() {
                let kind = if has_colour { ", in colour" } else { "" };
                let drawn = written(&buffer(size, has_colour, shown), has_colour);
                let _ = writeln!(now, "== {name}, {} by {}{kind}\n{drawn}", size.0, size.1);
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/cli/full/tests/screens.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &now).expect("it can be written");
    }
    let then = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = now.lines().zip(then.lines()).position(|(now, then)| now != then);
    assert!(now == then, "line {differs:?} (from 0) of screens.txt is drawn otherwise now; UPDATE=1 writes it anew");
}
