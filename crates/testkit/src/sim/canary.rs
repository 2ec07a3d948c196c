//! Bugs planted at run time, between a machine and its driver: the proof that the checks can fail.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::code::Code;
use tertulia_core::event::{Event, Kind, Notice};
use tertulia_core::id::{Hash, Key, LinkId, RequestId};
use tertulia_core::limits;
use tertulia_core::log::{Record, StreamId};
use tertulia_core::machine::{Input, Output};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{Carried, EntryBody, Whereabouts};
use tertulia_core::wire::field::{List, encode_items};
use tertulia_core::wire::frame::Decoded;
use tertulia_core::wire::meeting::{Digest, Lane, Meeting, Range, Row};
use tertulia_core::wire::session::Session;
use tertulia_core::wire::{Encoded, Frame, decode};

use crate::frames::fetch;

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// What returning guests have is never learned: their DIGESTs are lost.
    DigestsLost,
    /// Acknowledgements are lost: every DIGEST of a link but the first.
    AcknowledgementsLost,
    /// Every seventh OK is lost.
    AnswersLost,
    /// Every fifth entry is sent twice.
    EntriesTwice,
    /// Every ninth message is shown twice.
    ShownTwice,
    /// Every eleventh message is not shown.
    NotShown,
    /// Every thirteenth entry never gets into the feed.
    FeedSkips,
    /// The end of a link is never told.
    DownNeverTold,
    /// Goodbye overtakes its cause.
    ByeFirst,
    /// `<` for `<=` at a deadline.
    TimerLate,
    /// Only the first three dials are made.
    RedialNever,
    /// Every fourth entry is not on the disk after a restart.
    DiskForgets,
    /// Acts are not on the disk after a restart.
    DiskForgetsActs,
    /// What is void is not on the disk after a restart.
    ForkForgotten,
    /// Every fourth entry of talk is on the disk with one bit flipped, and nothing tells.
    BitFlipped,
    /// What the user was shown is not on the disk after a restart.
    ShownForgotten,
    /// What a friend has is not on the disk after a restart.
    ReceivedForgotten,
    /// A goodbye is taken for a cut.
    ByeUnread,
    /// A cut is taken for a refusal: who is cut off waits for longer each time.
    CutUnforgiven,
    /// A command is answered twice.
    DoneTwice,
    /// A link is dialled twice.
    DialsTwice,
    /// A link is followed from the beginning, whatever its guest holds.
    FollowsFromStart,
    /// Nobody is dialled a second time.
    MissingNotRedialled,
    /// Where somebody may be at several addresses, all are tried again and again.
    TriesWithoutEnd,
    /// Rows leave out the newest entry.
    HeadsLeftOut,
    /// Of each register, the disk goes back to what was there first.
    RegisterRollsBack,
    /// Talk goes to who was let in and has not said who it is.
    GhostHears,
    /// Nobody reads that somebody was shown out.
    SpareKeyReturns,
    /// The oldest talk goes to everybody.
    FloorFalls,
    /// Whoever brings talk whose body is lacking is cut off.
    BodyCutsLink,
    /// Who has left, or has signed two versions, takes the seats of those along whom it has let in.
    SignerTakesSeat,
    /// Every third question makes its reader take the host for a liar.
    CriesWolf,
    /// No reader takes its host for a liar.
    TakesItsWord,
    /// No key is ever shown beside a name.
    DigitsLeftOut,
    /// What users compare is the same whatever they were told.
    ChecksAlike,
    /// Once somebody has told of much, what others tell of has no place.
    RowsUnbounded,
    /// The feed lets go of nothing.
    FeedGrows,
    /// Every twentieth DIGEST goes out thousands of times.
    DigestsFlood,
    /// Acts are stored, whoever has written them.
    StoresAnyAct,
    /// All talk that somebody tells of is asked for at once.
    FetchesAll,
}

impl Canary {
    /// Every canary.
    pub const ALL: &'static [Self] = &[
        Self::DigestsLost,
        Self::AcknowledgementsLost,
        Self::AnswersLost,
        Self::EntriesTwice,
        Self::ShownTwice,
        Self::NotShown,
        Self::FeedSkips,
        Self::DownNeverTold,
        Self::ByeFirst,
        Self::TimerLate,
        Self::RedialNever,
        Self::DiskForgets,
        Self::DiskForgetsActs,
        Self::ForkForgotten,
        Self::BitFlipped,
        Self::ShownForgotten,
        Self::ReceivedForgotten,
        Self::ByeUnread,
        Self::CutUnforgiven,
        Self::DoneTwice,
        Self::DialsTwice,
        Self::FollowsFromStart,
        Self::MissingNotRedialled,
        Self::TriesWithoutEnd,
        Self::HeadsLeftOut,
        Self::RegisterRollsBack,
        Self::GhostHears,
        Self::SpareKeyReturns,
        Self::FloorFalls,
        Self::BodyCutsLink,
        Self::SignerTakesSeat,
        Self::CriesWolf,
        Self::TakesItsWord,
        Self::DigitsLeftOut,
        Self::ChecksAlike,
        Self::RowsUnbounded,
        Self::FeedGrows,
        Self::DigestsFlood,
        Self::StoresAnyAct,
        Self::FetchesAll,
    ];
}

/// The planted bug of one run, if there is one, and how often its moment has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Planted {
    canary: Option<Canary>,
    count: u64,
    /// Links that have brought a DIGEST.
    digested: BTreeSet<LinkId>,
    /// Those who have been dialled.
    dialled: BTreeSet<Option<Key>>,
    /// What each register held first.
    first: BTreeMap<(Key, Lane), Record>,
    /// Links that were let in, and have not brought a PERSON.
    ghosts: BTreeSet<LinkId>,
    /// The talk that was sent first, and the links that have it.
    oldest: Option<Encoded>,
    served: BTreeSet<LinkId>,
    /// Who has left, or has signed two versions.
    discredited: BTreeSet<Key>,
    /// The link that has told of much.
    greedy: Option<LinkId>,
    /// Links that are to be closed, whose machine takes them for gone.
    cut: Vec<LinkId>,
    /// Acts that have come, and are to be stored.
    acts: Vec<Encoded>,
    /// The first number that has not come of each talk stream, and what each link has told of.
    next: BTreeMap<StreamId, u64>,
    told: BTreeMap<(LinkId, StreamId), u64>,
    /// Requests for these, to be sent.
    fetches: Vec<(LinkId, Encoded)>,
}

/// How often a frame goes out that floods a link.
const FLOOD: usize = 3_000;

/// Rows of one DIGEST that are much.
const MUCH: usize = 9;

impl Planted {
    pub(super) const fn new(canary: Option<Canary>) -> Self {
        Self {
            canary,
            count: 0,
            digested: BTreeSet::new(),
            dialled: BTreeSet::new(),
            first: BTreeMap::new(),
            ghosts: BTreeSet::new(),
            oldest: None,
            served: BTreeSet::new(),
            discredited: BTreeSet::new(),
            greedy: None,
            cut: Vec::new(),
            acts: Vec::new(),
            next: BTreeMap::new(),
            told: BTreeMap::new(),
            fetches: Vec::new(),
        }
    }

    pub(super) fn is(&self, canary: Canary) -> bool {
        self.canary == Some(canary)
    }

    /// Whether this is the moment: every `period`th time that it is asked.
    fn every(&mut self, canary: Canary, period: u64) -> bool {
        if !self.is(canary) {
            return false;
        }
        self.count += 1;
        self.count.is_multiple_of(period)
    }

    /// What the machine gets to see of an input.
    pub(super) fn on_input<'a>(&mut self, input: Input<'a>) -> Option<Input<'a>> {
        self.fetch_all(&input);
        match input {
            Input::Down { .. } if self.is(Canary::DownNeverTold) => None,
            Input::Down { link, .. } if self.is(Canary::ByeUnread) => Some(Input::Down { link, code: Code::Cut }),
            Input::Down { link, code: Code::Cut } if self.is(Canary::CutUnforgiven) => {
                Some(Input::Down { link, code: Code::TooSoon })
            }
            Input::Frame { frame: Frame::Meeting(Meeting::Digest(digest)), .. }
                if self.is(Canary::DigestsLost) && !digest.rows.is_empty() =>
            {
                None
            }
            Input::Frame { link, frame: Frame::Meeting(Meeting::Digest(_)), .. }
                if self.is(Canary::AcknowledgementsLost) && !self.digested.insert(link) =>
            {
                None
            }
            Input::Frame { link, frame: Frame::Meeting(Meeting::Digest(digest)), .. }
                if self.is(Canary::RowsUnbounded) =>
            {
                if digest.rows.len() > MUCH {
                    self.greedy.get_or_insert(link);
                }
                let has_place = self.greedy.is_none_or(|greedy| greedy == link) || digest.rows.is_empty();
                has_place.then_some(input)
            }
            Input::Frame { link, frame: Frame::Meeting(Meeting::EntryFrame(entry)), .. }
                if self.is(Canary::BodyCutsLink) && entry.entry.body.bytes().is_none() =>
            {
                self.cut.push(link);
                Some(Input::Down { link, code: Code::Forged })
            }
            Input::Frame { id, frame: frame @ Frame::Meeting(Meeting::EntryFrame(entry)), .. }
                if self.is(Canary::StoresAnyAct) && entry.entry.entry.lane == Lane::Acts =>
            {
                self.acts.push(frame.encode(id));
                Some(input)
            }
            Input::Frame { link, frame: Frame::Meeting(Meeting::EntryFrame(entry)), .. }
                if !self.takes(link, &entry.entry) =>
            {
                None
            }
            Input::Frame { frame: Frame::Meeting(Meeting::Fork(fork)), .. } => {
                self.discredited.insert(fork.one.entry.author);
                Some(input)
            }
            Input::Frame { frame: Frame::Session(Session::Done(_)), .. } if self.every(Canary::AnswersLost, 7) => None,
            input => Some(input),
        }
    }

    /// Asks for all that a link has told of and that has not come.
    fn fetch_all(&mut self, input: &Input<'_>) {
        let Input::Frame { link, frame, .. } = input else { return };
        match frame {
            _ if !self.is(Canary::FetchesAll) => return,
            Frame::Meeting(Meeting::EntryFrame(entry)) if entry.entry.entry.lane == Lane::Talk => {
                let entry = &entry.entry.entry;
                let next = self.next.entry(StreamId::of(entry)).or_default();
                *next = (entry.number + 1).max(*next);
                return;
            }
            Frame::Meeting(Meeting::Digest(digest)) => {
                let talk = digest.rows.iter().filter(|row| row.lane == Lane::Talk);
                let told = |row: Row| {
                    ((*link, StreamId { author: row.author, session: row.session, lane: row.lane }), row.next)
                };
                self.told.extend(talk.map(told));
            }
            Frame::Session(Session::Done(_)) => {}
            _ => return,
        }
        let told = self.told.iter().filter(|((of, _), _)| of == link);
        let range = |((_, id), to): (&(LinkId, StreamId), &u64)| {
            let (StreamId { author, session, lane }, from) = (*id, self.next.get(id).copied().unwrap_or(1));
            (from < *to).then_some(Range { author, session, lane, from, to: *to })
        };
        let ranges: Vec<Range> = told.filter_map(range).take(limits::RANGES_MAX).collect();
        if !ranges.is_empty() {
            self.count += 1;
            self.fetches.push((*link, fetch(ranges, u32::MAX / 2 + self.count as u32)));
        }
    }

    /// Whether the machine gets to see an entry that has come.
    fn takes(&mut self, link: LinkId, entry: &Carried<'_>) -> bool {
        match entry.read() {
            EntryBody::Revoke { .. } => !self.is(Canary::SpareKeyReturns),
            EntryBody::Person { whereabouts, chain, .. } => {
                self.ghosts.remove(&link);
                if whereabouts == Whereabouts::Gone {
                    self.discredited.insert(entry.entry.author);
                }
                let is_by_such = chain.iter().any(|pass| self.discredited.contains(&pass.signer));
                !self.is(Canary::SignerTakesSeat) || !is_by_such
            }
            _ => true,
        }
    }

    /// What goes along with a frame on other links, or before it on its own.
    fn on_frame(&mut self, link: LinkId, frame: &Encoded) -> Vec<(LinkId, Encoded)> {
        match decode(&frame.0).ok().and_then(|decoded| decoded.frame) {
            Some(Frame::Meeting(Meeting::Welcome(_))) => {
                self.ghosts.insert(link);
                Vec::new()
            }
            Some(Frame::Meeting(Meeting::EntryFrame(entry))) if entry.entry.entry.lane == Lane::Talk => {
                if self.is(Canary::GhostHears) {
                    return self.ghosts.iter().map(|ghost| (*ghost, frame.clone())).collect();
                }
                let oldest = self.oldest.get_or_insert_with(|| frame.clone()).clone();
                let is_new = self.is(Canary::FloorFalls) && self.served.insert(link);
                is_new.then_some((link, oldest)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// What the driver gets to see of a machine's outputs.
    pub(super) fn on_outputs(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        let Some(canary) = self.canary else { return outputs };
        let close = |link| Output::Close { link, code: Code::Forged, rule: None, reason: String::new() };
        let mut seen: Vec<Output> = self.cut.drain(..).map(close).collect();
        seen.extend(self.fetches.drain(..).map(|(link, frame)| Output::Send { link, frame }));
        for mut output in outputs {
            match (&mut output, canary) {
                (Output::Event(Event::Warning(notice)), Canary::TakesItsWord) => {
                    if matches!(notice, Notice::TwoStories { .. } | Notice::UnsignedQuestion) {
                        continue;
                    }
                }
                (Output::Event(Event::Message { kind: Kind::Question(_, asked), .. }), Canary::DigitsLeftOut) => {
                    asked.is_ambiguous = false;
                }
                (Output::Event(Event::Check { heard, .. }), Canary::ChecksAlike) => heard.head = Hash::ZERO,
                _ => {}
            }
            if let (Output::Send { link, frame }, Canary::GhostHears | Canary::FloorFalls) = (&output, canary) {
                let along = self.on_frame(*link, frame).into_iter();
                seen.extend(along.map(|(link, frame)| Output::Send { link, frame }));
            }
            if matches!(output, Output::Event(Event::Message { kind: Kind::Question(..), .. }))
                && self.every(Canary::CriesWolf, 3)
            {
                let (name, heard) = (String::new(), Hash::ZERO);
                let notice = Notice::TwoStories { name, session: 0, number: 1, heard, held: None };
                seen.push(Output::Event(Event::Warning(notice)));
            }
            let (mut copies, twice) = (1, |planted: bool| if planted { 2 } else { 1 });
            match &output {
                Output::Event(Event::Message { kind, .. }) if !matches!(kind, Kind::Removed(..)) => {
                    copies = twice(self.every(Canary::ShownTwice, 9));
                    if self.every(Canary::NotShown, 11) {
                        copies = 0;
                    }
                }
                Output::Event(Event::Done { .. }) => copies = twice(self.every(Canary::DoneTwice, 5)),
                Output::Dial { .. } if self.is(Canary::RedialNever) => {
                    self.count += 1;
                    copies = usize::from(self.count <= 3);
                }
                Output::Dial { peer, .. } if self.is(Canary::MissingNotRedialled) => {
                    copies = usize::from(self.dialled.insert(*peer));
                }
                Output::Dial { addresses, .. } if self.is(Canary::TriesWithoutEnd) => {
                    copies = if addresses.len() > 1 { 20 } else { 1 };
                }
                Output::Dial { .. } => copies = twice(self.is(Canary::DialsTwice)),
                Output::Store { meeting, .. } => {
                    let acts = self.acts.drain(..).map(Record::Entry);
                    seen.extend(acts.map(|record| Output::Store { meeting: *meeting, record }));
                }
                _ => {}
            }
            seen.extend(std::iter::repeat_n(output, copies));
        }
        seen
    }

    /// Whether an entry gets into the feed.
    pub(super) fn feeds(&mut self) -> bool {
        !self.every(Canary::FeedSkips, 13)
    }

    /// What of a record gets onto the disk.
    pub(super) fn on_record_stored(&mut self, record: &Record) -> Option<Record> {
        let name = |entry: Carried<'_>| (entry.entry.author, entry.entry.lane);
        let Some((author, lane)) = record.entry().map(name) else {
            let is_forgotten = match record {
                Record::Fork(..) => self.is(Canary::ForkForgotten),
                Record::Received(_) => self.is(Canary::ReceivedForgotten),
                _ => false,
            };
            return Some(record.clone()).filter(|_| !is_forgotten);
        };
        if lane.is_register() && self.is(Canary::RegisterRollsBack) {
            return Some(self.first.entry((author, lane)).or_insert_with(|| record.clone()).clone());
        }
        if self.every(Canary::DiskForgets, 4) || lane == Lane::Acts && self.is(Canary::DiskForgetsActs) {
            return None;
        }
        if lane == Lane::Talk && self.every(Canary::BitFlipped, 4) {
            let mut bytes = record.frame()?.0.to_vec();
            // In the signature, which a disk does not look at.
            bytes.last_mut().into_iter().for_each(|byte| *byte ^= 1);
            return Some(Record::Entry(Encoded(bytes.into())));
        }
        Some(record.clone())
    }

    /// The records of a link, as they are written.
    pub(super) fn on_record(&mut self, record: Vec<u8>) -> Vec<u8> {
        if self.is(Canary::HeadsLeftOut) {
            return behead(&record);
        }
        if !self.is(Canary::EntriesTwice) && !self.is(Canary::DigestsFlood) {
            return record;
        }
        let (mut rest, mut written) = (record.as_slice(), Vec::new());
        while let Ok(Decoded { bytes, rest: after, frame, .. }) = decode(rest) {
            let copies = match frame {
                Some(Frame::Meeting(Meeting::EntryFrame(_))) if self.every(Canary::EntriesTwice, 5) => 2,
                Some(Frame::Meeting(Meeting::Digest(_))) if self.every(Canary::DigestsFlood, 20) => FLOOD,
                _ => 1,
            };
            written.extend(bytes.repeat(copies));
            rest = after;
        }
        written
    }

    /// The clock that a machine sees when it is told that time has passed.
    pub(super) fn on_timeout(&self, now: Now) -> Now {
        let late = u64::from(self.is(Canary::TimerLate));
        Now { tick: Instant(now.tick.0.saturating_sub(late)), ..now }
    }

    /// What goes before a goodbye.
    pub(super) fn head_at_close(&self, head: u64) -> u64 {
        if self.is(Canary::ByeFirst) { 0 } else { head }
    }
}

/// The same record, with rows that leave out the newest entry.
fn behead(record: &[u8]) -> Vec<u8> {
    let (mut rest, mut written) = (record, Vec::new());
    while let Ok(Decoded { bytes, rest: after, frame, .. }) = decode(rest) {
        match frame {
            Some(Frame::Meeting(Meeting::Digest(digest))) => {
                let shorter = |row: Row| Row { next: (row.next - 1).max(row.first), head: Hash::ZERO, ..row };
                let (count, items) = encode_items(digest.rows.iter().map(shorter), limits::ROWS_MAX);
                let digest = Digest { rows: List::over(count, &items), ..digest };
                written.extend_from_slice(&Frame::from(digest).encode(RequestId::EVENT).0);
            }
            _ => written.extend_from_slice(bytes),
        }
        rest = after;
    }
    written
}

/// A short word for a frame, for a trace.
pub(super) fn word(frame: &Encoded) -> String {
    match decode(&frame.0) {
        Ok(Decoded { frame: Some(Frame::Meeting(Meeting::EntryFrame(entry))), .. }) => {
            let (bare, entry) = (if entry.entry.body.bytes().is_none() { " bare" } else { "" }, entry.entry.entry);
            format!("ENTRY {:?} {} {}{bare}", entry.lane, entry.session, entry.number)
        }
        Ok(Decoded { id, frame: Some(Frame::Meeting(Meeting::Fetch(fetch))), .. }) => {
            let range = |range: Range| format!(" {:?} {} {}..{}", range.lane, range.session, range.from, range.to);
            format!("FETCH {}{}", id.0, fetch.ranges.iter().map(range).collect::<String>())
        }
        Ok(Decoded { id, frame: Some(frame), .. }) => format!("{} {}", frame.info().name, id.0),
        Ok(Decoded { kind, .. }) => format!("{kind:#06x}"),
        Err(error) => error.to_string(),
    }
}
