//! What a contestant is: a server in a process of its own, and how its guests and its speaker talk with it.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
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
    /// Others' programs that must be there.
    pub(super) programs: &'static [&'static str],
    /// The longest message that it takes.
    pub(crate) size_max: usize,
    /// How many messages may be on their way before it cuts somebody off.
    pub(crate) in_flight_max: usize,
    /// Starts it.
    pub(crate) start: fn() -> Server,
}

impl Contestant {
    /// One that takes all that is tried here, and does not start yet.
    pub(super) const fn of(name: &'static str, programs: &'static [&'static str]) -> Self {
        let start = || unreachable!("whoever names a contestant says how it starts");
        Self { name, programs, size_max: usize::MAX, in_flight_max: usize::MAX, start }
    }
}

/// A process with a folder of its own; both go when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    _folder: TempDir,
}

impl Process {
    /// Another process of this program; it says on its first line what others need to know.
    pub(crate) fn own(arguments: &[&str]) -> (Self, String) {
        Self::within(tempfile::tempdir().unwrap(), arguments)
    }

    /// The same, in a folder in which it finds something.
    pub(crate) fn within(folder: TempDir, arguments: &[&str]) -> (Self, String) {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{arguments:?} has ended");
        (Self { child, _folder: folder }, line.trim().into())
    }

    /// Somebody else's server, as soon as it listens at `address`.
    pub(super) fn other(command: &mut Command, folder: TempDir, address: SocketAddr) -> Self {
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Self { child: command.spawn().unwrap(), _folder: folder };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "{command:?} has ended: {ended:?}");
            assert!(start.elapsed() < START_PATIENCE, "{command:?} does not listen on {address}");
            std::thread::sleep(Duration::from_millis(5));
        }
        process
    }

    /// The system's number for it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    /// Where guests come in.
    pub(crate) guests: SocketAddr,
    /// Where the speaker does.
    pub(crate) speaker: SocketAddr,
    pub(crate) protocol: Box<dyn Protocol>,
}

impl Server {
    /// Another process of this program, that says where guests come in, and where the speaker does.
    pub(super) fn own(arguments: &[&str], protocol: Box<dyn Protocol>) -> Self {
        let (process, line) = Process::own(arguments);
        let (guests, speaker) = line.split_once(' ').expect("two addresses");
        Self { process, guests: guests.parse().unwrap(), speaker: speaker.parse().unwrap(), protocol }
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

    /// Appends what it says without being asked, if it is time for that; when it will be, if ever.
    fn stay(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Instant>;
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

/// Ends this process when the one that has started it ends.
pub(crate) fn end_with_parent() {
    std::thread::spawn(|| {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        std::process::exit(0);
    });
}

/// A port that nobody else listens on now.
pub(super) fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
