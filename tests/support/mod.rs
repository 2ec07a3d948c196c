//! What the tests of the command line share: a folder of their own, and the program in it.
#![allow(dead_code, reason = "each test file takes what it needs")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

pub(crate) mod namespaces;

/// A test that waits longer than this for one event has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Tests of one file run in one process, and each bot has a home of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A folder that goes with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tertulia-cli-{}-{name}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&path).expect("a folder for the test");
        Self(path)
    }

    /// A folder for one of several who may have the same name.
    pub(crate) fn numbered(name: &str) -> Self {
        Self::new(&format!("{name}-{}", STARTED.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over is the system's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program, with nothing of the user's but this home, and no registry unless the test names one.
pub(crate) fn tertulia(home: &Scratch) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tertulia"));
    command.env_clear().env("TERTULIA_HOME", home.path()).env("TERTULIA_REGISTRY", "none").stdin(Stdio::null());
    command
}

/// The same, and signals end it, whatever whoever runs the tests ignores.
pub(crate) fn mortal(home: &Scratch) -> Command {
    let program = tertulia(home);
    if !cfg!(target_os = "linux") {
        return program;
    }
    let mut command = Command::new("/usr/bin/env");
    command.arg("--default-signal=HUP,INT").arg(program.get_program()).env_clear().stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        value.into_iter().for_each(|value| _ = command.env(name, value));
    }
    command
}

/// The program at work, spoken to in JSON.
pub(crate) struct Bot {
    child: Child,
    input: Option<ChildStdin>,
    events: Receiver<Value>,
    name: String,
    _home: Arc<Scratch>,
}

impl Bot {
    /// Starts `tertulia --json --name NAME ARGUMENTS…` in a home of its own.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_in(&Arc::new(Scratch::numbered(name)), name, arguments)
    }

    /// The same in a home that may be somebody else's too.
    pub(crate) fn start_in(home: &Arc<Scratch>, name: &str, arguments: &[&str]) -> Self {
        Self::spawn(mortal(home), home, name, arguments)
    }

    /// The same where no more than so many files can be open.
    pub(crate) fn start_with_files(files: u32, name: &str, arguments: &[&str]) -> Self {
        let home = Arc::new(Scratch::numbered(name));
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_tertulia")]);
        command.env("TERTULIA_HOME", home.path()).env("TERTULIA_REGISTRY", "none");
        Self::spawn(command, &home, name, arguments)
    }

    /// The same with a program that is prepared already.
    pub(crate) fn spawn(mut command: Command, home: &Arc<Scratch>, name: &str, arguments: &[&str]) -> Self {
        command.args(["--json", "--name", name]).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("stdout is a pipe"));
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let line = line.expect("stdout can be read");
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self { child, input, events, name: name.into(), _home: Arc::clone(home) }
    }

    /// Sends a command.
    pub(crate) fn send(&mut self, command: &Value) {
        self.write(format!("{command}\n").as_bytes());
    }

    /// Writes to its stdin.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("stdin is open");
        input.write_all(bytes).expect("the program reads");
    }

    /// Ends its input.
    pub(crate) fn hang_up(&mut self) {
        self.input = None;
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Value {
        self.events.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{} says nothing: {error}", self.name))
    }

    /// The next event that is of this kind; those before it are left out.
    pub(crate) fn wait(&mut self, event: &str) -> Value {
        loop {
            let next = self.next();
            if next["event"] == event {
                return next;
            }
        }
    }

    /// All events until the end.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        self.events.iter().collect()
    }

    /// The process's end.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.input = None;
        self.child.wait().expect("the program ends")
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

/// A way to `target` that ends at neither end: whoever comes over it is held on to, and no death shows through it.
pub(crate) fn held_open(target: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens").to_string();
    let target = target.to_string();
    std::thread::spawn(move || {
        for near in listener.incoming() {
            let near = near.expect("somebody comes");
            let far = TcpStream::connect(&target).expect("the target listens");
            let halves = [(near.try_clone(), far.try_clone()), (far.try_clone(), near.try_clone())];
            for (from, to) in halves {
                let (mut from, mut to) = (from.expect("a copy"), to.expect("a copy"));
                std::thread::spawn(move || {
                    // Until one of the two ends it, in whatever way.
                    let _ = std::io::copy(&mut from, &mut to);
                    std::mem::forget((from, to));
                });
            }
            std::mem::forget((near, far));
        }
    });
    address
}

/// The file of this name in the only folder of a home's meetings.
pub(crate) fn kept(home: &Scratch, name: &str) -> PathBuf {
    let folders = std::fs::read_dir(home.path().join("meetings")).expect("something is kept");
    let folders: Vec<PathBuf> = folders.map(|folder| folder.expect("it can be read").path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].join(name)
}

/// A small file as homes hold it: a line with its check, then what is in it.
pub(crate) fn sealed(name: &str, content: &str) -> String {
    use sha2::Digest as _;
    let line = format!("tertulia 2 {name}");
    let sum = sha2::Sha256::new_with_prefix(&line).chain_update("\n").chain_update(content).finalize();
    let check: String = sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{line} {check}\n{content}")
}

/// What a camera reads of a code that is drawn with half blocks, with a quiet zone around it.
pub(crate) fn code(rows: &[&str]) -> String {
    const QUIET: usize = 4;
    let dark = |row: &str, half: &str| row.chars().map(|block| half.contains(block)).collect::<Vec<bool>>();
    let modules = rows.iter().flat_map(|row| [dark(row, "█▀"), dark(row, "█▄")]);
    let modules: Vec<Vec<bool>> = modules.skip(QUIET).map(|row| row.into_iter().skip(QUIET).collect()).collect();
    let size = modules[0].len().checked_sub(QUIET).expect("a quiet zone");
    let grid = rqrr::SimpleGrid::from_func(size, |x, y| modules[y][x]);
    rqrr::Grid::new(grid).decode().expect("a code").1
}

/// Sends a signal to a process that the test has started.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(sent.expect("kill can be run").success(), "{process} can be sent {name}");
}

impl Drop for Bot {
    fn drop(&mut self) {
        // It has ended, unless its test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
