use tertulia_core::id::{Key, MeetingId, RequestId, Token};
use tertulia_core::limits::{NAME_MAX, PRESENCE_NAMES_MAX, RANGES_MAX, ROWS_MAX, TEXT_MAX, TITLE_MAX};
use tertulia_core::rule::Rule;
use tertulia_core::wire::address::Address;
use tertulia_core::wire::field::{Name, Reason, Text, Title, decode_all, encode_alone};
use tertulia_core::wire::private::Tell;
use tertulia_core::wire::session::Bye;
use tertulia_core::wire::{Frame, decode};

use super::{broken, fault, frame, smallest, text8};

const RENAME: u16 = 0x004e;
const TELL: u16 = 0x0060;

fn rename(name: &str) -> Vec<u8> {
    frame(RENAME, 1, &text8(name))
}

fn tell(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    frame(TELL, 1, &[[0; 16].as_slice(), &length.to_be_bytes(), text].concat())
}

#[test]
fn field_1_text_is_utf_8_within_its_bounds() {
    for bytes in [[0xff].as_slice(), b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        assert_eq!(fault(&tell(bytes)), (Rule::Field1, 8 + 16 + 2), "{bytes:02x?}");
    }
    assert_eq!(broken(&tell(b"")), Rule::Field1);
    assert_eq!(broken(&tell(&vec![b'a'; TEXT_MAX + 1])), Rule::Field1);
    assert!(decode(&tell(&vec![b'a'; TEXT_MAX])).is_ok());
    // H16: the limit counts bytes, whatever they mean.
    assert!(decode(&tell("e\u{301}".repeat(TEXT_MAX / 3).as_bytes())).is_ok());
    assert!(decode(&tell("\0\u{1b}[2J\r\n".as_bytes())).is_ok(), "control characters are a matter of showing");
    assert_eq!(decode_all::<Title<'_>>(&text8("")).unwrap_err().rule, Rule::Field1);
    assert_eq!(decode_all::<Title<'_>>(&text8(&"t".repeat(TITLE_MAX + 1))).unwrap_err().rule, Rule::Field1);
    assert!(decode_all::<Title<'_>>(&text8(&"t".repeat(TITLE_MAX))).is_ok());
    assert!(decode_all::<Reason<'_>>(&text8("")).is_ok());
    assert!(decode_all::<Reason<'_>>(&text8(&"r".repeat(255))).is_ok());
}

#[test]
fn field_1_what_is_made_here_keeps_the_bounds() {
    assert!(Text::new("").is_none() && Text::new(&"a".repeat(TEXT_MAX + 1)).is_none());
    assert_eq!(Text::new("hello").map(Text::as_str), Some("hello"));
    // A two-byte character on the border is dropped whole.
    assert_eq!(Reason::cut(&"é".repeat(128)).as_str().len(), 254);
}

#[test]
fn address_2_what_is_not_known_of_an_address_is_skipped_and_kept() {
    for bytes in [&[1, 6, 192, 0, 2, 1, 0x1d, 0x31][..], &[1, 5, 1, 2, 3, 4, 5], &[2, 1, 7], &[0, 0]] {
        let read: Address<'_> = decode_all(bytes).unwrap();
        assert_eq!(encode_alone(&read), bytes);
        assert_eq!(read.socket(), (bytes.len() == 8).then(|| "192.0.2.1:7473".parse().unwrap()));
    }
    let long = [&[7, 65][..], &[0; 65]].concat();
    assert_eq!(decode_all::<Address<'_>>(&long).unwrap_err().rule, Rule::Field3);
    assert_eq!(decode_all::<Address<'_>>(&[1, 6, 192]).unwrap_err().rule, Rule::Frame2);
}

#[test]
fn field_2_names() {
    for name in ["a", "bea", "Zoë", "名前", "a*@#", "Zoe\u{308}", "-", ".", &"n".repeat(NAME_MAX)] {
        assert!(decode(&rename(name)).is_ok(), "{name:?}");
        assert!(Name::new(name).is_some(), "{name:?}");
    }
    let white = [
        ' ', '\t', '\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{a0}', '\u{1680}', '\u{2000}', '\u{200a}', '\u{2028}',
        '\u{2029}', '\u{202f}', '\u{205f}', '\u{3000}',
    ];
    let control = ['\0', '\u{1b}', '\u{1f}', '\u{7f}', '\u{80}', '\u{9f}'];
    let invisible = ['\u{ad}', '\u{61c}', '\u{200b}', '\u{200e}', '\u{202e}', '\u{2066}', '\u{2800}', '\u{feff}'];
    for letter in white.into_iter().chain(control).chain(invisible).chain(['/']) {
        for name in [format!("{letter}a"), format!("a{letter}"), format!("a{letter}b")] {
            assert_eq!(broken(&rename(&name)), Rule::Field2, "{name:?}");
            assert!(Name::new(&name).is_none(), "{name:?}");
        }
    }
    for name in ["*", "*a", "@a", "#a"] {
        assert_eq!(broken(&rename(name)), Rule::Field2, "{name:?}");
    }
    for joiner in ['\u{200c}', '\u{200d}', '\u{fe0f}'] {
        for name in [format!("a{joiner}"), format!("a{joiner}b{joiner}"), format!("a\u{fe0f}\u{200d}b{joiner}c")] {
            assert!(decode(&rename(&name)).is_ok() && Name::new(&name).is_some(), "{name:?}");
        }
        for name in
            [format!("{joiner}"), format!("{joiner}a"), format!("a{joiner}\u{200c}"), format!("a\u{200d}{joiner}")]
        {
            assert_eq!(broken(&rename(&name)), Rule::Field2, "{name:?}");
        }
    }
}

#[test]
fn field_1_a_name_is_text_of_1_to_64_bytes() {
    for name in ["", &"n".repeat(NAME_MAX + 1)] {
        assert_eq!(broken(&rename(name)), Rule::Field1, "{name:?}");
        assert!(Name::new(name).is_none());
    }
    assert_eq!(broken(&frame(RENAME, 1, b"\x01\xff")), Rule::Field1);
}

#[test]
fn field_3_a_count_above_its_limit_is_refused_before_the_items_are_looked_for() {
    let limits = [(0x0046, 0, ROWS_MAX, 0), (0x0048, 1, RANGES_MAX, 0), (0x004c, 0, PRESENCE_NAMES_MAX, 4)];
    for (kind, id, limit, before) in limits {
        for count in [limit + 1, usize::from(u16::MAX)] {
            let body = [vec![0; before], u16::try_from(count).unwrap().to_be_bytes().to_vec()].concat();
            assert_eq!(fault(&frame(kind, id, &body)), (Rule::Field3, 8 + before), "{kind:#06x}");
        }
        // H17: more items than bytes.
        let body = [vec![0; before], u16::try_from(limit).unwrap().to_be_bytes().to_vec(), vec![0; 12]].concat();
        assert_eq!(broken(&frame(kind, id, &body)), Rule::Frame2, "{kind:#06x}");
    }
}

#[test]
fn field_4_a_number_is_one_that_its_field_defines() {
    let (author, session) = ([0; 32], [0; 8]);
    let row = |lane: u8| [author.as_slice(), &session, &[lane], &[0; 48]].concat();
    for lane in 0..=u8::MAX {
        let bytes = frame(0x0046, 0, &[[0, 1].as_slice(), &row(lane)].concat());
        assert!(decode(&bytes).is_ok(), "every number is a lane: {lane}");
    }
    let person = |here: u8| [[0, 0, 0, 0, 0, 1].as_slice(), &[0; 32], &[here], b"\x01a"].concat();
    assert!(decode(&frame(0x004c, 0, &person(1))).is_ok());
    assert_eq!(broken(&frame(0x004c, 0, &person(2))), Rule::Field4);
}

#[test]
fn numbers_are_big_endian_and_codes_of_later_versions_are_kept() {
    let bytes = frame(0x0002, 0, b"\x12\x34\x02hi");
    let decoded = decode(&bytes).unwrap();
    let Some(Frame::Session(tertulia_core::wire::session::Session::Bye(Bye { code, reason, .. }))) = decoded.frame
    else {
        panic!("{decoded:?}");
    };
    assert_eq!((code.number(), reason.as_str()), (0x1234, "hi"));
}

#[test]
fn a_frame_that_is_made_here_is_the_frame_that_arrives() {
    let tell = Tell { token: Token([7; 16]), text: Text::new("hi").unwrap(), options: Default::default() };
    let made = Frame::from(tell).encode(RequestId(9));
    let decoded = decode(&made.0).unwrap();
    assert_eq!((decoded.id, decoded.frame), (RequestId(9), Some(Frame::from(tell))));
    assert_eq!(Key::ZERO.0.len() + MeetingId::ZERO.0.len(), 48);
}

#[test]
fn smallest_frames_are_where_the_tables_say() {
    assert_eq!(smallest("PING"), [0, 0, 0, 4, 0, 0, 0, 0]);
    assert_eq!(smallest("HELLO").len(), 8 + 1 + 16 + 8);
}
