//! What a client asks, and what of the answers it believes.

use super::*;
use crate::command::{Command, Directory, Failure, Full};
use crate::event::Notice;
use crate::limits;
use crate::registry::record;
use crate::wire::address::Address;
use crate::wire::field::{Field as _, List};
use crate::wire::registry::{Listing as ListingFrame, Shelf};

fn client(registries: &[&str]) -> Bench<Client> {
    Bench::new(Client::new(ClientConfig {
        identity: identity(9),
        name: "bea".to_string(),
        registries: registries.iter().map(ToString::to_string).collect(),
        reach: reach(0, &[]),
        started_ms: 1,
        seed: [9; 32],
    }))
}

const QUERY: CommandId = CommandId(3);

/// A client whose question has come to each of its registries, on links from 1.
fn asked(registries: &[&str], question: Directory) -> Bench<Client> {
    let mut bench = client(registries);
    let out = bench.handle(Input::Command { id: QUERY, command: Command::Directory(question) });
    let dials = dials(&out);
    assert_eq!(dials.len(), registries.len());
    for (link, (dial, ..)) in (1..).zip(dials) {
        let out = bench.up(link, identity(200).key(), "192.0.2.1:7472", Purpose::REGISTRY, Some(dial));
        assert_eq!(sent(&out).len(), 1);
    }
    bench
}

fn list() -> Directory {
    Directory::List { words: "rust".to_string() }
}

/// LISTING of these signed records, each met at one address.
fn listing(id: u32, next: u64, records: &[Vec<u8>], address: &str) -> Encoded {
    let mut items = Vec::new();
    for record in records {
        1_u16.encode(&mut items);
        Address::of(address.parse().unwrap()).encode(&mut items);
        (record.len() as u16).encode(&mut items);
        items.extend_from_slice(record);
    }
    let records = List::over(records.len() as u16, &items);
    Frame::from(ListingFrame { next, records, options: Options::NONE }).encode(RequestId(id))
}

fn record(seed: u8, title: &str, number: u64) -> Vec<u8> {
    draft(seed, title).sign(number, UNTIL, &reach(7_473, &[]), &identity(seed)).unwrap()
}

fn title_of(event: &Event) -> Option<&str> {
    if let Event::Listing { title, .. } = event { Some(title) } else { None }
}

fn titles(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(title_of).collect()
}

#[test]
fn what_is_found_is_told_in_order_and_the_link_is_left() {
    let mut bench = asked(&["a:1"], list());
    let records = [record(1, "Rust one", 5), record(2, "Rust two", 5)];
    let out = bench.frame(1, &listing(1, 0, &records, "192.0.2.7:7473"));
    let events = events(&out);
    assert_eq!(titles(&events), ["Rust one", "Rust two"]);
    match events.as_slice() {
        [
            Event::Listing { number: 1, key, addresses, age_s, .. },
            Event::Listing { number: 2, .. },
            Event::Done { id: QUERY },
        ] => {
            assert_eq!((*key, addresses.len(), *age_s), (identity(1).key(), 1, 1_699_999_999));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(closed(&out), [(1, Code::Left, None)]);
}

#[test]
fn listing_1_a_record_that_does_not_hold_is_not_used_and_the_user_is_told() {
    let honest = record(1, "Rust one", 5);
    let mut forged = honest.clone();
    *forged.last_mut().unwrap() ^= 1;
    // H12: somebody else's record for the meeting that one looks for.
    let foreign = draft(1, "Rust one").sign(5, UNTIL, &reach(7_473, &[]), &identity(2)).unwrap();
    let other = record(2, "Rust two", 5);
    let id = draft(1, "Rust one").id;
    for wrong in [&forged, &foreign, &other] {
        let mut bench = asked(&["a:1"], Directory::Lookup { meeting: id });
        let out = bench.frame(1, &listing(1, 0, &[wrong.clone(), honest.clone()], "192.0.2.7:7473"));
        match events(&out).as_slice() {
            [
                Event::Warning(Notice::RegistryForges(registry)),
                Event::Listing { meeting, key, .. },
                Event::Done { .. },
            ] => {
                assert_eq!((registry.as_str(), *meeting, *key), ("a:1", id, identity(1).key()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn listing_1_people_are_not_meetings() {
    let person =
        Draft::of_person(identity(1).key(), "ada", 7).sign(5, UNTIL, &reach(7_473, &[]), &identity(1)).unwrap();
    let mut bench = asked(&["a:1"], list());
    let out = bench.frame(1, &listing(1, 0, core::slice::from_ref(&person), "192.0.2.7:7473"));
    assert!(matches!(events(&out).as_slice(), [Event::Warning(_), Event::Done { .. }]));
    let mut bench = asked(&["a:1"], Directory::Who);
    let out = bench.frame(1, &listing(1, 0, &[person], "192.0.2.7:7473"));
    match events(&out).as_slice() {
        [Event::Person { name, key, addresses, since_ms: 7 }, Event::Done { .. }] => {
            assert_eq!((name.as_str(), *key, addresses.len()), ("ada", identity(1).key(), 1));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn listing_2_of_two_registries_the_newer_record_counts_at_the_addresses_of_both() {
    let mut bench = asked(&["a:1", "b:1"], list());
    let older = Draft { population: 2, ..draft(1, "Rust one") };
    let newer = Draft { population: 7, ..draft(1, "Rust one") };
    let [older, newer] = [(older, 5), (newer, 6)]
        .map(|(draft, number)| draft.sign(number, UNTIL, &reach(7_473, &[]), &identity(1)).unwrap());
    let out = bench.frame(1, &listing(1, 0, &[newer, record(2, "Rust two", 1)], "192.0.2.7:7473"));
    assert_eq!(events(&out), [], "the other has not answered");
    let out = bench.frame(2, &listing(1, 0, &[older], "203.0.113.7:7473"));
    match events(&out).as_slice() {
        [Event::Listing { population: 7, addresses, .. }, Event::Listing { .. }, Event::Done { .. }] => {
            assert_eq!(
                addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
                ["192.0.2.7:7473", "203.0.113.7:7473"]
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn listing_2_registries_take_turns_so_that_none_crowds_another_out() {
    let found = |number, addresses: [&str; 3]| {
        let signed = record(1, "Rust one", number);
        let signed: Signed<'_, Record<'_>> = decode_all(&signed).unwrap();
        Found::of_held(&signed.value, &addresses.map(|address| address.parse().unwrap()))
    };
    let own = found(5, ["192.0.2.1:7473", "192.0.2.2:7473", "192.0.2.3:7473"]);
    let second = found(6, ["203.0.113.1:7473", "192.0.2.1:7473", "203.0.113.3:7473"]);
    let third = found(7, ["198.51.100.1:7473", "198.51.100.2:7473", "198.51.100.3:7473"]);
    let addresses = |found: &[&Found]| {
        let merged = Found::merged(found.iter().map(|found| (*found).clone()).collect()).unwrap();
        (merged.number, merged.addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let two = ["203.0.113.1:7473", "192.0.2.1:7473", "192.0.2.2:7473"].map(String::from);
    assert_eq!(addresses(&[&own, &second]), (6, two.into()));
    let three = ["198.51.100.1:7473", "203.0.113.1:7473", "192.0.2.1:7473"].map(String::from);
    for order in [[&own, &second, &third], [&third, &second, &own], [&second, &third, &own]] {
        assert_eq!(addresses(&order), (7, three.clone().into()));
    }
}

#[test]
fn listing_2_a_registry_that_shows_a_record_twice_has_one_turn() {
    let mut bench = asked(&["a:1", "b:1"], list());
    let one = record(1, "Rust one", 5);
    for (id, next, address) in [(1, 7, "192.0.2.1:7473"), (2, 7, "192.0.2.2:7473"), (3, 0, "192.0.2.3:7473")] {
        assert_eq!(events(&bench.frame(1, &listing(id, next, core::slice::from_ref(&one), address))), []);
    }
    let out = bench.frame(2, &listing(1, 0, &[one], "203.0.113.7:7473"));
    match events(&out).as_slice() {
        [Event::Listing { addresses, .. }, Event::Done { .. }] => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            assert_eq!(addresses, ["192.0.2.1:7473", "203.0.113.7:7473"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn listing_3_a_client_uses_what_a_registry_may_dial_and_nothing_else() {
    for near in ["127.0.0.1:7473", "10.0.0.1:7473", "169.254.169.254:7473", "192.0.2.7:80", "224.0.0.1:7473"] {
        let mut bench = asked(&["a:1"], list());
        let out = bench.frame(1, &listing(1, 0, &[record(1, "Rust one", 5)], near));
        assert!(matches!(events(&out).as_slice(), [Event::Done { .. }]), "{near}: {out:?}");
    }
}

#[test]
fn registry_15_a_client_uses_no_record_that_is_over_and_its_user_is_told_once() {
    for until_ms in [1_699_999_999_999, 1_700_000_000_000 + 86_400_001] {
        let over = |seed| draft(seed, "Rust one").sign(5, until_ms, &reach(7_473, &[]), &identity(seed)).unwrap();
        let mut bench = asked(&["a:1"], list());
        let out = bench.frame(1, &listing(1, 0, &[over(1), record(2, "Rust two", 5), over(3)], "192.0.2.7:7473"));
        assert_eq!(titles(&events(&out)), ["Rust two"]);
        let told = Notice::RegistryOver("a:1".into());
        assert!(
            matches!(events(&out).as_slice(), [Event::Warning(notice), Event::Listing { .. }, Event::Done { .. }] if *notice == told)
        );
    }
}

#[test]
fn list_2_all_pages_are_asked_for() {
    let mut bench = asked(&["a:1"], list());
    let out = bench.frame(1, &listing(1, 41, &[record(1, "Rust one", 5)], "192.0.2.7:7473"));
    match sent(&out).as_slice() {
        [(1, RequestId(2), Frame::Registry(Registry::Browse(browse)))] => {
            assert_eq!((browse.cursor, browse.shelf, browse.words.as_str()), (41, Shelf::Meetings, "rust"));
        }
        other => panic!("{other:?}"),
    }
    let out = bench.frame(1, &listing(2, 0, &[record(2, "Rust two", 5)], "192.0.2.7:7473"));
    assert_eq!(titles(&events(&out)), ["Rust one", "Rust two"]);
}

#[test]
fn a_registry_that_goes_on_for_ever_is_heard_for_a_while() {
    let mut bench = asked(&["a:1"], list());
    let page: Vec<_> = (0..50).map(|number| record(1, &alloc::format!("Rust {number}"), 5)).collect();
    let mut told = Vec::new();
    for id in 1.. {
        told = events(&bench.frame(1, &listing(id, 41, &page, "192.0.2.7:7473")));
        if !told.is_empty() {
            assert_eq!(id as usize, limits::FOUND_MAX / 50);
            break;
        }
    }
    assert_eq!(titles(&told).len(), 50, "each once");
}

#[test]
fn nobody_answers_and_the_user_is_told_what_else_works() {
    let mut bench = client(&["a:1", "b:1", "c:1"]);
    let out = bench.handle(Input::Command { id: QUERY, command: Command::Directory(list()) });
    let [(first, ..), (second, ..), (third, ..)] = dials(&out).try_into().unwrap();
    assert_eq!(events(&bench.handle(Input::Unreachable { dial: first, code: Code::Unreachable })), []);
    assert_eq!(events(&bench.handle(Input::Unreachable { dial: second, code: Code::NoListener })), []);
    let out = bench.handle(Input::Unreachable { dial: third, code: Code::NoSuchHost });
    match events(&out).as_slice() {
        [Event::Error { failure: Failure::NoAnswers(registries), id: Some(QUERY) }] => {
            let why = [("a:1", Code::Unreachable), ("b:1", Code::NoListener), ("c:1", Code::NoSuchHost)];
            assert_eq!(*registries, why.map(|(registry, code)| (registry.to_string(), code)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.pass(100_000), [], "nothing is left to be done");
    // Asked again, it dials again.
    let out = bench.handle(Input::Command { id: CommandId(4), command: Command::Directory(list()) });
    assert_eq!(dials(&out).len(), 3);
}

#[test]
fn who_is_cut_off_asks_again_and_gives_up_after_a_while() {
    let mut bench = asked(&["a:1"], list());
    assert_eq!(events(&bench.handle(Input::Down { link: LinkId(1), code: Code::Cut })), []);
    let [(dial, ..)] = dials(&bench.pass(500)).try_into().unwrap();
    let out = bench.up(2, identity(200).key(), "192.0.2.1:7472", Purpose::REGISTRY, Some(dial));
    let id = match sent(&out).as_slice() {
        [(2, id, Frame::Registry(Registry::Browse(_)))] => id.0,
        other => panic!("{other:?}"),
    };
    let out = bench.frame(2, &listing(id, 0, &[record(1, "Rust one", 5)], "192.0.2.7:7473"));
    assert_eq!(titles(&events(&out)), ["Rust one"]);

    let mut bench = client(&["a:1"]);
    let mut out = bench.handle(Input::Command { id: QUERY, command: Command::Directory(list()) });
    for times in 1.. {
        let [(dial, ..)] = dials(&out).try_into().unwrap();
        let told = events(&bench.handle(Input::Unreachable { dial, code: Code::HandshakeFailed }));
        if let [Event::Error { failure: Failure::NoAnswers(_), .. }] = told.as_slice() {
            return assert_eq!(times, 5);
        }
        out = Vec::new();
        while dials(&out).is_empty() {
            out = bench.pass(1);
        }
    }
}

#[test]
fn who_says_nothing_is_waited_for_a_while_and_the_others_answers_count() {
    let mut bench = asked(&["a:1", "b:1"], list());
    bench.frame(1, &listing(1, 0, &[record(1, "Rust one", 5)], "192.0.2.7:7473"));
    let out = bench.pass(limits::QUERY_PATIENCE.as_millis() as u64);
    match events(&out).as_slice() {
        [Event::Warning(Notice::RegistriesMissing(missing)), Event::Listing { .. }, Event::Done { .. }] => {
            assert_eq!(*missing, [("b:1".to_string(), Code::Silent)]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(closed(&out), [(2, Code::Left, None)]);
}

#[test]
fn who_only_looks_around_waits_no_longer_than_they_like_for_any_of_their_questions() {
    let mut bench = client(&["a:1", "b:1"]);
    bench.machine = bench.machine.with_patience(Duration::from_secs(1));
    let out = bench.handle(Input::Command { id: QUERY, command: Command::Directory(list()) });
    let [(first, ..), _] = dials(&out).try_into().unwrap();
    assert_eq!(bench.handle(Input::Command { id: CommandId(4), command: Command::Directory(Directory::Who) }), []);
    let out = bench.up(1, identity(200).key(), "192.0.2.1:7472", Purpose::REGISTRY, Some(first));
    assert_eq!(sent(&out).len(), 2, "both at once");
    bench.frame(1, &listing(1, 0, &[record(1, "Rust one", 5)], "192.0.2.7:7473"));
    bench.frame(1, &listing(2, 0, &[], "192.0.2.7:7473"));
    assert_eq!(events(&bench.pass(999)), []);
    let told = events(&bench.pass(1));
    assert_eq!(told.iter().filter(|event| matches!(event, Event::Done { .. })).count(), 2, "{told:?}");
    assert_eq!(titles(&told), ["Rust one"]);
}

#[test]
fn only_so_many_questions_wait() {
    let mut bench = client(&["a:1"]);
    for number in 0..=limits::QUERIES_MAX as u64 {
        let out = bench.handle(Input::Command { id: CommandId(number), command: Command::Directory(Directory::Who) });
        let is_full = matches!(events(&out).as_slice(), [Event::Error { failure: Failure::Full(Full::Questions), .. }]);
        assert_eq!(is_full, number == limits::QUERIES_MAX as u64);
    }
    let words = "x".repeat(256);
    let out = bench.handle(Input::Command { id: QUERY, command: Command::Directory(Directory::List { words }) });
    assert!(matches!(events(&out).as_slice(), [Event::Error { failure: Failure::SearchLength, .. }]));
}

#[test]
fn nobody_dials_a_client() {
    let mut bench = client(&["a:1"]);
    let out = bench.up(4, identity(1).key(), "192.0.2.1:7472", Purpose::REGISTRY, None);
    assert_eq!(closed(&out), [(4, Code::NoMeeting, Some(Rule::Registry1))]);
    let out = bench.handle(Input::Command { id: QUERY, command: Command::Quit });
    assert!(matches!(events(&out).as_slice(), [Event::Closed { code: Code::Left, .. }]));
}

#[test]
fn contact_15_of_who_is_sought_only_its_own_word_counts_and_a_registry_cannot_lie() {
    let person = |seed: u8, signer: u8| {
        Draft::of_person(identity(seed).key(), "ada", 7).sign(5, UNTIL, &reach(7_473, &[]), &identity(signer)).unwrap()
    };
    let (ada, now) = (identity(1).key(), Now { tick: Instant(1_000), unix_ms: 1_700_000_000_000 });
    let found = |records: &[Vec<u8>]| {
        let (mut bench, mut out) = (client(&["a:1"]), Vec::new());
        bench.machine.seek(alloc::vec![ada], now, &mut out);
        let (dial, ..) = dials(&out).remove(0);
        let out = bench.up(1, identity(200).key(), "192.0.2.1:7472", Purpose::REGISTRY, Some(dial));
        match sent(&out).as_slice() {
            [(1, _, Frame::Registry(Registry::Lookup(lookup)))] => assert_eq!(lookup.record, record::person(ada)),
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.machine.take_found(), None);
        let out = bench.frame(1, &listing(1, 0, records, "192.0.2.7:7473"));
        assert_eq!(closed(&out), [(1, Code::Left, None)], "it is asked nothing else");
        let forges = |event: &&Event| matches!(event, Event::Warning(Notice::RegistryForges(_)));
        let warned = events(&out).iter().filter(forges).count();
        assert_eq!(warned, events(&out).len());
        (bench.machine.take_found(), warned)
    };
    let there = alloc::vec!["192.0.2.7:7473".to_string()];
    assert_eq!(found(&[person(1, 1)]), (Some((ada, there.clone())), 0));
    assert_eq!(found(&[]), (Some((ada, alloc::vec![])), 0));
    let mut forged = person(1, 1);
    *forged.last_mut().unwrap() ^= 1;
    // Somebody else's own record, somebody else's for her id, a meeting of hers, and one that nobody has signed.
    let foreign = [person(2, 2), person(1, 2), record(1, "Rust", 5), forged];
    assert_eq!(found(&foreign), (Some((ada, alloc::vec![])), 4));
    assert_eq!(found(&[foreign.to_vec(), alloc::vec![person(1, 1)]].concat()), (Some((ada, there)), 4));
}

#[test]
fn contact_15_many_who_are_sought_take_turns_and_do_not_outlast_patience() {
    let (mut bench, mut out) = (client(&["a:1"]), Vec::new());
    let keys: Vec<Key> = (1..=20).map(|number| Key([number; 32])).collect();
    let now = bench.now;
    bench.machine.seek(keys.clone(), now, &mut out);
    bench.machine.seek(keys.clone(), now, &mut out);
    bench.machine.assert_invariants();
    let (dial, ..) = dials(&out).remove(0);
    let out = bench.up(1, identity(200).key(), "192.0.2.1:7472", Purpose::REGISTRY, Some(dial));
    assert_eq!(sent(&out).len(), limits::LOOKUPS_MAX);
    let question = bench.handle(Input::Command { id: QUERY, command: Command::Directory(list()) });
    assert_eq!(sent(&question).len(), 1, "the user does not wait for them");
    bench.pass(60_000);
    let mut found: Vec<Key> = core::iter::from_fn(|| bench.machine.take_found()).map(|(key, _)| key).collect();
    found.dedup();
    assert!(keys.iter().all(|key| found.contains(key)), "{}", found.len());
}

#[test]
fn probe_4_a_client_that_is_dialled_back_says_goodbye_and_nothing_else() {
    let mut bench = client(&["a:1"]);
    let out = bench.up(4, identity(1).key(), "192.0.2.1:7472", Purpose::PROBE, None);
    assert_eq!(closed(&out), [(4, Code::Left, None)]);
}
