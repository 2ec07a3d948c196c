//! What a user may ask of a node: one vocabulary for console lines and JSON.

use alloc::string::String;

use crate::id::MeetingId;

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
    /// Show somebody out, for good.
    Kick {
        /// Whom.
        name: String,
        /// Why; may be empty.
        why: String,
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
