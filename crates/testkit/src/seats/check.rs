//! Meetings fed to core in some order, and what core makes of them beside what the model does.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use tertulia_core::id::Key;
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::log::{Held, Log, StreamId, Verdict};
use tertulia_core::random::Random;
use tertulia_core::roster::Roster;
use tertulia_core::wire::entry::{EntryBody, Lane, Level, Role};

use super::draw::{Dice, Meeting, draw, drawn};
use super::laws::Court;
use super::model::Model;
use crate::scheme::Hashed;
use crate::sim::{self, Failure};

/// What has been seen in a meeting, so many times each.
pub type Report = BTreeMap<&'static str, u64>;

/// How many failures are made small: that takes its time.
const SHOWN: usize = 5;

/// Draws a meeting, feeds it to core, and compares.
///
/// # Errors
/// Where core and the model differ, with the smallest part of the meeting in which they do.
pub fn play(seed: u64) -> Result<Report, Failure> {
    attempt(seed).map_err(|failure| {
        let smallest = smallest(draw(seed), |meeting| compare_all(meeting, seed, true).is_err());
        let message = compare_all(&smallest, seed, true).err().unwrap_or_default();
        Failure { message: format!("{message}\n{}", told(&smallest)), ..failure }
    })
}

fn attempt(seed: u64) -> Result<Report, Failure> {
    let meeting = draw(seed);
    compare_all(&meeting, seed, true).map_err(|message| Failure { seed, message, trace: None })
}

/// Plays the meeting that `input` decides: acts and PERSONs of a few keys, in any order.
///
/// # Panics
/// Where core and the model differ.
pub fn seats(input: &[u8]) {
    let (order, given) = input.split_first().unwrap_or((&0, &[]));
    let meeting = drawn(Dice::Given(given));
    // The laws take most of the time.
    if let Err(message) = compare_all(&meeting, u64::from(*order), order % 16 == 0) {
        panic!("{message}\n{}", told(&meeting));
    }
}

/// Plays the meetings of `seeds`.
#[must_use]
pub fn play_all(seeds: Range<u64>) -> (Vec<Failure>, Report) {
    let (mut failures, reports) = sim::play_all(seeds, attempt);
    failures.iter_mut().take(SHOWN).for_each(|failure| *failure = play(failure.seed).err().unwrap_or(failure.clone()));
    let mut seen = Report::new();
    reports.into_iter().flatten().for_each(|(what, times)| *seen.entry(what).or_insert(0) += times);
    (failures, seen)
}

fn reader() -> Identity {
    Identity::new(Secret([0xaa; 32]), Arc::new(Hashed))
}

impl Meeting {
    /// Everything, in some other order; of PERSONs the newest alone, if no others are wanted.
    fn shuffled(&self, random: &mut Random, is_last_word: bool) -> Vec<Arc<Held>> {
        let place = |held: &Held| (held.id.session, held.number, held.hash);
        let is_outdated = |entry: &Held| {
            let is_newer = |other: &Held| other.id.author == entry.id.author && place(other) > place(entry);
            entry.lane() == Lane::PERSON
                && self.entries.iter().any(|other| other.lane() == Lane::PERSON && is_newer(other))
        };
        let mut entries = self.entries.clone();
        entries.retain(|entry| !is_last_word || !is_outdated(entry));
        for at in (1..entries.len()).rev() {
            entries.swap(at, random.below(at as u64 + 1) as usize);
        }
        entries
    }

    /// Takes entries in one by one, as they come, each again until what lies before it has. Where forks have shown.
    fn take(&self, mut entries: Vec<Arc<Held>>) -> (Log, Roster, Vec<(StreamId, u64)>) {
        let (us, mut log) = (reader(), Log::new(self.charter.meeting, 100));
        let (mut roster, mut forks) = (Roster::fold(&log, &self.charter, &us), Vec::new());
        loop {
            let before = entries.len();
            entries.retain(|entry| match log.offer(&entry.carried(), true, &us) {
                Verdict::Ahead { .. } => true,
                Verdict::Stored(held) => {
                    roster.take(&held, &self.charter, &us);
                    false
                }
                Verdict::Forked(proof) => {
                    roster.void(proof.stream, proof.number, &self.charter);
                    forks.push((proof.stream, proof.number));
                    false
                }
                Verdict::Dropped | Verdict::Completed(_) => false,
                Verdict::Refused(rule) => panic!("{rule:?}: {}", line(self, entry)),
            });
            if entries.len() == before {
                return (log, roster, forks);
            }
        }
    }
}

/// Compares core with itself, in two orders and two ways, and with the model.
fn compare_all(meeting: &Meeting, seed: u64, has_laws: bool) -> Result<Report, String> {
    let mut random = Random::new([seed as u8; 32]);
    let [one, other] = [true, false].map(|is_last_word| meeting.shuffled(&mut random, is_last_word));
    let us = reader();
    let (mut log, mut roster, mut forks) = meeting.take(one);
    let (mut other_log, mut other, other_forks) = meeting.take(other);
    // Each shows the other what forks it has found, as somebody else does who was told all in the order of writing.
    forks.extend(other_forks.into_iter().chain(meeting.take(meeting.entries.clone()).2));
    for (stream, number) in forks.iter().copied() {
        for (log, roster) in [(&mut log, &mut roster), (&mut other_log, &mut other)] {
            log.void(stream, number);
            roster.void(stream, number, &meeting.charter);
        }
    }
    let folded = Roster::fold(&log, &meeting.charter, &us);
    if roster != folded || other != Roster::fold(&other_log, &meeting.charter, &us) {
        return Err("what was taken in one by one is not what is folded at once".into());
    }
    if roster != other {
        return Err("another order of arrival makes another roster".into());
    }
    let model = Model::new(&meeting.charter, &us, &meeting.entries, &forks);
    compare(meeting, &roster, &model, &mut random)?;
    if has_laws {
        Court { meeting, us: &us, forks: &forks, roster: &roster }.try_all(&mut random)?;
    }
    Ok(report(meeting, &model))
}

/// Where core says something else than the model.
fn compare(meeting: &Meeting, roster: &Roster, model: &Model<'_>, random: &mut Random) -> Result<(), String> {
    let names = |keys: Vec<Key>| meeting.names_of(keys);
    same("seats", &names(roster.members().map(|member| member.key).collect()), &names(model.seats()))?;
    same("ranks", &names(roster.hosts().to_vec()), &names(model.ranks()))?;
    same("locked", &roster.is_locked(), &model.is_locked())?;
    same("ended", &roster.ended().is_some(), &model.has_ended())?;
    for key in meeting.keys() {
        compare_key(&key, roster, model, random).map_err(|what| format!("of {}: {what}", meeting.name_of(&key)))?;
    }
    Ok(())
}

fn compare_key(key: &Key, roster: &Roster, model: &Model<'_>, random: &mut Random) -> Result<(), String> {
    let (is_seated, is_here) = (model.is_seated(key), model.here(key));
    let member = roster.members().find(|member| member.key == *key);
    same("role", &member.map(|member| member.role == Role::Host), &is_seated.then(|| model.is_host(key)))?;
    same("host", &roster.is_host(key), &model.is_host(key))?;
    same("seat", &roster.is_seated(key), &is_seated)?;
    same("here", &roster.is_here(key), &is_here)?;
    same("muted", &roster.is_revoked(key, Level::Mute), &model.is_revoked(key, Level::Mute))?;
    let is_out = model.is_revoked(key, Level::Out);
    same("out", &roster.is_revoked(key, Level::Out), &is_out)?;
    same("name", &roster.name(key), &model.name(key).filter(|_| is_seated || is_out))?;
    same("floor", &roster.floor(key), &is_here.then(|| model.floor(key)))?;
    for lane in [Lane::Acts, Lane::Talk, Lane::PERSON, Lane::Register(3)] {
        let (session, number) = (random.below(4) + 1, random.below(6) + 1);
        let id = StreamId { author: *key, session, lane };
        let what = format!("number {number} on {lane:?} in session {session}");
        same(&what, &roster.counts(id, number), &model.entry_counts(id, number))?;
    }
    Ok(())
}

fn same<T: PartialEq + Debug>(what: &str, core: &T, model: &T) -> Result<(), String> {
    if core == model { Ok(()) } else { Err(format!("{what}: core says {core:?}, the model {model:?}")) }
}

/// Leaves out of a meeting what it needs not to fail.
fn smallest(mut meeting: Meeting, fails: impl Fn(&Meeting) -> bool) -> Meeting {
    loop {
        let without = (0..meeting.entries.len()).map(|at| {
            let (gone, mut less) = (&meeting.entries[at], meeting.clone());
            let is_stream = gone.lane() == Lane::Acts;
            less.entries.retain(|entry| {
                entry.hash != gone.hash && !(is_stream && entry.id == gone.id && entry.number > gone.number)
            });
            less
        });
        let Some(less) = without.into_iter().find(&fails) else { return meeting };
        meeting = less;
    }
}

/// A meeting in words.
fn told(meeting: &Meeting) -> String {
    let charter = &meeting.charter;
    let entries: Vec<String> = meeting.entries.iter().map(|entry| line(meeting, entry)).collect();
    format!("kind {:?}, admission {:?}\n{}", charter.kind, charter.admission, entries.join("\n"))
}

fn line(meeting: &Meeting, entry: &Held) -> String {
    let said = match entry.body() {
        EntryBody::Revoke { subject, level, cuts, kept, .. } => {
            let cuts: Vec<_> = cuts.iter().map(|cut| (cut.session, cut.lane.number(), cut.next)).collect();
            let (subject, kept) = (meeting.name_of(&subject), meeting.names_of(kept.iter()));
            format!("REVOKE {subject} {level:?}, cuts {cuts:?}, kept {kept}")
        }
        EntryBody::Grant { subject, role, answers, session, .. } => {
            let answered = meeting.entries.iter().position(|act| act.hash == answers);
            format!("GRANT {} {role:?}, answers {answered:?} from {session}", meeting.name_of(&subject))
        }
        EntryBody::Policy { door, kept } => format!("POLICY {door:?}, kept {}", meeting.names_of(kept.iter())),
        EntryBody::End { .. } => "END".into(),
        EntryBody::Person { whereabouts, chain, proof, .. } => {
            let passes =
                chain.iter().map(|pass| format!(" {}:{}:{:?}", meeting.name_of(&pass.signer), pass.floor, pass.manner));
            let ticket = proof.iter().next().map(|proof| meeting.name_of(&proof.ticket));
            format!("PERSON {whereabouts:?}, chain{}, proof {ticket:?}", passes.collect::<String>())
        }
        EntryBody::Text { .. } | EntryBody::Question { .. } | EntryBody::Retract { .. } | EntryBody::Unknown => {
            "what nobody can read".into()
        }
    };
    let at = meeting.entries.iter().position(|other| other.hash == entry.hash).unwrap_or(0);
    let (author, session, number) = (meeting.name_of(&entry.id.author), entry.id.session, entry.number);
    format!("  {at}: {author} in session {session}, number {number}, lamport {}: {said}", entry.lamport)
}

fn report(meeting: &Meeting, model: &Model<'_>) -> Report {
    let mut seen = Report::new();
    for key in meeting.cast.iter().map(Identity::key) {
        model.why(&key).into_iter().for_each(|why| *seen.entry(why).or_insert(0) += 1);
    }
    model.seen().into_iter().for_each(|what| *seen.entry(what).or_insert(0) += 1);
    seen
}
