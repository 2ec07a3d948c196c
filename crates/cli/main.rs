//! Tertulia's command line: one file a verb, whose arguments' comments are its help.

mod befriend;
mod calls;
mod catalogue;
mod completions;
mod config;
mod console;
mod contacts;
mod directory;
mod doctor;
mod ending;
mod escape;
mod fail;
mod find;
mod friends;
mod full;
mod globals;
mod host;
mod id;
mod input;
mod join;
mod json;
mod list;
mod logs;
mod man;
mod meetings;
mod metrics;
mod news;
mod output;
mod overview;
mod qr;
mod receive;
mod registry;
mod room;
mod screen;
mod send;
mod session;
mod shown;
mod signals;
mod text;
mod trace;
mod unheard;
mod venue;
mod who;
mod window;
mod words;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue};

use crate::console::nearest;
use crate::fail::Fail;
use crate::globals::Globals;

/// Meetings without a server in the middle: rooms, lectures, and friends
///
/// Without a command, it shows who you are, what is on, which of your contacts have registered, and what to type next.
#[derive(Debug, clap::Parser)]
#[command(name = "tertulia", version, before_help = EXAMPLES, after_help = COMMANDS)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    globals: Globals,
}

const EXAMPLES: &str =
    "  tertulia host 'Rust for sailors' --lecture\n  tertulia join 127.0.0.1:7473\n  tertulia friends";

const COMMANDS: &str = r#"With --json, a command is an object like {"command":"say","text":"hello"}. There are, with their fields:
  say text, msg to text, name name, users, quit, retract; in a lecture check number; for a host also bans,
  kick name why, unban name, mute name, unmute name, admit name, deny name why, lock, unlock, end,
  stop, tickets, ticket label, ticket label void; among friends
  also contacts, add name address, remove name, block name, unblock name, and `*` as the name of
  all; of registries register, unregister, list words, who. An `id` of yours comes back in what
  answers it.
In a terminal, /help lists what can be typed."#;

/// What there is to do. A new verb is a file with its `Args` and `run`, and a line here and in [`run`].
#[derive(Debug, clap::Subcommand)]
enum Verb {
    Host(host::Args),
    Join(join::Args),
    Friends(friends::Args),
    Contacts(contacts::Args),
    Send(send::Args),
    Receive(receive::Args),
    List(list::Args),
    Who(who::Args),
    Meetings(meetings::Args),
    Config(config::Args),
    Doctor(doctor::Args),
    Registry(registry::Args),
    Id(id::Args),
    Trace(trace::Args),
    Completions(completions::Args),
    Man(man::Args),
}

fn main() -> ExitCode {
    // A line as it was printed begins with two dashes and a blank, and is no option.
    let is_printed = |word: &str| word.starts_with("-- ") && word.contains("tertulia join");
    let words = std::env::args_os().map(|word| match word.to_str().filter(|word| is_printed(word)) {
        Some(printed) => printed.trim_start_matches('-').into(),
        None => word,
    });
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    run(&cli).unwrap_or_else(|fail| told_last(&fail, cli.globals.json))
}

fn told_last(fail: &Fail, json: bool) -> ExitCode {
    screen::report(fail, json);
    fail.exit()
}

fn run(cli: &Cli) -> Result<ExitCode, Fail> {
    tertulia_net::raise_open_files();
    match &cli.verb {
        Some(Verb::Host(args)) if args.lecture => host::run(args, &cli.globals),
        Some(Verb::Host(args)) => room::host(args, &cli.globals),
        Some(Verb::Join(args)) => join::run(args, &cli.globals),
        Some(Verb::Friends(args)) => friends::run(args, &cli.globals),
        Some(Verb::Contacts(args)) => contacts::run(args, &cli.globals),
        Some(Verb::Send(args)) => send::run(args, &cli.globals),
        Some(Verb::Receive(args)) => receive::run(args, &cli.globals),
        Some(Verb::List(args)) => list::run(args, &cli.globals),
        Some(Verb::Who(who::Args {})) => who::run(&cli.globals),
        Some(Verb::Meetings(args)) => meetings::run(args, &cli.globals),
        Some(Verb::Config(args)) => config::run(args, &cli.globals),
        Some(Verb::Doctor(doctor::Args {})) => doctor::run(&cli.globals),
        Some(Verb::Registry(args)) => registry::run(args, &cli.globals),
        Some(Verb::Id(id::Args {})) => id::run(&cli.globals),
        Some(Verb::Trace(args)) => trace::run(args, &cli.globals),
        Some(Verb::Completions(args)) => completions::run(args, &cli.globals),
        Some(Verb::Man(args)) => man::run(args, &cli.globals),
        None => overview::run(&cli.globals),
    }
}

/// Help and version, or what is wrong with the arguments and what would have worked.
fn misused(error: &clap::Error) -> ExitCode {
    use std::io::Write as _;
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    if !error.use_stderr() {
        let told = printed.map_err(|error| screen::not_written(&error));
        return told.map_or_else(|fail| told_last(&fail, false), |()| ExitCode::SUCCESS);
    }
    let examples = [
        ("host", host::EXAMPLE),
        ("join", join::EXAMPLE),
        ("friends", friends::EXAMPLE),
        ("contacts", contacts::EXAMPLE),
        ("send", send::EXAMPLE),
        ("receive", receive::EXAMPLE),
        ("list", list::EXAMPLE),
        ("who", who::EXAMPLE),
        ("meetings", meetings::EXAMPLE),
        ("config", config::EXAMPLE),
        ("doctor", doctor::EXAMPLE),
        ("registry", registry::EXAMPLE),
        ("id", id::EXAMPLE),
        ("trace", trace::EXAMPLE),
        ("completions", completions::EXAMPLE),
        ("man", man::EXAMPLE),
    ];
    let known = |word: &str| examples.iter().find(|(verb, _)| *verb == word);
    let meant = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) => nearest(&typed.to_lowercase(), examples.iter().map(|(verb, _)| *verb)),
        _ => None,
    };
    let typed = std::env::args().find_map(|word| known(&word)).or_else(|| known(meant?));
    let example = typed.map_or(host::EXAMPLE, |(_, example)| example);
    let _ = writeln!(std::io::stderr().lock(), "  try: {}", example.trim_start());
    ExitCode::from(2)
}

/// Runs what nodes are part of. What still runs when it ends, as a name that is being looked up, is not waited for.
///
/// # Errors
/// Its own, and the system's.
fn block_on<T>(work: impl Future<Output = Result<T, Fail>>) -> Result<T, Fail> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Fail::failed("system", error.to_string(), "end other programs and try again"))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
