//! Guesses what was meant by a word that is not known.

use super::shortened;

/// The end of a message about an unknown word: the word that was probably meant, or all there are.
pub(super) fn hint(given: &str, known: &[&str]) -> String {
    if let Some(meant) = nearest(given, known) {
        return format!(": did you mean `{meant}`?");
    }
    match known {
        [] => String::new(),
        [only] => format!(": known here is `{only}`"),
        several => {
            let list: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            format!(": known here are {}", list.join(", "))
        }
    }
}

/// The known word that differs least, if it differs little.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = shortened(given).to_lowercase();
    known
        .iter()
        .map(|word| (distance(&given, word), *word))
        .filter(|(distance, word)| *distance <= word.chars().count().div_ceil(3).min(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many characters must be put in, taken out, changed or swapped with their neighbour to make one
/// word of the other (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let changed = usize::from(one[i - 1] != other[j - 1]);
            let mut least = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_slips_are_understood() {
        let known = ["say", "play", "gather", "pause", "send_digits", "hang_up"];
        let table = [
            ("sya", Some("say")),
            ("Say", Some("say")),
            ("gahter", Some("gather")),
            ("hangup", Some("hang_up")),
            ("hang-up", Some("hang_up")),
            ("sendDigits", Some("send_digits")),
            ("plays", Some("play")),
            ("dial", None),
            ("x", None),
            ("", None),
        ];
        for (given, meant) in table {
            assert_eq!(nearest(given, &known), meant, "{given}");
        }
    }

    #[test]
    fn distances_are_counted() {
        let table = [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
        ];
        for (one, other, expected) in table {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }
}
