//! The task that owns a machine: what happens goes in, and what comes out is done, in order.
//!
//! It awaits nobody while it works: neither a peer's queue nor the user's. Whatever a peer does to be waited for, waits
//! in that peer's own connection.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::{Ending, Event, Notice};
use tertulia_core::feed::Packer;
use tertulia_core::id::{CommandId, DialId, LinkId, Source};
use tertulia_core::limits::CLOSE_TIMEOUT;
use tertulia_core::link::{Link, LinkEvent};
use tertulia_core::log::Held;
use tertulia_core::machine::{Input, Machine, OtherEnd, Output};
use tertulia_core::time::Now;
use tertulia_core::trace::LinkStep;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet, yield_now};
use tokio::time::{sleep_until, timeout};

use crate::connection::{Channel, Task};
use crate::dial;
use crate::error::Error;
use crate::handle::{BYTES_AT_ONCE, Handle, Said};
use crate::home::Home;
use crate::listener::{self, Arrival, first_to_go};
use crate::pace::Pace;
use crate::shared::Shared;
use crate::store::Store;

/// Newcomers that the driver has not met.
const DOOR: usize = 256;
/// What one turn takes in before others have theirs: a thousand attendees in one process must all get to read.
const EVENTS_A_TURN: usize = 128;
/// What the user has said is taken in at once, as far as it is there, and in a lecture up to what one write takes: it goes
/// out together.
const WISHES_A_TURN: usize = 256;
/// For so many outputs of a machine the room is kept.
const OUTPUTS_KEPT: usize = 256;
/// How often a computer that was asleep is looked for: its timers have slept too.
const WATCH: Duration = Duration::from_secs(1);

/// The task of a connection, whether its link still stands or not.
struct Running {
    task: AbortHandle,
    source: Source,
    dialled: bool,
}

/// A link as the driver sees it.
struct Known {
    handle: Arc<Handle>,
    /// The machine has been told of it.
    is_up: bool,
    /// Appended entries are its task's business.
    follows: bool,
    /// Its task has something to do.
    is_touched: bool,
}

/// What a dial was for, and what came of it.
struct Dialled {
    id: DialId,
    result: Result<Box<Channel>, Code>,
}

pub(crate) struct Driver {
    machine: Box<dyn Machine + Send>,
    shared: Arc<Shared>,
    store: Store,
    events: mpsc::UnboundedSender<Vec<Event>>,
    links: BTreeMap<LinkId, Known>,
    next_link: u64,
    /// The feed's head: only this task appends.
    head: u64,
    /// What goes to the feed once the disk has been handed what came before: the entry, its position, and below which one
    /// talk is let go.
    unfed: Vec<(Arc<Held>, u64, u64)>,
    connections: JoinSet<LinkId>,
    /// Invariant: the tasks of `connections` that have not ended.
    running: BTreeMap<LinkId, Running>,
    dials: JoinSet<Dialled>,
    door: mpsc::Sender<Arrival>,
    arrivals: mpsc::Receiver<Arrival>,
    /// Bounded by the connections: each reads no further ahead than `EVENTS_AHEAD`.
    inbox: mpsc::UnboundedSender<Said>,
    messages: mpsc::UnboundedReceiver<Said>,
    outputs: Vec<Output>,
    /// What the user is told once the disk knows it; and how much of it tells of nothing that the disk does not know.
    told: Vec<Event>,
    kept: usize,
    /// Links whose tasks have something to do, besides those that follow what is appended.
    touched: Vec<LinkId>,
    /// Bytes that were appended and have not been pushed.
    appended: usize,
    pace: Pace,
    end: Option<Result<(), Error>>,
    slept: Duration,
    trace_failed: bool,
}

impl Driver {
    pub(crate) fn new(
        machine: Box<dyn Machine + Send>,
        shared: Arc<Shared>,
        home: Option<Home>,
        events: mpsc::UnboundedSender<Vec<Event>>,
    ) -> Self {
        let (door, arrivals) = mpsc::channel(DOOR);
        let (inbox, messages) = mpsc::unbounded_channel();
        Self {
            machine,
            shared,
            store: Store::new(home),
            events,
            links: BTreeMap::new(),
            next_link: 1,
            head: 0,
            unfed: Vec::new(),
            connections: JoinSet::new(),
            running: BTreeMap::new(),
            dials: JoinSet::new(),
            door,
            arrivals,
            inbox,
            messages,
            outputs: Vec::new(),
            told: Vec::new(),
            kept: 0,
            touched: Vec::new(),
            appended: 0,
            pace: Pace::default(),
            end: None,
            slept: Duration::ZERO,
            trace_failed: false,
        }
    }

    pub(crate) async fn run(
        mut self,
        listener: Option<TcpListener>,
        mut wishes: mpsc::UnboundedReceiver<(CommandId, Command)>,
    ) -> Result<(), Error> {
        let mut listening = JoinSet::new();
        if let Some(listener) = listener {
            listening.spawn(listener::run(listener, Arc::clone(&self.shared), self.door.clone()));
        }
        let mut has_user = true;
        self.input(Input::Start, self.shared.clock.now());
        loop {
            let deadline = self.settle();
            if self.end.is_some() {
                break;
            }
            let waits = self.pace.waits_until(self.shared.clock.tick());
            let deadline = waits.map_or(deadline, |until| deadline.min(self.shared.clock.runtime(until)));
            tokio::select! {
                Some(said) = self.messages.recv() => {
                    if self.take_turn(said) == EVENTS_A_TURN {
                        yield_now().await;
                    }
                }
                Some(arrival) = self.arrivals.recv() => self.on_arrival(arrival),
                wish = wishes.recv(), if has_user && waits.is_none() => {
                    has_user = wish.is_some();
                    // Nobody is there any more to want anything.
                    let (id, command) = wish.unwrap_or((CommandId(0), Command::Stop));
                    let now = self.shared.clock.now();
                    self.pace.go_on();
                    self.input(Input::Command { id, command }, now);
                    let mut taken = 1;
                    let has_room = |taken, appended| taken < WISHES_A_TURN && appended < BYTES_AT_ONCE;
                    while has_room(taken, self.appended) && let Ok((id, command)) = wishes.try_recv() {
                        taken = taken.saturating_add(1);
                        self.input(Input::Command { id, command }, now);
                    }
                    if !has_room(taken, self.appended) {
                        yield_now().await;
                    }
                }
                Some(Ok(dialled)) = self.dials.join_next() => self.on_dialled(dialled),
                Some(ended) = self.connections.join_next() => {
                    // One that was aborted is not there any more.
                    match ended {
                        Ok(link) => drop(self.running.remove(&link)),
                        Err(error) => self.on_fault(&error),
                    }
                }
                () = sleep_until(deadline) => {}
            }
        }
        // Waited for: who has ended holds no port, and nobody new is let in.
        listening.shutdown().await;
        self.finish().await
    }

    /// After a batch: what is due, then everybody who has something to do. When to be back at the latest.
    fn settle(&mut self) -> tokio::time::Instant {
        let slept = self.shared.clock.slept();
        let has_slept = std::mem::replace(&mut self.slept, slept) < slept;
        let now = self.shared.clock.now();
        if self.end.is_none() && self.machine.poll_timeout().is_some_and(|deadline| deadline <= now.tick) {
            self.machine.handle_timeout(now, &mut self.outputs);
            self.execute(now);
        }
        // Its user first: a turn that goes out to thousands takes a while.
        self.hand_over();
        if has_slept {
            self.links.values().for_each(|known| known.handle.wake.notify_one());
        }
        self.push(now);
        self.check_trace();
        let watch = now.tick.after(WATCH);
        self.shared.clock.runtime(self.machine.poll_timeout().map_or(watch, |deadline| deadline.min(watch)))
    }

    /// Writes to everybody who has something to be sent.
    fn push(&mut self, now: Now) {
        let Self { links, pace, shared, touched, appended, .. } = self;
        let feed = shared.feed();
        let mut packer = Packer::new(&*feed);
        let mut push = |id: LinkId, known: &mut Known| {
            known.is_touched = false;
            let late_at = known.handle.push(&mut packer, shared, now.tick);
            match late_at.and_then(|at| pace.judge(id, at, now.tick)) {
                Some(goal) => known.handle.await_position(goal),
                None => pace.forget(id),
            }
        };
        if take(appended) > 0 {
            touched.clear();
            let due = links.iter_mut().filter(|(_, known)| known.follows || known.is_touched);
            due.for_each(|(id, known)| push(*id, known));
        }
        for id in touched.drain(..) {
            links.get_mut(&id).into_iter().for_each(|known| push(id, known));
        }
    }

    fn forget(&mut self, link: LinkId) -> Option<Known> {
        self.pace.forget(link);
        self.links.remove(&link)
    }

    /// A link has come as far as its node has waited for; the node may be further ahead of it again.
    fn arrived(&mut self, handle: &Handle, now: Now) {
        let at = handle.line().keeps_up_at().filter(|_| self.links.contains_key(&handle.id));
        match at.and_then(|at| self.pace.judge(handle.id, at, now.tick)) {
            Some(goal) => handle.await_position(goal),
            None => self.pace.forget(handle.id),
        }
    }

    /// The task of a connection has failed: nobody reads it any more.
    fn on_fault(&mut self, error: &JoinError) {
        let failed = |running: &Running| running.task.id() == error.id();
        let link = self.running.iter().find(|(_, running)| failed(running)).map(|(link, _)| *link);
        link.into_iter().for_each(|link| self.cut(link));
    }

    /// Has a link do something, and its task write what comes of it.
    fn touch(&mut self, id: LinkId, act: impl FnOnce(&mut Link, &Shared)) {
        let Some(known) = self.links.get_mut(&id) else { return };
        known.handle.link(|link| act(link, &self.shared));
        if !std::mem::replace(&mut known.is_touched, true) {
            self.touched.push(id);
        }
    }

    fn check_trace(&mut self) {
        let Some(trace) = self.shared.trace.as_ref().filter(|_| !self.trace_failed && self.end.is_none()) else {
            return;
        };
        trace.flush();
        if let Some(error) = trace.failure() {
            self.trace_failed = true;
            self.tell(Event::Warning(Notice::Untraced(error.to_string())));
            self.hand_over();
        }
    }

    /// Takes in what was `said` and what else has come; how many events that was, at most `EVENTS_A_TURN`.
    fn take_turn(&mut self, said: Said) -> usize {
        let now = self.shared.clock.now();
        let (mut taken, mut said) = (0_usize, Ok(said));
        while let Ok(Said { handle, events, has_arrived }) = said {
            taken = taken.saturating_add(events.len());
            if let Some(end) = handle.end() {
                events.iter().for_each(|event| self.on_link(handle.id, end, event, now));
            }
            handle.taken(events.len());
            if has_arrived {
                self.arrived(&handle, now);
            }
            if taken >= EVENTS_A_TURN {
                return EVENTS_A_TURN;
            }
            said = self.messages.try_recv();
        }
        taken
    }

    fn on_arrival(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Accepted(channel) => self.add(*channel, None),
            Arrival::Tell(event) => self.tell(event),
            Arrival::Scarce { handshakes, answer } => {
                let stranger = self.stranger(handshakes);
                // Fails once nobody listens any more.
                let _ = answer.send(stranger.is_some());
                stranger.into_iter().for_each(|link| self.cut(link));
            }
        }
    }

    /// Who goes of those who have not been let in, or whose link is over and who hold on to the connection.
    fn stranger(&self, handshakes: usize) -> Option<LinkId> {
        let is_in = |link: &LinkId| self.links.contains_key(link) && self.machine.has_let_in(*link);
        let accepted = self.running.iter().filter(|(_, running)| !running.dialled);
        let strangers = accepted.filter(|(link, _)| !is_in(link)).map(|(link, running)| (*link, running.source));
        let strangers: Vec<(LinkId, Source)> = strangers.collect();
        first_to_go(&strangers).copied().filter(|_| strangers.len() > handshakes)
    }

    /// Ends a connection without a word.
    fn cut(&mut self, link: LinkId) {
        if let Some(running) = self.running.remove(&link) {
            running.task.abort();
        }
        let Some(known) = self.forget(link) else { return };
        if let Some(trace) = &self.shared.trace {
            trace.link(link, LinkStep::Down(Code::Cut));
        }
        if known.is_up {
            self.input(Input::Down { link, code: Code::Cut }, self.shared.clock.now());
        }
    }

    fn on_link(&mut self, link: LinkId, end: OtherEnd, event: &LinkEvent, now: Now) {
        // A link that the machine has closed is none of its business any more.
        let Some(known) = self.links.get_mut(&link) else { return };
        let input = Input::of_link(event, link, end, known.is_up);
        match event {
            LinkEvent::Up { .. } => {
                known.is_up = true;
                if let Some(trace) = &self.shared.trace {
                    trace.link(link, LinkStep::Up(end.peer));
                }
            }
            LinkEvent::Frame(_) => {}
            LinkEvent::Down { code, .. } => {
                self.forget(link);
                if let Some(trace) = &self.shared.trace {
                    trace.link(link, LinkStep::Down(*code));
                }
            }
        }
        if let Some(input) = input {
            self.input(input, now);
        }
    }

    fn on_dialled(&mut self, dialled: Dialled) {
        let Dialled { id, result } = dialled;
        match result {
            Ok(channel) => self.add(*channel, Some(id)),
            Err(code) => self.input(Input::Unreachable { dial: id, code }, self.shared.clock.now()),
        }
    }

    /// Gives a connection its number and its task.
    fn add(&mut self, channel: Channel, dial: Option<DialId>) {
        let id = LinkId(self.next_link);
        self.next_link = self.next_link.saturating_add(1);
        let Channel { carrier, connection } = channel;
        let source = Source::of(carrier.address().ip());
        let handle = Arc::new(Handle::new(id, carrier, connection, dial));
        if let Some(trace) = &self.shared.trace {
            trace.link(id, if dial.is_some() { LinkStep::Dialled } else { LinkStep::Accepted });
        }
        let (shared, inbox) = (Arc::clone(&self.shared), self.inbox.clone());
        let task = Task { shared, handle: Arc::clone(&handle), inbox };
        let task = self.connections.spawn(async move { task.run().await });
        self.running.insert(id, Running { task, source, dialled: dial.is_some() });
        self.links.insert(id, Known { handle, is_up: false, follows: false, is_touched: false });
    }

    fn input(&mut self, input: Input<'_>, now: Now) {
        if self.end.is_none() {
            self.machine.handle(input, now, &mut self.outputs);
            self.execute(now);
        }
    }

    fn execute(&mut self, now: Now) {
        let mut outputs = take(&mut self.outputs);
        for output in outputs.drain(..) {
            if self.end.is_none() {
                self.perform(output, now);
            }
        }
        // What went to thousands at once leaves no room for as many behind.
        if outputs.capacity() <= OUTPUTS_KEPT {
            self.outputs = outputs;
        }
    }

    fn perform(&mut self, output: Output, now: Now) {
        // On the disk before anybody else has it: what comes together is written together.
        let waits = matches!(output, Output::Store { .. } | Output::Append { .. } | Output::Event(_));
        if !waits && !self.write() {
            return;
        }
        match output {
            Output::Send { link, frame } => {
                let head = self.head;
                self.touch(link, |link, _| link.send(frame, head));
            }
            Output::Store { meeting, record } => {
                if self.store.is_written() {
                    self.kept = self.told.len();
                }
                self.store.append(meeting, record);
            }
            Output::Append { entry, at, dropped } => {
                self.appended = self.appended.saturating_add(entry.frame.0.len());
                self.unfed.push((entry, at, dropped));
            }
            Output::Keep { meeting, name, bytes } => {
                if let Err(error) = self.store.keep(meeting, name, &bytes) {
                    self.give_up(error);
                }
            }
            Output::Follow { link, start } => {
                self.links.get_mut(&link).into_iter().for_each(|known| known.follows = true);
                self.touch(link, |link, shared| link.follow(start, &shared.feed()));
            }
            Output::Dial { id, peer, addresses, hello } => {
                let dial = dial::run(Arc::clone(&self.shared), peer, addresses, hello);
                self.dials.spawn(async move { Dialled { id, result: dial.await } });
            }
            Output::Close { link, code, rule, reason } => {
                if let Some(known) = self.forget(link) {
                    let why = rule.filter(|_| reason.is_empty()).map_or(reason.as_str(), |rule| rule.meaning());
                    self.part(link, &known, code, why, now);
                }
            }
            Output::Event(event) => {
                if matches!(event, Event::Closed { .. }) {
                    self.end = Some(Ok(()));
                }
                self.tell(event);
            }
        }
    }

    fn part(&self, link: LinkId, known: &Known, code: Code, why: &str, now: Now) {
        if let Some(trace) = &self.shared.trace {
            trace.link(link, LinkStep::Down(code));
        }
        known.handle.link(|link| link.close(code, why, self.head, now.tick));
        known.handle.wake.notify_one();
    }

    fn tell(&mut self, event: Event) {
        self.told.push(event);
    }

    /// Hands to the disk what it has not been told, and then to the feed what has waited for that; whether the disk takes it.
    fn write(&mut self) -> bool {
        match self.store.write() {
            Ok(()) => self.kept = self.told.len(),
            Err(error) => self.give_up(error),
        }
        if self.end.is_none() && !self.unfed.is_empty() {
            let mut feed = self.shared.feed_mut();
            for (entry, at, dropped) in self.unfed.drain(..) {
                // What stands in the place of another is no news.
                if at >= self.head {
                    self.pace.append(at, entry.frame.0.len());
                }
                feed.append(entry, at, dropped);
                self.head = self.head.max(at.saturating_add(1));
            }
        }
        self.end.is_none()
    }

    /// Tells the user what the disk knows by then.
    fn hand_over(&mut self) {
        self.write();
        if !self.told.is_empty() {
            // Fails if nobody listens any more.
            let _ = self.events.send(take(&mut self.told));
            self.kept = 0;
        }
    }

    /// What cannot be kept must not be passed on, nor shown: the node goes, and says why.
    fn give_up(&mut self, error: Error) {
        self.told.truncate(self.kept);
        self.tell(Event::Closed { code: Code::Unwritten, ending: Ending::Unwritten(error.to_string()) });
        self.end = Some(Err(error));
    }

    /// Says goodbye wherever the machine has not, and waits for the last word on every link.
    async fn finish(mut self) -> Result<(), Error> {
        self.hand_over();
        let now = self.shared.clock.now();
        for (link, known) in take(&mut self.links) {
            self.part(link, &known, Code::Stopped, "", now);
        }
        // Nobody is told anything any more; the user hears that nothing follows.
        drop((self.messages, self.arrivals));
        drop(self.events);
        self.dials.shutdown().await;
        let _ = timeout(CLOSE_TIMEOUT, async { while self.connections.join_next().await.is_some() {} }).await;
        self.connections.shutdown().await;
        if let Some(trace) = &self.shared.trace {
            trace.flush();
        }
        self.end.unwrap_or(Ok(()))
    }
}
