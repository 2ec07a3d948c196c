//! Small sessions of the real machines in virtual time, each written down as a trace: one for each state and each
//! refusal of a room, of friends and of a registry. Whoever writes a client can hold its frames against them.

mod friends;
mod registry;
mod room;

use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::id::{DialId, Key, MeetingId, RequestId};
use tertulia_core::identity::Identity;
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::time::{Instant, Now};
use tertulia_core::trace::Trace;
use tertulia_core::wire::field::Name;
use tertulia_core::wire::option::{self, OptionsBuffer};
use tertulia_core::wire::session::{Hello, Purpose};
use tertulia_core::wire::{Encoded, Frame};

use crate::lecture::START_MS;
use crate::sim::{Conditions, NodeSpec, Sim};

/// All of them, by the names of their files.
#[must_use]
pub fn all() -> Vec<(&'static str, Trace)> {
    [room::all(), friends::all(), registry::all()].concat()
}

/// A world in which one node's links are written down.
struct Scene {
    sim: Sim,
}

impl Scene {
    fn new(seed: u64) -> Self {
        Self { sim: Sim::new(seed, Conditions { delay_ms: 1..=20, ..Conditions::default() }, None).of_rooms() }
    }

    fn add(&mut self, spec: NodeSpec) -> usize {
        self.sim.add(spec)
    }

    /// Adds a node, writes down what its links say, and starts it.
    fn watch(&mut self, spec: NodeSpec) -> usize {
        let node = self.add(spec);
        self.sim.record(node);
        self.start(node);
        node
    }

    fn start(&mut self, node: usize) {
        self.sim.start(node);
        self.pass(1_000);
    }

    fn pass(&mut self, ms: u64) {
        let end = self.sim.now() + ms;
        self.sim.run_until(end);
    }

    fn command(&mut self, node: usize, command: Command) {
        self.sim.command(node, command);
        self.pass(300);
    }

    fn say(&mut self, node: usize, text: &str) {
        self.command(node, Command::Say { text: text.into() });
    }

    fn tell(&mut self, node: usize, to: &str, text: &str) {
        self.command(node, Command::Msg { to: to.into(), text: text.into() });
    }

    fn quit(&mut self, node: usize) {
        self.command(node, Command::Quit);
    }

    /// Whether somebody's user was told something like that.
    fn was_told(&self, node: usize, like: impl Fn(&Event) -> bool) -> bool {
        self.sim.told(node).iter().any(|told| like(&told.event))
    }

    /// How it is over for a node.
    fn closed(&self, node: usize) -> Option<Code> {
        let closed = |event: &Event| if let Event::Closed { code, .. } = event { Some(*code) } else { None };
        self.sim.told(node).iter().rev().find_map(|told| closed(&told.event))
    }

    /// What was written down.
    fn done(mut self, title: &str, covers: &[&str]) -> Trace {
        let mut trace = self.sim.recorded();
        (trace.title, trace.covers) = (title.into(), covers.iter().map(|id| (*id).into()).collect());
        trace
    }
}

/// Somebody who dials once, and says what it has been given to say, whatever is answered.
#[derive(Debug)]
struct Outlaw {
    dials: (String, Encoded),
    says: Vec<Encoded>,
}

impl Outlaw {
    /// `dials`: where; `purpose` and `meeting`: for what.
    fn new(dials: &str, purpose: Purpose, meeting: MeetingId, name: Option<&str>, says: Vec<Encoded>) -> Self {
        let mut options = OptionsBuffer::default();
        if let Some(name) = name {
            options.set(&option::NAME, &Name::new(name).expect("a name"));
        }
        let hello = Hello { purpose, meeting, started_ms: START_MS, options: options.options() };
        Self { dials: (dials.into(), Frame::from(hello).encode(RequestId::EVENT)), says }
    }

    fn spec(self, us: &Identity) -> NodeSpec {
        let machine = std::cell::RefCell::new(Some(self));
        let maker = move |_: &crate::sim::Boot<'_>| -> Box<dyn Machine> {
            Box::new(machine.borrow_mut().take().expect("an outlaw starts once"))
        };
        NodeSpec { key: us.key(), maker: Box::new(maker), talk_max: 1 }
    }
}

impl Machine for Outlaw {
    fn handle(&mut self, input: Input<'_>, _now: Now, out: &mut Vec<Output>) {
        match input {
            Input::Start => {
                let (address, hello) = self.dials.clone();
                out.push(Output::Dial { id: DialId(1), peer: None::<Key>, addresses: vec![address], hello });
            }
            Input::Up { link, dial: Some(_), .. } => {
                out.extend(self.says.drain(..).map(|frame| Output::Send { link, frame }));
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, _now: Now, _out: &mut Vec<Output>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn assert_invariants(&self) {}
}

/// A frame, as one sends it.
fn frame<'a>(id: u32, frame: impl Into<Frame<'a>>) -> Encoded {
    frame.into().encode(RequestId(id))
}
