use tertulia_core::compare::{check_words, safety_words};
use tertulia_core::contact::pair_id;
use tertulia_core::id::{Key, MeetingId, Signature};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::log::{entry_of, hash};
use tertulia_core::pass::Chain;
use tertulia_core::ticket::Ticket;
use tertulia_core::wire::field::encode_alone;
use tertulia_core::wire::option::Manner;
use tertulia_core::wire::private::{Ask, asked};
use tertulia_testkit::lecture::{ada, bea, bodies, chain, charter, question, ticket, ticket_proof};

use crate::{compare, hex, list, object, text};

const ABOUT: &str = "SPEC.md, Identity and Log. All bytes in hex. What is signed is printed with its domain string.";

/// A signature that holds, with what it signs.
fn signed(signer: &Identity, domain: Domain, parts: &[&[u8]], signature: &Signature) -> [(&'static str, String); 3] {
    assert!(bea().verify(&signer.key(), domain, parts, signature), "{domain:?}");
    [("signer", hex(&signer.key().0)), ("signed", hex(&domain.message(parts))), ("signature", hex(&signature.0))]
}

fn entries() -> Vec<String> {
    let meeting = charter().meeting;
    let entries = bodies().into_iter().map(|(kind, frame)| {
        let entry = entry_of(&frame).unwrap().envelope();
        let parts: [&[u8]; 2] = [&meeting.0, &entry.signed()];
        let mut fields = vec![("kind", text(kind))];
        fields.extend(signed(&ada(), Domain::Entry, &parts, &entry.signature));
        fields.extend([("hash", hex(&hash(meeting, &entry).0)), ("frame", hex(&frame.0))]);
        object(2, &fields)
    });
    entries.collect()
}

fn charter_object() -> String {
    let charter = charter();
    let bytes = charter.bytes();
    let (bytes, signature) = bytes.split_at(bytes.len() - 64);
    let signature = Signature(signature.try_into().unwrap());
    let mut fields = signed(&ada(), Domain::Charter, &[bytes], &signature).to_vec();
    fields.extend([("with_signature", hex(charter.bytes())), ("meeting", hex(&charter.meeting.0))]);
    object(1, &fields)
}

/// A ticket that the charter does not name, as after a kick.
fn endorsed_ticket() -> (Identity, Signature) {
    let ticket = Identity::new(Secret([0xdd; 32]), ada().scheme().clone());
    let endorsement = ada().sign(Domain::Ticket, &[&charter().meeting.0, &ticket.key().0]);
    (ticket, endorsement)
}

fn tickets() -> [String; 3] {
    let meeting = charter().meeting;
    let (other, endorsement) = endorsed_ticket();
    let addresses = vec!["192.0.2.1:7473".to_owned(), "[2001:db8::1]:7473".to_owned()];
    let written = |seed, endorsement| {
        let (host, addresses) = (ada().key(), addresses.clone());
        Ticket { meeting, host, seed, endorsement, addresses }
    };
    let endorsed = written(Some(Secret([0xdd; 32])), Some(endorsement));
    let texts = [
        ("without_seed", text(&written(None, None).to_string())),
        ("with_seed", text(&written(Some(Secret([0xcc; 32])), None).to_string())),
        ("endorsed", text(&endorsed.to_string())),
        ("endorsed_in_a_code", text(&endorsed.to_code())),
    ];
    let parts: [&[u8]; 2] = [&meeting.0, &other.key().0];
    let endorsement = signed(&ada(), Domain::Ticket, &parts, &endorsement);
    let proof = ticket_proof();
    let mut proofs = signed(&ticket(), Domain::TicketProof, &[&meeting.0, &bea().key().0], &proof.proof).to_vec();
    proofs.push(("option", hex(&encode_alone(&proof))));
    [object(1, &texts), object(1, &endorsement), object(1, &proofs)]
}

fn pass_object() -> String {
    let chain = chain();
    let mut list = None;
    chain.with_list(|passes| list = passes.iter().next());
    let pass = list.unwrap();
    let parts: [&[u8]; 4] = [&charter().meeting.0, &bea().key().0, &pass.floor.to_be_bytes(), &[pass.manner.number()]];
    let mut fields = signed(&ada(), Domain::Pass, &parts, &pass.signature).to_vec();
    fields.extend([("pass", hex(&encode_alone(&pass))), ("chain", hex(&chain.encode()))]);
    object(1, &fields)
}

/// Chains of Cleo, whom Bea has let in, and what becomes of them.
fn chains() -> Vec<String> {
    let meeting = charter().meeting;
    let cleo = Identity::new(Secret([0xee; 32]), ada().scheme().clone()).key();
    let of_bea = Chain::default().and(bea().key(), 40, Manner::Unasked, meeting, &ada());
    let whole = of_bea.and(cleo, 7, Manner::ByHand, meeting, &bea());
    let changed = |at: usize| {
        let mut bytes = whole.encode();
        bytes[at] ^= 1;
        Chain::restore(&bytes)
    };
    let second = 2 + 105;
    let without_founder = Chain::default().and(cleo, 7, Manner::ByHand, meeting, &bea());
    let elsewhere = of_bea.and(cleo, 7, Manner::ByHand, MeetingId([9; 16]), &bea());
    let cases = [
        ("Ada has let in Bea, and Bea has let in Cleo by hand", cleo, whole.clone(), true),
        ("the same, shown by Bea", bea().key(), whole.clone(), false),
        ("Bea's own", bea().key(), of_bea.clone(), true),
        ("Bea's, shown by Cleo", cleo, of_bea, false),
        ("the founder's", ada().key(), Chain::default(), true),
        ("none, and not the founder", cleo, Chain::default(), false),
        ("it does not begin at the founder", cleo, without_founder, false),
        ("the last pass is of another meeting", cleo, elsewhere, false),
        ("another floor in the first pass", cleo, changed(2 + 39), false),
        ("another manner in the last pass", cleo, changed(second + 40), false),
        ("another signature in the last pass", cleo, changed(second + 104), false),
    ];
    let cases = cases.into_iter().map(|(about, key, chain, holds)| {
        assert_eq!(chain.holds(&key, &charter(), &ada()), holds, "{about}");
        let floor = chain.floor().to_string();
        let fields = [("about", text(about)), ("key", hex(&key.0)), ("chain", hex(&chain.encode()))];
        object(2, &[&fields[..], &[("holds", holds.to_string()), ("floor", floor)]].concat())
    });
    cases.collect()
}

fn question_object() -> String {
    let Ask { token, heard, signature, name, text: words, .. } = question();
    let signs = asked(token, &heard, name, words);
    let parts: [&[u8]; 2] = [&charter().meeting.0, &signs];
    let mut fields = vec![("token", hex(&token.0)), ("session", format!("\"{}\"", heard.session))];
    fields.extend([("number", heard.number.to_string()), ("head", hex(&heard.head.0))]);
    fields.extend([("name", text(name.as_str())), ("text", text(words.as_str()))]);
    fields.extend(signed(&bea(), Domain::Question, &parts, &signature));
    object(1, &fields)
}

/// What those compare who hold the host's first text.
fn check_object() -> String {
    let (meeting, heard) = (charter().meeting, question().heard);
    let fields = [
        ("session", format!("\"{}\"", heard.session)),
        ("number", heard.number.to_string()),
        ("head", hex(&heard.head.0)),
        ("words", text(&check_words(meeting, &heard))),
    ];
    object(1, &fields)
}

/// What host and guest compare, if they are friends.
fn pair_object() -> String {
    let pair = pair_id(ada().key(), bea().key());
    object(1, &[("meeting", hex(&pair.0)), ("safety_words", text(&safety_words(pair)))])
}

#[test]
fn the_meeting_is_as_the_vectors_say() {
    let key = |secret: u8, key: Key| object(1, &[("secret", hex(&[secret; 32])), ("key", hex(&key.0))]);
    let [texts, endorsement, proof] = tickets();
    let parts = [
        ("license", text("CC0-1.0")),
        ("about", text(ABOUT)),
        ("host", key(0xbb, ada().key())),
        ("guest", key(0xaa, bea().key())),
        ("ticket", key(0xcc, ticket().key())),
        ("other_ticket", key(0xdd, endorsed_ticket().0.key())),
        ("charter", charter_object()),
        ("tickets", texts),
        ("endorsement", endorsement),
        ("ticket_proof", proof),
        ("pass", pass_object()),
        ("chains", list(1, &chains())),
        ("question", question_object()),
        ("check", check_object()),
        ("entries", list(1, &entries())),
        ("pair", pair_object()),
    ];
    compare("meeting.json", &format!("{}\n", object(0, &parts)));
}

#[test]
fn ticket_1_a_text_that_is_nearly_a_ticket_is_none() {
    let ticket = Ticket {
        meeting: charter().meeting,
        host: ada().key(),
        seed: Some(Secret([0xcc; 32])),
        endorsement: None,
        addresses: vec!["192.0.2.1:7473".to_owned()],
    };
    let whole = ticket.to_string();
    assert_eq!(whole.parse(), Ok(ticket));
    for length in 0..whole.len() {
        assert!(whole[..length].parse::<Ticket>().is_err(), "{}", &whole[..length]);
    }
    for (good, bad) in [
        ("tertulia:", " tertulia:"),
        ("/", "/\n"),
        ("tertulia:", "Tertulia:"),
        ("tertulia:", "tertulia:0"),
        ("@", ".@"),
        ("@", ".00@"),
        (":7473", ":0"),
        (":7473", ":65536"),
        (":7473", ""),
        (":7473", ":7473,"),
        (":7473", ":1,a:1,b:1,c:1"),
        ("192.0.2.1", "192.0 .2.1"),
        ("192.0.2.1", ""),
    ] {
        assert!(whole.replacen(good, bad, 1).parse::<Ticket>().is_err(), "{good} -> {bad}");
    }
}
