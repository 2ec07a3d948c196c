//! Every bound and timer of SPEC.md ("Limits"), and nowhere else. In brackets stand the rules that say the value:
//! `tests/spec` holds each number of a rule to these.

use core::time::Duration;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident = $value:expr;)*) => {
        $($(#[doc = $doc])+ pub const $name: $kind = $value;)*

        /// Name, value as SPEC.md prints it, meaning.
        #[must_use]
        pub fn table() -> alloc::vec::Vec<(&'static str, alloc::string::String, &'static str)> {
            alloc::vec![$((stringify!($name), Shown::shown($name), concat!($($doc),+).trim_ascii())),*]
        }
    };
}

trait Shown {
    fn shown(self) -> alloc::string::String;
}

macro_rules! shown {
    ($($number:ty)*) => {$(impl Shown for $number {
        fn shown(self) -> alloc::string::String {
            alloc::format!("{self}")
        }
    })*};
}

shown!(usize u64 u32 u16 u8);

impl Shown for Duration {
    fn shown(self) -> alloc::string::String {
        alloc::format!("{} ms", self.as_millis())
    }
}

limits! {
    /// Plaintext bytes of a record: 65,535 less the tag of 16.
    RECORD_PLAINTEXT_MAX: usize = 65_519;
    /// Plaintext bytes up to which a sender packs frames into one record, advised: what a slow reader leaves unsent is one.
    RECORD_PACKED_MAX: usize = 8_192;
    /// Bytes of a frame after its header, so that one frame always fits one record.
    FRAME_BODY_MAX: usize = 65_511;
    /// Options of one frame or charter (OPTION-1).
    OPTIONS_MAX: usize = 64;
    /// Of so many bodies that an author writes, about one has an option that means nothing (EXT-4).
    GREASE_SHARE: u8 = 16;
    /// Bytes of a name (JOIN-13).
    NAME_MAX: usize = 64;
    /// Bytes of a meeting's title.
    TITLE_MAX: usize = 128;
    /// Bytes of a text or question.
    TEXT_MAX: usize = 16_384;
    /// Bytes of an entry's body: a text, and a question's other fields.
    ENTRY_BODY_MAX: usize = 16_896;
    /// Rows of one DIGEST or WELCOME.
    ROWS_MAX: usize = 256;
    /// Ranges of one FETCH.
    RANGES_MAX: usize = 64;
    /// Entries of the answer to one FETCH (FETCH-2, FETCH-3).
    FETCH_ENTRIES_MAX: usize = 256;
    /// Bytes of the answer to one FETCH, frame headers included (FETCH-3).
    FETCH_BYTES_MAX: usize = 262_144;
    /// Requests of one side of a link that wait for their reply (REPLY-3).
    REQUESTS_MAX: usize = 64;
    /// Frames that wait for one link besides its feed (SLOW-2).
    OWED_FRAMES_MAX: usize = 1_024;
    /// Bytes of the frames that wait for one link besides its feed (SLOW-2).
    OWED_BYTES_MAX: usize = 1_048_576;
    /// Entries that a node's user is ahead of who keeps up (SLOW-3).
    AHEAD_ENTRIES_MAX: usize = 1_024;
    /// Bytes of entries that a node's user is ahead of who keeps up (SLOW-3).
    AHEAD_BYTES_MAX: usize = 1_048_576;
    /// Guests of a star (JOIN-6).
    GUESTS_MAX: usize = 10_000;
    /// Guests that PRESENCE names; above it, only their count (PRESENCE-3).
    PRESENCE_NAMES_MAX: usize = 256;
    /// Acts of a meeting, kept for ever (ACTS-1).
    ACTS_MAX: usize = 4_096;
    /// Of these, the last are for what hosts' users do (ACTS-2).
    ACTS_OF_HOSTS: usize = 1_024;
    /// Streams of a key that a REVOKE cuts at a number of their own (REVOKE-3).
    CUTS_MAX: usize = 64;
    /// Keys that a lock, or a revoke, lists as kept (REVOKE-4, LOCK-1).
    KEPT_MAX: usize = 448;
    /// Talk entries that a log keeps (FEED-2), and questions that a guest remembers (ASK-11).
    TALK_ENTRIES_MAX: usize = 10_000;
    /// Bytes of the talk entries that a log keeps (FEED-2).
    TALK_BYTES_MAX: usize = 16_777_216;
    /// One part in so many of them, of entries and of bytes, may be talk of unknown kinds (FEED-2).
    UNKNOWN_SHARE: usize = 16;
    /// A log's file is written anew once it is twice as long as it was then, and twice this.
    LOG_SPARE_BYTES: u64 = 4_194_304;
    /// For the bodies of what is removed, a log's file is written anew no more often (RETRACT-5).
    BODIES_GO_INTERVAL: Duration = Duration::from_secs(60);
    /// Talk sessions of one author that a log keeps (SESSION-2).
    TALK_SESSIONS_MAX: usize = 32;
    /// Talk sessions of all authors that a log keeps (SESSION-3).
    TALK_STREAMS_MAX: usize = 2_048;
    /// Bytes of what one branch of a room, or one friend, has written that a node fetches each second
    /// (MESH-30, CONTACT-16).
    BRANCH_BYTE_RATE: u32 = 65_536;
    /// The same that it may fetch at once (MESH-30, CONTACT-16).
    BRANCH_BYTE_BURST: u32 = 4_194_304;
    /// Bytes that a member of a room fetches each second, all branches together (MESH-30).
    FETCHED_BYTE_RATE: u32 = 1_048_576;
    /// The same that it may fetch at once (MESH-30).
    FETCHED_BYTE_BURST: u32 = 16_777_216;
    /// Bytes of what a stranger has said that a node holds before its user has accepted it (CONTACT-17).
    STRANGER_BYTES_MAX: usize = 65_536;
    /// Bytes of the body of a register's entry (REGISTER-2).
    REGISTER_BODY_MAX: usize = 4_096;
    /// Registers on lanes that a node does not know, of one author, that it keeps (REGISTER-6).
    REGISTERS_OF_AUTHOR_MAX: usize = 8;
    /// Registers on lanes that a node does not know that it keeps in all (REGISTER-6).
    REGISTERS_MAX: usize = 512;
    /// Newer entries of one author's registers that a holder takes each second; and answers to older ones, on each link
    /// (REGISTER-4, REGISTER-7).
    REGISTER_RATE: u32 = 1;
    /// Newer entries of one author's registers that may come at once; and answers to older ones
    /// (REGISTER-4, REGISTER-7).
    REGISTER_BURST: u32 = 8;
    /// A run whose PERSON is outbid so often within `OUTBID_WINDOW` leaves (REGISTER-8).
    OUTBIDS_MAX: usize = 3;
    /// Outbids that are longer ago are forgotten (REGISTER-8).
    OUTBID_WINDOW: Duration = Duration::from_secs(60);
    /// A lamport time that leaps further ahead of the highest held is not taken over (LAMPORT-2).
    LAMPORT_LEAP_MAX: u64 = 16_777_216;
    /// A floor above this is none that a clock can have reached (LAMPORT-1).
    LAMPORT_FLOOR_MAX: u64 = 4_611_686_018_427_387_904;
    /// Tokens of one key that a receiver remembers (TOKEN-2).
    TOKENS_MAX: usize = 64;
    /// Questions whose asker had heard what a reader does not hold, and that it compares if it comes (ASK-10).
    HEARD_WAITING_MAX: usize = 256;
    /// A question that does not fit what the host has said is signed anew so often (ASK-9).
    SIGNED_ANEW_MAX: u8 = 3;
    /// How often a check is hashed again (CHECK-1).
    CHECK_ROUNDS: u32 = 65_536;
    /// Questions and private texts that wait for their OK.
    PENDING_MAX: usize = 64;
    /// Records that one side seals in one connection (AGE-1).
    RECORDS_MAX: u64 = 4_294_967_296;
    /// Connections that have not finished their handshake, in one process (HANDSHAKE-8).
    HANDSHAKES_MAX: usize = 256;
    /// Frames other than ENTRY, each second and link.
    CONTROL_RATE: u32 = 200;
    /// Frames other than ENTRY that may come at once.
    CONTROL_BURST: u32 = 400;
    /// Entries unasked for in a room, questions, private texts and renames, each second and link.
    TALK_RATE: u32 = 20;
    /// As many of these may come at once; in a room, an author writes so many entries at once.
    TALK_BURST: u32 = 40;
    /// Bytes of entries unasked for in a room, questions and private texts, each second and link.
    TALK_BYTE_RATE: u32 = 65_536;
    /// As many bytes of these may come at once; in a room, an author writes so many at once.
    TALK_BYTE_BURST: u32 = 131_072;
    /// In a room, so many may come at once: `TALK_BURST`, and what `DEAD_TIMEOUT` may hold back (MESH-17).
    ROOM_BURST: u32 = 340;
    /// In a room, so many bytes may come at once: `TALK_BYTE_BURST`, and what `DEAD_TIMEOUT` may hold back (MESH-17).
    ROOM_BYTE_BURST: u32 = 1_114_112;
    /// A new join of one key is taken again after this (JOIN-8).
    JOIN_INTERVAL: Duration = Duration::from_secs(5);
    /// New joins of one key that may come at once (JOIN-8).
    JOIN_BURST: u32 = 3;
    /// A key that is in, or has a chain, joins again after this (JOIN-15).
    REJOIN_INTERVAL: Duration = Duration::from_secs(1);
    /// Joins of one key that is in, or has a chain, that may come at once (JOIN-15).
    REJOIN_BURST: u32 = 10;
    /// A member admits another newcomer from one source after this (MESH-24).
    NEWCOMER_INTERVAL: Duration = Duration::from_secs(5);
    /// Newcomers from one source whom a member admits at once (MESH-24).
    NEWCOMER_BURST: u32 = 64;
    /// A user is told again of one who comes and goes after this (SHOW-2).
    TOLD_INTERVAL: Duration = Duration::from_secs(5);
    /// Lines about one who comes and goes that may be told at once (SHOW-2).
    TOLD_BURST: u32 = 6;
    /// How many may wait in a lobby (LOBBY-4, LOBBY-10).
    LOBBY_MAX: usize = 256;
    /// How many of one source may wait in a lobby (LOBBY-10).
    LOBBY_OF_SOURCE_MAX: usize = 64;
    /// A name in the lobby that has changed hands names nobody for this long (LOBBY-11).
    LOBBY_NAME_INTERVAL: Duration = Duration::from_secs(10);
    /// Whoever has waited in a lobby for this long, undecided, is denied (LOBBY-5).
    LOBBY_TIMEOUT: Duration = Duration::from_secs(3_600);
    /// Who waits in a lobby is told its position no more often (LOBBY-1).
    WAITING_INTERVAL: Duration = Duration::from_secs(1);
    /// Keys whose bad questions a host remembers; beyond that, one of those with the fewest is forgotten (ASK-4).
    STRUCK_MAX: usize = 10_000;
    /// A bad question is a warning until there have been this many (ASK-4).
    STRIKES_MAX: u8 = 3;
    /// Tickets that a founder keeps; beyond that, the one goes that was made first of those that are void (REVOKE-5).
    TICKETS_MAX: usize = 64;
    /// Bytes of a ticket's label.
    TICKET_LABEL_MAX: usize = 32;
    /// Addresses of one ticket, entry, record or dial (PROBE-3, LISTING-2, DIAL-1, MESH-19).
    ADDRESSES_MAX: usize = 3;
    /// Bytes of one typed address, of whatever kind.
    ADDRESS_BYTES_MAX: usize = 64;
    /// Passes by which somebody has come in, from the founder down (PASS-2, PASS-4, PASS-5).
    PASSES_MAX: usize = 16;
    /// One address has this long to accept (DIAL-1).
    CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
    /// From accept to the finished handshake, whatever arrives meanwhile (HANDSHAKE-7).
    HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
    /// From the finished handshake to the other side's HELLO (HELLO-3).
    HELLO_TIMEOUT: Duration = Duration::from_secs(5);
    /// From HELLO to a guest's JOIN (JOIN-9, MESH-6, MESH-27).
    JOIN_TIMEOUT: Duration = Duration::from_secs(5);
    /// A first join that nobody has answered is given up.
    JOIN_PATIENCE: Duration = Duration::from_secs(10);
    /// Whoever has sent nothing for this long, give or take a tenth, sends PING (PING-2).
    PING_INTERVAL: Duration = Duration::from_secs(5);
    /// A link from which nothing came for this long is dead (PING-1).
    DEAD_TIMEOUT: Duration = Duration::from_secs(15);
    /// A record that could not be written for this long makes its link SLOW (SLOW-1).
    STALL_TIMEOUT: Duration = Duration::from_secs(10);
    /// A user's words wait so long for who is behind (SLOW-3).
    AHEAD_PATIENCE: Duration = Duration::from_secs(2);
    /// A link that stays over a rate for this long is closed (RATE-1).
    RATE_PATIENCE: Duration = Duration::from_secs(10);
    /// A closing link has this long to send what it owes (BYE-3).
    CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
    /// The first wait between two dials; doubles with every failure (DIAL-2).
    BACKOFF_MIN: Duration = Duration::from_millis(500);
    /// The longest wait between two dials (DIAL-2, DIAL-4).
    BACKOFF_MAX: Duration = Duration::from_secs(5);
    /// The lowest port that is dialled on another's word (ADDRESS-4).
    TOLD_PORT_MIN: u16 = 1_024;
    /// Addresses that a member dials at once on others' word (DIAL-6).
    DIAL_BURST: u32 = 64;
    /// Another address is dialled on somebody's word after this (DIAL-6).
    DIAL_INTERVAL: Duration = Duration::from_millis(125);
    /// Addresses that one member tells, and that are tried at once, though it was met at none of them (DIAL-5).
    TRY_BURST: u32 = 15;
    /// Another one of these is tried after this (DIAL-5).
    TRY_INTERVAL: Duration = Duration::from_secs(60);
    /// The longest wait between two dials of a member where it was met (DIAL-4).
    CALL_BACKOFF_MAX: Duration = Duration::from_secs(300);
    /// A connection lives no longer; its initiator closes it and dials again (AGE-1).
    CONNECTION_AGE_MAX: Duration = Duration::from_secs(86_400);
    /// PRESENCE goes out no more often (PRESENCE-2).
    PRESENCE_INTERVAL: Duration = Duration::from_secs(1);
    /// A guest's DIGEST goes out no more often (DIGEST-4).
    GUEST_DIGEST_INTERVAL: Duration = Duration::from_secs(5);
    /// A FETCH that brought nothing for this long is asked of another holder, or again (FETCH-2, MESH-13).
    FETCH_TIMEOUT: Duration = Duration::from_secs(3);
    /// Contacts of one user.
    CONTACTS_MAX: usize = 10_000;
    /// Contacts that have come by themselves, and that their user has not accepted (CONTACT-12).
    STRANGERS_MAX: usize = 64;
    /// Keys that are no contacts, and that are taken at once (CONTACT-13).
    STRANGER_BURST: u32 = 8;
    /// Another key that is no contact is taken after this (CONTACT-13).
    STRANGER_INTERVAL: Duration = Duration::from_secs(5);
    /// Strangers whom their user has removed, and who are kept away; beyond that, the one who came first is forgotten
    /// (CONTACT-14).
    REMOVED_MAX: usize = 1_024;
    /// Addresses of a contact that its node has learned; beyond that, the one that was learned first is forgotten.
    LEARNED_MAX: usize = 3;
    /// A contact that is met at no address is looked up no more often (CONTACT-15).
    CONTACT_LOOKUP_INTERVAL: Duration = Duration::from_secs(10);
    /// Who has said more than a friend takes is told after this that it may be a stranger there (CONTACT-18).
    UNACCEPTED_PATIENCE: Duration = Duration::from_secs(3);
    /// Contacts that are looked up at one time; others wait for their turn.
    LOOKUPS_MAX: usize = 8;
    /// Texts of one user that wait for a contact's key.
    DRAFTS_MAX: usize = 256;
    /// Entries of a pair that go out unasked before they are acknowledged (CONTACT-5).
    UNASKED_MAX: u64 = 32;
    /// The other side of a pair is told of changed rows within this (CONTACT-4).
    CONTACT_DIGEST_INTERVAL: Duration = Duration::from_millis(200);
    /// A pair's link on which nothing was said for this long is closed, if the user does not say otherwise (CONTACT-9).
    CONTACT_IDLE: Duration = Duration::from_secs(300);
    /// The longest wait between two dials of a contact.
    CONTACT_BACKOFF_MAX: Duration = Duration::from_secs(30);
    /// At its start a node dials its contacts one after the other, this far apart.
    CONTACT_DIAL_INTERVAL: Duration = Duration::from_millis(50);
    /// Bytes of a registry's record, its signature left out.
    REGISTRY_RECORD_MAX: usize = 1_024;
    /// Records of a registry (REGISTRY-8).
    REGISTRY_RECORDS_MAX: usize = 1_000_000;
    /// Records of one key in a registry (REGISTRY-8).
    RECORDS_PER_KEY_MAX: usize = 16;
    /// Records of one source in a registry (REGISTRY-8).
    RECORDS_PER_SOURCE_MAX: usize = 1_024;
    /// Records of one LISTING (LIST-2).
    LISTED_MAX: usize = 50;
    /// Records that a registry looks at for one LISTING, each word that it is looked for counted.
    LIST_STEPS_MAX: usize = 2_048;
    /// Words of the directory that one LIST's words may begin, all together, before a registry looks at records instead.
    LIST_WORDS_MAX: usize = 512;
    /// Records that a client takes from the pages of one registry.
    FOUND_MAX: usize = 1_000;
    /// Questions of one client that wait for registries.
    QUERIES_MAX: usize = 16;
    /// Registries of one client.
    REGISTRIES_MAX: usize = 4;
    /// Dial-backs of a registry at one time (PROBE-6).
    PROBES_MAX: usize = 256;
    /// Dial-backs of a registry to the records of one source at one time (PROBE-6).
    PROBES_PER_SOURCE_MAX: usize = 16;
    /// The addresses of one record are dialled back no more often (PROBE-5).
    PROBE_INTERVAL: Duration = Duration::from_secs(10);
    /// A dial-back that has not met the publisher is over this long after it has begun (PROBE-7).
    PROBE_PATIENCE: Duration = Duration::from_secs(5);
    /// A publisher's record holds for this long; one that is half over is signed anew (REGISTRY-15).
    RECORD_LIFE: Duration = Duration::from_secs(43_200);
    /// Nobody takes a record that is to hold for longer than this from now (REGISTRY-15).
    RECORD_LIFE_MAX: Duration = Duration::from_secs(86_400);
    /// A record that has not been renewed for this long is dropped.
    LEASE: Duration = Duration::from_secs(90);
    /// A record that has changed is published again no more often (REGISTRY-10).
    PUBLISH_INTERVAL: Duration = Duration::from_secs(5);
    /// A client's longest wait between two dials of a registry (REGISTRY-13).
    REGISTRY_BACKOFF_MAX: Duration = Duration::from_secs(30);
    /// What registries have not answered by then is told as far as it is known.
    QUERY_PATIENCE: Duration = Duration::from_secs(10);
    /// Members of a mesh who are linked with one, itself among them.
    MESH_MAX: usize = 64;
    /// Hex digits of a key that name somebody (LOBBY-11, ROSTER-12, ASK-12).
    KEY_DIGITS_MIN: usize = 8;
    /// PERSONs that a member keeps of those who are no hosts, are not linked, and of whom it holds no talk
    /// (REGISTER-9).
    PEOPLE_MAX: usize = 512;
    /// PERSONs that were let go of and are remembered as such.
    FORGOTTEN_MAX: usize = 4_096;
    /// Rows of acts that JOIN shows (MESH-27).
    ACT_ROWS_MAX: usize = 64;
    /// Links whose JOIN waits for acts that it has shown (MESH-27).
    ACT_LINKS_MAX: usize = 8;
    /// How many of these are of one source (MESH-27).
    ACT_LINKS_OF_SOURCE_MAX: usize = 2;
    /// Links over which somebody has been let in who has no seat yet, or is not here.
    UNSEATED_MAX: usize = 64;
    /// Who is in a room is closed if it has not been seated and here for this long (MESH-7).
    SEAT_TIMEOUT: Duration = Duration::from_secs(5);
    /// A member tells of a change this much later, so that several go together (MESH-12).
    MESH_DIGEST_DELAY: Duration = Duration::from_millis(200);
    /// A member's DIGEST and LINKS go out no more often (MESH-12).
    MESH_DIGEST_INTERVAL: Duration = Duration::from_secs(1);
    /// A member tells an author no more often how far its entries have come (MESH-31).
    MESH_ACKNOWLEDGE_INTERVAL: Duration = Duration::from_millis(2_500);
    /// A member tells another one, the next by key, what that has from its author, if all goes well (MESH-31).
    MESH_TURN_INTERVAL: Duration = Duration::from_secs(15);
    /// A newcomer waits no longer for acts that it lacks (MESH-19, MESH-22, MESH-25).
    ARRIVE_TIMEOUT: Duration = Duration::from_secs(2);
    /// Of two who miss their link, the one with the larger key dials this much later (MESH-5).
    LINK_GRACE: Duration = Duration::from_millis(500);
    /// What the author sends by itself is asked of others only after this (MESH-13).
    PULL_PATIENCE: Duration = Duration::from_secs(1);
    /// Private words in a mesh that have waited this long for an answer are given up (MESH-20).
    TELL_PATIENCE: Duration = Duration::from_secs(30);
    /// Talk that nobody has offered for this long is gone (MESH-14).
    GAP_TIMEOUT: Duration = Duration::from_secs(5);
    /// An entry is shown after this, whatever it waits for (MESH-15, MESH-25).
    SHOW_TIMEOUT: Duration = Duration::from_secs(5);
    /// Entries that wait to be shown; then the oldest is.
    SHOW_WAITING_MAX: usize = 1_024;
    /// Entries that are remembered as shown.
    SHOWN_MAX: usize = 16_384;
    /// Streams and registers of which something is known to be lacking (MESH-28).
    LACKS_MAX: usize = 8_192;
}
