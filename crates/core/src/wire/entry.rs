//! What a log is made of (SPEC.md, "Log").

use alloc::vec::Vec;

use nom::{Parser as _, bytes::complete::take};

use super::address::Address;
use super::error::{DecodeError, Fault, Parsed};
use super::field::{Draw, Field, List, Name, Reason, Text, draw_up_to, enumerated, layouts};
use super::option::{Options, Pass, TicketProof};
pub use super::row::{Heard, Lane};
use crate::id::{Hash, Key, Salt, ShortHash, Signature, Token};
use crate::limits::{ADDRESSES_MAX, CUTS_MAX, ENTRY_BODY_MAX, KEPT_MAX, PASSES_MAX};
use crate::rule::Rule;

enumerated! {
    /// Whether somebody is in the meeting.
    Whereabouts "whereabouts" {
        /// Has left, or was disconnected.
        Gone = 0,
        /// Is there.
        Here = 1,
    }
    /// What a revoke takes away.
    Level "level" {
        /// The right to ask, or to talk.
        Mute = 1,
        /// The right to be there.
        Out = 2,
    }
    /// What a grant makes of somebody.
    Role "role" {
        /// May revoke, lock, and admit whom only a host admits.
        Host = 1,
        /// No more than it was.
        Member = 2,
    }
    /// Whether the meeting takes anybody new.
    Door "door" {
        /// It does.
        Unlocked = 0,
        /// It does not.
        Locked = 1,
    }
}

layouts! {
    /// A piece of a meeting, but its body.
    Entry "entry" {
        /// Who wrote it.
        author: Key,
        /// Which of the author's sessions.
        session: u64,
        /// Which lane.
        lane: Lane,
        /// 1 for the first of its stream, then one more each.
        number: u64,
        /// The hash of the entry before it in its stream; zero for the first.
        prev: Hash,
        /// One more than the highest that the author held.
        lamport: u64,
        /// The first half of the hash of the entry of that highest lamport time; zero if the author held none.
        reference: ShortHash,
        /// The author's wall clock, milliseconds since 1970 in UTC; only shown.
        time_ms: u64,
        /// What the body is.
        kind: u16,
        /// Bytes of the body.
        length: u16,
    }

    /// An entry and what its author has signed of its body: enough for order, chain and forks.
    Envelope "envelope" {
        /// The entry.
        entry: Entry,
        /// The hash of the body.
        digest: Hash,
        /// The author's signature of both.
        signature: Signature,
    }
}

/// What has come of an entry's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// As many bytes as the entry says; nothing here has looked into them.
    Here(&'a [u8]),
    /// It is lacking; its hash.
    Lacking(Hash),
}

impl<'a> Body<'a> {
    /// The bytes, if they are here.
    #[must_use]
    pub const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Here(bytes) => Some(bytes),
            Self::Lacking(_) => None,
        }
    }

    /// Its hash: that of the bytes, if they are here.
    #[must_use]
    pub fn digest(self) -> Hash {
        use sha2::Digest as _;
        match self {
            Self::Here(bytes) => Hash(sha2::Sha256::digest(bytes).into()),
            Self::Lacking(digest) => digest,
        }
    }
}

/// An entry on its way, or in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried<'a> {
    /// All but the body.
    pub entry: Entry,
    /// The signature; nothing here has checked it.
    pub signature: Signature,
    /// The body.
    pub body: Body<'a>,
}

impl Entry {
    /// How many bytes it is.
    pub const LENGTH: usize = 117;

    /// What its author signs, if its body has this hash.
    #[must_use]
    pub fn with(&self, digest: Hash) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LENGTH.saturating_add(size_of::<Hash>()));
        self.encode(&mut bytes);
        digest.encode(&mut bytes);
        bytes
    }
}

impl Envelope {
    /// What its author has signed.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        self.entry.with(self.digest)
    }

    /// Whether both are the same entry: the signature does not count.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.entry == other.entry && self.digest == other.digest
    }
}

impl<'a> Carried<'a> {
    /// What it says, as far as that is known here.
    #[must_use]
    pub fn read(&self) -> EntryBody<'a> {
        let body = self.body.bytes().map(|body| EntryBody::decode(self.entry.kind, body));
        body.and_then(Result::ok).unwrap_or(EntryBody::Unknown)
    }

    /// What stands for it where there is no body.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        Envelope { entry: self.entry, digest: self.body.digest(), signature: self.signature }
    }
}

impl<'a> Field<'a> for Carried<'a> {
    fn layout() -> alloc::string::String {
        [&Entry::layout(), ", signature 64, body"].concat()
    }

    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, entry) = Entry::parse(input)?;
        // SPEC FIELD-3
        if usize::from(entry.length) > ENTRY_BODY_MAX {
            return Err(Fault::at(Rule::Field3, input));
        }
        let (rest, signature) = Signature::parse(rest)?;
        let (rest, body) = match u8::parse(rest)? {
            (rest, 0) => Hash::parse(rest).map(|(rest, digest)| (rest, Body::Lacking(digest)))?,
            (rest, 1) => take(entry.length).parse(rest).map(|(rest, body)| (rest, Body::Here(body)))?,
            // SPEC FIELD-4
            _ => return Err(Fault::at(Rule::Field4, rest)),
        };
        Ok((rest, Self { entry, signature, body }))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.entry.encode(out);
        self.signature.encode(out);
        match self.body {
            Body::Here(bytes) => {
                out.push(1);
                out.extend_from_slice(bytes);
            }
            Body::Lacking(digest) => {
                out.push(0);
                digest.encode(out);
            }
        }
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        let (mut entry, mut body) = (Vec::new(), Vec::new());
        Entry::generate(draw, &mut entry);
        (0..draw_up_to(draw, ENTRY_BODY_MAX)).for_each(|_| u8::generate(draw, &mut body));
        entry.truncate(entry.len().saturating_sub(size_of::<u16>()));
        u16::try_from(body.len()).unwrap_or(0).encode(&mut entry);
        Signature::generate(draw, &mut entry);
        out.append(&mut entry);
        if draw_up_to(draw, 3) > 0 {
            out.push(1);
            out.append(&mut body);
        } else {
            out.push(0);
            Hash::generate(draw, out);
        }
    }
}

layouts! {
    /// How much of one stream of a revoked key counts.
    Cut "cut" {
        /// The session.
        session: u64,
        /// The lane.
        lane: Lane,
        /// Entries below this number count.
        next: u64,
    }
}

/// A row of SPEC.md's table of entry kinds: number, name, lane, and name and layout of each field.
pub type KindInfo = (u16, &'static str, Lane, Vec<(&'static str, alloc::string::String)>);

/// Few bodies have more bytes.
const USUAL: usize = 128;

/// Declares the bodies of entries, one enum for all.
macro_rules! bodies {
    ($($(#[$doc:meta])* $number:literal $word:literal $name:ident $lane:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* $(,)? })*) => {
        /// An entry's body, if its kind is known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EntryBody<'a> {
            $($(#[$doc])* $name { $($(#[$field_doc])* $field: $kind),* },)*
            /// A kind of a later version: kept, passed on, not shown.
            Unknown,
        }

        /// What the body of an entry is, without a look into it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
            /// A kind of a later version.
            Unknown,
        }

        impl Kind {
            /// The kind of this number.
            #[must_use]
            pub const fn of(number: u16) -> Self {
                match number {
                    $($number => Self::$name,)*
                    _ => Self::Unknown,
                }
            }

            /// Whether it may stand on a lane (SPEC ENTRY-4): what is known, on its own; what is not, on any but that of acts.
            #[must_use]
            pub fn may_stand_on(self, lane: Lane) -> bool {
                if self == Self::Unknown { lane != Lane::Acts } else { self.lane() == lane }
            }

            /// The lane that it is written on.
            #[must_use]
            pub const fn lane(self) -> Lane {
                match self {
                    $(Self::$name => Lane::$lane,)*
                    Self::Unknown => Lane::Talk,
                }
            }
        }

        impl<'a> EntryBody<'a> {
            /// Every kind.
            #[must_use]
            pub fn kinds() -> Vec<KindInfo> {
                alloc::vec![$(($number, $word, Lane::$lane, alloc::vec![
                    $((stringify!($field), <$kind as Field<'_>>::layout())),*
                ])),*]
            }

            /// Reads the body of an entry of kind `number`: its fields, then options, of which none is known yet.
            ///
            /// # Errors
            /// What the bytes of a known kind break: whoever can't read them has an unknown kind (SPEC ENTRY-3).
            pub fn decode(number: u16, bytes: &'a [u8]) -> Result<Self, DecodeError> {
                match number {
                    $($number => super::error::complete(bytes, Rule::Frame3, |rest| {
                        $(let (rest, $field) = <$kind as Field<'_>>::parse(rest)?;)*
                        let (rest, _) = Options::parse(rest, &[])?;
                        Ok((rest, Self::$name { $($field),* }))
                    }),)*
                    _ => Ok(Self::Unknown),
                }
            }

            /// Kind and bytes.
            #[must_use]
            pub fn encode(&self) -> (u16, Vec<u8>) {
                let mut out = Vec::with_capacity(USUAL);
                match self {
                    $(Self::$name { $($field),* } => {
                        $($field.encode(&mut out);)*
                        ($number, out)
                    })*
                    Self::Unknown => (u16::MAX, out),
                }
            }

            /// Which kind it is.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name { .. } => Kind::$name,)*
                    Self::Unknown => Kind::Unknown,
                }
            }

            /// Some valid body of the kind at `number`, for tests.
            pub fn generate_body(number: u16, draw: &mut Draw<'_>, out: &mut Vec<u8>) {
                match number {
                    $($number => { $(<$kind as Field<'_>>::generate(draw, out);)* })*
                    _ => {}
                }
            }
        }
    };
}

bodies! {
    /// Takes something away from a key, or makes a ticket void.
    0x0002 "REVOKE" Revoke Acts {
        /// Somebody's key, or a ticket's.
        subject: Key,
        /// What is taken away.
        level: Level,
        /// What the subject was called; empty for a ticket.
        name: Reason<'a>,
        /// Why, for people.
        why: Reason<'a>,
        /// What of the subject's entries still counts.
        cuts: List<'a, Cut, CUTS_MAX>,
        /// Of a ticket: who stays in. Of a key: whose chains it does not break.
        kept: List<'a, Key, KEPT_MAX>,
    }
    /// Makes somebody a host, or gives back what a revoke took.
    0x0004 "GRANT" Grant Acts {
        /// Whose key.
        subject: Key,
        /// What it becomes.
        role: Role,
        /// The revoke that is answered; zero if none is.
        answers: Hash,
        /// From which session on what was cut counts again.
        session: u64,
        /// What the subject is called.
        name: Reason<'a>,
    }
    /// Sets what may change about the meeting.
    0x0006 "POLICY" Policy Acts {
        /// Locked or not.
        door: Door,
        /// Of a lock: who stays in.
        kept: List<'a, Key, KEPT_MAX>,
    }
    /// Ends the meeting for all.
    0x0008 "END" End Acts {
        /// Why, for people.
        why: Reason<'a>,
    }
    /// Somebody says something to all.
    0x0100 "TEXT" Text Talk {
        /// Drawn once for this text.
        salt: Salt,
        /// What.
        text: Text<'a>,
    }
    /// A host publishes a guest's question.
    0x0102 "QUESTION" Question Talk {
        /// Who asks.
        asker: Key,
        /// The token of ASK.
        token: Token,
        /// What the asker had heard.
        heard: Heard,
        /// The asker's signature of ASK.
        signature: Signature,
        /// What the asker is called.
        name: Name<'a>,
        /// The question.
        text: Text<'a>,
    }
    /// Somebody's words are not shown any more, and their body goes.
    0x0104 "RETRACT" Retract Talk {
        /// Who said them.
        author: Key,
        /// In which session.
        session: u64,
        /// Under which number.
        number: u64,
        /// The hash of their entry.
        hash: Hash,
    }
    /// Who the author is, where it can be dialled, and whether it is here.
    0x0200 "PERSON" Person PERSON {
        /// Here, or gone for good.
        whereabouts: Whereabouts,
        /// The name.
        name: Name<'a>,
        /// Where others can dial it.
        addresses: List<'a, Address<'a>, ADDRESSES_MAX>,
        /// By which passes it has come in, from the founder's down.
        chain: List<'a, Pass, PASSES_MAX>,
        /// With which ticket it has come in, if it was one.
        proof: List<'a, TicketProof, 1>,
    }
}
