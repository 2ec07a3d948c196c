//! Each table at its smallest, against the real thing.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what goes wrong in here fails a test, as it should")]

use std::process::{Command, Output};

use serde_json::Value;

/// Every row has these, whether or not its table measures them.
const FIELDS: [&str; 16] = [
    "contestant",
    "load",
    "n",
    "size",
    "cores",
    "runs",
    "cpu_ns_per_delivery",
    "cpu_ns_least",
    "cpu_ns_most",
    "generator_ns_per_delivery",
    "deliveries_per_s",
    "p50_us",
    "p99_us",
    "most_us",
    "rss_per_connection",
    "lost",
];

fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tertulia-bench"));
    command.args(arguments.split(' '));
    command
}

fn bench(arguments: &str) -> Output {
    let output = command(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The rows that the program prints, of the right shape; their contestants and loads too.
fn rows(arguments: &str) -> (Vec<Value>, Vec<String>) {
    let output = bench(&format!("{arguments} --json"));
    let rows: Vec<Value> =
        output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(read).collect();
    let names = rows.iter().map(|row| format!("{}: {}", word(row, "contestant"), word(row, "load"))).collect();
    (rows, names)
}

fn read(line: &[u8]) -> Value {
    let row: Value = serde_json::from_slice(line).unwrap();
    for field in FIELDS {
        assert!(row.get(field).is_some(), "{row} has no {field}");
    }
    assert!(row["cpu_ns_per_delivery"].as_f64().unwrap() > 0.0, "{row}");
    row
}

fn word(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap().into()
}

fn nothing_is_lost(rows: &[Value]) {
    for row in rows {
        assert_eq!(row["lost"], 0, "{row}");
        assert!(row["deliveries_per_s"].as_f64().unwrap() > 0.0, "{row}");
        let times = ["p50_us", "p99_us", "most_us"].map(|field| row[field].as_f64().unwrap());
        assert!(times.is_sorted() && times[2] > 0.0, "{row}");
    }
}

#[test]
fn fanout_tells_of_each_contestant_under_each_load_and_nothing_is_lost() {
    let (rows, names) = rows("fanout --n 3 --size 64,1024 --seconds 0.1");
    let mut expected = Vec::new();
    for _size in [64, 1_024] {
        for contestant in ["tertulia", "floor", "floor-sealed"] {
            expected.extend(["one", "16", "open", "20/s"].map(|load| format!("{contestant}: {load}")));
        }
    }
    assert_eq!(names, expected);
    nothing_is_lost(&rows);
}

#[test]
fn a_message_that_one_guest_never_gets_is_lost_once() {
    let (rows, _) = rows("fanout --n 3 --load one,16 --seconds 0.1 --patience 0.5 --only floor-that-loses");
    assert_eq!([&rows[0]["lost"], &rows[1]["lost"]], [1, 0], "the first message, to the first guest");
}

#[test]
fn others_take_part_where_they_are_installed_and_whoever_is_not_is_named() {
    let output = bench("fanout --peers --n 2 --load 16 --seconds 0.05 --json");
    let told = String::from_utf8_lossy(&output.stderr);
    let rows: Vec<Value> =
        output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(read).collect();
    nothing_is_lost(&rows);
    for other in ["redis", "nats", "mosquitto", "ngircd"].map(|name| [name.to_string(), format!("{name}-tls")]).concat()
    {
        let takes_part = rows.iter().any(|row| word(row, "contestant") == other);
        let is_named = told.contains(&format!("{other} is left out: there is no "));
        assert!(takes_part != is_named, "{other}: {told}");
    }
}

#[test]
fn join_tells_what_a_guest_costs() {
    let (rows, names) = rows("join --n 40");
    assert_eq!(names, ["tertulia: join", "floor: join", "floor-sealed: join"]);
    assert!(rows[0]["cpu_ns_per_delivery"].as_f64() > rows[1]["cpu_ns_per_delivery"].as_f64(), "it shakes hands");
    assert!(rows[0]["rss_per_connection"].as_f64().unwrap() > 0.0);
}

#[test]
fn idle_tells_what_a_guest_costs_that_is_there() {
    // Not the floor: nobody wakes it.
    let (rows, names) = rows("idle --n 40 --seconds 1 --only tertulia");
    assert_eq!(names, ["tertulia: idle"]);
    assert_eq!(rows[0]["n"], 40);
}

#[test]
fn catching_up_and_starting_again_take_a_while() {
    let (caught_up, names) = rows("catchup --n 40 --runs 1");
    assert_eq!(names, ["tertulia: catch up"]);
    let (restarted, names) = rows("restart --n 40 --runs 1");
    assert_eq!(names, ["tertulia: as left", "tertulia: all in the file"]);
    for row in caught_up.iter().chain(&restarted) {
        assert!(row["n"] == 40 && row["p50_us"].as_f64().unwrap() > 0.0, "{row}");
    }
}

#[test]
fn mesh_tells_of_each_rate_and_how_many_frames_there_are() {
    let (measured, names) = rows("mesh --n 3 --rate 5,20 --seconds 0.6");
    assert_eq!(names, ["tertulia: 5/s", "tertulia: 20/s"]);
    nothing_is_lost(&measured);
    let (counted, _) = rows("mesh --n 3 --rate 5 --seconds 1 --frames");
    nothing_is_lost(&counted);
    let entries = counted[0]["entry_frames_per_delivery"].as_f64().unwrap();
    // Each message goes to each of two others; a member's word on itself may go too.
    assert!((1.0..2.0).contains(&entries), "{entries}");
    assert!(counted[0]["digest_frames_per_delivery"].as_f64().unwrap() > 0.0);
}

#[test]
fn registry_tells_of_the_machine_and_of_links() {
    let (rows, names) = rows("registry --n 200 --links 40");
    let machine =
        ["publish", "renew", "list a page", "list one word", "list two words", "list frequent words", "lookup"];
    let links = ["join", "publish", "renew"];
    let expected = machine.map(|what| format!("machine: {what}")).into_iter();
    assert_eq!(names, expected.chain(links.map(|what| format!("links: {what}"))).collect::<Vec<_>>());
    let cost = |name: &str| {
        let at = names.iter().position(|one| one == name).unwrap();
        rows[at]["cpu_ns_per_delivery"].as_f64().unwrap()
    };
    assert!(cost("links: publish") > cost("links: renew"), "a signature is checked for the one, and not for the other");
}

#[test]
fn codec_is_told_as_a_table_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let output = bench(&format!("codec --size 64 --runs 1 --plot {}", folder.path().display()));
    let table = String::from_utf8(output.stdout).unwrap();
    let drawn = std::fs::read_to_string(folder.path().join("codec.svg")).unwrap();
    for what in ["decode ENTRY", "encode ENTRY", "seal a record", "sign an entry", "verify an entry"] {
        assert!(table.contains(what), "{what} is not in:\n{table}");
        assert!(drawn.contains(what), "{what} is not drawn");
    }
    assert!(drawn.starts_with("<svg"));
}

#[test]
fn too_few_and_too_many_are_refused_with_words() {
    let refused = |arguments: &str, words: &str| {
        let output = command(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains(words), "{arguments}: {told}");
    };
    for arguments in
        ["fanout --n 0", "join --n 0", "idle --n 0", "registry --n 0", "registry --links 0", "restart --n 0"]
    {
        refused(arguments, "a number was expected, 1 or more");
    }
    refused("mesh --n 1", "a number was expected, 2 or more");
    refused("mesh --rate 0", "0 is not in 1..");
    for arguments in ["catchup --n 0", "catchup --n 10001"] {
        refused(arguments, "a number was expected, 1 to 10000");
    }
    for verb in ["fanout", "mesh", "catchup", "restart", "codec"] {
        for size in ["0", "16385"] {
            refused(&format!("{verb} --size {size}"), "a number was expected, 1 to 16384");
        }
    }
    for arguments in ["fanout --seconds 0", "idle --seconds 0", "mesh --seconds NaN"] {
        refused(arguments, "seconds were expected, 0.01 or more");
    }
}
