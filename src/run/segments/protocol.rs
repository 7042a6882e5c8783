//! The short texts that the segments of a run tell each other, and what follows from them.
//!
//! The first segment leads. Each of the others leaves a [`Presence`] under a key of its own, which says how far it has
//! come, and the first a [`LeaderWord`], which says when all go on, or why they do not. A text that nobody renews expires.

use std::fmt;

/// The points of a cell at which all segments wait for each other, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MeetingPoint {
    /// The dataset is loaded and the cache is empty.
    Ready = 1,
    /// Clients begin to fill the cache, before an open loop.
    Filling,
    /// Clients begin to warm the cache.
    WarmingUp,
    /// Measuring begins.
    Measuring,
    /// The load has ended, and each has looked at the stores.
    Over,
    /// Each has put back what it had written.
    Restored,
}

impl MeetingPoint {
    const ALL: [Self; 6] =
        [Self::Ready, Self::Filling, Self::WarmingUp, Self::Measuring, Self::Over, Self::Restored];

    /// The step that is waited for, as in "waiting for segment 2, to …".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Ready => "have the data ready",
            Self::Filling => "begin to fill the cache",
            Self::WarmingUp => "begin to warm the cache",
            Self::Measuring => "begin to measure",
            Self::Over => "end the load",
            Self::Restored => "put the data back",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let code: u8 = text.parse().ok()?;
        Self::ALL.into_iter().find(|point| *point as u8 == code)
    }
}

/// A point of a cell, which is known by its place in the order of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellPoint {
    /// The cell.
    pub cell: u64,
    /// The point.
    pub at: MeetingPoint,
}

/// A process and its load, by words without spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The word of the first segment's process by which those that met it know each other; empty before that.
    pub session: String,
    /// A word that no other process has.
    pub process: String,
    /// A word for the scenario and the version of hotset.
    pub load: String,
}

/// The states of a segment that does not lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceState {
    /// It waits or works.
    Here,
    /// It could not go on with the cell.
    Failed,
    /// It has ended.
    Left,
}

impl PresenceState {
    const ALL: [Self; 3] = [Self::Here, Self::Failed, Self::Left];

    fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

/// The place and the state of a segment that does not lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Who it is.
    pub identity: Identity,
    /// The latest point that it has come to.
    pub reached: CellPoint,
    /// Its state.
    pub state: PresenceState,
    /// Why it could not go on.
    pub reason: String,
}

/// The decisions of the first segment on a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Not all are there; what it waits for or does.
    Wait(String),
    /// All go on at this time of the cache's server, in microseconds.
    Begin(u64),
    /// Nobody goes on with the cell.
    Fail(String),
    /// It has ended.
    Left(String),
}

/// The word of the first segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderWord {
    /// Who it is.
    pub identity: Identity,
    /// The point that it is about.
    pub about: CellPoint,
    /// The decision.
    pub decision: Decision,
}

/// Stands for a word that is not known yet.
const NOTHING: &str = "-";

fn write_head(f: &mut fmt::Formatter<'_>, identity: &Identity, point: CellPoint) -> fmt::Result {
    let Identity { session, process, load } = identity;
    let session = if session.is_empty() { NOTHING } else { session };
    write!(f, "{session} {process} {load} {} {} ", point.cell, point.at as u8)
}

/// Who speaks, of which point, with which word, and the rest of the text.
fn read_head(text: &str) -> Option<(Identity, CellPoint, &str, &str)> {
    let mut words = text.splitn(7, ' ');
    let mut next = || words.next();
    let session = next().map(|word| if word == NOTHING { "" } else { word })?.to_owned();
    let identity = Identity { session, process: next()?.to_owned(), load: next()?.to_owned() };
    let point = CellPoint { cell: next()?.parse().ok()?, at: MeetingPoint::parse(next()?)? };
    Some((identity, point, next()?, next().unwrap_or_default()))
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(f, &self.identity, self.reached)?;
        write!(f, "{} {}", self.state.word(), self.reason)
    }
}

impl Presence {
    /// Reads one; `None` for a text that is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (identity, reached, word, reason) = read_head(text)?;
        let state = PresenceState::ALL.into_iter().find(|state| state.word() == word)?;
        Some(Self { identity, reached, state, reason: reason.to_owned() })
    }

    /// Returns true if nothing more comes from it in a cell whose end is near, or has come.
    #[must_use]
    pub fn is_done_with(&self, cell: u64) -> bool {
        let over = CellPoint { cell, at: MeetingPoint::Over };
        self.reached >= over || self.state != PresenceState::Here && self.reached.cell >= cell
    }
}

impl fmt::Display for LeaderWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(f, &self.identity, self.about)?;
        match &self.decision {
            Decision::Wait(what) => write!(f, "wait {what}"),
            Decision::Begin(micros) => write!(f, "begin {micros}"),
            Decision::Fail(why) => write!(f, "fail {why}"),
            Decision::Left(why) => write!(f, "left {why}"),
        }
    }
}

impl LeaderWord {
    /// Reads one; `None` for a text that is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (identity, about, word, rest) = read_head(text)?;
        let decision = match word {
            "wait" => Decision::Wait(rest.to_owned()),
            "begin" => Decision::Begin(rest.parse().ok()?),
            "fail" => Decision::Fail(rest.to_owned()),
            "left" => Decision::Left(rest.to_owned()),
            _ => return None,
        };
        Some(Self { identity, about, decision })
    }
}

/// Who of the others has come to a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembly {
    /// All.
    Complete,
    /// All but these, by their numbers.
    Missing(Vec<u64>),
    /// Somebody will not come.
    Failed(String),
}

const OTHER_LOAD: &str =
    "runs another scenario, with other options or another version of hotset; give all segments the same";

/// Works out for the first segment who has come to a point; `found` are the others by their numbers.
#[must_use]
pub fn assembly(own: &Identity, point: CellPoint, found: &[(u64, Option<Presence>)]) -> Assembly {
    let mut missing = Vec::new();
    for (number, presence) in found {
        // What was left by an earlier run of this name, or by one that has not met this process yet, says nothing.
        let Some(presence) = presence.as_ref().filter(|one| one.identity.session == own.session) else {
            missing.push(*number);
            continue;
        };
        let failed = |why: &str| Assembly::Failed(format!("segment {number} {why}"));
        if presence.identity.load != own.load {
            return failed(OTHER_LOAD);
        }
        match presence.state {
            PresenceState::Left => return failed(&format!("has ended: {}", presence.reason)),
            PresenceState::Failed if presence.reached.cell == point.cell => {
                return failed(&format!("could not go on: {}", presence.reason));
            }
            PresenceState::Failed | PresenceState::Here => {}
        }
        if presence.reached.cell > point.cell {
            return failed("has gone on to another run");
        }
        if presence.reached < point {
            missing.push(*number);
        }
    }
    if missing.is_empty() { Assembly::Complete } else { Assembly::Missing(missing) }
}

/// The meanings of the first segment's word to one that does not lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It has to wait, for this.
    Wait(String),
    /// It goes on at this time of the cache's server, in microseconds.
    Begin(u64),
    /// It cannot go on with the cell.
    Failed(String),
}

/// Works out what the word of the first segment means to one that has come to a point.
#[must_use]
pub fn heard(own: &Identity, point: CellPoint, word: &LeaderWord) -> Heard {
    if word.identity.load != own.load {
        return Heard::Failed(format!("segment 1 {OTHER_LOAD}"));
    }
    if word.identity.session != own.session {
        return Heard::Failed("segment 1 has begun anew; begin all segments anew".into());
    }
    match &word.decision {
        Decision::Left(why) => Heard::Failed(format!("segment 1 has ended: {why}")),
        _ if word.about.cell > point.cell => Heard::Failed("segment 1 has gone on to another run".into()),
        _ if word.about.cell < point.cell => Heard::Wait("segment 1 is at the run before".into()),
        Decision::Fail(why) => Heard::Failed(why.clone()),
        Decision::Begin(micros) if word.about.at == point.at => Heard::Begin(*micros),
        Decision::Begin(_) => Heard::Wait("segment 1 is not there".into()),
        Decision::Wait(what) => Heard::Wait(what.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(session: &str) -> Identity {
        Identity { session: session.into(), process: "p".into(), load: "l".into() }
    }

    fn point(cell: u64, at: MeetingPoint) -> CellPoint {
        CellPoint { cell, at }
    }

    const MEASURING: CellPoint = CellPoint { cell: 2, at: MeetingPoint::Measuring };

    fn here(reached: CellPoint) -> Presence {
        Presence { identity: identity("s"), reached, state: PresenceState::Here, reason: String::new() }
    }

    fn word(about: CellPoint, decision: Decision) -> LeaderWord {
        LeaderWord { identity: identity("s"), about, decision }
    }

    #[test]
    fn every_text_reads_back_and_a_reason_may_hold_anything() {
        let reason = "it failed: a  b\nand \"c\"";
        for state in PresenceState::ALL {
            for session in ["", "s"] {
                let one =
                    Presence { state, reason: reason.into(), identity: identity(session), ..here(MEASURING) };
                assert_eq!(Presence::parse(&one.to_string()), Some(one));
            }
        }
        for decision in [
            Decision::Wait(reason.into()),
            Decision::Begin(7),
            Decision::Fail(String::new()),
            Decision::Left(reason.into()),
        ] {
            let one = word(MEASURING, decision);
            assert_eq!(LeaderWord::parse(&one.to_string()), Some(one));
        }
        for text in ["", "s p l", "s p l 2 4", "s p l 2 9 here ", "s p l x 4 here ", "s p l 2 4 what "] {
            assert_eq!((Presence::parse(text), LeaderWord::parse(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn all_go_on_when_all_have_come_and_who_is_missing_is_known() {
        let of = |found: &[(u64, Option<Presence>)]| assembly(&identity("s"), MEASURING, found);
        let later = here(point(2, MeetingPoint::Over));
        assert_eq!(of(&[(2, Some(here(MEASURING))), (3, Some(later))]), Assembly::Complete);
        let before = here(point(2, MeetingPoint::WarmingUp));
        let of_an_earlier_run = Presence { identity: identity("old"), ..here(MEASURING) };
        let found = [(2, None), (3, Some(before)), (4, Some(of_an_earlier_run)), (5, Some(here(MEASURING)))];
        assert_eq!(of(&found), Assembly::Missing(vec![2, 3, 4]));
    }

    #[test]
    fn one_that_will_not_come_ends_the_cell_for_all_and_a_failure_in_an_earlier_cell_does_not() {
        let of = |presence: Presence| assembly(&identity("s"), MEASURING, &[(3, Some(presence))]);
        let failed_at =
            |reached| Presence { state: PresenceState::Failed, reason: "no room".into(), ..here(reached) };
        let said = |assembly: Assembly| match assembly {
            Assembly::Failed(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(said(of(failed_at(point(2, MeetingPoint::Ready)))), "segment 3 could not go on: no room");
        assert_eq!(of(failed_at(point(1, MeetingPoint::Over))), Assembly::Missing(vec![3]));
        let left = Presence { state: PresenceState::Left, reason: "interrupted".into(), ..here(MEASURING) };
        assert_eq!(said(of(left)), "segment 3 has ended: interrupted");
        assert!(said(of(here(point(3, MeetingPoint::Ready)))).contains("another run"));
        let mut other = here(MEASURING);
        other.identity.load = "another".into();
        assert!(said(of(other)).contains("another scenario"));
    }

    #[test]
    fn the_others_go_on_when_the_first_says_so_of_just_this_point() {
        let of = |about, decision| heard(&identity("s"), MEASURING, &word(about, decision));
        assert_eq!(of(MEASURING, Decision::Begin(9)), Heard::Begin(9));
        assert!(matches!(of(point(2, MeetingPoint::Ready), Decision::Begin(9)), Heard::Wait(_)));
        assert!(matches!(of(point(1, MeetingPoint::Restored), Decision::Fail("x".into())), Heard::Wait(_)));
        let fails = of(point(2, MeetingPoint::Ready), Decision::Fail("segment 3 …".into()));
        assert_eq!(fails, Heard::Failed("segment 3 …".into()));
        assert!(matches!(of(point(3, MeetingPoint::Ready), Decision::Wait(String::new())), Heard::Failed(_)));
        assert!(matches!(of(point(1, MeetingPoint::Ready), Decision::Left(String::new())), Heard::Failed(_)));
        let anew = LeaderWord { identity: identity("t"), ..word(MEASURING, Decision::Begin(9)) };
        assert!(matches!(heard(&identity("s"), MEASURING, &anew), Heard::Failed(_)));
    }

    #[test]
    fn one_is_done_with_a_cell_when_its_load_is_over_or_it_has_failed() {
        assert!(here(point(2, MeetingPoint::Over)).is_done_with(2));
        assert!(here(point(3, MeetingPoint::Ready)).is_done_with(2));
        assert!(!here(MEASURING).is_done_with(2));
        let failed = Presence { state: PresenceState::Failed, ..here(MEASURING) };
        assert!(failed.is_done_with(2) && !failed.is_done_with(3));
    }
}
