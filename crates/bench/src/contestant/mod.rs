//! Who fans out: each a server in a process of its own, and how its guests and its speaker talk with it.

pub(crate) mod floor;
pub(crate) mod ours;
pub(crate) mod plain;
pub(crate) mod redis;

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What has not started by then does not start.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who fans out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contestant {
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// The program that must be there, if it is none of ours.
    pub(crate) program: Option<&'static str>,
    /// Starts it.
    pub(crate) start: fn() -> Server,
}

/// Ours, what nobody can go below, and with `peers` those whom others would use, as far as they are here; or, if any are
/// named, `only` these.
pub(crate) fn all(peers: bool, only: &[String]) -> Vec<Contestant> {
    let own = [ours::OURS, floor::BARE, floor::SEALED];
    let others = [redis::PLAIN];
    let mut chosen: Vec<Contestant> = own.into_iter().chain(others.into_iter().filter(|_| peers)).collect();
    if !only.is_empty() {
        let known = own.into_iter().chain(others).chain([floor::LOSSY]);
        chosen = known.filter(|one| only.iter().any(|name| name == one.name)).collect();
        assert_eq!(chosen.len(), only.len(), "of {only:?} there are only {chosen:?}");
    }
    chosen.retain(|one| {
        let is_here = one.program.is_none_or(is_here);
        if !is_here {
            eprintln!("{} is left out: there is no {} on the PATH", one.name, one.program.unwrap_or_default());
        }
        is_here
    });
    chosen
}

/// Whether there is such a program.
fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A server that runs; it ends when this is dropped, and its folder goes with it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    _folder: TempDir,
    /// Where guests come in.
    pub(crate) guests: SocketAddr,
    /// Where the speaker does.
    pub(crate) speaker: SocketAddr,
    pub(crate) protocol: Box<dyn Protocol>,
}

impl Server {
    /// The process's id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// How to talk with a server.
pub(crate) trait Protocol: std::fmt::Debug {
    /// One guest's end.
    fn guest(&self, number: usize) -> Box<dyn Guest>;

    /// What the speaker says first.
    fn introduction(&self) -> Vec<u8>;

    /// Appends the words with which the speaker has `text` go to all guests.
    fn say(&self, text: &str, out: &mut Vec<u8>);
}

/// What comes to a guest.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// It gets all messages from now on.
    pub(crate) is_in: bool,
    /// Messages, by number, in the order in which they came.
    pub(crate) messages: Vec<usize>,
}

/// One guest's end of its connection.
pub(crate) trait Guest: std::fmt::Debug {
    /// Appends what it says first.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// Takes in what has come, and appends what it answers.
    fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>, heard: &mut Heard);

    /// Appends what it says so that nobody takes it for dead; this is called every few seconds.
    fn stay(&mut self, out: &mut Vec<u8>);
}

/// The text of message `number`: the number, then what makes it `size` bytes long.
pub(crate) fn text(number: usize, size: usize) -> String {
    let mut text = format!("{number:08} ");
    while text.len() < size {
        text.push('x');
    }
    text
}

/// The number of the message with this text.
pub(crate) fn number(text: &[u8]) -> usize {
    let digits = text.get(..8).expect("a number of eight digits");
    digits.iter().fold(0, |number, digit| {
        assert!(digit.is_ascii_digit(), "{} is no message", String::from_utf8_lossy(text));
        number * 10 + usize::from(digit - b'0')
    })
}

/// Another process of this program, in `folder`; it says on its first line what it was asked for.
fn start_own(arguments: &[&str], folder: &Path) -> (Child, String) {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "{arguments:?} has ended");
    (child, line.trim().into())
}

/// Ends this process when the one that has started it ends.
fn end_with_parent() {
    std::thread::spawn(|| {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        std::process::exit(0);
    });
}

/// A port that nobody else listens on now.
fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Starts somebody else's server, and waits until it listens there.
fn start_other(command: &mut Command, address: SocketAddr) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{command:?} has ended: {ended:?}");
        assert!(start.elapsed() < START_PATIENCE, "{command:?} does not listen on {address}");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}
