//! Names of files that are made of names that people chose.

/// The longest that a name may be in bytes; file systems allow 255, and endings come on top.
const LONGEST: usize = 200;

/// The name of a cell's interval log within the results folder.
#[must_use]
pub fn interval_log_name(cell: &str) -> String {
    format!("{}.hlog", file_safe(cell))
}

/// The name of what was observed of a cell's segment, within the results folder.
#[must_use]
pub fn segment_record_name(cell: &str) -> String {
    format!("{}.segment.json", file_safe(cell))
}

/// The text as the name of a file or folder: itself where it is of letters, digits, `.`, `_`, `=` and `-`. Another is
/// made of such, with a digest behind it, so that texts that differ have names that differ.
#[must_use]
pub fn file_safe(text: &str) -> String {
    file_safe_within(text, LONGEST)
}

/// As [`file_safe`], and no longer than so many bytes, of which the digest needs nine.
#[must_use]
pub fn file_safe_within(text: &str, longest: usize) -> String {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '=' | '-');
    let safe: String = text.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    // A leading dot would hide the file, or climb out of the folder.
    let safe = safe.trim_start_matches('.');
    if safe == text && !safe.is_empty() && safe.len() <= longest {
        return safe.to_owned();
    }
    let digest = format!("-{:08x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()) as u32);
    let mut readable = if safe.is_empty() { "unnamed" } else { safe }.to_owned();
    while readable.len() + digest.len() > longest && readable.pop().is_some() {}
    readable + &digest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_cannot_leave_the_results_folder() {
        assert!(file_safe("../../etc/passwd").starts_with("-..-etc-passwd-"));
        assert!(file_safe("..").starts_with("unnamed-"));
        assert_eq!(file_safe("r1-cache-aside-single"), "r1-cache-aside-single");
        assert_eq!(interval_log_name("r1-a-b.s1t2-v3"), "r1-a-b.s1t2-v3.hlog");
    }

    #[test]
    fn names_of_texts_that_differ_differ_and_are_never_too_long() {
        let long = "路".repeat(300);
        let texts = [
            "a b",
            "a-b",
            "a/b",
            "场景",
            "测试",
            "",
            ".",
            "..",
            "\u{1b}[2J",
            &long,
            &long[3..],
            "é",
            "e\u{301}",
        ];
        let names: BTreeSet<String> = texts.iter().map(|text| file_safe(text)).collect();
        assert_eq!(names.len(), texts.len(), "{names:?}");
        assert!(names.iter().all(|name| name.len() <= LONGEST && !name.starts_with('.')));
        assert!(names.iter().all(|name| !name.contains(|c: char| c.is_control() || c == '/')));
        assert!(names.contains("场景") && names.contains("a-b"), "{names:?}");
        assert!(file_safe_within(&long, 80).len() <= 80);
    }
}
