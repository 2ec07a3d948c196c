//! How many instructions the hot paths take, beside what they took when somebody last looked. Neighbours do not count, and
//! neither does the machine: valgrind shows every program the same processor.

mod baseline;
mod lecture;
mod scenes;

use std::process::{Command, Stdio, exit};
use std::thread;

use self::baseline::{Baseline, Taken};
use self::scenes::{SCENES, Scene};

/// Instructions of the hot paths, which must be those of crates/bench/instructions.txt: needs valgrind
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Writes them there instead
    #[arg(long)]
    update: bool,
    /// Does one of them so often, and counts nothing
    #[arg(long, hide = true, num_args = 2, value_names = ["WHAT", "TIMES"])]
    act: Option<Vec<String>>,
}

/// Prints the table; ends with 1 where a figure is not what it was.
pub(crate) fn run(args: &Args) {
    if let Some([what, times]) = args.act.as_deref() {
        return act(what, times.parse().unwrap());
    }
    let (mut counts, mut processor) = (Vec::new(), String::new());
    for scene in &SCENES {
        let (count, shown) = scene.count();
        counts.push((scene.name.to_string(), count));
        processor = shown;
    }
    let found = Baseline { taken: Taken { compiler: compiler(), processor }, counts };
    if args.update {
        found.write();
        return println!("{found}");
    }
    let (table, complaint) = found.beside(&Baseline::read());
    println!("{table}");
    if let Some(complaint) = complaint {
        eprintln!("{complaint}");
        exit(1);
    }
}

/// What a run under valgrind does.
fn act(what: &str, times: u32) {
    let scene = SCENES.iter().find(|scene| scene.name == what).expect("one of the table's");
    let mut step = (scene.set)();
    (0..times).for_each(|_| step());
    println!("{}", processor());
}

impl Scene {
    /// Instructions of one step; and the processor on which they run. Of two runs, one takes twice as many steps: what
    /// else they do is the same.
    fn count(&self) -> (u64, String) {
        let [(one, processor), (two, _)] = thread::scope(|scope| {
            [1, 2].map(|times| scope.spawn(move || watch(self.name, self.times * times))).map(|run| run.join().unwrap())
        });
        ((two - one) / u64::from(self.times), processor)
    }
}

/// Instructions of a whole run, and what it says.
fn watch(what: &str, times: u32) -> (u64, String) {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe().unwrap()).args(["instructions", "--act", what, &times.to_string()]);
    let output = valgrind.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        eprintln!("`valgrind` was expected on the PATH, and is not to be had: {error}. Debian has it: apt-get install valgrind");
        exit(1)
    });
    let told = String::from_utf8_lossy(&output.stderr);
    let count = told.lines().filter_map(|line| line.split_once("refs:")).find_map(|(_, count)| {
        let digits: String = count.chars().filter(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    match count {
        Some(count) if output.status.success() => (count, String::from_utf8_lossy(&output.stdout).trim().into()),
        _ => panic!("`{what}` does not run under valgrind:\n{told}"),
    }
}

/// What chooses the code of ciphers, hashes and copies.
fn processor() -> String {
    [std::env::consts::ARCH].into_iter().chain(features()).collect::<Vec<_>>().join(" ")
}

#[cfg(target_arch = "x86_64")]
fn features() -> impl Iterator<Item = &'static str> {
    let known = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("adx", is_x86_feature_detected!("adx")),
        ("sha", is_x86_feature_detected!("sha")),
        ("avx512", is_x86_feature_detected!("avx512f")),
    ];
    known.into_iter().filter_map(|(name, is_there)| is_there.then_some(name))
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> impl Iterator<Item = &'static str> {
    [].into_iter()
}

/// The compiler that cargo uses here.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output().expect("rustc, which has built this");
    String::from_utf8_lossy(&output.stdout).trim().into()
}
