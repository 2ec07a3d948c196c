//! Whose words are removed: acts, PERSONs, talk and RETRACTs, and what they add up to.

use std::collections::BTreeSet;
use std::sync::Arc;

use tertulia_core::id::{Hash, Key, Salt};
use tertulia_core::log::{Held, Log, StreamId, entry_of};
use tertulia_core::roster::Roster;
use tertulia_core::wire::entry::{EntryBody, Kind, Lane, Level};
use tertulia_core::wire::field::Text;

use crate::seats::{ADA, BEA, CLEO, DAN, EVE, GUS, Meeting, key, name, person};
use crate::{compare, hex, list, object, text};

const ABOUT: &str = "SPEC.md, Words that are removed. The people are those of seats.json. Of each meeting: its charter, \
                     ENTRY frames sorted as text, and of every TEXT among them, in whatever order they come, who has \
                     removed it (null: it is shown). All bytes in hex.";

/// The first words of Ada, Bea, Cleo, Dan and Eve.
type Said = [Arc<Held>; 5];

/// A meeting, and in words what is to follow: whose words, which number in their stream, and behind `:` who has removed them.
type Case = (&'static str, Meeting, &'static str);

fn say(meeting: &mut Meeting, who: u8) -> Arc<Held> {
    let words = Text::new("I had better not have said this").unwrap();
    meeting.write(who, 1, &EntryBody::Text { salt: Salt([who; 16]), text: words })
}

fn retract(meeting: &mut Meeting, by: u8, words: &Held) -> Arc<Held> {
    retract_as(meeting, by, words, words.number, words.hash)
}

fn retract_as(meeting: &mut Meeting, by: u8, words: &Held, number: u64, hash: Hash) -> Arc<Held> {
    let (author, session) = (words.id.author, words.id.session);
    meeting.write(by, 1, &EntryBody::Retract { author, session, number, hash })
}

/// What becomes of the open room of `seats.json` once everybody but Fay has said something.
fn talked(about: &'static str, expected: &'static str, play: impl FnOnce(&mut Meeting, Said)) -> Case {
    let mut meeting = Meeting::new();
    let said = [ADA, BEA, CLEO, DAN, EVE].map(|who| say(&mut meeting, who));
    play(&mut meeting, said);
    (about, meeting, expected)
}

const SHOWN: &str = "Ada1 Bea1 Cleo1 Dan1 Eve1";

fn by_whoever_may() -> Vec<Case> {
    vec![
        talked("nobody removes anything", SHOWN, |_, _| {}),
        talked("everybody may take back what it has said", "Ada1 Bea1 Cleo1 Dan1:Dan Eve1", |meeting, [.., dan, _]| {
            retract(meeting, DAN, &dan);
        }),
        talked("a member removes nobody else's words", SHOWN, |meeting, [ada, _, _, dan, eve]| {
            retract(meeting, DAN, &ada);
            retract(meeting, DAN, &eve);
            retract(meeting, EVE, &dan);
        }),
        talked(
            "a host removes those of members, and of hosts that rank below it",
            "Ada1 Bea1 Cleo1:Bea Dan1:Cleo Eve1:Ada",
            |meeting, [ada, bea, cleo, dan, eve]| {
                retract(meeting, BEA, &ada);
                retract(meeting, CLEO, &bea);
                retract(meeting, BEA, &cleo);
                retract(meeting, CLEO, &dan);
                retract(meeting, ADA, &eve);
            },
        ),
        talked(
            "of several, who has written the first that counts has removed them",
            "Ada1 Bea1 Cleo1 Dan1:Cleo Eve1:Eve",
            |meeting, [.., dan, eve]| {
                retract(meeting, EVE, &dan);
                retract(meeting, CLEO, &dan);
                retract(meeting, DAN, &dan);
                retract(meeting, EVE, &eve);
                retract(meeting, ADA, &eve);
            },
        ),
        talked("who is muted and who is out may not any more", SHOWN, |meeting, [.., dan, eve]| {
            let cuts = meeting.log.cuts(key(DAN));
            meeting.revoke(ADA, key(DAN), Level::Mute, cuts, &[EVE]);
            meeting.kick(ADA, EVE, &[]);
            retract(meeting, DAN, &dan);
            retract(meeting, EVE, &eve);
        }),
        talked(
            "what they have taken back before stays so",
            "Ada1 Bea1 Cleo1 Dan1:Dan Eve1",
            |meeting, [.., dan, _]| {
                retract(meeting, DAN, &dan);
                meeting.kick(ADA, DAN, &[]);
            },
        ),
    ]
}

fn of_what_it_names() -> Vec<Case> {
    vec![
        talked("another hash, and the hash of another number, remove nothing", SHOWN, |meeting, [.., dan, eve]| {
            retract_as(meeting, DAN, &dan, 1, eve.hash);
            retract_as(meeting, DAN, &dan, 7, dan.hash);
        }),
        talked(
            "what names it right counts, whatever came before",
            "Ada1 Bea1 Cleo1 Dan1:Bea Eve1",
            |meeting, [.., dan, eve]| {
                retract_as(meeting, DAN, &dan, 1, eve.hash);
                retract(meeting, BEA, &dan);
            },
        ),
        talked("nobody removes an act, or what somebody says of itself", SHOWN, |meeting, _| {
            let act = meeting.log.acts().next().unwrap().clone();
            retract(meeting, ADA, &act);
            let word = meeting.log.register(key(DAN), Lane::PERSON).unwrap().clone();
            retract(meeting, DAN, &word);
        }),
        talked("nobody removes a RETRACT", "Ada1 Bea1 Cleo1 Dan1:Dan Eve1", |meeting, [.., dan, _]| {
            let retraction = retract(meeting, DAN, &dan);
            retract(meeting, DAN, &retraction);
            retract(meeting, BEA, &retraction);
        }),
        talked(
            "what stands under that number and is something else is not removed",
            "Ada1 Bea1 Cleo1 Dan1 Eve1 Dan2",
            {
                |meeting, _| {
                    let words = say(&mut meeting.clone(), DAN);
                    retract(meeting, ADA, &words);
                    say(meeting, DAN);
                }
            },
        ),
    ]
}

fn of_hosts_that_are_out() -> Vec<Case> {
    vec![
        talked(
            "what a host that is shown out has removed is shown again, but its own words",
            "Ada1 Bea1:Bea Cleo1 Dan1 Eve1",
            |meeting, [_, bea, cleo, dan, _]| {
                retract(meeting, BEA, &bea);
                retract(meeting, BEA, &cleo);
                retract(meeting, BEA, &dan);
                meeting.kick(ADA, BEA, &[DAN]);
            },
        ),
        talked("what another has removed too stays so", "Ada1 Bea1 Cleo1 Dan1:Cleo Eve1", |meeting, [.., dan, eve]| {
            retract(meeting, BEA, &dan);
            retract(meeting, BEA, &eve);
            retract(meeting, CLEO, &dan);
            meeting.kick(ADA, BEA, &[DAN]);
        }),
        talked(
            "a host that is back removes again what it had removed",
            "Ada1 Bea1 Cleo1 Dan1:Bea Eve1",
            |meeting, [.., dan, eve]| {
                retract(meeting, BEA, &dan);
                let kick = meeting.kick(ADA, BEA, &[DAN]);
                retract(meeting, BEA, &eve);
                meeting.forgive(ADA, BEA, kick, 2);
            },
        ),
        talked("a fork voids both RETRACTs, and what comes after them", SHOWN, |meeting, [_, _, cleo, dan, eve]| {
            let other = retract(&mut meeting.clone(), BEA, &cleo);
            meeting.rivals.push(other);
            retract(meeting, BEA, &dan);
            retract(meeting, BEA, &eve);
        }),
    ]
}

/// Whose text, of which session and number, and who has removed it.
type Fate = (StreamId, u64, Option<Key>);

/// What becomes of each text, once all has come in this order.
fn fates<'a>(meeting: &Meeting, entries: impl IntoIterator<Item = &'a Arc<Held>>) -> Vec<Fate> {
    let (us, mut log) = (person(GUS), Log::new(meeting.charter.meeting, 100));
    let review = |log: &mut Log| {
        let roster = Roster::fold(log, &meeting.charter, &us);
        log.review(true, |retraction| roster.may_remove(retraction));
    };
    let mut acts_have_come = 0;
    for entry in entries {
        log.offer(&entry_of(&entry.frame).unwrap(), true, &us);
        // What is removed by what is held is looked at as acts come, too.
        if log.acts().count() > acts_have_come {
            acts_have_come = log.acts().count();
            review(&mut log);
        }
    }
    meeting.rivals.iter().for_each(|rival| _ = log.void(rival.id, rival.number));
    review(&mut log);
    let is_text = |entry: &&Arc<Held>| entry.lane() == Lane::Talk && entry.kind() == Kind::Text;
    let fate = |text: &Arc<Held>| (text.id, text.number, log.removed_by(text));
    let mut texts: Vec<Fate> = log.entries().filter(is_text).map(fate).collect();
    texts.sort_by_key(|(id, number, _)| (*number, name(&id.author)));
    texts
}

fn case((about, meeting, expected): Case) -> String {
    let mut entries: Vec<Arc<Held>> = meeting.log.entries().chain(&meeting.rivals).cloned().collect();
    let texts = fates(&meeting, &entries);
    let words = texts.iter().map(|(id, number, by)| {
        let by = by.map_or(String::new(), |by| format!(":{}", name(&by)));
        format!("{}{number}{by}", name(&id.author))
    });
    assert_eq!(words.collect::<Vec<_>>().join(" "), expected, "{about}");
    // Each stream in its own order, and of the streams now the first first, now the last.
    for are_reversed in [false, true] {
        entries.sort_by(|one, other| {
            let by_stream = one.id.cmp(&other.id);
            let by_stream = if are_reversed { by_stream.reverse() } else { by_stream };
            by_stream.then(one.number.cmp(&other.number))
        });
        assert_eq!(fates(&meeting, &entries), texts, "{about}: reversed {are_reversed}");
    }
    let texts = texts.iter().map(|(id, number, by)| {
        let by = by.map_or("null".into(), |by| hex(&by.0));
        let fields = [("author", hex(&id.author.0)), ("session", text(&id.session.to_string()))];
        object(4, &[&fields[..], &[("number", number.to_string()), ("removed_by", by)]].concat())
    });
    let frames: BTreeSet<String> = entries.iter().map(|entry| hex(&entry.frame.0)).collect();
    let frames: Vec<String> = frames.into_iter().collect();
    let fields = [
        ("about", text(about)),
        ("charter", hex(meeting.charter.bytes())),
        ("entries", list(3, &frames)),
        ("texts", list(3, &texts.collect::<Vec<_>>())),
    ];
    object(2, &fields)
}

#[test]
fn retract_1_2_3_words_are_removed_as_the_vectors_say() {
    let cases = [by_whoever_may(), of_what_it_names(), of_hosts_that_are_out()].into_iter().flatten().map(case);
    let parts =
        [("license", text("CC0-1.0")), ("about", text(ABOUT)), ("meetings", list(1, &cases.collect::<Vec<_>>()))];
    compare("retracts.json", &format!("{}\n", object(0, &parts)));
}
