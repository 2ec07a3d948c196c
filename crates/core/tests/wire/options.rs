use tertulia_core::limits::OPTIONS_MAX;
use tertulia_core::rule::Rule;
use tertulia_core::wire::field::{Name, Reason};
use tertulia_core::wire::frame::Decoded;
use tertulia_core::wire::option::{ALL, CHAIN, NAME, Options, OptionsBuffer, PORT, SOFTWARE, is_grease};
use tertulia_core::wire::session::Session;
use tertulia_core::wire::{Frame, decode};

use super::{broken, fault, frame, option, smallest};

const HELLO: u16 = 0;
const FIELDS: usize = 8 + 1 + 16 + 8;

fn hello(options: &[Vec<u8>]) -> Vec<u8> {
    frame(HELLO, 0, &[vec![0; FIELDS - 8], options.concat()].concat())
}

fn options<'a>(decoded: &Decoded<'a>) -> Options<'a> {
    match decoded.frame {
        Some(Frame::Session(Session::Hello(hello))) => hello.options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn option_1_types_rise() {
    let name = option(0x0010, b"\x03bea");
    let odd = option(0x0013, b"");
    assert!(decode(&hello(&[name.clone(), odd.clone()])).is_ok());
    assert_eq!(fault(&hello(&[odd.clone(), name.clone()])), (Rule::Option1, FIELDS + odd.len()));
    assert_eq!(fault(&hello(&[name.clone(), name.clone()])), (Rule::Option1, FIELDS + name.len()));
    assert_eq!(broken(&hello(&[option(0xffff, b""), option(0x0001, b"\0")])), Rule::Option1);
}

#[test]
fn option_1_there_are_at_most_64() {
    let many = |count: usize| -> Vec<_> {
        (0..count).map(|at| option(0x8001 + u16::try_from(at * 2).unwrap(), b"")).collect()
    };
    assert!(decode(&hello(&many(OPTIONS_MAX))).is_ok());
    assert_eq!(broken(&hello(&many(OPTIONS_MAX + 1))), Rule::Option1);
}

#[test]
fn option_2_an_unknown_even_type_is_refused_and_an_odd_one_is_skipped() {
    for kind in 0..=u16::MAX {
        if [SOFTWARE.kind, NAME.kind, PORT.kind].contains(&kind) {
            continue;
        }
        let bytes = hello(&[option(kind, b"value")]);
        if kind % 2 == 0 {
            assert_eq!(fault(&bytes), (Rule::Option2, FIELDS), "{kind:#06x}");
        } else {
            assert_eq!(options(&decode(&bytes).unwrap()).iter().next(), Some((kind, b"value".as_slice())));
        }
    }
}

#[test]
fn option_2_what_another_frame_may_carry_is_unknown_here() {
    assert_eq!(broken(&hello(&[option(CHAIN.kind, &[0; 2])])), Rule::Option2);
    let ping = frame(0x0004, 0, &option(NAME.kind, b"\x03bea"));
    assert_eq!(fault(&ping), (Rule::Option2, 8));
    assert!(decode(&frame(0x0004, 0, &option(0x3f11, b"x"))).is_ok());
}

#[test]
fn frame_2_and_frame_3_an_option_has_exactly_the_bytes_of_its_value() {
    assert_eq!(fault(&hello(&[option(NAME.kind, b"\x04bea")])), (Rule::Frame2, FIELDS + 4));
    assert_eq!(fault(&hello(&[option(NAME.kind, b"\x02bea")])), (Rule::Frame3, FIELDS + 4));
    assert_eq!(fault(&hello(&[option(NAME.kind, b"\x01*")])), (Rule::Field2, FIELDS + 4));
    assert_eq!(
        broken(&frame(0x0040, 1, &[vec![0; 16], option(CHAIN.kind, &[&[0, 1][..], &[0; 104]].concat())].concat())),
        Rule::Frame2
    );
    assert_eq!(
        broken(&frame(0x0040, 1, &[vec![0; 16], option(CHAIN.kind, &[&[0, 1][..], &[0; 106]].concat())].concat())),
        Rule::Frame3
    );
    // H17: an option that says it is longer than its frame.
    let mut bytes = hello(&[option(0x3f01, b"1234")]);
    bytes[FIELDS + 2..FIELDS + 4].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(broken(&bytes), Rule::Frame2);
}

#[test]
fn options_are_written_in_order_whatever_order_they_were_set_in() {
    let mut buffer = OptionsBuffer::default();
    buffer.set_raw(0x3f01, b"grease".to_vec());
    buffer.set(&NAME, &Name::new("bea").unwrap());
    buffer.set(&NAME, &Name::new("Bea").unwrap());
    buffer.set(&SOFTWARE, &Reason::cut("test"));
    let kinds: Vec<u16> = buffer.options().iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [0x0001, 0x0010, 0x3f01]);
    assert_eq!(buffer.options().find::<Name<'_>>(&NAME).map(Name::as_str), Some("Bea"));
    assert_eq!(buffer.options().find::<Name<'_>>(&CHAIN), None);
}

#[test]
fn grease_is_odd_and_nobodys_option() {
    let grease: Vec<u16> = (0..=u16::MAX).filter(|kind| is_grease(*kind)).collect();
    assert_eq!(grease.len(), 16);
    assert!(grease.iter().all(|kind| kind % 2 == 1 && ALL.iter().all(|known| known.kind != *kind)));
    assert_eq!((grease[0], grease[15]), (0x3f01, 0x3ff1));
    assert!(ALL.is_sorted_by(|one, next| one.kind < next.kind));
    assert!(smallest("HELLO").len() == FIELDS);
}
