use tertulia_core::address::HostPort;
use tertulia_core::wire::address::Address;
use tertulia_core::wire::field::{decode_all, encode_alone};

use crate::{compare, hex, list, object, text};

const ABOUT: &str = "SPEC.md, Addresses. What is no address says why; what has no bytes is a name. Bytes in hex, kind and length in front.";

/// Texts that are addresses.
const WELL: &[&str] = &[
    "192.0.2.1:7473",
    "0.0.0.0:1",
    "255.255.255.255:65535",
    "[2001:db8::1]:7473",
    "[2001:DB8:0:0:0:0:0:1]:7473",
    "[2001:0db8::0001]:7473",
    "[::]:1",
    "[1:2:3:4:5:6:7::]:1",
    "[1:2:3:4:5:6:7:8]:1",
    "[1:0:0:2:0:0:0:3]:1",
    "[2001:db8::192.0.2.1]:7473",
    "[::ffff:192.0.2.1]:7473",
    "[::ffff:c000:201]:7473",
    "a:1",
    "Example.ORG:7473",
    "xn--mller-kva.example:7473",
    "my_host-2:7473",
    "_a:1",
    "1a:1",
    "192.0.2.1a:1",
    "0y1:1",
];

/// Texts that are none, and why.
const ILL: &[(&str, &str)] = &[
    ("", "nothing"),
    (":", "no host, no port"),
    (":1", "no host"),
    ("a", "no port"),
    ("a:", "no port"),
    ("[2001:db8::1]", "no port"),
    ("2001:db8::1", "no brackets, no port"),
    ("2001:db8::1:7473", "no brackets"),
    ("[::1:1", "half a bracket"),
    ("::1]:1", "half a bracket"),
    ("[[::1]]:1", "two brackets"),
    ("[::1]]:1", "two brackets"),
    ("[::1]1", "no colon"),
    ("[::1]::1", "two colons"),
    ("[a]:1", "a name in brackets"),
    ("[192.0.2.1]:7473", "IPv4 in brackets"),
    ("[]:1", "nothing in brackets"),
    ("a:0", "port 0"),
    ("a:65536", "a port above 65535"),
    ("a:99999999999999999999", "a port above 65535"),
    ("a:+1", "a sign"),
    ("a:-1", "a sign"),
    ("a:01", "a leading zero"),
    ("a:00", "a leading zero"),
    ("a:0x1", "no decimal number"),
    ("a:1a", "no decimal number"),
    ("a: 1", "white space"),
    ("a:1 ", "white space"),
    (" a:1", "white space"),
    ("a :1", "white space"),
    ("a b:1", "white space"),
    ("a:1:2", "two ports"),
    ("192.0.2.256:1", "a number above 255"),
    ("192.0.2.01:1", "a leading zero"),
    ("192.0.2.+1:1", "a sign"),
    ("192.0.2:1", "three numbers"),
    ("192.0.2.1.:1", "a dot at the end"),
    ("192.0.2.1.2:1", "five numbers"),
    ("3221225985:1", "a number"),
    ("0x7f000001:1", "a number"),
    ("a.0x1:1", "its last label begins with 0x"),
    ("a.1:1", "its last label is a number"),
    ("[1:2:3:4:5:6:7]:1", "seven groups"),
    ("[1:2:3:4:5:6:7:8:9]:1", "nine groups"),
    ("[1:2:3:4:5:6:7:8::]:1", "nothing for :: to stand for"),
    ("[1::2::3]:1", ":: twice"),
    ("[:1:2:3:4:5:6:7]:1", "a colon alone in front"),
    ("[1:2:3:4:5:6:7:]:1", "a colon alone at the end"),
    ("[00001::]:1", "five digits"),
    ("[g::]:1", "no hex digit"),
    ("[192.0.2.1::]:1", "IPv4 elsewhere than at the end"),
    ("[::192.0.2.01]:1", "a leading zero"),
    ("[fe80::1%1]:7473", "a zone"),
    ("[fe80::1%25lo]:7473", "a zone"),
    ("fe80::1%lo:7473", "a zone, no brackets"),
    ("a..b:1", "an empty label"),
    (".a:1", "an empty label"),
    ("a.:1", "a dot at the end"),
    ("-a:1", "- in front of a label"),
    ("a-:1", "- at the end of a label"),
    ("a.-b:1", "- in front of a label"),
    ("a/b:1", "a slash"),
    ("a@b:1", "an @"),
    ("a,b:1", "a comma"),
    ("m\u{fc}ller.example:1", "a letter that is not ASCII"),
    ("\u{661}:1", "a digit that is not ASCII"),
    ("a:\u{661}", "a digit that is not ASCII"),
    ("a%20b:1", "a percent sign"),
];

/// Bytes of typed addresses, and what is read of them.
const TYPED: &[(&str, &str)] = &[
    ("0106c00002011d31", "192.0.2.1:7473"),
    ("011220010db80000000000000000000000011d31", "[2001:db8::1]:7473"),
    ("011200000000000000000000ffffc00002011d31", "192.0.2.1:7473"),
    ("0106c00002010000", ""),
    ("0100", ""),
    ("0105c000020100", ""),
    ("0107c00002011d3100", ""),
    ("0006c00002011d31", ""),
    ("0206c00002011d31", ""),
    ("ff00", ""),
];

fn parsed(words: &str) -> Option<HostPort> {
    HostPort::exactly(words)
}

fn well(words: &str) -> String {
    let address = parsed(words).unwrap();
    let written = address.to_string();
    assert_eq!(parsed(&written), Some(address), "{words}");
    let mut fields = vec![("text", text(words)), ("written", text(&written))];
    if let Ok(socket) = written.parse() {
        fields.push(("bytes", hex(&encode_alone(&Address::of(socket)))));
    }
    object(2, &fields)
}

fn typed(hex_of: &str, words: &str) -> String {
    let bytes: Vec<u8> =
        (0..hex_of.len()).step_by(2).map(|at| u8::from_str_radix(&hex_of[at..at + 2], 16).unwrap()).collect();
    let read: Address<'_> = decode_all(&bytes).unwrap();
    assert_eq!(encode_alone(&read), bytes, "{words}: what is read is written as it came");
    assert_eq!(read.socket().map(|socket| socket.to_string()).unwrap_or_default(), words);
    let mut fields = vec![("bytes", hex(&bytes))];
    fields.extend((!words.is_empty()).then(|| ("address", text(words))));
    object(2, &fields)
}

#[test]
fn address_1_texts_that_are_addresses_and_texts_that_are_none() {
    let ill = ILL.iter().map(|(words, why)| {
        assert_eq!(parsed(words), None, "{words}: {why}");
        object(2, &[("text", text(words)), ("why", text(why))])
    });
    let well: Vec<String> = WELL.iter().map(|words| well(words)).collect();
    let typed: Vec<String> = TYPED.iter().map(|(bytes, words)| typed(bytes, words)).collect();
    let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
    assert!(parsed(&format!("{long}:1")).is_some(), "255 bytes");
    assert!(parsed(&format!("{long}:11")).is_none(), "256 bytes");
    let made = object(
        0,
        &[
            ("license", text("CC0-1.0")),
            ("about", text(ABOUT)),
            ("addresses", list(1, &well)),
            ("no_addresses", list(1, &ill.collect::<Vec<_>>())),
            ("typed", list(1, &typed)),
        ],
    );
    compare("addresses.json", &format!("{made}\n"));
}
