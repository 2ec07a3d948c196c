//! Nodes over loopback: a small machine on the real driver, and peers that behave or do not.

mod hostile;
mod links;
mod storage;
mod support;
