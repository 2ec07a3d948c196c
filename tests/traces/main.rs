//! Every trace in `tests/traces` does what it says. `UPDATE=1` rewrites those that the code makes.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

mod made;

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tertulia_core::code::Code;
use tertulia_core::rule::Rule;
use tertulia_core::trace::{Expect, Step, Trace, parse, replay};
use tertulia_core::wire::Frame;
use tertulia_core::wire::frame::{Decoded, decode};
use tertulia_core::wire::frame::{generate, infos};
use tertulia_core::wire::session::Session;
use tertulia_testkit::layout::annotate;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces")
}

/// Whether ERROR or BYE says this code: what a link takes, a machine may refuse.
fn says_so(trace: &Trace, code: Code) -> bool {
    trace.steps.iter().any(|step| {
        let Step::Packet(packet) = step else { return false };
        match decode(&packet.bytes()) {
            Ok(Decoded { frame: Some(Frame::Session(Session::Bye(bye))), .. }) => bye.code == code,
            Ok(Decoded { frame: Some(Frame::Session(Session::Refused(error))), .. }) => error.code == code,
            _ => false,
        }
    })
}

#[test]
fn trace_1_every_trace_does_what_it_says() {
    let mut count = 0;
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "trace") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let trace = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(trace.to_string() == text, "{} is not in the one layout of traces", path.display());
        replay(&trace).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        for id in trace.covers.iter().filter(|id| Rule::ALL.iter().any(|rule| rule.id() == **id)) {
            let rule = Rule::ALL.iter().find(|rule| rule.id() == *id).unwrap();
            let is_broken = trace.expect == Expect::Reject(rule.code()) || says_so(&trace, rule.code());
            assert!(is_broken, "{}: covers {id} and does not break it", path.display());
        }
        count += 1;
    }
    assert!(count > 10, "{count} traces");
}

#[test]
fn the_traces_that_the_code_makes_are_up_to_date() {
    for (name, trace) in made::all() {
        let path = folder().join(format!("{name}.trace"));
        let text = trace.to_string();
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == text, "{} differs from what the code makes; UPDATE=1 writes it anew", path.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_tables_alone_take_every_frame_apart(seed: u64) {
        for info in infos() {
            let mut state = seed;
            let bytes = generate(info, &mut || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state ^ (state >> 29)
            });
            // An entry's body is drawn as any bytes, whatever its kind.
            if ["ENTRY", "FORK"].contains(&info.name) {
                continue;
            }
            let walked: Vec<u8> = annotate(&bytes).into_iter().flat_map(|line| line.bytes).collect();
            prop_assert_eq!(walked, bytes);
        }
    }
}
