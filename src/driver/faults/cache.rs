//! Nodes of the cache die, freeze, change their places, or lose what they hold.

use super::Course;
use crate::fault::{CacheFault, Target};
use crate::topology::servers::ServerSignal;
use crate::topology::{CacheDeployment, TopologyError};

/// How long a node that is asked to end may take.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

/// Breaks the cache, and mends it when its time is over.
///
/// # Errors
/// Where a node is not there, or does not do what it is told.
pub(super) async fn break_cache(
    course: &mut Course<'_>,
    what: CacheFault,
    cache: &CacheDeployment,
) -> Result<(), TopologyError> {
    match what {
        CacheFault::StopAll => stop_all(course, cache).await,
        CacheFault::Flush => {
            course.broke("every entry of this run is gone");
            cache.flush().await
        }
        CacheFault::Kill => kill(course, cache).await,
        CacheFault::Pause => pause(course, cache).await,
        CacheFault::Restart => restart(course, cache).await,
        CacheFault::Failover => {
            let shard = shard_of(course)?;
            let ordered = cache.fail_over(shard).await?;
            course.broke(ordered);
            Ok(())
        }
        CacheFault::FillMemory => {
            course.broke(format!("the memory of every primary is being filled up, for {}", course.lasts()));
            let filler = cache.fill_memory(course.fault.lasts()).await?;
            course.tell("noticed", format!("{} bytes were put there", filler.bytes));
            course.wait().await;
            filler.remove().await.map_err(TopologyError::store("emptying the cache's memory"))?;
            course.mended("what filled the memory is gone");
            Ok(())
        }
        CacheFault::AddShard => {
            course.broke("a primary is added, and its share of the slots is moved to it");
            let came_to = cache.add_shard().await?;
            course.mended(came_to);
            Ok(())
        }
        CacheFault::RemoveShard => {
            let shard = shard_of(course)?;
            course.broke(format!("the slots of shard{shard} are moved to the others"));
            let came_to = cache.remove_shard(shard).await?;
            course.mended(came_to);
            Ok(())
        }
    }
}

/// Returns the shard that the fault is aimed at.
fn shard_of(course: &Course<'_>) -> Result<u64, TopologyError> {
    match course.fault.target {
        Target::Shard(shard) => Ok(shard),
        other => Err(TopologyError::Unfit(format!("{} is no shard", other.name()))),
    }
}

async fn stop_all(course: &mut Course<'_>, cache: &CacheDeployment) -> Result<(), TopologyError> {
    let Some(nodes) = cache.managed() else { return Ok(()) };
    let nodes = nodes.data();
    let what = if nodes.len() == 1 { String::new() } else { format!("all {} nodes: ", nodes.len()) };
    course.broke(format!("{what}SIGKILL, started again after {}", course.lasts()));
    for node in &nodes {
        node.server().kill().await?;
    }
    course.wait().await;
    for node in &nodes {
        cache.restart(node).await?;
    }
    course.mended("the server answers again");
    Ok(())
}

async fn kill(course: &mut Course<'_>, cache: &CacheDeployment) -> Result<(), TopologyError> {
    let node = cache.node_at(course.fault.target).await?;
    let again = if course.fault.lasts.is_some() {
        format!(", started again after {}", course.lasts())
    } else {
        " and not started again".to_owned()
    };
    let aim = course.fault.target.name();
    course.broke(format!("{aim} (port {}): SIGKILL{again}", node.server().port()));
    node.server().kill().await?;
    if course.fault.lasts.is_some() {
        course.wait().await;
        cache.restart(&node).await?;
        course.mended(format!("the node that was {aim} answers again"));
    }
    Ok(())
}

async fn pause(course: &mut Course<'_>, cache: &CacheDeployment) -> Result<(), TopologyError> {
    let node = cache.node_at(course.fault.target).await?;
    let (aim, port) = (course.fault.target.name(), node.server().port());
    course.broke(format!("{aim} (port {port}): SIGSTOP, for {}", course.lasts()));
    node.server().process().signal(ServerSignal::Pause).await?;
    course.wait().await;
    node.server().process().signal(ServerSignal::Resume).await?;
    course.mended(format!("the node that was {aim} goes on"));
    Ok(())
}

async fn restart(course: &mut Course<'_>, cache: &CacheDeployment) -> Result<(), TopologyError> {
    let node = cache.node_at(course.fault.target).await?;
    let aim = course.fault.target.name();
    course.broke(format!("{aim} (port {}): SIGTERM and started again", node.server().port()));
    node.server().process().stop(GRACE).await?;
    cache.restart(&node).await?;
    course.mended(format!("the node that was {aim} answers again"));
    Ok(())
}
