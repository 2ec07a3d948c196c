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

/// In nanoseconds, where `/proc/PID/stat` counts hundredths of a second.
fn processor(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("Linux, and a process that runs");
    let nanos = threads.map(|thread| {
        // A thread may have ended since.
        let stat = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(nanos.sum())
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
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
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
    fn the_median_is_the_one_in_the_middle_and_99_of_100_are_no_more_than_the_99th() {
        let mut values: Vec<u32> = (1..=100).rev().collect();
        assert_eq!(percentile(&mut values, 50), Some(50));
        assert_eq!(percentile(&mut values, 99), Some(99));
        assert_eq!(percentile(&mut [3, 1, 2], 50), Some(2));
        assert_eq!(percentile(&mut [7], 99), Some(7));
        assert_eq!(percentile::<u32>(&mut [], 50), None);
    }
}
