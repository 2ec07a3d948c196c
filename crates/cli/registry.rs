//! `tertulia registry`: keeps a directory of what is on, for others.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tertulia_core::address::REGISTRY_PORT;
use tertulia_core::command::{Command, Directory};
use tertulia_core::event::Event;
use tertulia_core::id::{CommandId, Key};
use tertulia_core::registry::{Server, ServerConfig};
use tertulia_net::{Node, Setup, listen, listen_everywhere, machine_addresses, start, unix_ms};
use tokio::time::{MissedTickBehavior, interval};

use crate::directory::stranger;
use crate::fail::{Fail, quoted};
use crate::globals::{CUSTOMARY, Globals, customary};
use crate::json::Object;
use crate::metrics::{Counted, Figures, http};
use crate::screen::Screen;
use crate::signals::{Signal, Signals};
use crate::venue::{everywhere, listen_at};

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia registry --lan";

/// Where to ask for figures: on this machine alone, and at its port where no other is said.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_472);

const AGAIN: &str = "tertulia registry";

/// What is asked last, each time that everything is shown.
const LAST: CommandId = CommandId(2);

/// Keep a directory of what is on, so that others find it by title
///
/// It runs until Ctrl-C, and keeps nothing: whoever is in it comes back by itself after a restart. A registry on
/// loopback serves this machine alone, for others it listens on an address that they reach, or with --lan on all.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// Where to listen [default: 127.0.0.1:7472]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// Listen at port 7472 of all addresses of this machine
    #[arg(long, conflicts_with = "listen")]
    lan: bool,
    /// Show everything that is in it, every so many seconds
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
    /// Answer GET /metrics here with figures in OpenMetrics text [port: 9472 unless said]
    ///
    /// Records, leases, dial-backs, refusals and connections: how many, and never whose. Whoever reaches the address
    /// reads them, so take one of loopback: --metrics 127.0.0.1:9472
    #[arg(long, value_name = "IP:PORT")]
    metrics: Option<String>,
}

/// Runs the verb.
///
/// # Errors
/// The registry can't listen.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let listener = match &args.listen {
        Some(wanted) => listen_at(wanted, everywhere(REGISTRY_PORT), &format!("{AGAIN} --listen"))?,
        None if args.lan => listen_everywhere(REGISTRY_PORT).map_err(|error| {
            let message = format!("can't listen at port {REGISTRY_PORT} of all addresses: {error}");
            Fail::failed("listen", message, format!("{AGAIN} --listen 0.0.0.0:0"))
        })?,
        None => listen_at(&customary().to_string(), everywhere(REGISTRY_PORT), &format!("{AGAIN} --listen"))?,
    };
    let watched = args.metrics.as_ref().map(|wanted| listen_at(wanted, USUAL, &format!("{AGAIN} --metrics")));
    let watched = watched.transpose()?;
    let mut screen = Screen::open(globals.json, globals.verbose)?;
    crate::block_on(async {
        let mut signals = Signals::new().map_err(|error| Fail::failed("system", error.to_string(), "try again"))?;
        let figures = watched.is_some().then(Figures::default);
        let (mut node, address, key) = serve(listener, globals.trace.clone(), figures.as_ref())?;
        // Ends with the runtime.
        let watched = watched.zip(figures).map(|(listener, figures)| answer(listener, figures)).transpose()?;
        tell_ready(&screen, address, key, watched);
        let mut clock = interval(Duration::from_secs(args.watch.unwrap_or(3_600)));
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The first tick comes at once, when there is nothing to be shown.
        clock.tick().await;
        let (mut shown, mut stdout_works) = (0_usize, true);
        loop {
            tokio::select! {
                biased;
                signal = signals.next() => {
                    screen.hurry();
                    let wish = match signal { Signal::Interrupt => Command::Quit, Signal::Terminate => Command::Stop };
                    // A node that takes no command has ended.
                    let _ = node.commands.send((CommandId(0), wish));
                }
                _ = screen.broken(), if stdout_works => {
                    stdout_works = false;
                    let _ = node.commands.send((CommandId(0), Command::Stop));
                }
                event = node.events.recv() => match event {
                    Some(Event::Done { id: LAST }) if shown == 0 => screen.own("nothing, and nobody"),
                    Some(Event::Done { .. }) => {}
                    Some(event) => {
                        shown = shown.saturating_add(1);
                        screen.event(&event, None);
                    }
                    None => break,
                },
                _ = clock.tick(), if args.watch.is_some() => {
                    shown = 0;
                    show(&node, &screen);
                }
            }
        }
        screen.watch(signals);
        let ended = screen.part(&mut node).await;
        let place = match &args.listen {
            Some(address) => format!(" --listen {}", quoted(address)),
            None => if args.lan { " --lan" } else { "" }.into(),
        };
        let metrics = args.metrics.as_ref().map(|address| format!(" --metrics {}", quoted(address)));
        screen.own(&format!("to start it again: {AGAIN}{place}{}", metrics.unwrap_or_default()));
        screen.close()?;
        ended.map(|()| ExitCode::SUCCESS).map_err(|error| Fail::failed("node", error.to_string(), "start it again"))
    })
}

/// Runs a registry at `listener`, under a key that lives as long as it does: nobody asks who a registry is.
///
/// # Errors
/// The listener can't be used.
pub(crate) fn serve(
    listener: TcpListener,
    trace: Option<PathBuf>,
    figures: Option<&Figures>,
) -> Result<(Node, SocketAddr, Key), Fail> {
    let failed =
        |error: String| Fail::failed("listen", error, "another port: tertulia registry --listen 127.0.0.1:7480");
    let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
    let (identity, started_ms) = (stranger()?, unix_ms());
    let key = identity.key();
    let server = Server::new(ServerConfig { identity: identity.clone(), address, started_ms });
    let setup = Setup { identity, started_ms, listener: Some(listener), home: None, trace };
    let node = match figures {
        Some(figures) => start(Counted::new(server, figures.clone()), setup),
        None => start(server, setup),
    };
    Ok((node.map_err(|error| failed(error.to_string()))?, address, key))
}

/// Has whoever asks at `listener` told the figures, for as long as the runtime runs; and where that is.
fn answer(listener: TcpListener, figures: Figures) -> Result<SocketAddr, Fail> {
    let adopted = listener.local_addr().and_then(|address| Ok((address, http::adopt(listener)?)));
    let (address, listener) =
        adopted.map_err(|error| Fail::failed("listen", error.to_string(), format!("{AGAIN} --metrics 127.0.0.1:0")))?;
    tokio::spawn(http::run(listener, figures));
    Ok(address)
}

fn show(node: &Node, screen: &Screen) {
    screen.own("in the registry now:");
    for (id, wish) in [(CommandId(1), Directory::List { words: String::new() }), (LAST, Directory::Who)] {
        // A node that takes no command says that it is closed.
        let _ = node.commands.send((id, Command::Directory(wish)));
    }
}

fn tell_ready(screen: &Screen, address: SocketAddr, key: Key, metrics: Option<SocketAddr>) {
    if screen.is_json() {
        return screen.line(&ready(unix_ms(), address, key, metrics).finish());
    }
    screen.own(&format!("a registry listens at {address}; Ctrl-C stops it"));
    let next = if address.ip().is_unspecified() {
        format!("others use it with --registry {}", seen_by_others(address.port()))
    } else if address.ip().is_loopback() && address.port() == CUSTOMARY.port() {
        "hosts on this machine use it by themselves: tertulia host TITLE; tertulia list".into()
    } else {
        format!("others use it with --registry {}", quoted(&address.to_string()))
    };
    screen.own(&next);
    if let Some(metrics) = metrics {
        screen.own(&format!("figures, for whoever watches over it: http://{metrics}/metrics"));
    }
}

/// Starts a registry, for this machine or for its network too, if nobody is one; of two that try at once, one wins, and
/// both use it.
pub(crate) fn embed(lan: bool, again: &str, screen: &Screen) -> Option<Node> {
    let customary = customary();
    let listener = match if lan { listen_everywhere(customary.port()) } else { listen(customary) } {
        Ok(listener) => listener,
        Err(error) if lan => {
            let message = format!(
                "this host is no registry for its network: can't listen at port {}: {error}; end the tertulia that is \
                 one for this machine, then: {again} --lan",
                customary.port()
            );
            screen.warning("registry", &message);
            return None;
        }
        Err(_) => return None,
    };
    match serve(listener, None, None) {
        Ok((node, address, _)) => {
            screen.own(&match lan {
                true => format!(
                    "this host is a registry for its network, for as long as it runs; others see what is on with: \
                     tertulia list --registry {}",
                    seen_by_others(address.port())
                ),
                false => format!(
                    "no registry answers at {address}: this host is one, for as long as it runs; for its network too: \
                     {again} --lan"
                ),
            });
            Some(node)
        }
        Err(fail) => {
            screen.warning("registry", &fail.message);
            None
        }
    }
}

/// What others type to use a registry at this port of all addresses of this machine.
pub(crate) fn seen_by_others(port: u16) -> String {
    machine_addresses()
        .first()
        .map_or_else(|| format!("IP:{port}"), |ip| quoted(&SocketAddr::new(*ip, port).to_string()))
}

pub(crate) fn ready(now_ms: u64, address: SocketAddr, key: Key, metrics: Option<SocketAddr>) -> Object {
    Object::new("ready", now_ms)
        .with("role", "registry")
        .with("key", key.to_hex())
        .with("listen", address.to_string())
        .with("metrics", metrics.map(|metrics| metrics.to_string()))
}
