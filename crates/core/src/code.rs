//! Why a link closed or a request failed (SPEC.md, "Errors"): one table.

macro_rules! codes {
    ($($number:literal $name:ident $word:literal $meaning:literal)*) => {
        /// The reason in BYE and ERROR, or what this side saw of a link's end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
            /// A code of a later version, or a private one.
            Other(u16),
        }

        impl Code {
            /// Number, word, meaning of every code.
            pub const TABLE: &'static [(u16, &'static str, &'static str)] = &[$(($number, $word, $meaning)),*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// The code with this number.
            #[must_use]
            pub const fn from_number(number: u16) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// The word that users, scripts and logs see.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Other(_) => "other",
                }
            }
        }
    };
}

codes! {
    0x0000 Left "left" "The sender leaves; nothing is wrong."
    0x0001 Ended "ended" "The meeting is over for all."
    0x0002 Stopped "stopped" "The sender's program stops; the meeting can go on when it is back."
    0x0003 Superseded "superseded" "A newer connection of the same key has taken this one's place. Do not redial."
    0x0004 Renewed "renewed" "The connection has reached its age or its number of records. Dial again at once."
    0x0010 Malformed "malformed" "The bytes alone are wrong."
    0x0011 Unexpected "unexpected" "The bytes are right, at the wrong time or from the wrong side."
    0x0012 FrameUnknown "frame_unknown" "A frame of an unknown even type."
    0x0013 OptionUnknown "option_unknown" "An option of an unknown even type."
    0x0014 VersionUnknown "version_unknown" "The preamble names a version that the responder does not speak. Only in a refusal record."
    0x0015 SuiteUnknown "suite_unknown" "The preamble names a suite that the responder does not speak. Only in a refusal record."
    0x0016 Forged "forged" "A signature, hash or proof does not hold."
    0x0017 SelfLink "self" "The node has met its own key."
    0x0020 Silent "silent" "Nothing came for too long."
    0x0021 Slow "slow" "The receiver does not read what is owed to it."
    0x0022 Rate "rate" "Too much came for too long."
    0x0023 Full "full" "No room: the meeting, a list of requests, or a list of texts that wait."
    0x0030 NoMeeting "no_meeting" "There is no such meeting here."
    0x0031 TicketNeeded "ticket_needed" "The meeting is joined with a ticket, and JOIN showed none that holds."
    0x0032 Banned "banned" "The key or its ticket has been revoked."
    0x0033 Locked "locked" "The meeting takes nobody new."
    0x0034 NameTaken "name_taken" "Somebody here has that name."
    0x0035 Kicked "kicked" "A host has revoked the receiver's key just now."
    0x0036 Muted "muted" "The sender has been muted."
    0x0037 QuestionsClosed "questions_closed" "The meeting takes no questions."
    0x0038 Filtered "filtered" "The question has a word that the host does not publish."
    0x0039 TooSoon "too_soon" "The key has joined too often just now."
    0x003a Differs "differs" "The question does not fit what the host has said, or what its asker is called here. Sign it anew."
    0x0040 Stale "stale" "The registry holds a newer record of the same key."
    0x0041 NoRecord "no_record" "The registry holds no such record of the sender."
    0x0050 Denied "denied" "A host, or a contact, does not admit the sender."
    0x0051 WrongKind "wrong_kind" "The meeting is of another kind: a lecture and not a room, or the other way round."
    0x0052 NotYet "not_yet" "The receiver can't say yet whether the sender may come in. Dial again."
    0x0053 Duplicate "duplicate" "Another link of the same two stands; this one is not needed."
    0x0054 NotHost "not_host" "Only a host admits to this meeting, and the receiver of JOIN is none."
    0x0055 TooDeep "too_deep" "The receiver of JOIN has itself come in by as many passes as there may be. Try another member."
    0x0060 Unneeded "unneeded" "The link is not needed: nothing was said for long, or there is a newer one. Dial again when there is something to say."
    0x0100 Cut "cut" "Never sent: the connection ended without BYE."
    0x0101 Unreachable "unreachable" "Never sent: nobody answered at the addresses."
    0x0102 WrongKey "wrong_key" "Somebody else answered at the address. Sent only for CHARTER-3."
    0x0103 HandshakeFailed "handshake_failed" "Never sent: the other side is no Tertulia node, or was tampered with."
    0x0104 Unwritten "unwritten" "Never sent: this side could not keep what it received."
    0x0105 NoListener "no_listener" "Never sent: nobody listens at the addresses."
    0x0106 NoSuchHost "no_such_host" "Never sent: no address has a name that stands for a computer."
}

impl core::fmt::Display for Code {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if let Self::Other(number) = self {
            return write!(formatter, "code {number:#06x}");
        }
        formatter.write_str(self.word())
    }
}
