//! The home of a lecture that was held before, with what was said in it.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use tempfile::TempDir;
use tertulia_core::charter::Admission;
use tertulia_core::id::Salt;
use tertulia_core::limits::TALK_ENTRIES_MAX;
use tertulia_core::log::Log;
use tertulia_core::log::record::{SALT, Salted};
use tertulia_core::machine::Kept;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::field::Text;
use tertulia_net::{Home, seed, unix_ms};
use tertulia_testkit::real::local::found;

use crate::contestant::ours::HOME;
use crate::contestant::server::text;

/// How what was said stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// As a host leaves it, who writes it anew now and then without what is not held any more.
    Left,
    /// All of it: nobody has written it anew.
    Whole,
}

impl State {
    /// What tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Left => "as left",
            Self::Whole => "all in the file",
        }
    }
}

/// A folder in which the host of so many texts goes on.
pub(crate) fn lecture(texts: usize, size: usize, state: State) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(&folder.path().join(HOME)).unwrap();
    let us = home.identity();
    let charter = found("Fan-out", &us, Admission::Open, None);
    let files = home.meeting(charter.meeting).unwrap();
    files.keep(Kept::Charter, charter.bytes()).unwrap();
    let mut all = (state == State::Whole).then(|| {
        let salted = Salted::new(*seed().unwrap().first_chunk::<SALT>().unwrap());
        let mut file = BufWriter::new(File::create(files.path().join("log")).unwrap());
        file.write_all(&salted.header(0)).unwrap();
        (salted, file)
    });
    let mut log = Log::new(charter.meeting, TALK_ENTRIES_MAX);
    let now = Now { tick: Instant(1), unix_ms: unix_ms() };
    let session = log.new_session(us.key(), now.unix_ms, [0; 2]);
    let mut bytes = Vec::new();
    for number in 0..texts {
        let text = text(number, size);
        let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new(&text).unwrap() };
        log.write(&us, session, &body, now).unwrap();
        for record in log.unkept() {
            let Some((salted, file)) = &mut all else {
                files.append(&record).unwrap();
                continue;
            };
            bytes.clear();
            salted.write(&record, &mut bytes);
            file.write_all(&bytes).unwrap();
        }
    }
    folder
}
