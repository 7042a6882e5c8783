//! What is concluded of a cell, in one word.

use super::columns::words;

words! {
    /// The audit's verdicts on a guarantee.
    pub enum Verdict {
        /// Nothing was found that breaks it.
        Kept = "kept",
        /// Something was found that breaks it.
        Broken = "broken",
        /// It could not be held against what happened.
        Unknown = "unknown",
    }
}

words! {
    /// Where acknowledged writes wait that the database does not have yet.
    pub enum HeldIn {
        /// In the memory of the application's instances, where a crash of one loses them.
        Instances = "instances",
        /// In the cache, where a crash loses what it had neither persisted nor replicated.
        Cache = "cache",
    }
}

words! {
    /// The limits that may keep a cell from doing more.
    pub enum LimitedBy {
        /// As many operations as may be were under way and waiting for answers, and no server was busy.
        Clients = "clients",
        /// Every operation was under way as soon as it was due, and no server was busy: what answers them has a limit of its
        /// own, such as how many it serves at once.
        Answers = "answers",
        /// hotset itself had no processor time left.
        Hotset = "hotset",
        /// The cache servers had no processor time left.
        Cache = "cache",
        /// The database had no processor time left.
        Database = "database",
        /// Operations waited for a connection to the database.
        DatabaseConnections = "database connections",
        /// No more was asked for.
        OfferedLoad = "offered load",
        /// The machine as a whole had no processor time left.
        Machine = "machine",
    }
}
