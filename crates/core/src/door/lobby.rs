//! Who waits until a host admits (SPEC.md, "The lobby"): rooms and lectures alike.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::command::Failure;
use crate::id::{Key, LinkId, RequestId};
use crate::limits;
use crate::machine::Output;
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

    /// Whether there is a place for `key`.
    ///
    /// # Errors
    /// LOBBY-4.
    pub(crate) fn has_room(&self, key: Key) -> Result<(), Rule> {
        // SPEC LOBBY-4
        let is_full = self.waiting.len() >= limits::LOBBY_MAX && self.link_of(key).is_none();
        if is_full { Err(Rule::Lobby4) } else { Ok(()) }
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
        Some(knock)
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

    /// Where whoever is called `name` waits, or everybody.
    ///
    /// # Errors
    /// Nobody does.
    pub(crate) fn waiting(&self, name: Option<&str>) -> Result<Vec<LinkId>, Failure> {
        let links = match name {
            Some(name) => self.find(|knock| knock.name == name).into_iter().collect(),
            None => self.links(),
        };
        if links.is_empty() { Err(Failure::NobodyWaits(name.map(str::to_string))) } else { Ok(links) }
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

    fn knock(seed: u8) -> Knock {
        let name = alloc::format!("guest-{seed}");
        let (link, request) = (LinkId(u64::from(seed)), RequestId(1));
        Knock { key: Key([seed; 32]), reading: name.clone(), name, link, request }
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
            assert_eq!(lobby.has_room(Key([seed; 32])), Ok(()));
            lobby.knock(knock(seed), at(0), &mut out);
        }
        assert_eq!(lobby.has_room(Key([9; 32])), Ok(()), "it waits already");
        let other = Key([9; 32].map(|byte: u8| byte.wrapping_mul(3)));
        assert_eq!(lobby.link_of(other), Some(LinkId(27)));
        let mut stranger = [7; 32];
        stranger[0] = 8;
        assert_eq!(lobby.has_room(Key(stranger)), Err(Rule::Lobby4));
        assert_eq!(lobby.waiting(Some("guest-9")), Ok(vec![LinkId(9)]));
        assert!(lobby.is_taken("guest-9", Key(stranger)) && !lobby.is_taken("guest-9", Key([9; 32])));
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
        assert_eq!(lobby.waiting(Some("guest-2")), Ok(vec![LinkId(2)]));
        assert_eq!(lobby.waiting(Some("guest-1")), Err(Failure::NobodyWaits(Some("guest-1".to_string()))));
        lobby.clear();
        assert_eq!(lobby.next(), None);
    }
}
