//! Real nodes on real sockets: hosts and attendees of this process, peers and networks that misbehave, a crowd, and the
//! program itself as a process.

pub mod crowd;
pub mod entries;
pub mod hall;
pub mod insider;
pub mod local;
pub mod peer;
pub mod proxy;
