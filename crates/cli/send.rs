//! `tertulia send`: one text to one friend.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use tertulia_core::command::{Command, Failure};
use tertulia_core::event::{Event, Kind, Reach};
use tertulia_core::id::CommandId;
use tertulia_core::limits;
use tertulia_net::{Node, start};
use tokio::time::{Instant, timeout_at};

use crate::befriend::{self, Manner};
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, start_run};
use crate::input;
use crate::receive::show;
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia send bea 'see you at eight'";

/// Send one text to a friend
///
/// Ends with exit code 0 once the friend's program has stored it, and with 1 if it is still held after SECS: then it stays
/// in your home, and goes out with the next `tertulia friends` or `tertulia send` to that friend.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// A contact, or HOST:PORT
    who: String,
    /// What to say; `-`: all of stdin, without a line break at its end
    text: String,
    /// How long to wait until the other side has it
    #[arg(long, value_name = "SECS", default_value_t = 10)]
    wait: u64,
}

/// What has become of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Held,
    Refused(Failure),
    Ended,
}

/// The text: as it was typed, or what stands on stdin.
fn text(args: &Args, again: &str) -> Result<String, Fail> {
    if args.text != "-" {
        return Ok(args.text.clone());
    }
    let fail = |code, message: String| Fail::failed(code, message, format!("{again} - < FILE"));
    // With room for a byte order mark, a line break, and one byte that is too much.
    let most = u64::try_from(limits::TEXT_MAX).unwrap_or(u64::MAX).saturating_add(6);
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(most).read_to_end(&mut bytes);
    read.map_err(|error| fail("stdin", format!("stdin can't be read: {error}")))?;
    let text = bytes.strip_prefix(input::MARK.as_bytes()).unwrap_or(&bytes);
    let text = text.strip_suffix(b"\n").map_or(text, |text| text.strip_suffix(b"\r").unwrap_or(text));
    match str::from_utf8(text) {
        _ if text.is_empty() => Err(fail("empty", "there is nothing to send on stdin".into())),
        _ if text.len() > limits::TEXT_MAX => {
            let message =
                format!("a text has at most {} bytes, and stdin has more; send it in parts", limits::TEXT_MAX);
            Err(fail("too_long", message))
        }
        Ok(text) => Ok(text.into()),
        Err(_) => Err(fail("malformed", "what stands on stdin is not UTF-8; convert it".into())),
    }
}

/// Runs the verb.
///
/// # Errors
/// The text can't be sent, or is still held.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let program = globals.program();
    let again = format!("{program} send {}", quoted(&args.who));
    let text = text(args, &again)?;
    let again = format!("{again} TEXT");
    let mut screen = Screen::open(globals.json, globals.verbose)?;
    let shown = if args.text == "-" { "TEXT" } else { &args.text };
    let instead = format!("where `tertulia friends` runs, type: {}/{shown}", args.who);
    let home = befriend::own_home(globals, &screen, &instead)?;
    let started_ms = start_run(&home)?;
    let friends = befriend::asking(&home, globals, &screen, started_ms, Manner::default())?;
    let setup = befriend::setup(&home, globals, started_ms, None)?;
    let outcome = crate::block_on(async {
        let mut node = start(friends, setup).map_err(|error| Fail::failed("node", error.to_string(), again.clone()))?;
        let outcome = send(args, &text, &mut node, &mut screen).await;
        // Fails if it has ended already.
        let _ = node.commands.send((CommandId(2), Command::Quit));
        while let Some(event) = node.events.recv().await {
            tell(&event, &mut screen);
        }
        node.finished().await.map_err(|error| Fail::failed("node", error.to_string(), again.clone()))?;
        Ok(outcome)
    })?;
    let who = escape::line(&args.who);
    match outcome {
        Outcome::Delivered => screen.own(&format!("{who} has it; to see answers: {program} friends")),
        Outcome::Held => {
            screen.close()?;
            let message =
                format!("held: {} did not take it within {} s; it is kept, and goes out later", args.who, args.wait);
            return Err(Fail::failed("held", message, format!("{program} friends")));
        }
        Outcome::Refused(failure) => {
            screen.close()?;
            return Err(befriend::refusal(&failure, globals));
        }
        Outcome::Ended => {
            screen.close()?;
            return Err(Fail::failed("node", "the node has ended by itself", again));
        }
    }
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}

async fn send(args: &Args, said: &str, node: &mut Node, screen: &mut Screen) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    let command = Command::Msg { to: args.who.clone(), text: said.into() };
    if node.commands.send((CommandId(1), command)).is_err() {
        return Outcome::Ended;
    }
    // An earlier run's messages to the same friend go out too, under other numbers.
    let mut ours = None;
    while let Ok(Some(event)) = timeout_at(deadline, node.events.recv()).await {
        if let Event::Message { kind: Kind::Text(origin), own: true, text, .. } = &event
            && text == said
        {
            ours = Some((origin.session, origin.number));
        }
        if let Event::Delivery { session, number, reach: Reach::All, .. } = &event
            && ours == Some((*session, *number))
        {
            tell(&event, screen);
            return Outcome::Delivered;
        }
        // The machine speaks of whom it dials, and it dials nobody else.
        if let Event::Error { failure, .. } = event {
            return Outcome::Refused(failure);
        }
        tell(&event, screen);
    }
    Outcome::Held
}

/// What friends say meanwhile is not this verb's to print: it stays for `tertulia receive` and `tertulia friends`.
fn tell(event: &Event, screen: &mut Screen) {
    if !matches!(event, Event::Message { own: false, .. }) {
        show(event, screen);
    }
}
