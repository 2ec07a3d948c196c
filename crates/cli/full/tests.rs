//! The screen, drawn into memory.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use tertulia_core::charter::{Admission, Questions};
use tertulia_core::code::Code;
use tertulia_core::event::{
    Asked, Contact, Deed, Event, Kind, Member, Notice, Origin, Reach, Remover, Role, State, Whisper,
};
use tertulia_core::id::{Key, MeetingId, Token};

use super::draw::{self, View};
use super::editor::{Act, Editor};
use super::look::Look;
use super::model::Model;
use super::search::Search;
use crate::news::{Tone, Update};

mod picture;
mod snapshots;

const MEETING: MeetingId = MeetingId([7; 16]);
/// A Monday noon, in UTC.
const NOON_MS: u64 = 1_796_040_000_000;
const MINUTE_MS: u64 = 60_000;

fn key(number: u8) -> Key {
    Key([number; 32])
}

fn look() -> Look {
    Look { has_colour: false, zone: TimeZone::UTC }
}

fn update(event: Event, words: Option<&str>) -> Update {
    Update { words: words.map(String::from), ..Update::event(event, NOON_MS) }
}

fn told(words: &str) -> Update {
    Update { at_ms: NOON_MS, ..Update::words(words, Tone::Plain) }
}

fn take(model: &mut Model, update: Update) -> usize {
    model.take(update, true)
}

fn origin(author: u8, number: u64, minutes: u64) -> Origin {
    let time_ms = NOON_MS.saturating_add(minutes.saturating_mul(MINUTE_MS));
    Origin { author: key(author), session: 1, number, lamport: number, time_ms }
}

fn message(kind: Kind, from: &str, own: bool, text: &str) -> Update {
    let event = Event::Message { meeting: MEETING, kind, from: from.into(), own, text: text.into() };
    update(event, Some("words that are not shown"))
}

fn member(name: &str, number: u8, state: State) -> Member {
    Member { name: name.into(), key: key(number), state, is_host: false, is_muted: false }
}

/// The user, anna, is there.
fn ready(role: Role, title: &str) -> Update {
    let ready = Event::Ready {
        role,
        name: "anna".into(),
        key: key(1),
        meeting: MEETING,
        title: title.into(),
        ticket: "tertulia:07/".into(),
        questions: Questions::Open,
        admission: Admission::Open,
        is_locked: false,
    };
    update(ready, None)
}

fn contact(name: &str, number: u8, state: State) -> Contact {
    Contact {
        name: name.into(),
        key: Some(key(number)),
        meeting: Some(MeetingId([number; 16])),
        addresses: Vec::new(),
        is_stranger: false,
        is_blocked: false,
        state,
        held: 0,
    }
}

/// Words between the user and a friend.
fn between(friend: u8, number: u64, from: (&str, u8), text: &str) -> Update {
    let (kind, own) = (Kind::Text(origin(from.1, number, number)), from.1 == 1);
    let meeting = MeetingId([friend; 16]);
    update(Event::Message { meeting, kind, from: from.0.into(), own, text: text.into() }, None)
}

/// A room in which three have talked.
fn room() -> Model {
    let mut model = Model::default();
    let members =
        vec![member("anna", 1, State::You), member("bea", 2, State::Linked), member("cleo", 3, State::Bridged)];
    let whisper = Whisper { token: Token([1; 16]), author: key(2), to: "anna".into() };
    let news = [
        ready(Role::Member, "Friday tertulia"),
        update(Event::Roster { members, guests: 0 }, Some("3 here: anna (you), bea, cleo (over others)")),
        message(Kind::Text(origin(2, 1, 0)), "bea", false, "good evening, is everybody here already, or do we wait?"),
        message(Kind::Text(origin(1, 1, 1)), "anna", true, "we wait\nfor dora"),
        message(Kind::Whisper(whisper), "bea", false, "psst"),
        message(Kind::Text(origin(3, 1, 24 * 60)), "cleo", false, "日本語 e\u{301} \u{1b}[2J"),
        update(Event::Delivery { session: 1, number: 1, reach: Reach::Sent, have: 1, of: 2 }, None),
    ];
    news.into_iter().for_each(|update| _ = take(&mut model, update));
    model
}

fn screen(width: u16, height: u16, model: &Model, editor: &mut Editor, view: &mut View) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory");
    terminal.draw(|frame| draw::draw(frame, model, editor, view, &look())).expect("memory can be drawn to");
    let buffer = terminal.backend().buffer();
    (0..height).map(|y| row(buffer, y)).collect()
}

/// A row as it is read.
fn row(buffer: &Buffer, y: u16) -> String {
    let (mut row, mut x) = (String::new(), 0);
    while x < buffer.area.width {
        let symbol = buffer[(x, y)].symbol();
        row.push_str(symbol);
        let wide = unicode_width::UnicodeWidthStr::width(symbol).max(1);
        x = x.saturating_add(u16::try_from(wide).expect("it is small"));
    }
    row.trim_end().to_string()
}

fn shown(width: u16, height: u16, model: &Model) -> Vec<String> {
    screen(width, height, model, &mut Editor::default(), &mut View::default())
}

#[test]
fn a_room_at_80_by_24() {
    let shown = shown(80, 16, &room());
    let expected = [
        " Friday tertulia \u{b7} room \u{b7} 3 here \u{b7} 1 of 2 not linked \u{b7} open",
        "\u{2014} Mon 30 Nov 2026 \u{2014}                                       \u{2502}anna (you)",
        "12:00 -- 3 here: anna (you), bea, cleo (over others)      \u{2502}bea",
        "12:00 bea: good evening, is everybody here already, or do \u{2502}cleo (over others)",
        "      we wait?                                            \u{2502}",
        "12:01 anna: we wait                                       \u{2502}",
        "      for dora                                            \u{2502}",
        "12:00 (private) bea: psst                                 \u{2502}",
        "\u{2014} Tue 01 Dec 2026 \u{2014}                                       \u{2502}",
        "12:00 cleo: 日本語 e\u{301} \\u{1b}[2J                            \u{2502}",
    ];
    for (row, expected) in shown.iter().zip(expected) {
        assert_eq!(row, expected, "{shown:#?}");
    }
    assert_eq!(&shown[14..], [" 1 of 2 have your last message", ">"]);
    let mut model = room();
    take(&mut model, message(Kind::Text(origin(1, 2, 3)), "anna", true, "and now?"));
    assert!(!super::tests::shown(80, 16, &model)[14].contains("last message"), "that was the one before");
}

#[test]
fn a_narrow_window_has_the_words_alone_and_the_newest_of_them() {
    let shown = shown(30, 6, &room());
    assert_eq!(shown[0], " Friday tertulia \u{b7} room \u{b7} 3 he");
    assert_eq!(shown[3], "12:00 cleo: 日本語 e\u{301} \\u{1b}[2J");
    assert_eq!(shown[5], ">");
}

#[test]
fn no_window_is_too_small_or_too_large() {
    let model = room();
    for (width, height) in (1..30).flat_map(|width| (1..14).map(move |height| (width, height))).chain([(400, 200)]) {
        for has_help in [false, true] {
            let mut editor = Editor::default();
            editor.paste("a text of\nsome lines, and of more letters than the window has");
            let mut view = View { has_help, back: 3, ..View::default() };
            screen(width, height, &model, &mut editor, &mut view);
        }
    }
}

#[test]
fn keys_that_have_no_place_are_counted() {
    let keys = |height| {
        let mut view = View { has_help: true, ..View::default() };
        screen(60, height, &room(), &mut Editor::default(), &mut view).join("\n")
    };
    assert!(keys(24).contains("/help            what can be typed") && !keys(24).contains(" more, "));
    assert!(keys(12).contains("9 more, in a window with more rows"), "{}", keys(12));
}

#[test]
fn who_scrolls_back_sees_the_same_while_more_arrives_and_not_beyond_the_first() {
    let mut model = Model::default();
    (0..50).for_each(|number| _ = take(&mut model, told(&format!("line {number}"))));
    let mut view = View { back: 10, ..View::default() };
    let mut editor = Editor::default();
    let before = screen(40, 12, &model, &mut editor, &mut view);
    assert_eq!(before[1], "12:00 -- line 31");
    view.below = take(&mut model, told("new"));
    view.back += 1;
    let after = screen(40, 12, &model, &mut editor, &mut view);
    assert_eq!(before[1..10], after[1..10]);
    assert_eq!(after[10], " 1 new below (End)");
    view.back = 1_000;
    let first = screen(40, 12, &model, &mut editor, &mut view);
    assert_eq!(first[1..3], ["\u{2014} Mon 30 Nov 2026 \u{2014}", "12:00 -- line 0"]);
    assert_eq!(view.back, 51 + 1 - 9);
}

#[test]
fn what_is_removed_is_gone_from_the_screen_too() {
    let mut model = room();
    let remover = Remover { name: "anna".into(), key: key(1) };
    take(&mut model, message(Kind::Removed(origin(3, 1, 24 * 60), remover), "cleo", false, ""));
    let shown = shown(80, 20, &model);
    assert!(shown.iter().any(|row| row.starts_with("12:00 cleo: [removed]")), "{shown:#?}");
    assert!(!shown.iter().any(|row| row.contains("日本語")));
}

#[test]
fn the_bar_tells_of_the_door_and_of_being_cut_off() {
    let mut model = room();
    take(&mut model, message(Kind::Deed(origin(1, 2, 2), Deed::Lock), "anna", true, ""));
    assert_eq!(
        shown(100, 8, &model)[0],
        " Friday tertulia \u{b7} room \u{b7} 3 here \u{b7} 1 of 2 not linked \u{b7} locked"
    );
    for number in [2, 3] {
        take(&mut model, update(Event::Unlinked { name: String::new(), key: key(number), code: Code::Silent }, None));
    }
    let bar = |model: &Model, after_ms| {
        let mut view = View { now_ms: NOON_MS.saturating_add(after_ms), ..View::default() };
        screen(50, 8, model, &mut Editor::default(), &mut view).remove(0)
    };
    assert_eq!(bar(&model, 12_000), " CUT OFF (silent) for 12 s, trying again \u{b7} Friday");
    take(&mut model, update(Event::Retry { after_ms: 14_200 }, None));
    assert_eq!(
        bar(&model, 12_000),
        " CUT OFF (silent) for 12 s, next try in 3 s \u{b7} Frid",
        "first, in a narrow window, too"
    );
    assert_eq!(bar(&model, 14_200), " CUT OFF (silent) for 14 s, trying now \u{b7} Friday te");
    take(&mut model, update(Event::Linked { name: "bea".into(), key: key(2) }, None));
    take(&mut model, message(Kind::Deed(origin(1, 3, 2), Deed::Unlock), "anna", true, ""));
    assert_eq!(
        shown(100, 8, &model)[0],
        " Friday tertulia \u{b7} room \u{b7} 3 here \u{b7} 1 of 2 not linked \u{b7} open"
    );
    assert!(!model.counts_time());
    for (admission, door) in
        [(Admission::Ticket, "by ticket"), (Admission::Lobby, "lobby"), (Admission::TicketAndLobby, "by ticket, lobby")]
    {
        let mut ready = ready(Role::Host, "T");
        if let Some(Event::Ready { admission: told, .. }) = ready.event.as_deref_mut() {
            *told = admission;
        }
        take(&mut model, ready);
        assert!(shown(100, 8, &model)[0].ends_with(&format!(" \u{b7} {door}")), "{door}");
    }
}

#[test]
fn who_is_on_the_way_sees_when_it_is_tried_again() {
    let mut model = Model::default();
    assert_eq!(shown(60, 8, &model)[0], " tertulia \u{b7} on the way");
    take(&mut model, update(Event::Retry { after_ms: 2_000 }, None));
    let mut view = View { now_ms: NOON_MS, ..View::default() };
    let bar = screen(60, 8, &model, &mut Editor::default(), &mut view).remove(0);
    assert_eq!(bar, " tertulia \u{b7} on the way, next try in 2 s");
    take(&mut model, update(Event::Waiting { position: 1 }, None));
    assert_eq!(shown(60, 8, &model)[0], " tertulia \u{b7} on the way", "it is there, and waits");
}

#[test]
fn what_was_said_with_one_friend_is_shown_alone_and_what_is_typed_goes_there() {
    let mut model = Model::default();
    let contacts = vec![contact("bea", 2, State::Linked), contact("cleo", 3, State::Linked)];
    take(&mut model, ready(Role::Friends, ""));
    take(&mut model, update(Event::Contacts { contacts }, None));
    take(&mut model, between(2, 1, ("bea", 2), "from bea"));
    take(&mut model, between(3, 24 * 60, ("cleo", 3), "from cleo"));
    take(&mut model, told("of this program"));
    take(&mut model, between(2, 24 * 60 + 1, ("anna", 1), "to bea"));
    assert_eq!(model.addressed("hello".into()), "hello");
    assert!(model.show_with(Some("bea")));
    let rows = shown(69, 12, &model);
    let expected = [
        " tertulia \u{b7} friends \u{b7} with bea alone (/with: all)",
        "\u{2014} Mon 30 Nov 2026 \u{2014}",
        "12:01 bea: from bea",
        "12:00 -- of this program",
        "\u{2014} Tue 01 Dec 2026 \u{2014}",
        "12:01 (private, to bea) anna: to bea",
    ];
    assert_eq!(rows[..6], expected);
    for (typed, sent) in
        [("hello", "bea/hello"), ("and/or", "bea/and/or"), ("bea/once", "bea/once"), ("/users", "/users")]
    {
        assert_eq!(model.addressed(typed.into()), sent);
    }
    // What is not shown has not been seen, whoever looks; and once it is shown, it has.
    model.take(between(3, 24 * 60 + 2, ("cleo", 3), "unseen"), true);
    let beside = |model: &Model| shown(80, 12, model).iter().any(|row| row.contains("\u{2502}cleo 1 new"));
    model.all_read();
    assert!(beside(&model), "{:#?}", shown(80, 12, &model));
    assert!(Search::new("unseen", &model).at().is_none());
    assert!(!model.show_with(Some("nobody")) && model.with() == Some("bea"));
    assert!(model.show_with(None) && model.with().is_none());
    model.all_read();
    assert!(!beside(&model) && shown(69, 12, &model).iter().any(|row| row.ends_with("cleo: unseen")));
}

#[test]
fn colours_come_from_keys_and_are_never_the_only_sign() {
    let model = room();
    let draw = |has_colour| {
        let look = Look { has_colour, zone: TimeZone::UTC };
        let mut terminal = Terminal::new(TestBackend::new(80, 16)).expect("memory");
        let (mut editor, mut view) = (Editor::default(), View::default());
        terminal.draw(|frame| draw::draw(frame, &model, &mut editor, &mut view, &look)).expect("it is drawn");
        terminal.backend().buffer().clone()
    };
    let (colours, none) = (draw(true), draw(false));
    assert_ne!(colours[(6, 3)].fg, Color::Reset);
    assert_eq!(colours[(6, 3)].fg, colours[(59, 2)].fg, "the same among the people");
    assert!(none.content().iter().all(|cell| matches!(cell.fg, Color::Reset)));
    assert!(none[(6, 3)].modifier.contains(Modifier::BOLD));
}

fn press(editor: &mut Editor, code: KeyCode, modifiers: KeyModifiers) -> Act {
    let words = ["/msg ", "/mute ", "/name ", "bea ", "beatrice "];
    let complete = |typed: &str, is_first: bool| {
        let words = words.iter().filter(|word| word.starts_with(typed) && (is_first || !word.starts_with('/')));
        words.map(|word| word.to_string()).collect()
    };
    editor.key(KeyEvent::new(code, modifiers), complete)
}

fn type_in(editor: &mut Editor, text: &str) {
    for letter in text.chars() {
        assert_eq!(press(editor, KeyCode::Char(letter), KeyModifiers::NONE), Act::None);
    }
}

#[test]
fn enter_sends_and_the_arrow_brings_back() {
    let mut editor = Editor::default();
    let plain = KeyModifiers::NONE;
    type_in(&mut editor, "one");
    press(&mut editor, KeyCode::Enter, KeyModifiers::ALT);
    type_in(&mut editor, "two");
    assert_eq!(press(&mut editor, KeyCode::Enter, plain), Act::Send("one\ntwo".into()));
    editor.remember("one\ntwo".into());
    type_in(&mut editor, "half");
    press(&mut editor, KeyCode::Up, plain);
    assert_eq!(editor.text(), "one\ntwo");
    press(&mut editor, KeyCode::Down, plain);
    assert_eq!(editor.text(), "half", "what was being typed is not lost");
    assert_eq!(press(&mut editor, KeyCode::Char('c'), KeyModifiers::CONTROL), Act::Cleared);
    assert_eq!(press(&mut editor, KeyCode::Char('c'), KeyModifiers::CONTROL), Act::Interrupt);
    press(&mut editor, KeyCode::Up, plain);
    assert_eq!(editor.text(), "half", "nor by Ctrl-C");
    // What is brought back, and changed, is there again.
    press(&mut editor, KeyCode::Up, plain);
    type_in(&mut editor, "!");
    press(&mut editor, KeyCode::Down, plain);
    press(&mut editor, KeyCode::Char('c'), KeyModifiers::CONTROL);
    type_in(&mut editor, "new");
    press(&mut editor, KeyCode::Up, plain);
    press(&mut editor, KeyCode::Up, plain);
    assert_eq!(editor.text(), "one\ntwo!");
    [(); 2].into_iter().for_each(|()| _ = press(&mut editor, KeyCode::Down, plain));
    assert_eq!(editor.text(), "new", "what is being typed is still the last");
}

#[test]
fn what_has_no_place_yet_is_back_unless_something_else_is_typed() {
    let mut editor = Editor::default();
    editor.hand_back("/frob");
    assert_eq!(editor.text(), "/frob");
    let mut editor = Editor::default();
    type_in(&mut editor, "/admit all");
    editor.hand_back("/frob");
    assert_eq!(editor.text(), "/admit all");
}

#[test]
fn tab_completes_as_far_as_it_is_clear() {
    let mut editor = Editor::default();
    type_in(&mut editor, "/na");
    press(&mut editor, KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(editor.text(), "/name ");
    type_in(&mut editor, "b");
    press(&mut editor, KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!((editor.text().as_str(), editor.hint()), ("/name bea", None));
    press(&mut editor, KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!((editor.text().as_str(), editor.hint()), ("/name bea", Some("bea beatrice")));
}

#[test]
fn a_long_paste_is_asked_about() {
    let mut editor = Editor::default();
    editor.paste(&"line\r".repeat(10));
    assert_eq!(press(&mut editor, KeyCode::Enter, KeyModifiers::NONE), Act::None);
    assert!(editor.hint().is_some_and(|hint| hint.starts_with("11 lines")), "{:?}", editor.hint());
    assert_eq!(press(&mut editor, KeyCode::Enter, KeyModifiers::NONE), Act::Send("line\n".repeat(10)));
}

#[test]
fn show_4_what_somebody_does_is_told_after_their_name() {
    let mut model = room();
    take(&mut model, message(Kind::Text(origin(2, 2, 24 * 60)), "bea", false, "/me waves"));
    take(&mut model, message(Kind::Text(origin(2, 3, 24 * 60)), "bea", false, "/me  "));
    let shown = shown(80, 20, &model);
    assert!(shown.iter().any(|row| row.starts_with("12:00 * bea waves")), "{shown:#?}");
    assert!(shown.iter().any(|row| row.starts_with("12:00 bea: /me")), "{shown:#?}");
}

#[test]
fn who_waits_in_the_lobby_is_beside_those_inside_until_they_are_in() {
    let mut model = room();
    let knock = |name: &str, number, note: &str| {
        update(Event::Knock { name: name.into(), key: key(number), note: note.into(), ticket: None }, Some("knocks"))
    };
    take(&mut model, knock("dora", 0xab, "I am from the course"));
    take(&mut model, knock("emil", 0xcd, ""));
    let mut view = View { now_ms: NOON_MS.saturating_add(200_000), ..View::default() };
    let beside = |model: &Model, view: &mut View| -> Vec<String> {
        let rows = screen(80, 16, model, &mut Editor::default(), view);
        rows.iter().filter_map(|row| row.split_once('\u{2502}').map(|(_, beside)| beside.to_string())).collect()
    };
    let shown = beside(&model, &mut view);
    let expected =
        ["2 at the door:", "dora 3 min", " abababab I am from t", "emil 3 min", " cdcdcdcd", "", "anna (you)"];
    assert_eq!(shown[..7], expected);
    take(&mut model, update(Event::Joined { name: "dora".into(), key: key(0xab), ticket: None }, None));
    take(&mut model, update(Event::Warning(Notice::LeftLobby("emil".into())), None));
    assert_eq!(beside(&model, &mut view)[..4], ["anna (you)", "bea", "cleo (over others)", "dora"]);
}

#[test]
fn more_people_than_there_is_place_for_are_counted() {
    let mut model = room();
    (10..40).for_each(|number| {
        take(&mut model, update(Event::Linked { name: format!("guest-{number}"), key: key(number) }, None));
    });
    let rows = shown(80, 10, &model);
    assert!(rows.iter().any(|row| row.ends_with("\u{2502}and 27 more")), "{rows:#?}");
}

#[test]
fn friends_have_what_they_wrote_last_and_how_much_was_not_seen() {
    let mut model = Model::default();
    let contacts = vec![contact("bea", 2, State::Linked), contact("cleo", 3, State::Linked)];
    take(&mut model, update(Event::Contacts { contacts }, None));
    let from_bea = |number, text: &str| between(2, number, ("bea", 2), text);
    model.take(from_bea(1, "hello"), true);
    model.take(from_bea(2, "are you there?"), false);
    model.take(from_bea(3, "call me"), false);
    let beside = |model: &Model| -> Vec<String> {
        let rows = shown(80, 8, model);
        rows.iter().filter_map(|row| row.split_once('\u{2502}').map(|(_, beside)| beside.to_string())).collect()
    };
    assert_eq!(beside(&model)[..3], ["bea 2 new", " call me", "cleo"]);
    model.all_read();
    assert_eq!(beside(&model)[..3], ["bea", " call me", "cleo"]);
    let remover = Remover { name: "bea".into(), key: key(2) };
    take(&mut model, message(Kind::Removed(origin(2, 3, 3), remover), "bea", false, ""));
    assert_eq!(beside(&model)[..2], ["bea", "cleo"], "what is removed stands nowhere");
}

#[test]
fn a_search_goes_from_the_newest_to_older_ones_and_back() {
    let mut model = Model::default();
    for (number, text) in ["the first Pear", "an apple", "PEAR and apple", "a plum", "apple, pear"].iter().enumerate() {
        let number = u64::try_from(number).expect("it is small");
        take(&mut model, message(Kind::Text(origin(2, number, number)), "bea", false, text));
        take(&mut model, told("pear: this program's own"));
    }
    let mut search = Search::new("pear", &model);
    let words = |search: &Search| search.words().split_once(" with").map(|(place, _)| place.to_string());
    assert_eq!((search.at(), words(&search).as_deref()), (Some(8), Some("1 of 3")));
    search.go(true, &model);
    search.go(true, &model);
    assert_eq!((search.at(), words(&search).as_deref()), (Some(0), Some("3 of 3")));
    search.go(true, &model);
    assert_eq!(search.at(), Some(0), "there is none that is older");
    take(&mut model, message(Kind::Text(origin(2, 9, 9)), "bea", false, "a new pear"));
    search.go(false, &model);
    assert_eq!((search.at(), words(&search).as_deref()), (Some(4), Some("3 of 4")));
    assert_eq!(Search::new("APPLE pear", &model).at(), Some(8), "both words, in any order");
    assert_eq!(Search::new("bea plum", &model).at(), Some(6), "the author is a word, too");
    let none = Search::new("figs", &model);
    assert_eq!((none.at(), none.words().as_str()), (None, "nobody has said `figs` (Esc ends)"));
}

#[test]
fn what_is_found_is_in_the_window_and_marked() {
    let mut model = Model::default();
    for number in 0..60 {
        let text = if number == 10 { "here it is".into() } else { format!("line {number}\nand more") };
        take(&mut model, message(Kind::Text(origin(2, number, number)), "bea", false, &text));
    }
    let mut view = View { seen: (9, 60), ..View::default() };
    let search = Search::new("here it", &model);
    let below = draw::rows_below(search.at().expect("it is there"), &model, &view, &look());
    assert_eq!(below, 49 * 2);
    view.back = below - 4;
    view.search = Some(search);
    let rows = screen(60, 12, &model, &mut Editor::default(), &mut view);
    assert_eq!(rows[5], "12:10>bea: here it is", "{rows:#?}");
    assert!(rows[10].contains("1 of 1 with `here it`"), "{rows:#?}");
}
