//! An instance of the application loses its memory.

use tokio::sync::watch;

use super::super::instance::Life;
use super::Course;
use crate::fault::Target;

/// Crashes an instance. The instance itself tells that it serves again.
///
/// # Errors
/// Where there is no such instance.
pub(super) async fn crash(course: &mut Course<'_>, lives: &[watch::Sender<Life>]) -> Result<(), String> {
    let aim = course.fault.target;
    let Target::Instance(number) = aim else { return Err(format!("{} is no instance", aim.name())) };
    let Some(life) = lives.get(number as usize) else { return Err(format!("there is no {}", aim.name())) };
    let detail = format!("instance {number} loses its memory, started again after {}", course.lasts());
    course.broke(detail);
    life.send_replace(Life::Down);
    course.wait().await;
    life.send_replace(Life::Up);
    Ok(())
}
