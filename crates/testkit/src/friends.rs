//! Friends in the simulator: two to four who write to each other, with cuts, restarts and partitions in between.
//!
//! A *safety phase* with faults, then a *liveness phase* without: then everything that was said has come, once and in
//! its order; who said it knows; and each pair has one link at most. The reference is a plain list of what was said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tertulia_core::command::Command;
use tertulia_core::contact::{Friends, FriendsConfig, Listed, Stored, pair_id};
use tertulia_core::event::{Event, Kind, Reach};
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::identity::{Ed25519, Identity, Scheme, Secret};
use tertulia_core::limits;
use tertulia_core::machine::Kept;
use tertulia_core::node::Node;

use crate::sim::{self, Boot, Canary, Conditions, Failure, Maker, NodeSpec, Sim, attempt};

/// How long things go wrong.
const SAFETY_MS: u64 = 60_000;
/// How long they may take to be well again: the longest wait, a dead link, and what is asked for.
const LIVENESS_MS: u64 = 60_000;

/// What one circle of friends has shown.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How often each thing that should happen sometimes has happened.
    pub seen: BTreeMap<&'static str, u64>,
    /// What has happened, a line each.
    pub trace: String,
}

/// What kind of circle a seed decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    pub(crate) friends: usize,
    pub(crate) real_signatures: bool,
    /// Whether they know each other's keys beforehand.
    pub(crate) keys_known: bool,
    pub(crate) idle: Duration,
}

impl Mix {
    const fn draw(seed: u64) -> Self {
        Self {
            friends: 2 + (seed % 3) as usize,
            real_signatures: seed.is_multiple_of(20),
            keys_known: (seed / 3).is_multiple_of(2),
            idle: if (seed / 6).is_multiple_of(2) { limits::CONTACT_IDLE } else { Duration::from_secs(7) },
        }
    }
}

fn name(number: usize) -> &'static str {
    ["anna", "bea", "carl", "dora"][number]
}

pub(crate) fn identity(number: usize, mix: Mix) -> Identity {
    let scheme: Arc<dyn Scheme> = if mix.real_signatures { Arc::new(Ed25519) } else { Arc::new(crate::scheme::Hashed) };
    Identity::new(Secret([number as u8 + 1; 32]), scheme)
}

/// Whom a friend knows before it has met anybody.
fn known(number: usize, mix: Mix) -> Vec<Listed> {
    let others = (0..mix.friends).filter(|other| *other != number);
    others
        .map(|other| Listed {
            name: name(other).into(),
            key: mix.keys_known.then(|| identity(other, mix).key()),
            addresses: vec![format!("node{other}:1")],
            ..Listed::default()
        })
        .collect()
}

fn restore(boot: &Boot<'_>) -> Vec<Stored> {
    let peers = boot.disk.kept.iter().filter(|((_, name), _)| *name == Kept::Peer);
    peers
        .map(|((meeting, _), bytes)| Stored {
            peer: Key(bytes.as_slice().try_into().expect("a key")),
            log: boot.disk.log(*meeting, 1_000),
        })
        .collect()
}

pub(crate) fn friend(number: usize, mix: Mix) -> NodeSpec {
    let us = identity(number, mix);
    let key = us.key();
    let maker: Maker = Box::new(move |boot| {
        let kept = |name| boot.disk.kept.get(&(MeetingId::ZERO, name)).cloned();
        Box::new(Node::new(Friends::new(FriendsConfig {
            identity: us.clone(),
            name: name(number).into(),
            started_ms: boot.now.unix_ms,
            seed: boot.seed,
            // A contact and a stranger of one key may both be dialled before it is known that they are one.
            port: mix.keys_known.then(|| boot.address.port()),
            idle: mix.idle,
            dials_at_start: true,
            ends_after_one: false,
            only_contacts: false,
            accepted: Vec::new(),
            contacts: kept(Kept::Contacts)
                .map_or_else(|| known(number, mix), |bytes| Listed::decode_all(&bytes).expect("it was kept whole")),
            pairs: restore(boot),
            drafts: kept(Kept::Drafts),
            talk_max: 1_000,
        })))
    });
    NodeSpec { key, maker, talk_max: 1_000 }
}

struct Circle {
    sim: Sim,
    mix: Mix,
    /// What each has said to each.
    said: BTreeMap<(usize, usize), Vec<String>>,
    count: u64,
    moves: u16,
}

impl Circle {
    fn new(seed: u64, canary: Option<Canary>) -> Self {
        let mix = Mix::draw(seed);
        let mut sim = Sim::new(seed, Conditions::default(), canary).of_rooms();
        (0..mix.friends).for_each(|number| _ = sim.add(friend(number, mix)));
        Self { sim, mix, said: BTreeMap::new(), count: 0, moves: 0 }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.sim.dice().below(below as u64) as usize
    }

    fn say(&mut self, from: usize, to: usize) {
        if !self.sim.is_running(from) {
            return;
        }
        self.count += 1;
        let text = format!("{} to {}: {}", name(from), name(to), self.count);
        self.sim.command(from, Command::Msg { to: name(to).into(), text: text.clone() });
        self.said.entry((from, to)).or_default().push(text);
    }

    fn play(&mut self) {
        (0..self.mix.friends).for_each(|number| self.sim.start(number));
        while self.sim.now() < SAFETY_MS {
            let pause = [20, 300, 3_000][self.draw(3)];
            let until = self.sim.now() + self.sim.dice().below(pause);
            self.sim.run_until(until);
            self.happen();
            self.look();
        }
        self.sim.heal();
        if self.moves > 0 && self.sim.is_running(0) {
            // Somebody whom it could not dial when it started does not know where it is.
            self.sim.crash(0, false);
        }
        for number in (0..self.mix.friends).filter(|number| self.sim.has_stopped(*number)).collect::<Vec<_>>() {
            self.sim.start(number);
        }
        let end = self.sim.now() + LIVENESS_MS;
        self.sim.run_until(end);
        self.check();
        let end = end + self.mix.idle.as_millis() as u64 + 10_000;
        self.sim.run_until(end);
        for number in 0..self.mix.friends {
            assert_eq!(self.sim.connections(number), [], "nothing was said, and {} has links", name(number));
        }
    }

    /// The first of them has another address when it is back.
    fn move_first(&mut self) {
        self.sim.sometimes("moved");
        self.moves += 1;
        self.sim.move_to(0, 50_000 + self.moves);
    }

    /// One thing that people or networks do.
    fn happen(&mut self) {
        let (one, other) = (self.draw(self.mix.friends), self.draw(self.mix.friends));
        match self.draw(20) {
            0..8 => self.say(one, other),
            8..11 if one != other => {
                // Both at once: with no link between them, both dial.
                self.sim.sometimes("both_at_once");
                self.say(one, other);
                self.say(other, one);
            }
            11..14 => {
                let standing = self.sim.standing();
                if !standing.is_empty() {
                    let at = self.draw(standing.len());
                    self.sim.cut(standing[at]);
                }
            }
            14 => {
                let standing = self.sim.standing();
                if !standing.is_empty() {
                    let (at, side) = (self.draw(standing.len()), self.draw(2));
                    self.sim.make_half_open(standing[at], side);
                }
            }
            15 if self.sim.is_running(one) => {
                let silent = self.sim.chance(30);
                self.sim.crash(one, silent);
            }
            16 | 17 if self.sim.has_stopped(one) => {
                // One alone, and whom the others know: else they need a registry, or are strangers.
                if one == 0 && self.mix.keys_known && self.sim.chance(50) {
                    self.move_first();
                }
                self.sim.start(one);
            }
            18 if one != other => self.sim.block(one, other),
            19 => (0..self.mix.friends).for_each(|to| self.sim.unblock(one, to)),
            _ => {}
        }
    }

    /// What may never be, whatever goes wrong.
    fn look(&mut self) {
        for to in 0..self.mix.friends {
            for from in 0..self.mix.friends {
                let said = self.said.get(&(from, to)).cloned().unwrap_or_default();
                let heard = self.heard(from, to);
                if self.has_lost() {
                    // What damage has taken is asked for alone, and a later session meanwhile: the order of each is kept.
                    let (mut last, key) = (BTreeMap::new(), identity(from, self.mix).key());
                    for ((session, number), _) in &heard {
                        let before = last.insert(session, number);
                        let is_late = self.sim.was_lost(to, key, *session, *number);
                        assert!(is_late || before < Some(number), "{} is shown {number} after {before:?}", name(to));
                    }
                    assert!(heard.iter().all(|(_, text)| said.contains(text)), "{} heard {heard:?}", name(to));
                    continue;
                }
                let heard: Vec<String> = heard.into_iter().map(|(_, text)| text).collect();
                assert!(said.starts_with(&heard), "{} said {said:?}, {} heard {heard:?}", name(from), name(to));
            }
            let mut peers = self.sim.peers(to);
            let links = peers.len();
            peers.sort_unstable();
            peers.dedup();
            if links > peers.len() {
                self.sim.sometimes("two_links");
            }
        }
    }

    /// Whether a flipped bit has taken anything from anybody.
    fn has_lost(&self) -> bool {
        self.sim.seen().contains_key("entry_lost")
    }

    /// What `to` was shown of `from`, in all its runs: session and number, and the text.
    fn heard(&self, from: usize, to: usize) -> Vec<((u64, u64), String)> {
        let key = identity(from, self.mix).key();
        let pair = pair_id(key, identity(to, self.mix).key());
        let texts = self.sim.told(to).iter().filter_map(|told| match &told.event {
            Event::Message { meeting, kind: Kind::Text(origin), text, .. }
                if *meeting == pair && origin.author == key =>
            {
                Some(((origin.session, origin.number), text.clone()))
            }
            _ => None,
        });
        texts.collect()
    }

    /// What must be once nothing goes wrong any more.
    fn check(&mut self) {
        for (&(from, to), said) in &self.said {
            let mut heard = self.heard(from, to);
            if self.has_lost() {
                heard.sort_unstable();
            }
            let heard: Vec<String> = heard.into_iter().map(|(_, text)| text).collect();
            assert_eq!(heard, *said, "what {} said to {}", name(from), name(to));
        }
        for number in 0..self.mix.friends {
            let all = |reach: Reach| {
                let told = self.sim.told(number).iter();
                told.filter(|told| matches!(told.event, Event::Delivery { reach: told, .. } if told == reach)).count()
            };
            let said: usize =
                self.said.iter().filter(|((from, _), _)| *from == number).map(|(_, said)| said.len()).sum();
            assert_eq!(all(Reach::All), said, "{} is told that all has come, once", name(number));
            if all(Reach::Held) > 0 {
                self.sim.sometimes("held");
            }
            let mut peers: Vec<Key> = self.sim.connections(number).into_iter().map(|(key, _)| key).collect();
            let links = peers.len();
            peers.sort_unstable();
            peers.dedup();
            assert_eq!(peers.len(), links, "{} has two links with one friend", name(number));
        }
        let disk = |number: usize| self.sim.disk(number);
        let pairs = |number: usize| disk(number).logs.keys().map(move |pair| (*pair, disk(number).count(*pair)));
        for (pair, count) in (0..self.mix.friends).flat_map(pairs) {
            for other in 0..self.mix.friends {
                let theirs = if disk(other).logs.contains_key(&pair) { disk(other).count(pair) } else { count };
                // What damage has taken is fetched with the next link, and there is none while there is nothing to say.
                assert!(
                    theirs == count || self.has_lost(),
                    "the two have the same, each entry once: {theirs}, {count}"
                );
            }
        }
    }
}

/// Plays the circle that `seed` decides, with a bug planted or none.
///
/// # Errors
/// The first promise that was broken.
pub fn play(seed: u64, canary: Option<Canary>) -> Result<Report, Failure> {
    let mut circle = Circle::new(seed, canary);
    attempt("friends", seed, &mut circle, Circle::play, |circle| &circle.sim)?;
    Ok(Report { seen: circle.sim.seen().clone(), trace: circle.sim.trace().to_string() })
}

/// Plays the circles of `seeds`; reports with the sums of their traces in the order of the seeds, failures first.
#[must_use]
pub fn play_all(seeds: std::ops::Range<u64>) -> (Vec<Failure>, Vec<Report>) {
    sim::play_all(seeds, |seed| play(seed, None).map(|report| Report { trace: sim::sum_of(&report.trace), ..report }))
}
