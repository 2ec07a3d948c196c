//! What those learn who are not let in: the network, and whoever has a wrong ticket.

use tertulia_core::charter::Admission;
use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::id::{RequestId, Signature};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::ticket::prove_ticket;
use tertulia_core::wire::Frame;
use tertulia_core::wire::meeting::Meeting;
use tertulia_core::wire::option::TicketProof;
use tertulia_core::wire::session::Session;
use tertulia_testkit::real::local::{Lecture, attend, dial, found, identity, text};
use tertulia_testkit::real::peer::{Peer, Proof, digest, hello, ping};
use tertulia_testkit::real::proxy::{Proxy, Way};

/// Whether `needle` stands anywhere in `bytes`.
fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_of_a_lecture_has_none_of_its_texts_names_keys_or_title() {
    let (title, host, bea, carl) = ("A very secret title", "Ada-Lovelace", "Beatrice-Shilling", "Carl-Linnaeus");
    let mut lecture = Lecture::hold(title, host, Admission::Ticket).await;
    let proxies = [Proxy::start(lecture.address).await, Proxy::start(lecture.address).await];
    let folder = std::env::temp_dir().join(format!("tertulia-secrecy-{}", std::process::id()));
    let mut guests = Vec::new();
    for (name, proxy) in [bea, carl].into_iter().zip(&proxies) {
        guests.push(attend(name, &[proxy.address()], Some(&lecture.ticket), Some(folder.with_extension(name))).await);
    }
    let texts: Vec<String> = (0..20).map(|number| format!("sentence number {number} of this lecture")).collect();
    texts.iter().for_each(|text| lecture.host.say(text));
    let (question, to_host, to_bea) = ("may we know why that is so?", "a private word to you", "and one back to you");
    guests.iter().for_each(|guest| guest.say(question));
    guests[0].command(Command::Msg { to: host.into(), text: to_host.into() });
    lecture.host.command(Command::Msg { to: bea.into(), text: to_bea.into() });
    lecture.host.until(|event| matches!(event, Event::Message { text, .. } if text == to_host).then_some(())).await;
    guests[0].until(|event| matches!(event, Event::Message { text, .. } if text == to_bea).then_some(())).await;
    guests[0].command(Command::Name { name: "Beatrix-Potter".into() });
    lecture.host.until(|event| matches!(event, Event::Renamed { .. }).then_some(())).await;
    lecture.host.say("the last words of the day");
    for guest in &mut guests {
        guest.until(|event| text(event).filter(|text| text == "the last words of the day")).await;
    }
    let (ticket, founder) = (lecture.ticket.clone(), lecture.founder.key());
    for guest in guests {
        guest.quit().await;
    }

    let mut needles: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
    for word in [title, host, bea, carl, question, to_host, to_bea, "Beatrix-Potter", "the last words of the day"] {
        needles.push(word.into());
    }
    needles.push(lecture.charter.meeting.0.into());
    needles.push(founder.0.into());
    needles.push(Identity::new(ticket.seed.unwrap(), lecture.founder.scheme().clone()).key().0.into());
    // What is looked for did go over the wire: it stands in what the guests have decrypted.
    let mut decrypted = Vec::new();
    for name in [bea, carl] {
        let path = folder.with_extension(name);
        let trace = tertulia_core::trace::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        std::fs::remove_file(path).unwrap();
        for step in &trace.steps {
            if let tertulia_core::trace::Step::Packet(packet) = step {
                decrypted.extend(packet.bytes());
            }
        }
    }
    needles.push(ticket.seed.unwrap().0.into());
    let captured: Vec<u8> =
        proxies.iter().flat_map(|proxy| [proxy.bytes(Way::There), proxy.bytes(Way::Back)].concat()).collect();
    assert!(captured.len() > decrypted.len(), "the capture is not whole");
    for needle in &needles {
        let shown = String::from_utf8_lossy(needle);
        // The seed itself never leaves a node.
        assert!(contains(&decrypted, needle) != (*needle == ticket.seed.unwrap().0), "{shown} was not sent");
        assert!(!contains(&captured, needle), "the network has seen {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn join_3_a_wrong_ticket_learns_nothing() {
    let (title, host, guest) = ("A very secret title", "Ada-Lovelace", "Beatrice-Shilling");
    let mut lecture = Lecture::hold(title, host, Admission::Ticket).await;
    let mut member = attend(guest, &[lecture.address], Some(&lecture.ticket), None).await;
    lecture.host.say("a secret sentence");
    member.texts(1).await;
    let (meeting, seed) = (lecture.charter.meeting, lecture.ticket.seed.unwrap());
    let other = found("another", &lecture.founder, Admission::Ticket, Some(seed)).meeting;
    let mallory = identity();
    let strange = Secret([0x42; 32]);
    let forged = TicketProof {
        endorsement: mallory.sign(Domain::Ticket, &[&meeting.0, &prove(strange, &mallory).ticket.0]),
        ..prove_ticket(strange, None, meeting, &mallory)
    };
    let proofs = [
        ("no ticket", None),
        ("a ticket of nobody's", Some(prove_ticket(strange, None, meeting, &mallory))),
        ("a ticket that mallory endorses", Some(forged)),
        ("a proof for another meeting", Some(prove_ticket(seed, None, other, &mallory))),
        ("a proof of another guest's", Some(prove_ticket(seed, None, meeting, &identity()))),
        ("a proof without signature", Some(TicketProof { proof: Signature::ZERO, ..prove(seed, &mallory) })),
    ];
    for (what, ticket) in proofs {
        let mut peer = Peer::dial(lecture.address, &mallory).await.unwrap();
        let refused = peer.join("mallory", &Proof { ticket, ..Proof::default() }).await;
        assert_eq!(refused.err(), Some(Code::TicketNeeded), "{what}");
        assert_eq!(peer.next().await, None, "something follows BYE");
        for needle in [title, host, guest, "a secret sentence"] {
            assert!(!contains(&peer.heard, needle.as_bytes()), "{what}: it has learnt {needle}");
        }
        assert!(!contains(&peer.heard, &meeting.0), "{what}: it has learnt which meeting this is");
    }
    // The same with the program's own attendee.
    let mut wrong = lecture.ticket.clone();
    wrong.seed = Some(strange);
    let mut refused = dial("mallory", &[lecture.address], Some(&wrong), None);
    let closed = |event: &Event| if let Event::Closed { code, .. } = event { Some(*code) } else { None };
    assert_eq!(refused.until(closed).await, Code::TicketNeeded);
    lecture.works_for("carl").await;
    member.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lobby_2_who_waits_learns_neither_title_nor_name_nor_entry() {
    let (title, host, guest) = ("A very secret title", "Ada-Lovelace", "Beatrice-Shilling");
    let mut lecture = Lecture::hold(title, host, Admission::Lobby).await;
    let secrets = [title, host, guest, "a secret sentence"];
    let mut member = dial(guest, &[lecture.address], None, None);
    let knocked = |event: &Event| matches!(event, Event::Knock { .. }).then_some(());
    lecture.host.until(knocked).await;
    lecture.host.command(Command::Admit { name: Some(guest.into()) });
    lecture.host.say("a secret sentence");
    member.texts(1).await;

    let mallory = identity();
    let mut peer = Peer::dial(lecture.address, &mallory).await.unwrap();
    peer.send(&[hello("mallory"), Proof::default().join(1)]).await;
    let waits = |frame: &Frame<'_>, _| matches!(frame, Frame::Meeting(Meeting::Waiting(_))).then_some(());
    peer.until(waits).await;
    // What happens meanwhile is none of its business.
    lecture.host.until(knocked).await;
    lecture.host.say("a secret sentence");
    member.texts(1).await;
    assert!(peer.send(&[ping()]).await);
    for needle in secrets {
        assert!(!contains(&peer.heard, needle.as_bytes()), "who waits has learnt {needle}");
    }
    assert!(!contains(&peer.heard, &lecture.charter.meeting.0), "it has learnt which meeting this is");
    lecture.host.command(Command::Deny { name: "mallory".into(), why: "we do not know you".into() });
    let refused = |frame: &Frame<'_>, id| {
        let Frame::Session(Session::Refused(error)) = frame else { return None };
        Some((id, error.code, error.reason.as_str().to_owned()))
    };
    assert_eq!(peer.until(refused).await, (RequestId(1), Code::Denied, "we do not know you".into()));
    assert_eq!(peer.end().await, (Code::Denied, "we do not know you".into()));
    for needle in secrets {
        assert!(!contains(&peer.heard, needle.as_bytes()), "who was denied has learnt {needle}");
    }

    // The same bytes do come to whoever is admitted: the needles are good.
    let mut peer = Peer::dial(lecture.address, &identity()).await.unwrap();
    peer.send(&[hello("carl"), Proof::default().join(1)]).await;
    peer.until(waits).await;
    lecture.host.until(knocked).await;
    lecture.host.command(Command::Admit { name: None });
    peer.until(|frame, _| matches!(frame, Frame::Meeting(Meeting::Presence(_))).then_some(())).await;
    peer.send(&[digest(Vec::new())]).await;
    let mut entries = 0;
    peer.until(|frame, _| {
        entries += u32::from(matches!(frame, Frame::Meeting(Meeting::EntryFrame(_))));
        (entries == 3).then_some(())
    })
    .await;
    for needle in secrets {
        assert!(contains(&peer.heard, needle.as_bytes()), "a guest has not learnt {needle}");
    }
    member.quit().await;
}

/// What `guest` shows of a ticket, whichever the meeting.
fn prove(seed: Secret, guest: &Identity) -> TicketProof {
    prove_ticket(seed, None, tertulia_core::id::MeetingId::ZERO, guest)
}
