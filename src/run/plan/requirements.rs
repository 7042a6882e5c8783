//! The table `[requirements]`: what strategies have to reach.

use super::Scenario;
use crate::results::{CRITERIA, OPERATION_CRITERIA, PriceList, Relation, Requirement, Unit, named};
use crate::scenario::{Mistake, Mistakes, Table, Value, ValueKind, suggest};

/// The tables in it that hold requirements for one strategy or topology, by label, or for one kind of operation, by name.
const STRATEGIES: &str = "strategies";
const TOPOLOGIES: &str = "topologies";
const OPERATIONS: &str = "operations";

/// The figures that a higher rate makes larger by itself.
const GROWING: [&str; 4] =
    ["throughput", "database.reads_per_s", "database.writes_per_s", "database.peak_per_s"];

/// Takes the table out of the scenario. `strategies` and `topologies` are the labels that there are.
pub fn take(tree: &mut Table, mistakes: &Mistakes) -> Vec<(Requirement, Value)> {
    let Some(entry) = tree.remove("requirements") else { return Vec::new() };
    let mut found = Vec::new();
    let ValueKind::Table(table) = &entry.value.kind else {
        let message = format!("{} is not a table", entry.value.describe());
        let mistake = Mistake::new(entry.value.place.clone(), "requirements", message);
        mistakes.push(mistake.help("write [requirements] and under it \"read.p99\" = \"<5ms\""));
        return found;
    };
    let names: Vec<&str> = CRITERIA.iter().map(|figure| figure.name).collect();
    let figures = AllowedFigures { parse: &Requirement::parse, names: &names };
    for entry in &table.entries {
        match (&entry.value.kind, entry.key.as_str()) {
            (ValueKind::Table(scoped), OPERATIONS) => {
                let names: Vec<&str> = OPERATION_CRITERIA.iter().map(|figure| figure.name).collect();
                for of in &scoped.entries {
                    let parse =
                        |name: &str, written: &str| Requirement::parse_of_operation(&of.key, name, written);
                    collect(
                        "",
                        &of.value,
                        &AllowedFigures { parse: &parse, names: &names },
                        &mut found,
                        mistakes,
                    );
                }
            }
            (ValueKind::Table(scoped), STRATEGIES | TOPOLOGIES) => {
                for label in &scoped.entries {
                    let from = found.len();
                    collect("", &label.value, &figures, &mut found, mistakes);
                    for (requirement, _) in &mut found[from..] {
                        let scope = if entry.key == STRATEGIES {
                            &mut requirement.strategy
                        } else {
                            &mut requirement.topology
                        };
                        *scope = Some(label.key.clone());
                    }
                }
            }
            _ => collect(&entry.key, &entry.value, &figures, &mut found, mistakes),
        }
    }
    found
}

/// The figures that may be required at a place.
struct AllowedFigures<'a> {
    /// Reads a requirement from the name of a figure and what is written.
    parse: &'a dyn Fn(&str, &str) -> Result<Requirement, String>,
    names: &'a [&'a str],
}

/// A name with a point in it is one key where it is quoted, and a table in a table where it is not.
fn collect(
    name: &str,
    value: &Value,
    figures: &AllowedFigures<'_>,
    found: &mut Vec<(Requirement, Value)>,
    mistakes: &Mistakes,
) {
    let wrong = |message: String, help: Option<String>| {
        let mistake = Mistake::new(value.place.clone(), format!("requirements.{name}"), message);
        mistakes.push(match help {
            Some(help) => mistake.help(help),
            None => mistake,
        });
    };
    match &value.kind {
        ValueKind::Table(table) => {
            for entry in &table.entries {
                let name = if name.is_empty() { entry.key.clone() } else { format!("{name}.{}", entry.key) };
                collect(&name, &entry.value, figures, found, mistakes);
            }
        }
        ValueKind::String(written) => match (figures.parse)(name, written) {
            Ok(requirement) => found.push((requirement, value.clone())),
            Err(message) => {
                let unknown = !figures.names.contains(&name);
                wrong(message, unknown.then(|| suggest(name, figures.names)));
            }
        },
        _ => wrong(
            format!("{} is no requirement", value.describe()),
            Some(format!("write it as a text, such as \"{name}\" = \"<5ms\" or \"=0\"")),
        ),
    }
}

/// Reports requirements for strategies, topologies and kinds of operation that the scenario does not have.
pub fn check_labels(found: &[(Requirement, Value)], scenario: &Scenario, mistakes: &Mistakes) {
    let strategies: Vec<&str> = scenario.strategies.iter().map(|one| one.label.as_str()).collect();
    let topologies: Vec<&str> = scenario.topologies.iter().map(|one| one.label.as_str()).collect();
    let operations: Vec<&str> = scenario.application.spec.operations().iter().map(|kind| kind.name).collect();
    for (requirement, value) in found {
        let scopes = [
            ("strategy", &requirement.strategy, &strategies),
            ("topology", &requirement.topology, &topologies),
            ("kind of operation", &requirement.operation, &operations),
        ];
        for (what, label, known) in scopes {
            let Some(label) = label.as_deref().filter(|label| !known.contains(label)) else { continue };
            let message = format!("the scenario has no {what} \"{label}\"");
            let mistake =
                Mistake::new(value.place.clone(), format!("requirements.{}", requirement.criterion), message);
            mistakes.push(mistake.help(suggest(label, known)));
        }
    }
}

/// Reports requirements on the cost where nothing has a price.
pub fn check_prices(found: &[(Requirement, Value)], prices: Option<&PriceList>, mistakes: &Mistakes) {
    let asks_for_cost = |one: &Requirement| named(&one.criterion).is_some_and(|of| of.unit == Unit::Money);
    for (requirement, value) in found.iter().filter(|(one, _)| prices.is_none() && asks_for_cost(one)) {
        let key = format!("requirements.{}", requirement.criterion);
        let mistake =
            Mistake::new(value.place.clone(), key, "no price is given that a cost could be made of");
        mistakes.push(mistake.help("give one in [cost], such as cache_gib_hour = 0.02"));
    }
}

/// Reports requirements that grow with the rate where a search looks for the highest: it would begin below them and go down.
pub fn check_search(found: &[(Requirement, Value)], scenario: &Scenario, mistakes: &Mistakes) {
    let grows = |one: &Requirement| {
        let is_least = match one.relation {
            Relation::Less | Relation::AtMost => false,
            Relation::Equal | Relation::AtLeast | Relation::More => true,
        };
        is_least && GROWING.contains(&one.criterion.as_str())
    };
    for (requirement, value) in found.iter().filter(|(one, _)| scenario.search.is_some() && grows(one)) {
        let Requirement { criterion, written, .. } = requirement;
        let message = format!(
            "\"{written}\" is missed at every rate that is too low for it, so that [search] ends at none"
        );
        let mistake = Mistake::new(value.place.clone(), format!("requirements.{criterion}"), message);
        mistakes.push(mistake.help("leave it out: the search says how high the rate can be"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanOptions};

    fn plan(text: &str) -> Result<Plan, String> {
        let text =
            format!("strategies = [\"cache-aside\", \"no-cache\"]\ntopologies = [\"embedded\"]\n{text}");
        Plan::parse("test", "test.toml", &text, &PlanOptions::default()).map_err(|error| match error {
            crate::run::plan::PlanError::Invalid(invalid) => {
                let told =
                    invalid.mistakes.iter().map(|mistake| format!("{} {:?}", mistake.message, mistake.help));
                told.collect::<Vec<_>>().join("\n")
            }
            unreadable @ crate::run::plan::PlanError::Unreadable { .. } => unreadable.to_string(),
        })
    }

    #[test]
    fn requirements_are_for_all_or_for_one_strategy_or_topology() {
        let plan = plan(
            "[requirements]\n\"read.p99\" = \"<5ms\"\nwrite.p99 = \"<9ms\"\nlost = \"=0\"\n\
             [requirements.strategies.cache-aside]\nhit_rate = \">50%\"\n[requirements.topologies.embedded]\nfailed = \"=0\"\n",
        )
        .unwrap();
        let of: Vec<(&str, Option<&str>, Option<&str>)> = plan
            .requirements
            .iter()
            .map(|one| (one.criterion.as_str(), one.strategy.as_deref(), one.topology.as_deref()))
            .collect();
        assert_eq!(
            of,
            [
                ("read.p99", None, None),
                ("write.p99", None, None),
                ("lost", None, None),
                ("hit_rate", Some("cache-aside"), None),
                ("failed", None, Some("embedded")),
            ]
        );
    }

    #[test]
    fn a_kind_of_operation_has_requirements_of_its_own() {
        let shop = "application = \"ecommerce\"\n";
        let required = "[requirements.operations.category_page]\np99 = \"<50ms\"\nfailed = \"=0\"\n";
        let of: Vec<(String, Option<String>)> = plan(&format!("{shop}{required}"))
            .unwrap()
            .requirements
            .into_iter()
            .map(|one| (one.criterion, one.operation))
            .collect();
        let page = || Some("category_page".to_owned());
        assert_eq!(of, [("p99".to_owned(), page()), ("failed".to_owned(), page())]);
        let told = plan(&format!("{shop}[requirements.operations.category]\np99 = \"<50ms\"\n")).unwrap_err();
        assert!(
            told.contains("no kind of operation \"category\"") && told.contains("category_page"),
            "{told}"
        );
        let told =
            plan(&format!("{shop}[requirements.operations.category_page]\nlost = \"=0\"\n")).unwrap_err();
        assert!(told.contains("one kind of operation has no figure \"lost\""), "{told}");
    }

    #[test]
    fn a_requirement_that_only_a_high_rate_meets_is_refused_in_a_search() {
        for name in GROWING {
            assert!(named(name).is_some(), "{name}");
        }
        let search = "[search]\nfrom_per_second = 1000\n[requirements]\n";
        let told = plan(&format!("{search}throughput = \">=3000\"\n")).unwrap_err();
        assert!(told.contains("is missed at every rate that is too low for it"), "{told}");
        let told =
            plan(&format!("{search}[requirements.operations.read]\nthroughput = \">=500\"\n")).unwrap_err();
        assert!(told.contains("is missed at every rate that is too low for it"), "{told}");
        for fine in ["throughput = \"<3000\"\n", "hit_rate = \">50%\"\n"] {
            plan(&format!("{search}{fine}")).unwrap();
        }
        plan("[requirements]\nthroughput = \">=3000\"\n").unwrap();
    }

    #[test]
    fn unknown_names_and_labels_are_refused_with_the_nearest() {
        let told = plan("[requirements]\n\"read.p98\" = \"<5ms\"\n").unwrap_err();
        assert!(told.contains("there is no figure \"read.p98\"") && told.contains("read.p99"), "{told}");
        let told = plan("[requirements.strategies.cache-asid]\nlost = \"=0\"\n").unwrap_err();
        assert!(told.contains("no strategy \"cache-asid\"") && told.contains("cache-aside"), "{told}");
        let told = plan("[requirements]\nlost = 0\n").unwrap_err();
        assert!(told.contains("is no requirement"), "{told}");
    }
}
