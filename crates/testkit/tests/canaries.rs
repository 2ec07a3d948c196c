//! Bugs planted at run time: the simulator's checks must see each of them, or they are no checks.
#![expect(clippy::print_stdout, clippy::panic, reason = "for the person who asks which check saw a canary")]

use tertulia_testkit::mesh::{self, Deed};
use tertulia_testkit::sim::Canary;
use tertulia_testkit::star::{Lie, Mix, play, play_mix};

/// How many lectures a canary may live through.
const SEEDS: u64 = 24;

/// Plays lectures until one fails.
fn hunt(canary: Canary) {
    for seed in 0..SEEDS {
        if let Err(failure) = play(seed, Some(canary)) {
            println!("{canary:?} at seed {seed}: {}", failure.message.lines().next().unwrap_or_default());
            return;
        }
    }
    panic!("{canary:?} has lived through {SEEDS} lectures");
}

/// Where little goes wrong, each of these has only one check that can see it.
#[test]
fn the_check_that_is_meant_for_a_canary_sees_it() {
    for (canary, check) in [
        (Canary::AcknowledgementsLost, "the host does not know"),
        (Canary::AnswersLost, "was not answered"),
        (Canary::FollowsFromStart, "an entry came that it holds"),
        (Canary::ByeFirst, "did not see the end"),
        (Canary::CutUnforgiven, "SPEC DIAL-2"),
        (Canary::FeedGrows, "more than FEED-2 allows"),
    ] {
        let mut mix = Mix::calm();
        if canary == Canary::FeedGrows {
            mix.talk_max = 15;
        }
        let seen = (0..SEEDS).find_map(|seed| play_mix(seed, mix.clone(), Some(canary)).err());
        let message = seen.unwrap_or_else(|| panic!("nothing has seen {canary:?}")).message;
        assert!(message.contains(check), "{canary:?} was seen by another check: {message}");
    }
}

/// What rooms alone can show, or show otherwise, and the word of the check that sees it there.
const IN_ROOMS: [(Canary, &str); 10] = [
    (Canary::DigestsFlood, "than RATE-1 allows"),
    (Canary::MissingNotRedialled, "has links with"),
    (Canary::DialsTwice, "that it dialled to one key"),
    (Canary::TriesWithoutEnd, "more often than DIAL-5 allows"),
    (Canary::DigestsLost, ""),
    (Canary::BodyCutsLink, "has links with"),
    (Canary::HeadsLeftOut, ""),
    (Canary::NotShown, "does not show what it holds"),
    (Canary::ForkForgotten, "a restart finds another log"),
    (Canary::RegisterRollsBack, "a restart finds another log"),
];

/// What shows where somebody keeps to no rule, which deed shows it, and the word of the check that sees it.
const BY_BYZANTINES: [(Canary, Deed, &str); 6] = [
    (Canary::GhostHears, Deed::Listens, "who is not seated and here"),
    (Canary::SpareKeyReturns, Deed::ComesAgain, "two see another room"),
    (Canary::FloorFalls, Deed::MakesSpares, "below its floor"),
    (Canary::RowsUnbounded, Deed::ClaimsMuch, "lacks"),
    (Canary::FetchesAll, Deed::Fills, "than MESH-30 allows"),
    (Canary::StoresAnyAct, Deed::Rules, "stores an act of somebody who is no host"),
];

/// What shows where a host lies, which lie shows it, and the word of the check that sees it.
const BY_LIARS: [(Canary, Lie, &str); 4] = [
    (Canary::TakesItsWord, Lie::TwoStories, "holds two stories of"),
    (Canary::TakesItsWord, Lie::AnotherLine, "questions that are not signed"),
    (Canary::DigitsLeftOut, Lie::MadeUp, "shows who has said so"),
    (Canary::ChecksAlike, Lie::TwoStories, "compares"),
];

#[test]
fn what_is_planted_where_a_host_lies_is_seen() {
    for (canary, lie, check) in BY_LIARS {
        let mix = Mix::calm().lying(lie);
        let seen = (0..SEEDS).find_map(|seed| play_mix(seed, mix.clone(), Some(canary)).err());
        let message = seen.unwrap_or_else(|| panic!("nothing has seen {canary:?}")).message;
        println!("{canary:?}: {}", message.lines().next().unwrap_or_default());
        assert!(message.contains(check), "{canary:?} was seen by another check: {message}");
    }
}

#[test]
fn what_is_planted_where_somebody_keeps_to_no_rule_is_seen() {
    for (canary, deed, check) in BY_BYZANTINES {
        let mix = mesh::Mix::calm().with(deed);
        let seen = (0..SEEDS).find_map(|seed| mesh::play_mix(seed, mix.clone(), Some(canary)).err());
        let message = seen.unwrap_or_else(|| panic!("nothing has seen {canary:?}")).message;
        println!("{canary:?}: {}", message.lines().next().unwrap_or_default());
        assert!(message.contains(check), "{canary:?} was seen by another check: {message}");
    }
}

/// Who lets others in and leaves is no Byzantine: it shows in any room.
#[test]
fn a_signer_that_takes_seats_along_is_seen() {
    let canary = Canary::SignerTakesSeat;
    let failure = (0..4 * SEEDS).find_map(|seed| mesh::play(seed, Some(canary)).err()).expect("nothing has seen it");
    println!("{canary:?} at seed {}: {}", failure.seed, failure.message.lines().next().unwrap_or_default());
}

#[test]
fn what_is_planted_in_a_room_is_seen() {
    for (canary, check) in IN_ROOMS {
        let seen = (0..SEEDS).find_map(|seed| mesh::play_mix(seed, mesh::Mix::calm(), Some(canary)).err());
        let message = seen.unwrap_or_else(|| panic!("nothing has seen {canary:?}")).message;
        println!("{canary:?}: {}", message.lines().next().unwrap_or_default());
        assert!(message.contains(check), "{canary:?} was seen by another check: {message}");
    }
}

macro_rules! canaries {
    ($($test:ident $canary:ident)*) => {
        $(#[test]
        fn $test() {
            hunt(Canary::$canary);
        })*

        #[test]
        fn every_canary_is_hunted() {
            let hunted = [$(Canary::$canary),*].into_iter().chain(IN_ROOMS.map(|(canary, _)| canary));
            // Only friends keep what others have: their tests hunt the last.
            let hunted = hunted.chain(BY_BYZANTINES.map(|(canary, ..)| canary)).chain([Canary::SignerTakesSeat]);
            let hunted = hunted.chain(BY_LIARS.map(|(canary, ..)| canary));
            let hunted: Vec<Canary> = hunted.chain([Canary::ReceivedForgotten, Canary::CutUnforgiven]).collect();
            assert!(Canary::ALL.iter().all(|canary| hunted.contains(canary)));
        }
    };
}

canaries! {
    lost_digests_are_seen DigestsLost
    lost_acknowledgements_are_seen AcknowledgementsLost
    lost_answers_are_seen AnswersLost
    entries_that_come_twice_are_seen EntriesTwice
    messages_that_are_shown_twice_are_seen ShownTwice
    messages_that_are_not_shown_are_seen NotShown
    a_feed_that_skips_is_seen FeedSkips
    a_down_that_is_never_told_is_seen DownNeverTold
    a_goodbye_before_its_cause_is_seen ByeFirst
    a_timer_that_is_late_by_one_is_seen TimerLate
    redialling_that_ends_is_seen RedialNever
    a_disk_that_forgets_is_seen DiskForgets
    a_disk_that_forgets_acts_is_seen DiskForgetsActs
    a_flipped_bit_is_seen BitFlipped
    a_disk_that_forgets_what_was_shown_is_seen ShownForgotten
    a_goodbye_that_is_not_read_is_seen ByeUnread
    a_command_that_is_answered_twice_is_seen DoneTwice
    a_link_that_is_dialled_twice_is_seen DialsTwice
    a_link_that_begins_at_the_start_is_seen FollowsFromStart
    an_alarm_at_an_honest_host_is_seen CriesWolf
    a_feed_that_lets_go_of_nothing_is_seen FeedGrows
}
