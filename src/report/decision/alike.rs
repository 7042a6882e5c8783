//! What is said of several groups in the same words is said once.

use super::said::{DecisionPart, Sentence};
use crate::report::format;

/// Moves what several parts say word by word into a part before them; where only some of them say it, these are named.
pub fn told_once(mut parts: Vec<DecisionPart>) -> Vec<DecisionPart> {
    let mut known: Vec<(Sentence, Vec<usize>)> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        for sentence in &part.sentences {
            match known.iter_mut().find(|(one, _)| one == sentence) {
                Some((_, places)) => places.push(at),
                None => known.push((sentence.clone(), vec![at])),
            }
        }
    }
    known.retain(|(_, places)| places.len() > 1);
    if known.is_empty() {
        return parts;
    }
    for part in &mut parts {
        part.sentences.retain(|sentence| known.iter().all(|(alike, _)| alike != sentence));
    }
    let name = |at: &usize| format::quoted(&parts[*at].heading).into_owned();
    let told = |(Sentence { tone, text }, places): &(Sentence, Vec<usize>)| {
        let text = if places.len() == parts.len() {
            text.clone()
        } else {
            format!("{}: {text}", format::list(&places.iter().map(name).collect::<Vec<_>>()))
        };
        Sentence { tone: *tone, text }
    };
    let sentences = known.iter().map(told).collect();
    let is_of_all = known.iter().all(|(_, places)| places.len() == parts.len());
    let names: Vec<&str> = parts.iter().map(|part| part.heading.as_str()).collect();
    let several = if is_of_all { "" } else { "several of " };
    let heading = format!("The same at {several}{}", names.join(" · "));
    parts.retain(|part| !part.sentences.is_empty());
    parts.insert(0, DecisionPart { heading, sentences });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::decision::said::Tone;

    fn part(heading: &str, texts: &[&str]) -> DecisionPart {
        let sentence = |text: &&str| Sentence { tone: Tone::Doubt, text: (*text).into() };
        DecisionPart { heading: heading.into(), sentences: texts.iter().map(sentence).collect() }
    }

    #[test]
    fn what_all_or_several_say_in_the_same_words_is_said_once_and_what_differs_stays() {
        let parts = told_once(vec![
            part("single, capacity = 15%", &["Own to this.", "Each strategy ran once.", "Lease lost 3."]),
            part("cluster", &["Each strategy ran once.", "Lease lost 3."]),
            part("sentinel", &["Each strategy ran once.", "Lease lost 4."]),
        ]);
        let expected = [
            part(
                "The same at several of single, capacity = 15% · cluster · sentinel",
                &[
                    "Each strategy ran once.",
                    "\u{201c}single, capacity = 15%\u{201d} and cluster: Lease lost 3.",
                ],
            ),
            part("single, capacity = 15%", &["Own to this."]),
            part("sentinel", &["Lease lost 4."]),
        ];
        assert_eq!(parts, expected, "a part of which nothing is left is none");
    }

    #[test]
    fn where_nothing_is_alike_nothing_is_moved() {
        let parts = vec![part("single", &["a"]), part("cluster", &["b"])];
        assert_eq!(told_once(parts.clone()), parts);
        let one = vec![part("", &["a"])];
        assert_eq!(told_once(one.clone()), one);
    }
}
