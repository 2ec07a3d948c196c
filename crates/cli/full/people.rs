//! Who is here, who waits to be let in, and what friends have written.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};
use tertulia_core::event::{Member, State};

use super::look::Look;
use super::model::{Knock, Model, Talk};
use crate::escape;
use crate::words;

/// So much of a key is read out to know whose it is.
const KEY_DIGITS: usize = 8;

/// The column beside what was said.
pub(crate) fn people<'a>(model: &Model, area: Rect, look: &Look, now_ms: u64) -> Paragraph<'a> {
    let room = usize::from(area.height).max(1);
    let mut lines: Vec<Line<'_>> = Vec::new();
    if !model.knocking.is_empty() {
        lines.push(Line::styled(format!("{} at the door:", model.knocking.len()), Modifier::BOLD));
        // Who is inside keeps half of the place.
        let waiting = model.knocking.iter().flat_map(|knock| at_the_door(knock, look, now_ms));
        lines.extend(waiting.take((room / 2).max(1)));
        lines.push(Line::default());
    }
    let left = room.saturating_sub(lines.len());
    let here: Vec<Line<'_>> = model.people.iter().take(room).flat_map(|member| inside(member, model, look)).collect();
    let shown = if here.len() > left || model.people.len() > room { left.saturating_sub(1) } else { here.len() };
    let more = model.people.len().saturating_sub(here.iter().take(shown).filter(|line| is_name(line)).count());
    lines.extend(here.into_iter().take(shown));
    if more > 0 {
        lines.push(Line::raw(format!("and {more} more")));
    }
    Paragraph::new(lines).block(Block::new().borders(Borders::LEFT))
}

/// What is under a name is moved in.
fn is_name(line: &Line<'_>) -> bool {
    line.spans.first().is_some_and(|span| !span.content.starts_with(' '))
}

fn at_the_door<'a>(knock: &Knock, look: &Look, now_ms: u64) -> [Line<'a>; 2] {
    let waits = ago(now_ms.saturating_sub(knock.at_ms));
    let name = Span::styled(escape::line(&knock.name), look.of_key(&knock.key));
    let key = knock.key.to_hex();
    let key = key.get(..KEY_DIGITS).unwrap_or_default();
    let under = format!(" {key} {}", escape::line(&knock.note));
    [Line::from(vec![name, Span::raw(format!(" {waits}"))]), Line::styled(under.trim_end().to_string(), Modifier::DIM)]
}

fn mark_of(is_so: bool, mark: &str) -> String {
    if is_so { mark.into() } else { String::new() }
}

fn inside<'a>(member: &Member, model: &Model, look: &Look) -> Vec<Line<'a>> {
    let mark = match member.state {
        State::You => " (you)",
        State::Linked => "",
        State::Bridged => " (over others)",
        State::Away => " (away)",
    };
    let style = look.of_key(&member.key);
    let style = if member.state == State::Away { style.add_modifier(Modifier::DIM) } else { style };
    let talk = model.talk(&member.key);
    let unread = talk.map(|talk| talk.unread).filter(|unread| *unread > 0);
    let unread = unread.map(|unread| Span::styled(format!(" {unread} new"), Style::new().add_modifier(Modifier::BOLD)));
    let marks = [mark.to_string(), mark_of(member.is_host, " (host)"), mark_of(member.is_muted, " (muted)")].concat();
    let name = vec![Span::styled(escape::line(&member.name), style), Span::raw(marks)];
    let name = Line::from_iter(name.into_iter().chain(unread));
    // SPEC SHOW-4
    let last = talk.and_then(Talk::last);
    let last = last
        .map(|last| words::does(last).map_or_else(|| escape::line(last), |does| format!("* {}", escape::line(does))));
    let last = last.map(|last| Line::styled(format!(" {last}"), Modifier::DIM));
    std::iter::once(name).chain(last).collect()
}

/// For how long something is so, roughly.
pub(crate) fn ago(since_ms: u64) -> String {
    match since_ms / 1_000 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}
