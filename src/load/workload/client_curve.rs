//! How many clients of a closed loop issue operations, where that changes over time.

use std::time::Duration;

use super::rate::RatePiece;

/// The clients that issue operations at each moment: those whose numbers, from 0, are below a number that runs as a rate does,
/// rounded to whole clients. It follows that whoever is the first to begin is the last to end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClientCurve {
    pieces: Vec<Placed>,
}

/// A piece at its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placed {
    start: Duration,
    piece: RatePiece,
}

impl ClientCurve {
    /// The curve of these pieces, the first of which begins at 0. Without pieces all clients issue operations all the time.
    #[must_use]
    pub fn new(pieces: impl IntoIterator<Item = RatePiece>) -> Self {
        let mut start = Duration::ZERO;
        let place = |piece: RatePiece| {
            let placed = Placed { start, piece };
            start = start.saturating_add(piece.length);
            placed
        };
        Self { pieces: pieces.into_iter().map(place).collect() }
    }

    /// When a client that is free at this moment may issue its next operation: at once, or when there are so many again that
    /// it is one of them; `None` where there never are.
    #[inline]
    #[must_use]
    pub fn turn(&self, free: Duration, client: u64) -> Option<Duration> {
        if self.pieces.is_empty() {
            return Some(free);
        }
        let enough = client as f64 + 0.5;
        let begun = self.pieces.partition_point(|placed| placed.start <= free);
        self.pieces[begun.saturating_sub(1)..].iter().find_map(|Placed { start, piece }| {
            let from = free.max(*start);
            let wait_s = piece.curve.wait_for(
                enough,
                from.saturating_sub(*start).as_secs_f64(),
                piece.length.as_secs_f64(),
            )?;
            Some(from + Duration::from_secs_f64(wait_s))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rate::RateCurve;
    use super::*;

    fn curve(pieces: &[(u64, RateCurve)]) -> ClientCurve {
        let piece = |(seconds, curve): &(u64, RateCurve)| RatePiece {
            length: Duration::from_secs(*seconds),
            curve: *curve,
        };
        ClientCurve::new(pieces.iter().map(piece))
    }

    fn turn_s(curve: &ClientCurve, free_s: f64, client: u64) -> Option<f64> {
        let turn = curve.turn(Duration::from_secs_f64(free_s), client)?;
        Some((turn.as_secs_f64() * 1e6).round() / 1e6)
    }

    #[test]
    fn without_a_curve_it_is_always_everybodys_turn() {
        assert_eq!(turn_s(&ClientCurve::default(), 7.0, 1_000_000), Some(7.0));
    }

    #[test]
    fn a_client_that_has_no_turn_waits_for_the_piece_in_which_it_has_one() {
        let level = RateCurve::level;
        let curve = curve(&[(5, level(2.0)), (3, level(0.0)), (2, level(4.0))]);
        assert_eq!(turn_s(&curve, 1.0, 1), Some(1.0));
        assert_eq!(turn_s(&curve, 1.0, 2), Some(8.0));
        assert_eq!(turn_s(&curve, 5.0, 0), Some(8.0), "a pause is nobody's turn, from its first moment on");
        assert_eq!(turn_s(&curve, 9.0, 3), Some(9.0));
        assert_eq!(turn_s(&curve, 1.0, 4), None);
    }

    #[test]
    fn clients_join_one_after_another_as_the_number_rises_and_rest_as_it_falls() {
        let curve = curve(&[
            (10, RateCurve::Line { from: 1.0, to: 11.0 }),
            (10, RateCurve::Line { from: 11.0, to: 1.0 }),
            (8, RateCurve::Wave { low: 1.0, high: 5.0, period_s: 4.0 }),
        ]);
        assert_eq!(turn_s(&curve, 0.0, 0), Some(0.0));
        for client in 1..11 {
            // It is one of them when there are as many as its number and a half.
            let joins = client as f64 - 0.5;
            assert_eq!(turn_s(&curve, 0.0, client), Some(joins));
            assert_eq!(turn_s(&curve, joins, client), Some(joins), "it has its turn when it was told to");
            let rests = 20.0 - joins;
            assert_eq!(turn_s(&curve, rests - 0.25, client), Some(rests - 0.25));
            let again = turn_s(&curve, rests + 0.25, client);
            assert_eq!(again.is_some(), client < 5, "{client}: the wave has five at the most");
        }
        // The wave has 3.5 a little after a quarter of its period, and again a period later.
        let first = 20.0 + 4.0 * (1.0 + 0.25_f64.asin() / std::f64::consts::FRAC_PI_2) / 4.0;
        let seen = turn_s(&curve, 20.0, 3).unwrap();
        assert!((seen - first).abs() < 1e-5, "{seen} and {first}");
        assert!((turn_s(&curve, 23.0, 3).unwrap() - first - 4.0).abs() < 1e-5);
        assert_eq!(turn_s(&curve, 27.0, 3), None);
    }
}
