//! Files of numbers with weights: how often each key is asked for, or how many values have each size.

use std::fs;

/// The lines of such a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WeightedNumbers {
    /// The name of the first column, one of those that were asked for.
    pub name: &'static str,
    /// Each number with its weight, in the order of the file; at least one weight is above 0.
    pub rows: Vec<(u64, f64)>,
}

/// Reads a file whose header is one of these names and `weight`.
///
/// # Errors
/// Says which file and line, why it cannot be read, and what belongs there.
pub(super) fn read(path: &str, names: &[&'static str]) -> Result<WeightedNumbers, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    parse(&text, names).map_err(|reason| format!("{path}, {reason}"))
}

fn parse(text: &str, names: &[&'static str]) -> Result<WeightedNumbers, String> {
    let mut lines = text.lines().map(str::trim).zip(1_u64..).filter(|(line, _)| !line.is_empty());
    let is_header = |name: &str, line: &str| line.split(',').map(str::trim).eq([name, "weight"]);
    let header = lines.next().map_or("", |(line, _)| line);
    let Some(&name) = names.iter().find(|name| is_header(name, header)) else {
        let wanted: Vec<String> = names.iter().map(|name| format!("`{name},weight`")).collect();
        return Err(format!("line 1: \"{header}\" is not the header; write {}", wanted.join(" or ")));
    };
    let mut rows = Vec::new();
    for (line, at) in lines {
        let wrong = |what: String| {
            format!("line {at}: {what}; write a whole number, a comma and its weight, as 17,0.25")
        };
        let (number, weight) =
            line.split_once(',').ok_or_else(|| wrong(format!("\"{line}\" has no comma")))?;
        let number: u64 =
            number.trim().parse().map_err(|_| wrong(format!("\"{number}\" is no whole number")))?;
        let weight = weight.trim().parse::<f64>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0);
        rows.push((number, weight.ok_or_else(|| wrong("the weight is no number of 0 or more".into()))?));
    }
    if rows.iter().all(|(_, weight)| *weight == 0.0) {
        return Err("which has no line with a weight above 0; give one or more".into());
    }
    Ok(WeightedNumbers { name, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_weights_and_by_the_name_of_their_column() {
        let read = parse("key, weight\r\n\n7,0.5\n 3 , 2 \n", &["rank", "key"]).unwrap();
        assert_eq!((read.name, read.rows), ("key", vec![(7, 0.5), (3, 2.0)]));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, part) in [
            ("", "line 1: \"\" is not the header; write `rank,weight`"),
            ("rank;weight", "is not the header"),
            ("rank,weight\n1,2\n2", "line 3: \"2\" has no comma"),
            ("rank,weight\n-1,2", "line 2: \"-1\" is no whole number"),
            ("rank,weight\n1,-2", "line 2: the weight is no number of 0 or more"),
            ("rank,weight\n1,inf", "the weight is no number"),
            ("rank,weight\n1,0\n", "no line with a weight above 0"),
        ] {
            let message = parse(text, &["rank"]).unwrap_err();
            assert!(message.contains(part), "{text:?}: {message}");
        }
        assert!(read("/nowhere/a.csv", &["rank"]).unwrap_err().starts_with("/nowhere/a.csv cannot be read"));
    }
}
