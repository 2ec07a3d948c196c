//! The sequence diagrams of the page, against the traces: a trace has each of their courses, frame by frame.

use tertulia_core::trace::{Direction, Step, parse};
use tertulia_core::wire::frame::infos;

use crate::coverage::traces;
use crate::page::Page;

/// A frame, and whether whoever dialled sends it.
type Said = (bool, String);

/// A diagram's arrows: up to `alt` and after `end` they are of every course, between of one.
#[derive(Default)]
struct Diagram {
    courses: Vec<Vec<Said>>,
    /// How many courses are over, and how long they were when `alt` came.
    closed: usize,
    before: Vec<Said>,
    dialler: String,
}

impl Diagram {
    fn read(&mut self, line: &str) {
        if self.courses.is_empty() {
            self.courses.push(Vec::new());
        }
        if line.starts_with("alt ") {
            self.before = self.courses.pop().unwrap();
            self.courses.push(self.before.clone());
        } else if line.starts_with("else ") {
            self.courses.push(self.before.clone());
            self.closed = self.courses.len() - 1;
        } else if line == "end" {
            self.closed = 0;
        } else if let Some((sender, rest)) = line.split_once("->>") {
            let (receiver, said) = rest.split_once(": ").expect(line);
            assert_ne!(sender, receiver, "{line}");
            if self.dialler.is_empty() {
                self.dialler = sender.to_owned();
            }
            // What goes over another connection, no trace has in its place.
            let is_other = said.starts_with("a connection");
            let frames = frames(said);
            assert!(!frames.is_empty(), "{line} names no frame");
            let frames = frames.into_iter().filter(|_| !is_other).map(|frame| (sender == self.dialler, frame));
            let frames: Vec<Said> = frames.collect();
            self.courses[self.closed..].iter_mut().for_each(|course| course.extend(frames.clone()));
        } else {
            assert!(line.starts_with("participant ") || line.starts_with("loop "), "{line}");
        }
    }
}

/// The frames that stand outside of brackets; what stands within says what is in them.
fn frames(said: &str) -> Vec<String> {
    let outside = said.split('(').map(|piece| piece.rsplit(')').next().unwrap());
    let words = outside.flat_map(|piece| piece.split([' ', ',', ':'])).filter(|word| !word.is_empty());
    let is_name = |word: &&str| word.chars().all(|letter| letter.is_ascii_uppercase());
    words.filter(is_name).filter(|word| infos().any(|info| info.name == *word)).map(str::to_owned).collect()
}

fn has(trace: &[Said], course: &[Said]) -> bool {
    let mut left = trace.iter();
    course.iter().all(|said| left.any(|found| found == said))
}

#[test]
fn every_course_of_a_diagram_is_one_that_a_trace_has() {
    let page = Page::read();
    let mut diagrams: Vec<Diagram> = Vec::new();
    let mut inside = false;
    for line in page.lines().iter().map(|line| line.trim()) {
        match line {
            "sequenceDiagram" => {
                inside = true;
                diagrams.push(Diagram::default());
            }
            "```" => inside = false,
            line if inside => diagrams.last_mut().unwrap().read(line),
            _ => {}
        }
    }
    let traces: Vec<Vec<Said>> = traces()
        .iter()
        .map(|(_, text)| {
            let steps = parse(text).unwrap().steps;
            let packets =
                steps.into_iter().filter_map(|step| if let Step::Packet(one) = step { Some(one) } else { None });
            packets.map(|packet| (packet.from == Direction::Initiator, packet.name)).collect()
        })
        .collect();
    assert_eq!(diagrams.len(), 4);
    for course in diagrams.iter().flat_map(|diagram| &diagram.courses) {
        assert!(traces.iter().any(|trace| has(trace, course)), "no trace has {course:?}");
    }
}
