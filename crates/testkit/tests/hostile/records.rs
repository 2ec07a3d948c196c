//! Records that were spoiled on their way.

use tertulia_core::charter::Admission;
use tertulia_core::event::Event;
use tertulia_core::rule::Rule;
use tertulia_testkit::real::local::{Lecture, attend, identity, text};
use tertulia_testkit::real::peer::{Peer, Proof, digest};
use tertulia_testkit::real::proxy::{Fault, Proxy, Way};

/// Bits of a record's length, of its ciphertext and of its tag, and of the records after it.
const BITS: [(usize, u8); 9] = [(0, 0), (1, 0), (1, 7), (2, 0), (3, 7), (9, 3), (60, 5), (300, 1), (900, 2)];

#[tokio::test(flavor = "multi_thread")]
async fn h5_record_2_a_turned_bit_costs_the_connection_and_no_message() {
    let mut lecture = Lecture::hold("H5", "Ada", Admission::Open).await;
    let mut guests = Vec::new();
    for (ahead, bit) in BITS {
        let proxy = Proxy::start(lecture.address).await;
        let name = format!("guest-{ahead}-{bit}");
        let guest = attend(&name, &[proxy.address()], Some(&lecture.ticket), None).await;
        proxy.arm(Way::Back, ahead, Fault::Flip(bit));
        guests.push((proxy, guest));
    }
    let lines: Vec<String> = (0..20).map(|number| format!("{number:0200}")).collect();
    lines[..10].iter().for_each(|line| lecture.host.say(line));
    for (proxy, _) in &guests {
        proxy.all_happened().await;
    }
    // A length that grew is waited for, so more has to come.
    lines[10..].iter().for_each(|line| lecture.host.say(line));
    for (proxy, mut guest) in guests {
        assert_eq!(guest.texts(20).await, lines);
        assert_eq!(proxy.connections(Way::Back).len(), 2, "the bit cost one connection");
        guest.quit().await;
    }
    lecture.works_for("h5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h5_record_2_a_question_whose_record_was_spoiled_is_published_once() {
    let mut lecture = Lecture::hold("H5 questions", "Ada", Admission::Open).await;
    let proxy = Proxy::start(lecture.address).await;
    let mut guest = attend("bea", &[proxy.address()], Some(&lecture.ticket), None).await;
    for (ahead, bit) in [(2, 0), (20, 4), (100, 7)] {
        proxy.arm(Way::There, ahead, Fault::Flip(bit));
        let question = format!("{ahead} and {bit}?");
        guest.say(&question);
        assert_eq!(lecture.host.texts(1).await, core::slice::from_ref(&question));
        assert_eq!(guest.texts(1).await, [question]);
        proxy.all_happened().await;
    }
    assert_eq!(proxy.connections(Way::There).len(), 4);
    guest.quit().await;
    lecture.works_for("h5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h5_record_2_records_repeated_reordered_or_left_out_end_the_link() {
    let mut lecture = Lecture::hold("H5 order", "Ada", Admission::Open).await;
    for order in [&[0, 0][..], &[1, 0], &[1]] {
        let mut peer = Peer::dial(lecture.address, &identity()).await.unwrap();
        peer.join("mallory", &Proof::default()).await.unwrap();
        let records = [(); 2].map(|()| peer.seal(&digest(Vec::new()).0));
        for number in order {
            peer.send_bytes(&records[*number]).await;
        }
        peer.ends_by(Rule::Record2).await;
    }
    let mut left = 0;
    let gone = |event: &Event| {
        left += usize::from(matches!(event, Event::Left { reason, .. } if reason == "forged"));
        assert_eq!(text(event), None);
        (left == 3).then_some(())
    };
    lecture.host.until(gone).await;
    lecture.works_for("h5").await;
}
