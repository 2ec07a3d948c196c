//! Logs, through the same printer as everything else, with whatever peers have put into them escaped.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::escape;
use crate::output::{Output, Stream};

struct Lines(Output);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.line(Stream::Err, &escape::line(text.trim_end_matches('\n')));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self(self.0.clone())
    }
}

/// Logs what `-v` asks for; without it, only what goes wrong.
pub(crate) fn start(output: &Output, verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::ERROR,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_max_level(level).with_writer(Lines(output.clone())).finish();
    // Only a second session in one process finds one set, and that one serves it too.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
