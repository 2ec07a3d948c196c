//! One end of a connection that somebody else feeds: any bytes, in any records, at any time.
//!
//! Input: a byte of [`Setting`], then steps of [`program`]. The same frames cut into other records must tell the machine
//! the same; a driver that wakes up late may be told something else, and must not be told nonsense.

mod play;

use bytes::Bytes;
use tertulia_core::limits::RECORD_PLAINTEXT_MAX;
use tertulia_core::link::LinkEvent;
use tertulia_core::rule::Rule;
use tertulia_core::wire::frame::HEADER;

use self::play::Play;
use super::Input;

/// Steps, records and their bytes of one input: more find nothing new, and take long.
const STEPS_MAX: usize = 200;
const RECORDS_MAX: usize = 1_500;
const BYTES_MAX: usize = 1 << 18;

/// What the first byte says.
#[derive(Clone, Copy)]
struct Setting {
    /// This end has dialled, bit 0.
    dialled: bool,
    /// The other end has this end's key, bit 1.
    with_itself: bool,
}

/// What happens to the link.
#[derive(Clone)]
enum Step {
    /// Records arrive.
    Records(Vec<Bytes>),
    /// Time passes.
    Wait(u64),
    /// Time passes until the link wants to be called.
    Jump,
    /// All that it has to send is written.
    Write,
    /// One record is made, and not written.
    Stall,
    /// The machine sends requests.
    Request(u8),
    /// The machine answers some of the other side's requests.
    Reply(u8),
    /// The feed grows, and the link follows it.
    Append(u8),
    /// The machine sends a long frame, as often as this.
    Flood(u8),
    EndOfStream,
    Close,
}

/// Plays `input` to links with its records as they are, cut into frames, joined, and to a driver that is late.
///
/// # Panics
/// If a link tells or sends nonsense, or the cut of records makes a difference.
pub fn link(input: &[u8]) {
    let mut input = Input(input);
    let flags = input.u8();
    let setting = Setting { dialled: flags & 1 != 0, with_itself: flags & 2 != 0 };
    let program = program(&mut input);
    let mut first = Play::new(setting, true);
    let times: Vec<u64> = program.iter().map(|step| first.step(step, None)).collect();
    first.finish();
    for cut in [frames_of, joined] {
        let mut play = Play::new(setting, true);
        for (step, time) in program.iter().zip(&times) {
            if let Step::Records(records) = step {
                play.step(&Step::Records(cut(records)), Some(*time));
            } else {
                play.step(step, Some(*time));
            }
        }
        play.finish();
        compare(&first.events, &play.events);
    }
    let mut late = Play::new(setting, false);
    for (step, time) in program.iter().zip(&times) {
        late.step(step, Some(*time));
    }
    late.finish();
}

/// RATE-1 may come at the very time at which the next frame may be looked at, and either may be first.
fn compare(one: &[LinkEvent], other: &[LinkEvent]) {
    let over_rate = |events: &[LinkEvent]| {
        events.iter().position(|event| matches!(event, LinkEvent::Down { rule: Some(Rule::Rate1), .. }))
    };
    let end = over_rate(one).into_iter().chain(over_rate(other)).min();
    assert_eq!(&one[..end.unwrap_or(one.len())], &other[..end.unwrap_or(other.len())]);
}

fn program(input: &mut Input<'_>) -> Vec<Step> {
    let (mut program, mut records, mut bytes) = (Vec::new(), 0, 0);
    let mut last = Bytes::new();
    while !input.is_empty() && program.len() < STEPS_MAX {
        let (what, much) = input.step();
        let step = match what {
            0 => {
                let length = usize::from(input.u16()).min(RECORD_PLAINTEXT_MAX);
                last = Bytes::copy_from_slice(input.take(length));
                Step::Records(vec![last.clone()])
            }
            1 => {
                last = (0..=much).flat_map(|_| frame(input)).copied().take(RECORD_PLAINTEXT_MAX).collect();
                Step::Records(vec![last.clone()])
            }
            2 => Step::Records(vec![last.clone(); (usize::from(much) + 1) * 4]),
            3 => Step::Wait(u64::from(input.u16()) * (u64::from(much) + 1)),
            4 => Step::Jump,
            5 => Step::Write,
            6 => Step::Stall,
            7 => Step::Request(much),
            8 => Step::Reply(much),
            9 => Step::Append(much),
            10 => Step::Flood(much),
            11 => Step::EndOfStream,
            12 => Step::Close,
            _ => continue,
        };
        if let Step::Records(more) = &step {
            records += more.len();
            bytes += more.iter().map(Bytes::len).sum::<usize>();
            if records > RECORDS_MAX || bytes > BYTES_MAX {
                break;
            }
        }
        match (program.last_mut(), step) {
            (Some(Step::Records(before)), Step::Records(more)) => before.extend(more),
            (_, step) => program.push(step),
        }
    }
    program
}

/// A frame as long as its header says, if there is so much.
fn frame<'a>(input: &mut Input<'a>) -> &'a [u8] {
    let body = input.0.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
    input.take(HEADER + body)
}

/// Each frame in a record of its own; what is no frame comes last, as a record too.
fn frames_of(records: &[Bytes]) -> Vec<Bytes> {
    records.iter().flat_map(|record| cut(record).0).collect()
}

/// The frames of a record, and whether that is all of it.
fn cut(record: &Bytes) -> (Vec<Bytes>, bool) {
    let (mut rest, mut frames) = (record.clone(), Vec::new());
    loop {
        let length = rest.first_chunk().map_or(0, |length| HEADER + usize::from(u16::from_be_bytes(*length)));
        if length == 0 || length > rest.len() {
            let is_all = rest.is_empty() && !frames.is_empty();
            if !is_all {
                frames.push(rest);
            }
            return (frames, is_all);
        }
        frames.push(rest.split_to(length));
    }
}

/// Neighbours in one record, where the first is whole frames and both fit.
fn joined(records: &[Bytes]) -> Vec<Bytes> {
    let mut joined: Vec<Vec<u8>> = Vec::new();
    let mut is_open = false;
    for record in records {
        match joined.last_mut() {
            Some(last) if is_open && !record.is_empty() && last.len() + record.len() <= RECORD_PLAINTEXT_MAX => {
                last.extend_from_slice(record);
            }
            _ => joined.push(record.to_vec()),
        }
        is_open = cut(record).1;
    }
    joined.into_iter().map(Bytes::from).collect()
}
