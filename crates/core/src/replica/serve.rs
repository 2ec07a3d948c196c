//! What is held, told to others: all rows first, then those that have changed; and sent to whoever asks for it
//! (SPEC.md, "DIGEST and FETCH").

use alloc::vec::Vec;

use crate::id::{LinkId, RequestId};
use crate::limits;
use crate::log::{Held, Log};
use crate::machine::Output;
use crate::rule::Rule;
use crate::wire::Frame;
use crate::wire::field::{List, encode_items};
use crate::wire::meeting::{Digest, Fetch, Lane, Range, Row};
use crate::wire::option::Options;

/// Sends rows, in as many DIGESTs as it takes: one, if there are none.
pub(crate) fn send_rows(link: LinkId, rows: &[Row], out: &mut Vec<Output>) {
    let mut rows = rows.iter().copied();
    loop {
        let (count, items) = encode_items(rows.by_ref(), limits::ROWS_MAX);
        let digest = Digest { rows: List::over(count, &items), options: Options::NONE };
        out.push(Output::Send { link, frame: Frame::from(digest).encode(RequestId::EVENT) });
        if rows.len() == 0 {
            return;
        }
    }
}

/// Where somebody is, and how much it may have: talk above a lamport time, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) link: LinkId,
    pub(crate) talk: Option<u64>,
}

impl Asker {
    /// Answers a FETCH with what is held, may be had, and `goes`; whether that was anything.
    pub(crate) fn answer(
        self,
        log: &Log,
        request: RequestId,
        fetch: &Fetch<'_>,
        goes: impl FnMut(&Held) -> bool,
        out: &mut Vec<Output>,
    ) -> Result<bool, Rule> {
        // SPEC FETCH-1
        if fetch.ranges.iter().any(|range| range.from >= range.to) {
            return Err(Rule::Fetch1);
        }
        let before = out.len();
        self.send(log, fetch.ranges.iter(), goes, out);
        let has_sent = out.len() > before;
        out.push(Output::done(self.link, request));
        Ok(has_sent)
    }

    /// Sends what of these ranges is held, may be had, and `goes`.
    pub(crate) fn send(
        self,
        log: &Log,
        ranges: impl Iterator<Item = Range>,
        mut goes: impl FnMut(&Held) -> bool,
        out: &mut Vec<Output>,
    ) {
        let ranges = ranges.filter(|range| self.talk.is_some() || range.lane != Lane::Talk);
        let found = log.fetch(ranges, self.talk.unwrap_or(u64::MAX));
        let going = found.iter().filter(|entry| goes(entry));
        out.extend(going.map(|entry| Output::Send { link: self.link, frame: entry.frame.clone() }));
    }
}
