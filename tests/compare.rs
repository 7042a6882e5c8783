//! Runs compared, over made-up ones whose differences are known.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use hotset::report::compare::{
    CompareError, Comparison, RunToCompare, Unlike, compare, markdown, page, terminal,
};
use hotset::report::judge::{Finding, Pairing};
use hotset::results::{
    Answers, CellResults, Machine, OfferedStream, Results, ResultsDir, RunInfo, Status, SummaryRow, Times,
    Verdict,
};
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution as _, Normal};
use support::Place;

const STRATEGIES: [&str; 3] = ["no-cache", "cache-aside", "write-behind"];
const TOPOLOGIES: [&str; 2] = ["single", "cluster"];

/// The material of a made-up run.
#[derive(Clone)]
struct MadeUp {
    seed: u64,
    repeats: u32,
    database_us: f64,
    stream: &'static str,
    settings: &'static str,
    lost: u64,
}

const SETTINGS: &str =
    "[dataset]\nkeys = 20000\n\n[cache]\nttl = \"1h\"\n\n[run]\nduration = \"30s\"\nrepeats = 5";

const fn made_up(seed: u64) -> MadeUp {
    MadeUp { seed, repeats: 5, database_us: 1_200.0, stream: "d", settings: SETTINGS, lost: 0 }
}

impl MadeUp {
    fn rows(&self) -> Vec<SummaryRow> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let noise = Normal::new(1.0, 0.01).unwrap();
        let mut rows = Vec::new();
        for repeat in 1..=self.repeats {
            for topology in TOPOLOGIES {
                for strategy in STRATEGIES {
                    rows.push(self.row(strategy, topology, repeat, &mut || noise.sample(&mut random)));
                }
            }
        }
        rows
    }

    /// Without a cache every read waits for the database, with one only the slowest; what writes behind waits for neither.
    fn row(&self, strategy: &str, topology: &str, repeat: u32, noise: &mut dyn FnMut() -> f64) -> SummaryRow {
        let (cache, database) = (250.0, self.database_us);
        let (p50, p99, write) = match strategy {
            "no-cache" => (database, 3.0 * database, 3.0 * database),
            "cache-aside" => (cache, 2.0 * database, 3.0 * database),
            _ => (cache, 4.0 * cache, 4.0 * cache),
        };
        let has_cache = strategy != "no-cache";
        let times = |p50: f64, p99: f64| Times { p50_us: Some(p50), p99_us: Some(p99), ..Times::default() };
        let mut row = SummaryRow {
            cell: format!("r{repeat}-{strategy}-{topology}"),
            position: 1,
            repeat,
            block: repeat,
            strategy: strategy.into(),
            strategy_name: strategy.into(),
            topology: topology.into(),
            measured_s: 30.0,
            achieved_per_s: 1_500.0 * noise(),
            operations: 45_000,
            read_response: times(p50 * noise(), p99 * noise()),
            write_response: times(cache, write * noise()),
            stream: OfferedStream { stream_digest: format!("{}{repeat}", self.stream), ..Default::default() },
            ..SummaryRow::default()
        };
        row.answers = if has_cache {
            let hits = (40_000.0 * noise()) as u64;
            let hit_rate = Some(hits as f64 / 45_000.0);
            Answers { hits, misses: 45_000 - hits, hit_rate, ..Answers::default() }
        } else {
            Answers::default()
        };
        row.calls.db_reads = if has_cache { row.answers.misses } else { row.operations };
        row.calls_per_op.db_reads_per_op = Some(row.calls.db_reads as f64 / row.operations as f64);
        row.judgement.verdict = Some(Verdict::Kept);
        row.at_end.lost_writes = Some(if strategy == "write-behind" { self.lost } else { 0 });
        row
    }

    fn info(&self) -> RunInfo {
        RunInfo {
            name: "made-up".into(),
            version: "0.1.0".into(),
            commit: Some("0123abc".into()),
            started_utc: "2026-11-22T21:05:09Z".into(),
            scenario_path: "scenarios/made-up.toml".into(),
            settings: self.settings.into(),
            machine: Machine {
                cores: 8,
                memory_bytes: 16 << 30,
                cpu_model: "Made-up".into(),
                kernel: "6.1".into(),
            },
            ..RunInfo::default()
        }
    }

    /// The run as it would be read from its folder.
    fn run(&self, source: &str) -> RunToCompare {
        let results = Results {
            path: PathBuf::from("nowhere"),
            run: self.info(),
            summary: self.rows(),
            ..Results::default()
        };
        RunToCompare { source: source.into(), results }
    }

    /// Writes the run below a folder and returns where it is.
    fn write(&self, out: &Path) -> PathBuf {
        let started = "2026-11-22T21:05:09Z".parse().unwrap();
        let mut dir = ResultsDir::create(out, "made-up", started, &[]).unwrap();
        dir.write_run_info(&self.info()).unwrap();
        for summary in self.rows() {
            dir.append_cell(&CellResults { summary, ..CellResults::default() }).unwrap();
        }
        dir.path().to_owned()
    }
}

fn compared(before: &MadeUp, after: &MadeUp) -> Comparison {
    compare(&[before.run("old"), after.run("new")], Unlike::Refuse).unwrap()
}

/// The figures of a finding, as `strategy on topology: figure`.
fn found(comparison: &Comparison, finding: Finding) -> Vec<String> {
    let rows = comparison.changes.iter().flat_map(|change| &change.rows);
    let name = |row: &str, figure: &str| format!("{row}: {figure}");
    rows.flat_map(|row| {
        let figures = row.figures.iter().filter(|figure| figure.finding == finding);
        figures.map(|figure| name(&row.name, figure.figure.name)).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn a_run_compared_with_itself_shows_no_difference() {
    let comparison = compared(&made_up(1), &made_up(1));
    let figures = comparison.changes[0].rows.iter().flat_map(|row| &row.figures);
    assert!(figures.clone().count() > 40);
    assert!(figures.clone().all(|figure| figure.finding == Finding::NotShown));
    assert!(comparison.regressions(0.0).is_empty());
}

#[test]
fn a_database_that_is_a_fifth_slower_is_found_where_it_is_waited_for_and_nowhere_else() {
    let slower = MadeUp { database_us: 1_440.0, ..made_up(2) };
    let comparison = compared(&made_up(1), &slower);
    let expected: Vec<String> = TOPOLOGIES
        .iter()
        .rev()
        .flat_map(|topology| {
            [
                format!("no-cache on {topology}: read.p50"),
                format!("no-cache on {topology}: read.p99"),
                format!("no-cache on {topology}: write.p99"),
                format!("cache-aside on {topology}: read.p99"),
                format!("cache-aside on {topology}: write.p99"),
            ]
        })
        .collect();
    assert_eq!(found(&comparison, Finding::Worse), expected);
    assert_eq!(found(&comparison, Finding::Better), Vec::<String>::new());
    assert_eq!(comparison.regressions(0.1).len(), expected.len());
    assert!(comparison.regressions(0.3).is_empty(), "a fifth is less than three tenths");
    assert_eq!(found(&compared(&slower, &made_up(1)), Finding::Better), expected);
}

#[test]
fn two_runs_of_the_same_differ_in_one_of_twenty_comparisons_at_the_most() {
    const COMPARISONS: u64 = 400;
    let differs = |seed: u64| {
        let comparison = compared(&made_up(2 * seed), &made_up(2 * seed + 1));
        let rows = comparison.changes[0].rows.iter();
        rows.flat_map(|row| &row.figures).any(|figure| figure.finding != Finding::NotShown)
    };
    let alarms = (1..=COMPARISONS).filter(|seed| differs(*seed)).count();
    assert!(alarms <= COMPARISONS as usize / 20, "{alarms} of {COMPARISONS}");
}

#[test]
fn lost_writes_where_there_were_none_are_worse_even_with_one_repeat() {
    let once = |lost| MadeUp { repeats: 1, lost, ..made_up(1) };
    let comparison = compared(&once(0), &once(3));
    let expected = ["write-behind on cluster: lost", "write-behind on single: lost"];
    assert_eq!(found(&comparison, Finding::Worse), expected);
    assert_eq!(comparison.regressions(1.0).len(), 2, "from none to some is more than any share");
}

#[test]
fn two_repeats_are_said_to_be_too_few_with_the_command_that_would_tell() {
    let few = MadeUp { repeats: 2, database_us: 5_000.0, ..made_up(2) };
    let comparison = compared(&made_up(1), &few);
    assert!(comparison.changes[0].counts().too_few > 20);
    let text = terminal::text(&comparison, 200);
    assert!(text.contains("not enough repeats to tell"), "{text}");
    assert!(text.contains("`hotset scenarios/made-up.toml --repeats 5` in place of B would"), "{text}");
}

#[test]
fn runs_that_were_asked_for_other_things_are_refused_or_say_so_first() {
    let other = MadeUp { stream: "other", settings: "[dataset]\nkeys = 30000", ..made_up(2) };
    let runs = [made_up(1).run("old"), other.run("new")];
    let Err(CompareError::Unlike { what, .. }) = compare(&runs, Unlike::Refuse) else {
        panic!("runs of other operations were compared")
    };
    assert_eq!(
        what,
        [
            "stream digest of 30 of 30 runs, such as r1-no-cache-single: d1 in A, other1 in B",
            "dataset.keys: 20000 in A, 30000 in B",
            "run.duration: \"30s\" in A, nothing in B",
        ]
    );
    let comparison = compare(&runs, Unlike::CompareAnyway).unwrap();
    assert_eq!(comparison.changes[0].rows[0].pairing, Pairing::Unpaired(5, 5));
    let begins = |text: &str, first: &str| {
        let at = text.find("were not asked for the same").unwrap_or_else(|| panic!("{text}"));
        assert!(at < text.find(first).unwrap(), "{text}");
    };
    begins(&terminal::text(&comparison, 100), "no-cache");
    begins(&markdown::text(&comparison), "no-cache");
    begins(&page::page(&comparison), "<table");
}

#[test]
fn what_is_swept_need_not_be_the_same_setting() {
    let swept = |settings| {
        let mut run = MadeUp { settings, ..made_up(1) }.run("run");
        run.results.summary.iter_mut().for_each(|row| row.swept = "dataset.keys=20000".into());
        run
    };
    let runs = [swept(SETTINGS), swept("[dataset]\nkeys = 1\n[run]\nduration = \"30s\"")];
    assert!(compare(&runs, Unlike::Refuse).is_ok());
}

/// Two runs that differ in everything that an output shows.
fn eventful() -> Comparison {
    let settings = "[dataset]\nkeys = 20000\n[cache]\nttl = \"1m\"\n[run]\nduration = \"30s\"";
    let mut before = made_up(1).run("results/made-up/2026-11-22T21-05-09Z");
    let after = MadeUp { database_us: 1_440.0, settings, lost: 2, ..made_up(2) };
    let mut after = after.run("results/made-up/2026-11-23T08-00-00Z");
    before.results.summary.retain(|row| row.topology == "single");
    after.results.summary.retain(|row| row.topology == "single");
    let rename = |row: &mut SummaryRow, from: &str, to: &str| {
        if row.strategy == from {
            row.strategy = to.into();
        }
    };
    let one = |strategy: &str, status: Status, reason: &str| SummaryRow {
        cell: format!("r1-{strategy}"),
        status,
        reason: reason.into(),
        strategy: strategy.into(),
        ..made_up(1).rows()[0].clone()
    };
    after.results.summary.iter_mut().for_each(|row| rename(row, "cache-aside", "a|b <i> 缓存"));
    before.results.summary.iter_mut().for_each(|row| rename(row, "cache-aside", "a|b <i> 缓存"));
    before.results.summary.push(one("lease", Status::Ok, ""));
    after.results.summary.push(one("lease", Status::Failed, "the cache server ended with code 1"));
    before.results.summary.push(one("read-through", Status::Ok, ""));
    after.results.summary.push(one("write-around", Status::Ok, ""));
    after.results.summary[0].status = Status::Disturbed;
    compare(&[before, after], Unlike::Refuse).unwrap()
}

#[test]
fn the_terminal_shows_every_figure_and_ends_with_what_became_of_them() {
    insta::assert_snapshot!(terminal::text(&eventful(), 100));
}

#[test]
fn the_markdown_shows_what_differs_and_folds_the_rest() {
    insta::assert_snapshot!(markdown::text(&eventful()));
}

#[test]
fn the_page_needs_nothing_else_and_shows_labels_as_they_are() {
    let page = page::page(&eventful());
    assert!(page.contains("a|b &lt;i&gt; 缓存 on single"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://") && page.ends_with("</html>"), "{page}");
    assert!(page.contains("worse: lease on single: could not be run: the cache server ended with code 1"));
}

#[test]
fn a_strategy_that_cannot_be_run_any_more_is_a_regression() {
    let regressions = eventful().regressions(1.0);
    let told = "B, lease on single: could not be run: the cache server ended with code 1";
    assert!(regressions.iter().any(|one| one == told), "{regressions:?}");
}

/// The regressions of a run against one of the same figures in which rows were changed.
fn regressions(change: impl Fn(&mut Vec<SummaryRow>)) -> Vec<String> {
    let (before, mut after) = (made_up(1).run("old"), made_up(1).run("new"));
    change(&mut after.results.summary);
    compare(&[before, after], Unlike::Refuse).unwrap().regressions(1.0)
}

#[test]
fn a_strategy_that_was_not_run_any_more_is_a_regression() {
    let found = regressions(|rows| rows.retain(|row| row.strategy != "cache-aside"));
    assert_eq!(found, ["B did not run cache-aside on cluster", "B did not run cache-aside on single"]);
}

#[test]
fn runs_that_fail_now_are_a_regression_though_the_others_are_as_good_as_before() {
    let found = regressions(|rows| {
        let of = |row: &&mut SummaryRow| row.strategy == "cache-aside" && row.topology == "single";
        for row in rows.iter_mut().filter(of).take(4) {
            row.status = Status::Failed;
            row.reason = "the database did not answer".into();
        }
    });
    let told = "B, cache-aside on single: 4 of 5 runs failed, and 0 of 5 in A: the database did not answer";
    assert_eq!(found, [told]);
}

#[test]
fn a_guarantee_that_held_and_is_broken_now_is_a_regression_but_of_a_control() {
    let broken = |strategy: &str, control: Option<&str>, rows: &mut Vec<SummaryRow>| {
        for row in rows.iter_mut().filter(|row| row.strategy == strategy && row.topology == "single") {
            row.judgement.verdict = Some(Verdict::Broken);
            row.judgement.verdict_reason = "2 reads lacked an acknowledged write".into();
            row.control = control.map(str::to_owned);
        }
    };
    let found = regressions(|rows| {
        broken("cache-aside", None, rows);
        broken("write-behind", Some("on_write = ignore"), rows);
    });
    let told = "its guarantee was held in A and is broken: 2 reads lacked an acknowledged write";
    assert_eq!(found, [format!("B, cache-aside on single: {told}")]);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_regression_beyond_what_is_allowed_ends_with_exit_code_1() {
    let place = Place::new();
    let old = made_up(1).write(&place.path().join("old"));
    let new = MadeUp { database_us: 1_440.0, ..made_up(2) }.write(&place.path().join("new"));
    let (old, new) = (path(&old), path(&new));
    place.succeeds(&["compare", old, new]);
    place.succeeds(&["compare", old, new, "--fail-on-regression", "50%"]);
    place.succeeds(&["compare", new, old, "--fail-on-regression", "5%"]);
    let said = place.fails(1, &["compare", old, new, "--fail-on-regression", "5%", "--format", "markdown"]);
    assert!(said.starts_with("error: worse by more than 5 %:\n"), "{said}");
    assert!(said.contains("B, no-cache on single: read p50 1.2"), "{said}");
    let said = place.fails(2, &["compare", old, new, "--fail-on-regression", "5"]);
    assert!(said.contains("give a percentage, as 5%"), "{said}");
    let said = place.fails(2, &["compare", old]);
    assert!(said.contains("name a second directory, or --baseline NAME"), "{said}");
    let other = MadeUp { stream: "other", ..made_up(1) }.write(&place.path().join("other"));
    let said = place.fails(2, &["compare", old, path(&other)]);
    assert!(said.contains("stream digest of 30 of 30 runs") && said.contains("--anyway"), "{said}");
    let page = place.succeeds(&["compare", old, path(&other), "--anyway", "--format", "html"]).stdout;
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
}

#[test]
fn a_baseline_is_kept_listed_compared_with_and_replaced_only_when_that_is_asked_for() {
    let place = Place::new();
    assert!(place.succeeds(&["baseline", "list"]).stderr.contains("hotset baseline save NAME DIR"));
    let old = made_up(1).write(&place.path().join("old"));
    let new = MadeUp { database_us: 1_440.0, ..made_up(2) }.write(&place.path().join("new"));
    fs::write(old.join("r1-no-cache-single.hlog"), "").unwrap();

    let saved = place.succeeds(&["baseline", "save", "main", path(&old)]).stdout;
    assert_eq!(saved, "results/baselines/main\n");
    let kept = place.path().join("results/baselines");
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&kept.join("main")), ["r1-no-cache-single.hlog", "run.json", "summary.csv"]);
    let listed = place.succeeds(&["baseline", "list"]).stdout;
    assert_eq!(listed, "main  made-up, 22 November 2026, 21:05 UTC, 30 runs, hotset 0.1.0, commit 0123abc\n");

    let said = place.fails(1, &["compare", "--baseline", "main", path(&new), "--fail-on-regression", "5%"]);
    assert!(said.contains("no-cache on single: read p50 1.2"), "{said}");
    let said = place.fails(2, &["baseline", "save", "main", path(&new)]);
    assert!(said.contains("--replace"), "{said}");
    // A gate that compares a run with itself would be green whatever it measured.
    let with_itself = |run: &Path| {
        let gate = ["compare", "--baseline", "main", path(run), "--fail-on-regression", "0%"];
        let said = place.fails(2, &gate);
        assert!(said.contains("are the same run") && said.contains("--anyway"), "{said}");
        place.succeeds(&[&gate[..], &["--anyway"]].concat());
    };
    with_itself(&old);
    place.succeeds(&["baseline", "save", "main", path(&new), "--replace"]);
    with_itself(&new);
    assert_eq!(names(&kept), ["main"], "scraps were left");
}

#[test]
fn a_name_that_is_no_folders_and_a_run_that_is_none_are_refused() {
    let place = Place::new();
    let run = made_up(1).write(&place.path().join("old"));
    for name in ["../main", "a/b", ".hidden", "", "a b"] {
        let said = place.fails(2, &["baseline", "save", name, path(&run)]);
        assert!(said.contains("cannot be the name of a baseline"), "{said}");
    }
    let said = place.fails(2, &["baseline", "save", "main", "old"]);
    assert!(said.contains("is not a results folder"), "{said}");
    let said = place.fails(2, &["compare", "--baseline", "main", path(&run)]);
    assert!(said.contains("there is no baseline main in results/baselines"), "{said}");
}
