//! The table `[[phase]]`: how the load changes while a cell is measured.

use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::time::Duration;

use super::client_curve::ClientCurve;
use super::keys::Distribution;
use super::keys::inline::InlineDistribution;
use super::rate::{RateCurve, RatePiece, RateProfile};
use crate::base::units::{Share, show_duration};
use crate::scenario::{NonNegative, Positive, PositiveNumber, Reader, Setting as _};

crate::choices! {
    /// The kinds of phase, by how the load runs in them: the rate of an open loop, or the number of clients of a closed one.
    pub enum PhaseKind {
        /// One load.
        Steady = "steady",
        /// Straight from one load to another.
        Ramp = "ramp",
        /// From one load to another in equal steps.
        Step = "step",
        /// Up at once, or nearly so, and down again over the rest of the phase.
        Spike = "spike",
        /// Up and down between two loads, as by day and night.
        Sine = "sine",
        /// No operation at all.
        Pause = "pause",
    }
}

crate::settings! {
    /// One `[[phase]]`.
    pub struct PhaseSettings {
        /// its name in the results and on charts; left out, its kind
        name: Option<String> = None,
        /// how the load runs, which is the rate in an open loop and the number of clients in a closed one: `steady`; `ramp` straight from one load to another; `step` in equal steps; `spike` up in `rise` and down again over the rest; `sine` up and down between two, beginning at the lower; `pause` without any operation
        kind: PhaseKind = PhaseKind::Steady,
        /// how long it lasts: always given, and a whole number of `run.window`s, since results by phase are sums of windows
        duration: Option<Positive> = None,
        /// `steady` in an open loop: the operations that are due a second; left out, `workload.rate_per_second`
        rate_per_second: Option<PositiveNumber> = None,
        /// `ramp`, `step`, `spike`, `sine` in an open loop: the first rate, of a `sine` the lowest; left out, the rate at which the phase before ended, and of the first phase `workload.rate_per_second`
        from_per_second: Option<NonNegative> = None,
        /// `ramp`, `step` in an open loop: the last rate; `spike`, `sine`: the highest; always given for these
        to_per_second: Option<NonNegative> = None,
        /// `steady` in a closed loop: the clients that issue operations while the others rest; left out, all of `workload.clients`
        clients: Option<NonZeroU64> = None,
        /// `ramp`, `step`, `spike`, `sine` in a closed loop: the clients that issue operations at first, of a `sine` the fewest; left out, those at the end of the phase before, and of the first phase all of `workload.clients`
        from_clients: Option<u64> = None,
        /// `ramp`, `step` in a closed loop: the clients at the end; `spike`, `sine`: the most; always given for these
        to_clients: Option<u64> = None,
        /// `step`: how many loads there are, the first and the last included, each for an equal part of the phase
        steps: NonZeroU64 = NonZeroU64::new(5).unwrap_or(NonZeroU64::MIN),
        /// `spike`: how long the load rises; left out, a tenth of the phase
        rise: Option<Positive> = None,
        /// `sine`: from one lowest load to the next; left out, the whole phase
        period: Option<Positive> = None,
        /// the share of operations that read; left out, `workload.reads`
        reads: Option<Share> = None,
        /// how its keys are drawn: a `distribution` with its settings; left out, as `[workload.keys]` says
        keys: Option<InlineDistribution> = None,
        /// the share of the hot keys that others replace when the phase begins, and from then on; hot are the hottest tenth of the keys, or what `hotspot` calls hot
        shift: Share = Share::NONE,
    }
}

/// The settings that only some kinds obey.
const OF_SOME_KINDS: [(&str, &[PhaseKind]); 10] = [
    ("rate_per_second", &[PhaseKind::Steady]),
    ("from_per_second", BETWEEN_LOADS),
    ("to_per_second", BETWEEN_LOADS),
    ("clients", &[PhaseKind::Steady]),
    ("from_clients", BETWEEN_LOADS),
    ("to_clients", BETWEEN_LOADS),
    ("steps", &[PhaseKind::Step]),
    ("rise", &[PhaseKind::Spike]),
    ("period", &[PhaseKind::Sine]),
    ("keys", WITH_OPERATIONS),
];
const BETWEEN_LOADS: &[PhaseKind] = &[PhaseKind::Ramp, PhaseKind::Step, PhaseKind::Spike, PhaseKind::Sine];
const WITH_OPERATIONS: &[PhaseKind] =
    &[PhaseKind::Steady, PhaseKind::Ramp, PhaseKind::Step, PhaseKind::Spike, PhaseKind::Sine];

/// More steps than this are a mistake: nobody looks at so many, and each takes memory.
pub(super) const MOST_STEPS: u64 = 1_000;

/// The settings by which a scenario asks for an open loop: of a steady phase, and from where to where others go.
pub const RATES: [&str; 3] = ["rate_per_second", "from_per_second", "to_per_second"];

/// The settings of a closed loop in their place.
pub const CLIENTS: [&str; 3] = ["clients", "from_clients", "to_clients"];

/// The unit of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadUnit {
    /// Operations a second: an open loop.
    Rate,
    /// Clients that issue one operation after another: a closed loop.
    Clients,
}

impl LoadUnit {
    /// The settings that say a load in it.
    fn keys(self) -> [&'static str; 3] {
        match self {
            Self::Rate => RATES,
            Self::Clients => CLIENTS,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Clients => "number of clients",
        }
    }

    /// A load in it, such as "100/s" or "20 clients".
    fn show(self, load: f64) -> String {
        match self {
            Self::Rate => format!("{}/s", (load * 100.0).round() / 100.0),
            Self::Clients => match load.round() as u64 {
                1 => "1 client".into(),
                clients => format!("{clients} clients"),
            },
        }
    }
}

/// What a phase is to a staircase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaircasePart {
    /// One of its rates.
    Step,
    /// The pause after one, in which its queue drains.
    Drain,
}

/// A phase of a checked scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPhase {
    /// Its name in the results, which no other phase has.
    pub name: String,
    /// Its kind.
    pub kind: PhaseKind,
    /// How long it lasts.
    pub duration: Duration,
    /// The unit of its load, which all phases share.
    pub unit: LoadUnit,
    /// How the load runs in it.
    pub pieces: Vec<RatePiece>,
    /// The share of operations that read.
    pub reads: Share,
    /// How its keys are drawn; `None` where it is as in all of the scenario.
    pub keys: Option<Distribution>,
    /// The share of the hot keys that are replaced at its start.
    pub shift: Share,
    /// What it is to the staircase; `None` where it is no part of one.
    pub part: Option<StaircasePart>,
}

impl PhaseSettings {
    /// How the load runs in the phase, where the phase before ended at a load of `before` and a steady load is `usual` unless
    /// the phase says another. What is wrong goes to the reader's mistakes.
    #[must_use]
    pub fn pieces(
        &self,
        reader: &Reader<'_>,
        unit: LoadUnit,
        before: f64,
        usual: Option<f64>,
    ) -> Vec<RatePiece> {
        let length = self.duration.map_or(Duration::from_secs(1), |duration| duration.0);
        let whole = |curve| vec![RatePiece { length, curve }];
        let [steady_key, from_key, to_key] = unit.keys();
        let [steady, from, to] = self.loads(unit);
        if BETWEEN_LOADS.contains(&self.kind) && to.is_none() {
            missing(
                reader,
                to_key,
                format!("give the {} that the {} reaches", unit.words(), self.kind.word()),
            );
        }
        let from = from.unwrap_or(before);
        let rises = matches!(self.kind, PhaseKind::Spike | PhaseKind::Sine);
        if let Some(to) = to.filter(|to| rises && from > *to) {
            let (what, kind) = (unit.words(), self.kind.word());
            let message = format!("{to} is below the {from} from which the {kind} rises");
            let help = format!("give {to_key} a higher {what}, or {from_key} a lower one");
            reader.wrong(to_key, message, Some(help));
        }
        let to = to.unwrap_or(0.0);
        match self.kind {
            PhaseKind::Pause => whole(RateCurve::level(0.0)),
            PhaseKind::Steady => {
                let load = steady.or(usual);
                if load.is_none() {
                    missing(reader, steady_key, "give it here or in [workload]".into());
                }
                whole(RateCurve::level(load.unwrap_or(0.0)))
            }
            PhaseKind::Ramp => whole(RateCurve::Line { from, to }),
            PhaseKind::Step => self.steps(reader, length, from, to),
            PhaseKind::Spike => {
                let rise = self.rise.map_or(length / 10, |rise| rise.0);
                if rise >= length {
                    reader.wrong("rise", "takes the whole phase", Some("give less than duration".into()));
                    return Vec::new();
                }
                vec![
                    RatePiece { length: rise, curve: RateCurve::Line { from, to } },
                    RatePiece {
                        length: length.saturating_sub(rise),
                        curve: RateCurve::Line { from: to, to: from },
                    },
                ]
            }
            PhaseKind::Sine => {
                let period_s = self.period.map_or(length, |period| period.0).as_secs_f64();
                whole(RateCurve::Wave { low: from, high: to, period_s })
            }
        }
    }

    /// What it says of a steady load, and from where to where others go.
    fn loads(&self, unit: LoadUnit) -> [Option<f64>; 3] {
        match unit {
            LoadUnit::Rate => [
                self.rate_per_second.map(|rate| rate.0),
                self.from_per_second.map(|rate| rate.0),
                self.to_per_second.map(|rate| rate.0),
            ],
            LoadUnit::Clients => [self.clients.map(NonZeroU64::get), self.from_clients, self.to_clients]
                .map(|clients| clients.map(|clients| clients as f64)),
        }
    }

    fn steps(&self, reader: &Reader<'_>, length: Duration, from: f64, to: f64) -> Vec<RatePiece> {
        let steps = at_most(reader, self.steps.get());
        // The end is the length itself: a product could round to more than a duration holds.
        let border = |step: u64| {
            if step == steps { length } else { length.mul_f64(step as f64 / steps as f64) }
        };
        let piece = |step: u64| {
            let share = if steps > 1 { step as f64 / (steps - 1) as f64 } else { 1.0 };
            let curve = RateCurve::level(from + (to - from) * share);
            RatePiece { length: border(step + 1).saturating_sub(border(step)), curve }
        };
        (0..steps).map(piece).collect()
    }

    /// Reports what was set and means nothing to a phase of this kind, but for what means nothing to any of that unit.
    pub fn refuse_settings_of_other_kinds(&self, reader: &Reader<'_>, unit: LoadUnit) {
        let is_of_unit = |key: &str| unit == LoadUnit::Clients || !CLIENTS.contains(&key);
        for (key, kinds) in OF_SOME_KINDS.into_iter().filter(|(key, _)| is_of_unit(key)) {
            if reader.raw(key).is_some() && !kinds.contains(&self.kind) {
                let kinds: Vec<String> = kinds.iter().map(|kind| format!("kind = {}", kind.show())).collect();
                let message = format!("means nothing to a phase of kind {}", self.kind.word());
                let help = format!("leave it out, or write {}", kinds.join(" or "));
                reader.wrong(key, message, Some(help));
            }
        }
    }
}

/// So many steps, or as many as there may be, where the reader is told that there are more.
pub(super) fn at_most(reader: &Reader<'_>, steps: u64) -> u64 {
    if steps > MOST_STEPS {
        let message = format!("{steps} are more than {MOST_STEPS}");
        reader.wrong("steps", message, Some("give fewer, such as 8".into()));
    }
    steps.min(MOST_STEPS)
}

fn missing(reader: &Reader<'_>, key: &str, help: String) {
    reader.wrong(key, "is missing", Some(help));
}

impl LoadPhase {
    /// The load at its end.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.pieces.last().map_or(0.0, |piece| {
            let length_s = piece.length.as_secs_f64();
            piece.curve.rate_at(length_s, length_s)
        })
    }

    /// The highest load in it.
    #[must_use]
    pub fn highest(&self) -> f64 {
        self.pieces.iter().map(|piece| piece.curve.highest()).fold(0.0, f64::max)
    }

    /// Returns true if nothing is asked in it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.highest() <= 0.0
    }

    /// Such as "from 1000/s up to 6000/s for 10s, 30 % of the hot keys replaced".
    #[must_use]
    pub fn in_words(&self, usual_reads: Share) -> String {
        let first = self.unit.show(self.pieces.first().map_or(0.0, |piece| piece.curve.rate_at(0.0, 1.0)));
        let (last, highest) = (self.unit.show(self.last()), self.unit.show(self.highest()));
        let load = match self.kind {
            PhaseKind::Pause => "no operations".into(),
            PhaseKind::Steady => first,
            PhaseKind::Ramp => format!("from {first} to {last}"),
            PhaseKind::Step => format!("from {first} to {last} in {} steps", self.pieces.len()),
            PhaseKind::Spike | PhaseKind::Sine => format!("from {first} up to {highest} and down again"),
        };
        let mut words = format!("{load} for {}", show_duration(self.duration));
        // Writing to a string does not fail.
        if self.reads != usual_reads {
            let _ = write!(words, ", {} % reads", rounded_percent(self.reads));
        }
        if let Some(keys) = &self.keys {
            let _ = write!(words, ", {}", keys.in_words());
        }
        if self.shift > Share::NONE {
            let _ = write!(words, ", {} % of the hot keys replaced", rounded_percent(self.shift));
        }
        words
    }
}

fn rounded_percent(share: Share) -> f64 {
    (share.get() * 1e4).round() / 1e2
}

/// How the load runs over all phases that have this unit.
fn pieces(phases: &[LoadPhase], unit: LoadUnit) -> impl Iterator<Item = RatePiece> {
    let of_unit = phases.iter().filter(move |phase| phase.unit == unit);
    of_unit.flat_map(|phase| phase.pieces.iter().copied())
}

/// The rate over all phases; `None` where there are none, or in a closed loop.
#[must_use]
pub fn profile(phases: &[LoadPhase]) -> Option<RateProfile> {
    let pieces: Vec<RatePiece> = pieces(phases, LoadUnit::Rate).collect();
    (!pieces.is_empty()).then(|| RateProfile::new(pieces))
}

/// The clients of a closed loop over all phases.
#[must_use]
pub fn clients(phases: &[LoadPhase]) -> ClientCurve {
    ClientCurve::new(pieces(phases, LoadUnit::Clients))
}

/// Each phase with the moment at which it begins, from the start of measuring.
pub fn starts(phases: &[LoadPhase]) -> impl Iterator<Item = (Duration, &LoadPhase)> {
    phases.iter().scan(Duration::ZERO, |next, phase| {
        let start = *next;
        // Phases without end are refused, after they were read.
        *next = next.saturating_add(phase.duration);
        Some((start, phase))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Mistakes, Settings as _, Table};

    fn pieces(toml: &str) -> (Vec<RatePiece>, Vec<String>) {
        pieces_in(LoadUnit::Rate, toml)
    }

    fn pieces_in(unit: LoadUnit, toml: &str) -> (Vec<RatePiece>, Vec<String>) {
        let mistakes = Mistakes::default();
        let table = Table::parse(toml, &mistakes);
        let reader = Reader::new(&table, "phase[0]", &mistakes);
        let settings = PhaseSettings::read(&reader);
        settings.refuse_settings_of_other_kinds(&reader, unit);
        let pieces = settings.pieces(&reader, unit, 100.0, Some(50.0));
        reader.finish();
        let told = mistakes.into_sorted().into_iter();
        (pieces, told.map(|one| format!("{}: {}", one.key, one.message)).collect())
    }

    #[test]
    fn each_kind_runs_as_its_name_says() {
        let of = |toml: &str| {
            let (pieces, mistakes) = pieces(&format!("duration = \"10s\"\n{toml}"));
            assert_eq!(mistakes, Vec::<String>::new());
            let profile = RateProfile::new(pieces);
            [0.0, 2.5, 5.0, 7.5].map(|at| {
                let at = Duration::from_secs_f64(at);
                profile.mean_rate(at, at + Duration::from_millis(1)).round() as u64
            })
        };
        assert_eq!(of(""), [50; 4], "the usual rate");
        assert_eq!(of("rate_per_second = 7"), [7; 4]);
        assert_eq!(of("kind = \"pause\""), [0; 4]);
        assert_eq!(of("kind = \"ramp\"\nto_per_second = 200"), [100, 125, 150, 175]);
        assert_eq!(of("kind = \"ramp\"\nfrom_per_second = 0\nto_per_second = 200"), [0, 50, 100, 150]);
        assert_eq!(
            of("kind = \"step\"\nsteps = 4\nfrom_per_second = 100\nto_per_second = 400"),
            [100, 200, 300, 400]
        );
        assert_eq!(of("kind = \"spike\"\nrise = \"2500ms\"\nto_per_second = 400"), [100, 400, 300, 200]);
        assert_eq!(of("kind = \"sine\"\nto_per_second = 300"), [100, 200, 300, 200]);
        assert_eq!(of("kind = \"sine\"\nto_per_second = 300\nperiod = \"5s\""), [100, 300, 100, 300]);
    }

    #[test]
    fn clients_run_as_a_rate_does_by_settings_of_their_own() {
        for (of_clients, of_rate) in [
            ("", ""),
            ("clients = 7", "rate_per_second = 7"),
            ("kind = \"pause\"", "kind = \"pause\""),
            ("kind = \"ramp\"\nto_clients = 9", "kind = \"ramp\"\nto_per_second = 9"),
            (
                "kind = \"step\"\nfrom_clients = 0\nto_clients = 9",
                "kind = \"step\"\nfrom_per_second = 0\nto_per_second = 9",
            ),
            ("kind = \"spike\"\nto_clients = 200", "kind = \"spike\"\nto_per_second = 200"),
            ("kind = \"sine\"\nto_clients = 200", "kind = \"sine\"\nto_per_second = 200"),
        ] {
            let of = |unit, toml: &str| pieces_in(unit, &format!("duration = \"10s\"\n{toml}"));
            let (clients, mistakes) = of(LoadUnit::Clients, of_clients);
            assert_eq!((clients, mistakes), (of(LoadUnit::Rate, of_rate).0, Vec::new()), "{of_clients}");
        }
        let (_, told) = pieces_in(LoadUnit::Clients, "duration = \"1s\"\nkind = \"ramp\"\nclients = 3");
        for one in ["clients: means nothing to a phase of kind ramp", "to_clients: is missing"] {
            assert!(told.contains(&format!("phase[0].{one}")), "{told:?}");
        }
        let sine = "duration = \"1s\"\nkind = \"sine\"\nfrom_clients = 9\nto_clients = 3";
        let (_, told) = pieces_in(LoadUnit::Clients, sine);
        assert_eq!(told, ["phase[0].to_clients: 3 is below the 9 from which the sine rises"]);
    }

    #[test]
    fn a_phase_says_its_load_and_all_that_is_its_own() {
        let steady = LoadPhase {
            name: "x".into(),
            kind: PhaseKind::Steady,
            duration: Duration::from_secs(5),
            unit: LoadUnit::Clients,
            pieces: vec![RatePiece { length: Duration::from_secs(5), curve: RateCurve::level(1.0) }],
            reads: Share::ALL,
            keys: None,
            shift: Share::NONE,
            part: None,
        };
        assert_eq!(steady.in_words(Share::ALL), "1 client for 5s");
        let curve = RateCurve::Line { from: 2.0, to: 30.0 };
        let ramp = LoadPhase {
            kind: PhaseKind::Ramp,
            pieces: vec![RatePiece { length: Duration::from_secs(5), curve }],
            keys: Some(Distribution::default()),
            ..steady
        };
        assert_eq!(ramp.in_words(Share::NONE), "from 2 clients to 30 clients for 5s, 100 % reads, Zipf 0.99");
        let rate = LoadPhase { unit: LoadUnit::Rate, keys: None, ..ramp };
        assert_eq!(rate.in_words(Share::ALL), "from 2/s to 30/s for 5s");
    }

    #[test]
    fn a_setting_that_means_nothing_to_the_kind_is_refused_with_the_kinds_that_it_is_for() {
        let (_, mistakes) = pieces("duration = \"1s\"\nkind = \"pause\"\nrate_per_second = 5\nsteps = 3");
        assert_eq!(
            mistakes,
            [
                "phase[0].rate_per_second: means nothing to a phase of kind pause",
                "phase[0].steps: means nothing to a phase of kind pause"
            ]
        );
        let (_, mistakes) = pieces("duration = \"1s\"\nkind = \"ramp\"");
        assert_eq!(mistakes, ["phase[0].to_per_second: is missing"]);
        for kind in ["sine", "spike"] {
            let of = |more: &str| pieces(&format!("duration = \"1s\"\nkind = \"{kind}\"\n{more}")).1;
            let below = format!("phase[0].to_per_second: 9 is below the 100 from which the {kind} rises");
            assert_eq!(of("to_per_second = 9"), [below]);
            assert_eq!(of(""), ["phase[0].to_per_second: is missing"]);
        }
        let (_, mistakes) = pieces("duration = \"1s\"\nkind = \"spike\"\nto_per_second = 900\nrise = \"1s\"");
        assert_eq!(mistakes, ["phase[0].rise: takes the whole phase"]);
    }

    #[test]
    fn steps_without_number_are_refused_before_they_take_the_memory() {
        let toml = "duration = \"10s\"\nkind = \"step\"\nto_per_second = 9\nsteps = 1_000_000_000_000";
        let (pieces, mistakes) = pieces(toml);
        assert_eq!(mistakes, ["phase[0].steps: 1000000000000 are more than 1000"]);
        assert_eq!(pieces.len(), 1_000);
    }

    #[test]
    fn steps_fill_their_phase_exactly_whatever_their_number() {
        for steps in [1, 3, 7, 13] {
            let toml = format!("duration = \"10s\"\nkind = \"step\"\nto_per_second = 9\nsteps = {steps}");
            let (pieces, _) = pieces(&toml);
            assert_eq!(pieces.iter().map(|piece| piece.length).sum::<Duration>(), Duration::from_secs(10));
            assert!((pieces.last().unwrap().curve.highest() - 9.0).abs() < 1e-9);
        }
    }
}
