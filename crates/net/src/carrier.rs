//! What carries the bytes of one connection: a TCP stream, which only this file knows.

use std::future::poll_fn;
use std::io::{self, Read as _};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::task::Poll;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::descriptors::{self, Counted};

/// What the kernel holds of a connection that it has not sent yet: two of the longest records.
const UNSENT_BYTES: u32 = 128 * 1_024;
/// What the kernel holds of a connection that is not read yet. Enough for 1 MB/s over a tenth of a second.
const UNREAD_BYTES: usize = 128 * 1_024;

/// A stream of bytes to one other end, and back.
#[derive(Debug)]
pub(crate) struct Carrier {
    stream: TcpStream,
    address: SocketAddr,
    _counted: Counted,
}

impl Carrier {
    /// Connects, if there is a descriptor to spare.
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let counted = Counted::new();
        if descriptors::are_scarce(descriptors::RESERVED_FOR_FILES) {
            return Err(descriptors::scarce());
        }
        Self::new(TcpStream::connect(address).await?, counted)
    }

    /// A stream that stands.
    pub(crate) fn new(stream: TcpStream, counted: Counted) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let address = canonical(stream.peer_addr()?);
        Ok(Self { stream, address, _counted: counted })
    }

    /// Where the other end is.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has the kernel take in little for who does not read, at either end: it is memory, and a large window opens again
    /// so late that who reads slowly looks dead. A system that cannot takes in more.
    pub(crate) fn bound_kernel(&self) {
        let socket = SockRef::from(&self.stream);
        let _ = socket.set_recv_buffer_size(UNREAD_BYTES);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = UNSENT_BYTES;
    }

    /// Waits until the stream is good for what is wanted, and for ever if nothing is; whether for reading. One task waits
    /// at a time: the runtime keeps one for each direction, where [`TcpStream::ready`] has a place in each that waits.
    pub(crate) fn ready(&self, to_read: bool, to_write: bool) -> impl Future<Output = io::Result<bool>> {
        poll_fn(move |context| {
            if to_read && let Poll::Ready(ready) = self.stream.poll_read_ready(context) {
                return Poll::Ready(ready.map(|()| true));
            }
            if to_write && let Poll::Ready(ready) = self.stream.poll_write_ready(context) {
                return Poll::Ready(ready.map(|()| false));
            }
            Poll::Pending
        })
    }

    /// Reads what is there, and the runtime knows of; 0 at the end.
    pub(crate) fn read(&self, room: &mut [u8]) -> io::Result<usize> {
        // Linux tells of each arrival, whatever is left unread: who leaves room has read all, and need not ask for more to
        // hear that there is none.
        let tells_of_each = cfg!(any(target_os = "linux", target_os = "android"));
        let mut read = 0;
        let asked = self.stream.try_io(Interest::READABLE, || {
            read = self.read_anyhow(room)?;
            let has_all = tells_of_each && read > 0 && read < room.len();
            if has_all { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if read > 0 { Ok(read) } else { asked.map(|()| 0) }
    }

    /// Reads what is there: the system is asked, not the runtime, which may not have heard of it yet. It does not wait, as
    /// the runtime has told the system of each of its sockets.
    pub(crate) fn read_anyhow(&self, room: &mut [u8]) -> io::Result<usize> {
        (&*SockRef::from(&self.stream)).read(room)
    }

    /// How much of `bytes` the kernel takes now: the runtime, which is slower to ask, hears of it only if it takes nothing,
    /// so that it looks out for room. Where the other end is gone that is an error, not a signal, as Rust's programs have it.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let sent = SockRef::from(&self.stream).send(bytes);
        let is_full = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        match if sent.as_ref().is_err_and(is_full) { self.stream.try_write(bytes) } else { sent } {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    /// Sends all of `bytes`.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.ready(false, true).await?;
            bytes = bytes.get(self.write(bytes)?..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends this side of the stream, then reads and forgets what still comes, until the other side ends too. Closing at
    /// once would answer what is on its way with a reset, and that destroys what the other side has not read yet.
    pub(crate) async fn linger(&self) {
        if SockRef::from(&self.stream).shutdown(Shutdown::Write).is_err() {
            return;
        }
        while self.ready(true, false).await.is_ok() && self.forget() {
            tokio::task::consume_budget().await;
        }
    }

    /// Reads what is there; false once the other side has ended. No buffer of it outlives the call.
    fn forget(&self) -> bool {
        match self.read(&mut [0; 4_096]) {
            Ok(read) => read > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Has closing be a reset: it frees the kernel's buffers, which a normal end keeps for minutes.
    pub(crate) fn reset(&self) {
        let _ = self.stream.set_zero_linger();
    }
}

/// A socket of both families shows an IPv4 address as IPv6 maps it; nobody else gets to see that.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::io::Write as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[tokio::test]
    async fn who_has_read_all_does_not_look_again_until_more_comes() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let carrier = Carrier::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let is_ready = || pin!(carrier.ready(true, false)).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        for said in [&b"abc"[..], b"de"] {
            other.write_all(said).unwrap();
            assert!(carrier.ready(true, false).await.unwrap());
            // One that is full may have left something.
            assert_eq!(carrier.read(&mut [0; 1]).unwrap(), 1);
            assert!(is_ready());
            assert_eq!(carrier.read(&mut [0; 8]).unwrap(), said.len() - 1);
            assert!(!is_ready());
        }
        // The end is no more than said.
        drop(other);
        assert!(carrier.ready(true, false).await.unwrap());
        assert_eq!(carrier.read(&mut [0; 8]).unwrap(), 0);
        assert!(is_ready());
    }
}
