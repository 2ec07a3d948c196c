//! What the system says of a process, and what a run of figures comes to.

use std::fs;
use std::process::Command;
use std::time::Duration;

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time of all its threads, its own and the kernel's for it.
    pub(crate) processor: Duration,
    /// Memory that it has now, in bytes, but for what it maps of files: code that the first guest has the system load is no
    /// later guest's.
    pub(crate) resident: u64,
    /// The most that it has had, code too.
    pub(crate) resident_most: u64,
}

impl Usage {
    /// That of the process with this id.
    pub(crate) fn of(process: u32) -> Self {
        let [resident, resident_most] = resident(process);
        Self { processor: processor(process), resident, resident_most }
    }

    /// That of this process.
    pub(crate) fn own() -> Self {
        Self::of(std::process::id())
    }
}

/// Of its clock, which goes on counting what threads used that have ended.
#[cfg(target_os = "linux")]
fn processor(process: u32) -> Duration {
    let process = nix::unistd::Pid::from_raw(process.cast_signed());
    nix::time::clock_getcpuclockid(process).and_then(nix::time::clock_gettime).expect("a process that runs").into()
}

#[cfg(not(target_os = "linux"))]
fn processor(_process: u32) -> Duration {
    unimplemented!("servers are measured on Linux")
}

/// Now, and at most.
fn resident(process: u32) -> [u64; 2] {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux, and a process that runs");
    ["RssAnon:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1_024
    })
}

/// What this thread has had of the processor: neighbours do not count.
#[cfg(unix)]
pub(crate) fn thread() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has one").into()
}

/// Neighbours do count, where no thread is told what it has had.
#[cfg(not(unix))]
pub(crate) fn thread() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// Has this process, of which there is one thread yet, and what it starts from now on, run on one processor only.
pub(crate) fn pin(processor: u8) {
    let mut taskset = Command::new("taskset");
    taskset.args(["-p", "-c", &processor.to_string(), &std::process::id().to_string()]);
    let done = taskset.output().expect("taskset, of util-linux");
    assert!(done.status.success(), "processor {processor} is not there: {}", String::from_utf8_lossy(&done.stderr));
}

/// The value below which so many hundredths of `values` are; `None` of nothing.
pub(crate) fn percentile<T: Copy + PartialOrd>(values: &mut [T], hundredths: usize) -> Option<T> {
    values.sort_unstable_by(|one, other| one.partial_cmp(other).expect("a number"));
    let at = (values.len() * hundredths).div_ceil(100).saturating_sub(1);
    values.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_has_used_stays_used_when_it_has_ended() {
        let before = Usage::own().processor;
        let used = std::thread::spawn(|| {
            while thread() < Duration::from_millis(20) {}
            thread()
        });
        let used = used.join().unwrap();
        assert!(Usage::own().processor - before >= used);
    }

    #[test]
    fn the_median_is_the_one_in_the_middle_and_99_of_100_are_no_more_than_the_99th() {
        let mut values: Vec<u32> = (1..=100).rev().collect();
        assert_eq!(percentile(&mut values, 50), Some(50));
        assert_eq!(percentile(&mut values, 99), Some(99));
        assert_eq!(percentile(&mut [3, 1, 2], 50), Some(2));
        assert_eq!(percentile(&mut [7], 99), Some(7));
        assert_eq!(percentile::<u32>(&mut [], 50), None);
    }
}
