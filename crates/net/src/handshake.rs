//! Runs core's handshake on a socket.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tertulia_core::channel::{Established, HANDSHAKE_INPUT_MAX, Handshake};
use tertulia_core::code::Code;
use tertulia_core::id::Key;
use tertulia_core::identity::Identity;
use tertulia_core::limits::HANDSHAKE_TIMEOUT;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::home::seed;
use crate::shared::{crypto, linger, write_all};

/// A connection whose two ends know each other.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) stream: TcpStream,
    /// Where the other end is.
    pub(crate) address: SocketAddr,
    pub(crate) established: Established,
    /// What came after the handshake already.
    pub(crate) rest: Vec<u8>,
}

/// The side that was dialled. All of it, a refusal too, has [`HANDSHAKE_TIMEOUT`].
pub(crate) async fn accept(stream: TcpStream, identity: &Identity) -> Result<Channel, Code> {
    // A seed of its own for each handshake: one that lived as long as the process would give past sessions away.
    let seed = seed().map_err(|_| Code::HandshakeFailed)?;
    run(stream, Handshake::responder(identity, seed, crypto()), Vec::new()).await
}

/// The side that dialled.
pub(crate) async fn initiate(stream: TcpStream, identity: &Identity, expected: Option<Key>) -> Result<Channel, Code> {
    let seed = seed().map_err(|_| Code::HandshakeFailed)?;
    let mut first = Vec::new();
    let handshake = Handshake::initiator(identity, expected, seed, crypto(), &mut first);
    run(stream, handshake, first).await
}

async fn run(stream: TcpStream, handshake: Handshake, first: Vec<u8>) -> Result<Channel, Code> {
    let address = canonical(stream.peer_addr().map_err(|_| Code::HandshakeFailed)?);
    let done = timeout(HANDSHAKE_TIMEOUT, exchange(&stream, handshake, first)).await;
    let (established, rest) = done.unwrap_or(Err(Code::HandshakeFailed))?;
    Ok(Channel { stream, address, established, rest })
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
) -> Result<(Established, Vec<u8>), Code> {
    let failed = |_: io::Error| Code::HandshakeFailed;
    let mut input = [0; HANDSHAKE_INPUT_MAX];
    let mut filled: usize = 0;
    loop {
        write_all(stream, &out).await.map_err(failed)?;
        out.clear();
        stream.readable().await.map_err(failed)?;
        match stream.try_read(input.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => return Err(Code::HandshakeFailed),
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(failed(error)),
        }
        let (taken, established) = match handshake.receive(input.get(..filled).unwrap_or_default(), &mut out) {
            Ok(progress) => progress,
            Err(rule) => {
                if !out.is_empty() && write_all(stream, &out).await.is_ok() {
                    linger(stream).await;
                }
                return Err(rule.code());
            }
        };
        if let Some(established) = established {
            write_all(stream, &out).await.map_err(failed)?;
            return Ok((established, input.get(taken..filled).unwrap_or_default().into()));
        }
        input.copy_within(taken.min(filled)..filled, 0);
        filled = filled.saturating_sub(taken);
    }
}
