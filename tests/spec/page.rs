//! SPEC.md as lines, and the pieces of it that stand after markers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) struct Page {
    lines: Vec<String>,
    /// What the page lacks, or has too much of.
    pub(crate) faults: Vec<String>,
    /// Markers whose piece was made.
    pub(crate) synced: BTreeSet<String>,
}

/// A table: columns that the code decides, then columns that people write.
pub(crate) struct Table {
    pub(crate) name: String,
    /// Headings of all columns.
    pub(crate) headings: Vec<&'static str>,
    /// Which columns name the row.
    pub(crate) keys: Vec<usize>,
    /// The cells that the code decides, a row each.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Page {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(root().join("SPEC.md")).unwrap();
        Self { lines: text.lines().map(String::from).collect(), faults: Vec::new(), synced: BTreeSet::new() }
    }

    pub(crate) fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    pub(crate) fn write(&self) {
        fs::write(root().join("SPEC.md"), self.text()).unwrap();
    }

    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Every marker, as `table: frames`.
    pub(crate) fn markers(&self) -> Vec<String> {
        let inside = |line: &String| Some(line.strip_prefix("<!-- ")?.strip_suffix(" -->")?.to_owned());
        self.lines.iter().filter_map(inside).collect()
    }

    /// The line after the marker; a fault if there is not exactly one.
    fn after(&mut self, marker: &str) -> Option<usize> {
        let line = format!("<!-- {marker} -->");
        let found: Vec<usize> = (0..self.lines.len()).filter(|at| self.lines[*at] == line).collect();
        self.synced.insert(marker.to_owned());
        if found.len() != 1 {
            self.faults.push(format!("SPEC.md has {} times {line}", found.len()));
        }
        found.first().map(|at| at + 1)
    }

    /// The rows of a table that people write.
    pub(crate) fn table(&mut self, name: &str) -> Vec<Vec<String>> {
        let start = self.after(&format!("table: {name}")).expect("the page has it");
        let lines = self.lines[start..].iter().take_while(|line| line.starts_with('|')).skip(2);
        lines.map(|line| cells(line)).collect()
    }

    /// Puts the code's columns into a table, and keeps what people wrote in the others.
    pub(crate) fn sync_table(&mut self, table: &Table) {
        let Some(start) = self.after(&format!("table: {}", table.name)) else { return };
        let end = (start..self.lines.len()).find(|at| !self.lines[*at].starts_with('|')).unwrap_or(self.lines.len());
        let width = table.rows.first().map_or(0, Vec::len);
        let key = |cells: &[String]| -> Vec<String> { table.keys.iter().map(|at| cells[*at].clone()).collect() };
        let mut written = BTreeMap::new();
        for line in self.lines[start..end].iter().skip(2) {
            let cells = cells(line);
            if cells.len() != table.headings.len() {
                self.faults.push(format!("{}: {line} has not {} cells", table.name, table.headings.len()));
                return;
            }
            if written.insert(key(&cells), cells[width..].to_vec()).is_some() {
                self.faults.push(format!("{}: two rows say what {:?} is", table.name, key(&cells)));
            }
        }
        let mut lines = vec![row(table.headings.iter().copied()), row(table.headings.iter().map(|_| "---"))];
        lines[1] = format!("|{}", "---|".repeat(table.headings.len()));
        for cells in &table.rows {
            let kept = written.remove(&key(cells)).unwrap_or_default();
            if kept.len() + width != table.headings.len() || kept.iter().any(String::is_empty) {
                self.faults.push(format!("{}: nobody has said what {:?} is", table.name, key(cells)));
            }
            lines.push(row(cells.iter().chain(&kept).map(String::as_str)));
        }
        if width < table.headings.len() {
            self.faults.extend(written.keys().map(|key| format!("{}: the code has no {key:?}", table.name)));
        }
        self.lines.splice(start..end, lines);
    }

    /// Puts `content` into the fenced block after a marker.
    pub(crate) fn sync_block(&mut self, marker: &str, language: &str, content: &str) {
        let Some(start) = self.after(marker) else { return };
        let fence = format!("```{language}");
        let is_there = self.lines.get(start).is_some_and(|line| line.starts_with("```"));
        let end = if is_there {
            let close = (start + 1..self.lines.len()).find(|at| self.lines[*at] == "```");
            close.expect("a fence is closed") + 1
        } else {
            start
        };
        let lines = [fence].into_iter().chain(content.lines().map(String::from)).chain(["```".to_owned()]);
        self.lines.splice(start..end, lines);
    }
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<&str> = cells.collect();
    format!("| {} |", cells.join(" | "))
}
