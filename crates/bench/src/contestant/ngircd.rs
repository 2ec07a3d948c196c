//! ngIRCd: guests join a channel. A line of IRC has 512 bytes at most.

use std::fs;
use std::process::Command;

use super::plain::{Plain, Word, line};
use super::server::{Contestant, Guest, Process, Protocol, Server, free_port, number};
use super::tls::Certificate;

pub(crate) const PLAIN: Contestant = Contestant { start: || start(false), ..of("ngircd", &["ngircd"]) };
pub(crate) const TLS: Contestant = Contestant { start: || start(true), ..of("ngircd-tls", &["ngircd", "openssl"]) };

const fn of(name: &'static str, programs: &'static [&'static str]) -> Contestant {
    // It cuts off whoever is 64 KiB behind.
    Contestant { size_max: 400, in_flight_max: 64, ..Contestant::of(name, programs) }
}

fn start(has_tls: bool) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let speaker = free_port();
    let mut settings = format!(
        "[Global]\nName = bench.local\nInfo = bench\nListen = 127.0.0.1\nMotdPhrase = hello\nPorts = {}\n\
         ServerUID = 0\nServerGID = 0\n\
         [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxPenaltyTime = 0\nPingTimeout = 86400\n\
         PongTimeout = 86400\n\
         [Options]\nDNS = no\nIdent = no\nPAM = no\nRequireAuthPing = no\n",
        speaker.port()
    );
    let (mut guests, mut protocol): (_, Box<dyn Protocol>) = (speaker, Box::new(Irc));
    if has_tls {
        let made = Certificate::make(folder.path());
        guests = free_port();
        let (certificate, key) = (made.certificate.display(), made.key.display());
        settings += &format!("[SSL]\nPorts = {}\nCertFile = {certificate}\nKeyFile = {key}\n", guests.port());
        protocol = made.around(protocol, false);
    }
    let file = folder.path().join("ngircd.conf");
    fs::write(&file, settings).unwrap();
    let process = Process::other(Command::new("ngircd").arg("-n").arg("-f").arg(&file), folder, guests);
    Server { process, guests, speaker, protocol }
}

#[derive(Debug)]
struct Irc;

fn registered(nick: &str) -> String {
    format!("NICK {nick}\r\nUSER u 0 * :u\r\n")
}

impl Protocol for Irc {
    fn guest(&self, number: usize) -> Box<dyn Guest> {
        Box::new(Plain::new(registered(&format!("g{number}")), read))
    }

    fn introduction(&self) -> Vec<u8> {
        [&registered("speaker"), "JOIN #c\r\n"].concat().into()
    }

    fn say(&self, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("PRIVMSG #c :{text}\r\n").as_bytes());
    }
}

fn read(input: &[u8]) -> Word {
    let Some(line) = line(input) else { return Word::Partial };
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    match (first, words.next().unwrap_or_default()) {
        (b"PING", _) => Word::Answer(line.len(), [b"PONG", &line[4..]].concat()),
        (b"ERROR", _) => panic!("ngircd: {}", String::from_utf8_lossy(line)),
        // Welcome: only now may it join.
        (_, b"001") => Word::Answer(line.len(), b"JOIN #c\r\n".into()),
        // The end of the names of those who are in the channel.
        (_, b"366") => Word::In(line.len()),
        (_, b"PRIVMSG") => {
            let text = words.next().unwrap_or_default().strip_prefix(b"#c :").expect("words to the channel");
            Word::Message(line.len(), number(text))
        }
        _ => Word::Other(line.len()),
    }
}
