//! Draws the screen: a bar, what was said, who is here, how far it has come, and what is being typed.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};
use tertulia_core::event::{Reach, Role};

use super::editor::Editor;
use super::look::Look;
use super::model::{Item, Manner, Model, What};
use super::people::{ago, people};
use super::search::Search;
use super::wrap;
use crate::escape;
use crate::news::Tone;
use crate::qr::Drawn;
use crate::words;

/// Below this width, who is here is not shown beside what was said.
const PEOPLE_FROM: u16 = 70;
const PEOPLE_WIDTH: u16 = 22;
/// Rows of what is being typed that are shown at once.
const TYPED_ROWS_MAX: u16 = 8;
/// `14:05` and a blank.
const TIME_WIDTH: usize = 6;
/// A ticket's code on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    pub(crate) drawn: Drawn,
    /// The user wants it now, even where it has no place but over all else.
    pub(crate) is_asked: bool,
    /// Where it was drawn last.
    pub(crate) place: Place,
}

/// Where a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is none for it.
    Nowhere,
    /// Beside what is said.
    Beside,
    /// Over all else.
    Over,
}

impl Invitation {
    fn placed(&mut self, middle: Rect) -> Place {
        // What is said, and who is here, keep theirs.
        let columns = middle.width.saturating_sub(PEOPLE_FROM);
        self.place = match self.drawn.fits((columns, middle.height)) {
            Ok(()) => Place::Beside,
            Err(_) if self.is_asked => Place::Over,
            Err(_) => Place::Nowhere,
        };
        self.place
    }

    fn columns(&self) -> u16 {
        if self.place == Place::Beside { u16::try_from(self.drawn.width).unwrap_or(0) } else { 0 }
    }
}

/// Where the user looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// Rows between the last one and what is shown last: 0 follows what arrives.
    pub(crate) back: usize,
    /// Items that have come meanwhile.
    pub(crate) below: usize,
    /// How many items there were when the user looked elsewhere: what follows is new.
    pub(crate) left_at: Option<usize>,
    /// The terminal's window is not the one that is used.
    pub(crate) is_elsewhere: bool,
    /// The user has gone, and has not typed since.
    pub(crate) is_away: bool,
    /// Keys are shown.
    pub(crate) has_help: bool,
    /// Who is here is not to be shown.
    pub(crate) hides_people: bool,
    /// What is looked for.
    pub(crate) search: Option<Search>,
    /// What the last key has done.
    pub(crate) hint: Option<String>,
    /// The wheel marks text, as terminals do by themselves.
    pub(crate) leaves_mouse: bool,
    /// Now, milliseconds since 1970 in UTC.
    pub(crate) now_ms: u64,
    /// A ticket's code.
    pub(crate) code: Option<Invitation>,
    /// How many rows of messages there were, and how wide: as it was drawn last.
    pub(crate) seen: (u16, u16),
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, editor: &mut Editor, view: &mut View, look: &Look) {
    let area = frame.area();
    let typed = u16::try_from(editor.rows(area.width.saturating_sub(2))).unwrap_or(u16::MAX);
    let typed = typed.clamp(1, TYPED_ROWS_MAX.min((area.height / 2).max(1)));
    let rows = [Constraint::Length(1), Constraint::Min(0), Constraint::Length(1), Constraint::Length(typed)];
    let [bar, middle, foot, input] = Layout::vertical(rows).areas(area);
    let place = view.code.as_mut().map(|code| code.placed(middle));
    let code_width = view.code.as_ref().map_or(0, Invitation::columns);
    let left = area.width.saturating_sub(code_width);
    let has_people = left >= PEOPLE_FROM && !view.hides_people && !model.people.is_empty();
    let people_width = if has_people { PEOPLE_WIDTH } else { 0 };
    let columns = [Constraint::Min(0), Constraint::Length(people_width), Constraint::Length(code_width)];
    let [said, beside, coded] = Layout::horizontal(columns).areas(middle);
    frame.render_widget(title(model, look, view.now_ms), bar);
    view.seen = (said.height, said.width);
    messages(frame, said, model, view, look);
    if has_people {
        frame.render_widget(people(model, beside, look, view.now_ms), beside);
    }
    frame.render_widget(status(model, editor, view, look), foot);
    let [prompt, input] = Layout::horizontal([Constraint::Length(2), Constraint::Min(0)]).areas(input);
    // What is typed is drawn even where it has no place.
    if !prompt.is_empty() && !input.is_empty() {
        frame.render_widget("> ", prompt);
        frame.render_widget(editor.widget(), input);
    }
    if view.has_help {
        help(frame, middle);
    }
    let over = frame.area();
    match (&view.code, place) {
        (Some(code), Some(Place::Beside)) => ticket(frame, coded, &code.drawn, CLOSES_BESIDE),
        (Some(code), Some(Place::Over)) => ticket(frame, over, &code.drawn, CLOSES),
        (Some(_), Some(Place::Nowhere) | None) | (None, _) => {}
    }
}

fn title<'a>(model: &Model, look: &Look, now_ms: u64) -> Paragraph<'a> {
    let (others, apart) = model.others();
    let here = others.saturating_add(1);
    let again = |else_words: &str| match model.next_try(now_ms) {
        Some(0) => ", trying now".into(),
        Some(seconds) => format!(", next try in {seconds} s"),
        None => else_words.to_string(),
    };
    let mut words = vec![if model.title.is_empty() { "tertulia".into() } else { escape::line(&model.title) }];
    match model.role {
        Some(Role::Host | Role::Attendee) => words.push("lecture".into()),
        Some(Role::Member) => words.push("room".into()),
        Some(Role::Friends) => {
            let with =
                model.with().map(|with| format!("friends \u{b7} with {} alone (/with: all)", escape::line(with)));
            words.push(with.unwrap_or_else(|| "friends".into()));
        }
        None => words.push(format!("on the way{}", again(""))),
    }
    if model.role != Some(Role::Friends) && model.role.is_some() {
        words.push(format!("{} here", here.saturating_add(model.unnamed)));
    }
    if model.role == Some(Role::Member) && apart > 0 {
        words.push(format!("{apart} of {others} not linked"));
    }
    words.extend(model.door().map(String::from));
    if model.is_listed() {
        words.push("listed".into());
    }
    if let Some((code, since)) = model.cut_off {
        // First: a narrow window ends before the last.
        let since = ago(now_ms.saturating_sub(since));
        words.insert(0, format!("CUT OFF ({code}) for {since}{}", again(", trying again")));
    }
    let style = if model.cut_off.is_some() { look.styled(Color::Red) } else { Style::new() };
    Paragraph::new(format!(" {}", words.join(" \u{b7} "))).style(style.add_modifier(Modifier::REVERSED))
}

/// The newest rows that fit, or those that many rows further up.
fn messages(frame: &mut Frame<'_>, area: Rect, model: &Model, view: &mut View, look: &Look) {
    let height = usize::from(area.height);
    let (mut rows, missing) = window(height, area.width, model, view, look);
    if missing > 0 && view.back > 0 {
        // Nobody looks further up than there is something.
        view.back = view.back.saturating_sub(missing);
        rows = window(height, area.width, model, view, look).0;
    }
    rows.reverse();
    frame.render_widget(Paragraph::new(rows), area);
}

/// The rows that are seen, the last first; and how many more there would be place for. What is further down is counted,
/// and not made.
fn window<'a>(height: usize, width: u16, model: &Model, view: &View, look: &Look) -> (Vec<Line<'a>>, usize) {
    let (mut rows, mut below): (Vec<Line<'_>>, usize) = (Vec::new(), view.back);
    let items = &model.items;
    for (at, item) in items.iter().enumerate().rev().filter(|(_, item)| model.shows(item)) {
        if rows.len() >= height {
            break;
        }
        let above = above(at, model, view, look);
        let number = model.first().saturating_add(at);
        let own = height_of(item, width, look).saturating_add(above.rows());
        if below >= own {
            below = below.saturating_sub(own);
            continue;
        }
        let mut own = item_rows(item, width, look);
        if view.search.as_ref().is_some_and(|search| search.at() == Some(number)) {
            own.iter_mut().take(1).for_each(mark);
        }
        if above.begins_day {
            let day = zoned(item.at_ms, look).strftime("%a %d %b %Y").to_string();
            own.insert(0, Line::styled(format!("\u{2014} {day} \u{2014}"), Style::new().add_modifier(Modifier::DIM)));
        }
        if above.is_new {
            let style = look.styled(Color::Yellow).add_modifier(Modifier::BOLD);
            own.insert(0, Line::styled("\u{2014} new \u{2014}", style));
        }
        own.truncate(own.len().saturating_sub(below));
        below = 0;
        rows.extend(own.into_iter().rev());
    }
    let missing = height.saturating_sub(rows.len()).saturating_add(below);
    rows.truncate(height);
    (rows, missing)
}

/// What stands over an item.
struct Above {
    begins_day: bool,
    is_new: bool,
}

impl Above {
    fn rows(&self) -> usize {
        usize::from(self.begins_day).saturating_add(usize::from(self.is_new))
    }
}

fn above(at: usize, model: &Model, view: &View, look: &Look) -> Above {
    let items = |to: usize| model.items.range(..to.min(model.items.len())).enumerate();
    let before = items(at).rev().find(|(_, item)| model.shows(item));
    let day = |item: &Item| day_of(item.at_ms, look);
    let is_after = |at: usize| view.left_at.is_some_and(|left_at| model.first().saturating_add(at) >= left_at);
    Above {
        begins_day: before.is_none_or(|(_, before)| model.items.get(at).map(day) != Some(day(before))),
        is_new: is_after(at) && !before.is_some_and(|(before, _)| is_after(before)),
    }
}

/// How many rows the last item has, with what stands over it.
pub(crate) fn last_height(model: &Model, view: &View, look: &Look) -> usize {
    let Some(item) = model.items.back().filter(|item| model.shows(item)) else { return 0 };
    let last = model.items.len().saturating_sub(1);
    height_of(item, view.seen.1, look).saturating_add(above(last, model, view, look).rows())
}

/// How many rows there are below this item, of all that there were.
pub(crate) fn rows_below(number: usize, model: &Model, view: &View, look: &Look) -> usize {
    let at = number.saturating_sub(model.first());
    let rows = |(at, item): (usize, &Item)| {
        height_of(item, view.seen.1, look).saturating_add(above(at, model, view, look).rows())
    };
    model.items.iter().enumerate().skip(at.saturating_add(1)).filter(|(_, item)| model.shows(item)).map(rows).sum()
}

/// Whoever looks for it sees where it is, without colours too.
fn mark(row: &mut Line<'_>) {
    if let Some(time) = row.spans.first_mut() {
        *time = Span::styled(format!("{}>", time.content.trim_end()), Style::new().add_modifier(Modifier::REVERSED));
    }
}

/// How many rows an item has.
pub(crate) fn height_of(item: &Item, width: u16, look: &Look) -> usize {
    let (before, rows) = item.rows.get();
    if before == width && rows > 0 {
        return rows;
    }
    let (head, _, text, _) = parts_of(item, look);
    let rows = wrap::rows(&format!("{head}{text}"), usize::from(width).saturating_sub(TIME_WIDTH)).len();
    item.rows.set((width, rows));
    rows
}

fn zoned(at_ms: u64, look: &Look) -> jiff::Zoned {
    let at = i64::try_from(at_ms).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(look.zone.clone())
}

fn day_of(at_ms: u64, look: &Look) -> jiff::civil::Date {
    zoned(at_ms, look).date()
}

/// What an item begins with, and what it says; and how both look.
fn parts_of(item: &Item, look: &Look) -> (String, Style, String, Style) {
    let dim = Style::new().add_modifier(Modifier::DIM);
    match &item.what {
        What::Told(words, tone) => {
            let style = match tone {
                Tone::Plain => dim,
                Tone::Caution => look.styled(Color::Yellow),
                Tone::Alarm => look.styled(Color::Red).add_modifier(Modifier::BOLD),
            };
            ("-- ".into(), style, words.clone(), style)
        }
        What::Said { from, key, manner, text, is_own, .. } => {
            let from = escape::line(from);
            // SPEC SHOW-4
            let is_question = matches!(manner, Manner::Question(_));
            let does = text.as_deref().and_then(words::does).filter(|_| !is_question);
            let named = if does.is_some() { format!("* {from} ") } else { format!("{from}: ") };
            let head = match manner {
                Manner::All => named,
                Manner::Question(asked) => format!("Question from {from}{asked}: "),
                Manner::Private(None) => format!("(private) {named}"),
                Manner::Private(Some(to)) => format!("(private, to {}) {named}", escape::line(to)),
            };
            let style = look.of_key(key);
            let style = if *is_own { style.add_modifier(Modifier::UNDERLINED) } else { style };
            let is_private = matches!(manner, Manner::Private(_));
            let text_style = if is_private { Style::new().add_modifier(Modifier::ITALIC) } else { Style::new() };
            match does.or(text.as_deref()) {
                Some(text) => (head, style, plain(text), text_style),
                None => (head, style, "[removed]".into(), dim),
            }
        }
    }
}

fn item_rows<'a>(item: &Item, width: u16, look: &Look) -> Vec<Line<'a>> {
    let dim = Style::new().add_modifier(Modifier::DIM);
    let (head, head_style, text, text_style) = parts_of(item, look);
    let whole = format!("{head}{text}");
    let time = zoned(item.at_ms, look).strftime("%H:%M ").to_string();
    let rows = wrap::rows(&whole, usize::from(width).saturating_sub(TIME_WIDTH));
    let line = |(number, row): (usize, std::ops::Range<usize>)| {
        let cut = head.len().clamp(row.start, row.end);
        let gutter = if number == 0 { time.clone() } else { " ".repeat(TIME_WIDTH) };
        let part = |range: std::ops::Range<usize>| whole.get(range).unwrap_or_default().to_string();
        Line::from(vec![
            Span::styled(gutter, dim),
            Span::styled(part(row.start..cut), head_style),
            Span::styled(part(cut..row.end), text_style),
        ])
    };
    rows.into_iter().enumerate().map(line).collect()
}

/// A text with its line breaks, and nothing in it that acts on a terminal: the rows under a name are its own.
fn plain(text: &str) -> String {
    escape::block(text).replace(&format!("\n{}", escape::CONTINUATION), "\n")
}

/// What is under the messages: what waits for an answer first.
fn status<'a>(model: &Model, editor: &Editor, view: &View, look: &Look) -> Paragraph<'a> {
    let mut words = Vec::new();
    words.extend(editor.hint().map(String::from));
    words.extend(view.search.as_ref().map(Search::words));
    words.extend(view.hint.clone());
    if view.back > 0 {
        words.push(format!("{} new below (End)", view.below));
    }
    if let Some(delivery) = model.delivery {
        let (have, of) = (delivery.have, delivery.of);
        words.push(match delivery.reach {
            Reach::Held => "held: it goes out when somebody is there".into(),
            Reach::Sent => format!("{have} of {of} have your last message"),
            Reach::All if of > 1 => format!("all {of} have your last message"),
            Reach::All => "your last message is there".into(),
        });
    }
    if words.is_empty() {
        words.push("F1: keys".into());
    }
    let style = look.styled(Color::Reset).add_modifier(Modifier::DIM);
    Paragraph::new(format!(" {}", words.join(" \u{b7} "))).style(style)
}

/// What stands under it.
const CLOSES: &str = "F3 copies the ticket, any key closes";
const CLOSES_BESIDE: &str = "F3 copies the ticket, Esc closes";

/// A ticket's code in the middle of an area, or what it needs.
fn ticket(frame: &mut Frame<'_>, area: Rect, code: &Drawn, closes: &str) {
    frame.render_widget(Clear, area);
    if let Err(why) = code.fits((area.width, area.height)) {
        let words = Paragraph::new(format!("{why}\n\n{closes}"));
        return frame.render_widget(words.wrap(Wrap { trim: true }), area);
    }
    let height = u16::try_from(code.rows.len()).unwrap_or(area.height);
    let rows = [Constraint::Fill(1), Constraint::Length(height), Constraint::Length(1), Constraint::Fill(1)];
    let [_, middle, foot, _] = Layout::vertical(rows).areas(area);
    let width = u16::try_from(code.width).unwrap_or(area.width);
    let [middle] = Layout::horizontal([Constraint::Length(width)]).flex(Flex::Center).areas(middle);
    let paper = Style::new().fg(Color::Black).bg(Color::White);
    frame.render_widget(Paragraph::new(code.rows.join("\n")).style(paper), middle);
    frame.render_widget(Paragraph::new(closes).centered(), foot);
}

const KEYS: [&str; 15] = [
    "Enter            send",
    "Alt-Enter        a new line",
    "Up, Down         what you have typed before",
    "Tab              the rest of a /word or a name",
    "PgUp, PgDn, End  scroll (the wheel, too); back to the newest",
    "/search WORDS    find them; n and N: older, newer",
    "Ctrl-A, Ctrl-E   begin and end of the line",
    "Ctrl-W, Ctrl-U   delete a word; up to the begin",
    "Ctrl-_           undo",
    "Ctrl-C           clear the line; on an empty one: leave",
    "F2               show or hide who is here",
    "F3               copy the ticket, if the terminal takes it",
    "F4               the mouse marks text, or its wheel scrolls",
    "Ctrl-L, Ctrl-Z   draw again; pause (fg goes on)",
    "/help            what can be typed",
];

fn help(frame: &mut Frame<'_>, area: Rect) {
    let height = u16::try_from(KEYS.len()).unwrap_or(0).saturating_add(2).min(area.height);
    let width = 60.min(area.width);
    let over = Rect { x: area.x, y: area.bottom().saturating_sub(height), width, height };
    if over.is_empty() {
        return;
    }
    frame.render_widget(Clear, over);
    let room = usize::from(height.saturating_sub(2));
    let shown = if room < KEYS.len() { room.saturating_sub(1) } else { room };
    let more = KEYS.len().saturating_sub(shown);
    let more = (more > 0).then(|| Line::raw(format!("{more} more, in a window with more rows")));
    let lines: Vec<Line<'_>> = KEYS.iter().take(shown).map(|key| Line::raw(*key)).chain(more).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys (F1 closes) ")), over);
}
