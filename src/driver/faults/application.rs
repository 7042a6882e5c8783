//! An instance of the application loses its memory.

use tokio::sync::watch;

use super::super::instance::Life;
use super::Course;
use crate::fault::Target;

/// That it serves again is told by the instance itself.
pub(super) async fn crash(course: &mut Course<'_>, lives: &[watch::Sender<Life>]) {
    let Target::Instance(number) = course.fault.target else { return };
    let Some(life) = lives.get(number as usize) else { return };
    let detail = format!("instance {number} loses its memory, started again after {}", course.lasts());
    course.broke(detail);
    life.send_replace(Life::Down);
    course.wait().await;
    life.send_replace(Life::Up);
}
