//! What a registry takes, keeps, dials and shows.

use super::*;
use crate::limits;
use crate::wire::address::Address;
use crate::wire::field::Words;
use crate::wire::registry::{Browse, Lookup, Shelf, Withdraw};

const OWN: &str = "198.51.100.1:7472";
const FROM: &str = "192.0.2.7:50000";

fn server(address: &str) -> Bench<Server> {
    let config = ServerConfig { identity: identity(200), address: address.parse().unwrap(), started_ms: 1 };
    Bench::new(Server::new(config))
}

/// A registry that `seed` has dialled on link `seed`.
fn with_caller(seed: u8) -> Bench<Server> {
    let mut bench = server(OWN);
    call(&mut bench, seed);
    bench
}

fn call(bench: &mut Bench<Server>, seed: u8) {
    assert_eq!(bench.up(u64::from(seed), identity(seed).key(), FROM, Purpose::REGISTRY, None), []);
}

fn signed(seed: u8, title: &str, number: u64, reach: &Reach) -> Vec<u8> {
    draft(seed, title).sign(number, UNTIL, reach, &identity(seed)).unwrap()
}

/// Publishes, and has `answers` of the dial-backs meet the publisher.
fn hold(bench: &mut Bench<Server>, seed: u8, title: &str, number: u64) -> MeetingId {
    let out = bench.frame(u64::from(seed), &publish(&signed(seed, title, number, &reach(7_473, &[])), number as u32));
    for (dial, peer, _) in dials(&out) {
        bench.up(1_000 + dial.0, peer.unwrap(), FROM, Purpose::PROBE, Some(dial));
    }
    draft(seed, title).id
}

fn browse(words: &str, cursor: u64) -> Encoded {
    let (shelf, words) = (Shelf::Meetings, Words::new(words).unwrap());
    Frame::from(Browse { shelf, words, cursor, most: 50, options: Options::NONE }).encode(RequestId(900))
}

/// Titles and addresses of what is shown.
fn shown(out: &[Output]) -> Vec<(String, Vec<String>)> {
    match sent(out).as_slice() {
        [(_, _, Frame::Registry(Registry::Listing(listing)))] => listing
            .records
            .iter()
            .map(|listed| {
                let found = Found::check(&listed, &identity(1)).unwrap();
                let addresses = found.addresses.iter().map(ToString::to_string).collect();
                (found.meeting.map_or(found.name, |(title, _)| title), addresses)
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn listed(bench: &mut Bench<Server>, words: &str) -> Vec<String> {
    call(bench, 99);
    let shown = shown(&bench.frame(99, &browse(words, 0)));
    bench.handle(Input::Down { link: LinkId(99), code: Code::Left });
    shown.into_iter().map(|(title, _)| title).collect()
}

fn looked_up(bench: &mut Bench<Server>, id: MeetingId) -> Vec<Vec<String>> {
    call(bench, 99);
    let lookup = Frame::from(Lookup { record: id, options: Options::NONE }).encode(RequestId(901));
    let out = bench.frame(99, &lookup);
    bench.handle(Input::Down { link: LinkId(99), code: Code::Left });
    shown(&out).into_iter().map(|(_, addresses)| addresses).collect()
}

#[test]
fn registry_1_only_links_of_its_purpose_are_taken() {
    let mut bench = server(OWN);
    for purpose in [Purpose::STAR, Purpose::PROBE, Purpose(9)] {
        let out = bench.up(1, identity(1).key(), FROM, purpose, None);
        assert_eq!(closed(&out), [(1, Code::NoMeeting, Some(Rule::Registry1))]);
    }
    let hello =
        Hello { purpose: Purpose::REGISTRY, meeting: MeetingId([1; 16]), started_ms: 1, options: Options::NONE };
    let address = FROM.parse().unwrap();
    let out = bench.handle(Input::Up { link: LinkId(2), peer: identity(1).key(), address, hello, dial: None });
    assert_eq!(closed(&out), [(2, Code::NoMeeting, Some(Rule::Registry1))]);
}

#[test]
fn registry_2_frames_of_meetings_and_of_registries_come_from_no_client() {
    for name in ["LEASE", "LISTING", "JOIN", "TELL"] {
        let info = crate::wire::frame::infos().find(|info| info.name == name).unwrap();
        let frame = Encoded(crate::wire::frame::generate(info, &mut || 0).into());
        let mut bench = with_caller(1);
        assert_eq!(closed(&bench.frame(1, &frame)), [(1, Code::Unexpected, Some(Rule::Registry2))], "{name}");
        assert_eq!(bench.frame(1, &frame), [], "nothing more is said to a link that is closed");
    }
}

#[test]
fn probe_1_a_record_is_shown_where_its_publisher_was_met_and_nowhere_else() {
    let mut bench = with_caller(1);
    let record = signed(1, "Rust for all", 5, &reach(7_473, &["203.0.113.9:7500"]));
    let out = bench.frame(1, &publish(&record, 3));
    assert!(sent(&out).is_empty(), "LEASE waits for the dial-backs");
    let key = Some(identity(1).key());
    let [(first, ..), (second, ..)] = dials(&out).try_into().unwrap();
    assert_eq!(
        dials(&out),
        [(first, key, "203.0.113.9:7500".to_string()), (second, key, "192.0.2.7:7473".to_string())]
    );
    let id = draft(1, "Rust for all").id;
    assert_eq!((listed(&mut bench, ""), looked_up(&mut bench, id).len()), (Vec::new(), 0));
    // At the first there is somebody else; at the second it is.
    let out = bench.up(50, identity(2).key(), "203.0.113.9:7500", Purpose::PROBE, Some(first));
    assert_eq!(closed(&out), [(50, Code::Left, None)]);
    assert_eq!((listed(&mut bench, ""), looked_up(&mut bench, id).len()), (Vec::new(), 0));
    let out = bench.up(51, identity(1).key(), "192.0.2.7:7473", Purpose::PROBE, Some(second));
    assert_eq!(closed(&out), [(51, Code::Left, None)]);
    assert_eq!((sent(&out).len(), listed(&mut bench, "rust").len()), (0, 1), "it is shown before LEASE says so");
    let out = bench.pass(PATIENCE);
    match sent(&out).as_slice() {
        [(1, RequestId(3), Frame::Registry(Registry::Lease(lease)))] => {
            assert_eq!(u64::from(lease.lease_ms), limits::LEASE.as_millis() as u64);
            assert_eq!(
                lease.addresses.iter().filter_map(Address::socket).collect::<Vec<_>>(),
                ["192.0.2.7:7473".parse().unwrap()]
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(listed(&mut bench, "rust"), ["Rust for all"]);
    assert_eq!(looked_up(&mut bench, id), [["192.0.2.7:7473"]]);
}

#[test]
fn probe_1_who_answers_nowhere_is_held_and_not_shown() {
    let mut bench = with_caller(1);
    let out = bench.frame(1, &publish(&signed(1, "Hidden", 5, &reach(7_473, &[])), 3));
    let [(dial, ..)] = dials(&out).try_into().unwrap();
    assert_eq!(bench.handle(Input::Unreachable { dial, code: Code::Unreachable }), []);
    let out = bench.pass(PATIENCE);
    assert!(
        matches!(sent(&out).as_slice(), [(1, _, Frame::Registry(Registry::Lease(lease)))] if lease.addresses.is_empty())
    );
    assert_eq!((bench.machine.len(), listed(&mut bench, "")), (1, Vec::new()));
    assert!(looked_up(&mut bench, draft(1, "Hidden").id).is_empty());
}

const PATIENCE: u64 = limits::PROBE_PATIENCE.as_millis() as u64;

/// What may come of a dial-back that meets nobody.
const UNMET: [&str; 3] = ["nothing", "another", "refused"];

fn come_to_nothing(bench: &mut Bench<Server>, what: &str, dial: DialId) -> Vec<Output> {
    match what {
        "refused" => bench.handle(Input::Unreachable { dial, code: Code::NoListener }),
        "another" => {
            let mut out = bench.up(50, identity(99).key(), FROM, Purpose::PROBE, Some(dial));
            assert_eq!(closed(&out), [(50, Code::Left, None)]);
            out.retain(|output| !matches!(output, Output::Close { .. }));
            out
        }
        _ => Vec::new(),
    }
}

#[test]
fn probe_7_what_is_not_met_is_told_at_one_time_whatever_was_there() {
    for what in UNMET {
        let mut bench = with_caller(1);
        let out = bench.frame(1, &publish(&signed(1, "A", 5, &reach(7_473, &[])), 3));
        let [(dial, ..)] = dials(&out).try_into().unwrap();
        assert_eq!(come_to_nothing(&mut bench, what, dial), [], "{what}");
        assert_eq!(bench.pass(PATIENCE - 1), [], "{what}");
        assert_eq!(sent(&bench.pass(1)).len(), 1, "{what}");
        // Who answers later was not met.
        bench.up(51, identity(1).key(), FROM, Purpose::PROBE, Some(dial));
        assert!(listed(&mut bench, "").is_empty(), "{what}");
    }
    let mut bench = with_caller(1);
    let out = bench.frame(1, &publish(&signed(1, "A", 5, &reach(7_473, &[])), 3));
    let [(dial, ..)] = dials(&out).try_into().unwrap();
    let out = bench.up(50, identity(1).key(), FROM, Purpose::PROBE, Some(dial));
    assert_eq!(sent(&out).len(), 1, "whoever is met everywhere is told at once");
}

#[test]
fn probe_7_who_waits_in_line_is_dialled_at_one_time_whatever_others_were_and_is_waited_for_as_long() {
    let last = limits::PROBES_PER_SOURCE_MAX as u8;
    for what in UNMET {
        let mut bench = server(OWN);
        let mut begun = Vec::new();
        for seed in 0..=last {
            call(&mut bench, seed);
            begun.extend(dials(&bench.frame(u64::from(seed), &publish(&signed(seed, "A", 5, &reach(7_473, &[])), 3))));
        }
        assert_eq!(begun.len(), usize::from(last), "the last of this source waits");
        for (dial, ..) in begun {
            assert_eq!(come_to_nothing(&mut bench, what, dial), [], "{what}");
        }
        assert_eq!(bench.pass(PATIENCE - 1), [], "{what}");
        let out = bench.pass(1);
        let [(dial, ..)] = dials(&out).try_into().unwrap();
        assert!(sent(&out).iter().map(|(link, ..)| *link).eq(0..u64::from(last)), "{what}");
        assert_eq!(bench.pass(PATIENCE - 1), [], "{what}");
        let out = bench.up(51, identity(last).key(), FROM, Purpose::PROBE, Some(dial));
        assert_eq!(sent(&out).iter().map(|(link, ..)| *link).collect::<Vec<_>>(), [u64::from(last)], "{what}");
        assert_eq!(looked_up(&mut bench, draft(last, "A").id), [["192.0.2.7:7473"]], "{what}");
    }
}

#[test]
fn probe_6_who_withdraws_from_elsewhere_leaves_nothing_in_line() {
    let mut bench = server(OWN);
    for seed in 0..=limits::PROBES_PER_SOURCE_MAX as u8 {
        call(&mut bench, seed);
        bench.frame(u64::from(seed), &publish(&signed(seed, "A", 5, &reach(7_473, &[])), 1));
    }
    let (last, link) = (limits::PROBES_PER_SOURCE_MAX as u8, 60);
    bench.up(link, identity(last).key(), "203.0.113.9:50000", Purpose::REGISTRY, None);
    bench.frame(link, &publish(&signed(last, "A", 6, &reach(7_473, &[])), 2));
    let withdraw = Withdraw { record: draft(last, "A").id, options: Options::NONE };
    assert_eq!(sent(&bench.frame(link, &Frame::from(withdraw).encode(RequestId(3)))).len(), 3);
    assert_eq!(dials(&bench.pass(PATIENCE)), []);
}

#[test]
fn probe_6_who_withdraws_has_no_more_dialled() {
    let mut bench = with_caller(1);
    let mut dialled = 0;
    for number in 1..=limits::PROBES_PER_SOURCE_MAX + 1 {
        let title = alloc::format!("talk {number}");
        dialled += dials(&bench.frame(1, &publish(&signed(1, &title, 5, &reach(7_473, &[])), 1))).len();
        let withdraw = Withdraw { record: draft(1, &title).id, options: Options::NONE };
        bench.frame(1, &Frame::from(withdraw).encode(RequestId(2)));
    }
    assert_eq!(dialled, limits::PROBES_PER_SOURCE_MAX);
    assert_eq!(dials(&bench.pass(PATIENCE)), [], "what is gone is not dialled");
}

#[test]
fn probe_2_private_addresses_are_dialled_only_for_who_comes_from_such() {
    let private = ["10.0.0.9:7473", "192.168.1.9:7473", "[fd00::9]:7473"];
    for (from, dialled) in [("192.0.2.7:50000", 0), ("10.0.0.7:50000", 3), ("127.0.0.1:50000", 3)] {
        let mut bench = server(OWN);
        bench.up(1, identity(1).key(), from, Purpose::REGISTRY, None);
        let out = bench.frame(1, &publish(&signed(1, "A", 5, &reach(0, &private)), 1));
        assert_eq!(dials(&out).len(), dialled, "{from}");
    }
}

#[test]
fn registry_15_a_record_is_not_over_and_holds_for_a_day_at_most() {
    let (now, day) = (1_700_000_000_000, limits::RECORD_LIFE_MAX.as_millis() as u64);
    for (until_ms, is_taken) in [(now, false), (now + 1, true), (now + day, true), (now + day + 1, false), (0, false)] {
        let mut bench = with_caller(1);
        let record = draft(1, "A").sign(5, until_ms, &reach(7_473, &[]), &identity(1)).unwrap();
        let out = bench.frame(1, &publish(&record, 1));
        assert_eq!(bench.machine.len(), usize::from(is_taken), "{until_ms}");
        if !is_taken {
            assert_eq!(error(&out), Code::Stale);
        }
    }
    // One that is over while its lease is not is shown no longer.
    let mut bench = with_caller(1);
    let record = draft(1, "A").sign(5, now + 60_000, &reach(7_473, &[]), &identity(1)).unwrap();
    for (dial, ..) in dials(&bench.frame(1, &publish(&record, 1))) {
        bench.up(50, identity(1).key(), FROM, Purpose::PROBE, Some(dial));
    }
    bench.pass(59_999);
    assert_eq!(listed(&mut bench, ""), ["A"]);
    bench.pass(1);
    assert_eq!((listed(&mut bench, "").len(), bench.machine.len()), (0, 0));
    assert_eq!(error(&bench.frame(1, &publish(&record, 2))), Code::Stale, "nor renewed");
}

#[test]
fn probe_2_and_probe_3_what_may_not_be_dialled_is_not_and_three_at_most_are() {
    let never = ["127.0.0.1:7473", "169.254.1.1:7473", "224.0.0.1:7473"];
    let mut bench = with_caller(1);
    let out = bench.frame(1, &publish(&signed(1, "A", 5, &reach(25, &never)), 1));
    assert_eq!(dials(&out), []);
    assert!(
        matches!(sent(&out).as_slice(), [(1, _, Frame::Registry(Registry::Lease(lease)))] if lease.addresses.is_empty())
    );
    let some = ["203.0.113.1:7473", "203.0.113.2:7473", "192.0.2.7:7473"];
    let out = bench.frame(1, &publish(&signed(1, "B", 5, &reach(7_473, &some)), 2));
    assert_eq!(dials(&out).into_iter().map(|(.., address)| address).collect::<Vec<_>>(), some);
    // On loopback it is the registry itself that is not dialled.
    let mut bench = server("127.0.0.1:7472");
    bench.up(1, identity(1).key(), "127.0.0.1:50000", Purpose::REGISTRY, None);
    let out = bench.frame(1, &publish(&signed(1, "C", 5, &reach(7_472, &["127.0.0.1:7473"])), 1));
    assert_eq!(dials(&out).into_iter().map(|(.., address)| address).collect::<Vec<_>>(), ["127.0.0.1:7473"]);
}

#[test]
fn probe_2_loopback_is_shown_only_where_nothing_else_was_met() {
    let mut bench = server("127.0.0.1:7472");
    bench.up(1, identity(1).key(), "127.0.0.1:50000", Purpose::REGISTRY, None);
    let record = signed(1, "Rust", 5, &reach(7_473, &["192.0.2.7:7473"]));
    let [(other, ..), (loopback, ..)] = dials(&bench.frame(1, &publish(&record, 1))).try_into().unwrap();
    bench.up(50, identity(1).key(), "127.0.0.1:7473", Purpose::PROBE, Some(loopback));
    bench.up(51, identity(1).key(), "192.0.2.7:7473", Purpose::PROBE, Some(other));
    let id = draft(1, "Rust").id;
    assert_eq!(looked_up(&mut bench, id), [["192.0.2.7:7473"]]);
    bench.pass(limits::PROBE_INTERVAL.as_millis() as u64);
    assert_eq!(dials(&bench.frame(1, &publish(&record, 2))), [], "nothing is lacking");

    let out = bench.frame(1, &publish(&signed(1, "Rust 101", 6, &reach(7_474, &["192.0.2.7:7474"])), 3));
    let [(other, ..), (loopback, ..)] = dials(&out).try_into().unwrap();
    bench.up(52, identity(1).key(), "127.0.0.1:7474", Purpose::PROBE, Some(loopback));
    bench.handle(Input::Unreachable { dial: other, code: Code::Unreachable });
    assert_eq!(looked_up(&mut bench, draft(1, "Rust 101").id), [["127.0.0.1:7474"]]);
}

#[test]
fn probe_5_one_record_is_dialled_back_every_ten_seconds_at_most() {
    let mut bench = with_caller(1);
    let again = |bench: &mut Bench<Server>, number| {
        let address = alloc::format!("203.0.113.{number}:7473");
        let out = bench.frame(1, &publish(&signed(1, "A", number, &reach(0, &[&address])), number as u32));
        let dials = dials(&out);
        for (dial, ..) in &dials {
            bench.handle(Input::Unreachable { dial: *dial, code: Code::Unreachable });
        }
        dials.len()
    };
    assert_eq!((again(&mut bench, 1), again(&mut bench, 2)), (1, 0));
    bench.pass(limits::PROBE_INTERVAL.as_millis() as u64 - 1);
    assert_eq!(again(&mut bench, 3), 0);
    bench.pass(1);
    assert_eq!(again(&mut bench, 4), 1);
}

#[test]
fn registry_3_and_registry_4_a_record_comes_from_its_publisher_with_its_signature() {
    let mut forged = signed(1, "A", 5, &reach(7_473, &[]));
    *forged.last_mut().unwrap() ^= 1;
    let mut bench = with_caller(1);
    assert_eq!(closed(&bench.frame(1, &publish(&forged, 1))), [(1, Code::Forged, Some(Rule::Registry3))]);
    assert!(bench.machine.is_empty());
    // H12: a foreign key's, however well it is signed.
    let mut bench = with_caller(2);
    let foreign = publish(&signed(1, "A", 5, &reach(7_473, &[])), 1);
    assert_eq!(closed(&bench.frame(2, &foreign)), [(2, Code::Unexpected, Some(Rule::Registry4))]);
    assert!(bench.machine.is_empty());
}

#[test]
fn registry_5_a_meetings_record_is_its_founders() {
    let theirs = draft(1, "A");
    let wrong = [
        (Draft { charter: Vec::new(), ..theirs.clone() }, Rule::Registry5),
        (Draft { kind: Kind::Mesh, ..theirs.clone() }, Rule::Registry5),
        (Draft { id: MeetingId([9; 16]), ..theirs.clone() }, Rule::Charter2),
        (theirs, Rule::Registry5),
    ];
    for (draft, rule) in wrong {
        // Of another who takes over what the founder has signed.
        let mut bench = with_caller(2);
        let record = draft.sign(5, UNTIL, &reach(7_473, &[]), &identity(2)).unwrap();
        assert_eq!(closed(&bench.frame(2, &publish(&record, 1))), [(2, Code::Forged, Some(rule))], "{draft:?}");
        assert!(bench.machine.is_empty());
    }
}

#[test]
fn registry_6_a_persons_record_is_its_own() {
    let (one, other) = (identity(1).key(), identity(2).key());
    let own = Draft::of_person(one, "ada", 7);
    let wrong = [
        Draft::of_person(other, "ada", 7),
        Draft { charter: draft(1, "A").charter, ..own.clone() },
        Draft { id: draft(1, "A").id, ..own.clone() },
    ];
    for draft in wrong {
        let mut bench = with_caller(1);
        let record = draft.sign(5, UNTIL, &reach(7_473, &[]), &identity(1)).unwrap();
        assert_eq!(closed(&bench.frame(1, &publish(&record, 1))), [(1, Code::Forged, Some(Rule::Registry6))]);
    }
    let mut bench = with_caller(1);
    let out = bench.frame(1, &publish(&own.sign(5, UNTIL, &reach(7_473, &[]), &identity(1)).unwrap(), 1));
    let [(dial, ..)] = dials(&out).try_into().unwrap();
    bench.up(70, one, FROM, Purpose::PROBE, Some(dial));
    assert_eq!((listed(&mut bench, "").len(), bench.machine.len()), (0, 1), "people are on a shelf of their own");
    call(&mut bench, 98);
    let words = Words::NONE;
    let people = Browse { shelf: Shelf::People, words, cursor: 0, most: 50, options: Options::NONE };
    let out = bench.frame(98, &Frame::from(people).encode(RequestId(1)));
    assert_eq!(shown(&out), [("ada".to_string(), [FROM.replace("50000", "7473")].into())]);
}

#[test]
fn registry_7_an_old_number_is_not_stored_and_the_same_record_is_renewed() {
    let mut bench = with_caller(1);
    hold(&mut bench, 1, "A", 5);
    for number in [4, 5] {
        let out = bench.frame(1, &publish(&signed(1, "A", number, &reach(7_480, &[])), 1));
        assert_eq!(error(&out), Code::Stale, "{number}");
    }
    bench.pass(limits::LEASE.as_millis() as u64 - 1);
    let out = bench.frame(1, &publish(&signed(1, "A", 5, &reach(7_473, &[])), 9));
    assert!(matches!(sent(&out).as_slice(), [(1, RequestId(9), Frame::Registry(Registry::Lease(_)))]), "{out:?}");
    bench.pass(limits::LEASE.as_millis() as u64 - 1);
    assert_eq!(listed(&mut bench, ""), ["A"]);
}

#[test]
fn registry_8_a_key_and_a_source_have_room_for_so_many() {
    let mut bench = with_caller(1);
    for number in 0..limits::RECORDS_PER_KEY_MAX {
        hold(&mut bench, 1, &alloc::format!("talk {number}"), 5);
    }
    let more = publish(&signed(1, "one more", 5, &reach(7_473, &[])), 1);
    assert_eq!(error(&bench.frame(1, &more)), Code::Full);
    let renewal = publish(&signed(1, "talk 3", 6, &reach(7_473, &[])), 2);
    assert!(error_free(&bench.frame(1, &renewal)));
    let withdraw = Withdraw { record: draft(1, "talk 3").id, options: Options::NONE };
    bench.frame(1, &Frame::from(withdraw).encode(RequestId(3)));
    assert!(error_free(&bench.frame(1, &more)));
    assert_eq!(bench.machine.len(), limits::RECORDS_PER_KEY_MAX);
}

fn error_free(out: &[Output]) -> bool {
    sent(out).iter().all(|(_, _, frame)| matches!(frame, Frame::Registry(Registry::Lease(_))))
}

#[test]
fn registry_8_a_source_has_room_for_so_many_and_others_have_theirs() {
    let mut bench = server(OWN);
    let per_key = limits::RECORDS_PER_KEY_MAX;
    let keys = (limits::RECORDS_PER_SOURCE_MAX / per_key) as u8;
    for seed in 0..keys {
        call(&mut bench, seed);
        for number in 0..per_key {
            hold(&mut bench, seed, &alloc::format!("talk {number}"), 5);
        }
    }
    assert_eq!(bench.machine.len(), limits::RECORDS_PER_SOURCE_MAX);
    call(&mut bench, keys);
    let one_more = publish(&signed(keys, "one more", 5, &reach(0, &[])), 1);
    assert_eq!(error(&bench.frame(u64::from(keys), &one_more)), Code::Full);
    // Who is met nowhere any more makes room.
    assert!(error_free(&bench.frame(7, &publish(&signed(7, "talk 3", 6, &reach(0, &[])), 1))));
    assert!(error_free(&bench.frame(u64::from(keys), &one_more)));
    assert!(looked_up(&mut bench, draft(7, "talk 3").id).is_empty());
    assert_eq!(bench.machine.len(), limits::RECORDS_PER_SOURCE_MAX);
    bench.up(100, identity(100).key(), "192.0.2.8:50000", Purpose::REGISTRY, None);
    assert!(error_free(&bench.frame(100, &publish(&signed(100, "A", 5, &reach(0, &[])), 1))));
}

#[test]
fn registry_8_where_all_is_full_a_record_that_was_met_nowhere_goes() {
    let mut bench = server(OWN);
    bench.machine = bench.machine.with_room(2);
    (1..=4).for_each(|seed| call(&mut bench, seed));
    hold(&mut bench, 1, "A", 5);
    let unmet = signed(2, "B", 5, &reach(7_473, &[]));
    bench.frame(2, &publish(&unmet, 1));
    let more = publish(&signed(3, "C", 5, &reach(7_473, &[])), 1);
    assert_eq!(error(&bench.frame(3, &more)), Code::Full, "it is being dialled back");
    bench.pass(PATIENCE);
    assert!(error_free(&bench.frame(2, &publish(&unmet, 2))), "nobody goes for what is there");
    let mut forged = signed(3, "C", 5, &reach(7_473, &[]));
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(closed(&bench.frame(3, &publish(&forged, 1))), [(3, Code::Forged, Some(Rule::Registry3))]);
    assert_eq!(
        error(&bench.frame(
            2,
            &Frame::from(Withdraw { record: draft(3, "C").id, options: Options::NONE }).encode(RequestId(3))
        )),
        Code::NoRecord
    );
    assert_eq!(bench.machine.len(), 2, "nobody goes for what is forged");
    hold(&mut bench, 4, "D", 5);
    assert_eq!((bench.machine.len(), listed(&mut bench, "")), (2, ["D", "A"].map(String::from).into()));
}

#[test]
fn what_was_done_is_counted() {
    let mut bench = server(OWN);
    bench.machine = bench.machine.with_room(3);
    (1..=4).for_each(|seed| call(&mut bench, seed));
    hold(&mut bench, 1, "A", 5);
    hold(&mut bench, 1, "A", 6);
    hold(&mut bench, 2, "B", 5);
    bench.frame(3, &publish(&signed(3, "C", 5, &reach(7_473, &[])), 1));
    let counts = Counts { granted: 3, renewed: 1, dialled: 3, met: 2, ..Counts::default() };
    assert_eq!(*bench.machine.counts(), counts);
    bench.pass(PATIENCE);
    hold(&mut bench, 4, "D", 5);
    let counts = Counts { granted: 4, displaced: 1, dialled: 4, met: 3, missed: 1, ..counts };
    assert_eq!((*bench.machine.counts(), bench.machine.held(Kind::Star)), (counts, 3));
    let withdraw = Withdraw { record: draft(1, "A").id, options: Options::NONE };
    bench.frame(1, &Frame::from(withdraw).encode(RequestId(7)));
    bench.handle(Input::Down { link: LinkId(2), code: Code::Left });
    bench.handle(Input::Down { link: LinkId(4), code: Code::Cut });
    bench.pass(limits::LEASE.as_millis() as u64);
    assert_eq!(*bench.machine.counts(), Counts { withdrawn: 1, left: 1, expired: 1, ..counts });
    assert_eq!((bench.machine.held(Kind::Star), bench.machine.len()), (0, 0));
}

#[test]
fn registry_9_who_waits_in_line_to_be_dialled_back_does_not_lose_its_lease() {
    let mut bench = server(OWN);
    let in_line = limits::PROBES_PER_SOURCE_MAX * (limits::LEASE.as_secs() / limits::PROBE_PATIENCE.as_secs()) as usize;
    let keys = (in_line / limits::RECORDS_PER_KEY_MAX) as u8;
    for seed in 0..keys {
        call(&mut bench, seed);
        for number in 0..limits::RECORDS_PER_KEY_MAX {
            let title = alloc::format!("talk {number}");
            bench.frame(u64::from(seed), &publish(&signed(seed, &title, 5, &reach(7_473, &[])), 1));
        }
    }
    for seed in [keys, keys + 1] {
        call(&mut bench, seed);
        bench.frame(u64::from(seed), &publish(&signed(seed, "last", 5, &reach(7_473, &[])), 1));
    }
    bench.handle(Input::Down { link: LinkId(u64::from(keys + 1)), code: Code::Cut });
    let out = bench.pass(limits::LEASE.as_millis() as u64);
    let (dial, key, _) = dials(&out).pop().unwrap();
    assert_eq!(key, Some(identity(keys).key()), "it had no answer yet, and who is gone is not dialled");
    bench.up(9_999, identity(keys).key(), FROM, Purpose::PROBE, Some(dial));
    assert_eq!(listed(&mut bench, ""), ["last"]);
}

#[test]
fn registry_9_and_registry_11_a_dead_publishers_record_goes_with_its_lease_and_a_leavers_at_once() {
    for code in [Code::Cut, Code::Silent, Code::Renewed, Code::Slow] {
        let mut bench = with_caller(1);
        hold(&mut bench, 1, "A", 5);
        bench.handle(Input::Down { link: LinkId(1), code });
        assert_eq!(listed(&mut bench, ""), ["A"], "{code}");
        bench.pass(limits::LEASE.as_millis() as u64 - 1);
        assert_eq!(listed(&mut bench, ""), ["A"], "{code}");
        bench.pass(1);
        assert_eq!((listed(&mut bench, "").len(), bench.machine.len()), (0, 0), "{code}");
    }
    for code in [Code::Left, Code::Ended, Code::Stopped] {
        let mut bench = with_caller(1);
        hold(&mut bench, 1, "A", 5);
        bench.handle(Input::Down { link: LinkId(1), code });
        assert_eq!((listed(&mut bench, "").len(), bench.machine.len()), (0, 0), "{code}");
    }
}

#[test]
fn registry_11_a_goodbye_on_an_older_link_takes_nothing_away() {
    let mut bench = with_caller(1);
    let id = hold(&mut bench, 1, "A", 5);
    bench.up(2, identity(1).key(), FROM, Purpose::REGISTRY, None);
    let out = bench.frame(2, &publish(&signed(1, "A", 6, &reach(7_473, &[])), 1));
    assert_eq!(sent(&out).len(), 1, "within ten seconds what was met is not met anew");
    bench.handle(Input::Down { link: LinkId(1), code: Code::Left });
    assert_eq!(looked_up(&mut bench, id).len(), 1);
    bench.handle(Input::Down { link: LinkId(2), code: Code::Left });
    assert_eq!(looked_up(&mut bench, id).len(), 0);
}

#[test]
fn registry_12_one_withdraws_what_one_has_published() {
    let mut bench = with_caller(1);
    let id = hold(&mut bench, 1, "A", 5);
    call(&mut bench, 2);
    let withdraw = Frame::from(Withdraw { record: id, options: Options::NONE }).encode(RequestId(3));
    assert_eq!(error(&bench.frame(2, &withdraw)), Code::NoRecord);
    assert_eq!(listed(&mut bench, ""), ["A"]);
    let out = bench.frame(1, &withdraw);
    assert!(matches!(sent(&out).as_slice(), [(1, RequestId(3), Frame::Session(Session::Done(_)))]));
    assert_eq!((listed(&mut bench, "").len(), looked_up(&mut bench, id).len()), (0, 0));
    assert_eq!(error(&bench.frame(1, &withdraw)), Code::NoRecord);
}

#[test]
fn registry_12_who_withdraws_while_dialled_back_is_answered_for_both() {
    let mut bench = with_caller(1);
    let out = bench.frame(1, &publish(&signed(1, "A", 5, &reach(7_473, &[])), 1));
    let [(dial, ..)] = dials(&out).try_into().unwrap();
    let withdraw = Withdraw { record: draft(1, "A").id, options: Options::NONE };
    let out = bench.frame(1, &Frame::from(withdraw).encode(RequestId(2)));
    assert_eq!(sent(&out).iter().map(|(_, id, _)| id.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(closed(&bench.up(60, identity(1).key(), FROM, Purpose::PROBE, Some(dial))), [(60, Code::Left, None)]);
    assert!(bench.machine.is_empty());
}

#[test]
fn lookup_1_and_list_1_what_is_unlisted_is_found_by_its_id_alone() {
    let mut bench = with_caller(1);
    let hidden = Reach { visibility: Visibility::Unlisted, ..reach(7_473, &[]) };
    let out = bench.frame(1, &publish(&signed(1, "Secret", 5, &hidden), 1));
    let [(dial, ..)] = dials(&out).try_into().unwrap();
    bench.up(60, identity(1).key(), FROM, Purpose::PROBE, Some(dial));
    assert_eq!(listed(&mut bench, "secret").len() + listed(&mut bench, "").len(), 0);
    assert_eq!(looked_up(&mut bench, draft(1, "Secret").id), [["192.0.2.7:7473"]]);
}

#[test]
fn list_2_a_page_has_fifty_at_most_and_says_where_the_next_begins() {
    let mut bench = server(OWN);
    for seed in 0..4 {
        call(&mut bench, seed);
        for number in 0..16 {
            hold(&mut bench, seed, &alloc::format!("talk {seed} {number}"), 5);
        }
    }
    call(&mut bench, 98);
    let (mut cursor, mut all) = (0, Vec::new());
    loop {
        let out = bench.frame(98, &browse("talk", cursor));
        all.extend(shown(&out).into_iter().map(|(title, _)| title));
        cursor = match sent(&out).as_slice() {
            [(_, _, Frame::Registry(Registry::Listing(listing)))] => listing.next,
            other => panic!("{other:?}"),
        };
        if cursor == 0 {
            break;
        }
        assert_eq!(all.len(), limits::LISTED_MAX);
    }
    assert_eq!((all.len(), all.first().map(String::as_str)), (64, Some("talk 3 15")));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 64);
}

#[test]
fn the_largest_records_fill_a_listing_that_fits_a_record() {
    let mut bench = server(OWN);
    let title = "t".repeat(limits::TITLE_MAX);
    for seed in 0..4 {
        call(&mut bench, seed);
        for number in 0..16 {
            let title = alloc::format!("{}{seed:02}{number:02}", &title[4..]);
            hold(&mut bench, seed, &title, 5);
        }
    }
    call(&mut bench, 98);
    let out = bench.frame(98, &browse("", 0));
    assert_eq!(shown(&out).len(), limits::LISTED_MAX);
}

#[test]
fn list_2_who_wants_no_record_gets_none_and_where_to_go_on() {
    let mut bench = with_caller(1);
    hold(&mut bench, 1, "A", 5);
    let words = Words::new("").expect("words");
    let page = |cursor, most| Browse { shelf: Shelf::Meetings, words, cursor, most, options: Options::NONE };
    let none = bench.frame(1, &Frame::from(page(0, 0)).encode(RequestId(901)));
    assert_eq!(shown(&none).len(), 0);
    let next = match sent(&none).as_slice() {
        [(_, _, Frame::Registry(Registry::Listing(listing)))] => listing.next,
        other => panic!("{other:?}"),
    };
    assert_ne!(next, 0, "there is one");
    let one = bench.frame(1, &Frame::from(page(next, 1)).encode(RequestId(902)));
    assert_eq!(shown(&one).len(), 1);
}

#[test]
fn what_an_own_user_is_shown_is_what_a_client_would_be() {
    use crate::command::{Command, Directory};
    let mut bench = with_caller(1);
    hold(&mut bench, 1, "A", 5);
    let out = bench.handle(Input::Command {
        id: CommandId(4),
        command: Command::Directory(Directory::List { words: "a".into() }),
    });
    match events(&out).as_slice() {
        [
            Event::Listing { number: 1, title, host, population: 1, is_locked: false, .. },
            Event::Done { id: CommandId(4) },
        ] => {
            assert_eq!((title.as_str(), host.as_str()), ("A", "ada"));
        }
        other => panic!("{other:?}"),
    }
    let out = bench.handle(Input::Command { id: CommandId(5), command: Command::Lock });
    assert!(matches!(events(&out).as_slice(), [Event::Error { id: Some(CommandId(5)), .. }]));
    let out = bench.handle(Input::Command { id: CommandId(6), command: Command::Quit });
    assert!(matches!(events(&out).as_slice(), [Event::Closed { .. }]));
}

#[test]
fn a_third_of_a_lease_is_shorter_than_any_record_is_away() {
    assert!(limits::LEASE / 3 + limits::REGISTRY_BACKOFF_MAX <= Duration::from_secs(60));
}
