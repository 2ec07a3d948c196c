//! NATS: guests subscribe to a subject.

use std::fs;
use std::process::Command;

use super::plain::{Plain, Word, line};
use super::server::{Contestant, Guest, Process, Protocol, Server, free_port, number};
use super::tls::Certificate;

pub(crate) const PLAIN: Contestant = Contestant { start: || start(false), ..Contestant::of("nats", &["nats-server"]) };
pub(crate) const TLS: Contestant =
    Contestant { start: || start(true), ..Contestant::of("nats-tls", &["nats-server", "openssl"]) };

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
const PONG: &[u8] = b"PONG\r\n";

fn start(has_tls: bool) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let address = free_port();
    // Nobody cut off for being slow, and no questions whether guests are there.
    let mut settings = format!(
        "listen: \"{address}\"\nmax_connections: 20000\nmax_pending: 1GB\nwrite_deadline: \"60s\"\nping_interval: \"1h\"\n"
    );
    let mut protocol: Box<dyn Protocol> = Box::new(Nats);
    if has_tls {
        let made = Certificate::make(folder.path());
        settings +=
            &format!("allow_non_tls: true\ntls {{ cert_file: {:?}, key_file: {:?} }}\n", made.certificate, made.key);
        protocol = made.around(protocol, true);
    }
    let file = folder.path().join("nats.conf");
    fs::write(&file, settings).unwrap();
    let process = Process::other(Command::new("nats-server").arg("-c").arg(&file), folder, address);
    Server { process, guests: address, speaker: address, protocol }
}

#[derive(Debug)]
struct Nats;

impl Protocol for Nats {
    fn guest(&self, _number: usize) -> Box<dyn Guest> {
        // PONG comes once all before it is done.
        Box::new(Plain::new(format!("{CONNECT}SUB c 1\r\nPING\r\n"), read))
    }

    fn introduction(&self) -> Vec<u8> {
        CONNECT.into()
    }

    fn say(&self, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("PUB c {}\r\n{text}\r\n", text.len()).as_bytes());
    }
}

fn read(input: &[u8]) -> Word {
    let Some(line) = line(input) else { return Word::Partial };
    if line == PONG {
        return Word::In(line.len());
    }
    let Some(words) = line.strip_prefix(b"MSG c 1 ") else {
        assert!(!line.starts_with(b"-ERR"), "nats-server: {}", String::from_utf8_lossy(line));
        return Word::Other(line.len());
    };
    let size: usize = std::str::from_utf8(words).unwrap().trim().parse().unwrap();
    // And the end of the line.
    let Some(payload) = input[line.len()..].get(..size + 2) else { return Word::Partial };
    Word::Message(line.len() + payload.len(), number(payload))
}
