//! How much a link takes and gives, and how it ends.

use super::*;

#[test]
fn rate_1_a_million_pings_are_read_at_200_a_second_and_end_the_link_after_10_s() {
    let mut end = End::open();
    let flood = record(&vec![ping(); limits::RECORD_PLAINTEXT_MAX / ping().0.len()]);
    let per_record = flood.len() / ping().0.len();
    let (mut now, mut given) = (START, 0);
    while end.down().is_none() {
        if end.link.paused_until().is_none() {
            end.link.receive(&flood, now, &mut end.told);
            given += per_record;
            assert!(given < 1_000_000);
        }
        let due = end.link.poll_timeout().expect("a pause ends");
        assert!(due >= now && due <= now.after(Duration::from_millis(10)), "reading goes on in small steps");
        now = due;
        end.link.handle_timeout(now, &mut end.told);
    }
    assert_eq!(now.since(START), limits::RATE_PATIENCE);
    let taken = given - end.link.rest.len() / ping().0.len();
    assert!(end.link.rest.is_empty(), "nothing is kept of a link that is given up");
    assert!(taken <= 400 + 200 * 10 + per_record, "{taken} frames were let through");
    end.assert_rejected(Rule::Rate1, now);
}

#[test]
fn rate_1_a_burst_is_read_at_once_and_the_rest_at_200_a_second() {
    let mut end = End::open();
    end.receive(&vec![digest(); 1_400], START);
    // HELLO counts; the first frame over the burst is let through too: it is what the pause is for.
    assert_eq!(end.frames_told(), 400 - 1 + 1);
    assert_eq!(end.link.paused_until(), Some(START.after(Duration::from_millis(5))));
    end.run_until(at(1));
    assert_eq!(end.frames_told(), 400 + 200);
    end.run_until(at(5));
    assert_eq!((end.frames_told(), end.link.paused_until()), (1_400, Some(at(5).after(Duration::from_millis(5)))));
    end.run_until(at(6));
    assert_eq!(end.link.paused_until(), None);
    end.receive(&[ping()], at(8));
    end.receive(&[ping()], at(14));
    end.run_until(at(20));
    assert_eq!(end.down(), None, "what was over is forgiven once the bucket is full again");
}

#[test]
fn rate_1_talk_has_a_bucket_of_its_own_and_bytes_too() {
    let mut end = End::open();
    let tells: Vec<Encoded> = (1..=41).map(|id| tell(id, "psst")).collect();
    end.receive(&tells, START);
    assert_eq!(end.link.paused_until(), Some(START.after(Duration::from_millis(50))));

    let mut end = End::open();
    let long: String = core::iter::repeat_n('a', limits::TEXT_MAX).collect();
    for id in 1..=8 {
        assert_eq!(end.link.paused_until(), None, "{id}");
        end.receive(&[tell(id, &long)], START);
    }
    assert!(end.link.paused_until().is_some());
}

#[test]
fn mesh_17_what_nobody_has_asked_for_counts_as_talk_and_what_was_fetched_does_not() {
    let mut end = End::of_a_room();
    let burst = u64::from(limits::ROOM_BURST);
    end.receive(&(1..=burst + 1).map(entry).collect::<Vec<_>>(), START);
    assert_eq!((end.frames_told(), end.link.paused_until()), (341, Some(START.after(Duration::from_millis(50)))));
    // Who does not stop is not read on, and closed in the end.
    let flood: Vec<Encoded> = (1..=20).map(entry).collect();
    while end.down().is_none() {
        let due = end.link.poll_timeout().expect("a pause ends");
        end.link.handle_timeout(due, &mut end.told);
        if end.link.paused_until().is_none() {
            end.receive(&flood, due);
        }
    }
    assert!(end.frames_told() <= 341 + 20 * 10 + 20, "{} entries were let through", end.frames_told());
    end.assert_rejected(Rule::Rate1, START.after(limits::RATE_PATIENCE));

    let mut end = End::of_a_room();
    let ranges = List::NONE;
    end.link.send(Frame::from(Fetch { ranges, options: Options::NONE }).encode(RequestId(1)), 0);
    end.write(START);
    end.receive(&(1..=256).map(entry).collect::<Vec<_>>(), START);
    assert_eq!((end.frames_told(), end.link.paused_until()), (256, None), "this side has asked for them");
    end.receive(&(257..=256 + burst + 1).map(entry).collect::<Vec<_>>(), START);
    assert!(end.link.paused_until().is_some(), "and for no more than an answer has");

    let mut end = End::of_a_room();
    let ranges = List::NONE;
    end.link.send(Frame::from(Fetch { ranges, options: Options::NONE }).encode(RequestId(1)), 0);
    end.write(START);
    end.receive(&[done(1)], START);
    end.receive(&(1..=burst + 1).map(entry).collect::<Vec<_>>(), START);
    assert!(end.link.paused_until().is_some(), "it has its answer");
}

#[test]
fn mesh_17_what_an_author_has_said_while_the_network_stood_still_is_read_at_once() {
    let [seconds, rate] = [limits::DEAD_TIMEOUT.as_secs(), limits::TALK_RATE.into()];
    let held_back = u64::from(limits::TALK_BURST) + seconds * rate;
    let mut end = End::of_a_room();
    end.receive(&(1..=held_back).map(entry).collect::<Vec<_>>(), START);
    assert_eq!((end.frames_told(), end.link.paused_until()), (340, None));
    assert_eq!((held_back, limits::ROOM_BURST), (340, 340));
    let byte_rate = u64::from(limits::TALK_BYTE_RATE);
    assert_eq!(u64::from(limits::ROOM_BYTE_BURST), u64::from(limits::TALK_BYTE_BURST) + seconds * byte_rate);
    // Who goes on for a while, and then is silent for two seconds, is forgiven.
    end.receive(&(1..=41).map(entry).collect::<Vec<_>>(), START);
    assert!(end.link.paused_until().is_some());
    for second in [6, 12] {
        end.run_until(at(second));
        end.receive(&[ping()], at(second));
    }
    end.run_until(at(20));
    assert_eq!(end.down(), None);
}

#[test]
fn rate_3_what_a_friend_sends_unasked_counts_as_frames() {
    let mut end = End::of_two();
    // HELLO was one.
    end.receive(&(1..=399).map(entry).collect::<Vec<_>>(), START);
    assert_eq!((end.frames_told(), end.link.paused_until()), (399, None));
    end.receive(&[entry(400)], START);
    assert!(end.link.paused_until().is_some());
}

#[test]
fn rate_2_a_hosts_entries_are_not_limited() {
    let mut end = End::open();
    for _ in 0..100 {
        end.receive(&vec![entry(1); 200], START);
    }
    assert_eq!((end.frames_told(), end.link.paused_until()), (20_000, None));
}

#[test]
fn slow_1_what_cannot_be_written_for_10_s_ends_the_link() {
    let mut end = End::open();
    end.link.send(digest(), 0);
    assert!(end.link.fill(&mut Packer::new(&end.feed), at(1)).is_some());
    for second in 2..=10 {
        end.receive(&[ping()], at(second));
        end.link.send(digest(), 0);
        // Writing more does not start the time anew.
        end.link.fill(&mut Packer::new(&end.feed), at(second));
        end.link.handle_timeout(at(second), &mut end.told);
    }
    assert_eq!(end.down(), None);
    end.link.handle_timeout(at(11), &mut end.told);
    assert_eq!(end.told, [LinkEvent::Down { code: Code::Slow, rule: Some(Rule::Slow1) }]);
    assert!(end.link.is_finished(), "no BYE is tried where nothing can be written");
    assert_eq!(end.link.fill(&mut Packer::new(&end.feed), at(11)), None);
}

#[test]
fn slow_1_a_write_in_time_starts_the_time_anew() {
    let mut end = End::open();
    for second in (9..90).step_by(9) {
        end.link.handle_timeout(at(second), &mut end.told);
        end.link.written();
        end.receive(&[ping()], at(second));
        end.link.send(digest(), 0);
        assert!(end.link.fill(&mut Packer::new(&end.feed), at(second)).is_some());
    }
    assert_eq!(end.down(), None);
}

#[test]
fn slow_2_a_link_that_the_feed_has_overtaken_is_closed_as_soon_as_it_is_seen() {
    let mut end = End::open();
    end.link.follow(Start::default(), &end.feed);
    for number in 1..=4 {
        end.append(&entry(number), Lane::Talk);
    }
    assert_eq!(end.link.fill(&mut Packer::new(&end.feed), at(1)), None);
    assert_eq!(end.link.poll_timeout(), Some(at(1)));
    end.link.handle_timeout(at(1), &mut end.told);
    end.assert_rejected(Rule::Slow2, at(1));
    assert_eq!(end.sent.len(), 1, "no entry goes out behind a gap");
}

#[test]
fn slow_2_a_closing_link_that_the_feed_has_overtaken_says_goodbye_and_leaves_no_gap() {
    let mut end = End::open();
    end.link.follow(Start::default(), &end.feed);
    end.append(&entry(1), Lane::Talk);
    end.write(START);
    for number in 2..=5 {
        end.append(&entry(number), Lane::Talk);
    }
    end.link.send(done(1), end.feed.head());
    end.append(&entry(1), Lane::Acts);
    end.link.close(Code::Kicked, "", end.feed.head(), START);
    end.write(START);
    assert_eq!(end.sent, [entry(1), done(1), bye(Code::Kicked)]);
    assert!(end.link.is_finished());
}

#[test]
fn slow_2_a_link_is_owed_only_so_much() {
    let mut end = End::open();
    for _ in 0..limits::OWED_FRAMES_MAX {
        end.link.send(digest(), 0);
    }
    assert!(end.link.poll_timeout() > Some(START));
    end.link.send(digest(), 0);
    end.run_until(START);
    assert_eq!(end.down(), Some((Code::Slow, Some(Rule::Slow2))));
    assert_eq!(end.said_bye(), Some(Code::Slow));
    assert_eq!(end.sent.len(), 1);
}

#[test]
fn bye_1_goodbye_follows_its_cause() {
    let mut end = End::open();
    end.link.follow(Start::default(), &end.feed);
    end.append(&entry(1), Lane::Talk);
    end.link.send(done(1), end.feed.head());
    end.append(&entry(2), Lane::Acts);
    end.link.close(Code::Kicked, "noise", end.feed.head(), START);
    end.append(&entry(3), Lane::Talk);
    end.write(START);
    assert_eq!(end.sent[..3], [entry(1), done(1), entry(2)]);
    assert_eq!((end.sent.len(), end.said_bye()), (4, Some(Code::Kicked)));
    assert!(end.link.is_finished());
    assert_eq!(end.told, [], "a machine that has closed is told nothing more");
}

#[test]
fn bye_1_goodbye_is_the_last_frame_whatever_is_sent_after_it() {
    let mut end = End::open();
    end.link.close(Code::Left, "", 0, START);
    end.link.send(digest(), 0);
    end.link.close(Code::Ended, "", 0, START);
    end.write(START);
    assert_eq!(end.sent, [bye(Code::Left)]);
    assert!(!end.link.wants_to_write(&end.feed));
}

#[test]
fn bye_2_a_peers_goodbye_ends_the_link_in_any_state_and_is_not_answered() {
    for mut end in [End::accepted(), End::dialled(), End::open()] {
        end.write(START);
        end.sent.clear();
        end.receive(&[bye(Code::Banned), digest()], START);
        end.link.end_of_stream(&mut end.told);
        end.write(START);
        assert_eq!(end.told, [LinkEvent::Down { code: Code::Banned, rule: None }]);
        assert_eq!(end.sent, []);
        assert!(end.link.is_finished());
    }
}

#[test]
fn bye_3_a_closing_link_has_5_s_for_what_it_owes() {
    let mut end = End::open();
    end.link.send(digest(), 0);
    end.link.close(Code::Left, "", 0, at(1));
    assert_eq!(end.link.poll_timeout(), Some(at(6)));
    end.link.handle_timeout(at(6), &mut end.told);
    assert_eq!(end.told, []);
    assert!(end.link.is_finished());
}

#[test]
fn cut_1_the_end_of_the_stream_without_bye_is_told_once() {
    for mut end in [End::accepted(), End::dialled(), End::open()] {
        end.link.end_of_stream(&mut end.told);
        end.link.end_of_stream(&mut end.told);
        assert_eq!(end.told, [LinkEvent::Down { code: Code::Cut, rule: None }]);
        assert!(end.link.is_finished());
    }
}

#[test]
fn age_1_the_initiator_renews_after_24_h_and_the_responder_never() {
    let mut end = End::dialled();
    end.write(START);
    end.receive(&[hello(Purpose::STAR, MEETING, None)], START);
    let mut accepted = End::open();
    for second in (0..=90_000).step_by(10) {
        for end in [&mut end, &mut accepted] {
            if end.down().is_none() {
                end.run_until(at(second));
                end.receive(&[ping()], at(second));
            }
        }
        if second < 86_400 {
            assert_eq!(end.down(), None);
        }
    }
    assert_eq!((end.down(), end.said_bye()), (Some((Code::Renewed, None)), Some(Code::Renewed)));
    assert_eq!(accepted.down(), None);
}

#[test]
fn fill_packs_whole_frames_into_records_that_fit() {
    let mut end = End::open();
    let text = |length| core::iter::repeat_n('a', length).collect::<String>();
    let mut frames: Vec<Encoded> = (1..=12).map(|id| tell(id, &text(limits::RECORD_PACKED_MAX / 3 - 100))).collect();
    frames.push(tell(13, &text(limits::TEXT_MAX)));
    frames.iter().for_each(|frame| end.link.send(frame.clone(), 0));
    let bytes = end.link.fill(&mut Packer::new(&end.feed), START).map_or(0, <[u8]>::len);
    assert_eq!(bytes, 3 * frames[0].0.len(), "a fourth would not fit");
    end.write(START);
    assert_eq!(end.sent, frames[3..], "one that is longer than what is packed goes alone");
}
