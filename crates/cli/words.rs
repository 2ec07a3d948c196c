//! What is said of a failure, a notice, an end and a deed: core says what, and here it is put into words. Each says what
//! was expected, what was found, and what to do next.

use tertulia_core::address::Flaw;
use tertulia_core::code::Code;
use tertulia_core::command::{Directory, Failure, Full, Place};
use tertulia_core::compare::safety_words;
use tertulia_core::event::{Asked, Deed, Ending, Notice, Role};
use tertulia_core::id::{Hash, Key};
use tertulia_core::limits;
use tertulia_core::reason;
use tertulia_core::ticket::NoTicket;
use tertulia_core::wire::entry::Level;

/// Why something is not done.
pub(crate) fn failure(failure: &Failure) -> String {
    match failure {
        Failure::NoSuchName(name) => format!("nobody here is called {name}; /users shows who is here"),
        Failure::NoContact(name) => format!("no contact is called {name}; /contacts shows who is"),
        Failure::NobodyAt(name) => nobody_at(name),
        Failure::NoContacts => "there are no contacts yet; /add NAME HOST:PORT adds one".into(),
        Failure::NobodyWaits(Some(name)) => format!("nobody called {name} waits in the lobby; check the name"),
        Failure::NobodyWaits(None) => "nobody waits in the lobby".into(),
        Failure::ChangedHands { name, key } => changed_hands(name, *key),
        Failure::NotRevoked { name, level } => {
            let what = if *level == Level::Out { "shown out" } else { "muted" };
            format!("nobody called {name} has been {what}; check the name")
        }
        Failure::HostAlone { host, text } => {
            format!("in a lecture, you can write privately to the host alone: /msg {host} {text}")
        }
        Failure::Yourself => "that is you; /end ends the lecture for all, /stop stops it for now".into(),
        Failure::DoneBefore { name, level } => {
            let (is, undo) = if *level == Level::Out { ("out", "unban") } else { ("muted", "unmute") };
            format!("{name} is {is} already; /{undo} {name} takes it back")
        }
        Failure::Blocked(name) => format!("you have blocked {name}; /unblock {name} lets them in again"),
        Failure::NotBlocked(name) => format!("{name} is not blocked; /contacts shows who is"),
        Failure::NotMet(name) => not_met(name),
        Failure::NotLinked(name) => not_linked(name),
        Failure::Barred { name, addresses, code } => barred(name, addresses, *code),
        Failure::TextLength(bytes) => format!("a text has 1 to {} bytes, this one has {bytes}", limits::TEXT_MAX),
        Failure::NameForm(name) => reason::name_form(name),
        Failure::NameTaken(name) => format!("somebody here is called {name}; choose another name"),
        Failure::ReadsAlike(name) => format!("somebody has a name that reads like {name}; choose another"),
        Failure::SearchLength => "a search has at most 255 bytes; shorten it".into(),
        Failure::ToWhom => "to whom? type NAME/TEXT, or */TEXT for all".into(),
        Failure::BadAddress { typed, error, name } => {
            let meant = error.instead.as_ref().map_or_else(|| "HOST:PORT".into(), ToString::to_string);
            let line = name.as_ref().map_or_else(|| format!("{meant}/TEXT"), |name| format!("/add {name} {meant}"));
            format!("`{typed}` is no address: {}; type: {line}", flaw(error.flaw))
        }
        Failure::Full(what) => full(what),
        Failure::NotHost(Place::Lecture) => "only the host can do that; /quit leaves".into(),
        Failure::NotHost(Place::Room) => "only a host of this room can do that; /quit leaves".into(),
        Failure::NotFounder => "only the founder ends a room; /quit leaves".into(),
        Failure::NotYourTickets => NOT_YOUR_TICKETS.into(),
        Failure::NoTickets(place) => no_tickets(*place),
        Failure::NoSuchTicket(label) => no_such_ticket(label),
        Failure::VoidBefore(label) => format!("the ticket `{label}` is void already; /ticket {label} makes another"),
        Failure::TicketLabel(label) => no_label(label),
        Failure::NoHost => "among friends there is no host; /help shows what there is".into(),
        Failure::NoLobby(place) => format!("this {} has no lobby: who may come is let in at once", kind(*place)),
        Failure::Muted | Failure::NoSuchWords | Failure::NotYourWords => not_spoken(failure).into(),
        Failure::NotInside => "you are not in the room yet; wait until you are".into(),
        Failure::NoContactsHere => "this is a meeting; contacts have a console of their own: tertulia friends".into(),
        Failure::NoRegistryHere(wish) => format!("no registry is asked here; {}", elsewhere(wish)),
        Failure::NoRegistry => "there is no registry to ask; start again with one: --registry HOST:PORT".into(),
        Failure::NoAnswers(registries) => format!(
            "no registry answers: {}; start one with `tertulia registry`, name another with --registry, or join by ticket or HOST:PORT",
            each(registries)
        ),
        Failure::OnlyClient => "registries know meetings and people, and nothing else".into(),
        Failure::OnlyRegistry => "a registry lists meetings and people, and does nothing else".into(),
        Failure::NotListening => "nobody can reach you here: only who listens can be registered".into(),
        Failure::NotRegistered => "no registry lists you; to be listed: /register".into(),
        Failure::Refused { reason, .. } => reason.clone(),
        Failure::NotHeld { number, newest } => not_held(*number, *newest),
        Failure::NothingBetween => NOTHING_BETWEEN.into(),
        Failure::Differs { number } => differs(*number),
        Failure::Undelivered(None) => unanswered("the host"),
        Failure::Undelivered(Some(name)) | Failure::NotAnswered(name) | Failure::Gone(name) => unanswered(name),
        Failure::Held(name) => format!("{name} was gone before the text arrived; say it again when they are back"),
        Failure::Unsaid => "this was over before it could be said; nobody has read it".into(),
    }
}

/// What makes a label, for whoever has typed something else.
pub(crate) fn no_label(label: &str) -> String {
    format!(
        "`{label}` is no label: it has 1 to {} bytes, is made like a name, and has no - in front",
        limits::TICKET_LABEL_MAX
    )
}

const NOT_YOUR_TICKETS: &str =
    "only who has founded the room makes tickets, or makes them void; /ticket shows the one that you have";

fn no_tickets(place: Place) -> String {
    format!("nobody needs a ticket for this {}: who has its address comes in; /lock lets nobody new in", kind(place))
}

fn no_such_ticket(label: &str) -> String {
    format!("no ticket is called `{label}`; /tickets shows what there is, /ticket {label} makes one")
}

fn ticket_void(label: &str) -> String {
    match label {
        "" => "the ticket that was handed out is void now; hand out the new one".into(),
        _ => format!(
            "the ticket `{label}` is void now: who is here by it stays, and nobody new comes with it; \
             /ticket {label} makes another"
        ),
    }
}

fn stranger_has_more(name: &str) -> String {
    format!(
        "{name} has more to say, and of somebody whom you have not accepted no more than {} KiB are taken; \
         to accept {name}: an answer, /add {name} HOST:PORT, or tertulia receive --from {name}",
        limits::STRANGER_BYTES_MAX / 1024
    )
}

fn unaccepted(name: &str, bytes: usize) -> String {
    format!(
        "{name} has not accepted you yet, and takes no more until then: {bytes} bytes wait here, and go out once \
         {name} answers or adds you"
    )
}

fn not_linked(name: &str) -> String {
    format!(
        "there is no link with {name} just now, and private words take no other way; say it again when /users shows one"
    )
}

fn not_met(name: &str) -> String {
    format!("{name} was never met, and nobody is kept away by a name alone; /remove {name} has nobody dial them")
}

fn nobody_at(name: &str) -> String {
    format!("nobody is called {name}; /contacts shows who is, /add {name} HOST:PORT adds them")
}

fn not_held(number: u64, newest: u64) -> String {
    match newest {
        0 => "the host has said nothing here yet: there is nothing to compare".into(),
        _ => format!("line {number} of the host is not held here; the newest is {newest}: /check shows it"),
    }
}

fn differs(number: u64) -> String {
    match number {
        0 => {
            "the host does not publish it: it says that you have heard what it has not said, or are called otherwise; \
             ask again once it has said something"
                .into()
        }
        _ => format!(
            "the host does not publish it: it says that it has not said what you have heard as its line {number}; \
             compare with others, aloud: /check {number}, and ask again once it has said something more"
        ),
    }
}

/// Why nothing is said, or taken back.
fn not_spoken(failure: &Failure) -> &'static str {
    if *failure == Failure::Muted {
        "a host has muted you"
    } else if *failure == Failure::NotYourWords {
        "only who said it, or a host that does not rank below them, can remove that"
    } else {
        "there is nothing of that to remove; /retract removes the last that you have said"
    }
}

/// A private text that they may have, or not.
fn unanswered(who: &str) -> String {
    format!("{who} has not answered, and perhaps not read it; say it again if it matters")
}

fn changed_hands(name: &str, key: Key) -> String {
    let digits = digits(&key.to_hex());
    format!(
        "another key was called {name} a moment ago, and one that begins with {digits} is now: type {digits} instead"
    )
}

fn full(what: &Full) -> String {
    match what {
        Full::People(place) => format!("the {} is full; who waits goes on waiting", kind(*place)),
        Full::Acts(Place::Lecture) => "this meeting has all the acts that it can keep; found a new one".into(),
        Full::Acts(Place::Room) => "this room has all the acts that it can keep; found a new one".into(),
        Full::Errands => "what you sent before has not been answered; wait a little, then send it again".into(),
        Full::Tells(name) => format!("{name} has not answered the last {} texts; wait", limits::PENDING_MAX),
        Full::Lines => "you have said more than can be sent; wait a little, then say it again".into(),
        Full::Contacts => format!("there are {} contacts, and no more fit; remove some", limits::CONTACTS_MAX),
        Full::Drafts(name) => {
            format!("{} texts wait for people who were never met; wait until {name} answers", limits::DRAFTS_MAX)
        }
        Full::Tickets => format!(
            "there are {} tickets, and none is void; /tickets shows them, /ticket LABEL --void makes room",
            limits::TICKETS_MAX
        ),
        Full::Questions => "the registries have not answered what was asked before; wait a little".into(),
    }
}

fn barred(name: &str, addresses: &[String], code: Code) -> String {
    let addresses = addresses.join(", ");
    if code == Code::WrongKey {
        format!(
            "another key than {name}'s answers at {addresses}: nothing was sent, and nobody dials there again; \
             ask {name} on another way, and if the new key is right: remove {name}, and add them again"
        )
    } else if code == Code::Denied {
        format!("{name} does not take what you write: nothing was sent; /add {name} HOST:PORT tries again")
    } else if code == Code::SelfLink {
        format!("{addresses} is your own address: nothing was sent; a note to yourself: write to your own name")
    } else {
        format!("{name} talks with you somewhere else: another program runs with your key; end one of them")
    }
}

const fn elsewhere(wish: &Directory) -> &'static str {
    match wish {
        Directory::List { .. } | Directory::Lookup { .. } => "to see what is on, in another terminal: tertulia list",
        Directory::Who => "to see who has registered, in another terminal: tertulia who",
        Directory::Register | Directory::Unregister => {
            "to be listed, type /register where you host, or in another terminal: tertulia friends"
        }
    }
}

/// What is wrong with an address.
pub(crate) const fn flaw(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Form => "it is no HOST:PORT",
        Flaw::NoPort => "it has no port",
        Flaw::Port => "a port is a number from 1 to 65535",
        Flaw::NoBrackets => "an IPv6 address before a port stands in brackets",
        Flaw::NoInterface => "one listens at an IP address of this machine",
        Flaw::Zone => "each machine has its own names of interfaces",
        Flaw::NobodysOwn => "it is the address of no single machine: nobody can dial it",
    }
}

/// Why a text is no ticket.
pub(crate) fn no_ticket(error: NoTicket) -> String {
    let expected = match error {
        NoTicket::Scheme => "`tertulia:` in front",
        NoTicket::At => "`@` and an address at the end",
        NoTicket::Meeting => "a meeting id of 32 hex digits",
        NoTicket::Host => "a host key of 64 hex digits",
        NoTicket::Seed => "a seed of 64 hex digits",
        NoTicket::Endorsement => "an endorsement of 128 hex digits",
        NoTicket::AtAfterEndorsement => "`@` after the endorsement",
        NoTicket::End => "`/` after the addresses",
        NoTicket::Addresses => "one to three HOST:PORT after `@`",
    };
    format!("not a whole ticket: expected {expected}; copy the line that the host printed, all of it")
}

/// Each registry, and why it does not answer.
fn each(registries: &[(String, Code)]) -> String {
    registries.iter().map(|(registry, code)| format!("{registry} ({code})")).collect::<Vec<_>>().join(", ")
}

const fn kind(place: Place) -> &'static str {
    match place {
        Place::Lecture => "lecture",
        Place::Room => "room",
    }
}

/// Why there is no `/check` here.
pub(crate) const NOTHING_BETWEEN: &str =
    "here you have each word from whoever has said it, and nobody stands between: /check is for lectures";

/// Two runs have signed with one key.
const OWN_FORK: &str = "another run with your key, perhaps of a copy of this machine, has written here too; the last of what you said is shown to nobody: say it again";

/// What stands behind the name of somebody who has asked: digits of its key where the name may mislead, and what of the
/// host's words it did not know.
pub(crate) fn asked(asked: &Asked) -> String {
    let key = if asked.is_ambiguous { format!(" ({})", digits(&asked.key.to_hex())) } else { String::new() };
    let unheard = match (asked.unheard, asked.heard) {
        (0, _) => String::new(),
        (_, None) => ", who had heard nothing".into(),
        (1, Some(_)) => ", before the last line".into(),
        (lines, Some(_)) => format!(", before the last {lines} lines"),
    };
    format!("{key}{unheard}")
}

/// Enough of a key or hash to tell it from others.
fn digits(hex: &str) -> String {
    hex.chars().take(limits::KEY_DIGITS_MIN).collect()
}

/// The asker of a question has heard something else.
fn stories(name: &str, number: u64, heard: Hash, held: Option<Hash>) -> String {
    let heard = digits(&heard.to_hex());
    let found = match held {
        Some(held) => format!("line {number} of the host is {} here", digits(&held.to_hex())),
        None => format!("line {number} of the host was not said before it"),
    };
    format!(
        "the host tells more than one story: {name} has asked after hearing {heard} as line {number}, and {found}; \
         believe neither before you have compared with others, aloud: /check {number}"
    )
}

/// What the user should know.
pub(crate) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Failed(what) => failure(what),
        Notice::NoAnswer { code, addresses, was } => {
            let was = was.as_ref().map_or_else(String::new, |title| format!(", where the lecture `{title}` was"));
            let seconds = limits::JOIN_PATIENCE.as_secs();
            format!("{}{was}; trying again for {seconds} s", no_answer(*code, addresses))
        }
        Notice::Alone { code, addresses, title, heard } => format!(
            "{}; you come into the room `{title}` as it is kept here, last heard of {heard}, and are alone until somebody answers",
            no_answer(*code, addresses)
        ),
        Notice::AnotherMeeting { addresses, title } => format!(
            "another meeting is at {} now: you leave the room `{title}`, where nobody else is; what you said there is kept",
            addresses.join(", ")
        ),
        Notice::Away { name, addresses, .. } if addresses.is_empty() => format!(
            "no address of {name} is known; what you write is held until {name} dials, or until: /add {name} HOST:PORT"
        ),
        Notice::Away { name, addresses, code } => format!(
            "{name} does not answer at {} ({code}); what you write is held, and goes out when {name} is back",
            addresses.join(", ")
        ),
        Notice::FirstUse { name, key, pair } => format!(
            "from now on {name} is the key {key}; to know that nobody stands between you, compare with {name}: {}",
            safety_words(*pair)
        ),
        Notice::StrangerHasMore(name) => stranger_has_more(name),
        Notice::Unaccepted { name, bytes } => unaccepted(name, *bytes),
        Notice::SameKey { gone, stays } => format!("{gone} is {stays}: the key is the same, and one name stays"),
        Notice::ForkOfHost => {
            "the host has signed two versions of one entry; what it said from there on is not shown".into()
        }
        Notice::OwnFork => OWN_FORK.into(),
        Notice::Fork(name) => {
            format!("{name} has signed two versions of one entry; what they said from there on is not shown")
        }
        Notice::ForkOfPair { name, is_own } => {
            let who = if *is_own { "your own key" } else { name };
            format!("{who} has signed two versions of one message to or from {name}; what follows is not shown")
        }
        Notice::UnsignedQuestion => {
            "the host has published a question that its asker has not signed; it is not shown".into()
        }
        Notice::TwoStories { name, number, heard, held, .. } => stories(name, *number, *heard, *held),
        Notice::BadQuestion { name, word, strike } => {
            format!("a question of {name} has `{word}` and is not published: warning number {strike}")
        }
        Notice::AtTheDoor(name) => format!("{name} stands at the locked door; /unlock lets people in"),
        Notice::LeftLobby(name) => format!("{name} no longer waits in the lobby"),
        Notice::Slow(name) => format!("{name} did not read what was sent, and was cut off"),
        Notice::NoTickets => "nobody needs a ticket here, so none was made void; /lock lets nobody new in".into(),
        Notice::TicketVoid(label) => ticket_void(label),
        Notice::RegistryAway { registry, code, of_meeting } => no_registry(registry, *code, *of_meeting),
        Notice::RegistryRefuses { registry, code, reason } => {
            format!("the registry {registry} does not take this ({code}: {reason}); trying again")
        }
        Notice::RegistryForges(registry) => {
            format!("the registry {registry} shows a record that does not hold: this is not the host; it is left out")
        }
        Notice::RegistryOver(registry) => format!(
            "the registry {registry} shows what is over or far ahead by this machine's clock, and it is left out: \
             set the clock if it is wrong"
        ),
        Notice::RegistriesMissing(registries) => format!("without an answer of {}", each(registries)),
        Notice::Untraced(error) => error.clone(),
        Notice::NotAccepting(error) => format!(
            "cannot accept a connection: {error}; whoever dials waits until that is over \
             (with too many open files: raise the highest limit, `ulimit -Hn`, and start again)"
        ),
    }
}

fn no_registry(registry: &str, code: Code, of_meeting: bool) -> String {
    let rest = match of_meeting {
        true => "the meeting goes on, and is joined by ticket or HOST:PORT meanwhile",
        false => "it lists you as soon as it answers; friends do without it",
    };
    format!("the registry {registry} can't be reached ({code}): it is tried again and again; {rest}")
}

/// Why nobody can be reached at an address, which follows.
const NO_ANSWER: [(Code, &str); 5] = [
    (Code::NoListener, "nobody listens at"),
    (Code::NoSuchHost, "there is no computer of that name:"),
    (Code::Unreachable, "no answer, because of a firewall or a computer that is off, from"),
    (Code::Cut, "whoever answers hangs up, perhaps because too many come at once, at"),
    (Code::HandshakeFailed, "whoever answers is no tertulia, at"),
];

/// What is wrong with the addresses.
fn no_answer(code: Code, addresses: &[String]) -> String {
    let addresses = addresses.join(", ");
    match NO_ANSWER.iter().find(|(known, _)| *known == code) {
        Some((_, what)) => format!("{what} {addresses}"),
        None => format!("nobody let us in ({code}) at {addresses}"),
    }
}

/// How it came that the node is out of its meeting.
pub(crate) fn ending(code: Code, ending: &Ending) -> String {
    match ending {
        Ending::Left => "you have left".into(),
        Ending::Stopped(Role::Host) => "the host stops for now".into(),
        Ending::Stopped(Role::Friends) => "stopped".into(),
        Ending::Stopped(Role::Attendee | Role::Member) => "this node stops for now".into(),
        Ending::RegistryStopped => "the registry has stopped; meetings go on without it".into(),
        Ending::Over(why) if why.is_empty() => "the meeting is over".into(),
        Ending::Over(reason) | Ending::Denied(reason) | Ending::Unwritten(reason) => reason.clone(),
        Ending::Heard => "one message has come".into(),
        Ending::Final(place) => finally(code, *place),
        Ending::Failed(what) => failure(what),
        Ending::NoSuchHost(addresses) => format!("{}; is the address right?", no_answer(code, addresses)),
        Ending::NobodyCame(place, addresses) => {
            let who = if *place == Place::Lecture { "the host" } else { "somebody" };
            format!("{}; is the address right, and {who} there?", no_answer(code, addresses))
        }
        Ending::Alone { addresses, title } => {
            let what = no_answer(code, addresses);
            format!("{what}; you were alone in the room `{title}`, and what you said is kept")
        }
        Ending::AnotherMeeting => "another meeting is there".into(),
    }
}

/// Why there is no use in trying again, and what to do.
fn finally(code: Code, place: Place) -> String {
    let (host, it) = match place {
        Place::Lecture => ("the host", "meeting"),
        Place::Room => ("a host", "room"),
    };
    match (code, place) {
        (Code::Ended, Place::Lecture) => "the host has ended the meeting".into(),
        (Code::Ended, Place::Room) => "the meeting is over".into(),
        (Code::Kicked, _) => format!("{host} has shown you out"),
        (Code::Banned, _) => format!("you, or your ticket, were shown out of this {it}; ask {host} for a new ticket"),
        (Code::Denied, _) => format!("{host} has not let you in"),
        (Code::NotHost, _) => "only a host lets people into this room; ask a host for its ticket or its address".into(),
        (Code::TicketNeeded, _) => {
            format!("this {it} needs a ticket that holds; ask {host}, then: tertulia join TICKET")
        }
        (Code::Superseded, _) => "this key has joined again somewhere else".into(),
        (Code::SelfLink, _) => "this is your own node; join with another home: tertulia --home DIR join TARGET".into(),
        (Code::VersionUnknown, Place::Lecture) => "the host speaks another version; update the older of the two".into(),
        (Code::VersionUnknown, Place::Room) => {
            "the other side speaks another version; update the older of the two".into()
        }
        (Code::NameTaken, _) => "somebody there has that name; choose another: tertulia --name NAME join TARGET".into(),
        (Code::Locked, _) => format!("{host} has locked the door; ask to be let in"),
        (Code::Full, _) => format!("the {it} is full"),
        (Code::NoMeeting, _) => "there is no such meeting at that address; ask for the new ticket".into(),
        (Code::WrongKind, _) => "the meeting at that address is of another kind".into(),
        (Code::WrongKey, Place::Lecture) => {
            "this is not the host: another key answers at that address; ask for the new ticket".into()
        }
        (Code::WrongKey, Place::Room) => "another key answers at that address; ask for the new ticket".into(),
        (code, _) => code.to_string(),
    }
}

/// What a text begins with that tells what its author does (SPEC SHOW-4).
pub(crate) const DOES: &str = "/me ";

/// What the author does, if `text` tells that (SPEC SHOW-4).
pub(crate) fn does(text: &str) -> Option<&str> {
    text.strip_prefix(DOES).filter(|rest| !rest.trim().is_empty())
}

/// What a host did, after its name. `why`: as it said; may be empty.
pub(crate) fn deed(deed: &Deed, why: &str) -> String {
    let did = match deed {
        Deed::VoidTicket => "made a ticket void".into(),
        Deed::Revoke(name, Level::Out) => format!("showed {name} out"),
        Deed::Revoke(name, Level::Mute) => format!("muted {name}"),
        Deed::MakeHost(name) => format!("made {name} a host"),
        Deed::Forgive(name, Some(Level::Out)) => format!("lets {name} in again"),
        Deed::Forgive(name, Some(Level::Mute)) => format!("lets {name} ask again"),
        Deed::Forgive(name, None) => format!("forgave {name}"),
        Deed::Lock => "locked the door".into(),
        Deed::Unlock => "unlocked the door".into(),
        Deed::End => "ended the meeting".into(),
    };
    if why.is_empty() { did } else { format!("{did}: {why}") }
}
