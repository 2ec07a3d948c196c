//! Two machines of their own: network namespaces on one cable, with no route to anywhere else.
#![allow(clippy::print_stdout, reason = "a test says what it leaves out")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "there are two machines"
)]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Bot, Scratch, tertulia};

/// Tests of one file run in one process.
static CABLES: AtomicU32 = AtomicU32::new(0);

/// Which addresses the two machines have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    Both,
    /// No IPv4, not even on loopback.
    Six,
    /// IPv6 is switched off.
    Four,
}

impl Families {
    pub(crate) const fn has_four(self) -> bool {
        matches!(self, Self::Both | Self::Four)
    }

    pub(crate) const fn has_six(self) -> bool {
        matches!(self, Self::Both | Self::Six)
    }
}

/// Two machines, 0 and 1; gone with the test. Drop what runs in them first.
pub(crate) struct Machines {
    names: [String; 2],
    families: Families,
}

impl Machines {
    /// Two machines, each with the addresses of [`Machines::address`]; `None`, with a word, where nobody may have that.
    pub(crate) fn connect(families: Families) -> Option<Self> {
        let number = CABLES.fetch_add(1, Ordering::Relaxed);
        let names = ["a", "b"].map(|end| format!("tertulia-{}-{number}{end}", std::process::id()));
        let machines = Self { names, families };
        match machines.make() {
            Ok(()) => Some(machines),
            Err(found) => {
                println!("no network namespaces here, so what needs two machines is left out: {found}");
                None
            }
        }
    }

    fn make(&self) -> Result<(), String> {
        for name in &self.names {
            ip(&["netns", "add", name])?;
        }
        let [first, second] = &self.names;
        ip(&["-n", first, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", second])?;
        for (number, name) in self.names.iter().enumerate() {
            if !self.families.has_six() {
                let off = ["/proc/sys/net/ipv6/conf/all/disable_ipv6", "/proc/sys/net/ipv6/conf/default/disable_ipv6"];
                let words = format!("for file in {}; do echo 1 > $file; done", off.join(" "));
                ip(&["netns", "exec", name, "sh", "-c", &words])?;
            }
            ip(&["-n", name, "link", "set", "lo", "up"])?;
            ip(&["-n", name, "link", "set", "cable", "up"])?;
            if self.families.has_four() {
                ip(&["-n", name, "addr", "add", &format!("{}/24", four(number)), "dev", "cable"])?;
            } else {
                ip(&["-n", name, "addr", "del", "127.0.0.1/8", "dev", "lo"])?;
            }
            if self.families.has_six() {
                // Nobody else is on the cable who could have the address.
                for address in [six(number), format!("fe80::77:{}", number + 1)] {
                    ip(&["-n", name, "addr", "add", &format!("{address}/64"), "dev", "cable", "nodad"])?;
                }
            }
        }
        Ok(())
    }

    /// One more address of a machine, on an interface of its own: what a VPN looks like that takes all that goes out.
    pub(crate) fn add_tunnel(&self, machine: usize, address: &str) {
        let name = &self.names[machine];
        let made = ip(&["-n", name, "link", "add", "vpn", "type", "veth", "peer", "name", "far"])
            .and_then(|()| ip(&["-n", name, "addr", "add", &format!("{address}/24"), "dev", "vpn"]))
            .and_then(|()| ip(&["-n", name, "link", "set", "far", "up"]))
            .and_then(|()| ip(&["-n", name, "link", "set", "vpn", "up"]))
            .and_then(|()| ip(&["-n", name, "route", "add", "default", "dev", "vpn"]));
        made.expect("whoever may have a namespace may have an interface in it");
    }

    /// Its address of IPv6 on the cable, for who dials from the other end of it.
    pub(crate) fn address_on_the_cable(&self, machine: usize) -> String {
        format!("[fe80::77:{}%cable]", machine + 1)
    }

    /// Takes the cable out: each machine is alone.
    pub(crate) fn unplug(&self) {
        ip(&["-n", &self.names[0], "link", "del", "cable"]).expect("it was put in");
    }

    /// Where a machine is reached, without a port.
    pub(crate) fn address(&self, machine: usize) -> String {
        if self.families.has_four() { four(machine) } else { format!("[{}]", six(machine)) }
    }

    /// Its address of IPv6, in brackets.
    pub(crate) fn address_six(&self, machine: usize) -> String {
        format!("[{}]", six(machine))
    }

    /// The program on a machine, with nothing of the user's but this home and nothing configured.
    pub(crate) fn tertulia(&self, machine: usize, home: &Scratch) -> Command {
        let plain = tertulia(home);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[machine]]).arg(plain.get_program());
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("TERTULIA_HOME", home.path()).stdin(std::process::Stdio::null());
        command
    }

    /// Starts `tertulia --json --name NAME ARGUMENTS…` on a machine, in a home of its own.
    pub(crate) fn start(&self, machine: usize, name: &str, arguments: &[&str]) -> Bot {
        self.start_in(machine, &Arc::new(Scratch::numbered(name)), name, arguments)
    }

    /// The same in a home that may be somebody else's too.
    pub(crate) fn start_in(&self, machine: usize, home: &Arc<Scratch>, name: &str, arguments: &[&str]) -> Bot {
        Bot::spawn(self.tertulia(machine, home), home, name, arguments)
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for name in &self.names {
            // One that was never made is not missed.
            let _ = Command::new("ip").args(["netns", "del", name]).stderr(std::process::Stdio::null()).status();
        }
    }
}

fn four(machine: usize) -> String {
    format!("192.168.77.{}", machine + 1)
}

fn six(machine: usize) -> String {
    format!("fd77::{}", machine + 1)
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    let found = String::from_utf8_lossy(&output.stderr).trim().to_string();
    if output.status.success() { Ok(()) } else { Err(format!("ip {}: {found}", arguments.join(" "))) }
}
