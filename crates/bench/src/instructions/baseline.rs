//! What the hot paths took when somebody last looked, as it stands in a file.

use std::fmt::{self, Write as _};
use std::fs;

const FILE: &str = "crates/bench/instructions.txt";
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");
const UPDATE: &str = "cargo run --profile count -p tertulia-bench -- instructions --update";
/// Hundredths by which a count may be another one.
const BOUND: f64 = 3.0;
/// The same, of code that another compiler has made.
const LOOSE: f64 = 15.0;

/// With what counts were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) compiler: String,
    pub(super) processor: String,
}

/// All counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Baseline {
    pub(super) taken: Taken,
    pub(super) counts: Vec<(String, u64)>,
}

impl fmt::Display for Baseline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n{}", self.taken.compiler, self.taken.processor)?;
        self.counts.iter().try_for_each(|(name, count)| write!(formatter, "\n{count:>10} {name}"))
    }
}

impl Baseline {
    /// That of the file.
    pub(super) fn read() -> Self {
        let text = fs::read_to_string(PATH).unwrap_or_default();
        Self::parse(&text).unwrap_or_else(|| panic!("{FILE} is no table of counts; this writes it: {UPDATE}"))
    }

    pub(super) fn write(&self) {
        fs::write(PATH, format!("{self}\n")).expect("the folder of the sources");
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let taken = Taken { compiler: lines.next()?.into(), processor: lines.next()?.into() };
        let count = |line: &str| {
            let (count, name) = line.trim_start().split_once(' ')?;
            Some((name.to_string(), count.parse().ok()?))
        };
        Some(Self { taken, counts: lines.map(count).collect::<Option<_>>()? })
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.counts.iter().find_map(|(other, count)| (other == name).then_some(*count))
    }

    /// The table; and a complaint, if something is not as it was in `old`.
    pub(super) fn beside(&self, old: &Self) -> (String, Option<String>) {
        let (bound, mut table) = self.bound(old);
        let mut is_same = true;
        for (name, count) in &self.counts {
            let change = old.count(name).map(|old| (*count as f64 - old as f64) * 100.0 / old as f64);
            let is_within = change.is_some_and(|change| change.abs() <= bound);
            let change = change.map_or_else(|| "new".into(), |change| format!("{change:+.1} %"));
            write!(table, "\n{count:>10} {name}: {change}{}", if is_within { "" } else { "  <-- here" }).unwrap();
            is_same &= is_within;
        }
        for (name, _) in old.counts.iter().filter(|(name, _)| self.count(name).is_none()) {
            write!(table, "\n         - {name}: gone  <-- here").unwrap();
            is_same = false;
        }
        let complaint = format!(
            "expected: as many instructions as {FILE} says, within the bound; found: others, see the arrows.\n\
             If they are more, look for what costs them. If they are to be what they are, this writes them down, and the \
             change that commits them says why: {UPDATE}"
        );
        (table, (!is_same).then_some(complaint))
    }

    /// Hundredths by which a count may differ from that of `old`, and why.
    fn bound(&self, old: &Self) -> (f64, String) {
        let (ours, theirs) = (&self.taken, &old.taken);
        if ours.processor != theirs.processor {
            // Ciphers and hashes have other code for it.
            let why = format!("nothing is compared: {FILE} is of {}, and here is {}", theirs.processor, ours.processor);
            (f64::INFINITY, why)
        } else if ours.compiler != theirs.compiler {
            let why = format!("within {LOOSE} % only: {FILE} is by {}, and here is {}", theirs.compiler, ours.compiler);
            (LOOSE, why)
        } else {
            (BOUND, format!("within {BOUND} % of {FILE}:"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(compiler: &str, processor: &str, counts: &[(&str, u64)]) -> Baseline {
        let taken = Taken { compiler: compiler.into(), processor: processor.into() };
        Baseline { taken, counts: counts.iter().map(|(name, count)| ((*name).into(), *count)).collect() }
    }

    /// Whether counts of this compiler and processor pass beside 1,000 of the usual ones.
    fn passes(compiler: &str, processor: &str, counts: &[(&str, u64)]) -> bool {
        let (table, complaint) = of(compiler, processor, counts).beside(&of("rustc 1", "x86_64", &[("seal", 1_000)]));
        assert_eq!(table.contains("<-- here"), complaint.is_some(), "{table}");
        complaint.is_none()
    }

    #[test]
    fn a_count_passes_if_it_is_within_the_bound_and_in_the_file() {
        for (count, is_within) in [(1_000, true), (1_030, true), (1_031, false), (970, true), (969, false)] {
            assert_eq!(passes("rustc 1", "x86_64", &[("seal", count)]), is_within, "{count}");
        }
        assert!(!passes("rustc 1", "x86_64", &[("seal", 1_000), ("open", 1_000)]), "one is new");
        assert!(!passes("rustc 1", "x86_64", &[]), "one is gone");
    }

    #[test]
    fn another_compiler_has_a_wider_bound_and_another_processor_none() {
        for (count, is_within) in [(1_150, true), (1_151, false), (850, true), (849, false)] {
            assert_eq!(passes("rustc 2", "x86_64", &[("seal", count)]), is_within, "{count}");
        }
        assert!(passes("rustc 2", "aarch64", &[("seal", 5_000)]));
        assert!(!passes("rustc 2", "aarch64", &[("open", 5_000)]), "but what is not in the file is told");
    }

    #[test]
    fn what_is_written_is_read() {
        let baseline = of("rustc 1.95.0 (59807616e 2026-04-14)", "x86_64 avx2", &[("fan out a text to 64", 332_110)]);
        assert_eq!(Baseline::parse(&baseline.to_string()), Some(baseline));
        assert_eq!(Baseline::parse("rustc 1\nx86_64\nmany seal\n"), None);
    }
}
