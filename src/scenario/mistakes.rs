//! Mistakes in a scenario, collected so that all are shown at once.

use std::cell::RefCell;

use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report, Severity};

use super::place::SourceLocation;
use crate::base::shown;

/// One mistake: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// Where it was written.
    pub place: SourceLocation,
    /// The dotted key, empty where the mistake is not about one.
    pub key: String,
    /// The mistake, in words that follow its key.
    pub message: String,
    /// The remedy, as an imperative.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake without a remedy of its own.
    #[must_use]
    pub fn new(place: SourceLocation, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place, key: key.into(), message: message.into(), help: None }
    }

    /// The mistake with nothing in its words that steers a terminal.
    fn shown(&self) -> Self {
        let place = match &self.place {
            SourceLocation::File(span) => SourceLocation::File(span.clone()),
            SourceLocation::Option(option) => SourceLocation::Option(shown::line(option).into_owned()),
        };
        let words = |text: &str| shown::lines(text).into_owned();
        Self {
            place,
            key: words(&self.key),
            message: words(&self.message),
            help: self.help.as_deref().map(words),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Collects mistakes while a scenario is read. Shared by reference, as readers of nested tables
/// all add to the same list.
#[derive(Debug, Default)]
pub struct Mistakes(RefCell<Vec<Mistake>>);

impl Mistakes {
    /// Adds one. The same mistake found again, as when a sweep reads the file for every cell, is
    /// kept once.
    pub fn push(&self, mistake: Mistake) {
        let mut list = self.0.borrow_mut();
        if !list.contains(&mistake) {
            list.push(mistake);
        }
    }

    /// Returns true if nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The mistakes in the order of the file, those of the command line last.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Mistake> {
        let mut list = self.0.into_inner();
        list.sort_by_key(|m| match &m.place {
            SourceLocation::File(span) => span.start,
            SourceLocation::Option(_) => usize::MAX,
        });
        list
    }
}

/// A scenario that cannot be run, with everything that is wrong with it.
#[derive(Debug)]
pub struct InvalidScenario {
    /// The path of the file.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The mistakes, at least one.
    pub mistakes: Vec<Mistake>,
}

impl InvalidScenario {
    /// The mistakes as they are shown: each with its line, its key and its remedy.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.mistakes.iter().map(|mistake| self.report(mistake)).collect()
    }

    fn report(&self, mistake: &Mistake) -> Report {
        let mistake = &mistake.shown();
        let title = if mistake.key.is_empty() {
            mistake.message.clone()
        } else {
            format!("{}: {}", mistake.key, mistake.message)
        };
        let mut diagnostic = MietteDiagnostic::new(title).with_severity(Severity::Error);
        if let Some(help) = &mistake.help {
            diagnostic = diagnostic.with_help(help.clone());
        }
        match &mistake.place {
            SourceLocation::File(span) => {
                // A table's span reaches over all its lines; its first line is enough to find it.
                let end = self.text[span.start..span.end.min(self.text.len())]
                    .find('\n')
                    .map_or(span.end, |at| span.start + at);
                let diagnostic = diagnostic.with_label(LabeledSpan::new_with_span(None, span.start..end));
                Report::from(diagnostic).with_source_code(NamedSource::new(
                    shown::line(&self.path),
                    shown::as_long(&self.text).into_owned(),
                ))
            }
            SourceLocation::Option(option) => {
                let message = format!("{} (in {option})", diagnostic.message);
                diagnostic.message = message;
                Report::from(diagnostic)
            }
        }
    }

    /// The line on which a mistake stands, counted from 1; none for the command line.
    #[must_use]
    pub fn line(&self, mistake: &Mistake) -> Option<usize> {
        match &mistake.place {
            SourceLocation::File(span) => {
                Some(self.text[..span.start.min(self.text.len())].matches('\n').count() + 1)
            }
            SourceLocation::Option(_) => None,
        }
    }
}
