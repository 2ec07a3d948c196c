//! One trial of one contestant: it starts, its guests come, it is spoken to under each load, and it ends.

use std::time::{Duration, Instant};

use crate::contestant::server::{Contestant, Server};
use crate::crowd::Crowd;
use crate::measure::{Usage, percentile, pin};

/// Long enough for all that follows an arrival to be over.
const REST: Duration = Duration::from_secs(2);
/// Messages on their way to somebody, at most, while it is spoken to without a pause. It keeps every server busy, and is
/// far from the 10,000 entries of a host of ours that may be ahead of a guest before that guest is cut off.
const OPEN_WINDOW: usize = 512;
/// One part in so many of a load's time, before it counts.
const WARM_UP: u32 = 5;

/// How it is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Load {
    /// The next message goes out when all have the last
    One,
    /// Sixteen go out at once, and the next sixteen when all have these
    #[value(name = "16")]
    Sixteen,
    /// As many as it takes, 512 on their way at most
    Open,
    /// Twenty a second: how long each takes
    #[value(name = "20/s")]
    Paced,
    /// One a second: how long it takes to reach very many
    #[value(name = "1/s")]
    Slow,
    /// Not at all: what is told of it is a minute of a guest's, where others are told of a delivery
    #[value(skip)]
    Idle,
}

impl Load {
    /// What tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Sixteen => "16",
            Self::Open => "open",
            Self::Paced => "20/s",
            Self::Slow => "1/s",
            Self::Idle => "idle",
        }
    }
}

/// What a trial needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// Guests.
    pub(crate) guests: usize,
    /// Bytes of a message.
    pub(crate) size: usize,
    /// One processor for all, or one for the server and one for all else; nothing is pinned where this is none.
    pub(crate) cores: Option<u8>,
    pub(crate) loads: &'a [Load],
    /// How long each load lasts.
    pub(crate) span: Duration,
    /// What has not come for so long is lost.
    pub(crate) patience: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Trial {
    /// Processor time of the server for one guest that comes, in nanoseconds.
    pub(crate) join_ns: f64,
    pub(crate) joins_per_s: f64,
    /// Memory of the server for one guest that is there, in bytes.
    pub(crate) resident: f64,
    /// Of each load.
    pub(crate) figures: Vec<Figures>,
}

/// What came of one load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Processor time of the server for one delivery.
    pub(crate) server_ns: f64,
    /// That of the load generator.
    pub(crate) generator_ns: f64,
    pub(crate) deliveries_per_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) most_us: f64,
    /// Deliveries that never came.
    pub(crate) lost: u64,
}

/// Runs one.
pub(crate) fn run(contestant: &Contestant, setting: Setting<'_>) -> Trial {
    setting.cores.inspect(|_| pin(0));
    let server = (contestant.start)();
    setting.cores.inspect(|cores| pin(cores - 1));
    let mut crowd = Crowd::new(&server, setting.patience);
    crowd.rest(Duration::from_millis(100));
    let (before, start) = (Usage::of(server.process.id()), Instant::now());
    crowd.grow(setting.guests);
    let joins_per_s = setting.guests as f64 / start.elapsed().as_secs_f64();
    crowd.rest(REST);
    let after = Usage::of(server.process.id());
    let each = |figure: f64| figure / setting.guests as f64;
    let join_ns = each((after.processor - before.processor).as_nanos() as f64);
    let resident = each(after.resident as f64 - before.resident as f64);
    crowd.talk(setting.size);
    let loads = setting.loads.iter();
    let figures = loads.map(|load| measure(&mut crowd, (contestant, &server), *load, setting)).collect();
    Trial { join_ns, joins_per_s, resident, figures }
}

fn measure(
    crowd: &mut Crowd<'_>,
    (contestant, server): (&Contestant, &Server),
    load: Load,
    setting: Setting<'_>,
) -> Figures {
    let (server, window) = (server.process.id(), OPEN_WINDOW.min(contestant.in_flight_max));
    let missing = crowd.tally().missing();
    speak(crowd, load, window, setting.span / WARM_UP);
    crowd.tally().take_times();
    let delivered = crowd.tally().deliveries();
    let (before, own, start) = (Usage::of(server), Usage::own(), Instant::now());
    speak(crowd, load, window, setting.span);
    let (took, after, own_after) = (start.elapsed(), Usage::of(server), Usage::own());
    let deliveries = match load {
        Load::One | Load::Sixteen | Load::Open | Load::Paced | Load::Slow => {
            (crowd.tally().deliveries() - delivered) as f64
        }
        Load::Idle => took.as_secs_f64() / 60.0 * setting.guests as f64,
    };
    let mut times = crowd.tally().take_times();
    let mut time = |hundredths| f64::from(percentile(&mut times, hundredths).unwrap_or(0));
    Figures {
        server_ns: (after.processor - before.processor).as_nanos() as f64 / deliveries,
        generator_ns: (own_after.processor - own.processor).as_nanos() as f64 / deliveries,
        deliveries_per_s: deliveries / took.as_secs_f64(),
        p50_us: time(50),
        p99_us: time(99),
        most_us: time(100),
        lost: crowd.tally().missing() - missing,
    }
}

/// Speaks for so long, with no more messages on their way than `window`, and waits until all have all of it.
fn speak(crowd: &mut Crowd<'_>, load: Load, window: usize, span: Duration) {
    let start = Instant::now();
    let mut next = start;
    while start.elapsed() < span {
        match load {
            Load::Idle => crowd.rest(span),
            Load::One | Load::Sixteen => {
                crowd.say(if load == Load::One { 1 } else { 16 });
                crowd.until_in_flight(0);
            }
            Load::Open => {
                let room = window - crowd.tally().in_flight();
                crowd.say(room);
                crowd.until_in_flight(window - 1);
            }
            Load::Paced | Load::Slow => {
                crowd.say(1);
                next += Duration::from_millis(if load == Load::Paced { 50 } else { 1_000 });
                crowd.rest(next.saturating_duration_since(Instant::now()));
            }
        }
    }
    crowd.until_in_flight(0);
}
