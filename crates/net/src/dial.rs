//! One attempt to reach somebody: at most three addresses, two at a time, the first that proves itself wins.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use tertulia_core::code::Code;
use tertulia_core::id::Key;
use tertulia_core::limits::{ADDRESSES_MAX, CONNECT_TIMEOUT};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::handshake::{self, Channel};
use crate::shared::Shared;

/// Addresses that are tried at one time.
const PARALLEL: usize = 2;

/// Reaches `peer`, or whoever answers. Dropping this ends every attempt.
///
/// Handshakes run one after the other, so that a peer with two addresses is not met twice. Somebody else at one
/// address does not hide the peer at another.
pub(crate) async fn run(shared: Arc<Shared>, peer: Option<Key>, addresses: Vec<String>) -> Result<Channel, Code> {
    let mut addresses: VecDeque<String> = addresses.into_iter().take(ADDRESSES_MAX).collect();
    let mut attempts = JoinSet::new();
    let mut result = Code::Unreachable;
    loop {
        while attempts.len() < PARALLEL
            && let Some(address) = addresses.pop_front()
        {
            attempts.spawn(timeout(CONNECT_TIMEOUT, connect(address)));
        }
        match attempts.join_next().await {
            None => return Err(result),
            Some(Ok(Ok(Ok(stream)))) => match handshake::initiate(stream, &shared.identity, peer).await {
                Ok(channel) => return Ok(channel),
                Err(code) => result = code,
            },
            Some(_) => {}
        }
    }
}

async fn connect(address: String) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    // A name stands for no more addresses than a ticket does: nobody is made to knock at a hundred doors.
    for address in lookup_host(address).await?.take(ADDRESSES_MAX) {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
