//! Two machines on one cable: no route leads anywhere else, and one of them may have a VPN, or neither IPv4.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]
#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use serde_json::{Value, json};
use support::namespaces::{Families, Machines};
use support::{Bot, PATIENCE, Scratch, signal};

#[test]
fn who_listens_at_an_address_of_the_cable_is_met_from_the_other_machine() {
    for families in [Families::Both, Families::Four, Families::Six] {
        let Some(machines) = Machines::connect(families) else { return };
        let listen = format!("{}:7473", machines.address(0));
        let mut ada = machines.start(0, "ada", &["--no-registry", "host", "T", "--lecture", "--listen", &listen]);
        ada.wait("ready");
        let mut bea = machines.start(1, "bea", &["--no-registry", "join", &listen]);
        bea.wait("ready");
        ada.send(&json!({"command": "say", "text": "over the cable"}));
        assert_eq!(bea.wait("message")["text"], "over the cable", "{families:?}");
    }
}

/// A plain console; it ends with the test.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let output = child.stdout.take().expect("stdout is a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).for_each(|line| _ = sender.send(line));
        });
        Self { child, lines }
    }

    /// What it says until a line that `ends` it.
    fn until(&self, what: &str, ends: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while lines.last().is_none_or(|line| !ends(line)) {
            let line = self.lines.recv_timeout(PATIENCE);
            lines.push(line.unwrap_or_else(|_| panic!("expected `{what}`, saw {lines:#?}")));
        }
        lines
    }

    fn types(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().expect("stdin is a pipe"), "{line}").expect("the program reads");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What somebody's plain console says until a line with `part` in it.
fn lines_until(command: &mut Command, part: &str) -> (Running, Vec<String>) {
    let running = Running::start(command);
    let lines = running.until(part, |line| line.contains(part));
    (running, lines)
}

/// What a command says on both its streams, and whether it is content.
fn run(machines: &Machines, machine: usize, home: &Scratch, words: &[&str]) -> (String, bool) {
    let output = machines.tertulia(machine, home).args(words).output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).expect("all that is said is UTF-8"), output.status.success())
}

fn word<'a>(ready: &'a Value, field: &str) -> &'a str {
    ready[field].as_str().expect("a text")
}

/// What is typed after `tertulia join`, in the order in which it is shown.
fn targets(lines: &[String]) -> Vec<String> {
    let targets = lines.iter().filter_map(|line| Some(line.split_once("  tertulia join ")?.1));
    targets.map(|target| target.trim_matches('\'').to_string()).collect()
}

/// Joins by `target`, says something that the other end's `host` hears, and leaves.
fn joins(machines: &Machines, machine: usize, target: &str) {
    let mut guest = machines.start(machine, "guest", &["join", target]);
    guest.wait("ready");
    guest.send(&json!({"command": "quit"}));
    assert_eq!(guest.wait("closed")["code"], "left", "{target}");
    // Who has said goodbye to all holds no name any more.
    assert!(guest.end().success(), "{target}");
}

#[test]
fn without_a_route_others_join_by_each_line_that_a_host_prints() {
    for families in [Families::Both, Families::Four, Families::Six] {
        let Some(machines) = Machines::connect(families) else { return };
        for kind in [&[][..], &["--lecture"]] {
            let home = Scratch::numbered("printed");
            let mut command = machines.tertulia(0, &home);
            command.args(["--name", "ada", "host", "T"]).args(kind);
            let (_ada, lines) = lines_until(&mut command, "what you type goes to all");
            let targets = targets(&lines);
            let (ticket, addresses) = targets.split_last().expect("a ticket at least");
            let mut expected = Vec::new();
            expected.extend(families.has_four().then(|| format!("{}:7473", machines.address(0))));
            expected.extend(families.has_six().then(|| format!("{}:7473", machines.address_six(0))));
            assert_eq!(addresses, expected, "{lines:#?}");
            assert!(ticket.ends_with(&format!("@{}/", expected.join(","))), "{ticket}");
            targets.iter().for_each(|target| joins(&machines, 1, target));
            // As people type them: the usual port goes without saying, and so do the brackets.
            let mut typed = vec![machines.address(0)];
            if families.has_six() {
                let six = machines.address_six(0);
                typed.extend([six.trim_matches(['[', ']']).to_string(), six, machines.address_on_the_cable(0)]);
            }
            typed.iter().for_each(|target| joins(&machines, 1, target));
            let here = if families.has_four() { "127.0.0.1:7473" } else { "'[::1]:7473'" };
            let told = format!("on this machine: tertulia join {here}");
            assert!(lines.iter().any(|line| line.contains(&told)), "{told}: {lines:#?}");
            joins(&machines, 0, here.trim_matches('\''));
        }
    }
}

#[test]
fn who_listens_at_an_address_with_a_zone_says_that_each_machine_names_its_own() {
    let Some(machines) = Machines::connect(Families::Six) else { return };
    let listen = format!("{}:7473", machines.address_on_the_cable(0));
    let home = Scratch::new("zone");
    let mut command = machines.tertulia(0, &home);
    command.args(["--no-registry", "--name", "ada", "host", "T", "--listen", &listen]);
    let (_ada, lines) = lines_until(&mut command, "what you type goes to all");
    let typed = |start: &str| {
        let line = lines.iter().find_map(|line| Some(line.split_once(start)?.1));
        let target = line.and_then(|line| Some(line.split_once("tertulia join '")?.1));
        target.unwrap_or_else(|| panic!("{start}: {lines:#?}")).trim_end_matches('\'').to_string()
    };
    joins(&machines, 0, &typed("on this machine: "));
    let elsewhere = typed("on the same cable, with the name of their own interface: ");
    let zone = listen.split_once('%').and_then(|(_, rest)| rest.split_once(']')).expect("it has a zone").0;
    joins(&machines, 1, &elsewhere.replace("%eth0", &format!("%{zone}")));
    assert!(!lines.iter().any(|line| line.starts_with("--   tertulia join '[fe80")), "{lines:#?}");
}

#[test]
fn a_vpn_that_takes_all_that_goes_out_does_not_hide_the_cable() {
    let Some(machines) = Machines::connect(Families::Both) else { return };
    machines.add_tunnel(0, "10.88.0.1");
    let mut ada = machines.start(0, "ada", &["--no-registry", "host", "T"]);
    let ready = ada.wait("ready");
    assert!(word(&ready, "ticket").contains(&format!("{}:7473", machines.address(0))), "{ready}");
    assert!(!word(&ready, "ticket").contains("127.0.0.1"), "{ready}");
    joins(&machines, 1, word(&ready, "ticket"));
}

#[test]
fn members_of_a_meeting_without_ipv4_are_linked_and_not_bridged() {
    for families in [Families::Six, Families::Both] {
        let Some(machines) = Machines::connect(families) else { return };
        let target = format!("{}:7473", machines.address_six(0));
        let mut room = vec![machines.start(0, "ada", &["--no-registry", "host", "Six"])];
        room[0].wait("ready");
        // The host sees her come from loopback, where the others would find nobody.
        for (machine, name, target) in [(1, "bea", &*target), (1, "carl", &target), (0, "dora", "[::1]:7473")] {
            let mut member = machines.start(machine, name, &["--no-registry", "join", target]);
            let ready = member.wait("ready");
            let ticket = word(&ready, "ticket");
            assert!(!ticket.contains("[::1]") && !ticket.contains("127.0.0.1"), "{ticket}");
            room.push(member);
        }
        for member in &mut room {
            let deadline = Instant::now() + PATIENCE;
            loop {
                member.send(&json!({"command": "users"}));
                let roster = member.wait("roster");
                let members = roster["members"].as_array().expect("members");
                if members.iter().filter(|one| one["state"] == "linked").count() == 3 {
                    break;
                }
                assert!(Instant::now() < deadline, "{roster}");
            }
        }
    }
}

#[test]
fn a_machine_with_nothing_but_loopback_works_with_defaults() {
    for families in [Families::Six, Families::Both] {
        let Some(machines) = Machines::connect(families) else { return };
        machines.unplug();
        let here = if families.has_four() { "127.0.0.1" } else { "[::1]" };
        let home = Arc::new(Scratch::numbered("alone"));
        let mut ada = machines.start(0, "ada", &["host", "Alone"]);
        let ready = ada.wait("ready");
        assert!(word(&ready, "ticket").ends_with(&format!("@{here}:7473/")), "{ready}");
        assert_eq!(ready["registry"], format!("{here}:7472"));
        assert_eq!(ada.wait("published")["addresses"], json!([format!("{here}:7473")]));
        joins(&machines, 0, word(&ready, "ticket"));
        let (said, is_well) = run(&machines, 0, &home, &["list"]);
        assert!(is_well && said.contains("Alone: room of ada"), "{said}");
        let mut guest = machines.start_in(0, &home, "bea", &["join", "1"]);
        assert_eq!(guest.wait("ready")["title"], "Alone");
        let mut friend = machines.start(0, "carl", &["friends"]);
        friend.wait("ready");
        // Friends look for the same port as hosts do.
        let writer = Scratch::numbered("writer");
        let (said, is_well) = run(&machines, 0, &writer, &["send", &format!("{here}:7474"), "hello"]);
        assert!(is_well, "{said}");
        assert_eq!(friend.wait("message")["text"], "hello");
    }
}

#[test]
fn host_lan_is_a_registry_for_its_network_and_list_says_what_to_type() {
    for families in [Families::Both, Families::Four, Families::Six] {
        let Some(machines) = Machines::connect(families) else { return };
        let mut ada = machines.start(0, "ada", &["host", "For all", "--lan"]);
        ada.wait("ready");
        let published = ada.wait("published");
        let addresses = published["addresses"].as_array().expect("addresses");
        assert!(addresses.contains(&json!(format!("{}:7473", machines.address(0)))), "{published}");
        let six = json!(format!("{}:7473", machines.address_six(0)));
        assert_eq!(addresses.contains(&six), families.has_six(), "{published}");
        assert!(!published.to_string().contains("[\"127.0.0.1") && !published.to_string().contains("\"[::1]:7473"));
        let home = Arc::new(Scratch::numbered("elsewhere"));
        let (said, is_well) = run(&machines, 1, &home, &["list"]);
        assert!(!is_well && said.contains("host TITLE --lan"), "{said}");
        assert!(said.contains("tertulia list --registry IP"), "{said}");
        let registry = machines.address(0);
        let (said, is_well) = run(&machines, 1, &home, &["list", "--registry", &registry]);
        assert!(is_well && said.contains("  1  For all: room of ada"), "{said}");
        let mut bea = machines.start_in(1, &home, "bea", &["join", "1", "--registry", &registry]);
        assert_eq!(bea.wait("ready")["title"], "For all");
        let mut carl = machines.start(1, "carl", &["host", "At home", "--registry", &registry]);
        carl.wait("published");
        // On the machine itself nothing has to be said.
        let (said, is_well) = run(&machines, 0, &Scratch::numbered("beside"), &["list"]);
        assert!(is_well && said.contains("For all") && said.contains("At home"), "{said}");
    }
}

#[test]
fn host_lan_says_what_others_type_and_when_it_cannot_be_one() {
    let Some(machines) = Machines::connect(Families::Both) else { return };
    let homes = [Scratch::numbered("one"), Scratch::numbered("two")];
    let mut command = machines.tertulia(0, &homes[0]);
    let (one, lines) = lines_until(command.args(["host", "One"]), "what you type goes to all");
    assert!(lines.iter().any(|line| line.contains("tertulia host One --lan")), "{lines:#?}");
    let mut other = machines.start(0, "bea", &["host", "Two", "--lan"]);
    while !word(&other.wait("warning"), "message").contains("no registry for its network") {}
    drop((one, other));
    let mut command = machines.tertulia(0, &homes[1]);
    let (mut one, lines) = lines_until(command.args(["host", "One", "--lan"]), "what you type goes to all");
    let told = format!("tertulia list --registry {}:7472", machines.address(0));
    assert!(lines.iter().any(|line| line.contains(&told)), "{lines:#?}");
    one.types("/stop");
    one.until("how to go on", |line| line.ends_with("tertulia host One --lan"));
    let (said, is_well) = run(&machines, 1, &homes[0], &["--no-registry", "host", "T", "--lan"]);
    assert!(!is_well && said.contains("--no-registry says that there is none"), "{said}");
}

#[test]
fn a_registry_for_the_network_takes_both_families() {
    let Some(machines) = Machines::connect(Families::Both) else { return };
    let mut registry = machines.start(0, "registry", &["registry", "--lan"]);
    assert_eq!(registry.wait("ready")["listen"], "[::]:7472");
    for (number, address) in [machines.address(0), machines.address_six(0)].into_iter().enumerate() {
        let (name, place) = (format!("host-{number}"), format!("{address}:7472"));
        let mut host = machines.start(1, &name, &["--registry", &place, "host", &name, "--lecture"]);
        host.wait("published");
        let (said, is_well) = run(&machines, 0, &Scratch::numbered("asker"), &["list"]);
        assert!(is_well && said.contains(&name), "{said}");
    }
}

#[test]
fn two_hosts_that_come_back_in_the_other_order_have_their_ports_again() {
    let Some(machines) = Machines::connect(Families::Both) else { return };
    let names = ["ada", "bea"];
    let homes = names.map(|name| Arc::new(Scratch::numbered(name)));
    let kinds = [&["--no-registry", "host", "ada"][..], &["--no-registry", "host", "bea", "--lecture"]];
    let open = |number: usize| machines.start_in(0, &homes[number], names[number], kinds[number]);
    let address = |number: usize| format!("{}:{}", machines.address(0), 7_473 + number);
    let (mut hosts, mut guests): (Vec<Bot>, Vec<Bot>) = (Vec::new(), Vec::new());
    for number in [0, 1] {
        let mut host = open(number);
        host.wait("ready");
        let mut guest = machines.start(1, "guest", &["--no-registry", "join", &address(number)]);
        guest.wait("linked");
        hosts.push(host);
        guests.push(guest);
    }
    for host in hosts {
        signal(host.id(), "TERM");
        assert!(host.end().success());
    }
    guests.iter_mut().for_each(|guest| _ = guest.wait("unlinked"));
    let mut back: Vec<Bot> = Vec::new();
    for number in [1, 0] {
        let mut host = open(number);
        let ready = host.wait("ready");
        assert!(word(&ready, "ticket").contains(&address(number)), "{ready}");
        guests[number].wait("linked");
        back.push(host);
    }

    // Somebody else has taken it meanwhile.
    let last = back.remove(0);
    signal(last.id(), "TERM");
    assert!(last.end().success());
    let mut other = machines.start(0, "registry", &["registry", "--listen", "[::]:7474"]);
    other.wait("ready");
    let mut moved = open(1);
    let warning = moved.wait("warning");
    assert_eq!(warning["code"], "port");
    assert!(word(&warning, "message").contains("7474") && word(&warning, "message").contains("7475"), "{warning}");
    let ready = moved.wait("ready");
    assert!(word(&ready, "ticket").contains(":7475"), "{ready}");
    joins(&machines, 1, word(&ready, "ticket"));
}

#[test]
fn friends_and_members_have_their_ports_again() {
    let Some(machines) = Machines::connect(Families::Both) else { return };
    let mut ada = machines.start(0, "ada", &["--no-registry", "host", "T"]);
    let ticket = word(&ada.wait("ready"), "ticket").to_string();
    let open = |home: &Arc<Scratch>, words: &[&str]| {
        let mut bot = machines.start_in(0, home, "bea", &[&["--no-registry"], words].concat());
        let ready = bot.wait("ready");
        (bot, word(&ready, "listen").to_string())
    };
    let leave = |bot: Bot| {
        signal(bot.id(), "TERM");
        assert!(bot.end().success());
    };
    let homes = [Arc::new(Scratch::numbered("member")), Arc::new(Scratch::numbered("friend"))];
    let (member, first) = open(&homes[0], &["join", &ticket]);
    leave(member);
    let (_member, again) = open(&homes[0], &["join", &ticket]);
    assert_eq!(first, again);
    let (friend, first) = open(&homes[1], &["friends"]);
    assert_eq!(first, "[::]:7474");
    leave(friend);
    // The usual port is free now, but friends know another.
    leave(ada);
    let (friend, again) = open(&homes[1], &["friends"]);
    assert_eq!(first, again);
    leave(friend);
    let mut other = machines.start(0, "registry", &["registry", "--listen", "[::]:7474"]);
    other.wait("ready");
    let mut moved = machines.start_in(0, &homes[1], "bea", &["--no-registry", "friends"]);
    let warning = moved.wait("warning");
    assert_eq!(warning["code"], "port");
    assert!(word(&warning, "message").contains("7474") && word(&warning, "message").contains("7473"), "{warning}");
}

#[test]
fn friends_learn_where_a_stranger_is_as_it_is_written_in_its_family() {
    let Some(machines) = Machines::connect(Families::Both) else { return };
    let mut ada = machines.start(0, "ada", &["--no-registry", "friends"]);
    ada.wait("ready");
    for (name, place) in [("bea", 0), ("carl", 1)] {
        let at = |machine| if place == 0 { machines.address(machine) } else { machines.address_six(machine) };
        let mut writer = machines.start(1, name, &["--no-registry", "friends"]);
        let ready = writer.wait("ready");
        let port = word(&ready, "listen").rsplit(':').next().expect("a port");
        writer.send(&json!({"command": "add", "name": "ada", "address": format!("{}:7473", at(0))}));
        writer.send(&json!({"command": "msg", "to": "ada", "text": "hello"}));
        let stranger = loop {
            let contact = ada.wait("contact");
            if contact["change"] == "stranger" {
                break contact;
            }
        };
        assert_eq!(stranger["address"], format!("{}:{port}", at(1)), "{stranger}");
        assert_eq!(ada.wait("message")["text"], "hello");
        ada.send(&json!({"command": "msg", "to": name, "text": "hello back"}));
        while writer.wait("message")["text"] != "hello back" {}
    }
}

#[test]
fn contact_15_friends_who_have_both_moved_to_another_machine_meet_again_through_a_registry() {
    for families in [Families::Both, Families::Four, Families::Six] {
        let Some(machines) = Machines::connect(families) else { return };
        let homes = ["ada", "bea"].map(|name| Arc::new(Scratch::numbered(name)));
        let friend = |machine: usize, name: usize, words: &[&str]| {
            let mut bot = machines.start_in(machine, &homes[name], ["ada", "bea"][name], words);
            bot.wait("ready");
            bot
        };
        let say = |from: &mut Bot, to: &mut Bot, whom: &str, text: &str| {
            from.send(&json!({"command": "msg", "to": whom, "text": text}));
            while to.wait("message")["text"] != text {}
        };
        let mut ada = friend(0, 0, &["--no-registry", "friends"]);
        let mut bea = friend(1, 1, &["--no-registry", "friends"]);
        let old = format!("{}:7473", machines.address(0));
        bea.send(&json!({"command": "add", "name": "ada", "address": old}));
        say(&mut bea, &mut ada, "ada", "one");
        for bot in [ada, bea] {
            signal(bot.id(), "TERM");
            assert!(bot.end().success());
        }

        // Each is where the other was.
        let mut registry = machines.start(0, "registry", &["registry", "--lan"]);
        registry.wait("ready");
        let place = format!("{}:7472", machines.address(0));
        let words = ["--registry", &place, "friends"];
        let mut ada = friend(1, 0, &words);
        ada.send(&json!({"command": "register"}));
        ada.wait("published");
        let mut bea = friend(0, 1, &words);
        bea.wait("linked");
        say(&mut bea, &mut ada, "ada", "two");
        say(&mut ada, &mut bea, "bea", "three");
    }
}

/// Whether `line` is `pattern`, in which `…` stands for any text.
fn is_like(line: &str, pattern: &str) -> bool {
    match pattern.split_once('…') {
        None => line == pattern,
        Some((front, back)) => line.starts_with(front) && line.ends_with(back),
    }
}

#[test]
fn readme_across_machines_shows_what_two_newcomers_see() {
    let Some(machines) = Machines::connect(Families::Both) else { return };
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("there is one");
    let block = page.split_once("```text\nada's machine").and_then(|(_, rest)| Some(rest.split_once("```")?.0));
    let mut rows = block.expect("two machines are shown").lines();
    let width = rows.next().expect("whose they are").chars().count() - "bea's machine".len() + "ada's machine".len();
    let rows: Vec<(String, String)> =
        rows.map(|row| (row.chars().take(width).collect(), row.chars().skip(width).collect())).collect();
    let address = machines.address(0);
    let homes = [Scratch::numbered("ada"), Scratch::numbered("bea")];
    let mut last: [Option<Running>; 2] = [None, None];
    let columns = [rows.iter().map(|row| &row.0).collect::<Vec<_>>(), rows.iter().map(|row| &row.1).collect()];
    for (machine, column) in columns.into_iter().enumerate() {
        for line in column {
            let line = line.trim_end().replace("192.168.1.5", &address);
            if let Some(command) = line.strip_prefix("$ tertulia ") {
                // Every other piece stands between quotes.
                let pieces = command.split('"').enumerate();
                let words = pieces.flat_map(|(at, piece)| match at % 2 {
                    1 => vec![piece],
                    _ => piece.split_whitespace().collect(),
                });
                last[machine] = Some(Running::start(machines.tertulia(machine, &homes[machine]).args(words)));
                continue;
            }
            let running = last[machine].as_mut().expect("a command first");
            match line.strip_prefix("> ") {
                Some(typed) => running.types(typed),
                None => drop(running.until(&line, |said| is_like(said, &line))),
            }
        }
        if machine == 0 {
            // Its registry has to meet it before it is found there.
            let host = last[machine].as_ref().expect("the host runs");
            host.until("a record", |line| line.contains("shows this meeting at"));
        }
    }
    let heard = "Pessoa, again.";
    last[0].as_ref().expect("the host runs").until(heard, |line| line.ends_with(heard));
}
