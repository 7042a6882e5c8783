//! The verdicts on requirements in the form that build servers show.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::requirements::{JudgedRequirement, Met};

/// The requirements as JUnit's XML, which build servers show: a test case for each, and what is undecided as skipped.
///
/// # Errors
/// Says what could not be written.
pub fn junit(name: &str, judged: &[JudgedRequirement<'_>]) -> Result<String, String> {
    let mut report = Report::new(name);
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    for one in judged {
        let suite = one.group.name();
        let status = match one.met {
            Met::Met => TestCaseStatus::success(),
            Met::Missed => failed(one),
            Met::Undecided | Met::Unknown => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(format!("{}: {}", one.met.word(), one.measured()));
                status
            }
        };
        let mut case = TestCase::new(format!("{}: {}", one.strategy, one.required()), status);
        case.set_classname(one.strategy);
        if let Some((_, cases)) = suites.iter_mut().find(|(name, _)| *name == suite) {
            cases.add_test_case(case);
        } else {
            let mut cases = TestSuite::new(suite.clone());
            cases.add_test_case(case);
            suites.push((suite, cases));
        }
    }
    for (_, suite) in suites {
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}

fn failed(one: &JudgedRequirement<'_>) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(format!("{} is required and {} was measured", one.required(), one.measured()));
    status.set_type("requirement");
    status
}
