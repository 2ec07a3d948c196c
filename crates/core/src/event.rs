//! What a user is told: one vocabulary for the terminal and JSON. What is said of it in words is the program's.

use alloc::{string::String, vec::Vec};
use core::net::SocketAddr;

use crate::charter::{Admission, Questions};
use crate::code::Code;
use crate::command::{Failure, Place};
use crate::id::{CommandId, Hash, Key, MeetingId, Token};
use crate::rule::Rule;
use crate::wire::entry::{Heard, Level};
use crate::wire::registry;

/// What this node is in its meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Holds a lecture.
    Host,
    /// Attends one.
    Attendee,
    /// Talks with friends, in no meeting.
    Friends,
    /// Is in a room.
    Member,
}

/// Where somebody is, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// This node's own user.
    You,
    /// There, over a link of this node's own or its host's.
    Linked,
    /// There, but only over others.
    Bridged,
    /// Not heard of for a while.
    Away,
}

/// Somebody in the meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What they are called.
    pub name: String,
    /// Who they are.
    pub key: Key,
    /// Where they are.
    pub state: State,
    /// Whether they are a host.
    pub is_host: bool,
    /// Whether a host keeps them from asking, or from talking to all, as far as this node knows.
    pub is_muted: bool,
}

/// Which of all entries a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who wrote the entry: for a question, the host that published it.
    pub author: Key,
    /// The author's session.
    pub session: u64,
    /// The number in that session.
    pub number: u64,
    /// The lamport time.
    pub lamport: u64,
    /// The author's wall clock, milliseconds since 1970 in UTC.
    pub time_ms: u64,
}

/// Which of all private texts a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whisper {
    /// The text's own.
    pub token: Token,
    /// Who wrote it.
    pub author: Key,
    /// What the one is called to whom it was written.
    pub to: String,
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Said to all.
    Text(Origin),
    /// Asked by somebody, published by the host.
    Question(Origin, Asked),
    /// What a host did; the text is why.
    Deed(Origin, Deed),
    /// Between two.
    Whisper(Whisper),
    /// Said to all, and nobody has the text any more.
    Missing(Origin),
    /// Said to all, and removed by somebody.
    Removed(Origin, Remover),
}

/// Who has removed what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remover {
    /// What they are called.
    pub name: String,
    /// Who they are.
    pub key: Key,
}

/// Who has asked a question, and what of the host's words they had heard by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who.
    pub key: Key,
    /// Somebody else here has a name that reads like theirs, or may have: the key says who is meant.
    pub is_ambiguous: bool,
    /// The session and the number of what they had heard last of the host; `None`: nothing.
    pub heard: Option<(u64, u64)>,
    /// How much the host has said since.
    pub unheard: u64,
}

/// What a host did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Made a ticket void.
    VoidTicket,
    /// Showed somebody out, or muted them.
    Revoke(String, Level),
    /// Made somebody a host.
    MakeHost(String),
    /// Took back what somebody had lost, if that is known.
    Forgive(String, Option<Level>),
    /// Lets nobody new in.
    Lock,
    /// Lets people in again.
    Unlock,
    /// Ended the meeting.
    End,
}

/// Something that the user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something is not done that the node wanted by itself.
    Failed(Failure),
    /// Nobody lets this node in, and it tries again.
    NoAnswer {
        /// Why.
        code: Code,
        /// Where, `HOST:PORT`.
        addresses: Vec<String>,
        /// The title of the lecture that was there.
        was: Option<String>,
    },
    /// Nobody answers, and this node comes into the room as it is kept.
    Alone {
        /// Why.
        code: Code,
        /// Where, `HOST:PORT`.
        addresses: Vec<String>,
        /// The room's title.
        title: String,
        /// When it was last heard of.
        heard: String,
    },
    /// Another meeting is there, and this node leaves the one in which it was alone.
    AnotherMeeting {
        /// Where, `HOST:PORT`.
        addresses: Vec<String>,
        /// The title of the room.
        title: String,
    },
    /// A contact does not answer.
    Away {
        /// Who.
        name: String,
        /// Where, `HOST:PORT`; none: no address is known.
        addresses: Vec<String>,
        /// Why.
        code: Code,
    },
    /// From now on, this is a contact's key.
    FirstUse {
        /// Who.
        name: String,
        /// The key.
        key: Key,
        /// The pair, to compare.
        pair: MeetingId,
    },
    /// A stranger has more to say than is taken before the user has accepted it, who is called so.
    StrangerHasMore(String),
    /// Somebody takes no more of what this user has said, as of a stranger.
    Unaccepted {
        /// Who.
        name: String,
        /// How many bytes wait.
        bytes: usize,
    },
    /// Two contacts have one key.
    SameKey {
        /// The name that goes.
        gone: String,
        /// The name that stays.
        stays: String,
    },
    /// A lecture's host has signed two versions of one entry.
    ForkOfHost,
    /// Another run with this node's key has written in the same session: what this one says goes on in a new one.
    OwnFork,
    /// A member of a room has, who is called so.
    Fork(String),
    /// One of two friends has.
    ForkOfPair {
        /// What the other is called.
        name: String,
        /// Whether it was this user's own key.
        is_own: bool,
    },
    /// The host has published a question that its asker has not signed.
    UnsignedQuestion,
    /// The host has said one thing to the asker of a question, and another here.
    TwoStories {
        /// What the asker is called.
        name: String,
        /// The host's session.
        session: u64,
        /// The number of what the host has said.
        number: u64,
        /// The hash of what the asker had heard.
        heard: Hash,
        /// The hash of what was said here; `None`: that number comes only after the question.
        held: Option<Hash>,
    },
    /// A question has a word of the filter.
    BadQuestion {
        /// Who has asked.
        name: String,
        /// The word.
        word: String,
        /// How many that makes of this asker's.
        strike: u8,
    },
    /// Somebody stands at the locked door.
    AtTheDoor(String),
    /// Somebody no longer waits in the lobby.
    LeftLobby(String),
    /// Somebody did not read what was sent, and was cut off.
    Slow(String),
    /// A ticket is void: what it is called; empty: it was the one that is handed out where no other is asked for.
    TicketVoid(String),
    /// A ticket was to be made void, and the meeting has none.
    NoTickets,
    /// A registry can't be reached.
    RegistryAway {
        /// Which, as it was dialled.
        registry: String,
        /// Why.
        code: Code,
        /// Whether it shows a meeting of this node's; else, its user.
        of_meeting: bool,
    },
    /// A registry does not take a record.
    RegistryRefuses {
        /// Which, as it was dialled.
        registry: String,
        /// Why.
        code: Code,
        /// In words; may be empty.
        reason: String,
    },
    /// A registry shows a record that does not hold.
    RegistryForges(String),
    /// A registry shows a record that is over, or that is to hold for longer than any may.
    RegistryOver(String),
    /// Some registries do not answer: each, and why.
    RegistriesMissing(Vec<(String, Code)>),
    /// The trace can't be written any more: why, in the system's words.
    Untraced(String),
    /// No connection can be accepted: why, in the system's words.
    NotAccepting(String),
}

impl Notice {
    /// The word for scripts.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.word(),
            Self::NoAnswer { code, .. } | Self::Alone { code, .. } | Self::RegistryRefuses { code, .. } => code.word(),
            Self::AnotherMeeting { .. } => "another_meeting",
            Self::Away { .. } => "away",
            Self::FirstUse { .. } => "first_use",
            Self::StrangerHasMore(_) => "stranger",
            Self::Unaccepted { .. } => "unaccepted",
            Self::SameKey { .. } => "same_key",
            Self::ForkOfHost | Self::OwnFork | Self::Fork(_) | Self::ForkOfPair { .. } => "fork",
            Self::UnsignedQuestion => Rule::Ask1.code().word(),
            Self::TwoStories { .. } => Rule::Ask8.code().word(),
            Self::BadQuestion { .. } => Rule::Ask4.code().word(),
            Self::AtTheDoor(_) => Rule::Join5.code().word(),
            Self::LeftLobby(_) => "lobby",
            Self::Slow(_) => Code::Slow.word(),
            Self::TicketVoid(_) | Self::NoTickets => "ticket",
            Self::RegistryAway { .. } => "registry",
            Self::RegistryForges(_) => Code::Forged.word(),
            Self::RegistryOver(_) => Rule::Registry15.code().word(),
            Self::RegistriesMissing(_) => Code::Unreachable.word(),
            Self::Untraced(_) => "trace",
            Self::NotAccepting(_) => "not_accepting",
        }
    }
}

/// How a node has come out of its meeting, beside the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its user has left.
    Left,
    /// Its user has stopped it; what it was.
    Stopped(Role),
    /// The registry that it was has stopped.
    RegistryStopped,
    /// The meeting is over: why; may be empty.
    Over(String),
    /// One message has come, and no more were wanted.
    Heard,
    /// Others do not have it there, or it can't go there; the code says more.
    Final(Place),
    /// It is not let in, in these words.
    Denied(String),
    /// It could not do what it had to.
    Failed(Failure),
    /// No computer has the name in one of these addresses, each `HOST:PORT`.
    NoSuchHost(Vec<String>),
    /// In all its patience, nobody let it in at these addresses, each `HOST:PORT`.
    NobodyCame(Place, Vec<String>),
    /// It was alone in the room.
    Alone {
        /// Where nobody had answered, `HOST:PORT`.
        addresses: Vec<String>,
        /// The room's title.
        title: String,
    },
    /// Another meeting is at the room's address.
    AnotherMeeting,
    /// It could not keep what it received: why, in the system's words.
    Unwritten(String),
}

/// How far an own message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only here.
    Held,
    /// Another process has it.
    Sent,
    /// Everybody linked has it.
    All,
}

/// Somebody whom the user talks with outside of meetings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// What this user calls them.
    pub name: String,
    /// Who they are, once that is known.
    pub key: Option<Key>,
    /// The id of the pair, once the key is known; the two compare it to know that nobody stands between them.
    pub meeting: Option<MeetingId>,
    /// `HOST:PORT`, in the order in which they are dialled.
    pub addresses: Vec<String>,
    /// Whether they came by themselves, and this user has not accepted them.
    pub is_stranger: bool,
    /// Whether this user has shut them out.
    pub is_blocked: bool,
    /// Where they are.
    pub state: State,
    /// How many messages wait for them.
    pub held: u32,
}

/// What has become of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is found at another address.
    Moved,
    /// This user has shut it out.
    Blocked,
    /// This user has let it in again.
    Unblocked,
    /// This user has added or accepted it, or changed its address.
    Added,
    /// Its key is known now, and counts from now on.
    Met,
    /// It came by itself.
    Stranger,
    /// It is no contact any more.
    Removed,
}

/// A ticket that the founder of a meeting has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// What its founder calls it; empty: it is the one that is handed out where no other is asked for.
    pub label: String,
    /// Nobody new comes with it.
    pub is_void: bool,
    /// How many of those who are here have come with it.
    pub here: u32,
}

/// Something to tell the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The node is in its meeting. Comes again when the ticket to hand out has changed.
    Ready {
        /// Host or attendee.
        role: Role,
        /// The own name.
        name: String,
        /// The own key.
        key: Key,
        /// The meeting.
        meeting: MeetingId,
        /// What it is called.
        title: String,
        /// What others join with.
        ticket: String,
        /// What becomes of attendees' questions.
        questions: Questions,
        /// How newcomers come in.
        admission: Admission,
        /// Whether nobody new is let in, as far as this node knows.
        is_locked: bool,
    },
    /// Somebody has come.
    Joined {
        /// Their name.
        name: String,
        /// Their key.
        key: Key,
        /// The label of the ticket that they came with, where this user has made it and it has one.
        ticket: Option<String>,
    },
    /// Somebody has gone.
    Left {
        /// Their name.
        name: String,
        /// Their key.
        key: Key,
        /// Why.
        reason: String,
    },
    /// Somebody has another name.
    Renamed {
        /// Their key.
        key: Key,
        /// The name they had.
        old: String,
        /// The name they have.
        new: String,
    },
    /// Who is here.
    Roster {
        /// Everybody, or only this node and its host where there are too many to name.
        members: Vec<Member>,
        /// How many guests there are.
        guests: u32,
    },
    /// Who is muted or out.
    Bans {
        /// By the names they had.
        muted: Vec<String>,
        /// By the names they had.
        out: Vec<String>,
    },
    /// What others join with, as was asked.
    Ticket {
        /// The label of the ticket; empty: it has none.
        label: String,
        /// What others type.
        ticket: String,
    },
    /// The tickets of the meeting.
    Tickets {
        /// In the order in which they were made.
        tickets: Vec<Issued>,
    },
    /// What others compare with theirs, to know that the host says the same to all.
    Check {
        /// The meeting.
        meeting: MeetingId,
        /// Which line of the host's, and its hash.
        heard: Heard,
    },
    /// Something was said, by this user too.
    Message {
        /// The meeting.
        meeting: MeetingId,
        /// What it is.
        kind: Kind,
        /// Who says it, by name.
        from: String,
        /// Whether this user said it.
        own: bool,
        /// What.
        text: String,
    },
    /// An own message has come further.
    Delivery {
        /// The message's session.
        session: u64,
        /// The message's number.
        number: u64,
        /// How far.
        reach: Reach,
        /// How many have it.
        have: u32,
        /// How many there are.
        of: u32,
    },
    /// The own link to somebody stands.
    Linked {
        /// Their name.
        name: String,
        /// Their key.
        key: Key,
    },
    /// The own link to somebody is gone; it will be tried again.
    Unlinked {
        /// Their name.
        name: String,
        /// Their key.
        key: Key,
        /// Why.
        code: Code,
    },
    /// The only link is gone, or there was none to be had: in so long it is tried again.
    Retry {
        /// Milliseconds.
        after_ms: u64,
    },
    /// Somebody waits in the lobby, and asks to be let in.
    Knock {
        /// Their name.
        name: String,
        /// Their key.
        key: Key,
        /// What they say to the host; may be empty.
        note: String,
        /// The label of the ticket that they come with, as above.
        ticket: Option<String>,
    },
    /// This node waits in the lobby.
    Waiting {
        /// 1: nobody has waited longer.
        position: u16,
    },
    /// All contacts.
    Contacts {
        /// By name.
        contacts: Vec<Contact>,
    },
    /// The list of contacts has changed.
    Contact {
        /// What has become of it.
        change: Change,
        /// Who.
        contact: Contact,
    },
    /// Messages of somebody's are gone for good.
    Gap {
        /// Whose.
        author: Key,
        /// The session.
        session: u64,
        /// The first number that is missing.
        first: u64,
        /// One above the last number that is missing.
        next: u64,
    },
    /// A registry shows this node's meeting, or its user; or, without addresses, can't reach it.
    Published {
        /// Which registry, as it was dialled.
        registry: String,
        /// The meeting or the user.
        record: MeetingId,
        /// Where the registry has met this node.
        addresses: Vec<SocketAddr>,
    },
    /// A meeting that somebody holds, according to a registry.
    Listing {
        /// Its place among the answers, from 1.
        number: u32,
        /// The meeting.
        meeting: MeetingId,
        /// Lecture or room.
        kind: registry::Kind,
        /// What it is called.
        title: String,
        /// What its host is called.
        host: String,
        /// The host's key.
        key: Key,
        /// How many are there.
        population: u32,
        /// For how many seconds it has been on.
        age_s: u64,
        /// Whether it takes nobody new.
        is_locked: bool,
        /// Who gets in.
        admission: Admission,
        /// Where it is.
        addresses: Vec<SocketAddr>,
    },
    /// Somebody who has registered.
    Person {
        /// What they are called.
        name: String,
        /// Their key.
        key: Key,
        /// Where they are.
        addresses: Vec<SocketAddr>,
        /// Since when, milliseconds since 1970 in UTC.
        since_ms: u64,
    },
    /// Something that the user should know.
    Warning(Notice),
    /// Something did not work.
    Error {
        /// Why.
        failure: Failure,
        /// The command that failed, if it was one.
        id: Option<CommandId>,
    },
    /// A command is done.
    Done {
        /// Which.
        id: CommandId,
    },
    /// The node is out of its meeting for good. Nothing follows.
    Closed {
        /// Why.
        code: Code,
        /// How that came.
        ending: Ending,
    },
}
