//! A link becomes slow or narrow, is cut or reset.

use super::Course;
use crate::fault::{LinkFault, Target};
use crate::topology::relay::Conditions;
use crate::topology::{LinkTo, Relays};
use crate::units::{ByteSize, show_duration};

/// Breaks a link, and mends it when its time is over, or when the run is interrupted.
pub(super) async fn break_link(course: &mut Course<'_>, breaks: LinkFault, relays: &Relays) {
    let fault = course.fault;
    let link = if fault.target == Target::Database { LinkTo::Database } else { LinkTo::Cache };
    let (name, lasts) = (fault.target.name(), course.lasts());
    let what = match breaks {
        LinkFault::Slow => {
            let jitter = if fault.jitter.is_zero() {
                String::new()
            } else {
                format!(" and up to {} more", show_duration(fault.jitter))
            };
            format!("a round trip takes {}{jitter} longer, for {lasts}", show_duration(fault.delay.0))
        }
        LinkFault::Throttle => format!("{} a second get through, for {lasts}", ByteSize(fault.rate.0)),
        LinkFault::Reset => "every connection is reset".to_owned(),
        LinkFault::Cut => format!("nothing gets through, for {lasts}"),
    };
    course.broke(format!("the link to the {name}: {what}"));
    let impaired = match breaks {
        LinkFault::Reset => return relays.reset(link),
        LinkFault::Slow => Conditions { delay: fault.delay.0, jitter: fault.jitter, ..Conditions::default() },
        LinkFault::Throttle => Conditions { rate: Some(fault.rate.0), ..Conditions::default() },
        LinkFault::Cut => Conditions { cut: true, ..Conditions::default() },
    };
    // Dropped too where the run is interrupted: the next cell uses the link as well.
    let impaired = relays.impair(link, impaired);
    course.wait().await;
    drop(impaired);
    course.mended(format!("the link to the {name} is as without it"));
}
