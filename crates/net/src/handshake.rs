//! Runs core's handshake on a socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use tertulia_core::channel::{Established, HANDSHAKE_INPUT_MAX, Handshake};
use tertulia_core::code::Code;
use tertulia_core::id::Key;
use tertulia_core::identity::Identity;
use tertulia_core::limits::HANDSHAKE_TIMEOUT;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::descriptors::Counted;
use crate::home::seed;
use crate::shared::{crypto, linger, write_all};

/// A connection whose two ends know each other.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) stream: TcpStream,
    pub(crate) counted: Counted,
    /// Where the other end is.
    pub(crate) address: SocketAddr,
    pub(crate) established: Established,
    /// What came after the handshake already.
    pub(crate) rest: Vec<u8>,
}

/// The side that was dialled. All of it, a refusal too, has [`HANDSHAKE_TIMEOUT`]. `has_spoken` becomes true once the other
/// side's first message has come.
pub(crate) async fn accept(
    connection: (TcpStream, Counted),
    identity: &Identity,
    has_spoken: &AtomicBool,
) -> Result<Channel, Code> {
    // A seed of its own for each handshake: one that lived as long as the process would give past sessions away.
    let seed = seed().map_err(|_| Code::HandshakeFailed)?;
    run(connection, Handshake::responder(identity, seed, crypto()), Vec::new(), has_spoken).await
}

/// The side that dialled. Where nothing at all has come back, nobody knows who is there: [`Code::Unreachable`], or
/// [`Code::Cut`] if the connection was ended.
pub(crate) async fn initiate(
    connection: (TcpStream, Counted),
    identity: &Identity,
    expected: Option<Key>,
) -> Result<Channel, Code> {
    let seed = seed().map_err(|_| Code::HandshakeFailed)?;
    let mut first = Vec::new();
    let handshake = Handshake::initiator(identity, expected, seed, crypto(), &mut first);
    run(connection, handshake, first, &AtomicBool::new(false)).await
}

async fn run(
    (stream, counted): (TcpStream, Counted),
    handshake: Handshake,
    first: Vec<u8>,
    has_spoken: &AtomicBool,
) -> Result<Channel, Code> {
    let address = canonical(stream.peer_addr().map_err(|_| Code::Cut)?);
    let mut input = Input { bytes: [0; HANDSHAKE_INPUT_MAX], filled: 0, has_come: false };
    let done = timeout(HANDSHAKE_TIMEOUT, exchange(&stream, handshake, first, &mut input, has_spoken)).await;
    let silence = if input.has_come { Code::HandshakeFailed } else { Code::Unreachable };
    let (established, rest) = done.unwrap_or(Err(silence))?;
    Ok(Channel { stream, counted, address, established, rest })
}

/// What the other side has sent.
struct Input {
    bytes: [u8; HANDSHAKE_INPUT_MAX],
    filled: usize,
    /// Anything, ever.
    has_come: bool,
}

impl Input {
    /// The stream has ended.
    const fn end(&self) -> Code {
        if self.has_come { Code::HandshakeFailed } else { Code::Cut }
    }
}

/// A socket of both families shows an IPv4 address as IPv6 maps it; nobody else gets to see that.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

async fn exchange(
    stream: &TcpStream,
    mut handshake: Handshake,
    mut out: Vec<u8>,
    input: &mut Input,
    has_spoken: &AtomicBool,
) -> Result<(Established, Vec<u8>), Code> {
    loop {
        write_all(stream, &out).await.map_err(|_| input.end())?;
        out.clear();
        stream.readable().await.map_err(|_| input.end())?;
        match stream.try_read(input.bytes.get_mut(input.filled..).unwrap_or_default()) {
            Ok(0) => return Err(input.end()),
            Ok(read) => {
                input.filled = input.filled.saturating_add(read);
                input.has_come = true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return Err(input.end()),
        }
        let (taken, established) =
            match handshake.receive(input.bytes.get(..input.filled).unwrap_or_default(), &mut out) {
                Ok(progress) => progress,
                Err(rule) => {
                    if !out.is_empty() && write_all(stream, &out).await.is_ok() {
                        linger(stream).await;
                    }
                    return Err(rule.code());
                }
            };
        if !out.is_empty() {
            has_spoken.store(true, Ordering::Relaxed);
        }
        if let Some(established) = established {
            write_all(stream, &out).await.map_err(|_| input.end())?;
            return Ok((established, input.bytes.get(taken..input.filled).unwrap_or_default().into()));
        }
        input.bytes.copy_within(taken.min(input.filled)..input.filled, 0);
        input.filled = input.filled.saturating_sub(taken);
    }
}
