//! What the user has been shown of what is stored: kept as it is written, so that the next run shows the rest.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::event::{Event, Kind};
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::log::{self, Record};
use tertulia_net::{Error, Home};

/// Which message a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    meeting: MeetingId,
    author: Key,
    session: u64,
    number: u64,
}

impl Mark {
    /// What `event` shows of what is stored: private words are not.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let Event::Message { meeting, kind, .. } = event else { return None };
        let (Kind::Text(origin) | Kind::Question(origin, _) | Kind::Missing(origin)) = kind else { return None };
        Some(Self { meeting: *meeting, author: origin.author, session: origin.session, number: origin.number })
    }

    const fn stream(&self) -> (MeetingId, Key, u64) {
        (self.meeting, self.author, self.session)
    }
}

/// What is kept, of all meetings of this run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    home: Option<Home>,
    /// Sessions of which a line was left out: what follows it is shown again with it.
    left_out: BTreeSet<(MeetingId, Key, u64)>,
}

impl Ledger {
    /// Keeps from now on in `home`, unless that is another program's.
    pub(crate) fn keep_in(&mut self, home: &Home) {
        self.home = Some(home.clone()).filter(|home| !home.is_guest());
    }

    /// The line of `mark` is not written.
    pub(crate) fn leave_out(&mut self, mark: Mark) {
        self.left_out.insert(mark.stream());
    }

    /// The lines of `marks` have been written.
    ///
    /// # Errors
    /// Not all could be kept.
    pub(crate) fn note(&mut self, marks: impl Iterator<Item = Mark>) -> Result<(), Error> {
        let Some(home) = &self.home else { return Ok(()) };
        // Of those in one session, the last is enough.
        let last: BTreeMap<_, u64> = marks.map(|mark| (mark.stream(), mark.number)).collect();
        let mut result = Ok(());
        for ((meeting, author, session), number) in last {
            if !self.left_out.contains(&(meeting, author, session)) {
                let mark = log::Mark { author, session, next: number.saturating_add(1) };
                let kept = home.meeting(meeting).and_then(|files| files.append(&Record::Shown(mark)));
                result = result.and(kept);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_line_that_was_left_out_comes_again() {
        let path = std::env::temp_dir().join(format!("tertulia-shown-{}", std::process::id()));
        let home = Home::open(&path).expect("a home");
        let meeting = MeetingId([7; 16]);
        let files = home.meeting(meeting).expect("it is nobody else's");
        let mark = |session, number| Mark { meeting, author: Key([1; 32]), session, number };
        let mut ledger = Ledger::default();
        ledger.keep_in(&home);
        ledger.note([mark(1, 8), mark(1, 9), mark(2, 1)].into_iter()).expect("it is kept");
        ledger.leave_out(mark(1, 10));
        ledger.note([mark(1, 11), mark(2, 2)].into_iter()).expect("it is kept");
        let records: Vec<Record> = files.load().expect("it is read").log.records().collect();
        let shown = |session, next| Record::Shown(log::Mark { author: Key([1; 32]), session, next });
        assert!(records.ends_with(&[shown(1, 10), shown(2, 3)]), "{records:?}");
        std::fs::remove_dir_all(path).expect("it can be removed");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn however_many_meetings_there_are_few_of_their_files_stay_open() {
        let path = std::env::temp_dir().join(format!("tertulia-shown-open-{}", std::process::id()));
        let home = Home::open(&path).expect("a home");
        let mut ledger = Ledger::default();
        ledger.keep_in(&home);
        for number in 0..50 {
            let meeting = MeetingId([number; 16]);
            let mark = Mark { meeting, author: Key([1; 32]), session: 1, number: 1 };
            ledger.note(std::iter::once(mark)).expect("it is kept");
        }
        let links = std::fs::read_dir("/proc/self/fd").expect("a process knows its files").filter_map(Result::ok);
        let open = links.filter_map(|link| std::fs::read_link(link.path()).ok());
        let open = open.filter(|file| file.starts_with(path.join("meetings"))).count();
        assert!((1..=16).contains(&open), "{open}");
        std::fs::remove_dir_all(path).expect("it can be removed");
    }
}
