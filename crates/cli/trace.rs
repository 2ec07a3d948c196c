//! `tertulia trace`: looks at sessions that were captured with `--trace FILE`.

use std::path::PathBuf;
use std::process::ExitCode;

use tertulia_core::trace::{Direction, Expect, LinkStep, Step, Trace, parse, replay};
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::meeting::Meeting;
use tertulia_core::wire::private::Private;
use tertulia_core::wire::registry::Registry;
use tertulia_core::wire::session::Session;
use tertulia_core::wire::{Frame, decode};

use crate::escape;
use crate::fail::Fail;
use crate::globals::Globals;
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str =
    "  tertulia --trace lecture.trace join 127.0.0.1:7473\n  tertulia trace show lecture.trace";

/// Look at captured sessions: what was sent, and whether it keeps the protocol
///
/// A trace has every decrypted frame of every link of one node: keep it as you keep what was said.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show a line for each frame
    Show(Files),
    /// Play each trace to the codec and two links, and tell what went otherwise than it says
    Replay(Files),
}

#[derive(Debug, clap::Args)]
struct Files {
    /// Files that `--trace` has written
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// A file can't be read, is no trace, or does not keep the protocol.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let screen = Screen::open(globals.json, globals.verbose)?;
    let (What::Show(Files { files }) | What::Replay(Files { files })) = &args.what;
    for file in files {
        let name = escape::line(&file.display().to_string());
        let trace = read(file, &name)?;
        if matches!(args.what, What::Show(_)) {
            screen.line(&format!("{name}: {}", escape::line(&trace.title)));
            trace.steps.iter().filter_map(shown).for_each(|line| screen.line(&line));
            whole(&trace, &name)?;
        } else {
            let frames = trace.steps.iter().filter(|step| matches!(step, Step::Packet(_))).count();
            replay(&trace).map_err(|fault| {
                Fail::failed(
                    "trace",
                    format!("{name}: {}", escape::line(&fault)),
                    format!("tertulia trace show {name}"),
                )
            })?;
            screen.line(&format!("{name}: {frames} frames, as it says"));
        }
    }
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}

/// A trace whose writer was killed, or whose disk was full, may end within a packet.
fn whole(trace: &Trace, name: &str) -> Result<(), Fail> {
    let Some(Step::Packet(last)) = trace.steps.last().filter(|_| trace.expect == Expect::Accept) else { return Ok(()) };
    match decode(&last.bytes()) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!("{name} is cut off: its last packet is not whole: {error}");
            Err(Fail::failed("trace", message, "what is shown above is what there is of it"))
        }
    }
}

fn read(file: &PathBuf, name: &str) -> Result<Trace, Fail> {
    let hint = "tertulia --trace FILE join TARGET writes one";
    let text = std::fs::read_to_string(file)
        .map_err(|error| Fail::failed("trace", format!("{name} can't be read as text: {error}"), hint))?;
    parse(&text).map_err(|error| Fail::failed("trace", format!("{name} is no trace: {error}"), hint))
}

fn shown(step: &Step) -> Option<String> {
    let packet = match step {
        Step::Comment(_) => return None,
        Step::Link(link, what) => return Some(format!("-- link {link} {}", life(*what))),
        Step::Packet(packet) => packet,
    };
    let arrow = match packet.from {
        Direction::Initiator => "O",
        Direction::Responder => "I",
    };
    let bytes = packet.bytes();
    let (seconds, micros) = (packet.micros.div_euclid(1_000_000), packet.micros.rem_euclid(1_000_000));
    let what = match decode(&bytes) {
        Ok(decoded) => decoded.frame.map_or_else(String::new, |frame| essence(&frame)),
        Err(error) => error.to_string(),
    };
    let name = escape::line(&packet.name);
    Some(format!("{seconds:>4}.{micros:06} {arrow} {name:<8} {:>5} bytes  {what}", bytes.len()).trim_end().into())
}

fn life(what: LinkStep) -> String {
    match what {
        LinkStep::Dialled => "dialled".into(),
        LinkStep::Accepted => "accepted".into(),
        LinkStep::Up(key) => format!("up, with {key}"),
        LinkStep::Goes => "again".into(),
        LinkStep::Down(code) => format!("down: {code}"),
    }
}

/// What tells one frame of a kind from another.
fn essence(frame: &Frame<'_>) -> String {
    match frame {
        Frame::Session(Session::Hello(hello)) => format!("meeting {}", hello.meeting),
        Frame::Session(Session::Bye(bye)) => format!("{} {}", bye.code, escape::line(bye.reason.as_str())),
        Frame::Session(Session::Refused(error)) => format!("{} {}", error.code, escape::line(error.reason.as_str())),
        Frame::Session(Session::Ping(_) | Session::Done(_)) => String::new(),
        Frame::Meeting(Meeting::Join(join)) => format!("meeting {}", join.meeting),
        Frame::Meeting(Meeting::Welcome(welcome)) => {
            let title = welcome.charter.0.value.terms.title;
            format!("`{}`, {} rows", escape::line(title.as_str()), welcome.rows.len())
        }
        Frame::Meeting(Meeting::EntryFrame(frame)) => {
            let entry = frame.entry.entry;
            let kinds = EntryBody::kinds();
            let kind = kinds.iter().find(|(number, ..)| *number == entry.kind).map_or("unknown", |(_, word, ..)| *word);
            format!("{kind}, lane {:?}, session {}, number {}", entry.lane, entry.session, entry.number)
        }
        Frame::Meeting(Meeting::Digest(digest)) => format!("{} rows", digest.rows.len()),
        Frame::Meeting(Meeting::Fetch(fetch)) => format!("{} ranges", fetch.ranges.len()),
        Frame::Meeting(Meeting::Fork(fork)) => format!("number {}", fork.one.entry.number),
        Frame::Meeting(Meeting::Presence(presence)) => {
            format!("{} guests, {} named", presence.guests, presence.people.len())
        }
        Frame::Meeting(Meeting::Waiting(waiting)) => format!("position {}", waiting.position),
        Frame::Meeting(Meeting::Links(links)) => format!("{} members", links.keys.len()),
        Frame::Meeting(Meeting::Rename(rename)) => rename.name.as_str().into(),
        Frame::Private(Private::Tell(tell)) => format!("{} bytes of text", tell.text.as_str().len()),
        Frame::Private(Private::Ask(ask)) => format!("{} bytes of text", ask.text.as_str().len()),
        Frame::Registry(frame) => entry(frame),
    }
}

/// The same of what a registry is sent, and sends.
fn entry(frame: &Registry<'_>) -> String {
    match frame {
        Registry::Publish(publish) => format!("of {}", publish.record.0.value.particulars.id),
        Registry::Lease(lease) => format!("{} ms, {} addresses", lease.lease_ms, lease.addresses.len()),
        Registry::Withdraw(withdraw) => format!("of {}", withdraw.record),
        Registry::Lookup(lookup) => format!("of {}", lookup.record),
        Registry::Browse(list) => format!("from {}: {}", list.cursor, escape::line(list.words.as_str())),
        Registry::Listing(listing) => format!("{} records", listing.records.len()),
    }
}
