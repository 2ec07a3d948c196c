//! One room, from its founder's first word on: who does what, what goes wrong, and what everybody expects.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tertulia_core::code::Code;
use tertulia_core::command::{Command, With, Words};
use tertulia_core::event::{Ending, Event, Kind, Notice};
use tertulia_core::id::{CommandId, Key};
use tertulia_core::log::Log;
use tertulia_core::roster::Roster;
use tertulia_core::wire::entry::Level;

use super::byzantine::{NAME, byzantines};
use super::cast::{self, DoorCell, HandedOut};
use super::deed::Deed;
use super::plan::{Act, Mix};
use super::watch::{Honest, watcher};
use crate::sim::{Canary, Doorkeeper, Sim, WHY};

/// A member, as the people around it see it.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) key: Key,
    /// The name that it has given itself last.
    pub(super) name: String,
    /// Its user has left: it is not coming back.
    pub(super) gone: bool,
    /// When its process starts.
    pub(super) starts_at: Option<u64>,
    /// It has been in the room, in whichever run.
    pub(super) has_been_in: bool,
    door: DoorCell,
    /// It was shown out, and waits to be forgiven, or for a new ticket.
    pub(super) is_out: bool,
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

impl Asked {
    pub(super) const fn answers(&self) -> usize {
        self.done as usize + self.errors.len()
    }
}

pub(super) struct Room {
    pub(super) sim: Sim,
    pub(super) mix: Mix,
    /// By node.
    pub(super) people: Vec<Person>,
    pub(super) asked: BTreeMap<CommandId, Asked>,
    /// How much of what each node was told has been looked at.
    read: Vec<usize>,
    /// Partitions, and when they end.
    partitions: Vec<(u64, usize, usize)>,
    doorkeeper: Doorkeeper,
    handed_out: HandedOut,
    pub(super) folded: RefCell<Option<Folded>>,
    /// Those who keep to the rules: what others say and do of themselves is no matter of the checks.
    pub(super) honest: Honest,
    /// When the founder shows out whoever keeps to none, if it is to.
    kicks_at: Option<u64>,
    texts: u64,
    pub(super) linked_ms: u64,
    pub(super) complete_ms: u64,
}

/// Everybody is in so soon after the last has come, though a host thinks about each, and two may want one name.
const COMES_IN_MS: u64 = 60_000;

/// How much the founder held at the time, and whom it had shown out by then.
type Folded = (usize, Rc<BTreeSet<Key>>);

impl Room {
    pub(super) fn new(seed: u64, mix: Mix, canary: Option<Canary>) -> Self {
        let honest = Honest::default();
        let mut sim = Sim::new(seed, mix.conditions.clone(), canary).of_rooms();
        sim.watch(watcher(&mix, &honest));
        Self {
            sim,
            mix,
            people: Vec::new(),
            asked: BTreeMap::new(),
            read: Vec::new(),
            partitions: Vec::new(),
            doorkeeper: Doorkeeper::default(),
            handed_out: HandedOut::default(),
            folded: RefCell::new(None),
            honest,
            kicks_at: None,
            texts: 0,
            linked_ms: 0,
            complete_ms: 0,
        }
    }

    pub(super) fn play(&mut self) {
        let mix = self.mix.clone();
        self.sim.note(format_args!("{mix:?}"));
        for (what, is_there) in [("ticket", mix.ticket), ("lobby", mix.lobby), ("real", mix.real_signatures)] {
            if is_there {
                self.sim.sometimes(what);
            }
        }
        self.add(0, 0);
        for _ in 1..mix.members {
            let late = 1 + self.sim.dice().below(mix.coming_ms);
            self.add_somebody(late);
        }
        self.come();
        mix.byzantine.into_iter().for_each(|deed| self.add_byzantine(deed));
        let end = self.sim.now() + self.mix.length_ms;
        while self.sim.now() < end {
            self.pause();
            self.kick_byzantine();
            let act = self.mix.clone().next_act(self.sim.dice(), true);
            self.act(act);
        }
        self.live();
    }

    /// People come and talk; nothing goes wrong.
    fn come(&mut self) {
        let patience = self.sim.now() + self.mix.coming_ms + COMES_IN_MS;
        let comes = |person: &Person| person.starts_at.is_some() || !person.has_been_in;
        while self.people.iter().any(comes) && self.sim.now() < patience {
            self.pause();
            let act = self.mix.clone().next_act(self.sim.dice(), false);
            self.act(act);
        }
        self.check_links_soon();
    }

    pub(super) fn pause(&mut self) {
        let ms = 1 + self.sim.dice().below(self.mix.pace_ms);
        self.run_for(ms);
    }

    /// One more, who knocks at a member that is there by then, or at the founder.
    fn add_somebody(&mut self, late: u64) {
        // In a room with a lobby only the founder takes knocks, and not everybody knows that.
        let knows = self.mix.lobby && self.sim.chance(70);
        let door = self.some_member().filter(|_| !knows).unwrap_or(0);
        let starts_at = self.sim.now() + late;
        self.add(door, starts_at);
    }

    /// One more, who knocks at the founder at once.
    pub(super) fn add_newcomer(&mut self) -> usize {
        self.add(0, self.sim.now() + 1);
        self.people.len() - 1
    }

    /// Somebody who keeps to no rule, with its spare keys: to the others' users, nobody is waiting for them.
    fn add_byzantine(&mut self, deed: Deed) {
        self.sim.sometimes(deed.word());
        self.kicks_at = (deed == Deed::ComesAgain).then(|| self.sim.now() + 2_000 + self.sim.dice().below(8_000));
        let first = self.people.len();
        for spec in byzantines(first, deed, &self.mix) {
            let (key, name, door) = (spec.key, String::new(), DoorCell::default());
            let (starts_at, has_been_in, is_out) = (None, false, false);
            self.people.push(Person { key, name, gone: true, starts_at, has_been_in, door, is_out });
            self.sim.add_lawless(spec);
            self.read.push(0);
        }
        (first..self.people.len()).for_each(|node| self.sim.start(node));
    }

    /// The founder shows it out once it is there.
    fn kick_byzantine(&mut self) {
        let is_due = self.kicks_at.is_some_and(|at| at <= self.sim.now());
        if !is_due || !self.is_there(0) || self.sim.is_stopped(0) {
            return;
        }
        let roster = self.roster(0);
        let is_here = |person: &&Person| !self.is_honest(&person.key) && roster.is_here(&person.key);
        if self.people.iter().find(is_here).is_some_and(|person| roster.name(&person.key) == Some(NAME)) {
            self.kicks_at = None;
            self.sim.sometimes("byzantine_kicked");
            let with = With { all: self.sim.chance(50), ticket: self.sim.chance(50) };
            self.command(0, Command::Kick { name: NAME.into(), why: "deeds".into(), with });
        }
    }

    /// Who keeps to no rule is there no more.
    pub(super) fn end_byzantine(&mut self) {
        for node in 0..self.people.len() {
            if !self.is_honest(&self.people[node].key) && self.sim.is_running(node) {
                self.sim.crash(node, false);
            }
        }
    }

    pub(super) fn is_honest(&self, key: &Key) -> bool {
        self.honest.borrow().contains(key)
    }

    fn add(&mut self, door: usize, starts_at: u64) {
        let number = self.people.len();
        // Two of three have a name of their own.
        let name = if self.sim.chance(35) { "ann".to_string() } else { format!("member{number}") };
        let knows_key = self.sim.chance(50);
        let door = DoorCell::new(door.into());
        let spec = cast::member(number, &door, &name, &self.mix, knows_key, &self.handed_out);
        let key = spec.key;
        self.honest.borrow_mut().insert(key);
        assert_eq!(self.sim.add(spec), number, "nodes are members");
        self.read.push(0);
        self.people.push(Person {
            key,
            name,
            gone: false,
            starts_at: Some(starts_at),
            has_been_in: false,
            door,
            is_out: false,
        });
        if starts_at == 0 {
            self.do_what_is_due();
        }
    }

    /// Whether somebody's node runs, and has been let in.
    pub(super) fn is_there(&self, node: usize) -> bool {
        self.sim.is_running(node) && self.people[node].has_been_in
    }

    /// Lets time pass; people see what they are told, and come when it is their time.
    pub(super) fn run_for(&mut self, ms: u64) {
        let end = self.sim.now() + ms;
        loop {
            let starts = self.people.iter().filter_map(|person| person.starts_at);
            let heals = self.partitions.iter().map(|(at, ..)| *at);
            let next = starts.chain(heals).chain(self.doorkeeper.next()).min().filter(|at| *at <= end);
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
        let due: Vec<_> = self.partitions.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, from, to) in due {
            self.sim.unblock(from, to);
        }
        if self.sim.is_stopped(0) {
            self.doorkeeper.put_off(now + 100);
        }
        while let Some(command) = self.doorkeeper.decide(&mut self.sim) {
            // Its process may have died while the user thought.
            if self.is_there(0) {
                self.command(0, command);
            }
        }
        for node in 0..self.people.len() {
            if self.people[node].starts_at.is_some_and(|at| at <= now) {
                // A node that is over says its goodbyes first.
                let has_stopped = self.sim.has_stopped(node);
                self.people[node].starts_at = (!has_stopped).then_some(now + 100);
                if has_stopped {
                    // Whoever was not let in at one door asks somebody else.
                    if self.sim.run_of(node) > 0 && !self.people[node].has_been_in {
                        let door = self.some_member().filter(|_| !self.mix.lobby).unwrap_or(0);
                        self.people[node].door.set(door);
                    }
                    self.sim.start(node);
                    if self.sim.run_of(node) > 1 {
                        self.sim.sometimes("restarted");
                    }
                }
            }
        }
        self.read_what_was_told();
    }

    pub(super) fn read_what_was_told(&mut self) {
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
            Event::Knock { .. } => self.doorkeeper.on_knock(&event, &mut self.sim),
            Event::Waiting { .. } => self.sim.sometimes("waiting"),
            Event::Ready { name, ticket, .. } => {
                if node == 0 {
                    *self.handed_out.borrow_mut() = Some(ticket.parse().expect("a founder prints whole tickets"));
                }
                if self.mix.lobby && node > 0 {
                    self.doorkeeper.check(self.people[node].key);
                }
                if node > 0 && self.sim.peers(node).is_empty() {
                    self.sim.sometimes("alone");
                }
                if name.contains('-') {
                    self.sim.sometimes("another_name");
                }
                (self.people[node].name, self.people[node].has_been_in) = (name, true);
            }
            Event::Message { kind: Kind::Text(origin), .. } if !self.is_honest(&origin.author) => {
                self.sim.sometimes("byzantine_shown");
            }
            Event::Message { kind: Kind::Removed(..), .. } => self.sim.sometimes("removed"),
            Event::Message { kind: Kind::Missing(_), .. } => self.sim.sometimes("missing"),
            Event::Gap { .. } => self.sim.sometimes("gap"),
            Event::Warning(Notice::Fork(_)) => self.sim.sometimes("forked"),
            Event::Unlinked { .. } => self.sim.sometimes("unlinked"),
            Event::Closed { code: Code::Denied, ending } => {
                assert_eq!(ending, Ending::Denied(WHY.into()), "node {node} is told why it is not let in");
                self.on_closed(node, Code::Denied);
            }
            Event::Closed { code, .. } => self.on_closed(node, code),
            _ => {}
        }
    }

    fn on_closed(&mut self, node: usize, code: Code) {
        self.sim.sometimes(code.word());
        let retry = self.sim.now() + 500 + self.sim.dice().below(1_500);
        let person = &mut self.people[node];
        match code {
            // Alone on a guess, it is told why nobody came.
            _ if person.gone => {}
            Code::Kicked | Code::Banned => person.is_out = true,
            _ => person.starts_at = Some(retry),
        }
        // Its ticket was void, and by now there is another.
        if self.doorkeeper.is_kind {
            self.forgive();
        }
    }

    pub(super) fn some_member(&mut self) -> Option<usize> {
        // Who is stopped takes no commands.
        let takes = |node: &usize| self.is_there(*node) && !self.sim.is_stopped(*node);
        let there: Vec<usize> = (0..self.people.len()).filter(takes).collect();
        let at = self.sim.dice().below(there.len() as u64) as usize;
        there.get(at).copied()
    }

    fn text(&mut self, what: &str) -> String {
        self.texts += 1;
        format!("{what} {}", self.texts)
    }

    pub(super) fn command(&mut self, node: usize, command: Command) {
        let run = self.sim.run_of(node);
        let id = self.sim.next_command_id();
        self.asked.insert(id, Asked { node, run, command: command.clone(), done: 0, errors: Vec::new() });
        assert_eq!(self.sim.command(node, command), id);
        self.read_what_was_told();
    }

    pub(super) fn say(&mut self, node: usize) {
        let text = self.text("line");
        self.command(node, Command::Say { text });
        if self.texts.is_multiple_of(9) {
            self.command(node, Command::Retract { words: Words::Own });
        }
        if self.texts.is_multiple_of(13) && self.mix.has_politics() && self.is_there(0) && !self.sim.is_stopped(0) {
            let words = Words::Of(self.people[node].name.clone());
            self.command(0, Command::Retract { words });
        }
    }

    fn act(&mut self, act: Act) {
        let Some(node) = self.some_member() else { return };
        match act {
            Act::Say => self.say(node),
            Act::Burst => (0..20).for_each(|_| self.say(node)),
            Act::Whisper => {
                let other = self.some_member().unwrap_or(node);
                let (to, text) = (self.people[other].name.clone(), self.text("psst"));
                self.command(node, Command::Msg { to, text });
            }
            Act::Rename => {
                let name = self.text("new").replace(' ', "");
                self.people[node].name.clone_from(&name);
                self.command(node, Command::Name { name });
            }
            Act::Join | Act::JoinTogether => {
                let count = if act == Act::Join { 1 } else { 2 };
                for _ in 0..count {
                    if self.people.len() < self.mix.members_max {
                        self.sim.sometimes("late_join");
                        self.add_somebody(1);
                    }
                }
            }
            Act::Quit => {
                let there = (0..self.people.len()).filter(|node| self.is_there(*node)).count();
                if there > 2 && node > 0 {
                    self.people[node].gone = true;
                    self.command(node, Command::Quit);
                }
            }
            Act::Kick | Act::Unban | Act::Mute | Act::Unmute | Act::Lock | Act::Unlock => self.rule(act, node),
            _ => self.go_wrong(act, node),
        }
    }

    /// The founder rules: about somebody who is there, or was.
    fn rule(&mut self, act: Act, node: usize) {
        if !self.is_there(0) || self.sim.is_stopped(0) {
            return;
        }
        let (name, roster) = (self.people[node].name.clone(), self.roster(0));
        let with = With { all: self.sim.chance(50), ticket: self.sim.chance(50) };
        let revoked = |level| roster.revoked(level).next().unwrap_or("nobody").to_string();
        self.command(
            0,
            match act {
                Act::Kick if node > 0 => Command::Kick { name, why: "noise".into(), with },
                Act::Mute if node > 0 => Command::Mute { name },
                Act::Unban => Command::Unban { name: revoked(Level::Out) },
                Act::Unmute => Command::Unmute { name: revoked(Level::Mute) },
                Act::Lock => Command::Lock,
                _ => Command::Unlock,
            },
        );
        self.forgive();
    }

    /// Whoever waits outside for no reason any more tries again.
    fn forgive(&mut self) {
        let (now, roster) = (self.sim.now(), self.roster(0));
        for person in &mut self.people {
            if person.is_out && !roster.is_revoked(&person.key, Level::Out) {
                self.sim.sometimes("forgiven");
                (person.is_out, person.starts_at) = (false, Some(now + 1_000));
                // Its first door may be gone for good; the founder has forgiven it, and is there.
                person.door.set(0);
            }
        }
    }

    /// Who is what, by the acts that a node has on its disk.
    pub(super) fn roster(&self, node: usize) -> Roster {
        self.roster_of(&self.log(node))
    }

    pub(super) fn roster_of(&self, log: &Log) -> Roster {
        Roster::fold(log, &cast::charter(&self.mix), &cast::identity(0, &self.mix))
    }

    /// What a node has on its disk.
    pub(super) fn log(&self, node: usize) -> Log {
        self.sim.disk(node).log(cast::charter(&self.mix).meeting, 10_000)
    }

    fn go_wrong(&mut self, act: Act, node: usize) {
        let standing = self.sim.standing();
        let at = self.sim.dice().below(standing.len() as u64) as usize;
        let connection = standing.get(at).copied();
        let ms = 500 + self.sim.dice().below(8_000);
        match (act, connection) {
            (Act::Cut, Some(connection)) => self.sim.cut(connection),
            (Act::CutAll, _) => standing.into_iter().for_each(|connection| self.sim.cut(connection)),
            (Act::HalfOpen, Some(connection)) => {
                let side = self.sim.dice().below(2) as usize;
                self.sim.make_half_open(connection, side);
            }
            (Act::Freeze, Some(connection)) => self.sim.freeze(connection, ms),
            (Act::Partition, _) => {
                let other = self.some_member().filter(|other| *other != node);
                if let Some(other) = other {
                    for (from, to) in [(node, other), (other, node)] {
                        self.sim.block(from, to);
                        self.partitions.push((self.sim.now() + ms, from, to));
                    }
                }
            }
            (Act::Crash | Act::SilentCrash, _) => {
                self.sim.crash(node, act == Act::SilentCrash);
                self.people[node].starts_at = Some(self.sim.now() + ms);
            }
            (Act::Stop, _) => self.sim.stop(node, ms),
            _ => {}
        }
    }

    pub(super) fn stop_faults(&mut self) {
        self.partitions.clear();
        self.doorkeeper.is_kind = true;
        self.sim.heal();
        let now = self.sim.now();
        if !self.is_there(0) {
            self.people[0].starts_at = Some(now);
            self.run_for(200);
        }
        self.command(0, Command::Unlock);
        self.forgive();
        for person in &mut self.people {
            if let Some(starts_at) = &mut person.starts_at {
                *starts_at = now;
            }
        }
        self.run_for(1);
    }
}
