//! What a lecture's attendee can do, by hand.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::attendee::{Attendee, Stage};
use super::witness::check;
use crate::code::Code;
use crate::command::{Command, Failure, Place};
use crate::errand::{Errand, Speaker};
use crate::event::{Ending, Event};
use crate::id::{CommandId, Token};
use crate::machine::Output;
use crate::name::proper;

impl Attendee {
    pub(super) fn on_command(&mut self, id: CommandId, command: Command, out: &mut Vec<Output>) {
        let result = match command {
            Command::Say { text } => {
                let errand = Errand::ask(text, Token(self.random.bytes()));
                self.enqueue(id, errand, out)
            }
            Command::Msg { to, text } => self.whisper(id, &to, text, out),
            Command::Name { name } => match proper(&name) {
                Some(_) => self.enqueue(id, Ok(Errand::Rename { name }), out),
                None => Err(Failure::NameForm(name)),
            },
            Command::Users => {
                out.push(Output::Event(self.users()));
                out.push(Output::Event(Event::Done { id }));
                Ok(())
            }
            Command::Check { number } => check(&self.replica.log, self.newcomer.goal.host, number).map(|event| {
                out.push(Output::Event(event));
                out.push(Output::Event(Event::Done { id }));
            }),
            Command::Quit | Command::Stop => {
                out.push(Output::Event(Event::Done { id }));
                self.leave(out);
                Ok(())
            }
            Command::Contacts
            | Command::Add { .. }
            | Command::Remove { .. }
            | Command::Block { .. }
            | Command::Unblock { .. } => Err(Failure::NoContactsHere),
            Command::Directory(wish) => Err(Failure::NoRegistryHere(wish)),
            Command::Bans
            | Command::Ticket { .. }
            | Command::Tickets
            | Command::Kick { .. }
            | Command::Unban { .. }
            | Command::Mute { .. }
            | Command::Unmute { .. }
            | Command::Admit { .. }
            | Command::Deny { .. }
            | Command::Retract { .. }
            | Command::Lock
            | Command::Unlock
            | Command::End => Err(Failure::NotHost(Place::Lecture)),
        };
        if let Err(failure) = result {
            out.push(Output::Event(Event::Error { failure, id: Some(id) }));
        }
    }

    fn whisper(&mut self, id: CommandId, to: &str, text: String, out: &mut Vec<Output>) -> Result<(), Failure> {
        if to != self.host_name() {
            return Err(Failure::HostAlone { host: self.host_name(), text });
        }
        let errand = Errand::tell(to.to_string(), text, Token(self.random.bytes()));
        self.enqueue(id, errand, out)
    }

    /// Sends an errand now, or as soon as the link stands.
    fn enqueue(
        &mut self,
        id: CommandId,
        errand: Result<Errand, Failure>,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        let errand = errand?;
        let link = match self.stage {
            Stage::Attending(link) => Some((link, self.last_request.step())),
            Stage::Apart | Stage::Dialling(_) | Stage::Knocking(..) | Stage::Over => None,
        };
        let (meeting, heard) = (self.replica.log.meeting(), self.heard());
        let speaker = Speaker { us: &self.us, meeting, name: &self.newcomer.me.name, heard };
        self.outbox.push(id, errand, link, speaker, out)
    }

    fn leave(&mut self, out: &mut Vec<Output>) {
        if let Stage::Knocking(link, _) | Stage::Attending(link) = self.stage {
            out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
        }
        self.end(Code::Left, Ending::Left, out);
    }
}
