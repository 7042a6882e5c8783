//! Kinds of fault as `hotset list faults` prints them, and the table of them in `docs/faults.md`.

use std::fmt::Write as _;

use crate::run::fault::{FaultRow, Lasts, REGISTRY};
use crate::scenario::Setting as _;

/// The text of `hotset list faults --markdown`: a row for each kind.
#[must_use]
pub fn faults_table() -> String {
    let mut text = String::from(
        "| kind | what happens | `target` | `for` | settings of its own | where it makes sense |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for row in REGISTRY {
        let settings = (row.docs)().into_iter();
        let settings = settings.map(|one| format!("`{} = {}`: {}", one.key, one.default, one.meaning));
        let settings = settings.collect::<Vec<_>>().join("; ");
        let cells = [
            format!("`{}`", row.name),
            row.summary.to_owned(),
            target(row).unwrap_or_else(|| "–".into()),
            lasts(row).unwrap_or_else(|| "–".into()),
            if settings.is_empty() { "–".into() } else { settings },
            row.fits.to_owned(),
        ];
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// Shows for one kind of fault what all kinds have in common.
pub(super) fn particulars(row: &FaultRow) -> String {
    let target = target(row).map(|target| format!("target: {target}"));
    let lasts = lasts(row).map(|lasts| format!("for: {lasts}"));
    let parts = [target, lasts, Some(format!("makes sense {}", row.fits))];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Names what the fault can be aimed at; `None` where there is nothing to choose.
fn target(row: &FaultRow) -> Option<String> {
    let aim = row.nature.aim;
    aim.expects().map(|expects| format!("{expects}; by default {}", aim.default_target().show()))
}

/// Shows the time that the fault lasts; `None` where it takes no time.
fn lasts(row: &FaultRow) -> Option<String> {
    match row.nature.lasts {
        Lasts::AtOnce => None,
        Lasts::For(usual) => Some(format!("by default {}", usual.show())),
        Lasts::ForGood => Some("for good where it is left out".into()),
    }
}
