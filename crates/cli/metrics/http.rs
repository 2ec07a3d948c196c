//! Answers `GET /metrics` over HTTP/1.1, and nothing else. Whoever asks is a stranger: what one may cost is bounded.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::Figures;

/// Of a request, no more is read before it is answered.
const REQUEST_BYTES_MAX: usize = 8_192;
/// How long one connection may take, from its first byte to its end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections at one time: whoever comes next has the place of the oldest.
const CONNECTIONS_MAX: usize = 8;
/// Nothing can be accepted, for lack of files for instance: how long to leave it.
const REST: Duration = Duration::from_millis(100);

const PATH: &str = "/metrics";
const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Makes a listener of the standard library one that [`run`] takes.
///
/// # Errors
/// The system's.
pub(crate) fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Answers for ever.
pub(crate) async fn run(listener: TcpListener, figures: Figures) {
    let (mut connections, mut oldest_first) = (JoinSet::new(), VecDeque::<AbortHandle>::new());
    loop {
        let newcomer = tokio::select! {
            Some(_) = connections.join_next() => {
                oldest_first.retain(|connection| !connection.is_finished());
                continue;
            }
            newcomer = listener.accept() => newcomer,
        };
        let Ok((stream, _)) = newcomer else {
            sleep(REST).await;
            continue;
        };
        if oldest_first.len() >= CONNECTIONS_MAX
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        let figures = figures.clone();
        let answered = async move { timeout(PATIENCE, answer(stream, &figures)).await };
        oldest_first.push_back(connections.spawn(answered));
    }
}

/// Reads one request, answers it, and waits until the other side has ended: closing at once could destroy what it has
/// not read yet.
async fn answer(mut stream: TcpStream, figures: &Figures) -> io::Result<()> {
    let (mut request, mut piece) = (Vec::new(), [0; 1_024]);
    while !is_whole(&request) && request.len() < REQUEST_BYTES_MAX {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    stream.write_all(reply(&request, figures).as_bytes()).await?;
    stream.shutdown().await?;
    while stream.read(&mut piece).await? > 0 {}
    Ok(())
}

/// Whether the head of a request has come; a body is nobody's business.
fn is_whole(request: &[u8]) -> bool {
    request.windows(4).any(|end| end == b"\r\n\r\n")
}

fn reply(request: &[u8], figures: &Figures) -> String {
    if !is_whole(request) {
        return response("431 Request Header Fields Too Large", TEXT, &format!("at most {REQUEST_BYTES_MAX} bytes\n"));
    }
    let line = request.split(|byte| *byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok());
    let words: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.0" | "HTTP/1.1"] = *words else {
        return response("400 Bad Request", TEXT, "expected GET /metrics HTTP/1.1\n");
    };
    if target.split('?').next() != Some(PATH) {
        return response("404 Not Found", TEXT, "what is here is at /metrics\n");
    }
    if method != "GET" {
        return response("405 Method Not Allowed\r\nAllow: GET", TEXT, "only GET is answered\n");
    }
    match figures.text() {
        Ok(text) => response("200 OK", OPEN_METRICS, &text),
        Err(error) => response("500 Internal Server Error", TEXT, &format!("{error}\n")),
    }
}

fn response(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
