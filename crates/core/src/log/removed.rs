//! Words that are removed, and words whose body is lacking (SPEC.md, "Bodies that go").

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Held, Log, Record, StreamId};
use crate::id::{Hash, Key};
use crate::wire::entry::{EntryBody, Kind};
use crate::wire::meeting::Lane;

/// Which words a RETRACT names.
type Words = (StreamId, u64);

/// A RETRACT that is held: who removes whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retraction {
    /// Where it stands among all that are held of these words.
    lamport: u64,
    /// Its stream.
    pub by: StreamId,
    /// Its number.
    pub number: u64,
    /// Whose words.
    pub author: Key,
    /// The hash of the entry that it names.
    words: Hash,
}

/// Something of talk that the user is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Nobody brings its body.
    Missing(Arc<Held>),
    /// Somebody has removed it.
    Removed(Arc<Held>, Key),
    /// Whoever has removed it may not any more.
    Returned(Arc<Held>),
}

/// What is known of bodies that go.
#[derive(Clone, Debug, Default)]
pub(super) struct Bodies {
    /// Every RETRACT that is held, by what it names.
    retractions: BTreeMap<Words, BTreeSet<Retraction>>,
    /// Of these, the first that counts.
    removed: BTreeMap<Words, (Hash, Key)>,
    /// What may be removed since it was last looked at.
    touched: BTreeSet<Words>,
    /// Bodies that are held, are removed, and go when the file is written anew.
    hidden: BTreeSet<Words>,
    /// Talk that is held without its body.
    lacking: BTreeMap<StreamId, BTreeMap<u64, Lacking>>,
    /// Whom the user was told to have removed words that are held.
    told: BTreeMap<Words, Key>,
    news: Vec<News>,
}

/// What becomes of a body that is lacking.
#[derive(Clone, Copy, Debug, Default)]
struct Lacking {
    /// It is asked for.
    is_asked: bool,
    /// The user was told that it is missing.
    is_told: bool,
}

fn name(entry: &Held) -> Words {
    (entry.id, entry.number)
}

impl Log {
    /// An entry of talk is held from now on.
    pub(super) fn note_talk(&mut self, entry: &Held) {
        if entry.kind() == Kind::Retract
            && let EntryBody::Retract { author, session, number, hash } = entry.body()
        {
            let named = (StreamId { author, session, lane: Lane::Talk }, number);
            let Held { lamport, id: by, number, .. } = *entry;
            let retraction = Retraction { lamport, by, number, author, words: hash };
            self.bodies.retractions.entry(named).or_default().insert(retraction);
            self.bodies.touched.insert(named);
        }
        if self.bodies.retractions.contains_key(&name(entry)) {
            self.bodies.touched.insert(name(entry));
        }
        if entry.has_body() {
            self.no_body_comes(name(entry));
        } else {
            self.bodies.lacking.entry(entry.id).or_default().entry(entry.number).or_default();
        }
    }

    /// An entry of talk is held no more, or is void.
    pub(super) fn forget_talk(&mut self, entry: &Held) {
        if entry.kind() == Kind::Retract
            && let EntryBody::Retract { author, session, number, .. } = entry.body()
        {
            // What makes room for others goes on removing what is held.
            if self.words(author, session, number).is_none() {
                let named = (StreamId { author, session, lane: Lane::Talk }, number);
                self.keep_retractions(named, |retraction| (retraction.by, retraction.number) != name(entry));
            }
        } else if let Some(retractions) = self.bodies.retractions.get(&name(entry)) {
            let gone = retractions.iter().filter(|one| self.words(one.by.author, one.by.session, one.number).is_none());
            let gone: BTreeSet<Retraction> = gone.copied().collect();
            self.keep_retractions(name(entry), |retraction| !gone.contains(retraction));
        }
        self.bodies.hidden.remove(&name(entry));
        self.bodies.told.remove(&name(entry));
        self.no_body_comes(name(entry));
    }

    /// What is void removes nothing, though it has made room for others before.
    pub(super) fn forget_void_retractions(&mut self, id: StreamId, number: u64) {
        let is_void = |retraction: &Retraction| retraction.by == id && retraction.number >= number;
        let naming = self.bodies.retractions.iter().filter(|(_, naming)| naming.iter().any(is_void));
        let named: Vec<Words> = naming.map(|(named, _)| *named).collect();
        named.into_iter().for_each(|named| self.keep_retractions(named, |retraction| !is_void(retraction)));
    }

    fn keep_retractions(&mut self, named: Words, is_kept: impl Fn(&Retraction) -> bool) {
        let Some(retractions) = self.bodies.retractions.get_mut(&named) else { return };
        retractions.retain(is_kept);
        if retractions.is_empty() {
            self.bodies.retractions.remove(&named);
        }
        self.bodies.touched.insert(named);
    }

    fn no_body_comes(&mut self, (id, number): Words) {
        if let Some(lacking) = self.bodies.lacking.get_mut(&id) {
            lacking.remove(&number);
            if lacking.is_empty() {
                self.bodies.lacking.remove(&id);
            }
        }
    }

    /// Who has removed an entry of talk, if it is (SPEC RETRACT-2).
    #[must_use]
    pub fn removed_by(&self, entry: &Held) -> Option<Key> {
        let (hash, by) = self.bodies.removed.get(&name(entry))?;
        // SPEC RETRACT-3
        (*hash == entry.hash && entry.lane() == Lane::Talk && Kind::of(entry.kind) != Kind::Retract).then_some(*by)
    }

    /// What an entry says to people: nothing, if it is removed.
    pub(crate) fn says<'a>(&self, entry: &'a Held) -> EntryBody<'a> {
        if self.removed_by(entry).is_some() { EntryBody::Unknown } else { entry.body() }
    }

    /// An entry as others have it: without its body, if it is removed (SPEC RETRACT-4).
    pub(crate) fn served(&self, entry: &Arc<Held>) -> Arc<Held> {
        let is_bare = entry.has_body() && self.removed_by(entry).is_some();
        if is_bare { entry.without_body(self.meeting) } else { Arc::clone(entry) }
    }

    /// Looks again at what may be removed since the last time, or at `all`, by which RETRACTs count.
    pub fn review(&mut self, all: bool, counts: impl Fn(&Retraction) -> bool) {
        let mut touched = core::mem::take(&mut self.bodies.touched);
        if all {
            touched.extend(self.bodies.retractions.keys().chain(self.bodies.removed.keys()).copied());
        }
        for named in touched {
            let held = self.streams.get(&named.0).and_then(|stream| stream.held.get(&named.1));
            let held = held.map(|(_, held)| Arc::clone(held));
            // Of several, what names the entry that is held.
            let names = |retraction: &&Retraction| held.as_ref().is_none_or(|held| held.hash == retraction.words);
            let all = self.bodies.retractions.get(&named).into_iter().flatten();
            let first = all.filter(names).find(|retraction| counts(retraction)).copied();
            match first {
                Some(first) => self.bodies.removed.insert(named, (first.words, first.by.author)),
                None => self.bodies.removed.remove(&named),
            };
            if let Some(held) = held {
                self.note_removed(&held);
            }
        }
    }

    /// Tells user and disk what has become of words that are held.
    fn note_removed(&mut self, held: &Arc<Held>) {
        let named = name(held);
        match self.removed_by(held) {
            Some(by) => {
                if held.has_body() && self.bodies.hidden.insert(named) {
                    self.unkept.push(Record::Gone(held.id, held.number));
                }
                self.bodies.lacking.get_mut(&held.id).into_iter().for_each(|lacking| {
                    lacking.get_mut(&held.number).into_iter().for_each(|lacking| lacking.is_asked = false);
                });
                if self.bodies.told.insert(named, by) != Some(by) {
                    self.bodies.news.push(News::Removed(Arc::clone(held), by));
                }
            }
            None => {
                if self.bodies.hidden.remove(&named) {
                    self.unkept.push(Record::Back(held.id, held.number));
                }
                if self.bodies.told.remove(&named).is_some() {
                    self.bodies.news.push(News::Returned(Arc::clone(held)));
                }
            }
        }
    }

    /// What was removed since the last call, and what has come back.
    pub(crate) fn news(&mut self) -> Vec<News> {
        core::mem::take(&mut self.bodies.news)
    }

    /// The same, still to be told.
    pub(crate) fn peek_news(&self) -> &[News] {
        &self.bodies.news
    }

    /// Whether anything of a stream is held without its body.
    pub(crate) fn lacks_bodies(&self, id: StreamId) -> bool {
        self.bodies.lacking.contains_key(&id)
    }

    /// Where words stand in the ring.
    pub(crate) fn position(&self, entry: &Held) -> Option<u64> {
        self.streams.get(&entry.id)?.held.get(&entry.number).map(|(position, _)| *position)
    }

    /// Whether a file that was kept has bodies that are to go.
    #[must_use]
    pub fn has_hidden(&self) -> bool {
        !self.bodies.hidden.is_empty()
    }

    /// Whether the disk may forget the body of an entry.
    #[must_use]
    pub fn is_hidden(&self, entry: &Held) -> bool {
        self.bodies.hidden.contains(&name(entry))
    }

    /// What an earlier run has hidden, or shown again.
    pub(super) fn restore_hidden(&mut self, id: StreamId, number: u64, is_hidden: bool) {
        let is_held = self.streams.get(&id).and_then(|stream| stream.held.get(&number));
        if is_hidden && is_held.is_some_and(|(_, held)| held.has_body()) {
            self.bodies.hidden.insert((id, number));
        } else {
            self.bodies.hidden.remove(&(id, number));
        }
    }

    /// The body of an entry of talk is to be had (SPEC ENTRY-8).
    pub(crate) fn want_body(&mut self, entry: &Held) {
        let is_removed = self.removed_by(entry).is_some();
        if let Some(body) = self.bodies.lacking.get_mut(&entry.id).and_then(|lacking| lacking.get_mut(&entry.number)) {
            body.is_asked = !is_removed;
        }
    }

    /// The same of all numbers of a stream in `from..to` whose body is lacking; whether there is any.
    pub(crate) fn want_bodies(&mut self, id: StreamId, from: u64, to: u64) -> bool {
        let numbers = self.bodies.lacking.get(&id).into_iter().flat_map(|lacking| lacking.range(from..to.max(from)));
        let numbers: Vec<u64> = numbers.map(|(number, _)| *number).collect();
        let held = self.streams.get(&id);
        let entries = numbers.iter().filter_map(|number| held?.held.get(number)).map(|(_, held)| Arc::clone(held));
        let entries: Vec<Arc<Held>> = entries.collect();
        entries.iter().for_each(|entry| self.want_body(entry));
        self.wants_bodies(id)
    }

    /// Whether bodies of a stream are asked for.
    pub(crate) fn wants_bodies(&self, id: StreamId) -> bool {
        self.bodies.lacking.get(&id).is_some_and(|lacking| lacking.values().any(|body| body.is_asked))
    }

    /// The first numbers in a row of which the bodies are asked for.
    pub(crate) fn wanted_bodies(&self, id: StreamId) -> (u64, u64) {
        let lacking = self.bodies.lacking.get(&id).into_iter().flatten();
        let mut asked = lacking.filter(|(_, body)| body.is_asked).map(|(number, _)| *number);
        let Some(first) = asked.next() else { return (u64::MAX, u64::MAX) };
        let mut next = first.saturating_add(1);
        while asked.next() == Some(next) {
            next = next.saturating_add(1);
        }
        (first, next)
    }

    /// The bodies of a stream below `to` are not asked for any more: nobody has brought them. All, if there is no stream.
    pub(crate) fn forgo_bodies(&mut self, only: Option<StreamId>, to: u64) {
        for (id, lacking) in self.bodies.lacking.iter_mut().filter(|(id, _)| only.is_none_or(|only| only == **id)) {
            for (number, body) in lacking.range_mut(..to).filter(|(_, body)| body.is_asked) {
                let was_told = core::mem::replace(body, Lacking { is_asked: false, is_told: true }).is_told;
                let held = self.streams.get(id).and_then(|stream| stream.held.get(number));
                let news = held.filter(|_| !was_told).map(|(_, held)| News::Missing(Arc::clone(held)));
                self.bodies.news.extend(news);
            }
        }
    }

    /// The newest words that fit, and are not removed.
    pub(crate) fn newest_words(&self, fits: impl Fn(&Held) -> bool) -> Option<Arc<Held>> {
        let talk = self.ring.talk().iter().rev().map(|(_, entry)| entry);
        let mut words = talk.filter(|entry| {
            matches!(Kind::of(entry.kind), Kind::Text | Kind::Question)
                && self.removed_by(entry).is_none()
                && !self.is_void(entry.id, entry.number)
        });
        words.find(|entry| fits(entry)).cloned()
    }

    /// The words of this name.
    #[must_use]
    pub fn words(&self, author: Key, session: u64, number: u64) -> Option<Arc<Held>> {
        let stream = self.streams.get(&StreamId { author, session, lane: Lane::Talk })?;
        stream.held.get(&number).map(|(_, held)| Arc::clone(held))
    }
}

#[cfg(test)]
mod tests;
