//! What the user has been shown of what is stored: kept as it is written, so that the next run shows the rest.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::event::{Event, Kind};
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::log::Shown;
use tertulia_net::{Error, Home, MeetingFiles};

/// Marks that are added to a file before it is written anew.
const MARKS_MAX: usize = 4_096;

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
        let Event::Message { meeting, kind: Kind::Text(origin) | Kind::Question(origin), .. } = event else {
            return None;
        };
        Some(Self { meeting: *meeting, author: origin.author, session: origin.session, number: origin.number })
    }

    const fn stream(&self) -> (MeetingId, Key, u64) {
        (self.meeting, self.author, self.session)
    }
}

/// One meeting's.
#[derive(Debug)]
struct Told {
    files: MeetingFiles,
    shown: Shown,
    /// Marks added since the file was written.
    added: usize,
}

/// What is kept, of all meetings of this run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    home: Option<Home>,
    meetings: BTreeMap<MeetingId, Told>,
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
                let kept = keep(home, &mut self.meetings, meeting, (author, session, number));
                result = result.and(kept);
            }
        }
        result
    }
}

fn keep(
    home: &Home,
    meetings: &mut BTreeMap<MeetingId, Told>,
    meeting: MeetingId,
    (author, session, number): (Key, u64, u64),
) -> Result<(), Error> {
    let told = match meetings.entry(meeting) {
        Entry::Occupied(told) => told.into_mut(),
        Entry::Vacant(place) => {
            let files = home.meeting(meeting)?;
            let shown = files.shown()?;
            place.insert(Told { files, shown, added: 0 })
        }
    };
    let Some(mark) = told.shown.note(author, session, number) else { return Ok(()) };
    told.added = told.added.saturating_add(1);
    if told.added > MARKS_MAX {
        told.added = 0;
        return told.files.keep_shown(&told.shown);
    }
    told.files.mark_shown(&mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_line_that_was_left_out_comes_again_and_the_file_stays_small() {
        let path = std::env::temp_dir().join(format!("tertulia-shown-{}", std::process::id()));
        let home = Home::open(&path).expect("a home");
        let meeting = MeetingId([7; 16]);
        let files = home.meeting(meeting).expect("it is nobody else's");
        std::fs::create_dir_all(files.path()).expect("a folder");
        let mark = |session, number| Mark { meeting, author: Key([1; 32]), session, number };
        let mut ledger = Ledger::default();
        ledger.keep_in(&home);
        let count = u64::try_from(MARKS_MAX).expect("a small number") + 2;
        for number in 1..=count {
            ledger.note([mark(1, number), mark(2, 1)].into_iter()).expect("it is kept");
        }
        let length = std::fs::metadata(files.path().join("shown")).expect("a file").len();
        assert!(length < 1_000, "{length} bytes");
        ledger.leave_out(mark(1, count + 1));
        ledger.note([mark(1, count + 2), mark(2, 2)].into_iter()).expect("it is kept");
        let mut expected = Shown::default();
        expected.note(Key([1; 32]), 1, count);
        expected.note(Key([1; 32]), 2, 2);
        assert_eq!(files.shown().expect("it is read"), expected);
        std::fs::remove_dir_all(path).expect("it can be removed");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn however_many_meetings_there_are_none_of_their_files_stays_open() {
        let path = std::env::temp_dir().join(format!("tertulia-shown-open-{}", std::process::id()));
        let home = Home::open(&path).expect("a home");
        let mut ledger = Ledger::default();
        ledger.keep_in(&home);
        for number in 0..50 {
            let meeting = MeetingId([number; 16]);
            let files = home.meeting(meeting).expect("it is nobody else's");
            std::fs::create_dir_all(files.path()).expect("a folder");
            let mark = Mark { meeting, author: Key([1; 32]), session: 1, number: 1 };
            ledger.note(std::iter::once(mark)).expect("it is kept");
        }
        let links = std::fs::read_dir("/proc/self/fd").expect("a process knows its files").filter_map(Result::ok);
        let open = links.filter_map(|link| std::fs::read_link(link.path()).ok());
        let open: Vec<_> = open.filter(|file| file.starts_with(path.join("meetings"))).collect();
        assert_eq!(open, [""; 0].map(std::path::PathBuf::from));
        std::fs::remove_dir_all(path).expect("it can be removed");
    }
}
