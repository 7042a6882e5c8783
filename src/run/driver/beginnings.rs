//! The beginnings of the stages of a cell: at once, or together with the other segments of the run.

use std::time::Duration;

use super::crew::Crew;
use super::gather::Gatherer;
use super::worker::Report;
use crate::base::clock::{self, Instant};
use crate::base::observer::Observer;
use crate::run::plan::Cell;
use crate::run::segments::meeting::Meeting;
use crate::run::segments::protocol::MeetingPoint;

/// Between the order to begin and the beginning, so that every thread has heard it.
const LEAD: Duration = Duration::from_millis(20);

/// The facts that decide when the stages of a cell begin.
#[derive(Clone, Copy)]
pub(super) struct Beginnings<'a> {
    pub(super) cell: &'a Cell,
    /// Where segments meet; `None` where this process drives all of the load.
    pub(super) meeting: Option<&'a Meeting>,
    pub(super) observer: &'a dyn Observer,
}

impl Beginnings<'_> {
    /// Returns the moment at which a stage begins, a little before it: until then the stage before goes on, and its windows
    /// are taken.
    ///
    /// # Errors
    /// Says which segment will not come, or what a load-driving thread failed in.
    pub(super) async fn next(
        &self,
        point: MeetingPoint,
        crew: &mut Crew,
        gatherer: &mut Gatherer<'_>,
    ) -> Result<Instant, String> {
        let Some(meeting) = self.meeting else { return Ok(Instant::now() + LEAD) };
        let meet = async {
            let start = meeting.meet(self.cell.position as u64, point, self.observer).await?;
            if let Some(before) = start.checked_sub(LEAD) {
                clock::sleep_until(before).await;
            }
            Ok::<_, String>(start)
        };
        let mut meet = Box::pin(meet);
        loop {
            let report = tokio::select! {
                biased;
                start = &mut meet => return start,
                report = crew.report() => report,
            };
            match report {
                Some(Report::Window(window)) => gatherer.take(*window).await,
                Some(Report::Failed(error)) => return Err(error.to_string()),
                Some(Report::Ended(..)) | None => {
                    return Err("a load-driving thread ended while other segments were waited for".into());
                }
                Some(Report::Ready | Report::Delivered(_) | Report::Recovered(..)) => {}
            }
        }
    }
}
