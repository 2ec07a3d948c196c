//! What a registry does, in figures for whoever watches over it: as OpenMetrics text.

pub(crate) mod http;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use tertulia_core::code::Code;
use tertulia_core::id::LinkId;
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::registry::{Counts, Server};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::registry::Kind;
use tertulia_core::wire::session::Session;
use tertulia_core::wire::{Frame, decode};

use crate::json::kind_word;

const KINDS: [Kind; 3] = [Kind::Star, Kind::Mesh, Kind::Person];

/// The figures at one moment.
#[derive(Clone, Debug, Default)]
struct Moment {
    /// By the word of their kind.
    records: Vec<(&'static str, u64)>,
    counts: Counts,
    /// By the word of the code.
    refused: BTreeMap<&'static str, u64>,
    connected: u64,
    open: u64,
    /// By the word of the code.
    ended: BTreeMap<&'static str, u64>,
}

/// The figures of a registry that runs. Held for the time of a copy alone: nobody who reads slowly holds up the registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Arc<Mutex<Moment>>);

impl Figures {
    /// As OpenMetrics text.
    ///
    /// # Errors
    /// None that are known.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut registry = prometheus_client::registry::Registry::with_prefix("tertulia_registry");
        registry.register_collector(Box::new(self.moment()));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    fn moment(&self) -> Moment {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Collector for Moment {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Counts { granted, renewed, withdrawn, left, expired, displaced, dialled, met, missed } = self.counts;
        let gone = [("withdrawn", withdrawn), ("left", left), ("expired", expired), ("displaced", displaced)];
        let (gauge, counter) = (MetricType::Gauge, MetricType::Counter);
        let mut page = Page(encoder);
        page.family(gauge, "records", "Records that are held now, listed or not", "kind", self.records.clone())?;
        page.one(counter, "leases_granted", "Records taken that were not held", granted)?;
        page.one(counter, "leases_renewed", "Records taken that were held, the same or newer", renewed)?;
        page.family(counter, "leases_ended", "Records gone, by how", "how", gone)?;
        page.one(counter, "dial_backs_tried", "Dial-backs begun", dialled)?;
        page.one(counter, "dial_backs_reached", "Dial-backs that have met the publisher", met)?;
        page.one(counter, "dial_backs_failed", "Dial-backs that are over and have not", missed)?;
        page.family(counter, "refusals", "Requests refused, by the code of the answer", "code", self.refused.clone())?;
        page.one(gauge, "connections_open", "Clients that are connected now", self.open)?;
        page.one(counter, "connections", "Clients that have connected and shown who they are", self.connected)?;
        page.family(counter, "connections_ended", "Clients gone, by the code of the end", "code", self.ended.clone())
    }
}

/// What is being written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn one(&mut self, kind: MetricType, name: &str, help: &str, figure: u64) -> fmt::Result {
        write(&mut self.0.encode_descriptor(name, help, None, kind)?, kind, figure)
    }

    /// A figure for each word; `key` says what of.
    fn family(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        key: &str,
        figures: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        figures
            .into_iter()
            .try_for_each(|(word, figure)| write(&mut family.encode_family(&[(key, word)])?, kind, figure))
    }
}

fn write(encoder: &mut MetricEncoder<'_>, kind: MetricType, figure: u64) -> fmt::Result {
    if matches!(kind, MetricType::Gauge) {
        encoder.encode_gauge(&i64::try_from(figure).unwrap_or(i64::MAX))
    } else {
        encoder.encode_counter(&figure, None::<&Exemplar<NoLabelSet, u64>>)
    }
}

/// A registry whose inputs and outputs are counted: nothing of what it does is changed.
#[derive(Debug)]
pub(crate) struct Counted {
    server: Server,
    figures: Figures,
    /// Whoever has dialled and is still there.
    links: BTreeSet<LinkId>,
}

impl Counted {
    pub(crate) fn new(server: Server, figures: Figures) -> Self {
        let counted = Self { server, figures, links: BTreeSet::new() };
        counted.note(|_| {});
        counted
    }

    /// Brings the figures up to date, after a change of what the registry does not count itself.
    fn note(&self, change: impl FnOnce(&mut Moment)) {
        let mut moment = self.figures.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut moment);
        let held = |kind| (kind_word(kind), u64::try_from(self.server.held(kind)).unwrap_or(u64::MAX));
        moment.records.clear();
        moment.records.extend(KINDS.into_iter().map(held));
        moment.counts = *self.server.counts();
        moment.open = u64::try_from(self.links.len()).unwrap_or(u64::MAX);
    }

    /// Whether a client's link has ended just now.
    fn end(&mut self, link: LinkId, code: Code) -> Option<Code> {
        self.links.remove(&link).then_some(code)
    }

    fn count(&mut self, came: bool, gone: Option<Code>, out: &[Output]) {
        let mut ended: Vec<Code> = gone.into_iter().collect();
        let mut refused = Vec::new();
        for output in out {
            match output {
                Output::Close { link, code, .. } => ended.extend(self.end(*link, *code)),
                Output::Send { frame, .. } => refused.extend(refusal(&frame.0)),
                Output::Store { .. }
                | Output::Append { .. }
                | Output::Keep { .. }
                | Output::Follow { .. }
                | Output::Dial { .. }
                | Output::Event(_) => {}
            }
        }
        self.note(|moment| {
            moment.connected = moment.connected.saturating_add(u64::from(came));
            ended.into_iter().for_each(|code| add(&mut moment.ended, code));
            refused.into_iter().for_each(|code| add(&mut moment.refused, code));
        });
    }
}

/// The code of a refusal, if the frame is one.
fn refusal(frame: &[u8]) -> Option<Code> {
    match decode(frame).ok()?.frame? {
        Frame::Session(Session::Refused(refused)) => Some(refused.code),
        Frame::Session(_) | Frame::Meeting(_) | Frame::Private(_) | Frame::Registry(_) => None,
    }
}

fn add(counts: &mut BTreeMap<&'static str, u64>, code: Code) {
    let count = counts.entry(code.word()).or_default();
    *count = count.saturating_add(1);
}

impl Machine for Counted {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        let before = out.len();
        let (mut came, mut gone) = (false, None);
        match &input {
            Input::Up { link, dial: None, .. } => came = self.links.insert(*link),
            Input::Down { link, code } => gone = self.end(*link, *code),
            Input::Up { .. }
            | Input::Start
            | Input::Frame { .. }
            | Input::Unreachable { .. }
            | Input::Command { .. } => {}
        }
        self.server.handle(input, now, out);
        self.count(came, gone, out.get(before..).unwrap_or_default());
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let before = out.len();
        self.server.handle_timeout(now, out);
        self.count(false, None, out.get(before..).unwrap_or_default());
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.server.poll_timeout()
    }

    fn has_let_in(&self, link: LinkId) -> bool {
        self.server.has_let_in(link)
    }

    fn assert_invariants(&self) {
        self.server.assert_invariants();
    }
}
