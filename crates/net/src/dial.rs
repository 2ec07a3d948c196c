//! One attempt to reach somebody: at most three addresses, two at a time, the first that proves itself wins.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use tertulia_core::code::Code;
use tertulia_core::id::Key;
use tertulia_core::limits::{ADDRESSES_MAX, CONNECT_TIMEOUT};
use tertulia_core::wire::Encoded;
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::carrier::Carrier;
use crate::connection::{self, Channel};
use crate::shared::Shared;

/// Addresses that are tried at one time.
const PARALLEL: usize = 2;

/// Reaches `peer`, or whoever answers. Dropping this ends every attempt.
///
/// Handshakes run one after the other, so that a peer with two addresses is not met twice. Somebody else at one
/// address does not hide the peer at another.
pub(crate) async fn run(
    shared: Arc<Shared>,
    peer: Option<Key>,
    addresses: Vec<String>,
    hello: Encoded,
) -> Result<Box<Channel>, Code> {
    let mut addresses: VecDeque<String> = addresses.into_iter().take(ADDRESSES_MAX).collect();
    let mut attempts = JoinSet::new();
    // Of what went wrong at several addresses, the most that is known of any: only if nobody listens anywhere, nobody
    // listens.
    let mut result = Code::NoSuchHost;
    loop {
        while attempts.len() < PARALLEL
            && let Some(address) = addresses.pop_front()
        {
            attempts.spawn(timeout(CONNECT_TIMEOUT, connect(address)));
        }
        match attempts.join_next().await {
            None => return Err(result),
            Some(Ok(Ok(Ok(carrier)))) => match connection::initiate(carrier, &shared, peer, hello.clone()).await {
                Ok(channel) => return Ok(channel),
                Err(code) if knows(code) >= knows(result) => result = code,
                Err(_) => {}
            },
            Some(Ok(Ok(Err(code)))) if knows(code) > knows(result) => result = code,
            Some(Ok(Ok(Err(_)))) => {}
            // No answer in time.
            Some(_) if knows(Code::Unreachable) > knows(result) => result = Code::Unreachable,
            Some(_) => {}
        }
    }
}

/// How much a failure tells: somebody who has answered tells more than nobody.
fn knows(code: Code) -> usize {
    let silent = [Code::NoSuchHost, Code::NoListener, Code::Unreachable, Code::Cut];
    silent.iter().position(|known| *known == code).unwrap_or(silent.len())
}

async fn connect(address: String) -> Result<Carrier, Code> {
    let mut result = Code::NoSuchHost;
    // Whoever resolves names knows the zones of this machine's interfaces, and no brackets.
    let (host, port) = address.rsplit_once(':').ok_or(result)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port: u16 = port.parse().map_err(|_| result)?;
    // A name stands for no more addresses than a ticket does: nobody is made to knock at a hundred doors.
    for address in lookup_host((host, port)).await.map_err(|_| result)?.take(ADDRESSES_MAX) {
        match Carrier::connect(address).await {
            Ok(carrier) => return Ok(carrier),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && result != Code::Unreachable => {
                result = Code::NoListener;
            }
            Err(_) => result = Code::Unreachable,
        }
    }
    Err(result)
}
