//! Ranges that the page prints: of letters, of addresses, of the numbers of frames and options.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tertulia_core::address::Scope;
use tertulia_core::wire::entry::{EntryBody, Lane};
use tertulia_core::wire::field::Name;
use tertulia_core::wire::frame::infos;
use tertulia_core::wire::option;

use crate::page::Page;
use crate::requirements::requirements;

fn rule(id: &str) -> String {
    requirements(&Page::read()).into_iter().find(|(known, ..)| known == id).unwrap().2
}

/// `U+0000–001F` and `U+00AD`, both ends included.
fn letters(text: &str) -> Vec<(u32, u32)> {
    let is_end = |letter: char| !letter.is_ascii_hexdigit() && letter != '–';
    let ranges = text.split("U+").skip(1).map(|range| range.split(is_end).next().unwrap());
    let number = |hex: &str| u32::from_str_radix(hex, 16).unwrap();
    ranges
        .map(|range| range.split_once('–').unwrap_or((range, range)))
        .map(|(low, high)| (number(low), number(high)))
        .collect()
}

#[test]
fn the_letters_of_field_2_are_the_codes() {
    let text = rule("FIELD-2");
    let (forbidden, joiners) = text.split_once("Of U+").unwrap();
    let (forbidden, joiners) = (letters(forbidden), letters(&format!("U+{}", joiners.split(" (").next().unwrap())));
    let marks = |text: &str| -> Vec<char> { text.split('`').skip(1).step_by(2).flat_map(str::chars).collect() };
    let (anywhere, first) = text.split_once("none of").map(|(one, other)| (marks(one), marks(other))).unwrap();
    let is_in = |ranges: &[(u32, u32)], letter: char| {
        ranges.iter().any(|(low, high)| (*low..=*high).contains(&u32::from(letter)))
    };
    for letter in '\0'..=char::MAX {
        let is_forbidden = is_in(&forbidden, letter) || anywhere.contains(&letter);
        assert_eq!(Name::new(&format!("a{letter}")).is_none(), is_forbidden, "{letter:?} in a name");
        let is_not_first = is_forbidden || first.contains(&letter) || is_in(&joiners, letter);
        assert_eq!(Name::new(&format!("{letter}a")).is_none(), is_not_first, "{letter:?} in front");
        let is_joiner = Name::new(&format!("a{letter}\u{200c}")).is_none() && !is_forbidden;
        assert_eq!(is_joiner, is_in(&joiners, letter), "{letter:?} is a joiner");
    }
}

/// The networks of ADDRESS-4, each with the word before its brackets.
fn networks(text: &str) -> Vec<(Scope, IpAddr, u32)> {
    let (_, near) = text.split_once("*near*").unwrap();
    let mut scope = Scope::World;
    let mut found = Vec::new();
    for word in near.split([' ', '(', ')', ',', ';', '`']) {
        scope = match word {
            "loopback" => Scope::Machine,
            "link-local" => Scope::Cable,
            "private" => Scope::Site,
            _ => scope,
        };
        let (ip, bits) = word.split_once('/').unwrap_or((word, "128"));
        found.extend(ip.parse().ok().map(|ip| (scope, ip, bits.parse().unwrap())));
    }
    found
}

#[test]
fn the_networks_of_address_4_are_the_codes() {
    let networks = networks(&rule("ADDRESS-4"));
    assert_eq!(networks.len(), 8);
    let is_in = |ip: IpAddr, of: IpAddr, bits: u32| match (ip, of) {
        (IpAddr::V4(ip), IpAddr::V4(of)) => (ip.to_bits() ^ of.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(ip), IpAddr::V6(of)) => (ip.to_bits() ^ of.to_bits()).leading_zeros() >= bits,
        _ => false,
    };
    let said =
        |ip| networks.iter().find(|(_, of, bits)| is_in(ip, *of, *bits)).map_or(Scope::World, |(scope, ..)| *scope);
    for block in 0..=u16::MAX {
        for end in [0, 1, u16::MAX] {
            let ip = IpAddr::V4(Ipv4Addr::from_bits(u32::from(block) << 16 | u32::from(end)));
            assert_eq!(Scope::of(ip), said(ip), "{ip}");
            let ip = Ipv6Addr::from([block, 0, 0, 0, 0, 0, 0, end]);
            if !ip.is_unicast_link_local() {
                assert_eq!(Scope::of(ip.into()), said(ip.into()), "{ip}");
            }
        }
    }
    // What is in no such network and yet dialled by nobody.
    let unspecified = |ip: [u8; 4]| tertulia_core::address::may_be_dialled((ip, 7473).into(), Scope::Machine);
    assert!(rule("ADDRESS-4").contains("0.0.0.0/8") && !unspecified([0, 255, 255, 255]) && unspecified([1, 0, 0, 0]));
}

/// Who gives out which numbers (SPEC.md, "Extension").
pub(crate) fn rows(page: &mut Page) -> [Vec<Vec<String>>; 2] {
    ["ranges", "lanes"].map(|table| page.table(table))
}

fn number(hex: &str) -> u16 {
    u16::from_str_radix(hex.trim().strip_prefix("0x").unwrap(), 16).unwrap()
}

#[test]
fn every_lane_is_given_out_by_somebody() {
    let [_, rows] = rows(&mut Page::read());
    let range = |row: &Vec<String>| row[0].split_once('–').map(|(low, high)| number(low)..=number(high)).unwrap();
    let [ours, grease] = &rows[..] else { panic!("{rows:?}") };
    assert!(grease[1].starts_with("GREASE:"), "{grease:?}");
    let (ours, grease) = (range(ours), range(grease));
    assert_eq!((*ours.start(), ours.end() + 1, *grease.end()), (0, *grease.start(), u8::MAX.into()), "a gap");
    let lane = |number: u16| Lane::Register(u8::try_from(number).unwrap());
    assert!(grease.clone().map(lane).eq((0..=0xf).map(Lane::grease)), "{grease:?}");
    assert!((2..=u8::MAX.into()).all(|number| lane(number).is_grease() == grease.contains(&number)));
    assert!(EntryBody::kinds().iter().all(|(_, _, lane, _)| ours.contains(&lane.number().into())));
}

#[test]
fn every_number_of_a_frame_option_or_kind_is_given_out_by_somebody() {
    let [rows, _] = rows(&mut Page::read());
    let mut given = BTreeMap::new();
    let mut grease = Vec::new();
    for row in &rows {
        if let Some((listed, last)) = row[0].split_once('…') {
            let listed: Vec<u16> = listed.split(',').filter(|one| !one.trim().is_empty()).map(number).collect();
            let step = listed[1] - listed[0];
            grease = (listed[0]..=number(last)).step_by(step.into()).collect();
            continue;
        }
        let (low, high) = row[0].rsplit(' ').next().unwrap().split_once('–').unwrap();
        given.insert(number(low), number(high));
    }
    let mut next = Some(0);
    for (low, high) in &given {
        assert_eq!(Some(*low), next, "{rows:?} leave a gap, or say a number twice");
        next = high.checked_add(1);
    }
    assert_eq!((next, given.len(), rows.len()), (None, 4, 5), "{rows:?}");
    let ours = *given.first_key_value().unwrap().1;
    let kinds = infos().map(|info| info.kind).chain(option::ALL.iter().map(|option| option.kind));
    let kinds = kinds.chain(EntryBody::kinds().into_iter().map(|(number, ..)| number));
    assert!(kinds.max().unwrap() <= ours, "a number that the page does not give out");
    let unused: Vec<u16> = (0..=u16::MAX).filter(|kind| option::is_grease(*kind)).collect();
    assert_eq!(grease, unused);
    assert!(rule("EXT-2").replace('`', "").contains(&rows[1][0]), "EXT-2 does not say {}", rows[1][0]);
    assert!((0..=u8::MAX).all(|drawn| unused.contains(&option::grease(drawn))));
    let around = given.range(..=unused[0]).next_back().unwrap();
    assert_eq!((*around.0, *around.1), (unused[0] & 0xff00, unused[0] | 0xff), "GREASE lies between");
}
