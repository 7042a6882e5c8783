//! The measured operations, whose keys and mix may be others in each phase of the load, and the clients that issue them.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::batch::FurtherKey;
use super::client_curve::ClientCurve;
use super::keys::TopShares;
use super::operation::Operation;
use super::stream::{OperationStream, StreamDigest};

/// The operations from a moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamPart {
    /// The moment, from the start of measuring.
    pub start: Duration,
    /// The operations of all clients from then on.
    pub stream: OperationStream,
    /// From this moment on, none of them is sent any more; `None` where all are, however late.
    pub send_by: Option<Duration>,
}

/// The operations of one phase after another: an operation is of the phase in which it is due.
#[derive(Debug, Clone, PartialEq)]
pub struct PhasedStream {
    first: StreamPart,
    later: Vec<StreamPart>,
    clients: ClientCurve,
}

impl PhasedStream {
    /// The same operations all the time, by all clients.
    #[must_use]
    pub fn whole(stream: OperationStream) -> Self {
        let first = StreamPart { start: Duration::ZERO, stream, send_by: None };
        Self { first, later: Vec::new(), clients: ClientCurve::default() }
    }

    /// The first part, and those that follow in the order of their starts, with the clients that issue their operations.
    #[must_use]
    pub fn new(first: StreamPart, later: impl IntoIterator<Item = StreamPart>, clients: ClientCurve) -> Self {
        let mut parts: Vec<StreamPart> = Vec::new();
        for part in later {
            let before = parts.last().unwrap_or(&first);
            // What goes on as before is no part of its own, so that fewer have to be looked through.
            if (&before.stream, before.send_by) != (&part.stream, part.send_by) {
                parts.push(part);
            }
        }
        Self { first, later: parts, clients }
    }

    /// Operation `number` of `client`, which is due at this moment. It is the same at every call.
    #[inline]
    #[must_use]
    pub fn operation(&self, due: Duration, client: u64, number: u64) -> Operation {
        self.at(due).stream.operation(client, number)
    }

    /// Puts into `further` what an operation that is due at this moment asks for besides its own key; see
    /// [`OperationStream::further_keys`].
    #[inline]
    pub fn further_keys(
        &self,
        due: Duration,
        client: u64,
        operation: &Operation,
        further: &mut Vec<FurtherKey>,
    ) {
        // No phase changes how many keys a read asks for.
        if self.first.stream.spec().batching.is_some() {
            self.at(due).stream.further_keys(client, operation, further);
        }
    }

    /// When a client that is free at this moment may issue its next operation; see [`ClientCurve::turn`].
    #[inline]
    #[must_use]
    pub fn turn(&self, free: Duration, client: u64) -> Option<Duration> {
        self.clients.turn(free, client)
    }

    /// Until when an operation that is due at this moment may be sent; `None` where it may be as late as it is.
    #[inline]
    #[must_use]
    pub fn send_by(&self, due: Duration) -> Option<Duration> {
        self.at(due).send_by
    }

    /// The part of a moment.
    #[inline]
    fn at(&self, moment: Duration) -> &StreamPart {
        let begun = self.later.partition_point(|part| part.start <= moment);
        self.later[..begun].last().unwrap_or(&self.first)
    }

    /// The operations of the first part.
    #[must_use]
    pub fn first(&self) -> &OperationStream {
        &self.first.stream
    }

    /// The shares that the hottest keys get among the first operations of the first part; `None` where another part draws its
    /// keys in another way, so that the shares are not those of all parts.
    #[must_use]
    pub fn realised_shares(&self, operations: u64) -> Option<TopShares> {
        let keys = &self.first().spec().keys;
        let are_alike = self.later.iter().all(|part| part.stream.spec().keys.is_drawn_as(keys));
        are_alike.then(|| self.first().realised_shares(operations))
    }

    /// The digests of all clients, over all parts and when these begin.
    #[must_use]
    pub fn digests(&self) -> StreamDigest {
        let first = self.first().digests();
        let befores = std::iter::once(&self.first).chain(&self.later);
        // How late they are asked for changes nothing in what is asked for.
        let others = befores.zip(&self.later).filter(|(before, part)| before.stream != part.stream);
        others.fold(first, |before, (_, part)| {
            let next = part.stream.digests();
            let start = (part.start.as_nanos() as u64).to_le_bytes();
            let both = |a: u64, b: u64| xxh3_64(&[a.to_le_bytes(), b.to_le_bytes(), start].concat());
            let clients = before.clients.iter().zip(&next.clients).map(|(a, b)| both(*a, *b)).collect();
            StreamDigest { clients, all: both(before.all, next.all) }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::super::keys::{Distribution, KeySampler};
    use super::super::mix::Mix;
    use super::super::stream::StreamSpec;
    use super::*;
    use crate::base::units::Share;
    use crate::results::Phase;

    fn stream(reads: f64, seed: u64) -> OperationStream {
        let keys = NonZeroU64::new(1_000).unwrap();
        OperationStream::new(StreamSpec {
            seed: 1,
            phase: Phase::Measure,
            keys: KeySampler::new(&Distribution::default(), keys, seed),
            mix: Mix::new(&[reads, 1.0 - reads]).unwrap(),
            can_be_absent: vec![true, false],
            absent_share: Share::NONE,
            clients: NonZeroU64::new(4).unwrap(),
            batching: None,
            recorded: None,
            write_keys: None,
        })
    }

    fn part(second: u64, stream: OperationStream) -> StreamPart {
        StreamPart { start: Duration::from_secs(second), stream, send_by: None }
    }

    fn phased(first: StreamPart, later: Vec<StreamPart>) -> PhasedStream {
        PhasedStream::new(first, later, ClientCurve::default())
    }

    #[test]
    fn an_operation_is_of_the_phase_in_which_it_is_due() {
        let later = vec![part(10, stream(0.0, 1)), part(20, stream(1.0, 2))];
        let phased = phased(part(0, stream(1.0, 1)), later);
        for number in 0..100 {
            let at = |millis| phased.operation(Duration::from_millis(millis), 3, number);
            assert_eq!(at(0), stream(1.0, 1).operation(3, number));
            assert_eq!(at(9_999), at(0));
            assert_eq!(
                at(10_000),
                stream(0.0, 1).operation(3, number),
                "a border belongs to what begins there"
            );
            assert_eq!(at(99_000), stream(1.0, 2).operation(3, number));
        }
    }

    #[test]
    fn how_late_an_operation_may_be_is_said_by_the_part_in_which_it_is_due_and_changes_no_digest() {
        let second = Duration::from_secs;
        let by = |start, end| StreamPart { send_by: Some(second(end)), ..part(start, stream(0.9, 1)) };
        let phased = phased(by(0, 7), vec![by(7, 14)]);
        assert_eq!(
            (phased.send_by(second(6)), phased.send_by(second(7))),
            (Some(second(7)), Some(second(14)))
        );
        assert_eq!(phased.digests(), stream(0.9, 1).digests());
        assert_eq!(PhasedStream::whole(stream(0.9, 1)).send_by(second(1)), None);
    }

    #[test]
    fn digests_tell_what_is_asked_for_in_every_phase_and_from_when_on() {
        let digest = |later: Vec<StreamPart>| phased(part(0, stream(1.0, 1)), later).digests().all;
        let whole = PhasedStream::whole(stream(1.0, 1)).digests().all;
        assert_eq!(whole, stream(1.0, 1).digests().all);
        assert_eq!(digest(vec![part(5, stream(1.0, 1))]), whole, "nothing changes there");
        let changed = digest(vec![part(5, stream(0.5, 1))]);
        assert_ne!(changed, whole);
        assert_ne!(digest(vec![part(6, stream(0.5, 1))]), changed);
        assert_ne!(digest(vec![part(5, stream(0.5, 2))]), changed);
    }
}
