//! Writes every decrypted frame to a file (SPEC.md, "Traces"). The format is core's.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tertulia_core::id::LinkId;
use tertulia_core::trace::{self as format, Direction, LinkStep, Packet, Step};
use tertulia_core::wire::decode;

use crate::error::Error;
use crate::private::private;

/// A trace file that any task may add to.
#[derive(Debug)]
pub(crate) struct Trace {
    path: PathBuf,
    start: Instant,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    file: BufWriter<File>,
    /// The link that packets belong to, as the file stands.
    current: Option<LinkId>,
    /// Once a write has failed nothing more is written: half a trace is better than one with holes.
    failure: Option<io::Error>,
}

impl Trace {
    pub(crate) fn create(path: &Path, title: &str) -> Result<Self, Error> {
        // Never over another one, which may be all that is left of a session. It shows what was said in private.
        let file = private(File::options().create_new(true).write(true))
            .open(path)
            .map_err(Error::file("make the trace", path))?;
        let mut writer = Writer { file: BufWriter::new(file), current: None, failure: None };
        writer.write(&format::Trace::new(title).to_string());
        Ok(Self { path: path.into(), start: Instant::now(), writer: Mutex::new(writer) })
    }

    /// Notes what became of a link.
    pub(crate) fn link(&self, link: LinkId, step: LinkStep) {
        let mut writer = self.writer();
        writer.current = Some(link);
        writer.write(&format!("\n{}", Step::Link(link.0, step)));
    }

    /// Adds the frames of a record's plaintext; `from` sent it.
    pub(crate) fn frames(&self, link: LinkId, from: Direction, plaintext: &[u8]) {
        let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut text = String::new();
        let mut rest = plaintext;
        while !rest.is_empty() {
            let (name, bytes) = match decode(rest) {
                Ok(decoded) => {
                    rest = decoded.rest;
                    let name = decoded.frame.map(|frame| frame.info().name.to_owned());
                    (name.unwrap_or_else(|| format!("{:#06x}", decoded.kind)), decoded.bytes)
                }
                Err(error) => {
                    text.push_str(&format!("\n{}", Step::Comment(error.to_string())));
                    (type_of(rest), core::mem::take(&mut rest))
                }
            };
            text.push_str(&format!("\n{}", Packet::new(from, micros, &name, bytes)));
        }
        let mut writer = self.writer();
        if writer.current != Some(link) {
            writer.current = Some(link);
            writer.write(&format!("\n{}", Step::Link(link.0, LinkStep::Goes)));
        }
        writer.write(&text);
    }

    /// Hands everything to the system.
    pub(crate) fn flush(&self) {
        let mut writer = self.writer();
        if writer.failure.is_none() {
            let flushed = writer.file.flush();
            writer.failure = flushed.err();
        }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went wrong.
    pub(crate) fn failure(&self) -> Option<Error> {
        let error = self.writer().failure.as_ref().map(|error| io::Error::new(error.kind(), error.to_string()))?;
        Some(Error::file("write the trace", &self.path)(error))
    }
}

impl Writer {
    fn write(&mut self, text: &str) {
        if self.failure.is_none() {
            self.failure = self.file.write_all(text.as_bytes()).err();
        }
    }
}

/// The type of a frame that breaks a rule.
fn type_of(frame: &[u8]) -> String {
    let number = frame.get(2..).and_then(<[u8]>::first_chunk).map_or(0, |number| u16::from_be_bytes(*number));
    format!("{number:#06x}")
}
