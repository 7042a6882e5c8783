//! One `[[fault]]` of a scenario: what is broken when, for how long and where.

use std::num::NonZeroU64;
use std::time::Duration;

use super::kinds::{FaultRow, FaultSpec, REGISTRY};
use super::nature::{Lasts, Nature, Part};
use super::{Effects, Surroundings};
use crate::scenario::{Positive, Reader, Setting, Value, ValueKind, suggest};
use crate::topology::Target;

/// One `[[fault]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduledFault {
    /// When, from the start of measuring.
    pub at: Duration,
    /// For how long; a killed node without it stays dead.
    pub lasts: Option<Positive>,
    /// The target that it hits.
    pub target: Target,
    /// The kind of fault, with its settings.
    pub spec: FaultSpec,
}

/// The name of a kind, as a scenario writes it.
struct Name(&'static FaultRow);

impl Setting for Name {
    fn expects() -> String {
        let words: Vec<String> = REGISTRY.iter().map(|row| format!("\"{}\"", row.name)).collect();
        words.join(" or ")
    }

    fn read(value: &Value) -> Result<Self, Option<String>> {
        let ValueKind::String(name) = &value.kind else { return Err(None) };
        let row = REGISTRY.iter().find(|row| row.name == name.as_str());
        row.map(Self).ok_or_else(|| {
            let names: Vec<&str> = REGISTRY.iter().map(|row| row.name).collect();
            Some(format!("\"{name}\" is not known; {}", suggest(name, &names)))
        })
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0.name)
    }
}

impl ScheduledFault {
    /// Reads one table; what is wrong goes to the reader's mistakes.
    #[must_use]
    pub fn read(reader: &Reader<'_>, instances: NonZeroU64) -> Self {
        let Name(row) = reader.get("kind", Name(&REGISTRY[0]));
        if reader.raw("kind").is_none() {
            reader.wrong("kind", "is missing", Some(format!("give {}", Name::expects())));
        }
        let fault = Self {
            at: reader.get("at", Duration::ZERO),
            lasts: read_lasts(reader, row),
            target: reader.get("target", row.nature.aim.default_target()),
            spec: (row.read)(reader),
        };
        refuse_settings_of_others(reader, row);
        fault.check_target(reader, row, instances);
        fault
    }

    /// Returns the name of its kind.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.spec.name()
    }

    /// Returns what its kind is.
    #[must_use]
    pub fn nature(&self) -> Nature {
        self.spec.nature()
    }

    /// Returns how long it lasts: no time at all where there is nothing to mend.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.lasts.map_or(Duration::ZERO, |lasts| lasts.0)
    }

    /// Returns when it is over, from the start of measuring; `None` where it stays for good.
    #[must_use]
    pub fn over(&self) -> Option<Duration> {
        let stays = self.lasts.is_none() && self.nature().lasts == Lasts::ForGood;
        (!stays).then(|| self.at + self.lasts())
    }

    /// Returns true if a cell notices it: a strategy without a cache notices nothing of what happens to one.
    #[must_use]
    pub fn hits(&self, on: &Surroundings<'_>) -> bool {
        match self.nature().part {
            Part::Cache => on.uses_cache,
            Part::Database | Part::Link | Part::Application => true,
        }
    }

    /// Checks that it makes sense on a topology.
    ///
    /// # Errors
    /// Says what the topology lacks, or that hotset may not touch it.
    pub fn check(&self, on: &Surroundings<'_>) -> Result<(), String> {
        if self.hits(on) { self.spec.check(self.target, on) } else { Ok(()) }
    }

    /// Returns what it takes from promises.
    #[must_use]
    pub fn effects(&self, on: &Surroundings<'_>) -> Effects {
        self.spec.effects(self.target, on)
    }

    fn check_target(&self, reader: &Reader<'_>, row: &FaultRow, instances: NonZeroU64) {
        let Some(targets) = row.nature.aim.expects() else {
            if reader.raw("target").is_some() {
                let message = format!("means nothing to {}", row.name);
                reader.wrong("target", message, Some("leave it out".into()));
            }
            return;
        };
        if !row.nature.aim.allows(self.target) {
            let message = format!("{} is nothing for {}", self.target.show(), row.name);
            reader.wrong("target", message, Some(format!("write {targets}")));
        }
        if let Target::Instance(number) = self.target
            && number >= instances.get()
        {
            let help = format!("the instances are 0 to {}; see workload.instances", instances.get() - 1);
            reader.wrong("target", format!("there is no instance {number}"), Some(help));
        }
    }
}

fn read_lasts(reader: &Reader<'_>, row: &FaultRow) -> Option<Positive> {
    let is_given = reader.raw("for").is_some();
    let otherwise = match row.nature.lasts {
        Lasts::AtOnce => {
            if is_given {
                let message = format!("means nothing to {}", row.name);
                reader.wrong("for", message, Some("leave it out".into()));
            }
            return None;
        }
        Lasts::For(usual) => usual,
        Lasts::ForGood if !is_given => return None,
        Lasts::ForGood => Positive::seconds(1),
    };
    Some(reader.get("for", otherwise))
}

/// Refuses the settings that only other kinds have, and names the first that has them.
fn refuse_settings_of_others(reader: &Reader<'_>, row: &FaultRow) {
    let own = (row.docs)();
    for other in REGISTRY {
        for setting in (other.docs)() {
            let is_known = own.iter().any(|own| own.key == setting.key);
            let is_first = first_with(setting.key) == Some(other.name);
            if !is_known && is_first && reader.raw(setting.key).is_some() {
                let help = format!("leave it out, or write kind = \"{}\"", other.name);
                reader.wrong(setting.key, format!("means nothing to {}", row.name), Some(help));
            }
        }
    }
}

/// Returns the first kind that has a setting.
fn first_with(key: &str) -> Option<&'static str> {
    let has_it = |row: &&FaultRow| (row.docs)().iter().any(|setting| setting.key == key);
    REGISTRY.iter().find(has_it).map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fault::testing::{Ground, fault, read};

    #[test]
    fn every_kind_is_read_by_its_name_with_the_target_and_the_time_that_it_has_by_default() {
        for row in REGISTRY {
            let fault = fault(&format!("kind = \"{}\"", row.name));
            assert_eq!(fault.name(), row.name);
            assert_eq!(fault.target, row.nature.aim.default_target(), "{}", row.name);
            assert_eq!(fault.lasts.is_some(), matches!(row.nature.lasts, Lasts::For(_)), "{}", row.name);
        }
    }

    #[test]
    fn a_kind_that_is_missing_or_unknown_is_told_with_those_that_there_are() {
        assert!(read("at = \"1s\"").1[0].starts_with("kind: is missing; give \"stop-cache\" or "));
        let (_, unknown) = read("kind = \"flsh\"");
        assert!(unknown[0].contains("\"flsh\" is not known; did you mean \"flush\"?"), "{unknown:?}");
    }

    #[test]
    fn a_setting_of_other_kinds_is_refused_with_the_first_that_has_it() {
        for (setting, kind) in [
            ("delay = \"1s\"", "slow-database"),
            ("jitter = \"1s\"", "slow"),
            ("rate = \"1MiB\"", "throttle"),
        ] {
            let (_, mistakes) = read(&format!("kind = \"flush\"\n{setting}"));
            let key = &setting[..setting.find(' ').unwrap()];
            let said = format!("{key}: means nothing to flush; leave it out, or write kind = \"{kind}\"");
            assert_eq!(mistakes, [said]);
        }
        assert_eq!(read("kind = \"slow\"\ndelay = \"1s\"\njitter = \"1s\"").1, Vec::<String>::new());
    }

    #[test]
    fn a_target_that_the_kind_cannot_hit_is_refused_with_those_that_it_can() {
        let (_, fixed) = read("kind = \"flush\"\ntarget = \"cache\"");
        assert_eq!(fixed, ["target: means nothing to flush; leave it out"]);
        let (_, other) = read("kind = \"failover\"\ntarget = \"sentinel0\"");
        assert_eq!(other, ["target: \"sentinel0\" is nothing for failover; write \"shard0\""]);
    }

    #[test]
    fn a_strategy_without_a_cache_notices_only_what_happens_elsewhere() {
        let without = Ground { uses_cache: false, ..Ground::new("embedded", "") };
        assert_eq!(without.refuses("kind = \"stop-cache\""), "");
        assert_ne!(without.refuses("kind = \"stop-database\""), "");
    }
}
