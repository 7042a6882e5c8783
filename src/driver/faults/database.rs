//! The database dies or becomes slow.

use super::Course;
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
    // Dropped too where the run is interrupted: the next cell uses the database as well.
    let slow = database.endpoint().slowness().longer_by(delay);
    course.wait().await;
    drop(slow);
    course.mended("calls take as long as without it");
}
