//! Mosquitto: guests subscribe to a topic of MQTT, and get each message once at most.

use std::fs;
use std::process::Command;

use super::plain::{Plain, Word};
use super::server::{Contestant, Guest, Process, Protocol, Server, free_port, number};
use super::tls::Certificate;

pub(crate) const PLAIN: Contestant =
    Contestant { start: || start(false), ..Contestant::of("mosquitto", &["mosquitto"]) };
pub(crate) const TLS: Contestant =
    Contestant { start: || start(true), ..Contestant::of("mosquitto-tls", &["mosquitto", "openssl"]) };

/// A session of MQTT 3.1.1 that is new, under a name that the server chooses, and never too long silent.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";
const SUBSCRIBE: &[u8] = b"\x82\x06\x00\x01\x00\x01c\x00";
const SUBACK: u8 = 0x90;
const PUBLISH: u8 = 0x30;
const TOPIC: &[u8] = b"\x00\x01c";

fn start(has_tls: bool) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let speaker = free_port();
    // The user that it would become could not read its files here; and it drops nothing for who is slow.
    let mut settings = format!(
        "user root\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nlog_dest none\n\
         listener {} 127.0.0.1\n",
        speaker.port()
    );
    let (mut guests, mut protocol): (_, Box<dyn Protocol>) = (speaker, Box::new(Mosquitto));
    if has_tls {
        let made = Certificate::make(folder.path());
        guests = free_port();
        let (certificate, key) = (made.certificate.display(), made.key.display());
        settings += &format!("listener {} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n", guests.port());
        protocol = made.around(protocol, false);
    }
    let file = folder.path().join("mosquitto.conf");
    fs::write(&file, settings).unwrap();
    let process = Process::other(Command::new("mosquitto").arg("-c").arg(&file), folder, guests);
    Server { process, guests, speaker, protocol }
}

#[derive(Debug)]
struct Mosquitto;

impl Protocol for Mosquitto {
    fn guest(&self, _number: usize) -> Box<dyn Guest> {
        Box::new(Plain::new([CONNECT, SUBSCRIBE].concat(), read))
    }

    fn introduction(&self) -> Vec<u8> {
        CONNECT.into()
    }

    fn say(&self, text: &str, out: &mut Vec<u8>) {
        out.push(PUBLISH);
        let mut length = TOPIC.len() + text.len();
        while length >= 128 {
            out.push(u8::try_from(length % 128 + 128).unwrap());
            length /= 128;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(TOPIC);
        out.extend_from_slice(text.as_bytes());
    }
}

fn read(input: &[u8]) -> Word {
    let Some(last) = input.iter().skip(1).position(|byte| *byte < 128) else { return Word::Partial };
    let digits = &input[1..last + 2];
    let length = digits.iter().rev().fold(0, |length, digit| length * 128 + usize::from(digit % 128));
    let Some(body) = input[1 + digits.len()..].get(..length) else { return Word::Partial };
    let whole = 1 + digits.len() + length;
    match input[0] {
        SUBACK => Word::In(whole),
        PUBLISH => Word::Message(whole, number(&body[TOPIC.len()..])),
        _ => Word::Other(whole),
    }
}
