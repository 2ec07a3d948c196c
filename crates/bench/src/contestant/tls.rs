//! Any of the others, with TLS between it and its guests. Whoever speaks does so in plain text.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::server::{Guest, Heard, Protocol};

/// A certificate that nobody needs tomorrow, and its key.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// One for this machine, on a curve that costs a server little, in `folder`.
    pub(crate) fn make(folder: &Path) -> Self {
        let made = Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]);
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.arg("-out").arg(&made.certificate).arg("-keyout").arg(&made.key);
        let done = openssl.output().unwrap();
        assert!(done.status.success(), "openssl makes no certificate: {}", String::from_utf8_lossy(&done.stderr));
        made
    }

    /// `protocol` through TLS; its server, if `greets`, says a line in plain text first.
    pub(crate) fn around(&self, protocol: Box<dyn Protocol>, greets: bool) -> Box<dyn Protocol> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&fs::read(&self.certificate).unwrap()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Box::new(Tls { protocol, config, greets })
    }
}

#[derive(Debug)]
struct Tls {
    protocol: Box<dyn Protocol>,
    config: Arc<ClientConfig>,
    greets: bool,
}

impl Protocol for Tls {
    fn guest(&self, number: usize) -> Box<dyn Guest> {
        let connection =
            ClientConnection::new(Arc::clone(&self.config), ServerName::try_from("localhost").unwrap()).unwrap();
        Box::new(Wrapped { connection, is_greeted: !self.greets, inner: self.protocol.guest(number) })
    }

    fn introduction(&self) -> Vec<u8> {
        self.protocol.introduction()
    }

    fn say(&self, text: &str, out: &mut Vec<u8>) {
        self.protocol.say(text, out);
    }
}

#[derive(Debug)]
struct Wrapped {
    connection: ClientConnection,
    is_greeted: bool,
    inner: Box<dyn Guest>,
}

impl Wrapped {
    fn send(&mut self, words: &[u8], out: &mut Vec<u8>) {
        self.connection.writer().write_all(words).unwrap();
        while self.is_greeted && self.connection.wants_write() {
            self.connection.write_tls(out).unwrap();
        }
    }
}

impl Guest for Wrapped {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let mut words = Vec::new();
        self.inner.begin(&mut words);
        self.send(&words, out);
    }

    fn receive(&mut self, mut bytes: &[u8], out: &mut Vec<u8>, heard: &mut Heard) {
        if !self.is_greeted {
            // Nothing comes behind the line before this side has begun.
            self.is_greeted = bytes.ends_with(b"\n");
            bytes = &[];
        }
        let (mut words, mut plaintext) = (Vec::new(), [0; 16_384]);
        while !bytes.is_empty() {
            self.connection.read_tls(&mut bytes).unwrap();
            self.connection.process_new_packets().unwrap();
            loop {
                match self.connection.reader().read(&mut plaintext) {
                    Ok(0) => panic!("the server has ended a connection"),
                    Ok(read) => self.inner.receive(&plaintext[..read], &mut words, heard),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => panic!("the server has broken a connection: {error}"),
                }
            }
        }
        self.send(&words, out);
    }

    fn stay(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Instant> {
        let mut words = Vec::new();
        let next = self.inner.stay(now, &mut words);
        self.send(&words, out);
        next
    }
}
