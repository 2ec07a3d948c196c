//! Everything that is written, on a thread of its own: a slow reader of stdout stalls nobody in the meeting.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tertulia_net::Home;
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::news::Update;
use crate::shown::{Ledger, Mark};

/// Bytes of the lines that wait to be written; beyond them the oldest are dropped.
const WAITING_MAX: usize = 16 * 1024 * 1024;
/// Bytes that are written at once.
const BATCH: usize = 8 * 1024;
/// At the end, a reader that takes nothing for this long gets no more.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Whoever is told by a signal to end has gone within 5 s: goodbyes and what waits to be written have this long.
const ENDING_TIMEOUT: Duration = Duration::from_secs(3);
/// What is said last of all has at least this long, and what may never return, no longer.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Stdout can't be written any more: what must be known goes to stderr.
static IS_BROKEN: AtomicBool = AtomicBool::new(false);

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
    /// Writes whole lines, or what they tell.
    fn write(&mut self, stream: Stream, lines: &str, news: Vec<Update>) -> io::Result<()>;
    /// Returns when all that was written can be seen.
    fn settle(&mut self) {}
}

/// The standard streams as they are.
#[derive(Debug)]
pub(crate) struct Plain;

impl Sink for Plain {
    fn write(&mut self, stream: Stream, lines: &str, _: Vec<Update>) -> io::Result<()> {
        match stream {
            Stream::Out => {
                let mut out = io::stdout().lock();
                out.write_all(lines.as_bytes()).and_then(|()| out.flush())
            }
            Stream::Err => io::stderr().lock().write_all(lines.as_bytes()),
        }
    }
}

/// A line on its way.
#[derive(Debug)]
struct Line {
    stream: Stream,
    /// With its end.
    text: String,
    /// If stdout can't be written, stderr has it.
    matters: bool,
    /// Which message it shows.
    mark: Option<Mark>,
    /// What a full screen shows of it.
    news: Option<Update>,
}

/// Lines that never reached stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unwritten {
    /// How many; those not counted that were dropped, and said to be.
    pub(crate) lines: usize,
    /// Why; [`Reader::There`]: it takes nothing.
    pub(crate) reader: Reader,
}

/// A handle to the thread that writes.
#[derive(Clone, Debug)]
pub(crate) struct Output(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// Lock order: nothing else while this is held.
    ledger: Mutex<Ledger>,
    reader: watch::Sender<Reader>,
    /// When everything has to be over, once a signal has said that it has.
    deadline: watch::Sender<Option<Instant>>,
    notice: fn(u64) -> String,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Line>,
    bytes: usize,
    dropped: u64,
    batches: u64,
    /// The batch that is being written.
    writing: Vec<Line>,
    /// Lines that could not be written.
    lost: usize,
    is_over: bool,
    is_done: bool,
}

impl Waiting {
    /// What nobody has been told, and should be: stdout takes nothing.
    fn last_words(&mut self) -> String {
        let lines = self.writing.drain(..).chain(self.lines.drain(..));
        lines.filter(|line| line.matters || line.stream == Stream::Err).map(|line| line.text).collect()
    }
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
            ledger: Mutex::default(),
            reader: watch::Sender::new(Reader::There),
            deadline: watch::Sender::new(None),
            notice,
        });
        let writer = Arc::clone(&shared);
        std::thread::Builder::new().name("output".into()).spawn(move || writer.run(sink))?;
        Ok(Self(shared))
    }

    /// Queues a line; never waits for whoever reads.
    pub(crate) fn line(&self, stream: Stream, text: &str) {
        self.push(Line { stream, text: format!("{text}\n"), matters: false, mark: None, news: None });
    }

    /// The same, for one that stderr has if stdout can't be written.
    pub(crate) fn word(&self, stream: Stream, text: &str) {
        self.push(Line { stream, text: format!("{text}\n"), matters: true, mark: None, news: None });
    }

    /// A line of stdout that shows a message: it counts as shown once it is written and flushed.
    pub(crate) fn message(&self, text: &str, mark: Option<Mark>) {
        self.push(Line { stream: Stream::Out, text: format!("{text}\n"), matters: false, mark, news: None });
    }

    /// What a full screen shows; `matters`, `mark`: as above.
    pub(crate) fn news(&self, news: Update, matters: bool, mark: Option<Mark>) {
        let text = news.words.as_ref().map_or_else(String::new, |words| format!("{words}\n"));
        self.push(Line { stream: Stream::Out, text, matters, mark, news: Some(news) });
    }

    /// What is shown is kept in `home` from now on.
    pub(crate) fn keep_in(&self, home: &Home) {
        self.0.ledger().keep_in(home);
    }

    fn push(&self, line: Line) {
        let mut waiting = self.0.lock();
        waiting.bytes = waiting.bytes.saturating_add(cost(&line.text));
        waiting.lines.push_back(line);
        let mut left_out = Vec::new();
        while waiting.bytes > WAITING_MAX {
            let Some(oldest) = waiting.lines.pop_front() else { break };
            waiting.bytes = waiting.bytes.saturating_sub(cost(&oldest.text));
            waiting.dropped = waiting.dropped.saturating_add(1);
            left_out.extend(oldest.mark);
        }
        drop(waiting);
        if !left_out.is_empty() {
            let mut ledger = self.0.ledger();
            left_out.into_iter().for_each(|mark| ledger.leave_out(mark));
        }
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

    /// A signal has told the program to end: until when it may take, however slow a reader or a peer is.
    pub(crate) fn hurry(&self) -> Instant {
        let now = Instant::now();
        self.0.deadline.send_if_modified(|deadline| {
            let is_first = deadline.is_none();
            deadline.get_or_insert(now.checked_add(ENDING_TIMEOUT).unwrap_or(now));
            is_first
        });
        // Whoever is about to wait has seen it, or is woken.
        drop(self.0.lock());
        self.0.changed.notify_all();
        self.0.deadline.borrow().unwrap_or(now)
    }

    /// Returns once the time is up that a signal has left.
    pub(crate) async fn late(&self) {
        match self.0.deadline.subscribe().wait_for(Option::is_some).await.map(|deadline| *deadline) {
            Ok(Some(deadline)) => sleep_until(deadline.into()).await,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Waits until everything is written, or nobody has taken anything for 5 s, or the time that a signal left is up.
    ///
    /// # Errors
    /// Lines were not written. Those that matter, and those for stderr, have been said there.
    pub(crate) fn finish(&self) -> Result<(), Unwritten> {
        let mut waiting = self.0.lock();
        waiting.is_over = true;
        self.0.changed.notify_all();
        let begun = Instant::now();
        let (mut seen, mut progress) = (waiting.batches, begun);
        while !waiting.is_done {
            if waiting.batches != seen {
                (seen, progress) = (waiting.batches, Instant::now());
            }
            let hurried = self.0.deadline.borrow().map(|deadline| {
                // What was said as the deadline came still has a moment.
                deadline.saturating_duration_since(begun).max(LAST_WORD).saturating_sub(begun.elapsed())
            });
            let left = STALL_TIMEOUT.saturating_sub(progress.elapsed());
            let left = hurried.map_or(left, |hurried| hurried.min(left));
            if left.is_zero() {
                let on_stdout = |line: &&Line| line.stream == Stream::Out;
                let lines = waiting.writing.iter().chain(&waiting.lines).filter(on_stdout).count();
                let words = waiting.last_words();
                let unwritten = Unwritten { lines: lines.saturating_add(waiting.lost), reader: Reader::There };
                drop(waiting);
                IS_BROKEN.store(true, Ordering::Relaxed);
                last_word(Stream::Err, words);
                return Err(unwritten);
            }
            waiting = self.0.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        match waiting.lost {
            0 => Ok(()),
            lines => Err(Unwritten { lines, reader: *self.0.reader.borrow() }),
        }
    }
}

/// What a line costs: its bytes, and its place in the queue.
const fn cost(text: &str) -> usize {
    text.len().saturating_add(size_of::<Line>())
}

/// Does what may never return, and waits for it half a second.
pub(crate) fn briefly<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = mpsc::sync_channel(1);
    std::thread::Builder::new().spawn(move || done.send(what())).ok()?;
    result.recv_timeout(LAST_WORD).ok()
}

/// Writes past the thread; whether that worked. Not to a stdout that is known to be broken.
pub(crate) fn last_word(stream: Stream, lines: String) -> bool {
    if lines.is_empty() || (stream == Stream::Out && IS_BROKEN.load(Ordering::Relaxed)) {
        return lines.is_empty();
    }
    briefly(move || Plain.write(stream, &lines, Vec::new())).is_some_and(|written| written.is_ok())
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut sink: impl Sink) {
        let mut is_told = false;
        while let Some((stream, lines, news)) = self.next() {
            let is_broken = stream == Stream::Out && *self.reader.borrow() != Reader::There;
            let written = if is_broken { Ok(()) } else { sink.write(stream, &lines, news) };
            let batch = std::mem::take(&mut self.lock().writing);
            if let (Stream::Out, Err(error)) = (stream, &written) {
                let kind = error.kind();
                let reader = if kind == io::ErrorKind::BrokenPipe { Reader::Gone } else { Reader::Failed(kind) };
                IS_BROKEN.store(true, Ordering::Relaxed);
                self.reader.send_replace(reader);
            }
            if stream == Stream::Out && (is_broken || written.is_err()) {
                self.lose(&batch, &mut sink);
                continue;
            }
            let kept = self.ledger().note(batch.iter().filter_map(|line| line.mark));
            if let Err(error) = kept
                && !std::mem::replace(&mut is_told, true)
            {
                tracing::error!("what is shown from now on comes again the next time: {error}");
            }
        }
        sink.settle();
        self.lock().is_done = true;
        self.changed.notify_all();
    }

    /// Stdout has not taken these.
    fn lose(&self, batch: &[Line], sink: &mut impl Sink) {
        let mut waiting = self.lock();
        waiting.lost = waiting.lost.saturating_add(batch.len());
        drop(waiting);
        batch.iter().filter_map(|line| line.mark).for_each(|mark| self.ledger().leave_out(mark));
        let words: String = batch.iter().filter(|line| line.matters).map(|line| line.text.as_str()).collect();
        if !words.is_empty() {
            // There is nobody left to tell.
            let _ = sink.write(Stream::Err, &words, Vec::new());
        }
    }

    /// The next lines of one stream; nothing once all is written and no more comes.
    fn next(&self) -> Option<(Stream, String, Vec<Update>)> {
        let mut waiting = self.lock();
        waiting.batches = waiting.batches.wrapping_add(1);
        self.changed.notify_all();
        while waiting.lines.is_empty() && waiting.dropped == 0 {
            if waiting.is_over {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let waiting = &mut *waiting;
        if waiting.dropped > 0 {
            let text = format!("{}\n", (self.notice)(std::mem::take(&mut waiting.dropped)));
            waiting.writing =
                vec![Line { stream: Stream::Out, text: text.clone(), matters: false, mark: None, news: None }];
            return Some((Stream::Out, text, Vec::new()));
        }
        let stream = waiting.lines.front()?.stream;
        let (mut batch, mut news) = (String::new(), Vec::new());
        while batch.len() < BATCH
            && let Some(mut line) = waiting.lines.pop_front_if(|line| line.stream == stream)
        {
            waiting.bytes = waiting.bytes.saturating_sub(cost(&line.text));
            batch.push_str(&line.text);
            news.extend(line.news.take());
            waiting.writing.push(line);
        }
        Some((stream, batch, news))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gate {
        entered: mpsc::Sender<String>,
        open: mpsc::Receiver<io::Result<()>>,
    }

    impl Sink for Gate {
        fn write(&mut self, _: Stream, lines: &str, _: Vec<Update>) -> io::Result<()> {
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
        let long = "x".repeat(1024 * 1024 - size_of::<Line>() - 3);
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
        output.word(Stream::Out, "closed");
        output.line(Stream::Err, "log");
        drop(opener);
        assert_eq!(seen.recv().unwrap(), "closed\n", "it matters, and stderr has it");
        assert_eq!(seen.recv().unwrap(), "log\n");
        assert_eq!(output.finish(), Err(Unwritten { lines: 3, reader: Reader::Gone }));
    }

    #[test]
    fn who_takes_nothing_is_not_waited_for_after_a_signal() {
        let (output, seen, _opener) = gated();
        output.line(Stream::Out, "a");
        assert_eq!(seen.recv().unwrap(), "a\n");
        output.line(Stream::Out, "b");
        output.word(Stream::Out, "closed");
        let begun = Instant::now();
        assert_eq!(output.hurry(), output.hurry(), "a second one gives no more time");
        assert_eq!(output.finish(), Err(Unwritten { lines: 3, reader: Reader::There }));
        let taken = begun.elapsed();
        assert!(taken >= ENDING_TIMEOUT && taken < STALL_TIMEOUT, "{taken:?}");
    }
}
