//! What a lecture's host does with a question (SPEC.md, "Asking and telling").

use alloc::vec::Vec;

use super::host::Host;
use crate::charter::Questions;
use crate::errand::Answer;
use crate::event::{Event, Notice};
use crate::id::{Key, LinkId, RequestId};
use crate::identity::Domain;
use crate::limits;
use crate::machine::Output;
use crate::reason;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::entry::{Heard, Level};
use crate::wire::private::{Ask, asked};

impl Host {
    pub(super) fn on_ask(&mut self, link: LinkId, id: RequestId, ask: &Ask<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.get(&link) else { return };
        let Ask { token, heard, signature, name, text, .. } = *ask;
        let asker = guest.key;
        // SPEC ASK-1
        let signed = asked(token, &heard, name, text);
        if !self.us.verify(&asker, Domain::Question, &[&self.charter.meeting.0, &signed], &signature) {
            return self.reject(link, Rule::Ask1, now, out);
        }
        // SPEC ASK-2
        if self.charter.questions == Questions::Closed {
            return out.push(Output::refuse(link, id, Rule::Ask2, reason::NO_QUESTIONS));
        }
        let found = self.filter.found(text.as_str());
        // SPEC TOKEN-2
        match self.tokens.answer(asker, token) {
            Some(Answer::Done) => return out.push(Output::done(link, id)),
            Some(Answer::Struck(strike)) => return out.push(warn(link, id, strike, found.as_deref())),
            None => {}
        }
        // SPEC ASK-3
        if self.roster.is_revoked(&asker, Level::Mute) {
            return out.push(Output::refuse(link, id, Rule::Ask3, reason::MUTED));
        }
        // SPEC ASK-8
        if !self.has_said(&heard) || name.as_str() != guest.name {
            return out.push(Output::refuse(link, id, Rule::Ask8, reason::NOT_SAID));
        }
        // SPEC ASK-4
        let strike = found.as_ref().map(|_| self.filter.strike(asker));
        self.tokens.note(asker, token, strike.map_or(Answer::Done, Answer::Struck));
        match (strike, &found) {
            (Some(strike), Some(word)) => {
                let notice = Notice::BadQuestion { name: guest.name.clone(), word: word.clone(), strike };
                out.push(Output::Event(Event::Warning(notice)));
                if strike < limits::STRIKES_MAX {
                    out.push(warn(link, id, strike, Some(word)));
                } else {
                    self.strike_out(link, asker, now, out);
                }
            }
            _ => {
                self.write(&ask.published(asker), now, out);
                out.push(Output::done(link, id));
            }
        }
    }

    /// Whether what somebody has heard last is held here too: what this host can't vouch for, it does not publish.
    fn has_said(&self, heard: &Heard) -> bool {
        *heard == Heard::NONE || self.log.talk_at(self.us.key(), heard.session, heard.number) == Some(*heard)
    }

    fn strike_out(&mut self, link: LinkId, asker: Key, now: Now, out: &mut Vec<Output>) {
        let why = reason::STRUCK_OUT;
        if self.log.has_only_hosts_acts_left() {
            // SPEC ACTS-2
            self.shut(link, why, now, out);
        } else {
            self.show_out(asker, why, false, now, out);
        }
    }
}

/// SPEC ASK-4
fn warn(link: LinkId, id: RequestId, strike: u8, word: Option<&str>) -> Output {
    Output::refuse(link, id, Rule::Ask4, &reason::strike(strike, word.unwrap_or_default()))
}
