//! What the screen's thread does: takes news and keys, draws, and hands on what was typed.

use std::collections::VecDeque;
use std::io::{self, Stdout};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use crossterm::event::{Event as Key, KeyCode, KeyEventKind, KeyModifiers, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tertulia_core::command::Command;
use tertulia_core::event::{Event, Role, State};
use tokio::sync::mpsc::error::TrySendError;

use super::draw::{self, Invitation, Place, View};
use super::editor::{Act, Editor};
use super::keys::Sent;
use super::look::Look;
use super::model::Model;
use super::search::Search;
use super::terminal;
use crate::console::{self, Wish};
use crate::escape;
use crate::input::{self, Sender, Typed, Verdict};
use crate::news::Update;
use crate::output::{Plain, Sink as _, Stream};
use crate::qr::Drawn;

/// The screen is drawn no more often.
const FRAME: Duration = Duration::from_millis(16);
/// How soon it is seen that a text was taken.
const VERDICT: Duration = Duration::from_millis(5);
/// Keys and news that are taken between two drawings.
const INPUTS_MAX: usize = 1_024;
/// What counts seconds is drawn as often.
const CLOCK: Duration = Duration::from_secs(1);
/// Rows that a wheel goes.
const WHEEL: usize = 3;
/// Texts that wait to be taken.
const OUTGOING_MAX: usize = 64;

/// What the thread waits for.
pub(crate) enum Input {
    /// Something new, and who wants to know that it is drawn.
    News(Vec<Update>, SyncSender<io::Result<()>>),
    /// Something from the terminal.
    Sent(Sent),
    /// No more keys will come.
    NoKeys,
    /// Nothing more will be told.
    Over(SyncSender<()>),
}

/// The screen, and all that is on it.
pub(crate) struct Loop {
    screen: Terminal<CrosstermBackend<Stdout>>,
    look: Look,
    typed: Sender,
    model: Model,
    editor: Editor,
    view: View,
    /// What the session has no place for yet.
    outgoing: VecDeque<Typed>,
    /// A text of which it is not known yet whether it was taken.
    asked: Option<(String, mpsc::Receiver<Verdict>)>,
    /// Who waits for the next drawing.
    undrawn: Vec<SyncSender<io::Result<()>>>,
    is_dirty: bool,
    /// A key was pressed, and what it does is not drawn yet.
    is_typed: bool,
    is_over: bool,
}

impl Loop {
    /// An empty one; what is finished goes to `typed`.
    pub(crate) fn new(screen: Terminal<CrosstermBackend<Stdout>>, look: Look, typed: Sender) -> Self {
        Self {
            screen,
            look,
            typed,
            model: Model::default(),
            editor: Editor::default(),
            view: View::default(),
            outgoing: VecDeque::new(),
            asked: None,
            undrawn: Vec::new(),
            is_dirty: true,
            is_typed: false,
            is_over: false,
        }
    }

    /// Until there is nobody to be told anything.
    pub(crate) fn run(mut self, told: &mpsc::Receiver<Input>) {
        let mut drawn = Instant::now().checked_sub(FRAME).unwrap_or_else(Instant::now);
        loop {
            self.settle_asked();
            self.send();
            let left = FRAME.saturating_sub(drawn.elapsed());
            // Whoever types sees it at once; what others say comes with the next frame.
            if self.is_dirty && (left.is_zero() || self.is_typed) {
                self.draw();
                drawn = Instant::now();
            }
            let patience = match (self.is_dirty, self.asked.is_some() || !self.outgoing.is_empty()) {
                (true, _) => left,
                (false, true) => VERDICT,
                (false, false) => CLOCK,
            };
            match told.recv_timeout(patience) {
                Ok(input) => self.on(input),
                Err(RecvTimeoutError::Timeout) => self.is_dirty |= self.model.counts_time(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // However long it takes to draw, what waits is taken first.
            for input in told.try_iter().take(INPUTS_MAX) {
                if self.is_over {
                    break;
                }
                self.on(input);
            }
            if self.is_over {
                return;
            }
        }
    }

    fn on(&mut self, input: Input) {
        self.is_dirty = true;
        match input {
            Input::News(news, drawn) => {
                for update in news {
                    self.take(update);
                }
                self.undrawn.push(drawn);
            }
            Input::Sent(Sent::Key(key)) => self.on_key(key),
            Input::Sent(Sent::NotText) => self.editor.doubt(),
            Input::NoKeys => self.outgoing.push_back(Typed::End),
            Input::Over(done) => {
                self.part();
                self.is_over = true;
                let _ = done.send(());
            }
        }
    }

    /// Gives the terminal back, and tells there what is to be known.
    fn part(&mut self) {
        terminal::restore();
        let mut words: String = self.model.last_words().iter().map(|words| format!("-- {words}\n")).collect();
        words.extend(self.unsent().iter().map(|text| format!("-- not sent: {}\n", escape::block(text))));
        // A terminal that takes nothing is told nothing.
        let _ = Plain.write(Stream::Out, &words, Vec::new());
    }

    /// What was typed, and nobody has taken.
    fn unsent(&mut self) -> Vec<String> {
        let asked = self.asked.take().filter(|(_, told)| told.try_recv().is_err()).map(|(text, _)| text);
        let outgoing = self.outgoing.drain(..);
        let lines = outgoing.filter_map(|typed| if let Typed::Line(text, _) = typed { Some(text) } else { None });
        let typed = Some(self.editor.text()).filter(|text| !text.trim().is_empty());
        asked.into_iter().chain(lines).chain(typed).collect()
    }

    fn take(&mut self, mut update: Update) {
        let asked = if let Some(Event::Ticket { ticket, .. }) = update.event.as_deref() { Some(ticket) } else { None };
        if let Some(ticket) = asked.or(update.invitation.as_ref()) {
            let drawn = Drawn::of(ticket, self.look.has_colour);
            let (is_asked, place) = (asked.is_some(), Place::Nowhere);
            self.view.code = drawn.map(|drawn| Invitation { drawn, is_asked, place });
        }
        if let Some(call) = update.call.take().filter(|_| self.view.is_elsewhere || self.view.is_away) {
            terminal::ring(&call);
        }
        let is_here = !self.view.is_elsewhere && !self.view.is_away && self.view.back == 0;
        let is_seen = is_here || update.is_earlier;
        let added = self.model.take(update, is_seen);
        if added > 0 && self.view.back > 0 {
            // Whoever looks further up goes on seeing the same.
            let rows = draw::last_height(&self.model, &self.view, &self.look);
            self.view.back = self.view.back.saturating_add(rows);
            self.view.below = self.view.below.saturating_add(added);
        }
    }

    fn draw(&mut self) {
        self.view.now_ms = tertulia_net::unix_ms();
        let Self { screen, model, editor, view, look, .. } = self;
        // Another thread has panicked, and given the terminal back.
        let is_on = terminal::is_on().then_some(()).ok_or(io::ErrorKind::BrokenPipe.into());
        let done = is_on.and_then(|()| screen.draw(|frame| draw::draw(frame, model, editor, view, look)).map(drop));
        for waiting in self.undrawn.drain(..) {
            let told = done.as_ref().copied().map_err(|error| error.kind().into());
            // Whoever waits for it may have given up.
            let _ = waiting.send(told);
        }
        (self.is_dirty, self.is_typed) = (false, false);
    }

    /// Whether a key does nothing but take a code away. What is typed is never lost.
    fn closes_code(&mut self, key: &Key) -> bool {
        let Some(place) = self.view.code.as_ref().map(|code| code.place) else { return false };
        let is_escape = matches!(key, Key::Key(key) if key.code == KeyCode::Esc);
        if place != Place::Over {
            // It is in nobody's way.
            let closes = is_escape && place == Place::Beside && self.view.search.is_none();
            self.view.code.take_if(|_| closes);
            return closes;
        }
        let is_typed = match key {
            Key::Key(key) => {
                key.code == KeyCode::F(3)
                    || matches!(key.code, KeyCode::Char(_)) && !key.modifiers.contains(KeyModifiers::CONTROL)
            }
            Key::Paste(_) => true,
            Key::Resize(..) | Key::FocusGained | Key::FocusLost | Key::Mouse(_) => return false,
        };
        self.view.code.take().is_some() && !is_typed
    }

    fn on_key(&mut self, key: Key) {
        self.is_typed = true;
        // Some terminals tell of keys that are let go, too.
        let is_release = matches!(&key, Key::Key(key) if key.kind == KeyEventKind::Release);
        if is_release || self.closes_code(&key) {
            return;
        }
        if self.is_view(&key) {
            return;
        }
        if matches!(key, Key::Key(_) | Key::Paste(_)) {
            // Whoever types is here.
            self.view.is_away = false;
        }
        match key {
            Key::Key(key) => {
                let model = &self.model;
                let act = self.editor.key(key, |typed, is_first| completions(model, typed, is_first));
                self.act(act);
            }
            Key::Paste(text) => self.editor.paste(&text),
            Key::FocusLost => self.look_away(),
            Key::FocusGained => self.view.is_elsewhere = false,
            Key::Mouse(mouse) if mouse.kind == MouseEventKind::ScrollUp => self.scroll(true, WHEEL),
            Key::Mouse(mouse) if mouse.kind == MouseEventKind::ScrollDown => self.scroll(false, WHEEL),
            // Made smaller and as large as before between two looks, a window has lost what it showed.
            Key::Resize(..) => self.redraw(),
            Key::Mouse(_) => {}
        }
    }

    /// Whether a key is for what is looked at, and not for what is typed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other keys are the editor's")]
    fn is_view(&mut self, key: &Key) -> bool {
        let Key::Key(key) = key else { return false };
        self.view.hint = None;
        if self.view.back > 0 && key.code == KeyCode::End {
            self.view.search = None;
            self.newest();
            return true;
        }
        let Some(search) = &mut self.view.search else { return false };
        let is_letter = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match key.code {
            KeyCode::Char(letter @ ('n' | 'N')) if is_letter && self.editor.is_empty() => {
                search.go(letter == 'n', &self.model);
                self.show_found();
                true
            }
            // Whoever types has found it: all letters are the text's again.
            KeyCode::Char(_) if is_letter => {
                self.view.search = None;
                false
            }
            KeyCode::Esc => {
                self.view.search = None;
                true
            }
            // The text that is found stays where it is while one looks round, or answers.
            _ => false,
        }
    }

    /// Has what was found in the middle of the window.
    fn show_found(&mut self) {
        let Some(found) = self.view.search.as_ref().and_then(Search::at) else { return };
        let below = draw::rows_below(found, &self.model, &self.view, &self.look);
        self.view.back = below.saturating_sub(usize::from(self.view.seen.0 / 2));
        self.view.below = 0;
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::None => {}
            Act::Send(text) if self.outgoing.len() >= OUTGOING_MAX => self.editor.hand_back(&text),
            Act::Send(text) => self.finish(text),
            Act::Cleared => self.outgoing.push_back(Typed::Cleared),
            Act::Interrupt if !input::is_read() => {
                self.part();
                std::process::exit(1);
            }
            Act::Interrupt => self.outgoing.push_back(Typed::Interrupt),
            Act::End => self.outgoing.push_back(Typed::End),
            Act::Scroll(is_up) => self.scroll(is_up, usize::from(self.view.seen.0.saturating_sub(2).max(1))),
            Act::Suspend => self.suspend(),
            Act::Redraw => self.redraw(),
            Act::Help => self.view.has_help = !self.view.has_help,
            Act::People => self.view.hides_people = !self.view.hides_people,
            Act::Copy => self.copy(),
            Act::Mouse => {
                self.view.leaves_mouse = !self.view.leaves_mouse;
                let hint = if self.view.leaves_mouse { "the mouse marks text" } else { "the wheel scrolls" };
                self.view.hint = terminal::mouse(!self.view.leaves_mouse).is_ok().then(|| hint.into());
            }
        }
    }

    /// A text is finished: what is only for this screen is done here.
    fn finish(&mut self, text: String) {
        let wish = console::parse(&text, self.model.role.unwrap_or(Role::Member), |_| false);
        match wish {
            Ok(Some(Wish::With(name))) => {
                let is_known = self.model.show_with(name.as_deref());
                let unknown =
                    || format!("no friend of yours is called {}", escape::line(name.as_deref().unwrap_or("")));
                self.newest();
                (self.view.search, self.view.hint) = (None, (!is_known).then(unknown));
                self.editor.remember(text);
            }
            Ok(Some(Wish::Search(words))) => {
                self.view.search = Some(Search::new(&words, &self.model));
                self.show_found();
                self.editor.remember(text);
            }
            Ok(Some(Wish::Away)) => {
                let is_elsewhere = self.view.is_elsewhere;
                self.look_away();
                (self.view.is_away, self.view.is_elsewhere) = (true, is_elsewhere);
                self.view.hint = Some("away: you are called until you type again".into());
                self.editor.remember(text);
            }
            Ok(wish) => {
                let is_said = matches!(wish, Some(Wish::Do(Command::Say { .. } | Command::Msg { .. })));
                let is_held = is_said && self.model.cut_off.is_some();
                self.view.hint = is_held.then(|| "held: it goes out once you are back".into());
                self.hand_over(text);
            }
            Err(_) => self.hand_over(text),
        }
    }

    fn hand_over(&mut self, text: String) {
        (self.view.left_at, self.view.search) = (None, None);
        self.newest();
        self.outgoing.push_back(Typed::Line(self.model.addressed(text), None));
    }

    fn copy(&mut self) {
        let copied = self.model.ticket.as_ref().map(|ticket| terminal::copy(ticket).is_ok());
        self.view.hint = Some(match copied {
            Some(true) => "the ticket is copied, if your terminal takes it".into(),
            Some(false) => "the terminal takes nothing".into(),
            None => "there is no ticket here".into(),
        });
    }

    /// What comes from now on is new; it stays so while the user is away, or looks at what is older.
    fn look_away(&mut self) {
        let is_first = self.view.back == 0 || self.view.left_at.is_none();
        if is_first && !self.view.is_away {
            self.view.left_at = Some(self.model.total);
        }
        self.view.is_elsewhere = true;
    }

    fn newest(&mut self) {
        (self.view.back, self.view.below) = (0, 0);
        if !self.view.is_elsewhere && !self.view.is_away {
            self.model.all_read();
        }
    }

    fn scroll(&mut self, is_up: bool, rows: usize) {
        self.view.back = if is_up { self.view.back.saturating_add(rows) } else { self.view.back.saturating_sub(rows) };
        if self.view.back == 0 {
            self.newest();
        }
    }

    /// Gives the terminal back until the shell says to go on.
    fn suspend(&mut self) {
        terminal::restore();
        terminal::stop_here();
        if terminal::enter(!self.view.leaves_mouse).is_ok() {
            self.redraw();
        }
    }

    /// Draws everything anew. To ask the terminal where its cursor is, as clearing does, is to wait for who reads the keys.
    fn redraw(&mut self) {
        if let Ok(screen) = terminal::clear().and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout()))) {
            self.screen = screen;
        }
    }

    /// Hands on what was typed, one text at a time: each may be refused.
    fn send(&mut self) {
        while self.asked.is_none()
            && let Some(typed) = self.outgoing.pop_front()
        {
            let (typed, asked) = if let Typed::Line(text, _) = typed {
                let (verdict, told) = mpsc::sync_channel(1);
                (Typed::Line(text.clone(), Some(verdict)), Some((text, told)))
            } else {
                (typed, None)
            };
            match self.typed.try_send(typed) {
                Ok(()) => self.asked = asked,
                Err(TrySendError::Full(typed)) => return self.outgoing.push_front(typed),
                Err(TrySendError::Closed(_)) => return,
            }
        }
    }

    fn settle_asked(&mut self) {
        let Some((text, told)) = self.asked.take() else { return };
        match told.try_recv() {
            Err(TryRecvError::Empty) => self.asked = Some((text, told)),
            // Taken or not, it is under the arrow key, and in nobody's way.
            Ok(_) | Err(TryRecvError::Disconnected) => self.editor.remember(text),
        }
    }
}

/// What a word that is being typed may become; `is_first`: it begins the line.
fn completions(model: &Model, typed: &str, is_first: bool) -> Vec<String> {
    let slashed = is_first.then(|| model.role.map(console::slashes)).flatten().into_iter().flatten();
    let slashed = slashed.map(|word| format!("{word} "));
    // Among friends a line begins with NAME/.
    let behind = if is_first && model.role == Some(Role::Friends) { '/' } else { ' ' };
    let others = model.people.iter().filter(|member| member.state != State::You).map(|member| &member.name);
    let knocking = model.knocking.iter().map(|knock| &knock.name);
    let names = others.chain(knocking).map(|name| format!("{name}{behind}"));
    let mut words: Vec<String> = slashed.chain(names).filter(|word| word.starts_with(typed)).collect();
    words.sort();
    words.dedup();
    words
}
