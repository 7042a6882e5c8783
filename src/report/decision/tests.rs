use super::*;
use crate::report::answer::{WORK_AND_READS, winners};
use crate::report::group::groups;
use crate::report::made_up::run_of;
use crate::report::requirements;
use crate::results::{AtRisk, EnoughCacheRow, HeldIn, Mode, Requirement, Results, Status, SummaryRow};

/// One run of a strategy in an open loop: its median and slowest reads in µs, and what it asked the database for.
fn row(label: &str, block: u32, p50: f64, p99: f64, db_reads: u64) -> SummaryRow {
    let mut row = SummaryRow { mode: Mode::Open, ..run_of(label, block) };
    row.read_response.p50_us = Some(p50);
    row.read_response.p99_us = Some(p99);
    row.calls.db_reads = db_reads;
    row.judgement.verdict = Some(Verdict::Kept);
    row.audited.audited_reads = 900;
    row.audited.stale_share = Some(0.0);
    row.at_end.lost_writes = Some(0);
    row.at_risk.at_risk_max = Some(0);
    row
}

fn repeats(label: &str, p50: f64, p99: f64, db_reads: u64) -> Vec<SummaryRow> {
    // What the machine does to a block, it does to all in it; a little is each run's own.
    let block = |block: u32| {
        let machine = 1.0 + 0.3 * f64::from(block);
        let own = 1.0 + 0.01 * f64::from((block * 7 + label.len() as u32) % 3);
        row(label, block, p50 * machine * own, p99 * machine * own, db_reads)
    };
    (1..=5).map(block).collect()
}

fn told(rows: Vec<SummaryRow>) -> Vec<(Tone, String)> {
    let results = Results { summary: rows, ..Results::default() };
    let groups = groups(&results).unwrap();
    sentences(&groups[0]).into_iter().map(|sentence| (sentence.tone, sentence.text)).collect()
}

#[track_caller]
fn assert_told(told: &[(Tone, String)], tone: Tone, parts: &[&str]) {
    let found = told.iter().any(|(of, text)| *of == tone && parts.iter().all(|part| text.contains(part)));
    assert!(found, "{parts:?} in {told:#?}");
}

#[test]
fn a_gain_is_told_with_the_databases_work_the_median_and_the_tail_and_never_by_one_alone() {
    let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
    rows.extend(repeats("cache-through", 470.0, 3_100.0, 160));
    let told = told(rows);
    assert_told(
        &told,
        Tone::TradeOff,
        &[
            "cache-through needs 16.8 % of the database reads of no-cache (5.94 ± 0.01 × less for each operation, n = 5)",
            "and answers half of its reads in",
            "faster",
            "slower",
            "n = 5",
        ],
    );
    assert!(told.iter().all(|(_, text)| !text.contains("no-cache is better")), "{told:#?}");
}

#[test]
fn a_cache_that_saves_the_database_nothing_and_is_slower_is_no_gain() {
    let tone_of = |p50_us: f64, db_reads: u64| {
        let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
        rows.extend(repeats("cache-through", p50_us, 1_900.0, db_reads));
        told(rows).into_iter().find(|(_, text)| text.starts_with("cache-through needs")).unwrap().0
    };
    assert_eq!(tone_of(2_720.0, 950), Tone::Cost);
    assert_eq!(tone_of(2_720.0, 500), Tone::TradeOff, "it spares the database");
    let once =
        vec![row("no-cache", 1, 1_360.0, 2_000.0, 950), row("cache-through", 1, 2_720.0, 3_100.0, 949)];
    let of_once = told(once).into_iter().find(|(_, text)| text.starts_with("cache-through needs")).unwrap();
    assert_eq!(of_once.0, Tone::Cost, "a thousandth less in one run is nothing");
    assert_eq!(tone_of(680.0, 950), Tone::Gain, "it is quicker");
}

#[test]
fn what_holds_writes_back_is_told_with_what_a_crash_would_lose_and_beside_what_does_not() {
    let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
    rows.extend(repeats("cache-through", 470.0, 1_900.0, 160));
    rows.extend(repeats("write-behind", 450.0, 1_900.0, 150).into_iter().map(|mut row| {
        row.at_risk = AtRisk {
            at_risk_max: Some(2_280),
            at_risk_mean: Some(900.0),
            at_risk_in: Some(HeldIn::Instances),
        };
        row
    }));
    let told = told(rows);
    assert_told(&told, Tone::Gain, &["cache-through needs"]);
    assert_told(
        &told,
        Tone::TradeOff,
        &["write-behind needs", "a crash at the worst moment would have lost up to 2,280"],
    );
    assert_told(&told, Tone::Cost, &["write-behind up to 2,280 in its instances' memory"]);
}

#[test]
fn a_strategy_against_itself_shows_no_difference_and_says_how_large_one_would_be_seen() {
    let mut rows = repeats("cache-aside", 480.0, 3_000.0, 200);
    rows.extend(repeats("read-through", 480.0, 3_000.0, 200));
    let told = told(rows);
    assert_told(
        &told,
        Tone::Doubt,
        &["No difference is shown in the p99 of reads", "a difference over", "would be seen"],
    );
}

#[test]
fn strategies_that_were_asked_at_rates_of_their_own_are_not_held_against_each_other_by_times() {
    let at = |rate: f64, rows: Vec<SummaryRow>| {
        rows.into_iter().map(move |row| SummaryRow { offered_per_s: Some(rate), ..row })
    };
    let told_at = |rate: f64| {
        let mut rows: Vec<_> = at(1_000.0, repeats("no-cache", 1_360.0, 2_000.0, 950)).collect();
        rows.extend(at(1_000.0, repeats("cache-through", 470.0, 3_100.0, 160)));
        rows.extend(at(rate, repeats("lease", 700.0, 3_100.0, 150)));
        let results = Results { summary: rows, ..Results::default() };
        let groups = groups(&results).unwrap();
        let panel: Vec<String> = sentences(&groups[0]).into_iter().map(|of| of.text).collect();
        (panel.join(" "), winners(&groups[0], WORK_AND_READS).unwrap())
    };
    let (panel, answer) = told_at(1_000.0);
    assert!(panel.contains("No difference is shown in the p99 of reads"), "{panel}");
    assert!(panel.contains("faster") && answer.contains("fastest median read"), "{panel} {answer}");
    let (panel, answer) = told_at(3_000.0);
    assert!(panel.contains("lease needs 15.8 % of the database reads of no-cache"), "{panel}");
    assert!(!panel.contains("faster") && !panel.contains("p99 of reads"), "{panel}");
    assert!(answer.contains("lease reads the database least") && !answer.contains("fastest"), "{answer}");
}

#[test]
fn a_broken_an_overloaded_and_a_failing_strategy_are_never_proposed() {
    let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
    rows.extend(repeats("cache-through", 470.0, 3_100.0, 160));
    rows.extend(repeats("cache-aside", 100.0, 200.0, 10).into_iter().map(|mut row| {
        row.judgement.verdict = Some(Verdict::Broken);
        row.judgement.verdict_reason = "3 corrupt reads".into();
        row
    }));
    rows.extend(repeats("read-through", 100.0, 200.0, 10).into_iter().map(|mut row| {
        row.status = Status::Overloaded;
        row.reason = "500 of 1000 offered operations a second were achieved; a cache server was full".into();
        row
    }));
    rows.extend(repeats("lease", 100.0, 200.0, 10).into_iter().map(|mut row| {
        row.answers.errors = 20;
        row
    }));
    let told = told(rows);
    for label in ["cache-aside", "read-through", "lease"] {
        assert!(!told.iter().any(|(tone, text)| *tone == Tone::Gain && text.starts_with(label)), "{told:#?}");
    }
    assert_told(&told, Tone::Cost, &["cache-aside DID NOT HOLD ITS GUARANTEE in 5 of 5 repeats"]);
    assert_told(&told, Tone::Doubt, &["Overloaded", "read-through (500 of 1000 offered"]);
    assert_told(&told, Tone::Cost, &["Operations failed", "lease 2 %"]);
}

#[test]
fn a_strategy_of_which_every_run_failed_is_told_and_so_is_a_topology_on_which_all_did() {
    let failed = |label: &str| {
        let (status, reason) = (Status::Failed, "no server answered".to_owned());
        SummaryRow { status, reason, ..row(label, 1, 0.0, 0.0, 0) }
    };
    let some = told(vec![row("no-cache", 1, 1_360.0, 2_000.0, 950), failed("lease")]);
    assert_told(&some, Tone::Doubt, &["Every run of lease failed", "no server answered."]);
    let all = told(vec![failed("no-cache"), failed("lease")]);
    let nothing = "Every run failed, so that nothing is known here: no server answered.";
    assert_eq!(all, [(Tone::Doubt, nothing.to_owned())]);
}

#[test]
fn a_strategy_of_which_most_runs_failed_is_told_so_and_not_proposed() {
    let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
    rows.extend(repeats("lease", 100.0, 200.0, 10));
    for row in rows.iter_mut().filter(|row| row.strategy == "lease").skip(1) {
        (row.status, row.reason) = (Status::Failed, "no server answered".into());
    }
    let told = told(rows);
    let doubt = "4 of 5 runs of lease failed, and figures are of the others: no server answered.";
    assert_told(&told, Tone::Doubt, &[doubt]);
    assert!(told.iter().all(|(tone, text)| *tone != Tone::Gain || !text.contains("lease")), "{told:#?}");
}

#[test]
fn where_something_was_broken_on_purpose_a_gain_is_told_with_what_failed() {
    let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
    rows.extend(repeats("cache-aside", 470.0, 900.0, 160));
    for row in &mut rows {
        row.outages.read_outage_s = Some(2.0);
        row.answers.errors = if row.strategy == "cache-aside" { 50 } else { 0 };
    }
    assert_told(&told(rows), Tone::Gain, &["cache-aside needs", "5 % of its operations failed"]);
}

/// What is said of a sweep over three values on three topologies, of whose middle value this was made.
fn of_a_sweep(made: impl Fn(&mut SummaryRow)) -> Vec<DecisionPart> {
    let mut rows = Vec::new();
    for topology in ["single", "cluster", "sentinel"] {
        for swept in ["cache.capacity=10%", "cache.capacity=20%", "cache.capacity=30%"] {
            for mut row in repeats("cache-aside", 470.0, 900.0, 160) {
                (row.topology, row.swept) = (topology.into(), swept.into());
                row.cell = format!("{}-{topology}-{swept}", row.cell);
                if swept == "cache.capacity=20%" {
                    made(&mut row);
                }
                rows.push(row);
            }
        }
    }
    of(&groups(&Results { summary: rows, ..Results::default() }).unwrap(), &[]).first
}

#[test]
fn where_something_is_required_the_place_that_meets_most_comes_first_and_the_others_in_a_line() {
    let mut results = Results::default();
    for (swept, p99_us) in [("cache.capacity=10%", 9_000.0), ("cache.capacity=50%", 900.0)] {
        for mut row in repeats("no-cache", 1_360.0, 2_000.0, 950).into_iter().chain(repeats(
            "cache-aside",
            470.0,
            p99_us,
            160,
        )) {
            row.swept = swept.into();
            row.cell = format!("{}-{swept}", row.cell);
            results.summary.push(row);
        }
    }
    results.run.requirements = vec![Requirement::parse("read.p99", "<5ms").unwrap()];
    let groups = groups(&results).unwrap();
    let judged = requirements::judge(&groups);
    let told = of(&groups, &judged);
    let headings: Vec<&str> = told.first.iter().map(|part| part.heading.as_str()).collect();
    let nearest = "single, capacity = 50%, where all that is required is met";
    assert_eq!(headings, [nearest, "Elsewhere"]);
    let [other] = &told.more[..] else { panic!("{told:#?}") };
    assert_eq!(other.part.heading, "single, capacity = 10%");
    let line = &other.in_short;
    assert!(
        line.starts_with("at best 0 of 1 requirements met, by cache-aside; database reads 16.8 %"),
        "{line}"
    );
    assert!(line.contains("read p99 "), "{line}");
    assert_eq!(told.parts().count(), 3, "the files have all of them");
    results.run.requirements.push(Requirement::parse("read.p50", "<1us").unwrap());
    let groups = self::groups(&results).unwrap();
    let missed = of(&groups, &requirements::judge(&groups)).first[0].heading.clone();
    assert_eq!(missed, "single, capacity = 50%, where most of what is required is met");
    assert_eq!(of(&groups, &[]).more, Vec::new(), "where nothing is required all is told");
}

fn of_the_middle(made: impl Fn(&mut SummaryRow)) -> String {
    let parts = of_a_sweep(made);
    let elsewhere = parts.last().filter(|part| part.heading == "Elsewhere").unwrap();
    elsewhere.sentences.iter().map(|of| of.text.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_fails_least_is_named_beside_those_with_whom_much_failed() {
    let with = |label: &str, reads: u64, errors: u64| {
        repeats(label, 400.0 + reads as f64, 900.0, reads).into_iter().map(move |mut row| {
            row.outages.read_outage_s = Some(2.0);
            row.answers.errors = errors;
            row
        })
    };
    let told_of = |errors: u64| {
        let mut rows: Vec<SummaryRow> = with("no-cache", 950, 0).collect();
        rows.extend(with("cache-through", 160, 250));
        rows.extend(with("cache-aside", 200, errors));
        told(rows)
    };
    let sturdy = told_of(20);
    assert_told(&sturdy, Tone::Gain, &["cache-through needs", "25 % of its operations failed"]);
    assert_told(&sturdy, Tone::Gain, &["cache-aside needs", "2 % of its operations failed"]);
    assert!(told_of(200).iter().all(|(tone, text)| *tone != Tone::Gain || !text.starts_with("cache-aside")));
}

#[test]
fn what_went_wrong_in_the_middle_of_a_sweep_is_told_and_every_topology_has_a_part() {
    let parts = of_a_sweep(|row| {
        if row.topology == "cluster" {
            row.judgement.verdict = Some(Verdict::Broken);
        }
    });
    let headings: Vec<_> = parts.iter().map(|part| part.heading.as_str()).collect();
    let alike = "The same at cluster, capacity = 10% · sentinel, capacity = 10% · single, capacity = 10%";
    assert_eq!(headings, [alike, "Elsewhere"]);
    let elsewhere: Vec<_> = parts[1].sentences.iter().map(|sentence| sentence.text.as_str()).collect();
    assert!(elsewhere[0].contains("cluster") && elsewhere[0].contains("DID NOT HOLD"), "{elsewhere:#?}");
}

#[test]
fn how_far_runs_may_be_believed_is_said_once_and_of_all_of_them() {
    let parts = of_a_sweep(|row| row.status = Status::Disturbed);
    let said = |what: &str| -> Vec<&str> {
        let all = parts.iter().flat_map(|part| &part.sentences);
        all.map(|of| of.text.as_str()).filter(|text| text.contains(what)).collect()
    };
    assert_eq!(parts.last().unwrap().heading, "All runs");
    let disturbed = said("disturbed");
    assert!(
        disturbed.len() == 1 && disturbed[0].starts_with("15 of 45 runs were disturbed"),
        "{disturbed:#?}"
    );
}

#[test]
fn of_the_middle_of_a_sweep_it_is_said_what_is_not_known_of_it() {
    let sound = of_the_middle(|_| {});
    assert!(sound.contains("No guarantee was broken and every run ended at"), "{sound}");
    let not_audited = of_the_middle(|row| row.judgement.verdict = None);
    assert!(not_audited.contains("nobody looked whether guarantees held"), "{not_audited}");
    let unknown = of_the_middle(|row| {
        row.judgement.verdict = Some(Verdict::Unknown);
        row.judgement.verdict_reason = "the stores could not be read".into();
    });
    assert!(unknown.contains("the stores could not be read"), "{unknown}");
    assert!(!unknown.contains("No guarantee was broken"), "{unknown}");
    let overloaded = of_the_middle(|row| row.status = Status::Overloaded);
    assert!(overloaded.contains("capacity = 20%: Overloaded"), "{overloaded}");
}

#[test]
fn one_repeat_shows_nothing_and_says_what_would() {
    let rows = vec![row("no-cache", 1, 1_360.0, 2_000.0, 950), row("cache-aside", 1, 480.0, 3_000.0, 200)];
    assert_told(&told(rows), Tone::Doubt, &["ran once", "--repeats 5"]);
}

#[test]
fn how_much_cache_is_enough_is_told_where_it_was_swept_and_none_was() {
    let mut results = Results::default();
    for swept in ["cache.capacity=10%", "cache.capacity=50%"] {
        results.summary.extend(repeats("cache-aside", 470.0, 900.0, 160).into_iter().map(|mut row| {
            (row.swept, row.cell) = (swept.into(), format!("{}-{swept}", row.cell));
            (row.answers.hits, row.answers.misses, row.answers.hit_rate) = (500, 500, Some(0.5));
            row
        }));
    }
    results.enough_cache = vec![EnoughCacheRow {
        strategy: "cache-aside".into(),
        topology: "single".into(),
        wanted_hit_rate: 0.9,
        capacity_entries: Some(4_000),
        capacity_share: Some(0.8),
        predicted_by: "Che".into(),
        ..EnoughCacheRow::default()
    }];
    let parts = of(&groups(&results).unwrap(), &[]).first;
    let last = parts.last().unwrap();
    let told = "Predicted and not measured, by the model Che: a hit rate of 90 % takes room for 80 % of the documents";
    assert!(last.heading == "All runs" && last.sentences[0].text.contains(told), "{parts:#?}");
}

#[test]
fn writes_that_were_lost_are_told_even_where_the_guarantee_allows_it() {
    let rows = repeats("write-behind", 480.0, 3_000.0, 200).into_iter().map(|mut row| {
        row.at_end.lost_writes = Some(if row.block < 3 { 6 } else { 0 });
        row.judgement.verdict = Some(Verdict::Kept);
        row
    });
    let lost = "Acknowledged writes WERE LOST: write-behind 12 in 2 of 5 runs, as its guarantee allows.";
    assert_told(&told(rows.collect()), Tone::Cost, &[lost]);
    let elsewhere = of_the_middle(|row| row.at_end.lost_writes = Some(1));
    assert!(elsewhere.contains("capacity = 20%: Acknowledged writes WERE LOST"), "{elsewhere}");
}

#[test]
fn what_is_slower_in_the_tail_or_holds_writes_back_is_no_mere_gain() {
    let of = |p99: f64, at_risk: u64| {
        let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
        rows.extend(repeats("write-behind", 470.0, p99, 160).into_iter().map(|mut row| {
            row.at_risk.at_risk_max = Some(at_risk);
            row
        }));
        let told = told(rows);
        told.iter().find(|(_, text)| text.starts_with("write-behind needs")).unwrap().0
    };
    assert_eq!(
        (of(1_500.0, 0), of(3_100.0, 0), of(1_500.0, 9)),
        (Tone::Gain, Tone::TradeOff, Tone::TradeOff)
    );
}

#[test]
fn stale_reads_are_told_with_their_share_and_the_oldest() {
    let rows = repeats("write-around", 480.0, 3_000.0, 200).into_iter().map(|mut row| {
        row.audited.wrong.stale_reads = 90;
        row.audited.stale_share = Some(0.1);
        row.audited.wrong.stale_age_max_ms = Some(4_970.0);
        row
    });
    assert_told(&told(rows.collect()), Tone::Cost, &["write-around 10 %, up to 4.97 s old"]);
}
