//! The text format of traces from outside.

use proptest::prelude::*;
use tertulia_core::code::Code;
use tertulia_core::id::Key;
use tertulia_core::trace::{Direction, Expect, Line, LinkStep, Packet, Step, Trace, parse};

const SMALL: &str = "# tertulia-trace 1
# title: an odd frame that nobody knows
# layer: frame
# covers: FRAME-4, EXT-1
# expect: reject frame_unknown

# Whatever its id is.
#! link 3 accepted
#! link 3 up 0101010101010101010101010101010101010101010101010101010101010101

O 0.000000  0x3f01
000000 00 02 3f 01 00 00 00 00  # length, type, id
000008 ab cd

I 12.000345  PING
000000 00 00 00 04 00 00 00 00

#! link 3 down frame_unknown
";

#[test]
fn a_trace_is_written_as_it_was_read() {
    let mut spaced = String::from(SMALL);
    let trace = parse(SMALL).unwrap();
    // A blank line between comment and directive belongs to the one true layout.
    spaced = spaced.replace("is.\n#!", "is.\n\n#!");
    assert_eq!(trace.to_string(), spaced);
    assert_eq!(parse(&spaced), Ok(trace.clone()));
    assert_eq!(trace.covers, ["FRAME-4", "EXT-1"]);
    assert_eq!(trace.expect, Expect::Reject(Code::FrameUnknown));
    let packets: Vec<&Packet> = trace
        .steps
        .iter()
        .filter_map(|step| if let Step::Packet(packet) = step { Some(packet) } else { None })
        .collect();
    assert_eq!(packets.len(), 2);
    assert_eq!(packets[0].bytes(), b"\0\x02\x3f\x01\0\0\0\0\xab\xcd");
    assert_eq!((packets[1].from, packets[1].micros), (Direction::Responder, 12_000_345));
}

#[test]
fn a_fault_names_its_line_and_what_was_expected_there() {
    let cases = [
        ("# tertulia-trace 1", "# tertulia-trace 2", 1, "tertulia-trace 1"),
        ("# layer: frame", "# layer: frames", 3, "value"),
        ("# layer: frame", "# colour: blue", 3, "title, layer, covers, expect"),
        ("# layer: frame", "# title: again", 3, "once"),
        ("FRAME-4", "FRAME4", 4, "value"),
        ("FRAME-4", "frame-4", 4, "value"),
        ("reject frame_unknown", "reject", 5, "value"),
        ("reject frame_unknown", "reject what", 5, "value"),
        ("reject frame_unknown", "reject 0x0012", 5, "value"),
        ("# expect: reject frame_unknown\n", "", 17, "# expect"),
        ("#! link 3 accepted", "#! link 03 accepted", 8, "link N"),
        ("#! link 3 accepted", "#! link 3 left", 8, "link N"),
        ("#! link 3 accepted", "#! sleep 3", 8, "link N"),
        ("up 0101", "up 01", 9, "64"),
        ("O 0.000000", "O 0.0000", 11, "six digits"),
        ("O 0.000000", "X 0.000000", 11, "a packet"),
        ("O 0.000000  0x3f01", "O 0.000000", 11, "two spaces"),
        ("0x3f01", "A B", 11, "one word"),
        ("000008 ab", "000009 ab", 13, "offset"),
        ("000008 ab", "0008 ab", 13, "offset"),
        ("FRAME-4", "FRAME-+4", 4, "value"),
        ("reject frame_unknown", "reject 0x+123", 5, "value"),
        ("reject frame_unknown", "reject 0x0ABC", 5, "value"),
        ("000008 ab", "+00008 ab", 13, "six lower-case"),
        ("ab cd", "AB cd", 13, "lower-case"),
        ("ab cd", "ab  cd", 13, "lower-case"),
        ("ab cd", "ab cd ", 13, "end of the line"),
        ("000008 ab cd\n", "000008\n", 13, "1 to 32"),
        ("000000 00 00 00 04 00 00 00 00\n\n", "\n", 16, "the packet's bytes"),
        ("000000 00 00 00 04 00 00 00 00\n\n", "", 16, "the packet's bytes"),
    ];
    for (good, bad, line, expected) in cases {
        let error = parse(&SMALL.replacen(good, bad, 1)).expect_err(bad);
        assert!(error.line == line && error.expected.contains(expected), "{bad}: {error}");
    }
    assert_eq!(parse("").unwrap_err().line, 0);
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z:#.][a-zA-Z:#. ]{0,20}[a-z]"
}

fn code() -> impl Strategy<Value = Code> {
    any::<u16>().prop_map(|number| Code::from_number(number % 0x120))
}

fn step() -> impl Strategy<Value = Step> {
    let link = prop_oneof![
        Just(LinkStep::Dialled),
        Just(LinkStep::Accepted),
        Just(LinkStep::Goes),
        any::<[u8; 32]>().prop_map(|key| LinkStep::Up(Key(key))),
        code().prop_map(LinkStep::Down),
    ];
    let line = (prop::collection::vec(any::<u8>(), 1..=32), prop_oneof![Just(String::new()), word()])
        .prop_map(|(bytes, comment)| Line { bytes, comment });
    let from = prop_oneof![Just(Direction::Initiator), Just(Direction::Responder)];
    let packet = (from, any::<u64>(), "[A-Z]{1,8}", prop::collection::vec(line, 1..4))
        .prop_map(|(from, micros, name, lines)| Packet { from, micros, name, lines });
    prop_oneof![
        word().prop_map(Step::Comment),
        Just(Step::Comment(String::new())),
        (any::<u64>(), link).prop_map(|(link, step)| Step::Link(link, step)),
        packet.prop_map(Step::Packet),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(
        title in word(),
        covers in prop::collection::vec("[A-Z]{2,9}-[1-9]", 0..4),
        reject in prop::option::of(code()),
        steps in prop::collection::vec(step(), 0..8),
    ) {
        let expect = reject.map_or(Expect::Accept, Expect::Reject);
        let trace = Trace { title, covers, expect, steps };
        let text = trace.to_string();
        prop_assert_eq!(parse(&text), Ok(trace), "{}", text);
    }

    #[test]
    fn any_text_is_a_trace_or_not(text: String, at: prop::sample::Index, letter: char) {
        let _ = parse(&text);
        let mut changed = String::from(SMALL);
        let at = at.index(changed.len());
        changed.replace_range(at..=at, &letter.to_string());
        if let Ok(trace) = parse(&changed) {
            prop_assert_eq!(parse(&trace.to_string()), Ok(trace));
        }
    }
}
