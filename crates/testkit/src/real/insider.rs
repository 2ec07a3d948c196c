//! A member of a room who writes, grants and says of itself what it likes.

use std::net::SocketAddr;

use tertulia_core::charter::SignedCharter;
use tertulia_core::code::Code;
use tertulia_core::id::{Hash, Key, MeetingId, RequestId, Salt};
use tertulia_core::identity::Identity;
use tertulia_core::limits::ROWS_MAX;
use tertulia_core::log::Log;
use tertulia_core::rule::Rule;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{EntryBody, Role, Whereabouts};
use tertulia_core::wire::field::{Reason, Text};
use tertulia_core::wire::meeting::{Lane, Meeting, Range, Row};
use tertulia_core::wire::option::{Manner, Options, TicketProof};
use tertulia_core::wire::session::{Done, Purpose, Session};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_net::unix_ms;

use crate::frames::{Proof, digest};
pub use crate::frames::{fetch, links};
use crate::real::peer::{Admission, Peer};

/// What the other side asks for again and again, though it was served, is not served for ever.
const ROUNDS_MAX: u32 = 100;
/// Entries that go in one record.
const ENTRIES_A_RECORD: usize = 100;
/// Above what a test counts its own requests by.
const FIRST_REQUEST: u32 = 1_000_000;

/// Somebody who writes, whether anybody takes it or not.
#[derive(Debug)]
pub struct Author {
    /// The key pair.
    pub us: Identity,
    /// What it calls itself.
    pub name: String,
    /// What it shows of how it has come in.
    pub proof: Proof,
    /// What it has written.
    pub log: Log,
    session: u64,
}

impl Author {
    /// Somebody who has written nothing yet.
    #[must_use]
    pub fn new(us: Identity, name: &str, meeting: MeetingId, proof: Proof) -> Self {
        let log = Log::new(meeting, 10_000);
        let session = log.new_session(us.key(), unix_ms(), [0; 2]);
        Self { us, name: name.into(), proof, log, session }
    }

    /// Writes an entry, in the order of its stream.
    pub fn write(&mut self, body: &EntryBody<'_>) -> Encoded {
        self.log.write(&self.us, self.session, body, now()).unwrap().frame.clone()
    }

    /// The first entry of a stream, though it may have written another one.
    #[must_use]
    pub fn write_first(&self, body: &EntryBody<'_>) -> Encoded {
        Log::new(self.log.meeting(), 1).write(&self.us, self.session, body, now()).unwrap().frame.clone()
    }

    /// Says something to all.
    pub fn says(&mut self, text: &str) -> Encoded {
        self.write(&EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() })
    }

    /// Says who it is, and whether it is here.
    pub fn says_who(&mut self, whereabouts: Whereabouts) -> Encoded {
        self.proof.person(&mut self.log, &self.us, self.session, (&self.name, whereabouts), &[])
    }

    /// Lets `key` in on its own word, before that one comes: what the other shows then.
    #[must_use]
    pub fn lets_in(&self, key: Key, ticket: Option<TicketProof>) -> Proof {
        let chain = self.proof.chain.and(key, 0, Manner::Unasked, self.log.meeting(), &self.us);
        Proof { chain, ticket }
    }

    /// Writes an act that would make `key` a host, if its author were the founder.
    pub fn grants(&mut self, key: Key) -> Encoded {
        let (role, answers, name) = (Role::Host, Hash::ZERO, Reason::NONE);
        self.write(&EntryBody::Grant { subject: key, role, answers, session: 0, name })
    }
}

fn now() -> Now {
    Now { tick: Instant(0), unix_ms: unix_ms() }
}

/// Somebody who has been let into a room, and its link there.
#[derive(Debug)]
pub struct Insider {
    /// Who.
    pub author: Author,
    /// What the meeting is.
    pub charter: SignedCharter,
    /// The link.
    pub peer: Peer,
}

impl Insider {
    /// Comes to the room behind `door`, and says nothing after WELCOME.
    ///
    /// # Errors
    /// The code of BYE.
    pub async fn enter(door: SocketAddr, us: &Identity, name: &str, proof: &Proof) -> Result<Self, Code> {
        let peer = Peer::dial(door, us).await;
        Self::enter_over(peer.map_err(|rule| rule.map_or(Code::Cut, Rule::code))?, us, name, proof).await
    }

    /// The same over a connection that stands.
    ///
    /// # Errors
    /// As [`Insider::enter`].
    pub async fn enter_over(mut peer: Peer, us: &Identity, name: &str, proof: &Proof) -> Result<Self, Code> {
        let Admission { charter, chain } = peer.enter(Purpose::MESH, name, proof).await?;
        let proof = Proof { chain, ticket: proof.ticket };
        Ok(Self { author: Author::new(us.clone(), name, charter.meeting, proof), charter, peer })
    }

    /// Says who it is, as everybody does who means well, and waits until that has been read.
    ///
    /// # Errors
    /// As [`Peer::offer`].
    pub async fn says_who(&mut self, whereabouts: Whereabouts) -> Result<(), Code> {
        let person = self.author.says_who(whereabouts);
        self.peer.send(&[person]).await;
        self.offer().await
    }

    /// Says something to all, and waits until that has been read.
    ///
    /// # Errors
    /// As [`Peer::offer`].
    pub async fn says(&mut self, text: &str) -> Result<(), Code> {
        let text = self.author.says(text);
        self.peer.send(&[text]).await;
        self.offer().await
    }

    /// Shows another first entry of a stream than the one that it has written there.
    ///
    /// # Errors
    /// As [`Peer::offer`].
    pub async fn forks(&mut self, body: &EntryBody<'_>) -> Result<(), Code> {
        let entry = self.author.write_first(body);
        self.peer.send(&[entry]).await;
        self.offer().await
    }

    /// Offers all that it has written.
    ///
    /// # Errors
    /// As [`Peer::offer`].
    pub async fn offer(&mut self) -> Result<(), Code> {
        self.peer.offer(&self.author.log).await
    }
}

impl Peer {
    /// Tells of all that `log` has, and serves it until the other side, which has read all that was sent before, asks for
    /// nothing more.
    ///
    /// # Errors
    /// The code of BYE, if it does not come to that.
    pub async fn offer(&mut self, log: &Log) -> Result<(), Code> {
        let rows = log.rows(0);
        // Who has none says so.
        let none: &[Row] = &[];
        for rows in core::iter::once(none).filter(|_| rows.is_empty()).chain(rows.chunks(ROWS_MAX)) {
            self.send(&[digest(rows.to_vec())]).await;
        }
        for request in FIRST_REQUEST..FIRST_REQUEST + ROUNDS_MAX {
            // Nobody has this; but it is answered, after what came before it.
            let nothing = Range { author: Key::ZERO, session: 1, lane: Lane::Talk, from: 1, to: 2 };
            self.send(&[fetch([nothing], request)]).await;
            if !self.serve_until(log, RequestId(request)).await? {
                break;
            }
        }
        Ok(())
    }

    /// Serves `log` until the other side has answered `request`; whether it has asked for anything.
    async fn serve_until(&mut self, log: &Log, request: RequestId) -> Result<bool, Code> {
        let mut has_served = false;
        while let Some(frame) = self.next().await {
            let decoded = decode(&frame.0).unwrap();
            match decoded.frame {
                Some(Frame::Session(Session::Done(_))) if decoded.id == request => return Ok(has_served),
                Some(Frame::Session(Session::Bye(bye))) => return Err(bye.code),
                Some(Frame::Meeting(Meeting::Fetch(fetch))) => {
                    let found = log.fetch(fetch.ranges.iter(), 0);
                    let done = Frame::from(Done { options: Options::NONE }).encode(decoded.id);
                    let answer: Vec<Encoded> = found.iter().map(|entry| entry.frame.clone()).chain([done]).collect();
                    for frames in answer.chunks(ENTRIES_A_RECORD) {
                        self.send(frames).await;
                    }
                    has_served = true;
                }
                _ => {}
            }
        }
        Err(Code::Cut)
    }
}
