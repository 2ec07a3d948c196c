//! What one node does by itself for one frame, record, signature or connection.

use std::hint::black_box;
use std::time::Duration;

use tertulia_core::channel::{Established, Handshake, RECORD_LENGTH_BYTES, TAG_BYTES};
use tertulia_core::id::{Hash, MeetingId, RequestId, Salt};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::limits::TEXT_MAX;
use tertulia_core::log::Log;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{EntryBody, Lane};
use tertulia_core::wire::field::Text;
use tertulia_core::wire::meeting::{Meeting, Row as Held};
use tertulia_core::wire::{Frame, decode};
use tertulia_net::{crypto, identity};
use tertulia_testkit::real::peer::{digest, ping};

use crate::measure;
use crate::row::{Row, Spread};
use crate::table::{Output, Table, at_most};

/// Each is tried for so long.
const SPAN: Duration = Duration::from_millis(50);
const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };
/// Rows of the DIGEST that is decoded.
const ROWS: u8 = 16;

/// One frame, record, signature or connection: processor time of one thread
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Bytes of a text
    #[arg(long, value_delimiter = ',', default_values_t = [64, 1_024], value_parser = at_most::<TEXT_MAX>)]
    size: Vec<usize>,
    /// How often each runs; the table says the medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    #[command(flatten)]
    output: Output,
}

/// Prints the table.
pub(crate) fn run(args: &Args) {
    let mut table = Table::new("codec", "processor time, ns each", &args.output);
    let us = identity(Secret([7; 32]));
    let rows = (0..ROWS).map(|row| Held {
        author: us.key(),
        session: row.into(),
        lane: Lane::Talk,
        first: 1,
        next: 100,
        head: Hash([row; 32]),
    });
    let digest = digest(rows.collect());
    let mut add = |what: &str, size: usize, op: &mut dyn FnMut()| {
        let spread = Spread::of((0..args.runs).map(|_| time(op)));
        table.add(Row::new("tertulia", what, 1, size, spread));
    };
    for (what, frame) in [("decode PING", ping()), ("decode DIGEST of 16", digest)] {
        add(what, frame.0.len(), &mut || {
            let _ = black_box(decode(black_box(&frame.0)));
        });
    }
    for &size in &args.size {
        entry(&us, size, &mut add);
        records(&us, size, &mut add);
    }
    add("handshake, both sides", 0, &mut || {
        black_box(shake(&us));
    });
    table.finish();
}

/// What a text costs in a log and on the wire.
fn entry(us: &Identity, size: usize, add: &mut impl FnMut(&str, usize, &mut dyn FnMut())) {
    let text = "x".repeat(size);
    let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new(&text).unwrap() };
    let mut log = Log::new(MeetingId([1; 16]), 1_000);
    let frame = log.write(us, 1, &body, NOW).unwrap().frame.clone();
    let Some(Frame::Meeting(Meeting::EntryFrame(entry))) = decode(&frame.0).unwrap().frame else {
        panic!("a text is an entry")
    };
    let signed = entry.entry.envelope().signed();
    let signature = us.sign(Domain::Entry, &[&signed]);
    add("decode ENTRY", size, &mut || {
        let _ = black_box(decode(black_box(&frame.0)));
    });
    add("read the body of ENTRY", size, &mut || {
        black_box(black_box(&entry.entry).read());
    });
    add("encode ENTRY", size, &mut || {
        black_box(Frame::from(black_box(entry)).encode(RequestId::EVENT));
    });
    add("sign an entry", size, &mut || {
        black_box(us.sign(Domain::Entry, &[&signed]));
    });
    add("verify an entry", size, &mut || {
        assert!(us.verify(&us.key(), Domain::Entry, &[&signed], black_box(&signature)));
    });
    add("write an own entry", size, &mut || {
        black_box(log.write(us, 1, &body, NOW));
    });
}

/// What a record of one entry costs.
fn records(us: &Identity, size: usize, add: &mut impl FnMut(&str, usize, &mut dyn FnMut())) {
    let plaintext = vec![7; size];
    let [mut sender, _] = shake(us);
    let mut sealed = Vec::new();
    add("seal a record", size, &mut || {
        sealed.clear();
        sender.sealer.seal(&plaintext, &mut sealed).unwrap();
    });
    // Records open in the order in which they were sealed, so that each is sealed first: the difference is the opening.
    let [mut sender, mut receiver] = shake(us);
    let mut opened = Vec::with_capacity(size + TAG_BYTES);
    add("seal and open a record", size, &mut || {
        sealed.clear();
        opened.clear();
        sender.sealer.seal(&plaintext, &mut sealed).unwrap();
        receiver.opener.open(&sealed[RECORD_LENGTH_BYTES..], &mut opened).unwrap();
    });
    assert_eq!(opened, plaintext);
}

/// Both ends of a new connection.
pub(crate) fn shake(us: &Identity) -> [Established; 2] {
    let (mut sent, mut answer) = (Vec::new(), Vec::new());
    let mut dialler = Handshake::initiator(us, None, [1; 32], crypto(), &mut sent);
    let mut listener = Handshake::responder(us, [2; 32], crypto());
    listener.receive(&sent, &mut answer).unwrap();
    sent.clear();
    let dialler = dialler.receive(&answer, &mut sent).unwrap().1.unwrap();
    let listener = listener.receive(&sent, &mut answer).unwrap().1.unwrap();
    [dialler, listener]
}

/// Nanoseconds of one `op`.
fn time(op: &mut dyn FnMut()) -> f64 {
    let mut count = 1_u32;
    loop {
        let start = measure::thread();
        (0..count).for_each(|_| op());
        let took = measure::thread().saturating_sub(start);
        if took >= SPAN {
            return took.as_nanos() as f64 / f64::from(count);
        }
        count = count.saturating_mul(2);
    }
}
