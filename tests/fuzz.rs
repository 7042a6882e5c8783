//! Whatever stands in a scenario file, it is a plan or a list of mistakes, each with its place: never a panic, never a
//! wait. `PROPTEST_CASES=100000 cargo test --test fuzz` tries as many.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

use hotset::commands::check::describe;
use hotset::run::plan::{Plan, PlanError, PlanOptions};
use proptest::prelude::*;

/// Longer than any scenario of a few kilobytes may take to be read, on a machine that is busy.
const LONGEST: Duration = Duration::from_secs(10);

/// The scenarios that are shipped.
fn examples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Something that a scenario may have anywhere, right or wrong.
const PIECES: [&str; 48] = [
    "0",
    "-1",
    "1",
    "1e308",
    "-1e-308",
    "nan",
    "inf",
    "9223372036854775807",
    "-9223372036854775808",
    "0.5",
    "1_000",
    "true",
    "\"\"",
    "\"1us\"",
    "\"0s\"",
    "\"24h\"",
    "\"1e9s\"",
    "\"100%\"",
    "\"0%\"",
    "\"-5%\"",
    "\"8KiB\"",
    "\"99999999999GiB\"",
    "\"${HOME}\"",
    "\"${\"",
    "\"redis://a:b@[::1\"",
    "\"redis+unix:///x\"",
    "\"mongodb://\"",
    "\"\\u001b[31m\"",
    "\"旁路\"",
    "\"é\u{301}\"",
    "[]",
    "[[]]",
    "[1, \"a\"]",
    "{}",
    "{ name = 1 }",
    "{ name = \"zipf\" }",
    "1979-05-27T07:32:00Z",
    "[sweep]\n\"workload.reads\" = [0, 1]\n",
    "[[fault]]\n",
    "[run]\n",
    "= ",
    "\"",
    "'''",
    "#",
    "\n",
    ".",
    "cache.capacity = \"1\"\n",
    "a = 1\n",
];

/// One way to spoil a text. Places are shares of its length, so that they fall anywhere.
#[derive(Debug, Clone)]
enum Spoiling {
    /// Puts a piece where a value or anything else begins.
    Piece { at: f64, piece: &'static str },
    /// The value of a line becomes a piece.
    Value { at: f64, piece: &'static str },
    /// A line is gone.
    WithoutLine { at: f64 },
    /// A line stands there twice.
    Twice { at: f64 },
    /// All that follows is gone.
    CutOff { at: f64 },
    /// A few characters are others.
    Other { at: f64, with: String },
}

fn spoiling() -> impl Strategy<Value = Spoiling> {
    let at = || 0.0..1.0_f64;
    prop_oneof![
        2 => (at(), prop::sample::select(&PIECES[..])).prop_map(|(at, piece)| Spoiling::Piece { at, piece }),
        6 => (at(), prop::sample::select(&PIECES[..])).prop_map(|(at, piece)| Spoiling::Value { at, piece }),
        2 => at().prop_map(|at| Spoiling::WithoutLine { at }),
        2 => at().prop_map(|at| Spoiling::Twice { at }),
        1 => at().prop_map(|at| Spoiling::CutOff { at }),
        2 => (at(), any::<String>()).prop_map(|(at, with)| Spoiling::Other { at, with }),
    ]
}

impl Spoiling {
    fn of(&self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let line = |at: f64| ((at * lines.len() as f64) as usize).min(lines.len().saturating_sub(1));
        let place = |at: f64| text.floor_char_boundary((at * text.len() as f64) as usize);
        let replaced = |at: f64, with: &dyn Fn(&str) -> Vec<String>| {
            let mut all: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            if !all.is_empty() {
                let at = line(at);
                let instead = with(&all[at]);
                all.splice(at..=at, instead);
            }
            all.join("\n")
        };
        match self {
            Self::Piece { at, piece } => format!("{}{piece}{}", &text[..place(*at)], &text[place(*at)..]),
            Self::Value { at, piece } => replaced(*at, &|line| {
                let key = line.split('=').next().unwrap_or_default();
                vec![format!("{key}= {piece}")]
            }),
            Self::WithoutLine { at } => replaced(*at, &|_| Vec::new()),
            Self::Twice { at } => replaced(*at, &|line| vec![line.to_owned(); 2]),
            Self::CutOff { at } => text[..place(*at)].to_owned(),
            Self::Other { at, with } => {
                let after = text.ceil_char_boundary((place(*at) + with.len()).min(text.len()));
                format!("{}{with}{}", &text[..place(*at)], &text[after..])
            }
        }
    }
}

/// Reads the text as `hotset check` does and shows what comes of it.
fn is_read(text: &str) -> Result<(), TestCaseError> {
    let begun = Instant::now();
    match Plan::parse("fuzz", "fuzz.toml", text, &PlanOptions::default()) {
        Ok(plan) => prop_assert!(describe(&plan).contains("fuzz.toml is valid"), "no plan of:\n{text}"),
        Err(PlanError::Invalid(invalid)) => {
            prop_assert!(!invalid.mistakes.is_empty(), "refused without a reason:\n{text}");
            for (mistake, report) in invalid.mistakes.iter().zip(invalid.reports()) {
                prop_assert!(!mistake.message.is_empty() && invalid.line(mistake).is_some(), "{mistake:?}");
                prop_assert!(format!("{report:?}").contains("fuzz.toml:"), "without a place: {mistake:?}");
            }
        }
        Err(other) => prop_assert!(false, "{other}:\n{text}"),
    }
    prop_assert!(begun.elapsed() < LONGEST, "took {:?}:\n{text}", begun.elapsed());
    Ok(())
}

/// As many as are quick, unless more are asked for.
fn cases() -> ProptestConfig {
    let asked = env::var("PROPTEST_CASES").is_ok();
    let cases = if asked { ProptestConfig::default().cases } else { 2_000 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_shipped_scenario_with_mistakes_in_it_is_a_plan_or_a_list_of_them(
        example in prop::sample::select(examples()),
        all in prop::collection::vec(spoiling(), 1..5),
    ) {
        let text = all.iter().fold(example, |text, spoiling| spoiling.of(&text));
        is_read(&text)?;
    }

    #[test]
    fn any_text_at_all_is_a_plan_or_a_list_of_mistakes(text in any::<String>()) {
        is_read(&text)?;
    }
}
