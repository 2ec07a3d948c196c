//! Redis: guests subscribe to a channel.

use std::process::Command;

use super::plain::{Plain, Word, line};
use super::server::{Contestant, Guest, Process, Protocol, Server, free_port, number};
use super::tls::Certificate;

pub(crate) const PLAIN: Contestant =
    Contestant { start: || start(false), ..Contestant::of("redis", &["redis-server"]) };
pub(crate) const TLS: Contestant =
    Contestant { start: || start(true), ..Contestant::of("redis-tls", &["redis-server", "openssl"]) };

const SUBSCRIBED: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n";

fn start(has_tls: bool) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let speaker = free_port();
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &speaker.port().to_string()]);
    // Nothing on the disk, and nobody cut off for being slow.
    command.args(["--save", "", "--appendonly", "no", "--maxclients", "20000"]);
    command.args(["--client-output-buffer-limit", "pubsub", "0", "0", "0"]);
    let (mut guests, mut protocol): (_, Box<dyn Protocol>) = (speaker, Box::new(Redis));
    if has_tls {
        let made = Certificate::make(folder.path());
        guests = free_port();
        command.args(["--tls-port", &guests.port().to_string(), "--tls-auth-clients", "no"]);
        command.arg("--tls-cert-file").arg(&made.certificate).arg("--tls-key-file").arg(&made.key);
        command.arg("--tls-ca-cert-file").arg(&made.certificate);
        protocol = made.around(protocol, false);
    }
    let process = Process::other(&mut command, folder, guests);
    Server { process, guests, speaker, protocol }
}

#[derive(Debug)]
struct Redis;

impl Protocol for Redis {
    fn guest(&self, _number: usize) -> Box<dyn Guest> {
        Box::new(Plain::new("SUBSCRIBE c\r\n", read))
    }

    fn introduction(&self) -> Vec<u8> {
        Vec::new()
    }

    fn say(&self, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n");
        out.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
    }
}

fn read(input: &[u8]) -> Word {
    if input.starts_with(SUBSCRIBED) {
        return Word::In(SUBSCRIBED.len());
    }
    let Some(rest) = input.strip_prefix(MESSAGE) else {
        assert!(SUBSCRIBED.starts_with(input) || MESSAGE.starts_with(input), "redis says something else");
        return Word::Partial;
    };
    let Some(length) = line(rest) else { return Word::Partial };
    let digits = std::str::from_utf8(&length[1..length.len() - 2]).unwrap();
    let size: usize = digits.parse().unwrap();
    // And the end of the line.
    let Some(payload) = rest[length.len()..].get(..size + 2) else { return Word::Partial };
    Word::Message(MESSAGE.len() + length.len() + payload.len(), number(payload))
}
