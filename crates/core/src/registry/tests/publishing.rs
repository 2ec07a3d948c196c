//! What a client publishes, renews, withdraws, and how it bears a registry that is not there.

use super::*;
use crate::command::{Command, Directory, Failure};
use crate::event::Notice;
use crate::limits;
use crate::registry::record::holds;
use crate::wire::address::Address;
use crate::wire::field::{List, encode_items};
use crate::wire::registry::Lease;
use crate::wire::session::{Done, Refused};

const REGISTRY: &str = "registry.example:7472";

/// When the client's run has started.
const STARTED_MS: u64 = 1_700_000_000_000;
/// The number of a run's first record.
const FIRST: u64 = STARTED_MS * 65_536 + 1;

fn client(seed: u8, registries: &[&str]) -> Bench<Client> {
    started(STARTED_MS, seed, registries)
}

fn started(started_ms: u64, seed: u8, registries: &[&str]) -> Bench<Client> {
    Bench::new(Client::new(ClientConfig {
        identity: identity(seed),
        name: "ada".to_string(),
        registries: registries.iter().map(ToString::to_string).collect(),
        reach: reach(7_473, &[]),
        started_ms,
        seed: [seed; 32],
    }))
}

impl Bench<Client> {
    /// Says what is held: a lecture by `seed`, at which there are so many.
    fn holds(&mut self, seed: u8, population: u32) -> Vec<Output> {
        let charter = charter(&identity(seed), Purpose::STAR, "Rust for all");
        let listing = Listing { charter: &charter, name: "ada", population, door: Door::Unlocked, since_ms: 7 };
        let mut out = Vec::new();
        self.machine.publish(Some(listing), self.now, &mut out);
        self.machine.assert_invariants();
        out
    }

    fn answered(&mut self, dial: DialId, link: u64) -> Vec<Output> {
        self.up(link, identity(200).key(), "192.0.2.1:7472", Purpose::REGISTRY, Some(dial))
    }

    /// Has the one PUBLISH of `out` answered.
    fn leased(&mut self, out: &[Output], addresses: &[&str]) -> Vec<Output> {
        let (link, id, _) = published(out);
        let addresses = addresses.iter().map(|address| Address::of(address.parse().unwrap()));
        let (count, items) = encode_items(addresses, 3);
        let lease = Lease { lease_ms: 90_000, addresses: List::over(count, &items), options: Options::NONE };
        self.frame(link, &Frame::from(lease).encode(RequestId(id)))
    }
}

/// Link, request and record of the one PUBLISH of `out`.
fn published(out: &[Output]) -> (u64, u32, Found) {
    match sent(out).as_slice() {
        [(link, id, Frame::Registry(Registry::Publish(publish)))] => {
            let record = &publish.record.0;
            check(record, &identity(1)).expect("an honest client's record holds");
            (*link, id.0, Found::of_held(&record.value, &[]))
        }
        other => panic!("{other:?}"),
    }
}

/// A client whose registry has its record.
fn listed() -> Bench<Client> {
    let mut bench = client(1, &[REGISTRY]);
    let [(dial, peer, address)] = dials(&bench.holds(1, 1)).try_into().unwrap();
    assert_eq!((peer, address.as_str()), (None, REGISTRY), "whoever answers there");
    let out = bench.answered(dial, 5);
    let (_, _, record) = published(&out);
    assert_eq!((record.population, record.number), (1, FIRST));
    let out = bench.leased(&out, &["192.0.2.7:7473"]);
    match events(&out).as_slice() {
        [Event::Published { registry, record, addresses }] => {
            assert_eq!((registry.as_str(), *record), (REGISTRY, draft(1, "Rust for all").id));
            assert_eq!(addresses.len(), 1);
        }
        other => panic!("{other:?}"),
    }
    bench
}

#[test]
fn registry_15_a_record_is_signed_anew_when_half_of_its_life_is_over() {
    let mut bench = listed();
    let (life, half) = (limits::RECORD_LIFE.as_millis() as u64, limits::RECORD_LIFE.as_millis() as u64 / 2);
    let mut numbers = alloc::vec![];
    while bench.now.unix_ms < STARTED_MS + life + half {
        let out = bench.pass(30_000);
        let (_, _, record) = published(&out);
        assert!((half..=life).contains(&(record.until_ms - bench.now.unix_ms)), "{record:?}");
        numbers.push(record.number);
        bench.leased(&out, &["192.0.2.7:7473"]);
    }
    numbers.dedup();
    assert_eq!(numbers, [FIRST, FIRST + 1, FIRST + 2]);
}

#[test]
fn registry_15_who_wakes_up_or_whose_clock_is_set_says_nothing_that_is_over() {
    for hours in [-13_i64, 7, 13, 1_000] {
        let is_honest = |bench: &Bench<Client>, out: &[Output]| {
            let (_, _, record) = published(out);
            assert!(holds(record.until_ms, bench.now), "{hours}: {record:?}");
            assert_eq!(record.number, FIRST + 1, "{hours}");
        };
        let mut bench = listed();
        bench.now.unix_ms = STARTED_MS.checked_add_signed(hours * 3_600_000).unwrap();
        let out = bench.pass(30_000);
        is_honest(&bench, &out);
        // The same over a link that comes only then.
        let mut bench = listed();
        bench.handle(Input::Down { link: LinkId(5), code: Code::Cut });
        let [(dial, ..)] = dials(&bench.pass(30_000)).try_into().unwrap();
        bench.now.unix_ms = STARTED_MS.checked_add_signed(hours * 3_600_000).unwrap();
        let out = bench.answered(dial, 6);
        is_honest(&bench, &out);
    }
}

#[test]
fn registry_10_a_lease_is_renewed_at_a_third_of_it() {
    let mut bench = listed();
    for _ in 0..3 {
        assert_eq!(bench.pass(29_999), []);
        let out = bench.pass(1);
        let (_, _, record) = published(&out);
        assert_eq!(record.number, FIRST, "the same record, not signed anew");
        assert_eq!(bench.leased(&out, &["192.0.2.7:7473"]), [], "nothing new");
    }
    let out = bench.pass(30_000);
    assert!(
        matches!(events(&bench.leased(&out, &[])).as_slice(), [Event::Published { addresses, .. }] if addresses.is_empty())
    );
}

#[test]
fn a_change_is_published_and_many_of_them_as_one() {
    let mut bench = listed();
    assert_eq!(bench.holds(1, 1), []);
    assert_eq!(bench.holds(1, 2), [], "the last one is too young");
    (3..100).for_each(|population| assert_eq!(bench.holds(1, population), []));
    let out = bench.pass(limits::PUBLISH_INTERVAL.as_millis() as u64);
    let (_, _, record) = published(&out);
    assert_eq!((record.population, record.number), (99, FIRST + 1));
    // One that comes while the last is on its way waits for its answer.
    bench.pass(limits::PUBLISH_INTERVAL.as_millis() as u64);
    assert_eq!(bench.holds(1, 1), []);
    assert_eq!(published(&bench.leased(&out, &["192.0.2.7:7473"])).2.population, 1);
}

#[test]
fn registry_14_numbers_rise_though_the_clock_goes_back() {
    let mut bench = listed();
    bench.pass(limits::PUBLISH_INTERVAL.as_millis() as u64);
    bench.now.unix_ms -= 1_000_000;
    let second = published(&bench.holds(1, 2)).2.number;
    assert_eq!(second, FIRST + 1);
    // The next run, an hour ago by the clock: HELLO-7 has it start a millisecond after the first.
    let mut next = started(STARTED_MS + 1, 1, &[REGISTRY]);
    next.now.unix_ms = STARTED_MS - 3_600_000;
    let [(dial, ..)] = dials(&next.holds(1, 1)).try_into().unwrap();
    let third = published(&next.answered(dial, 5)).2.number;
    assert!(third > second, "{third} would be stale after {second}");
}

#[test]
fn registry_13_a_registry_that_is_gone_is_dialled_again_and_the_user_told_once() {
    let mut bench = listed();
    let (mut warnings, mut times, mut last) = (0, 0, bench.now.tick);
    let mut out = bench.handle(Input::Down { link: LinkId(5), code: Code::Cut });
    let start = bench.now.tick;
    while bench.now.tick.since(start) < Duration::from_secs(600) {
        warnings +=
            events(&out).iter().filter(|event| matches!(event, Event::Warning(Notice::RegistryAway { .. }))).count();
        out = bench.pass(1);
        for (dial, ..) in dials(&out) {
            assert!(bench.now.tick.since(last) <= limits::REGISTRY_BACKOFF_MAX + Duration::from_millis(1));
            (times, last) = (times + 1, bench.now.tick);
            out = bench.handle(Input::Unreachable { dial, code: Code::Unreachable });
        }
    }
    assert_eq!(warnings, 1);
    assert!((20..120).contains(&times), "{times}");
    // It is back: what it has lost is published at once, and a new loss is a new story.
    let [(dial, ..)] = dials(&bench.pass(30_000)).try_into().unwrap();
    let out = bench.answered(dial, 6);
    let out = bench.leased(&out, &["192.0.2.7:7473"]);
    assert!(matches!(events(&out).as_slice(), [Event::Published { .. }]), "the user knows that it was gone: {out:?}");
    let out = bench.handle(Input::Down { link: LinkId(6), code: Code::Stopped });
    assert_eq!(events(&out).len(), 1);
}

#[test]
fn registry_11_a_meeting_that_is_over_is_taken_back_with_a_goodbye() {
    let mut bench = listed();
    let mut out = Vec::new();
    bench.machine.publish(None, bench.now, &mut out);
    assert_eq!(closed(&out), [(5, Code::Left, None)]);
    assert_eq!(bench.machine.poll_timeout().map(|_| bench.pass(100_000)).unwrap_or_default(), []);
    let mut bench = listed();
    let mut out = Vec::new();
    bench.machine.leave(&mut out);
    assert_eq!(closed(&out), [(5, Code::Left, None)]);
    assert_eq!((bench.pass(100_000), bench.holds(1, 9)), (Vec::new(), Vec::new()));
}

#[test]
fn registry_12_who_unregisters_and_still_hosts_withdraws_the_one() {
    let mut bench = listed();
    let register = |bench: &mut Bench<Client>, wish| {
        bench.handle(Input::Command { id: CommandId(3), command: Command::Directory(wish) })
    };
    let out = register(&mut bench, Directory::Register);
    assert!(matches!(events(&out).as_slice(), [Event::Done { id: CommandId(3) }]));
    let (_, _, record) = published(&out);
    assert_eq!((record.kind, record.id), (Kind::Person, person(identity(1).key())));
    bench.leased(&out, &["192.0.2.7:7473"]);
    let out = register(&mut bench, Directory::Unregister);
    let id = match sent(&out).as_slice() {
        [(5, id, Frame::Registry(Registry::Withdraw(withdraw)))] if withdraw.record == person(identity(1).key()) => *id,
        other => panic!("{other:?}"),
    };
    assert_eq!(bench.frame(5, &Frame::from(Done { options: Options::NONE }).encode(id)), []);
    assert_eq!(sent(&bench.pass(31_000)).len(), 1, "the meeting's record alone is renewed");
}

fn wish(bench: &mut Bench<Client>, wish: Directory) -> Vec<Output> {
    bench.handle(Input::Command { id: CommandId(3), command: Command::Directory(wish) })
}

#[test]
fn who_holds_no_meeting_registers_renames_and_unregisters_alone() {
    let mut bench = client(1, &[REGISTRY]);
    let out = wish(&mut bench, Directory::Unregister);
    assert!(matches!(events(&out).as_slice(), [Event::Error { failure: Failure::NotRegistered, .. }]), "{out:?}");
    let out = wish(&mut bench, Directory::Register);
    let [(dial, ..)] = dials(&out).try_into().unwrap();
    let out = bench.answered(dial, 5);
    let (_, _, first) = published(&out);
    assert_eq!((first.kind, first.name.as_str()), (Kind::Person, "ada"));
    assert!(matches!(events(&bench.leased(&out, &[])).as_slice(), [Event::Published { .. }]));
    bench.pass(limits::PUBLISH_INTERVAL.as_millis() as u64);
    let mut out = Vec::new();
    bench.machine.rename("bea", bench.now, &mut out);
    let (_, _, second) = published(&out);
    assert_eq!((second.name.as_str(), second.since_ms), ("bea", first.since_ms));
    assert_eq!(bench.leased(&out, &[]), [], "nothing new");
    // Whoever has opened a port meanwhile wants to know.
    bench.pass(limits::PUBLISH_INTERVAL.as_millis() as u64);
    let out = wish(&mut bench, Directory::Register);
    assert!(matches!(events(&bench.leased(&out, &[])).as_slice(), [Event::Published { .. }]), "{out:?}");
    let out = wish(&mut bench, Directory::Unregister);
    assert_eq!(closed(&out), [(5, Code::Left, None)], "REGISTRY-11: the record goes with its link");
    assert_eq!(bench.pass(100_000), []);
}

#[test]
fn registry_13_who_registers_where_nobody_answers_is_told_once_and_once_more_on_asking_again() {
    let mut bench = client(1, &[REGISTRY]);
    for _ in 0..2 {
        let mut out = wish(&mut bench, Directory::Register);
        let mut told = Vec::new();
        for _ in 0..5 {
            let [(dial, ..)] = dials(&out).try_into().unwrap();
            told.extend(events(&bench.handle(Input::Unreachable { dial, code: Code::NoListener })));
            out = loop {
                let out = bench.pass(1);
                if !out.is_empty() {
                    break out;
                }
            };
        }
        let [(dial, ..)] = dials(&out).try_into().unwrap();
        bench.handle(Input::Unreachable { dial, code: Code::NoListener });
        assert!(
            matches!(told.as_slice(), [Event::Warning(Notice::RegistryAway { of_meeting: false, .. })]),
            "{told:?}"
        );
    }
}

#[test]
fn a_rename_shows_in_the_persons_record_too() {
    let mut bench = listed();
    let out = bench.handle(Input::Command { id: CommandId(3), command: Command::Directory(Directory::Register) });
    bench.leased(&out, &[]);
    bench.pass(limits::PUBLISH_INTERVAL.as_millis() as u64);
    let charter = charter(&identity(1), Purpose::STAR, "Rust for all");
    let listing = Listing { charter: &charter, name: "bea", population: 1, door: Door::Locked, since_ms: 7 };
    let mut out = Vec::new();
    bench.machine.rename("bea", bench.now, &mut out);
    bench.machine.publish(Some(listing), bench.now, &mut out);
    bench.machine.rename("bea", bench.now, &mut out);
    let names: Vec<_> = sent(&out)
        .iter()
        .map(|(_, _, frame)| match frame {
            Frame::Registry(Registry::Publish(publish)) => publish.record.0.value.particulars,
            other => panic!("{other:?}"),
        })
        .map(|particulars| (particulars.kind, particulars.name.as_str().to_string(), particulars.door))
        .collect();
    let expected = [(Kind::Star, Door::Locked), (Kind::Person, Door::Unlocked)];
    assert_eq!(names.len(), 2);
    assert!(expected.iter().all(|(kind, door)| names.contains(&(*kind, "bea".to_string(), *door))), "{names:?}");
}

#[test]
fn registry_8_a_record_that_is_not_taken_is_tried_again_and_the_user_told() {
    let mut bench = client(1, &[REGISTRY]);
    let [(dial, ..)] = dials(&bench.holds(1, 1)).try_into().unwrap();
    let out = bench.answered(dial, 5);
    let (link, id, _) = published(&out);
    let reason = crate::wire::field::Reason::cut("no room");
    let refused = Frame::from(Refused { code: Code::Full, reason, options: Options::NONE }).encode(RequestId(id));
    let out = bench.frame(link, &refused);
    assert!(matches!(events(&out).as_slice(), [Event::Warning(Notice::RegistryRefuses { code: Code::Full, .. })]));
    assert_eq!(sent(&out).len(), 0);
    assert_eq!(published(&bench.pass(30_000)).2.population, 1);
}

#[test]
fn several_registries_have_it_each_on_its_own() {
    let mut bench = client(1, &["a:1", "b:1"]);
    let [(first, ..), (second, ..)] = dials(&bench.holds(1, 1)).try_into().unwrap();
    let out = bench.handle(Input::Unreachable { dial: first, code: Code::Unreachable });
    assert_eq!(events(&out).len(), 1);
    let out = bench.answered(second, 8);
    assert_eq!(published(&out).0, 8);
    assert_eq!(events(&bench.leased(&out, &["192.0.2.7:7473"])).len(), 1);
}

#[test]
fn registry_2_an_answer_of_another_kind_ends_the_link() {
    let mut bench = client(1, &[REGISTRY]);
    let [(dial, ..)] = dials(&bench.holds(1, 1)).try_into().unwrap();
    let out = bench.answered(dial, 5);
    let (link, id, _) = published(&out);
    let out = bench.frame(link, &Frame::from(Done { options: Options::NONE }).encode(RequestId(id)));
    assert_eq!(closed(&out), [(5, Code::Unexpected, Some(Rule::Registry2))]);
    assert_eq!(dials(&bench.pass(30_000)).len(), 1);
}

#[test]
fn without_registries_nothing_is_dialled_and_what_is_asked_is_refused() {
    let mut bench = client(1, &[]);
    assert_eq!(bench.holds(1, 1), []);
    let out = bench.handle(Input::Command { id: CommandId(3), command: Command::Directory(Directory::Who) });
    assert!(matches!(events(&out).as_slice(), [Event::Error { failure: Failure::NoRegistry, id: Some(CommandId(3)) }]));
    assert_eq!(bench.machine.poll_timeout(), None);
}

#[test]
fn who_listens_nowhere_cannot_register() {
    let mut bench = Bench::new(Client::new(ClientConfig {
        identity: identity(1),
        name: "ada".to_string(),
        registries: [REGISTRY.to_string()].into(),
        reach: reach(0, &[]),
        started_ms: 1,
        seed: [1; 32],
    }));
    let out = bench.handle(Input::Command { id: CommandId(3), command: Command::Directory(Directory::Register) });
    assert!(matches!(events(&out).as_slice(), [Event::Error { failure: Failure::NotListening, .. }]));
    assert_eq!(dials(&out), []);
}
