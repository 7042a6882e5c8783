//! What is up while the cells run: the cache and the database of the last cell, kept for the next
//! one where it needs the same, put back to their first state in between.

use std::num::NonZeroU64;

use crate::application::touched::Touched;
use crate::application::{ApplicationSpec, Dataset, DatasetParameters};
use crate::base::observer::{Event, Observer};
use crate::results::Server;
use crate::run::driver::dataset::{self, Checksum};
use crate::run::fault::Part;
use crate::run::plan::Cell;
use crate::topology::settings::{CacheSettings, DatabaseKind, DatabaseSettings};
use crate::topology::{
    CacheDeployment, DatabaseDeployment, Deployed, DeploymentContext, Relays, ServerRoom, TopologyError,
    TopologySpec,
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

/// What is up.
pub struct Deployments {
    servers: ServerRoom,
    run_prefix: String,
    cache: Option<Up<CacheDeployment, CacheNeeds>>,
    database: Option<Up<DatabaseDeployment, DatabaseNeeds>>,
    checksum: Checksum,
    /// What connections go through, from the first cell on whose links are to be broken.
    relays: Option<Relays>,
}

impl Deployments {
    /// Nothing is up yet.
    #[must_use]
    pub fn new(run_prefix: &str) -> Self {
        Self {
            servers: ServerRoom::default(),
            run_prefix: run_prefix.to_owned(),
            cache: None,
            database: None,
            checksum: Checksum::default(),
            relays: None,
        }
    }

    /// Brings up what a cell needs, with the dataset loaded and the cache empty.
    ///
    /// # Errors
    /// Says what could not be started, reached or loaded.
    pub async fn prepare(
        &mut self,
        cell: &Cell,
        observer: &dyn Observer,
    ) -> Result<Deployed<'_>, TopologyError> {
        if breaks_links(cell) && self.relays.is_none() {
            let doing = |error| TopologyError::Unfit(format!("cannot start a relay: {error}"));
            self.relays = Some(Relays::start().map_err(doing)?);
        }
        self.prepare_database(cell, observer).await?;
        self.prepare_cache(cell, observer).await?;
        match (&self.cache, &self.database) {
            (Some(cache), Some(database)) => {
                Ok(Deployed { cache: &cache.it, database: &database.it, relays: self.relays_of(cell) })
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
        if let Some(old) = self.database.take() {
            old.it.remove().await?;
        }
        observer.observe(Event::Step { what: format!("starting the database ({})", kind.word()) });
        let it = with_site(&self.servers, &self.run_prefix, self.relays_of(cell), cell, |site| async move {
            DatabaseDeployment::deploy(kind, &site).await
        })
        .await?;
        self.checksum = Checksum::of(&scenario.documents());
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
        it.clear().await?;
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
            if let Some(worn) = self.cache.take()
                && worn.it.managed().is_none()
            {
                worn.it.clear().await?;
            }
        }
        if let Some(cache) = &self.cache {
            cache.it.clear().await?;
            cache.it.reset_limits().await?;
        }
        let Some(database) = &self.database else { return Ok(()) };
        observer.observe(Event::Step { what: "putting the database back to its first state".into() });
        let doing = || TopologyError::store("putting the database back to its first state");
        let documents = cell.scenario.documents();
        let store = connect(&database.it, cell).await?;
        dataset::restore(&store, &documents, touched).await.map_err(doing())?;
        if !dataset::is_intact(&store, &documents, self.checksum).await.map_err(doing())? {
            let what = "the database did not come back to its first state by putting back what was written; it is loaded anew";
            observer.observe(Event::Warning { what: what.into() });
            load(&database.it, cell, observer).await?;
        }
        Ok(())
    }

    /// What is up, for the run's record.
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

    /// Takes down what may be in a state that nobody knows; what cannot be tidied is left to the
    /// servers' end.
    pub async fn abandon(&mut self) {
        // hotset's own servers go with what they hold.
        if let Some(cache) = self.cache.take()
            && cache.it.managed().is_none()
        {
            let _ = cache.it.clear().await;
        }
        if let Some(database) = self.database.take() {
            let _ = database.it.remove().await;
        }
    }

    /// Takes everything down. On servers that were there before, nothing of this run is left.
    ///
    /// # Errors
    /// Says what could not be tidied away.
    pub async fn close(mut self) -> Result<(), TopologyError> {
        let mut tidied = Ok(());
        if let Some(cache) = self.cache.take() {
            tidied = tidied.and(cache.it.clear().await);
        }
        if let Some(database) = self.database.take() {
            tidied = tidied.and(database.it.remove().await);
        }
        self.servers.close().await;
        tidied
    }
}

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
