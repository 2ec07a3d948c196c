//! Everything that is written, on a thread of its own: a slow reader of stdout stalls nobody in the meeting.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Bytes of the lines that wait to be written; beyond them the oldest are dropped.
const WAITING_MAX: usize = 16 * 1024 * 1024;
/// Bytes that are written at once.
const BATCH: usize = 8 * 1024;
/// At the end, a reader that takes nothing for this long gets no more.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// What the command is for.
    Out,
    /// What is said about it.
    Err,
}

/// Whether anybody reads stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody may.
    There,
    /// Nobody does any more.
    Gone,
    /// Writing fails for another reason.
    Failed(io::ErrorKind),
}

/// Puts lines where they go.
pub(crate) trait Sink: Send + 'static {
    /// Writes whole lines.
    fn write(&mut self, stream: Stream, lines: &str) -> io::Result<()>;
    /// Returns when all that was written can be seen.
    fn settle(&mut self) {}
}

/// The standard streams as they are.
#[derive(Debug)]
pub(crate) struct Plain;

impl Sink for Plain {
    fn write(&mut self, stream: Stream, lines: &str) -> io::Result<()> {
        match stream {
            Stream::Out => {
                let mut out = io::stdout().lock();
                out.write_all(lines.as_bytes()).and_then(|()| out.flush())
            }
            Stream::Err => io::stderr().lock().write_all(lines.as_bytes()),
        }
    }
}

/// A handle to the thread that writes.
#[derive(Clone, Debug)]
pub(crate) struct Output(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    reader: watch::Sender<Reader>,
    notice: fn(u64) -> String,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<(Stream, String)>,
    bytes: usize,
    dropped: u64,
    batches: u64,
    is_over: bool,
    is_done: bool,
}

impl Output {
    /// Starts the thread. `notice` is the line that stands for so many dropped ones.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub(crate) fn start(sink: impl Sink, notice: fn(u64) -> String) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            reader: watch::Sender::new(Reader::There),
            notice,
        });
        let writer = Arc::clone(&shared);
        std::thread::Builder::new().name("output".into()).spawn(move || writer.run(sink))?;
        Ok(Self(shared))
    }

    /// Queues a line; never waits for whoever reads.
    pub(crate) fn line(&self, stream: Stream, text: &str) {
        let mut waiting = self.0.lock();
        waiting.bytes = waiting.bytes.saturating_add(cost(text));
        waiting.lines.push_back((stream, format!("{text}\n")));
        while waiting.bytes > WAITING_MAX {
            let Some((_, oldest)) = waiting.lines.pop_front() else { break };
            waiting.bytes = waiting.bytes.saturating_sub(cost(oldest.trim_end_matches('\n')));
            waiting.dropped = waiting.dropped.saturating_add(1);
        }
        drop(waiting);
        self.0.changed.notify_all();
    }

    /// Returns once stdout can't be written any more.
    pub(crate) async fn broken(&self) -> Reader {
        let mut reader = self.0.reader.subscribe();
        match reader.wait_for(|reader| *reader != Reader::There).await {
            Ok(reader) => *reader,
            Err(_) => Reader::Gone,
        }
    }

    /// Waits until everything is written, or nobody has taken anything for 5 s: then tells how many lines are lost.
    pub(crate) fn finish(&self) -> Result<(), usize> {
        let mut waiting = self.0.lock();
        waiting.is_over = true;
        self.0.changed.notify_all();
        while !waiting.is_done {
            let before = waiting.batches;
            let (after, timeout) =
                self.0.changed.wait_timeout(waiting, STALL_TIMEOUT).unwrap_or_else(PoisonError::into_inner);
            waiting = after;
            if timeout.timed_out() && waiting.batches == before {
                return Err(waiting.lines.len());
            }
        }
        Ok(())
    }
}

/// What a line costs: its bytes, its end, and its place in the queue.
const fn cost(text: &str) -> usize {
    text.len().saturating_add(1).saturating_add(size_of::<(Stream, String)>())
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut sink: impl Sink) {
        while let Some((stream, lines)) = self.next() {
            if stream == Stream::Out && *self.reader.borrow() != Reader::There {
                continue;
            }
            let written = sink.write(stream, &lines);
            if let (Stream::Out, Err(error)) = (stream, written) {
                let kind = error.kind();
                let reader = if kind == io::ErrorKind::BrokenPipe { Reader::Gone } else { Reader::Failed(kind) };
                self.reader.send_replace(reader);
            }
        }
        sink.settle();
        self.lock().is_done = true;
        self.changed.notify_all();
    }

    /// The next lines of one stream; nothing once all is written and no more comes.
    fn next(&self) -> Option<(Stream, String)> {
        let mut waiting = self.lock();
        waiting.batches = waiting.batches.wrapping_add(1);
        self.changed.notify_all();
        while waiting.lines.is_empty() && waiting.dropped == 0 {
            if waiting.is_over {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.dropped > 0 {
            let dropped = std::mem::take(&mut waiting.dropped);
            return Some((Stream::Out, format!("{}\n", (self.notice)(dropped))));
        }
        let stream = waiting.lines.front()?.0;
        let mut batch = String::new();
        while batch.len() < BATCH && waiting.lines.front().is_some_and(|(next, _)| *next == stream) {
            let (_, line) = waiting.lines.pop_front()?;
            waiting.bytes = waiting.bytes.saturating_sub(cost(line.trim_end_matches('\n')));
            batch.push_str(&line);
        }
        Some((stream, batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Gate {
        entered: mpsc::Sender<String>,
        open: mpsc::Receiver<io::Result<()>>,
    }

    impl Sink for Gate {
        fn write(&mut self, _: Stream, lines: &str) -> io::Result<()> {
            self.entered.send(lines.into()).expect("the test listens");
            self.open.recv().unwrap_or(Ok(()))
        }
    }

    fn gated() -> (Output, mpsc::Receiver<String>, mpsc::Sender<io::Result<()>>) {
        let (entered, seen) = mpsc::channel();
        let (opener, open) = mpsc::channel();
        let output = Output::start(Gate { entered, open }, |lines| format!("dropped {lines}")).expect("a thread");
        (output, seen, opener)
    }

    #[test]
    fn beyond_the_bound_the_oldest_lines_go_and_one_line_counts_them() {
        let (output, seen, opener) = gated();
        output.line(Stream::Out, "first");
        assert_eq!(seen.recv().unwrap(), "first\n");
        let long = "x".repeat(1024 * 1024 - size_of::<(Stream, String)>() - 3);
        for number in 10..30 {
            output.line(Stream::Out, &format!("{number}{long}"));
        }
        drop(opener);
        assert_eq!(seen.recv().unwrap(), "dropped 4\n");
        for number in 14..30 {
            assert!(seen.recv().unwrap().starts_with(&number.to_string()));
        }
        output.line(Stream::Err, "log");
        assert_eq!(seen.recv().unwrap(), "log\n");
        assert_eq!(output.finish(), Ok(()));
        assert!(seen.recv().is_err());
    }

    #[test]
    fn lines_that_wait_go_out_together_and_in_order() {
        let (output, seen, opener) = gated();
        output.line(Stream::Out, "a");
        assert_eq!(seen.recv().unwrap(), "a\n");
        for text in ["b", "c"] {
            output.line(Stream::Out, text);
        }
        output.line(Stream::Err, "log");
        output.line(Stream::Out, "d");
        drop(opener);
        let rest: Vec<String> = (0..3).map(|_| seen.recv().unwrap()).collect();
        assert_eq!(rest, ["b\nc\n", "log\n", "d\n"]);
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_is_told_once_and_nothing_more_is_written() {
        let (output, seen, opener) = gated();
        output.line(Stream::Out, "a");
        assert_eq!(seen.recv().unwrap(), "a\n");
        opener.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        assert_eq!(output.broken().await, Reader::Gone);
        output.line(Stream::Out, "b");
        output.line(Stream::Err, "log");
        drop(opener);
        assert_eq!(seen.recv().unwrap(), "log\n");
        assert_eq!(output.finish(), Ok(()));
    }
}
