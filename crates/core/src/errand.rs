//! What is wanted of one other, once: kept until it has answered, whatever becomes of the link (SPEC ASK-6), and known
//! again when it comes again (SPEC TOKEN-2).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::code::Code;
use crate::command::{Failure, Full};
use crate::event::{Event, Kind, Whisper};
use crate::id::{CommandId, Key, LinkId, MeetingId, RequestId, Token};
use crate::identity::{Domain, Identity};
use crate::limits;
use crate::machine::Output;
use crate::wire::Frame;
use crate::wire::entry::Heard;
use crate::wire::field::{Name, Text};
use crate::wire::meeting::Rename;
use crate::wire::option::Options;
use crate::wire::private::{Ask, Tell, asked};
use crate::wire::session::Refused;

/// Something to be done by the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// And how often it was signed anew.
    Ask {
        token: Token,
        text: String,
        anew: u8,
    },
    Tell {
        token: Token,
        to: String,
        text: String,
    },
    Rename {
        name: String,
    },
}

/// Who wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speaker<'a> {
    pub(crate) us: &'a Identity,
    pub(crate) meeting: MeetingId,
    /// What it is called there, and what it has heard: a question is signed with both.
    pub(crate) name: &'a str,
    pub(crate) heard: Heard,
}

impl<'a> Speaker<'a> {
    /// Somebody who asks no questions.
    pub(crate) const fn of(us: &'a Identity, meeting: MeetingId) -> Self {
        Self { us, meeting, name: "", heard: Heard::NONE }
    }
}

impl Errand {
    pub(crate) fn ask(text: String, token: Token) -> Result<Self, Failure> {
        Text::new(&text).ok_or(Failure::TextLength(text.len()))?;
        Ok(Self::Ask { token, text, anew: 0 })
    }

    pub(crate) fn tell(to: String, text: String, token: Token) -> Result<Self, Failure> {
        Text::new(&text).ok_or(Failure::TextLength(text.len()))?;
        Ok(Self::Tell { token, to, text })
    }

    fn send(&self, link: LinkId, id: RequestId, speaker: Speaker<'_>) -> Option<Output> {
        let options = Options::NONE;
        let frame = match self {
            Self::Ask { token, text, .. } => {
                let Speaker { us, meeting, name, heard } = speaker;
                let (name, text, token) = (Name::new(name)?, Text::new(text)?, *token);
                // SPEC ASK-1
                let signature = us.sign(Domain::Question, &[&meeting.0, &asked(token, &heard, name, text)]);
                Frame::from(Ask { token, heard, signature, name, text, options }).encode(id)
            }
            Self::Tell { token, text, .. } => {
                Frame::from(Tell { token: *token, text: Text::new(text)?, options }).encode(id)
            }
            Self::Rename { name } => Frame::from(Rename { name: Name::new(name)?, options }).encode(id),
        };
        Some(Output::Send { link, frame })
    }
}

/// Errands that have not been answered, in the order in which the user gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outbox {
    pending: VecDeque<(CommandId, Errand, Option<RequestId>)>,
    meeting: Option<MeetingId>,
}

impl Outbox {
    /// Whether everything has been answered.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes an errand, and sends it if there is a link.
    pub(crate) fn push(
        &mut self,
        command: CommandId,
        errand: Errand,
        link: Option<(LinkId, RequestId)>,
        speaker: Speaker<'_>,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        // One place is left for FETCH among the open requests.
        if self.pending.len() >= limits::PENDING_MAX.min(limits::REQUESTS_MAX.saturating_sub(1)) {
            return Err(Failure::Full(Full::Errands));
        }
        out.extend(link.and_then(|(link, id)| errand.send(link, id, speaker)));
        self.pending.push_back((command, errand, link.map(|(_, id)| id)));
        self.meeting = Some(speaker.meeting);
        Ok(())
    }

    /// Sends everything again, on a new link: tokens make that harmless.
    pub(crate) fn resend(
        &mut self,
        link: LinkId,
        speaker: Speaker<'_>,
        last_request: &mut RequestId,
        out: &mut Vec<Output>,
    ) {
        self.meeting = Some(speaker.meeting);
        for (_, errand, request) in &mut self.pending {
            let id = last_request.step();
            *request = Some(id);
            out.extend(errand.send(link, id, speaker));
        }
    }

    fn take(&mut self, id: RequestId) -> Option<(CommandId, Errand)> {
        let at = self.pending.iter().position(|(_, _, request)| *request == Some(id))?;
        self.pending.remove(at).map(|(command, errand, _)| (command, errand))
    }

    /// It is done. `us`, `name`: who asked. The new one, if that is what it was about.
    pub(crate) fn on_done(&mut self, id: RequestId, us: Key, name: &str, out: &mut Vec<Output>) -> Option<String> {
        let (command, errand) = self.take(id)?;
        let mut renamed = None;
        match errand {
            Errand::Ask { .. } => {}
            Errand::Tell { token, to, text } => {
                let meeting = self.meeting.unwrap_or(MeetingId::ZERO);
                let kind = Kind::Whisper(Whisper { token, author: us, to });
                out.push(Output::Event(Event::Message { meeting, kind, from: name.to_string(), own: true, text }));
            }
            Errand::Rename { name: new } => renamed = Some(new),
        }
        out.push(Output::Event(Event::Done { id: command }));
        renamed
    }

    /// Nothing will be answered any more.
    pub(crate) fn give_up(&mut self, failure: &Failure, out: &mut Vec<Output>) {
        for (command, ..) in self.pending.drain(..) {
            out.push(Output::Event(Event::Error { failure: failure.clone(), id: Some(command) }));
        }
    }

    /// It is not done.
    pub(crate) fn on_refused(
        &mut self,
        (link, id): (LinkId, RequestId),
        error: &Refused<'_>,
        speaker: Speaker<'_>,
        last_request: &mut RequestId,
        out: &mut Vec<Output>,
    ) {
        let Some((command, errand)) = self.take(id) else { return };
        let failure = match errand {
            // SPEC ASK-9
            Errand::Ask { token, text, anew } if error.code == Code::Differs && anew < limits::SIGNED_ANEW_MAX => {
                let (errand, id) = (Errand::Ask { token, text, anew: anew.saturating_add(1) }, last_request.step());
                out.extend(errand.send(link, id, speaker));
                return self.pending.push_back((command, errand, Some(id)));
            }
            Errand::Ask { .. } if error.code == Code::Differs => Failure::Differs { number: speaker.heard.number },
            Errand::Ask { .. } | Errand::Tell { .. } | Errand::Rename { .. } => refused(error),
        };
        out.push(Output::Event(Event::Error { failure, id: Some(command) }));
    }
}

/// The other side has answered with ERROR.
pub(crate) fn refused(error: &Refused<'_>) -> Failure {
    Failure::Refused { code: error.code, reason: error.reason.as_str().to_string() }
}

/// The tokens of each sender that were seen lately: a text that comes again is answered as it was, and not shown
/// (SPEC TOKEN-2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    seen: BTreeMap<Key, VecDeque<(Token, Answer)>>,
}

/// How a text was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was taken.
    Done,
    /// It had a word of the filter: which strike it was.
    Struck(u8),
}

impl Tokens {
    /// How the text with this token was answered, if it came before.
    pub(crate) fn answer(&self, sender: Key, token: Token) -> Option<Answer> {
        self.seen.get(&sender)?.iter().find(|(seen, _)| *seen == token).map(|(_, answer)| *answer)
    }

    /// Notes how a new text is answered.
    pub(crate) fn note(&mut self, sender: Key, token: Token, answer: Answer) {
        if self.seen.len() >= limits::GUESTS_MAX && !self.seen.contains_key(&sender) {
            self.seen.pop_first();
        }
        let seen = self.seen.entry(sender).or_default();
        seen.push_back((token, answer));
        if seen.len() > limits::TOKENS_MAX {
            seen.pop_front();
        }
    }

    /// Notes a text that is taken; false if it came before.
    pub(crate) fn take(&mut self, sender: Key, token: Token) -> bool {
        let new = self.answer(sender, token).is_none();
        if new {
            self.note(sender, token, Answer::Done);
        }
        new
    }
}
