//! README's picture of the screen. `PICTURE=1 cargo test -p tertulia picture` draws it anew.

use std::fmt::Write as _;
use std::path::Path;

use ratatui::buffer::Cell;
use unicode_width::UnicodeWidthStr as _;

use super::*;

/// Columns and rows.
const SIZE: (u16, u16) = (84, 21);
/// Points of a letter, and the margin.
const LETTER: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 12.0;
const PAPER: &str = "#1d1f28";
const INK: &str = "#d8dee9";

#[expect(clippy::wildcard_enum_match_arm, reason = "a screen has no other colours")]
const fn colour(colour: Color) -> &'static str {
    match colour {
        Color::Green => "#8fce8b",
        Color::Cyan => "#7cc7d8",
        Color::Blue => "#86a9ec",
        Color::Magenta => "#cf9ad8",
        Color::Red => "#ec8d87",
        Color::Yellow => "#e6c77a",
        _ => INK,
    }
}

/// A room on a Friday evening, in which one asks to be let in.
fn evening() -> (Model, Editor) {
    let mut model = Model::default();
    let members = ["anna", "bea", "cleo", "dario"].iter().zip([1, 2, 3, 4]).map(|(name, number)| {
        let state = match number {
            1 => State::You,
            4 => State::Bridged,
            _ => State::Linked,
        };
        member(name, number, state)
    });
    let roster = Event::Roster { members: members.collect(), guests: 0 };
    let whisper = Whisper { token: Token([1; 16]), author: key(3), to: "anna".into() };
    let knock = Event::Knock { name: "emil".into(), key: key(0x5e), note: "Bea knows me".into(), ticket: None };
    let say = |author, number, minutes, from: &str, text: &str| {
        message(Kind::Text(origin(author, number, minutes)), from, author == 1, text)
    };
    let later = |minutes: u64, update: Update| Update {
        at_ms: NOON_MS.saturating_add(minutes.saturating_mul(MINUTE_MS)),
        ..update
    };
    let news = [
        ready(Role::Member, "Friday tertulia"),
        update(roster, Some("4 here: anna (you), bea, cleo, dario (over others)")),
        say(2, 1, 0, "bea", "Good evening! Has everybody read the chapter?"),
        say(1, 1, 1, "anna", "Twice. The second time I understood the notes."),
        say(4, 1, 1, "dario", "/me hides behind a cup of coffee"),
        later(2, message(Kind::Whisper(whisper), "cleo", false, "I have read one page. Start with that one, please?")),
        say(3, 1, 3, "cleo", "What I liked:\n  1. nobody explains the joke\n  2. the aunt is right, all along"),
        say(2, 2, 5, "bea", "日本語でもいいですか？ For the title alone, it is too good: 坊っちゃん"),
        later(6, update(knock, Some("emil knocks and says: Bea knows me (/admit emil, or /deny emil WHY)"))),
        update(Event::Delivery { session: 1, number: 1, reach: Reach::All, have: 3, of: 3 }, None),
    ];
    news.into_iter().for_each(|update| _ = take(&mut model, update));
    let mut editor = Editor::default();
    editor.paste("Then cleo begins, and");
    (model, editor)
}

fn drawn() -> Buffer {
    let (model, mut editor) = evening();
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("memory");
    let look = Look { has_colour: true, zone: TimeZone::UTC };
    let mut view = View { now_ms: NOON_MS.saturating_add(6 * MINUTE_MS + 40_000), ..View::default() };
    terminal.draw(|frame| draw::draw(frame, &model, &mut editor, &mut view, &look)).expect("it is drawn");
    terminal.backend().buffer().clone()
}

fn wide(text: &str) -> u16 {
    u16::try_from(text.width()).expect("it is small")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Letters of one look, from column `x` on.
fn run(out: &mut String, (x, y): (u16, u16), cell: &Cell, text: &str, columns: u16) {
    let is = |modifier| cell.modifier.contains(modifier);
    let (left, top) = (MARGIN + LETTER.0 * f64::from(x), MARGIN + LETTER.1 * f64::from(y));
    let width = LETTER.0 * f64::from(columns);
    let (ink, paper) = if is(Modifier::REVERSED) { (PAPER, Some(colour(cell.fg))) } else { (colour(cell.fg), None) };
    if let Some(paper) = paper {
        let height = LETTER.1;
        let _ =
            writeln!(out, r#"<rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height}" fill="{paper}"/>"#);
    }
    let mut how = format!(r#"fill="{ink}""#);
    for (modifier, says) in [
        (Modifier::BOLD, r#" font-weight="bold""#),
        (Modifier::ITALIC, r#" font-style="italic""#),
        (Modifier::UNDERLINED, r#" text-decoration="underline""#),
        (Modifier::DIM, r#" opacity="0.6""#),
    ] {
        how.push_str(if is(modifier) { says } else { "" });
    }
    // Word by word: whatever letters a reader has, a word begins in its column.
    let (base, mut column) = (top + LETTER.1 * 0.75, x);
    for word in text.split_inclusive(' ') {
        let (bare, at) = (word.trim_end(), MARGIN + LETTER.0 * f64::from(column));
        column = column.saturating_add(wide(word));
        if !bare.is_empty() {
            let (length, bare) = (LETTER.0 * f64::from(wide(bare)), escaped(bare));
            let _ = writeln!(out, r#"<text x="{at:.1}" y="{base:.1}" textLength="{length:.1}" {how}>{bare}</text>"#);
        }
    }
}

fn picture() -> String {
    let buffer = drawn();
    let (width, height) = (MARGIN * 2.0 + LETTER.0 * f64::from(SIZE.0), MARGIN * 2.0 + LETTER.1 * f64::from(SIZE.1));
    let mut out = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" xml:space="preserve" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">
<title>A room in a terminal: what was said, who is here, who asks to be let in, and what is being typed</title>
<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>
"#
    );
    for y in 0..SIZE.1 {
        let mut x = 0;
        while x < SIZE.0 {
            let (first, begin) = (&buffer[(x, y)], x);
            let (mut text, mut columns) = (String::new(), 0);
            while x < SIZE.0 && buffer[(x, y)].style() == first.style() {
                let symbol = buffer[(x, y)].symbol();
                let wide = wide(symbol).max(1);
                text.push_str(symbol);
                columns = wide.saturating_add(columns);
                x = wide.saturating_add(x);
            }
            run(&mut out, (begin, y), first, &text, columns);
        }
    }
    out.push_str("</svg>\n");
    out
}

#[test]
fn the_picture_in_readme_is_what_is_drawn() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/console.svg");
    let now = picture();
    if std::env::var_os("PICTURE").is_some() {
        std::fs::write(&path, &now).expect("docs can be written");
    }
    let then = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(then == now, "the screen is drawn otherwise now: PICTURE=1 cargo test -p tertulia picture");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    assert!(std::fs::read_to_string(readme).expect("it is there").contains("(docs/console.svg)"));
}
