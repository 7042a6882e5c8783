//! The processors that this process may use, by their own numbers: in a container or under `taskset` they need not begin
//! at 0.

/// The numbers, ascending.
#[must_use]
pub fn allowed() -> Vec<u64> {
    #[cfg(target_os = "linux")]
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        let numbers = 0..rustix::thread::CpuSet::MAX_CPU;
        return numbers.filter(|number| set.is_set(*number)).map(|number| number as u64).collect();
    }
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (0..processors as u64).collect()
}

/// The numbers in words, such as `0-3, 8`.
#[must_use]
pub fn in_words(numbers: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let range = |(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_told_in_ranges() {
        assert_eq!(in_words(&[0, 1, 2, 8]), "0-2, 8");
        assert_eq!(in_words(&[1]), "1");
        assert!(!allowed().is_empty());
    }
}
