//! Listening sockets: one for both families, where the system has both.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel holds ready until a node has taken the listener over.
const BACKLOG: i32 = 128;

/// Listens at `address`; all addresses of IPv6 are all of IPv4 too.
///
/// # Errors
/// The system refuses: somebody else listens there, or it has no such address.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Whoever comes back takes its port at once. Windows would let two listen at one.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Listens at `port` of all addresses of this machine, of both families or of that which there is.
///
/// # Errors
/// As [`listen`].
pub fn listen_everywhere(port: u16) -> io::Result<TcpListener> {
    match listen(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            listen(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        listener => listener,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, TcpStream};

    #[test]
    fn an_address_is_listened_at_by_one_and_its_port_by_nobody_else_of_both_families() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let listener = listen((ip, 0).into()).unwrap();
            let address = listener.local_addr().unwrap();
            TcpStream::connect(address).unwrap();
            assert_eq!(listen(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            assert_eq!(listen_everywhere(address.port()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
    }
}
