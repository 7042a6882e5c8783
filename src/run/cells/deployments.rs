//! What is up while the cells run: the cache and the database of the last cell, kept for the next
//! one where it needs the same, put back to their first state in between.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use super::tidying::{clear, clear_at_the_end, tidy};
use crate::application::touched::Touched;
use crate::application::{ApplicationSpec, Dataset, DatasetParameters};
use crate::base::interrupt::Interrupt;
use crate::base::observer::{Event, Observer};
use crate::results::Server;
use crate::run::driver;
use crate::run::driver::dataset::{self, Checksum};
use crate::run::fault::Part;
use crate::run::plan::Cell;
use crate::run::segments::meeting::Meeting;
use crate::run::segments::name::SegmentOfRun;
use crate::run::segments::protocol::MeetingPoint;
use crate::topology::settings::{CacheSettings, DatabaseKind, DatabaseSettings};
use crate::topology::{
    CacheDeployment, CacheEndpoint, DatabaseDeployment, Deployed, DeploymentContext, Relays, ServerRoom,
    TopologyError, TopologySpec,
};

/// Something that is up, and what it was made from; `None` until it can be used again.
struct Up<T, M> {
    made_from: Option<M>,
    it: T,
}

/// All that decides what a database and its documents are. Cells that are equal in it share one.
#[derive(PartialEq)]
struct DatabaseNeeds {
    kind: DatabaseKind,
    settings: DatabaseSettings,
    application: ApplicationSpec,
    documents: DatasetParameters,
    cpus: Vec<u64>,
    relayed: bool,
}

impl DatabaseNeeds {
    fn of(cell: &Cell) -> Self {
        let scenario = &cell.scenario;
        Self {
            kind: cell.topology.spec.database(),
            settings: scenario.database.clone(),
            application: scenario.application.spec.clone(),
            documents: scenario.facts(),
            cpus: scenario.pin.database.clone(),
            relayed: breaks_links(cell),
        }
    }
}

/// All that decides what a cache is and how much it holds. Cells that are equal in it share one.
#[derive(PartialEq)]
struct CacheNeeds {
    topology: TopologySpec,
    settings: CacheSettings,
    application: ApplicationSpec,
    documents: DatasetParameters,
    cpus: Vec<u64>,
    instances: NonZeroU64,
    connections: NonZeroU64,
    relayed: bool,
}

impl CacheNeeds {
    fn of(cell: &Cell) -> Self {
        let scenario = &cell.scenario;
        Self {
            topology: cell.topology.spec.clone(),
            settings: scenario.cache.clone(),
            application: scenario.application.spec.clone(),
            documents: scenario.facts(),
            cpus: scenario.pin.cache.clone(),
            instances: scenario.workload.instances,
            connections: scenario.workload.connections,
            relayed: breaks_links(cell),
        }
    }
}

/// The deployments that are up.
pub struct Deployments {
    servers: ServerRoom,
    run_prefix: String,
    cache: Option<Up<CacheDeployment, CacheNeeds>>,
    database: Option<Up<DatabaseDeployment, DatabaseNeeds>>,
    checksum: Checksum,
    /// What may still be on servers of others, and why it could not be removed.
    left: BTreeMap<String, String>,
    /// The relays that connections go through, from the first cell on whose links are to be broken.
    relays: Option<Relays>,
    /// The part of this process in a run that several drive.
    segment: Option<SegmentOfRun>,
    /// Where its segments meet, by the location of the cache.
    meetings: BTreeMap<String, Arc<Meeting>>,
}

impl Deployments {
    /// Nothing is up yet.
    #[must_use]
    pub fn new(run_prefix: &str, segment: Option<SegmentOfRun>) -> Self {
        Self {
            servers: ServerRoom::default(),
            run_prefix: run_prefix.to_owned(),
            cache: None,
            database: None,
            checksum: Checksum::default(),
            left: BTreeMap::new(),
            relays: None,
            segment,
            meetings: BTreeMap::new(),
        }
    }

    /// Returns true if what is shared is this process' to make ready and to remove.
    fn leads(&self) -> bool {
        self.segment.as_ref().is_none_or(|segment| segment.part.leads())
    }

    /// Where the segments of the run meet in a cell that is prepared; `None` where one process drives the load.
    #[must_use]
    pub fn meeting(&self) -> Option<Arc<Meeting>> {
        let cache = self.cache.as_ref().filter(|_| self.segment.is_some())?;
        self.meetings.get(&cache.it.endpoint().shown()).cloned()
    }

    /// Comes to the meeting place in the cache that is up, where several processes drive the load.
    async fn join(&mut self, cell: &Cell, observer: &dyn Observer) -> Result<(), TopologyError> {
        let Some((segment, cache)) = self.segment.as_ref().zip(self.cache.as_ref()) else { return Ok(()) };
        let place = cache.it.endpoint().shown();
        if !self.meetings.contains_key(&place) {
            let joined = Meeting::join(cache.it.endpoint(), segment, observer).await;
            self.meetings.insert(place.clone(), Arc::new(joined.map_err(TopologyError::Unfit)?));
        }
        self.meetings[&place].announce(cell.position as u64).await;
        Ok(())
    }

    /// Brings up what a cell needs, with the dataset loaded and the cache empty, and returns it with the place where the
    /// segments of the run meet; `None` where one process drives the load.
    ///
    /// # Errors
    /// Says what could not be started, reached or loaded.
    pub async fn prepare(
        &mut self,
        cell: &Cell,
        observer: &dyn Observer,
    ) -> Result<(Deployed<'_>, Option<Arc<Meeting>>), TopologyError> {
        if breaks_links(cell) && self.relays.is_none() {
            let doing = |error| TopologyError::Unfit(format!("cannot start a relay: {error}"));
            self.relays = Some(Relays::start().map_err(doing)?);
        }
        if self.segment.is_some() {
            // Others wait for the data, and are told so through the cache.
            self.prepare_cache(cell, observer).await?;
            self.join(cell, observer).await?;
            self.prepare_database(cell, observer).await?;
        } else {
            self.prepare_database(cell, observer).await?;
            self.prepare_cache(cell, observer).await?;
        }
        let meeting = self.meeting();
        if let Some(meeting) = &meeting {
            let ready = meeting.meet(cell.position as u64, MeetingPoint::Ready, observer).await;
            ready.map_err(TopologyError::Unfit)?;
        }
        if let Some(cache) = &mut self.cache {
            // From now on it may hold something.
            cache.made_from = None;
        }
        match (&self.cache, &self.database) {
            (Some(cache), Some(database)) => {
                let relays = self.relays_of(cell);
                Ok((Deployed { cache: &cache.it, database: &database.it, relays }, meeting))
            }
            _ => Err(TopologyError::Unfit("nothing was deployed".into())),
        }
    }

    fn relays_of(&self, cell: &Cell) -> Option<&Relays> {
        self.relays.as_ref().filter(|_| breaks_links(cell))
    }

    async fn prepare_database(&mut self, cell: &Cell, observer: &dyn Observer) -> Result<(), TopologyError> {
        let scenario = &cell.scenario;
        let kind = cell.topology.spec.database();
        let needs = DatabaseNeeds::of(cell);
        if self.database.as_ref().is_some_and(|up| up.made_from.as_ref() == Some(&needs)) {
            return Ok(());
        }
        // One that is cut short is known until it is tidied away.
        if let Some(old) = self.database.as_ref().filter(|_| self.leads()) {
            old.it.drop_data().await?;
        }
        if let Some(old) = self.database.take() {
            old.it.close()?;
        }
        observer.observe(Event::Step { what: format!("starting the database ({})", kind.word()) });
        let it = with_site(&self.servers, &self.run_prefix, self.relays_of(cell), cell, |site| async move {
            DatabaseDeployment::deploy(kind, &site).await
        })
        .await?;
        if !self.leads() {
            // The first segment loads it.
            self.database = Some(Up { made_from: Some(needs), it });
            return Ok(());
        }
        // Who may not remove what a run writes is told so before there is anything to be left.
        it.drop_data().await?;
        self.checksum = Checksum::of(&scenario.documents()).await;
        // Known from now on, so that it is taken down also where loading fails or is interrupted.
        let up = self.database.insert(Up { made_from: None, it });
        load(&up.it, cell, observer).await?;
        up.made_from = Some(needs);
        Ok(())
    }

    async fn prepare_cache(&mut self, cell: &Cell, observer: &dyn Observer) -> Result<(), TopologyError> {
        let needs = CacheNeeds::of(cell);
        if self.cache.as_ref().is_some_and(|up| up.made_from.as_ref() == Some(&needs)) {
            return Ok(());
        }
        self.cache = None;
        observer.observe(Event::Step { what: format!("starting the cache ({})", cell.topology.label) });
        let spec = cell.topology.spec.clone();
        let it = with_site(&self.servers, &self.run_prefix, self.relays_of(cell), cell, |site| async move {
            spec.deploy_cache(&site).await
        })
        .await?;
        let keys = keys_in(&it, &self.run_prefix);
        // On servers of others nobody has used the prefix of this run, but for cells whose keys could not be removed, and for
        // an earlier run of the same name.
        let may_hold = !it.is_external() || self.left.contains_key(&keys) || self.segment.is_some();
        if may_hold && self.leads() {
            clear(&it, observer).await?;
            self.left.remove(&keys);
        }
        self.cache = Some(Up { made_from: Some(needs), it });
        Ok(())
    }

    /// Puts both stores back to their first state after a cell: the cache empty, in the database only
    /// what was written put back, and then all of it checked; loaded anew where that does not hold.
    ///
    /// # Errors
    /// Those of the stores.
    pub async fn restore(
        &mut self,
        cell: &Cell,
        touched: &Touched,
        observer: &dyn Observer,
    ) -> Result<(), TopologyError> {
        if cell.scenario.faults.iter().any(|fault| fault.nature().wears_nodes_out) {
            // Which nodes are there, and what they are, may not be what it was: the next cell gets new ones.
            if let Some(worn) = self.cache.as_ref().filter(|worn| worn.it.is_external()) {
                clear(&worn.it, observer).await?;
            }
            self.cache = None;
        }
        let (leads, meeting) = (self.leads(), self.meeting());
        if let Some(cache) = &mut self.cache {
            if leads {
                clear(&cache.it, observer).await?;
                cache.it.reset_limits().await?;
            }
            cache.made_from = Some(CacheNeeds::of(cell));
        }
        let Some(database) = &self.database else { return Ok(()) };
        observer.observe(Event::Step { what: "putting the database back to its first state".into() });
        let doing = || TopologyError::store("putting the database back to its first state");
        let documents = cell.scenario.documents();
        let store = connect(&database.it, cell).await?;
        dataset::restore(&store, &documents, touched).await.map_err(doing())?;
        if let Some(meeting) = meeting {
            let met = meeting.meet(cell.position as u64, MeetingPoint::Restored, observer).await;
            met.map_err(TopologyError::Unfit)?;
        }
        if !leads {
            return Ok(());
        }
        if !dataset::is_intact(&store, &documents, self.checksum).await.map_err(doing())? {
            let what = "the database did not come back to its first state by putting back what was written; it is loaded anew";
            observer.observe(Event::Warning { what: what.into() });
            load(&database.it, cell, observer).await?;
        }
        Ok(())
    }

    /// Describes what is up, for the run's record.
    pub async fn describe(&self) -> Vec<Server> {
        let mut described = Vec::new();
        if let Some(cache) = &self.cache {
            described.push(cache.it.describe().await);
        }
        if let Some(database) = &self.database {
            described.push(database.it.describe().await);
        }
        described
            .into_iter()
            .map(|(name, version, config)| {
                let lines: Vec<_> = config.iter().map(|(key, value)| format!("{key} {value}")).collect();
                Server { name, version, config: lines.join("\n") }
            })
            .collect()
    }

    /// Takes down what may be in a state that nobody knows; what cannot be tidied is told at the end. Where the user wants to
    /// leave, the rest is left to [`close`](Self::close).
    pub async fn abandon(&mut self, interrupt: &Interrupt, observer: &dyn Observer) {
        // hotset's own servers go with what they hold, and what segments share is the first one's.
        let leads = self.leads();
        if let Some(cache) = self.cache.as_ref().filter(|cache| leads && cache.it.is_external()) {
            let Some(cleared) = interrupt.cut(clear(&cache.it, observer)).await else { return };
            let cleared = cleared.map_err(|error| error.to_string());
            note(&mut self.left, keys_in(&cache.it, &self.run_prefix), cleared);
        }
        self.cache = None;
        if let Some(database) = self.database.as_ref().filter(|_| leads) {
            let Some(dropped) = interrupt.cut(database.it.drop_data()).await else { return };
            let dropped = dropped.map_err(|error| error.to_string());
            note(&mut self.left, data_in(&database.it), dropped);
        }
        if let Some(Err(error)) = self.database.take().map(|database| database.it.close()) {
            observer.observe(Event::Warning { what: error.to_string() });
        }
    }

    /// Takes everything down. On servers that were there before, nothing of this run is left; where the user wants to
    /// leave, one that does not answer is not waited for. Returns what could not be tidied away, each in a sentence.
    pub async fn close(mut self, interrupt: &Interrupt, observer: &dyn Observer) -> Vec<String> {
        let why = interrupt.is_set().then_some("it was interrupted");
        let left = std::mem::take(&mut self.meetings).into_values();
        let left = left.map(|meeting| async move { meeting.leave(why).await });
        // Whoever cannot be told finds out by itself.
        let _ = tokio::time::timeout(LEAVE_BOUND, futures_util::future::join_all(left)).await;
        let leads = self.leads();
        // What a server of this run holds goes with it, and one that a cell has just left holds nothing.
        if let Some(Up { it, .. }) =
            self.cache.take().filter(|up| leads && up.it.is_external() && up.made_from.is_none())
        {
            let what = keys_in(&it, &self.run_prefix);
            let clearing = clear_at_the_end(&it, interrupt, observer);
            let cleared = Box::pin(tidy(interrupt, observer, &what, it.describe(), clearing)).await;
            note(&mut self.left, what, cleared);
        }
        let mut stays = Vec::new();
        if let Some(Up { it, .. }) =
            self.database.take().filter(|up| leads && (up.it.is_external() || !interrupt.is_set()))
        {
            let what = data_in(&it);
            let dropped = Box::pin(tidy(interrupt, observer, &what, it.describe(), it.drop_data())).await;
            note(&mut self.left, what, dropped);
            stays.extend(it.close().err().map(|error| error.to_string()));
        }
        // Where this is cut, the supervisor goes on by itself, and ends when all is gone.
        let _ = interrupt.cut_after(SERVERS_BOUND, self.servers.close()).await;
        let left = self.left.iter().map(|(what, why)| format!("{what} may still be there: {why}"));
        left.chain(stays).collect()
    }
}

/// How the keys of a run in a cache are called.
fn keys_in(cache: &CacheDeployment, run_prefix: &str) -> String {
    match cache.endpoint() {
        CacheEndpoint::Local(_) => "entries in this process".into(),
        CacheEndpoint::Redis(endpoint) => {
            format!("keys that begin with \"{run_prefix}\" in the cache at {}", endpoint.url())
        }
    }
}

/// How the data of a run in a database are called.
fn data_in(database: &DatabaseDeployment) -> String {
    format!("data of this run at {}", database.endpoint().shown())
}

/// Keeps in mind what may still be somewhere, until it is removed from there.
fn note(left: &mut BTreeMap<String, String>, what: String, removed: Result<(), String>) {
    match removed {
        Ok(()) => left.remove(&what),
        Err(why) => left.insert(what, why),
    };
}

/// The longest time that the other segments may take to be told that this one ends.
const LEAVE_BOUND: Duration = Duration::from_millis(300);
/// The longest time that servers of this run may take to end once the user wants to leave.
const SERVERS_BOUND: Duration = Duration::from_millis(300);

async fn connect(
    database: &DatabaseDeployment,
    cell: &Cell,
) -> Result<impl crate::store::Database + use<>, TopologyError> {
    let endpoint = database.endpoint();
    endpoint
        .connect_directly(&cell.scenario.database)
        .await
        .map_err(TopologyError::store(format!("connecting to the database ({})", endpoint.shown())))
}

async fn load(
    database: &DatabaseDeployment,
    cell: &Cell,
    observer: &dyn Observer,
) -> Result<(), TopologyError> {
    let documents = cell.scenario.documents();
    let store = connect(database, cell).await?;
    let all = documents.len();
    let progress = |loaded| {
        if loaded % 10_000 == 0 || loaded == all {
            observer.observe(Event::Step { what: format!("loading {loaded} of {all} documents") });
        }
    };
    dataset::load(&store, &documents, progress).await.map_err(TopologyError::store("loading the dataset"))
}

fn breaks_links(cell: &Cell) -> bool {
    cell.scenario.faults.iter().any(|fault| fault.nature().part == Part::Link)
}

/// Calls a deployment with everything that it is made from.
async fn with_site<'a, T, F: Future<Output = Result<T, TopologyError>>>(
    servers: &'a ServerRoom,
    run_prefix: &'a str,
    relays: Option<&Relays>,
    cell: &'a Cell,
    deploy: impl FnOnce(DeploymentContext<'a>) -> F,
) -> Result<T, TopologyError> {
    let scenario = &*cell.scenario;
    let dataset = scenario.documents();
    let shape = cell.topology.spec.shape();
    // Where a primary may be another one tomorrow, each instance has one more connection by which it finds that out; those
    // to the nodes of a cluster do for that.
    let finds_out = shape.shards == 1 && (shape.fails_over || shape.reads_replicas);
    deploy(DeploymentContext {
        servers,
        run_prefix,
        cache: &scenario.cache,
        database: &scenario.database,
        documents: dataset.len(),
        document: Box::new(move |number| dataset.document(number)),
        cache_connections: scenario.workload.instances.get()
            * (scenario.workload.connections.get() + u64::from(finds_out)),
        relays: relays.cloned(),
        uses: driver::uses(cell),
        cache_cpus: &scenario.pin.cache,
        database_cpus: &scenario.pin.database,
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{Plan, PlanOptions};

    fn needs(cache_url: &str) -> CacheNeeds {
        let text = format!(
            "strategies = [\"cache-aside\"]\ntopologies = [{{ name = \"single\", url = \"{cache_url}\" }}]\n"
        );
        let plan = Plan::parse("test", "test.toml", &text, &PlanOptions::default()).unwrap();
        CacheNeeds::of(&plan.cells[0])
    }

    #[test]
    fn caches_that_differ_in_nothing_but_a_password_are_two() {
        let one = needs("redis://shop:one@127.0.0.1:6379");
        assert!(one == needs("redis://shop:one@127.0.0.1:6379"));
        assert!(one != needs("redis://shop:two@127.0.0.1:6379"), "what is displayed of both is the same");
    }
}
