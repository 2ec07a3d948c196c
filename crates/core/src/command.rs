//! What a user may ask of a node, and why it is not done: one vocabulary for console lines and JSON. What is said of it
//! in words is the program's.

use alloc::{string::String, vec::Vec};

use crate::address::NoAddress;
use crate::code::Code;
use crate::id::{Key, MeetingId};
use crate::wire::entry::Level;

/// What a user may ask of registries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directory {
    /// What is on.
    List {
        /// All of these are in its title; empty: everything.
        words: String,
    },
    /// Who has registered.
    Who,
    /// Where a meeting is.
    Lookup {
        /// Which.
        meeting: MeetingId,
    },
    /// List this user.
    Register,
    /// Forget this user.
    Unregister,
}

/// What goes with somebody who is shown out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct With {
    /// In a room, also those whom it has let in, and those whom they have.
    pub all: bool,
    /// The ticket that it came with lets nobody in any more.
    pub ticket: bool,
}

/// Which words are to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// The last that this user has said.
    Own,
    /// The last that somebody of this name has said, or asked; among friends, that this user has said to them.
    Of(String),
    /// Those of this name.
    At {
        /// Who has signed them.
        author: Key,
        /// The author's session.
        session: u64,
        /// The number in that session.
        number: u64,
    },
}

/// A user's wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// To all; from a lecture's attendee, a question.
    Say {
        /// What.
        text: String,
    },
    /// To one, privately.
    Msg {
        /// The name of the one.
        to: String,
        /// What.
        text: String,
    },
    /// Take another name.
    Name {
        /// The new name.
        name: String,
    },
    /// Who is here?
    Users,
    /// Who is muted or out?
    Bans,
    /// Of a lecture: what do others compare to know that its host says the same to all?
    Check {
        /// Of which of the host's lines; `None`: the newest.
        number: Option<u64>,
    },
    /// Show somebody out, for good.
    Kick {
        /// Whom.
        name: String,
        /// Why; may be empty.
        why: String,
        /// What goes with it.
        with: With,
    },
    /// Let somebody back in who was kicked.
    Unban {
        /// Whom, by the name they had.
        name: String,
    },
    /// Take no more questions from somebody.
    Mute {
        /// Whom.
        name: String,
    },
    /// Take questions from somebody again.
    Unmute {
        /// Whom.
        name: String,
    },
    /// Let somebody in who waits in the lobby.
    Admit {
        /// Whom; `None`: everybody who waits.
        name: Option<String>,
    },
    /// Send somebody away who waits in the lobby.
    Deny {
        /// Whom.
        name: String,
        /// Why; may be empty.
        why: String,
    },
    /// Show somebody's words to nobody any more.
    Retract {
        /// Which.
        words: Words,
    },
    /// What do others join with?
    Ticket {
        /// The label of the ticket, which is made if there is none; empty: the one that is handed out where no other is asked
        /// for.
        label: String,
        /// It is to let in nobody new any more, and none is made.
        void: bool,
    },
    /// Which tickets are there?
    Tickets,
    /// Let nobody new in.
    Lock,
    /// Let people in again.
    Unlock,
    /// Whom does this user talk with outside of meetings?
    Contacts,
    /// Talk with somebody, or at another address, from now on.
    Add {
        /// What to call them.
        name: String,
        /// `HOST:PORT`.
        address: String,
    },
    /// Talk with somebody no more.
    Remove {
        /// Whom.
        name: String,
    },
    /// Keep a contact away.
    Block {
        /// Whom.
        name: String,
    },
    /// Let a contact in again.
    Unblock {
        /// Whom.
        name: String,
    },
    /// End the meeting for all.
    End,
    /// Something of registries.
    Directory(Directory),
    /// Leave; a lecture's host ends it.
    Quit,
    /// Stop the program, so that it can go on later where it was.
    Stop,
}

/// Where somebody is who wants something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a lecture.
    Lecture,
    /// In a room.
    Room,
}

/// What takes no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Full {
    /// The meeting, of people.
    People(Place),
    /// The meeting, of acts.
    Acts(Place),
    /// What is asked of one other, and has not been answered.
    Errands,
    /// Private texts that this guest has not answered.
    Tells(String),
    /// Lines that wait until they may be said.
    Lines,
    /// Contacts.
    Contacts,
    /// Texts for people who were never met, like this one.
    Drafts(String),
    /// Questions that registries have not answered.
    Questions,
    /// Tickets of one meeting that are not void.
    Tickets,
}

/// The word for scripts where what was asked for is not done by the end.
pub const UNDELIVERED: &str = "undelivered";

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody in the meeting has this name.
    NoSuchName(String),
    /// No contact has it.
    NoContact(String),
    /// No contact has it, and it is no address.
    NobodyAt(String),
    /// There are no contacts.
    NoContacts,
    /// Nobody who waits in the lobby has this name; `None`: nobody waits.
    NobodyWaits(Option<String>),
    /// In the lobby, another key has this name than a moment ago.
    ChangedHands {
        /// The name.
        name: String,
        /// Whose it is now.
        key: Key,
    },
    /// Nobody has been revoked under this name.
    NotRevoked {
        /// The name.
        name: String,
        /// What they would have lost.
        level: Level,
    },
    /// In a lecture, private texts go to the host.
    HostAlone {
        /// What it is called.
        host: String,
        /// What was to be said.
        text: String,
    },
    /// That is this user.
    Yourself,
    /// They have been revoked before.
    DoneBefore {
        /// Who.
        name: String,
        /// What they have lost.
        level: Level,
    },
    /// This user has blocked them.
    Blocked(String),
    /// They are not blocked.
    NotBlocked(String),
    /// Their key is not known.
    NotMet(String),
    /// There is no link with them.
    NotLinked(String),
    /// Nobody dials them any more.
    Barred {
        /// Who.
        name: String,
        /// `HOST:PORT`: where another key answers, or else all that are known.
        addresses: Vec<String>,
        /// Why.
        code: Code,
    },
    /// A text has so many bytes.
    TextLength(usize),
    /// This is no name.
    NameForm(String),
    /// Somebody in the meeting has this name.
    NameTaken(String),
    /// A contact has a name that reads like this one.
    ReadsAlike(String),
    /// A search has too many bytes.
    SearchLength,
    /// Among friends, a text is for somebody.
    ToWhom,
    /// This is no address.
    BadAddress {
        /// What was typed.
        typed: String,
        /// What is wrong with it.
        error: NoAddress,
        /// Whose it was to be; `None`: something was to be said to whoever is there.
        name: Option<String>,
    },
    /// There is no room for it.
    Full(Full),
    /// Only a host does that here.
    NotHost(Place),
    /// Only a room's founder does that.
    NotFounder,
    /// Only a room's founder makes tickets.
    NotYourTickets,
    /// Nobody needs a ticket here.
    NoTickets(Place),
    /// No ticket is called so; empty: there is none.
    NoSuchTicket(String),
    /// The ticket that is called so is void already.
    VoidBefore(String),
    /// No ticket can be called so.
    TicketLabel(String),
    /// Among friends there is no host.
    NoHost,
    /// The meeting has no lobby.
    NoLobby(Place),
    /// There are no such words, or not any more.
    NoSuchWords,
    /// Others' words are removed by a host that does not rank below them.
    NotYourWords,
    /// A host has muted this user.
    Muted,
    /// This node is not in the room yet.
    NotInside,
    /// In a meeting there are no contacts.
    NoContactsHere,
    /// This node asks no registry.
    NoRegistryHere(Directory),
    /// There is no registry to ask.
    NoRegistry,
    /// No registry answers: each, and why.
    NoAnswers(Vec<(String, Code)>),
    /// A client of registries does nothing else.
    OnlyClient,
    /// A registry does nothing else.
    OnlyRegistry,
    /// Who does not listen is not registered.
    NotListening,
    /// This user is not registered.
    NotRegistered,
    /// The other side has refused, in these words.
    Refused {
        /// Why.
        code: Code,
        /// In words; may be empty.
        reason: String,
    },
    /// That line of the host's is not held.
    NotHeld {
        /// Its number.
        number: u64,
        /// That of the newest that is; 0: none is.
        newest: u64,
    },
    /// In a room, nobody stands between who says something and who hears it.
    NothingBetween,
    /// The host says that it has not said what this user has heard last, or that they are called otherwise.
    Differs {
        /// Its number; 0: nothing was heard.
        number: u64,
    },
    /// It was said to somebody, who has not answered by the end; `None`: to the host.
    Undelivered(Option<String>),
    /// Somebody has not answered in time.
    NotAnswered(String),
    /// Somebody has left and not answered.
    Gone(String),
    /// Somebody was gone before it arrived.
    Held(String),
    /// It was over before this was said.
    Unsaid,
}

impl Failure {
    /// The word for scripts.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NoSuchName(_)
            | Self::NoContact(_)
            | Self::NobodyAt(_)
            | Self::NoContacts
            | Self::NobodyWaits(_)
            | Self::NotRevoked { .. }
            | Self::HostAlone { .. } => "no_such_name",
            Self::NoSuchTicket(_) => "no_such_ticket",
            Self::NoTickets(_) => "no_tickets",
            Self::ChangedHands { .. } => "changed_hands",
            Self::Yourself => "yourself",
            Self::DoneBefore { .. } | Self::VoidBefore(_) => "done_before",
            Self::Blocked(_) => "blocked",
            Self::NotBlocked(_) => "not_blocked",
            Self::NotMet(_) => "not_met",
            Self::NotLinked(_) => "not_linked",
            Self::Barred { code, .. } | Self::Refused { code, .. } => code.word(),
            Self::TextLength(_) | Self::NameForm(_) | Self::TicketLabel(_) => Code::Malformed.word(),
            Self::NameTaken(_) | Self::ReadsAlike(_) => Code::NameTaken.word(),
            Self::SearchLength => "too_long",
            Self::ToWhom => "to_whom",
            Self::BadAddress { .. } => "bad_address",
            Self::Full(_) => Code::Full.word(),
            Self::NotHost(_) | Self::NotFounder | Self::NotYourTickets => Code::NotHost.word(),
            Self::NoHost => "host_only",
            Self::NoLobby(_) => "no_lobby",
            Self::NoSuchWords => "no_such_words",
            Self::NotYourWords => Code::NotHost.word(),
            Self::Muted => Code::Muted.word(),
            Self::NotInside => Code::NotYet.word(),
            Self::NoContactsHere | Self::NoRegistryHere(_) | Self::NothingBetween => "not_here",
            Self::NotHeld { .. } => "not_held",
            Self::NoRegistry => "no_registry",
            Self::NoAnswers(_) => Code::Unreachable.word(),
            Self::OnlyClient | Self::OnlyRegistry => "usage",
            Self::NotListening => "not_listening",
            Self::NotRegistered => "not_registered",
            Self::Differs { .. } => Code::Differs.word(),
            Self::Undelivered(_) | Self::Unsaid => UNDELIVERED,
            Self::NotAnswered(_) => "not_answered",
            Self::Gone(_) => Code::Left.word(),
            Self::Held(_) => "held",
        }
    }
}
