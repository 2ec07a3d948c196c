//! Text of whatever kind as a trace: what parses is written back as it was, and can be played.

use tertulia_core::trace::parse;

use tertulia_core::trace::replay;

/// Reads `input` as a trace.
///
/// # Panics
/// If a trace is not written back as it was read, or does not read the same again.
pub fn trace(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else { return };
    let Ok(trace) = parse(text) else { return };
    let written = trace.to_string();
    assert_eq!(parse(&written).as_ref(), Ok(&trace), "{written}");
    assert_eq!(said(&written), said(text));
    // Whether it does what it says is no matter here.
    drop(replay(&trace));
}

/// The lines that say something. Headers may stand in any order, and no other line may come before them.
fn said(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(|line| !line.starts_with("# ")).unwrap_or(lines.len());
    let (headers, steps) = lines.split_at(end);
    let mut headers = headers.to_vec();
    headers.sort_unstable();
    headers.extend(steps.iter().filter(|line| !line.is_empty()));
    headers
}
