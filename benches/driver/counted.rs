//! A number of operations, for whoever counts what they take: `scripts/instructions`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hotset::application::{Answer, Application, Visitor};
use hotset::audit::{Audit, Setup};
use hotset::load::workload::Operation;
use hotset::run::driver::control::{Control, Stage};
use hotset::store::StoreError;
use hotset::strategy::{Backlog, WriteError};

use super::nothing::{CLIENTS, Load, Nothing, documents};

const KEYS: u64 = 10_000;
/// The variable that says how many operations there are.
const OPERATIONS: &str = "HOTSET_OPERATIONS";
/// How many there are where it does not.
const A_FEW: u64 = 100_000;
/// Longer than they take, however slowly they are counted.
const FOR_EVER: Duration = Duration::from_hours(24);

/// Stops the load at the last of so many operations.
struct UpTo {
    store: Nothing,
    left: AtomicU64,
    control: Arc<Control>,
}

impl Application for UpTo {
    async fn perform(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        if self.left.fetch_sub(1, Relaxed) == 1 {
            self.control.set(Stage::Stop);
        }
        self.store.perform(visitor, operation).await
    }

    async fn recover(&self) -> Result<u64, StoreError> {
        self.store.recover().await
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.store.drain(bound).await
    }

    fn backlog(&self) -> Backlog {
        self.store.backlog()
    }
}

#[test]
fn as_many_operations_as_were_asked_for() {
    let operations = std::env::var(OPERATIONS).map_or(A_FEW, |number| {
        number.parse().unwrap_or_else(|_| panic!("{OPERATIONS} is a whole number, and not {number}"))
    });
    let control = Arc::new(Control::default());
    let store = Nothing(documents(KEYS));
    let store = UpTo { store, left: AtomicU64::new(operations), control: Arc::clone(&control) };
    let audit = Arc::new(Audit::new(Setup { keys: KEYS, clients: CLIENTS, instances: 1 }));
    let load = Load { audit: Some(audit), ..Load::alone(KEYS, 1, FOR_EVER) };
    assert_eq!(load.drive(store, &control).operations.operations(), operations);
}
