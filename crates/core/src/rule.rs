//! Every rule of SPEC.md whose breach this implementation rejects: a rejection names its rule, so a test can too.

use crate::code::Code;

macro_rules! rules {
    ($($name:ident $id:literal $code:ident $meaning:literal)*) => {
        /// A rule of SPEC.md that somebody broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $meaning] $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The id in SPEC.md.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The code that a breach is answered with.
            #[must_use]
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }

            /// The rule in a few words, for the person who reads the log.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

rules! {
    Preamble1 "PREAMBLE-1" HandshakeFailed "a connection opens with the eight bytes TERTULIA"
    Preamble2 "PREAMBLE-2" VersionUnknown "the version is one that the responder speaks"
    Preamble3 "PREAMBLE-3" SuiteUnknown "the suite is one that the responder speaks"
    Preamble4 "PREAMBLE-4" HandshakeFailed "a refusal names a version or suite that is unknown"
    Handshake1 "HANDSHAKE-1" HandshakeFailed "handshake records are 32, 192 and 160 bytes long"
    Handshake2 "HANDSHAKE-2" HandshakeFailed "no Diffie-Hellman result is all zero"
    Handshake3 "HANDSHAKE-3" HandshakeFailed "a handshake message opens under the keys it was sealed with"
    Handshake4 "HANDSHAKE-4" HandshakeFailed "the identity key has signed the Noise static key"
    Handshake5 "HANDSHAKE-5" HandshakeFailed "an identity key is a point of large order"
    Handshake6 "HANDSHAKE-6" WrongKey "the key that answers is the key that was dialled"
    Record1 "RECORD-1" Malformed "a record has a tag and at least one frame"
    Record2 "RECORD-2" Forged "a record opens under its key and counter"
    Frame1 "FRAME-1" Malformed "a frame ends where its length says, inside its record"
    Frame2 "FRAME-2" Malformed "every field lies inside its frame"
    Frame3 "FRAME-3" Malformed "nothing follows the last field but options"
    Frame4 "FRAME-4" FrameUnknown "an even frame type is known"
    Frame5 "FRAME-5" Malformed "an event has id 0, a request and a reply another"
    Field1 "FIELD-1" Malformed "text is UTF-8 within its bounds"
    Field2 "FIELD-2" Malformed "a name has nothing invisible but joiners, no control, white space or slash, and no * @ # in front"
    Field3 "FIELD-3" Malformed "a list has no more items than its limit"
    Field4 "FIELD-4" Malformed "a number is one that its field defines"
    Option1 "OPTION-1" Malformed "option types rise, each once, at most 64"
    Option2 "OPTION-2" OptionUnknown "an even option type is known to this frame"
    Hello1 "HELLO-1" Unexpected "the first frame is HELLO"
    Hello2 "HELLO-2" Unexpected "HELLO comes once"
    Hello3 "HELLO-3" Silent "HELLO comes within its time"
    Hello4 "HELLO-4" SelfLink "nobody links with itself"
    Hello5 "HELLO-5" Unexpected "a responder's HELLO repeats purpose and meeting"
    Ping1 "PING-1" Silent "something comes at least every 15 s"
    Reply1 "REPLY-1" Unexpected "a reply answers an open request"
    Reply2 "REPLY-2" Unexpected "a request id is not that of another open request"
    Reply3 "REPLY-3" Full "no more than 64 requests are open"
    Rate1 "RATE-1" Rate "nobody stays over a rate for 10 s"
    Slow1 "SLOW-1" Slow "what is owed is read within 10 s of being ready"
    Slow2 "SLOW-2" Slow "no link falls behind the feed or what is owed to it"
    Entry1 "ENTRY-1" Forged "an entry carries its author's signature for this meeting"
    Entry2 "ENTRY-2" Malformed "numbers and lamport times start at 1"
    Entry4 "ENTRY-4" Unexpected "a known kind is on its own lane, and none that is unknown among the acts"
    Entry5 "ENTRY-5" Unexpected "only who may write sends entries"
    Register2 "REGISTER-2" Malformed "a register's entry has lamport 1, names no other, and has a short body"
    Fetch1 "FETCH-1" Malformed "a range is not empty"
    Fork1 "FORK-1" Forged "a fork's two entries are one author's and exclude each other"
    Charter1 "CHARTER-1" Forged "a charter carries its founder's signature"
    Charter2 "CHARTER-2" Forged "the meeting id is the charter's hash"
    Charter3 "CHARTER-3" WrongKey "who answers as host is the charter's founder"
    Pass2 "PASS-2" Forged "the passes of a chain lead from the founder to who shows it"
    Pass4 "PASS-4" TooDeep "who has come in by 16 passes lets nobody in"
    Join1 "JOIN-1" Unexpected "JOIN comes once, and before the meeting's other frames"
    Join2 "JOIN-2" NoMeeting "the meeting is held here"
    Join3 "JOIN-3" TicketNeeded "a ticket meeting is joined with a proof that holds"
    Join4 "JOIN-4" Banned "a key or ticket that is revoked does not join"
    Join5 "JOIN-5" Locked "a locked meeting takes nobody new"
    Join6 "JOIN-6" Full "there is room"
    Join7 "JOIN-7" NameTaken "no two here have one name"
    Join8 "JOIN-8" TooSoon "a key joins anew at most three times at once, then every 5 s"
    Join9 "JOIN-9" Silent "JOIN comes within its time"
    Join10 "JOIN-10" Superseded "one key has one link to a host: the newest"
    Join11 "JOIN-11" Ended "an ended meeting takes nobody"
    Join12 "JOIN-12" Malformed "a guest tells its name in HELLO"
    Join14 "JOIN-14" WrongKind "the purpose of HELLO is the kind of the meeting"
    Join15 "JOIN-15" TooSoon "who is in or has a chain joins again at most ten times at once, then every second"
    Join16 "JOIN-16" Malformed "a joiner in a name stands where it joins"
    Welcome1 "WELCOME-1" Unexpected "WELCOME answers JOIN"
    Guest1 "GUEST-1" Unexpected "what only a host sends comes from no guest"
    Guest2 "GUEST-2" Unexpected "what only a guest sends comes from no host"
    Ask1 "ASK-1" Forged "a question carries its asker's signature"
    Ask2 "ASK-2" QuestionsClosed "questions are open"
    Ask3 "ASK-3" Muted "a muted guest asks nothing"
    Ask4 "ASK-4" Filtered "a question has no word of the filter"
    Ask8 "ASK-8" Differs "a question names its asker as it is called here, and an entry that the host has written"
    Rename1 "RENAME-1" NameTaken "a new name is nobody else's here"
    Revoke1 "REVOKE-1" Kicked "a revoked key is shown out"
    Lobby3 "LOBBY-3" Unexpected "WAITING comes between JOIN and its answer"
    Lobby4 "LOBBY-4" Full "no more than 256 wait in the lobby"
    Lobby5 "LOBBY-5" Denied "nobody waits undecided for more than an hour"
    Lobby6 "LOBBY-6" Denied "who waits in the lobby comes in when a host says so"
    Lobby8 "LOBBY-8" NotHost "only a host of a room takes knocks"
    Lobby10 "LOBBY-10" Full "no more than 64 of one source wait in the lobby"
    Contact1 "CONTACT-1" NoMeeting "a contact's HELLO has the pair id of the two keys, or zero"
    Contact2 "CONTACT-2" Unexpected "a pair's link carries entries, and what tells of them"
    Contact3 "CONTACT-3" Unexpected "the two of a pair are its only authors, and talk"
    Contact8 "CONTACT-8" Superseded "of two runs of one key, the later one stays"
    Contact12 "CONTACT-12" Full "there is room for strangers"
    Contact13 "CONTACT-13" TooSoon "strangers come eight at once at most, then one in five seconds"
    Contact14 "CONTACT-14" Denied "who is blocked, was removed as a stranger, or is one where only contacts are taken is not talked with"
    Age1 "AGE-1" Renewed "no connection outlives 24 h or 2^32 records"
    Registry1 "REGISTRY-1" NoMeeting "the purpose of a link with a registry is registry, and its meeting zero"
    Registry2 "REGISTRY-2" Unexpected "a frame fits its link's purpose and its sender's side"
    Registry3 "REGISTRY-3" Forged "a record carries its publisher's signature"
    Registry4 "REGISTRY-4" Unexpected "a record comes from its publisher"
    Registry5 "REGISTRY-5" Forged "a meeting's record is published by the founder in its charter"
    Registry6 "REGISTRY-6" Forged "a person's record has the hash of its key as id, and no charter"
    Registry7 "REGISTRY-7" Stale "the number of a record rises"
    Registry8 "REGISTRY-8" Full "there is room for the record"
    Registry12 "REGISTRY-12" NoRecord "only what one has published is withdrawn"
    Registry15 "REGISTRY-15" Stale "a record is not over, and holds for a day at most: compare the clocks of both machines"
    Mesh2 "MESH-2" Unexpected "nothing of a room goes over a link before WELCOME"
    Mesh3 "MESH-3" Unexpected "what only a lecture has comes from no member of a room"
    Mesh6 "MESH-6" NotYet "who is asked to let somebody in is in itself"
    Mesh7 "MESH-7" NotYet "who is let in says who it is, has a seat, and is here"
    Mesh22 "MESH-22" NotYet "who is let in has a seat by all acts"
    Mesh24 "MESH-24" TooSoon "newcomers from one source come 64 at once at most, then one in five seconds"
}

impl core::fmt::Display for Rule {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{} ({})", self.id(), self.meaning())
    }
}
