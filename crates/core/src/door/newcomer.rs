//! Who comes to a door: what it is called, what it shows, where it knocks, and what it makes of an answer.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::charter::SignedCharter;
use crate::code::Code;
use crate::command::{Failure, Place};
use crate::event::{Ending, Event, Notice};
use crate::id::{DialId, Key, MeetingId, RequestId};
use crate::identity::Identity;
use crate::limits;
use crate::log::Log;
use crate::machine::{Kept, Output};
use crate::name::numbered;
use crate::pass::Chain;
use crate::random::Random;
use crate::ticket::{Ticket, prove_ticket};
use crate::time::{Instant, Now, Timers};
use crate::wire::field::{List, Name, Reason, encode_items};
use crate::wire::meeting::{Join, Row};
use crate::wire::option::{self, OptionsBuffer, TicketProof};
use crate::wire::session::{Hello, Purpose};
use crate::wire::{Encoded, Frame};

/// Names that are tried one after the other without a wait.
const NAMES_AT_ONCE: u32 = 8;

/// When there is no use in knocking again (SPEC DIAL-3).
pub(crate) const FINAL: [Code; 8] = [
    Code::Ended,
    Code::Kicked,
    Code::Banned,
    Code::Denied,
    Code::TicketNeeded,
    Code::Superseded,
    Code::SelfLink,
    Code::NameTaken,
];

/// The same, before the first time inside.
const FINAL_AT_FIRST: [Code; 7] =
    [Code::VersionUnknown, Code::Locked, Code::Full, Code::TooDeep, Code::NoMeeting, Code::WrongKind, Code::WrongKey];

/// What ends a stay, too, if nobody is left who says otherwise.
pub(crate) const ENDINGS: [Code; 4] = [Code::Ended, Code::Kicked, Code::Banned, Code::Superseded];

/// SPEC DIAL-2: a WELCOME after which one side breaks a rule is no success: else both would go on at once, for ever.
pub(crate) const fn is_innocent(code: Code) -> bool {
    matches!(code, Code::Cut | Code::Stopped | Code::Renewed | Code::Silent | Code::Slow)
}

/// Who comes.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    /// What it is called, with a number if it has one.
    pub(crate) name: String,
    /// What it would be called.
    base_name: String,
    /// Its user has chosen the name: then a taken one is an error, else it gets a number.
    is_chosen: bool,
    /// How many names were refused since it was last inside.
    tried: u32,
    /// The wall clock as the node starts, milliseconds since 1970 in UTC.
    pub(crate) started_ms: u64,
}

impl Me {
    /// Its user wants another name.
    pub(crate) fn rename(&mut self, name: &str) {
        (self.name, self.base_name) = (name.to_string(), name.to_string());
    }

    /// `name-2` first, then numbers from an ever wider range (SPEC JOIN-13): a class of one name is not sorted out one by
    /// one.
    pub(crate) fn take_another_name(&mut self, random: &mut Random) {
        let range = 4_u64.saturating_pow(self.tried);
        self.name = numbered(&self.base_name, random.below(range).saturating_add(2));
        self.tried = self.tried.saturating_add(1);
    }
}

/// What an earlier run has kept of a meeting.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The meeting's charter.
    pub charter: SignedCharter,
    /// The passes, as [`Kept::Pass`] has them.
    pub pass: Option<Vec<u8>>,
    /// What was said and done there.
    pub log: Log,
}

/// Who comes to a meeting, and where to.
#[derive(Clone, Debug)]
pub struct NewcomerConfig {
    /// The key pair.
    pub identity: Identity,
    /// The name.
    pub name: String,
    /// Whether the user has chosen it: then a taken one is an error, else it gets a number.
    pub name_is_chosen: bool,
    /// The wall clock as the node starts, milliseconds since 1970 in UTC.
    pub started_ms: u64,
    /// Decides all that is random.
    pub seed: [u8; 32],
    /// The meeting; zero: whichever is held there.
    pub meeting: MeetingId,
    /// Who must answer there; `None`: whoever does.
    pub host: Option<Key>,
    /// The ticket that opens the door, if there is one.
    pub ticket: Option<Ticket>,
    /// What a host is told if there is a lobby; may be empty.
    pub note: String,
    /// Where to knock, `HOST:PORT`. The founder of a room knocks nowhere.
    pub addresses: Vec<String>,
    /// What an earlier run has kept. The founder of a room brings its charter, at first without entries.
    pub restored: Option<Restored>,
    /// What earlier runs have kept of other meetings: an address may lead to one of them.
    pub others: Vec<Restored>,
    /// How many entries of talk are kept.
    pub talk_max: usize,
}

/// Where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) place: Place,
    /// Who must answer; `None`: whoever does.
    pub(crate) host: Option<Key>,
    pub(crate) ticket: Option<Ticket>,
    /// What a host is told if there is a lobby; may be empty.
    pub(crate) note: String,
    /// Where to knock, `HOST:PORT`.
    pub(crate) addresses: Vec<String>,
    pub(crate) others: Vec<Restored>,
}

/// What a newcomer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// To knock again.
    Knock,
    /// Nobody has let it in for too long.
    Patience,
}

/// What becomes of one who was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It knocks again at once, under another name.
    Again,
    /// It knocks again later.
    Later,
    /// It goes away.
    Over(Ending),
}

/// One who stands outside, or may have to come in again.
#[derive(Clone, Debug)]
pub(crate) struct Newcomer {
    pub(crate) me: Me,
    pub(crate) goal: Goal,
    /// What has let it in; none of the founder.
    pub(crate) chain: Chain,
    /// It has been inside: what closes a door for a while sends it away no more.
    was_inside: bool,
    dials: u64,
    failures: u32,
    pub(crate) last_failure: Code,
    /// What the host has said to whom it does not admit.
    denied: Option<String>,
    timers: Timers<Wait>,
}

impl Newcomer {
    pub(crate) fn new(place: Place, config: NewcomerConfig) -> Self {
        let NewcomerConfig { name, name_is_chosen, started_ms, host, ticket, note, addresses, others, .. } = config;
        Self {
            me: Me { base_name: name.clone(), name, is_chosen: name_is_chosen, tried: 0, started_ms },
            goal: Goal { place, host, ticket, note, addresses, others },
            chain: Chain::default(),
            was_inside: false,
            dials: 0,
            failures: 0,
            last_failure: Code::Unreachable,
            denied: None,
            timers: Timers::default(),
        }
    }

    /// One attempt to reach `peer`, or whoever is at `addresses`. Fails if nobody can have its name.
    pub(crate) fn dial(
        &mut self,
        peer: Option<Key>,
        addresses: Vec<String>,
        meeting: MeetingId,
        out: &mut Vec<Output>,
    ) -> Result<DialId, Failure> {
        let name = Name::new(&self.me.name).ok_or_else(|| Failure::NameForm(self.me.name.clone()))?;
        let mut options = OptionsBuffer::default();
        options.set(&option::NAME, &name);
        let purpose = match self.goal.place {
            Place::Lecture => Purpose::STAR,
            Place::Room => Purpose::MESH,
        };
        let hello = Hello { purpose, meeting, started_ms: self.me.started_ms, options: options.options() };
        let hello = Frame::from(hello).encode(RequestId::EVENT);
        self.dials = self.dials.saturating_add(1);
        let id = DialId(self.dials);
        out.push(Output::Dial { id, peer, addresses, hello });
        Ok(id)
    }

    /// Dials the door.
    pub(crate) fn knock(&mut self, meeting: MeetingId, out: &mut Vec<Output>) -> Result<DialId, Failure> {
        self.dial(self.goal.host, self.goal.addresses.clone(), meeting, out)
    }

    /// Whether it has dialled anybody.
    pub(crate) const fn has_dialled(&self) -> bool {
        self.dials > 0
    }

    /// The proof of the ticket that it was given, if it was.
    pub(crate) fn proof(&self, meeting: MeetingId, us: &Identity) -> Option<TicketProof> {
        let ticket = self.goal.ticket.as_ref()?;
        let meeting = if meeting == MeetingId::ZERO { ticket.meeting } else { meeting };
        Some(prove_ticket(ticket.seed?, ticket.endorsement, meeting, us))
    }

    /// What it says at the door, with all that may open it: a `proof`, and rows of the acts that it holds.
    pub(crate) fn join(&self, meeting: MeetingId, proof: Option<TicketProof>, acts: &[Row], id: RequestId) -> Encoded {
        let mut options = OptionsBuffer::default();
        self.chain.show(&mut options);
        if !acts.is_empty() {
            let (count, items) = encode_items(acts.iter().copied(), limits::ACT_ROWS_MAX);
            options.set(&option::ACTS, &List::<'_, Row, { limits::ACT_ROWS_MAX }>::over(count, &items));
        }
        if let Some(proof) = proof {
            options.set(&option::TICKET, &proof);
        }
        if !self.goal.note.is_empty() {
            options.set(&option::NOTE, &Reason::cut(&self.goal.note));
        }
        Frame::from(Join { meeting, options: options.options() }).encode(id)
    }

    /// It has come to this meeting, and to no other: what is kept of it, if it was there before (SPEC DIGEST-2).
    pub(crate) fn come_to(&mut self, meeting: MeetingId) -> Option<Restored> {
        let others = core::mem::take(&mut self.goal.others);
        others.into_iter().find(|kept| kept.charter.meeting == meeting)
    }

    /// What lets it in again; whether that is news.
    pub(crate) fn take_chain(&mut self, chain: Chain, meeting: MeetingId, out: &mut Vec<Output>) -> bool {
        let is_new = self.chain != chain;
        if is_new {
            out.push(Output::Keep { meeting, name: Kept::Pass, bytes: chain.encode() });
            self.chain = chain;
        }
        is_new
    }

    /// Other doors of the same meeting: whoever is there may answer.
    pub(crate) fn learn(&mut self, addresses: impl IntoIterator<Item = String>) {
        for address in addresses {
            let known = &mut self.goal.addresses;
            if known.len() < limits::ADDRESSES_MAX && !known.contains(&address) {
                known.push(address);
                self.goal.host = None;
            }
        }
    }

    /// It is told to wait: that is an answer, and who is told to wait, waits.
    pub(crate) fn on_waiting(&mut self, position: u16, out: &mut Vec<Output>) {
        self.timers.disarm(Wait::Patience);
        out.push(Output::Event(Event::Waiting { position }));
    }

    /// Its JOIN is answered with no, in these words.
    pub(crate) fn on_denied(&mut self, words: &str) {
        self.denied = Some(words.to_string());
    }

    /// It was not let in, or its link is gone. `was`: the title of what is kept of the meeting.
    pub(crate) fn on_failed(
        &mut self,
        code: Code,
        was: Option<String>,
        random: &mut Random,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Progress {
        self.last_failure = code;
        let is_first = self.failures == 0 && !self.was_inside;
        if is_first && matches!(code, Code::Unreachable | Code::NoListener | Code::Cut) {
            let notice = Notice::NoAnswer { code, addresses: self.goal.addresses.clone(), was };
            out.push(Output::Event(Event::Warning(notice)));
        }
        if code == Code::NameTaken && (self.was_inside || !self.me.is_chosen) {
            self.me.take_another_name(random);
            if !self.was_inside {
                // Somebody has answered: each name has its own time.
                self.be_patient(now);
            }
            if self.me.tried <= NAMES_AT_ONCE {
                return Progress::Again;
            }
        } else if code == Code::NoSuchHost && !self.was_inside {
            return Progress::Over(Ending::NoSuchHost(self.goal.addresses.clone()));
        } else if self.is_final(code) {
            // SPEC LOBBY-6
            let words = self.denied.take().filter(|_| code == Code::Denied);
            return Progress::Over(words.map_or(Ending::Final(self.goal.place), Ending::Denied));
        }
        if !self.was_inside && !self.timers.is_armed(Wait::Patience) {
            self.be_patient(now);
        }
        self.knock_later(random, now);
        Progress::Later
    }

    fn is_final(&self, code: Code) -> bool {
        // SPEC LOBBY-8: a lecture has none but its host.
        let is_no_host = code == Code::NotHost && self.goal.place == Place::Room;
        is_no_host || FINAL.contains(&code) || !self.was_inside && FINAL_AT_FIRST.contains(&code)
    }

    /// From now on, it is let in within a while, or goes away.
    pub(crate) fn be_patient(&mut self, now: Now) {
        self.timers.arm(Wait::Patience, now.tick.after(limits::JOIN_PATIENCE));
    }

    /// SPEC DIAL-2: so that a thousand guests do not come back at once.
    pub(crate) fn knock_later(&mut self, random: &mut Random, now: Now) {
        let wait = random.backoff(self.failures, limits::BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        self.knock_at(now.tick.after(wait));
    }

    pub(crate) fn knock_at(&mut self, at: Instant) {
        self.timers.arm(Wait::Knock, at);
    }

    /// It has been let in. True the first time.
    pub(crate) fn take_seat(&mut self) -> bool {
        self.timers.disarm(Wait::Patience);
        !core::mem::replace(&mut self.was_inside, true)
    }

    /// What went wrong before is forgiven.
    pub(crate) fn forgive(&mut self) {
        (self.failures, self.me.tried) = (0, 0);
    }

    /// It knocks no more by itself.
    pub(crate) fn stay(&mut self) {
        self.timers.disarm(Wait::Knock);
    }

    /// Nothing is waited for any more.
    pub(crate) fn rest(&mut self) {
        self.timers = Timers::default();
    }

    /// What is due.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Wait> {
        self.timers.expire(now)
    }

    /// When something is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// When it knocks again.
    pub(crate) fn knocks_at(&self) -> Option<Instant> {
        self.timers.deadline(Wait::Knock)
    }

    /// What is said when its patience is over.
    pub(crate) fn nobody_came(&self) -> Ending {
        Ending::NobodyCame(self.goal.place, self.goal.addresses.clone())
    }
}
