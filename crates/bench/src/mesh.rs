//! Rooms, in which everybody talks to everybody: what a message costs all members together, for each that gets it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::command::Command;
use tertulia_core::event::{Event, Kind};
use tertulia_core::id::{CommandId, Key, MeetingId, Token};
use tertulia_core::identity::Identity;
use tertulia_core::limits::{TALK_ENTRIES_MAX, TEXT_MAX};
use tertulia_core::log::Log;
use tertulia_core::mesh::{Member, MemberConfig, NewcomerConfig, Restored, Tickets};
use tertulia_core::node;
use tertulia_core::wire::field::Title;
use tertulia_core::wire::session::Purpose;
use tertulia_net::{Home, Node, Setup, raise_open_files, seed, start, unix_ms};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout, timeout_at};

use crate::contestant::server::{number, text};
use crate::measure::{Usage, percentile};
use crate::row::{Row, Spread};
use crate::table::{Output, Table, at_least, at_most, seconds};
use crate::tally::Tally;

/// What has not happened by then does not happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Long enough for all that follows an arrival to be over.
const REST: Duration = Duration::from_secs(3);

/// Rooms: processor time of all members together for each message that reaches one of them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Members
    #[arg(long, value_delimiter = ',', default_values_t = [16, 32], value_parser = at_least::<2>)]
    n: Vec<usize>,
    /// Messages a second, of all members together
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100], value_parser = clap::value_parser!(u32).range(1..))]
    rate: Vec<u32>,
    /// Bytes of a message
    #[arg(long, default_value_t = 64, value_parser = at_most::<TEXT_MAX>)]
    size: usize,
    /// Seconds of each rate
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// How often each runs; the table says the medians
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Counts frames: all members write down what passes, so that processor time says nothing then
    #[arg(long)]
    frames: bool,
    #[command(flatten)]
    output: Output,
}

/// Prints the table.
pub(crate) fn run(args: &Args) {
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut table = Table::new("mesh", "processor time of all members, ns a delivery", &args.output);
    for &members in &args.n {
        let run = async || Room::open(members, args.frames).await.speak_at_all(args).await;
        let runs: Vec<Vec<Figures>> = (0..args.runs).map(|_| runtime.block_on(run())).collect();
        for (at, rate) in args.rate.iter().enumerate() {
            let of = |figure: fn(&Figures) -> f64| Spread::of(runs.iter().map(|run| figure(&run[at])));
            let frames = |figure| args.frames.then(|| of(figure).median);
            table.add(Row {
                deliveries_per_s: Some(of(|one| one.deliveries_per_s).median),
                p50_us: Some(of(|one| one.p50_us).median),
                p99_us: Some(of(|one| one.p99_us).median),
                most_us: Some(of(|one| one.most_us).most),
                lost: Some(runs.iter().map(|run| run[at].lost).sum()),
                entry_frames_per_delivery: frames(|one| one.entry_frames),
                digest_frames_per_delivery: frames(|one| one.digest_frames),
                ..Row::new("tertulia", &format!("{rate}/s"), members, args.size, of(|one| one.ns))
            });
        }
    }
    table.finish();
}

/// What came of one rate.
#[derive(Clone, Copy, Debug)]
struct Figures {
    ns: f64,
    deliveries_per_s: f64,
    p50_us: f64,
    p99_us: f64,
    most_us: f64,
    lost: u64,
    entry_frames: f64,
    digest_frames: f64,
}

/// What one of the members is told.
#[derive(Clone, Copy, Debug)]
enum Heard {
    /// A link of its own stands.
    Linked,
    /// Somebody else's message, by number.
    Text(usize),
}

/// A room whose members are all in this process, each with its own home, listener and links.
#[derive(Debug)]
struct Room {
    members: usize,
    commands: Vec<mpsc::UnboundedSender<(CommandId, Command)>>,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// A node ends with its task.
    tasks: JoinSet<()>,
    folder: TempDir,
}

impl Room {
    /// All are there, and everybody is linked with everybody.
    async fn open(members: usize, is_traced: bool) -> Self {
        let (teller, heard) = mpsc::unbounded_channel();
        let folder = tempfile::tempdir().unwrap();
        let mut room = Self { members, commands: Vec::new(), heard, tasks: JoinSet::new(), folder };
        let mut door = None;
        for at in 0..members {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let home = Home::open(&room.folder.path().join(format!("home-{at}"))).unwrap();
            let member = member(at, &home.identity(), address, *door.get_or_insert(address));
            let setup = Setup {
                identity: home.identity(),
                started_ms: unix_ms(),
                listener: Some(listener),
                home: Some(home),
                trace: is_traced.then(|| room.trace(at)),
            };
            let node = start(node::Node::new(member), setup).unwrap();
            room.commands.push(node.commands.clone());
            room.tasks.spawn(listen(node, teller.clone()));
            // Whoever comes is linked with all before the next one comes: rooms are not filled in a second.
            for _ in 0..2 * at {
                assert!(matches!(room.next().await, Heard::Linked), "nobody has said anything yet");
            }
        }
        sleep(REST).await;
        room
    }

    fn trace(&self, at: usize) -> PathBuf {
        self.folder.path().join(format!("trace-{at}"))
    }

    async fn next(&mut self) -> Heard {
        timeout(PATIENCE, self.heard.recv()).await.expect("something is heard in time").expect("the members run")
    }

    async fn speak_at_all(mut self, args: &Args) -> Vec<Figures> {
        let (mut tally, mut figures) = (Tally::new(self.members - 1), Vec::new());
        for rate in &args.rate {
            figures.push(self.speak(&mut tally, *rate, args).await);
        }
        figures
    }

    /// Members take turns.
    async fn speak(&mut self, tally: &mut Tally, rate: u32, args: &Args) -> Figures {
        tally.take_times();
        let (delivered, missing, frames) = (tally.deliveries(), tally.missing(), self.frames(args).await);
        let (before, start) = (Usage::own(), Instant::now());
        let (mut next, end) = (start, start + Duration::from_secs_f64(args.seconds));
        while next < end {
            let number = tally.send(Instant::now());
            let say = Command::Say { text: text(number, args.size) };
            self.commands[number % self.members].send((CommandId(0), say)).unwrap();
            next += Duration::from_secs(1) / rate;
            self.hear_until(tally, next).await;
        }
        let patience = Instant::now() + PATIENCE;
        while tally.in_flight() > 0 && Instant::now() < patience {
            self.hear_until(tally, Instant::now() + Duration::from_millis(1)).await;
        }
        tally.give_up();
        let (after, took) = (Usage::own(), start.elapsed());
        let deliveries = (tally.deliveries() - delivered) as f64;
        let mut times = tally.take_times();
        let mut time = |hundredths| f64::from(percentile(&mut times, hundredths).unwrap_or(0));
        let [entries, digests] = self.frames(args).await;
        Figures {
            ns: (after.processor - before.processor).as_nanos() as f64 / deliveries,
            deliveries_per_s: deliveries / took.as_secs_f64(),
            p50_us: time(50),
            p99_us: time(99),
            most_us: time(100),
            lost: tally.missing() - missing,
            entry_frames: (entries - frames[0]) / deliveries,
            digest_frames: (digests - frames[1]) / deliveries,
        }
    }

    async fn hear_until(&mut self, tally: &mut Tally, until: Instant) {
        while let Ok(heard) = timeout_at(until.into(), self.heard.recv()).await {
            if let Heard::Text(number) = heard.expect("the members run") {
                tally.arrive(number, Instant::now());
            }
        }
    }

    /// How many ENTRY and DIGEST frames there were, once all that follows what was said is over, if members write that
    /// down.
    async fn frames(&self, args: &Args) -> [f64; 2] {
        if args.frames {
            sleep(REST).await;
        }
        let traces = (0..self.members).filter_map(|at| fs::read_to_string(self.trace(at)).ok());
        let mut counts = [0.0; 2];
        for trace in traces {
            for line in trace.lines().filter(|line| line.starts_with("O ") || line.starts_with("I ")) {
                // Both ends of a link write down what passes.
                counts[0] += if line.ends_with(" ENTRY") { 0.5 } else { 0.0 };
                counts[1] += if line.ends_with(" DIGEST") { 0.5 } else { 0.0 };
            }
        }
        counts
    }
}

async fn listen(mut node: Node, teller: mpsc::UnboundedSender<Heard>) {
    while let Some(event) = node.events.recv().await {
        let heard = match event {
            Event::Linked { .. } => Heard::Linked,
            Event::Message { kind: Kind::Text(_), own: false, text, .. } => Heard::Text(number(text.as_bytes())),
            Event::Unlinked { name, code, .. } => panic!("a link with {name} is gone: {code}"),
            Event::Error { failure, .. } => panic!("a member can't say that: {failure:?}"),
            Event::Closed { code, ending } => panic!("a member ends: {code}, {ending:?}"),
            _ => continue,
        };
        // Fails once the room is over.
        teller.send(heard).ok();
    }
}

/// The founder, or whoever knocks at the founder's `door`.
fn member(at: usize, us: &Identity, address: SocketAddr, door: SocketAddr) -> Member {
    let charter = (at == 0).then(|| found(us));
    let newcomer = NewcomerConfig {
        identity: us.clone(),
        name: format!("member-{at}"),
        name_is_chosen: true,
        started_ms: unix_ms(),
        seed: seed().unwrap(),
        meeting: charter.as_ref().map_or(MeetingId::ZERO, |charter| charter.meeting),
        host: None,
        ticket: None,
        note: String::new(),
        addresses: if at == 0 { Vec::new() } else { vec![door.to_string()] },
        restored: charter.map(|charter| {
            let log = Log::new(charter.meeting, TALK_ENTRIES_MAX);
            Restored { charter, pass: None, log }
        }),
        others: Vec::new(),
        talk_max: TALK_ENTRIES_MAX,
    };
    let (addresses, told) = (vec![address.to_string()], vec![address]);
    Member::new(MemberConfig { newcomer, tickets: Tickets::default(), addresses, told, port: None })
}

fn found(founder: &Identity) -> SignedCharter {
    let terms = Terms {
        kind: Purpose::MESH,
        founder: founder.key(),
        nonce: Token([1; 16]),
        admission: Admission::Open,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: u32::MAX,
        guests: 64,
        title: Title::new("Room").unwrap(),
    };
    SignedCharter::found(terms, founder).unwrap()
}
