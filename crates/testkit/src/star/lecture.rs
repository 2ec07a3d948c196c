//! One lecture, from its first line to its end: who does what, what goes wrong, and what everybody expects.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tertulia_core::code::Code;
use tertulia_core::command::{Command, With};
use tertulia_core::event::{Ending, Event};
use tertulia_core::id::{CommandId, Key};

use super::cast::{self, BAD_WORD, HOST_NAME, HandedOut, Knows};
use super::liar::Liar;
use super::plan::{Act, Mix};
use crate::sim::{Canary, Doorkeeper, Sim, WHY};

pub(super) const HOST: usize = 0;

/// A guest, as the people around it see it.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) node: usize,
    pub(super) key: Key,
    /// The name that it was last told to have.
    pub(super) name: String,
    pub(super) number: u8,
    /// Its user has left, or its key has joined again elsewhere: it is not coming back.
    pub(super) gone: bool,
    /// When its user tries again.
    pub(super) starts_at: Option<u64>,
    /// What was told to it before its disk was lost.
    pub(super) life_from: usize,
    /// Why it was closed last.
    pub(super) closed: Option<Code>,
}

/// What was asked of a node.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) node: usize,
    pub(super) run: u32,
    pub(super) command: Command,
    pub(super) done: u32,
    pub(super) errors: Vec<&'static str>,
}

pub(super) struct Lecture {
    pub(super) sim: Sim,
    pub(super) mix: Mix,
    pub(super) guests: Vec<Guest>,
    pub(super) handed_out: HandedOut,
    /// The reference: what the host was told to say, and has said.
    pub(super) said: Vec<String>,
    pub(super) asked: BTreeMap<CommandId, Asked>,
    /// How much of what each node was told has been looked at.
    read: Vec<usize>,
    /// Partitions, and when they end.
    partitions: Vec<(u64, usize, usize)>,
    doorkeeper: Doorkeeper,
    /// When a clock has jumped last.
    pub(super) jumped_at: Option<u64>,
    texts: u64,
    host_starts_at: Option<u64>,
    pub(super) host_name: String,
    pub(super) lags: Vec<(&'static str, u64)>,
    /// How many of those who were shown out have seen it.
    pub(super) kicks: BTreeMap<bool, u64>,
    pub(super) folded: RefCell<Option<Folded>>,
    pub(super) liar: Option<Rc<RefCell<Liar>>>,
}

/// The newest act at the time, and who was out by then.
type Folded = (Option<(u64, u64)>, Rc<BTreeMap<Key, super::checks::Name>>);

impl Lecture {
    pub(super) fn new(seed: u64, mix: Mix, canary: Option<Canary>) -> Self {
        let mut sim = Sim::new(seed, mix.conditions.clone(), canary);
        let handed_out = cast::handed_out(&mix);
        let host = sim.add(cast::host(&mix));
        let liar = mix.lie.map(|lie| Rc::new(RefCell::new(Liar::new(lie, &mix))));
        liar.iter().for_each(|liar| sim.tamper(host, liar.clone()));
        Self {
            sim,
            guests: Vec::new(),
            handed_out,
            said: Vec::new(),
            asked: BTreeMap::new(),
            read: vec![0],
            partitions: Vec::new(),
            doorkeeper: Doorkeeper::default(),
            jumped_at: None,
            texts: 0,
            host_starts_at: None,
            host_name: HOST_NAME.into(),
            lags: Vec::new(),
            kicks: BTreeMap::new(),
            folded: RefCell::new(None),
            liar,
            mix,
        }
    }

    pub(super) fn play(&mut self) {
        self.note_mix();
        self.sim.start(HOST);
        for number in 0..self.mix.guests {
            let length = self.mix.length_ms;
            let late = if self.sim.chance(70) { 500 } else { length };
            let starts_at = self.sim.dice().below(late);
            // Two of three have a name of their own.
            let name = if self.sim.chance(35) { "ann".to_string() } else { format!("guest{number}") };
            self.add_guest(number as u8 + cast::FIRST_GUEST, name, starts_at);
        }
        while self.sim.now() < self.mix.length_ms {
            let pause = 1 + self.sim.dice().below(self.mix.pace_ms);
            self.run_for(pause);
            let act = self.mix.next_act(self.sim.dice());
            self.act(act);
        }
        self.live();
    }

    fn note_mix(&mut self) {
        let mix = self.mix.clone();
        self.sim.note(format_args!("{mix:?}"));
        for (what, is_there) in [
            ("ring_of_15", mix.talk_max == 15),
            ("ticket", mix.ticket),
            ("lobby", mix.lobby),
            ("real", mix.real_signatures),
        ] {
            if is_there {
                self.sim.sometimes(what);
            }
        }
        mix.lie.iter().for_each(|lie| self.sim.sometimes(lie.word()));
    }

    fn add_guest(&mut self, number: u8, name: String, starts_at: u64) {
        let knows = match self.sim.dice().below(3) {
            0 => Knows::Address,
            1 => Knows::Meeting,
            _ => Knows::Ticket,
        };
        let spec = cast::guest(number, &name, &self.mix, &self.handed_out, knows);
        let key = spec.key;
        let node = self.sim.add(spec);
        self.read.push(0);
        let starts_at = Some(starts_at);
        self.guests.push(Guest { node, key, name, number, gone: false, starts_at, life_from: 0, closed: None });
    }

    /// Lets time pass; the people in the lecture see what they are told, and try again what did not work.
    pub(super) fn run_for(&mut self, ms: u64) {
        let end = self.sim.now() + ms;
        loop {
            let starts = self.guests.iter().filter_map(|guest| guest.starts_at);
            let heals = self.partitions.iter().map(|(at, ..)| *at);
            let next = starts
                .chain(heals)
                .chain(self.host_starts_at)
                .chain(self.doorkeeper.next())
                .min()
                .filter(|at| *at <= end);
            self.sim.run_until(next.unwrap_or(end).max(self.sim.now()));
            self.read_what_was_told();
            if next.is_none() {
                return;
            }
            self.do_what_is_due();
        }
    }

    fn do_what_is_due(&mut self) {
        let now = self.sim.now();
        if self.host_starts_at.is_some_and(|at| at <= now) {
            self.host_starts_at = None;
            self.host_name = HOST_NAME.into();
            self.sim.start(HOST);
            self.sim.sometimes("host_restarted");
        }
        while let Some(command) = self.doorkeeper.decide(&mut self.sim) {
            self.command(HOST, command);
        }
        let due: Vec<_> = self.partitions.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, from, to) in due {
            self.sim.unblock(from, to);
        }
        for at in 0..self.guests.len() {
            let guest = &mut self.guests[at];
            let node = guest.node;
            // A node that is over says its goodbyes first.
            if guest.starts_at.is_some_and(|at| at <= now) {
                guest.starts_at = None;
                if self.sim.has_stopped(node) {
                    self.sim.start(node);
                } else {
                    guest.starts_at = Some(now + 100);
                }
            }
        }
        self.read_what_was_told();
    }

    fn read_what_was_told(&mut self) {
        for node in 0..self.read.len() {
            while let Some(told) = self.sim.told(node).get(self.read[node]).cloned() {
                self.read[node] += 1;
                self.on_told(node, told.event);
            }
        }
    }

    fn on_told(&mut self, node: usize, event: Event) {
        match event {
            Event::Done { id } => self.asked.get_mut(&id).expect("only what was asked is done").done += 1,
            Event::Error { failure, id: Some(id) } => {
                let code = failure.word();
                self.sim.sometimes(code);
                self.asked.get_mut(&id).expect("only what was asked fails").errors.push(code);
            }
            Event::Ready { ticket, .. } if node == HOST => {
                *self.handed_out.borrow_mut() = ticket.parse().expect("a host prints whole tickets");
            }
            Event::Knock { .. } => self.doorkeeper.on_knock(&event, &mut self.sim),
            Event::Waiting { .. } => self.sim.sometimes("waiting"),
            Event::Ready { name, .. } => {
                if self.mix.lobby {
                    let key = self.guest_at(node).key;
                    self.doorkeeper.check(key);
                }
                if name.ends_with("-2") {
                    self.sim.sometimes("name-2");
                }
                if self.sim.run_of(node) > 1 {
                    self.sim.sometimes("resume");
                }
                self.guest_at(node).name = name;
            }
            Event::Renamed { key, new, .. } if node == HOST => {
                match self.guests.iter_mut().find(|guest| guest.key == key) {
                    Some(guest) => guest.name = new,
                    None => self.host_name = new,
                }
            }
            Event::Gap { .. } => self.sim.sometimes("gap"),
            Event::Closed { code: Code::Denied, ending } => {
                assert_eq!(ending, Ending::Denied(WHY.into()), "node {node} is told why it is not let in");
                self.on_closed(node, Code::Denied);
            }
            Event::Closed { code, .. } if node != HOST => self.on_closed(node, code),
            _ => {}
        }
    }

    fn guest_at(&mut self, node: usize) -> &mut Guest {
        self.guests.iter_mut().find(|guest| guest.node == node).expect("every other node is a guest")
    }

    /// A guest's node is out: what its user does about it.
    fn on_closed(&mut self, node: usize, code: Code) {
        let retry = self.sim.now() + 500 + self.sim.dice().below(1_500);
        self.sim.sometimes(code.word());
        let key = self.guest_at(node).key;
        // Whoever hears late that it is out may be forgiven by then.
        let is_out = code == Code::Kicked && self.revoked().contains_key(&key);
        let has_twin = self.guests.iter().filter(|guest| guest.key == key && !guest.gone).count() > 1;
        let guest = self.guest_at(node);
        guest.closed = Some(code);
        match code {
            Code::Left | Code::Ended => guest.gone = true,
            Code::Superseded if has_twin => guest.gone = true,
            // Its user waits to be forgiven.
            Code::Kicked if is_out => {}
            // Perhaps there is another ticket by then.
            Code::Banned => guest.starts_at = Some(retry + 4_000),
            _ => guest.starts_at = Some(retry),
        }
    }

    /// A guest whose process runs.
    fn some_guest(&mut self) -> Option<usize> {
        let running: Vec<usize> =
            (0..self.guests.len()).filter(|at| self.sim.is_running(self.guests[*at].node)).collect();
        let at = self.sim.dice().below(running.len() as u64) as usize;
        running.get(at).copied()
    }

    fn text(&mut self, what: &str) -> String {
        self.texts += 1;
        format!("{what} {}", self.texts)
    }

    pub(super) fn command(&mut self, node: usize, command: Command) -> Option<CommandId> {
        if !self.sim.is_running(node) {
            return None;
        }
        let run = self.sim.run_of(node);
        let id = self.sim.next_command_id();
        let asked = Asked { node, run, command: command.clone(), done: 0, errors: Vec::new() };
        self.asked.insert(id, asked);
        assert_eq!(self.sim.command(node, command), id);
        self.read_what_was_told();
        Some(id)
    }

    pub(super) fn say(&mut self) {
        let text = self.text("line");
        if let Some(id) = self.command(HOST, Command::Say { text: text.clone() }) {
            assert_eq!(self.asked[&id].done, 1, "a host says what it is told to say");
            self.said.push(text);
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Say => self.say(),
            Act::Burst => (0..20).for_each(|_| self.say()),
            Act::Ask | Act::AskBadly | Act::TellHost | Act::TellGuest | Act::Rename | Act::RenameToTaken => {
                self.speak(act);
            }
            Act::RenameHost => {
                let name = self.text("host").replace(' ', "");
                self.command(HOST, Command::Name { name });
            }
            Act::Kick | Act::Unban | Act::Mute | Act::Unmute | Act::Lock | Act::Unlock | Act::Quit | Act::Twin => {
                self.rule(act);
            }
            Act::Cut | Act::HalfOpen | Act::Freeze => self.hurt_connection(act),
            Act::Partition
            | Act::OneWay
            | Act::CrashGuest
            | Act::CrashHost
            | Act::StopHost
            | Act::Stop
            | Act::Deafen
            | Act::Jump
            | Act::LoseDisk => self.hurt_node(act),
        }
    }

    fn speak(&mut self, act: Act) {
        let Some(at) = self.some_guest() else { return };
        let Guest { node, name, .. } = self.guests[at].clone();
        match act {
            Act::Ask => {
                let text = self.text("question");
                self.command(node, Command::Say { text });
            }
            Act::AskBadly => {
                let text = self.text(BAD_WORD);
                self.command(node, Command::Say { text });
            }
            Act::TellHost => {
                let (to, text) = (self.host_name.clone(), self.text("psst"));
                self.command(node, Command::Msg { to, text });
            }
            Act::TellGuest => {
                let text = self.text("psst");
                self.command(HOST, Command::Msg { to: name, text });
            }
            Act::RenameToTaken => {
                let name = self.host_name.to_uppercase();
                self.command(node, Command::Name { name });
            }
            _ => {
                let name = self.text("guest").replace(' ', "_");
                self.command(node, Command::Name { name });
            }
        }
    }

    fn rule(&mut self, act: Act) {
        let Some(at) = self.some_guest() else { return };
        let Guest { node, key, name, number, .. } = self.guests[at].clone();
        let with = With { ticket: node.is_multiple_of(2), ..With::default() };
        match act {
            Act::Kick => drop(self.command(HOST, Command::Kick { name, why: "noise".into(), with })),
            Act::Unban => {
                let out = self.guests.iter().find(|guest| guest.closed == Some(Code::Kicked) && !guest.gone).cloned();
                let Some(out) = out else { return };
                if self.command(HOST, Command::Unban { name: out.name }).is_some_and(|id| self.asked[&id].done == 1) {
                    let retry = self.sim.now() + 1_000;
                    let guest = self.guest_at(out.node);
                    (guest.closed, guest.starts_at) = (None, Some(retry));
                    self.sim.sometimes("unbanned");
                }
            }
            Act::Mute => drop(self.command(HOST, Command::Mute { name })),
            Act::Unmute => drop(self.command(HOST, Command::Unmute { name })),
            Act::Lock => drop(self.command(HOST, Command::Lock)),
            Act::Unlock => drop(self.command(HOST, Command::Unlock)),
            Act::Quit => drop(self.command(node, Command::Quit)),
            _ => {
                if self.guests.iter().filter(|guest| guest.key == key).count() == 1 {
                    let starts_at = self.sim.now() + 10;
                    self.add_guest(number, name, starts_at);
                }
            }
        }
    }

    fn hurt_connection(&mut self, act: Act) {
        let standing = self.sim.standing();
        let at = self.sim.dice().below(standing.len() as u64) as usize;
        let Some(connection) = standing.get(at).copied() else { return };
        match act {
            Act::HalfOpen => {
                let side = self.sim.dice().below(2) as usize;
                self.sim.make_half_open(connection, side);
            }
            Act::Freeze => {
                let ms = self.sim.dice().below(20_000);
                self.sim.freeze(connection, ms);
            }
            _ => self.sim.cut(connection),
        }
    }

    fn hurt_node(&mut self, act: Act) {
        let (now, ms) = (self.sim.now(), 500 + self.sim.dice().below(20_000));
        let silent = self.sim.chance(30);
        let guest = self.some_guest();
        match (act, guest.map(|at| self.guests[at].node)) {
            (Act::CrashHost, _) if self.sim.is_running(HOST) => {
                self.sim.crash(HOST, silent);
                self.host_starts_at = Some(now + ms / 4);
            }
            (Act::StopHost, _) => self.sim.stop(HOST, ms),
            (Act::Partition, Some(node)) => {
                for (from, to) in [(HOST, node), (node, HOST)] {
                    self.sim.block(from, to);
                    self.partitions.push((now + ms, from, to));
                }
            }
            (Act::OneWay, Some(node)) => {
                let (from, to) = if self.sim.chance(50) { (HOST, node) } else { (node, HOST) };
                self.sim.block(from, to);
                self.partitions.push((now + ms, from, to));
            }
            (Act::CrashGuest | Act::LoseDisk, Some(node)) => {
                self.sim.crash(node, silent);
                if act == Act::LoseDisk {
                    self.sim.lose_disk(node);
                    let told = self.sim.told(node).len();
                    self.guest_at(node).life_from = told;
                }
                self.guest_at(node).starts_at = Some(now + ms / 4);
            }
            (Act::Stop, Some(node)) => self.sim.stop(node, ms * 2),
            (Act::Deafen, Some(node)) => self.sim.deafen(node, ms),
            (Act::Jump, Some(node)) => {
                let day = 86_400_000;
                let wall = self.sim.dice().below(2 * day as u64) as i64 - day;
                let node = if silent { HOST } else { node };
                self.sim.jump(node, ms, wall);
                self.jumped_at = Some(now);
            }
            _ => {}
        }
    }

    /// No more faults: everybody who is to be there comes back.
    pub(super) fn stop_faults(&mut self) {
        self.partitions.clear();
        self.doorkeeper.is_kind = true;
        self.sim.heal();
        if !self.sim.is_running(HOST) {
            self.host_starts_at = None;
            self.host_name = HOST_NAME.into();
            self.sim.start(HOST);
        }
        self.read_what_was_told();
        self.command(HOST, Command::Unlock);
        let (now, revoked) = (self.sim.now(), self.revoked());
        for guest in self.guests.iter_mut().filter(|guest| !guest.gone) {
            // One key may have been forgiven by another of its names.
            let forgiven = guest.closed == Some(Code::Kicked) && !revoked.contains_key(&guest.key);
            if guest.starts_at.is_some() || forgiven {
                (guest.starts_at, guest.closed) = (Some(now), None);
            }
        }
    }
}
