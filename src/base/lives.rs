//! The versions of a document that is inserted and deleted while a load runs.
//!
//! A document has *lives*: what a run starts from is of life 0, each insert begins another, and a delete ends one. The
//! versions of a life are consecutive, and those of a later life are higher, so that whoever never puts an older version
//! over a newer one puts no document of an earlier life over one of a later life either, nor over the end of its own. The
//! end of a life, the absence of the document, has the highest version of that life.

/// So many bits of a version count the changes within a life: a million of them.
const CHANGES: u32 = 20;
const LAST_CHANGE: u64 = (1 << CHANGES) - 1;

/// The version at which a document is inserted.
#[must_use]
pub const fn first_version(life: u64) -> u64 {
    life << CHANGES
}

/// The version of the absence after the life that a version belongs to.
#[must_use]
pub const fn end_of_life(version: u64) -> u64 {
    version | LAST_CHANGE
}

/// The version of the absence before the life that a version belongs to; 0 before life 0, where there is none.
#[must_use]
pub const fn before_life(version: u64) -> u64 {
    (version & !LAST_CHANGE).saturating_sub(1)
}

/// Returns true if this version is an absence.
#[must_use]
pub const fn is_absence(version: u64) -> bool {
    version & LAST_CHANGE == LAST_CHANGE
}

/// The absence of a document that the run does not start with.
pub const NOT_YET: u64 = end_of_life(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_a_life_is_above_the_absence_before_it_and_below_the_one_after_it() {
        for life in 1..5 {
            let inserted = first_version(life);
            for version in [inserted, inserted + 1, inserted + 1000] {
                assert!(before_life(version) < version && version < end_of_life(version));
                assert!(!is_absence(version));
                assert_eq!(end_of_life(version) + 1, first_version(life + 1), "nothing is between two lives");
            }
            assert!(is_absence(before_life(inserted)) && is_absence(end_of_life(inserted)));
        }
        assert_eq!((before_life(1), before_life(first_version(1))), (0, NOT_YET));
    }
}
