//! A lecture held by the program itself, in a process of its own, and what the system says of that process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tertulia_core::ticket::Ticket;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What has not happened by then does not happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// The host's process; it ends when this is dropped, and its home goes with it.
#[derive(Debug)]
pub struct Hall {
    child: Child,
    input: ChildStdin,
    events: mpsc::UnboundedReceiver<Value>,
    home: PathBuf,
    /// What the guests join with.
    pub ticket: Ticket,
}

/// What the system says of a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Memory that it has now, in KiB.
    pub resident_kib: u64,
    /// The most that it has had since [`Hall::forget_peak`], in KiB.
    pub peak_kib: u64,
    /// Processor time, its own and the kernel's for it.
    pub processor: Duration,
}

impl Hall {
    /// Has `program` hold an open lecture, in an empty home.
    pub async fn open(program: &Path, title: &str) -> Self {
        let home = std::env::temp_dir().join(format!("tertulia-hall-{}-{title}", std::process::id()));
        let mut child = Command::new(program)
            .args(["--json", "--name", "host", "host", title, "--lecture", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("TERTULIA_HOME", &home)
            .env("TERTULIA_REGISTRY", "none")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}; build it first", program.display()));
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, mut events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let event: Value = serde_json::from_str(&line).unwrap();
                // Of its own words and of arrivals there are thousands; nobody here waits for them.
                if !matches!(event["event"].as_str(), Some("message" | "done" | "delivery" | "joined")) {
                    sender.send(event).ok();
                }
            }
        });
        let ready = timeout(PATIENCE, events.recv()).await.unwrap().expect("the host says that it is ready");
        let ticket = ready["ticket"].as_str().unwrap().parse().unwrap();
        Self { child, input, events, home, ticket }
    }

    /// Says something to all.
    pub async fn say(&mut self, text: &str) {
        let line = format!("{}\n", json!({"command": "say", "text": text}));
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next event but those that are thrown away.
    pub async fn next(&mut self) -> Value {
        timeout(PATIENCE, self.events.recv()).await.expect("the host says nothing").expect("the host runs")
    }

    /// Waits until `count` guests were cut off because they did not read, and nobody for another reason; how many were.
    pub async fn until_slow(&mut self, count: usize) -> usize {
        let mut slow = 0;
        while slow < count {
            let event = self.next().await;
            if event["event"] == "left" {
                assert_eq!(event["reason"], "slow", "{event}");
                slow += 1;
            }
        }
        slow
    }

    /// Memory and processor time so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let status = self.read("status");
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
        };
        let stat = self.read("stat");
        // The program's name, in brackets, may have spaces.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |at: usize| -> u64 { fields[at].parse().unwrap() };
        // Linux shows a hundred of these a second to programs, on every machine.
        let processor = Duration::from_millis(10 * (ticks(11) + ticks(12)));
        Usage { resident_kib: field("VmRSS"), peak_kib: field("VmHWM"), processor }
    }

    /// Has the peak of memory start anew, from what the process has now.
    pub fn forget_peak(&self) {
        std::fs::write(self.path("clear_refs"), "5").unwrap();
    }

    fn path(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id().expect("the host runs"))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        self.child.start_kill().ok();
        std::fs::remove_dir_all(&self.home).ok();
    }
}
