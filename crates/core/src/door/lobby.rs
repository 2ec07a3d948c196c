//! Who waits until a host admits (SPEC.md, "The lobby"): rooms and lectures alike.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::command::Failure;
use crate::id::{Key, LinkId, RequestId, Source};
use crate::limits;
use crate::machine::Output;
use crate::name::begins_with;
use crate::rule::Rule;
use crate::time::{Instant, Now, Timers};
use crate::wire::Frame;
use crate::wire::meeting::Waiting;
use crate::wire::option::Options;

/// Somebody who has knocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Knock {
    /// Who.
    pub(crate) key: Key,
    /// What they are called, and what that reads as.
    pub(crate) name: String,
    pub(crate) reading: String,
    /// From where they have come.
    pub(crate) source: Source,
    /// Where they wait, and for the answer to which JOIN.
    pub(crate) link: LinkId,
    pub(crate) request: RequestId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Tell,
    Overdue(LinkId),
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Those whose position has changed were told.
    Told,
    /// About this one nobody has decided in time.
    Overdue(LinkId),
}

/// Who waits, in the order of their knocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lobby {
    /// Invariant: each waits under its link's `Timer::Overdue`. With the position that it was told last.
    waiting: Vec<(Knock, u16)>,
    /// Who has ceased to wait lately, and when: the oldest first, `LOBBY_MAX` of them at most.
    gone: Vec<(Knock, Instant)>,
    timers: Timers<Timer>,
}

impl Lobby {
    /// Lets somebody wait. Of one key, whoever waited before must have left.
    pub(crate) fn knock(&mut self, knock: Knock, now: Now, out: &mut Vec<Output>) {
        self.timers.arm(Timer::Overdue(knock.link), now.tick.after(limits::LOBBY_TIMEOUT));
        let position = u16::try_from(self.waiting.len()).unwrap_or(u16::MAX).saturating_add(1);
        out.push(tell(knock.link, position));
        self.waiting.push((knock, position));
    }

    /// Finds a place for `key`: that of whoever waits on the link, who must leave first, or a free one.
    ///
    /// # Errors
    /// LOBBY-4, LOBBY-10.
    pub(crate) fn place(&self, key: Key, source: Source) -> Result<Option<LinkId>, Rule> {
        let others = || self.waiting.iter().map(|(knock, _)| knock).filter(|knock| knock.key != key);
        let held = count(others());
        let before = held.get(&source).copied().unwrap_or_default();
        // SPEC LOBBY-10
        if before >= limits::LOBBY_OF_SOURCE_MAX {
            return Err(Rule::Lobby10);
        }
        if others().count() < limits::LOBBY_MAX {
            return Ok(None);
        }
        // Of several, the last: the newest knock.
        let newest = others().max_by_key(|knock| held.get(&knock.source));
        let is_fuller = |knock: &&Knock| held.get(&knock.source).is_some_and(|most| *most > before.saturating_add(1));
        // SPEC LOBBY-4
        newest.filter(is_fuller).map(|knock| Some(knock.link)).ok_or(Rule::Lobby4)
    }

    /// Whoever waited on `link` does so no longer.
    pub(crate) fn take(&mut self, link: LinkId, now: Now) -> Option<Knock> {
        let at = self.waiting.iter().position(|(knock, _)| knock.link == link)?;
        self.timers.disarm(Timer::Overdue(link));
        let (knock, _) = self.waiting.remove(at);
        // SPEC LOBBY-1
        if at < self.waiting.len() && !self.timers.is_armed(Timer::Tell) {
            self.timers.arm(Timer::Tell, now.tick.after(limits::WAITING_INTERVAL));
        }
        self.note_gone(knock.clone(), now);
        Some(knock)
    }

    fn note_gone(&mut self, knock: Knock, now: Now) {
        self.gone.retain(|(_, at)| is_recent(*at, now));
        if self.gone.len() >= limits::LOBBY_MAX {
            // Whoever comes and goes often has its own forgotten, and nobody else's.
            let held = count(self.gone.iter().map(|(knock, _)| knock));
            let of = |knock: &Knock| held.get(&knock.source).copied();
            let oldest = (0..).zip(&self.gone).min_by_key(|(_, (knock, _))| Reverse(of(knock))).map(|(at, _)| at);
            oldest.map(|at: usize| self.gone.remove(at));
        }
        self.gone.push((knock, now.tick));
    }

    /// Nobody waits any longer.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Does one thing that is due: call until `None`.
    pub(crate) fn expire(&mut self, now: Now, out: &mut Vec<Output>) -> Option<Due> {
        match self.timers.expire(now.tick)? {
            Timer::Overdue(link) => Some(Due::Overdue(link)),
            Timer::Tell => {
                for (position, (knock, told)) in (1_u16..).zip(&mut self.waiting) {
                    if core::mem::replace(told, position) != position {
                        out.push(tell(knock.link, position));
                    }
                }
                Some(Due::Told)
            }
        }
    }

    /// When the next thing is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Where `key` waits.
    pub(crate) fn link_of(&self, key: Key) -> Option<LinkId> {
        self.find(|knock| knock.key == key)
    }

    /// Where whoever the user means by `name` waits, or everybody.
    ///
    /// # Errors
    /// Nobody does, or the name has changed hands.
    pub(crate) fn waiting(&self, name: Option<&str>, now: Now) -> Result<Vec<LinkId>, Failure> {
        let links = match name {
            Some(name) => self.meant(name, now)?.into_iter().collect(),
            None => self.links(),
        };
        if links.is_empty() { Err(Failure::NobodyWaits(name.map(str::to_string))) } else { Ok(links) }
    }

    /// SPEC LOBBY-11: digits before names, since anybody may take digits for a name.
    fn meant(&self, name: &str, now: Now) -> Result<Option<LinkId>, Failure> {
        let waiting = || self.waiting.iter().map(|(knock, _)| knock);
        let begun: Vec<&Knock> = waiting().filter(|knock| begins_with(knock.key, name)).collect();
        if let Some(one) = begun.first() {
            return Ok(Some(one.link).filter(|_| begun.len() == 1));
        }
        let Some(named) = waiting().find(|knock| knock.name == name) else { return Ok(None) };
        let is_other = |knock: &Knock| knock.reading == named.reading && knock.key != named.key;
        if self.gone.iter().any(|(knock, at)| is_other(knock) && is_recent(*at, now)) {
            return Err(Failure::ChangedHands { name: name.to_string(), key: named.key });
        }
        Ok(Some(named.link))
    }

    /// Whether a name that reads as `reading` is taken by somebody other than `key` (SPEC LOBBY-7).
    pub(crate) fn is_taken(&self, reading: &str, key: Key) -> bool {
        self.find(|knock| knock.reading == reading && knock.key != key).is_some()
    }

    /// Where everybody waits, in the order of the knocks.
    pub(crate) fn links(&self) -> Vec<LinkId> {
        self.waiting.iter().map(|(knock, _)| knock.link).collect()
    }

    /// Whether somebody waits on `link`.
    pub(crate) fn has(&self, link: LinkId) -> bool {
        self.find(|knock| knock.link == link).is_some()
    }

    fn find(&self, is_it: impl Fn(&Knock) -> bool) -> Option<LinkId> {
        self.waiting.iter().map(|(knock, _)| knock).find(|knock| is_it(knock)).map(|knock| knock.link)
    }
}

/// How many of these are of each source.
fn count<'a>(knocks: impl Iterator<Item = &'a Knock>) -> BTreeMap<Source, usize> {
    let mut held: BTreeMap<Source, usize> = BTreeMap::new();
    for knock in knocks {
        let count = held.entry(knock.source).or_default();
        *count = count.saturating_add(1);
    }
    held
}

fn is_recent(at: Instant, now: Now) -> bool {
    now.tick.since(at) < limits::LOBBY_NAME_INTERVAL
}

fn tell(link: LinkId, position: u16) -> Output {
    Output::Send { link, frame: Frame::from(Waiting { position, options: Options::NONE }).encode(RequestId::EVENT) }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::wire::meeting::Meeting;

    fn at(millis: u64) -> Now {
        Now { tick: Instant(0).after(core::time::Duration::from_millis(millis)), unix_ms: 0 }
    }

    /// Each of a source of its own.
    fn knock(seed: u8) -> Knock {
        let name = alloc::format!("guest-{seed}");
        let (link, request, source) = (LinkId(u64::from(seed)), RequestId(1), source(seed));
        Knock { key: Key([seed; 32]), reading: name.clone(), name, source, link, request }
    }

    fn source(seed: u8) -> Source {
        Source::of([192, 0, 2, seed].into())
    }

    fn key(number: u8) -> Key {
        let mut key = [7; 32];
        key[0] = number;
        Key(key)
    }

    /// Has these knock, all of one source.
    fn crowd(lobby: &mut Lobby, of: u8, seeds: core::ops::RangeInclusive<u8>) {
        for seed in seeds {
            assert_eq!(lobby.place(Key([seed; 32]), source(of)), Ok(None), "{seed}");
            lobby.knock(Knock { source: source(of), ..knock(seed) }, at(0), &mut Vec::new());
        }
    }

    /// Who was told which position.
    fn told(out: &mut Vec<Output>) -> Vec<(u64, u16)> {
        let frames = core::mem::take(out);
        let waiting = frames.iter().map(|output| {
            let Output::Send { link, frame } = output else { panic!("{output:?}") };
            match crate::wire::decode(&frame.0).expect("a frame").frame {
                Some(Frame::Meeting(Meeting::Waiting(waiting))) => (link.0, waiting.position),
                other => panic!("{other:?}"),
            }
        });
        waiting.collect()
    }

    #[test]
    fn lobby_1_positions_count_down_and_are_told_once_a_second() {
        let (mut lobby, mut out) = (Lobby::default(), Vec::new());
        (1..=4).for_each(|seed| lobby.knock(knock(seed), at(0), &mut out));
        assert_eq!(told(&mut out), [(1, 1), (2, 2), (3, 3), (4, 4)]);
        assert_eq!(lobby.take(LinkId(2), at(10)), Some(knock(2)));
        assert_eq!(lobby.take(LinkId(1), at(20)), Some(knock(1)));
        assert_eq!(lobby.take(LinkId(1), at(20)), None);
        assert_eq!((lobby.next(), lobby.expire(at(1_009), &mut out)), (Some(at(1_010).tick), None));
        assert_eq!(lobby.expire(at(1_010), &mut out), Some(Due::Told));
        assert_eq!(told(&mut out), [(3, 1), (4, 2)]);
        // The last one leaves nobody behind: nobody is told.
        lobby.take(LinkId(4), at(2_000));
        assert_eq!(lobby.next(), Some(at(3_600_000).tick));
    }

    #[test]
    fn lobby_4_and_lobby_7_there_is_one_place_a_key_and_256_in_all() {
        let (mut lobby, mut out) = (Lobby::default(), Vec::new());
        for seed in 0..=255 {
            assert_eq!(lobby.place(Key([seed; 32]), source(seed)), Ok(None));
            lobby.knock(knock(seed), at(0), &mut out);
        }
        assert_eq!(lobby.place(Key([9; 32]), source(9)), Ok(None), "it waits already");
        let other = Key([9; 32].map(|byte: u8| byte.wrapping_mul(3)));
        assert_eq!(lobby.link_of(other), Some(LinkId(27)));
        let stranger = key(8);
        // Who is the only one of its source loses its place to nobody.
        assert_eq!(lobby.place(stranger, Source::of([10, 0, 0, 1].into())), Err(Rule::Lobby4));
        assert_eq!(lobby.place(stranger, source(8)), Err(Rule::Lobby4));
        assert_eq!(lobby.waiting(Some("guest-9"), at(0)), Ok(vec![LinkId(9)]));
        assert!(lobby.is_taken("guest-9", stranger) && !lobby.is_taken("guest-9", Key([9; 32])));
        assert_eq!(lobby.links().len(), 256);
    }

    #[test]
    fn lobby_5_nobody_waits_for_ever() {
        let (mut lobby, mut out) = (Lobby::default(), Vec::new());
        lobby.knock(knock(1), at(0), &mut out);
        lobby.knock(knock(2), at(5), &mut out);
        assert_eq!(lobby.expire(at(3_599_999), &mut out), None);
        assert_eq!(lobby.expire(at(3_600_000), &mut out), Some(Due::Overdue(LinkId(1))));
        assert!(lobby.has(LinkId(1)), "it is the host that sends it away");
        lobby.take(LinkId(1), at(3_600_000));
        assert_eq!(lobby.links(), vec![LinkId(2)]);
        assert_eq!(lobby.waiting(Some("guest-2"), at(3_600_000)), Ok(vec![LinkId(2)]));
        let nobody = lobby.waiting(Some("guest-1"), at(3_600_000));
        assert_eq!(nobody, Err(Failure::NobodyWaits(Some("guest-1".to_string()))));
        lobby.clear();
        assert_eq!(lobby.next(), None);
    }

    #[test]
    fn lobby_10_a_crowd_of_few_sources_keeps_nobody_else_out() {
        let mut lobby = Lobby::default();
        crowd(&mut lobby, 1, 0..=63);
        assert_eq!(lobby.place(key(0), source(1)), Err(Rule::Lobby10));
        crowd(&mut lobby, 2, 64..=127);
        crowd(&mut lobby, 3, 128..=191);
        crowd(&mut lobby, 4, 192..=251);
        crowd(&mut lobby, 5, 252..=255);
        // Of those of which most wait, the newest knock: of the third source, then of the second, then of the first.
        for (number, link) in (0..).zip([191, 127, 63, 190]) {
            assert_eq!(lobby.place(key(number), source(6)), Ok(Some(LinkId(link))));
            lobby.take(LinkId(link), at(0));
            let late = Knock { key: key(number), source: source(6), link: LinkId(300 + link), ..knock(number) };
            lobby.knock(late, at(0), &mut Vec::new());
        }
        assert_eq!(lobby.links().len(), 256);
    }

    #[test]
    fn lobby_11_a_name_that_has_changed_hands_says_nothing_for_ten_seconds_and_digits_do() {
        let (mut lobby, mut out) = (Lobby::default(), Vec::new());
        let called = |number: u8, link: u64, name: &str| Knock {
            key: key(number),
            name: name.to_string(),
            reading: name.to_lowercase(),
            source: source(number),
            link: LinkId(link),
            request: RequestId(1),
        };
        lobby.knock(called(0xa1, 1, "Anna"), at(0), &mut out);
        lobby.take(LinkId(1), at(1_000));
        // The same key comes back: it is who it was.
        lobby.knock(called(0xa1, 2, "anna"), at(1_500), &mut out);
        assert_eq!(lobby.waiting(Some("anna"), at(1_500)), Ok(vec![LinkId(2)]));
        lobby.take(LinkId(2), at(2_000));
        lobby.knock(called(0xb2, 3, "anna"), at(2_001), &mut out);
        let changed = Failure::ChangedHands { name: "anna".to_string(), key: key(0xb2) };
        assert_eq!(lobby.waiting(Some("anna"), at(11_999)), Err(changed));
        assert_eq!(lobby.waiting(Some("B2070707"), at(2_001)), Ok(vec![LinkId(3)]));
        assert_eq!(lobby.waiting(None, at(2_001)), Ok(vec![LinkId(3)]));
        assert_eq!(lobby.waiting(Some("b207070"), at(2_001)), Err(Failure::NobodyWaits(Some("b207070".to_string()))));
        assert_eq!(lobby.waiting(Some("anna"), at(12_000)), Ok(vec![LinkId(3)]));
        // A name made of digits is nobody's key.
        lobby.knock(called(0xc3, 4, "b2070707"), at(12_000), &mut out);
        assert_eq!(lobby.waiting(Some("b2070707"), at(12_000)), Ok(vec![LinkId(3)]));
        // Others who come and go have nobody forgotten but themselves.
        lobby.take(LinkId(3), at(12_500));
        for link in 10..600 {
            lobby.knock(called(0xd4, link, "busy"), at(13_000), &mut out);
            lobby.take(LinkId(link), at(13_000));
        }
        assert_eq!(lobby.gone.len(), 256);
        lobby.knock(called(0xe5, 5, "anna"), at(13_000), &mut out);
        let changed = Failure::ChangedHands { name: "anna".to_string(), key: key(0xe5) };
        assert_eq!(lobby.waiting(Some("anna"), at(13_000)), Err(changed));
    }
}
