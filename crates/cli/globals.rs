//! What every verb takes, and what follows from it: home, name, and the node's common parts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tertulia_core::address::{HostPort, NoAddress, REGISTRY_PORT};
use tertulia_core::limits;
use tertulia_core::name::{cut, normal, proper};
use tertulia_net::{Changed, Config, Damaged, Home, Noticed, StoredMeeting, machine_loopback};

use crate::console::NAME_RULE;
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::screen::Screen;
use crate::words;

/// Where registries are by custom.
pub(crate) const CUSTOMARY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), REGISTRY_PORT);

/// How long loopback has to answer.
const LOOPBACK_PATIENCE: Duration = Duration::from_millis(200);

/// Where the registry of this machine is: at whichever loopback address one answers, else at that which there is.
pub(crate) fn customary() -> SocketAddr {
    let places = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    let mut places = places.into_iter().map(|ip| SocketAddr::new(ip, CUSTOMARY.port()));
    let answers = |place: &SocketAddr| TcpStream::connect_timeout(place, LOOPBACK_PATIENCE).is_ok();
    places.find(answers).unwrap_or_else(|| SocketAddr::new(machine_loopback(), CUSTOMARY.port()))
}

const EVERYWHERE: &str = "Options of every command";

/// Arguments of every verb.
#[derive(Debug, clap::Args)]
pub(crate) struct Globals {
    /// What you are called [default: `name` in config.toml, else $USER]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where your identity and meetings are kept [default: $TERTULIA_HOME, else $XDG_DATA_HOME/tertulia]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Where to publish and to look meetings up; may be repeated [default: $TERTULIA_REGISTRY, else `registry` in
    /// config.toml, else 127.0.0.1:7472]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "HOST:PORT")]
    pub(crate) registry: Vec<String>,
    /// Use no registry
    #[arg(long, global = true, help_heading = EVERYWHERE, conflicts_with = "registry")]
    pub(crate) no_registry: bool,
    /// One JSON object a line: events on stdout, commands on stdin (`tertulia help` has them)
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Plain lines in a terminal, and no full screen
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) plain: bool,
    /// Write what goes over the wire, decrypted, to FILE, which must be new
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Log to stderr what the node does (-vv: every command and event, private ones too)
    #[arg(short, global = true, help_heading = EVERYWHERE, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// A user's name, and whether it was chosen for this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) name: String,
    pub(crate) is_chosen: bool,
}

/// Which registries to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registries {
    /// `HOST:PORT`; none: use none.
    pub(crate) addresses: Vec<String>,
    /// Nobody has chosen: a host may be one itself.
    pub(crate) is_default: bool,
}

impl Registries {
    /// For people and scripts; nothing if there are none.
    pub(crate) fn shown(&self) -> Option<String> {
        (!self.addresses.is_empty()).then(|| self.addresses.join(","))
    }
}

/// What `list` names.
///
/// # Errors
/// It has no address, or too many.
pub(crate) fn registries_of(list: &str, origin: &str) -> Result<Vec<String>, Fail> {
    proper_registries(listed(list), origin)
}

fn proper_registries(addresses: Vec<String>, origin: &str) -> Result<Vec<String>, Fail> {
    if addresses.len() > limits::REGISTRIES_MAX {
        let message =
            format!("{origin} has {} registries, and {} is the most", addresses.len(), limits::REGISTRIES_MAX);
        return Err(Fail::usage(message, format!("--registry {CUSTOMARY}")));
    }
    let read = |typed: String| match HostPort::typed(&typed, REGISTRY_PORT) {
        Ok(address) => Ok(address.to_string()),
        Err(NoAddress { flaw, instead }) => {
            let message = format!("{origin} takes HOST:PORT, not `{typed}`: {}", words::flaw(flaw));
            let meant = instead.map_or_else(|| CUSTOMARY.to_string(), |meant| meant.to_string());
            Err(Fail::usage(message, with_registry(&typed, &meant)))
        }
    };
    addresses.into_iter().map(read).collect()
}

/// Registries with commas between them; `none` stands for none.
fn listed(list: &str) -> Vec<String> {
    list.split(',').map(|address| address.trim().to_string()).filter(|address| address != "none").collect()
}

impl Globals {
    /// Which registries to use: the flags, else the environment, else the settings, else the customary one.
    ///
    /// # Errors
    /// What was chosen is no address.
    pub(crate) fn registries(&self, home: &Home) -> Result<Registries, Fail> {
        self.registries_in(home.config())
    }

    /// The same for whoever has these settings.
    ///
    /// # Errors
    /// What was chosen is no address.
    pub(crate) fn registries_in(&self, config: &Config) -> Result<Registries, Fail> {
        let settled = || Some((listed(config.registry.as_ref()?), "`registry` in config.toml"));
        let Some((addresses, origin)) = self.chosen_registries().or_else(settled) else {
            return Ok(Registries { addresses: vec![customary().to_string()], is_default: true });
        };
        Ok(Registries { addresses: proper_registries(addresses, origin)?, is_default: false })
    }

    /// Whether there is a registry, as far as that is known without the settings.
    pub(crate) fn may_have_registry(&self) -> bool {
        self.chosen_registries().is_none_or(|(addresses, _)| !addresses.is_empty())
    }

    fn chosen_registries(&self) -> Option<(Vec<String>, &'static str)> {
        if self.no_registry {
            return Some((Vec::new(), "--no-registry"));
        }
        if !self.registry.is_empty() {
            return Some((self.registry.iter().flat_map(|one| listed(one)).collect(), "--registry"));
        }
        let environment = std::env::var("TERTULIA_REGISTRY").ok().filter(|value| !value.trim().is_empty())?;
        Some((listed(&environment), "TERTULIA_REGISTRY"))
    }

    /// Opens the home for its settings: that another program has it is nothing to tell.
    ///
    /// # Errors
    /// It can't be used.
    pub(crate) fn look_into_home(&self, screen: &Screen) -> Result<Home, Fail> {
        let home = open(&self.home_path()?)?;
        tell_noticed(&home, screen);
        Ok(home)
    }

    /// Opens the home, and tells what is new about it.
    ///
    /// # Errors
    /// It can't be used.
    pub(crate) fn open_home(&self, screen: &Screen) -> Result<Home, Fail> {
        let home = self.open_quietly()?;
        tell_home(&home, screen);
        Ok(home)
    }

    /// `tertulia`, who and where, as the user said it: what a hint begins with.
    pub(crate) fn program(&self) -> String {
        self.program_as(self.name.as_deref())
    }

    /// The same for somebody else.
    pub(crate) fn program_as(&self, name: Option<&str>) -> String {
        let home = self.home.as_ref().map(|home| format!(" --home {}", quoted(&home.display().to_string())));
        let name = name.map(|name| format!(" --name {}", quoted(name)));
        let registries: String = self.registry.iter().map(|one| format!(" --registry {}", quoted(one))).collect();
        let none = if self.no_registry { " --no-registry" } else { "" };
        format!("tertulia{}{}{registries}{none}", home.unwrap_or_default(), name.unwrap_or_default())
    }

    /// Opens the home, and tells nothing.
    ///
    /// # Errors
    /// It can't be used.
    pub(crate) fn open_quietly(&self) -> Result<Home, Fail> {
        open(&self.home_path()?)
    }

    /// Where the home is, whether it exists or not.
    pub(crate) fn home_path(&self) -> Result<PathBuf, Fail> {
        let chosen = self.home.clone().or_else(|| std::env::var_os("TERTULIA_HOME").map(PathBuf::from));
        if let Some(home) = chosen.filter(|home| !home.as_os_str().is_empty()) {
            return Ok(home);
        }
        let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let data = data.or_else(|| std::env::home_dir().map(|home| home.join(".local").join("share")));
        data.map(|data| data.join("tertulia")).ok_or_else(|| {
            Fail::failed("home", "this user has no home directory", "name a folder: tertulia --home DIR …")
        })
    }

    /// Checks what can be checked before anything is made.
    ///
    /// # Errors
    /// What was chosen is no name.
    pub(crate) fn check(&self) -> Result<(), Fail> {
        self.name.as_ref().map_or(Ok(()), |name| valid(name, "--name", NAME_HINT).map(|_| ()))
    }

    /// The name: `--name`, else that of a guest, the settings or the system's user.
    ///
    /// # Errors
    /// What was chosen is no name.
    pub(crate) fn called(&self, home: &Home) -> Result<Called, Fail> {
        self.called_in(home.guest_number(), home.config())
    }

    /// The same for whoever has these settings.
    ///
    /// # Errors
    /// What was chosen is no name.
    pub(crate) fn called_in(&self, guest_number: Option<u32>, config: &Config) -> Result<Called, Fail> {
        if let Some(name) = &self.name {
            return valid(name, "--name", NAME_HINT).map(|name| Called { name, is_chosen: true });
        }
        let name = match (guest_number, &config.name) {
            (Some(number), _) => format!("guest-{number}"),
            (None, Some(name)) => valid(name, "`name` in config.toml", "correct it, or choose: --name anna")?,
            (None, None) => system_name(),
        };
        Ok(Called { name, is_chosen: false })
    }
}

/// The command line once more, with another registry in place of `wrong`.
fn with_registry(wrong: &str, right: &str) -> String {
    let typed: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let (flag, right) = (format!("--registry={wrong}"), quoted(right));
    let is_wrong = |word: &String| word == wrong || *word == flag;
    let words = typed.iter().map(|word| match word {
        word if word == wrong => right.clone(),
        word if *word == flag => format!("--registry={right}"),
        word => quoted(word),
    });
    let words = words.collect::<Vec<_>>().join(" ");
    // What was not typed stands in the environment or in the settings, which a flag beats.
    if typed.iter().any(is_wrong) {
        format!("tertulia {words}")
    } else {
        format!("tertulia --registry {right} {words}")
    }
}

/// Tells what is new about a home.
pub(crate) fn tell_home(home: &Home, screen: &Screen) {
    let path = escape::line(&home.path().display().to_string());
    if let Some(number) = home.guest_number() {
        let message =
            format!("{path} is in use by another tertulia: here you are guest-{number}, with a key that is not kept");
        screen.warning("guest", &message);
    } else if home.is_new() {
        screen.own(&format!("your new identity is kept in {path}/identity"));
    }
    home.readable().iter().for_each(|found| warn_of_readers(found, screen));
    tell_noticed(home, screen);
}

/// Tells what was noticed of its files: whoever opens a home does, since it is noticed once.
pub(crate) fn tell_noticed(home: &Home, screen: &Screen) {
    home.noticed().iter().for_each(|noticed| screen.warning("home", &said_of(noticed)));
}

/// What is said of a home's files.
fn said_of(noticed: &Noticed) -> String {
    let shown = |path: &Path| escape::line(&path.display().to_string());
    match noticed {
        Noticed::Changed(Changed { path, line, now, before, kept }) => {
            let quote = |line: &Option<String>| {
                line.as_ref().map_or("nothing".into(), |line| format!("`{}`", escape::line(cut(line, LINE_SHOWN_MAX))))
            };
            format!(
                "{} is not as it was the last time: its line {line} is {} and was {}; what it says now counts. If nobody has changed it, put it right; the text before is in {}",
                shown(path),
                quote(now),
                quote(before),
                shown(kept)
            )
        }
        Noticed::Older(folder) => format!(
            "this home was made by an earlier tertulia: what it had kept of meetings and of talk with friends is in {} now, and is not read; your identity, settings and contacts are as they were",
            shown(folder)
        ),
        Noticed::Version(aside) => {
            format!(
                "the file that says the version of this home was damaged and has been written anew; it is in {} now",
                shown(aside)
            )
        }
    }
}

/// So much of a line is repeated.
const LINE_SHOWN_MAX: usize = 100;

/// Warns of what is damaged of a meeting and is done without.
pub(crate) fn warn_of_damage(meeting: &StoredMeeting, screen: &Screen) {
    for path in &meeting.damaged {
        let path = escape::line(&path.display().to_string());
        screen.warning(
            "home",
            &format!("{path} is damaged, and is done without; a copy of it that is put back counts again"),
        );
    }
}

/// What of a log was damaged: who has it is asked for it, and nobody is accused of anything.
pub(crate) fn warn_of_lost(damaged: &Damaged, screen: &Screen) {
    let Damaged { path, bytes, lost, is_foreign, .. } = damaged;
    let (aside, log) = (escape::line(&path.display().to_string()), path.with_file_name("log"));
    let log = escape::line(&log.display().to_string());
    let message = match lost {
        _ if *is_foreign => {
            format!("{log} is not of this version's format: it has been moved to {aside}, and a new one is begun")
        }
        0 => format!(
            "{log} was damaged: {bytes} bytes have been moved to {aside}; what they held is fetched again where others \
             have it"
        ),
        lost => format!(
            "{log} was damaged: {bytes} bytes have been moved to {aside}; entries missing by that: {lost}, fetched again \
             where others have them"
        ),
    };
    screen.warning("damaged", &message);
}

/// Whoever reads an identity is its owner, for all that others can tell.
pub(crate) fn warn_of_readers((path, mode): &(PathBuf, u32), screen: &Screen) {
    let shown = escape::line(&path.display().to_string());
    let command = format!("chmod go-rwx {}", quoted(&path.display().to_string()));
    screen
        .warning("readable", &format!("others can read {shown} (mode {mode:04o}); to keep it to yourself: {command}"));
}

/// Opens a home.
fn open(path: &Path) -> Result<Home, Fail> {
    let home = Home::open(path).map_err(|error| unusable(&error))?;
    let path = escape::line(&home.path().display().to_string());
    tracing::info!(home = %path, key = %home.identity().key(), "opened the home");
    Ok(home)
}

/// When this run starts: after every run before it.
///
/// # Errors
/// The home can't be used.
pub(crate) fn start_run(home: &Home) -> Result<u64, Fail> {
    home.start_run().map_err(|error| unusable(&error))
}

/// Why a home can't be used.
pub(crate) fn unusable(error: &tertulia_net::Error) -> Fail {
    Fail::failed("home", error.to_string(), "another folder: tertulia --home DIR …")
}

pub(crate) const NAME_HINT: &str = "choose another: --name anna";

/// `name`, if it is one.
///
/// # Errors
/// It is none.
pub(crate) fn valid(name: &str, origin: &str, hint: &str) -> Result<String, Fail> {
    match proper(&normal(name)) {
        Some(name) => Ok(name.as_str().into()),
        None => Err(Fail::usage(format!("{origin} is `{name}`, but {NAME_RULE}"), hint)),
    }
}

fn system_name() -> String {
    let of = |variable| std::env::var(variable).ok().map(|name| sanitised(&name)).filter(|name| !name.is_empty());
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(of).unwrap_or_else(|| "somebody".into())
}

/// As much of `name` as a name can have.
fn sanitised(name: &str) -> String {
    let clean: String = name.chars().filter(|letter| proper(&format!("a{letter}")).is_some()).collect();
    let clean = normal(&clean);
    let clean = clean.trim_start_matches(['*', '@', '#']);
    cut(clean, limits::NAME_MAX).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_user_of_a_system_gets_a_name() {
        for (user, name) in [("anna", "anna"), ("Anna Maria/x", "AnnaMariax"), ("@#bot", "bot"), ("\x1b[2J", "[2J")] {
            assert_eq!(sanitised(user), name);
            assert!(proper(name).is_some());
        }
        assert_eq!(sanitised(&"ä".repeat(40)), "ä".repeat(32));
        assert_eq!(sanitised("\u{202e} /"), "");
    }
}
