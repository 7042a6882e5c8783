//! The database dies or becomes slow.

use std::time::Duration;

use super::Course;
use crate::store::RoundTrip;
use crate::topology::DatabaseDeployment;
use crate::units::show_duration;

/// Kills the server and starts it again.
///
/// # Errors
/// Where that fails.
pub(super) async fn stop(course: &mut Course<'_>, database: &DatabaseDeployment) -> Result<(), String> {
    let Some(server) = database.server() else { return Ok(()) };
    course.broke(format!("SIGKILL, started again after {}", course.lasts()));
    server.kill().await.map_err(|error| error.to_string())?;
    course.wait().await;
    server.restart().await.map_err(|error| error.to_string())?;
    course.mended("the server answers again");
    Ok(())
}

/// Makes every call longer.
pub(super) async fn slow(course: &mut Course<'_>, database: &DatabaseDeployment) {
    let delay = course.fault.delay.0;
    course.broke(format!("every call takes {} longer, for {}", show_duration(delay), course.lasts()));
    let slow = Slow::by(database.endpoint().slowness(), delay);
    course.wait().await;
    drop(slow);
    course.mended("calls take as long as before");
}

/// A database that is slow until this is dropped, as when the run is interrupted: the next cell uses it too.
struct Slow<'a>(&'a RoundTrip);

impl<'a> Slow<'a> {
    fn by(slowness: &'a RoundTrip, delay: Duration) -> Self {
        slowness.set(delay);
        Self(slowness)
    }
}

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        self.0.set(Duration::ZERO);
    }
}
