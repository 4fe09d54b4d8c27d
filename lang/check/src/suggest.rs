//! "Did you mean": the known name that is nearest to a wrong one.

/// The longest name that is compared, in bytes; a longer one is never a typing error.
const NAME_BYTES_MAX: usize = 64;

/// How many candidates are compared: a table or a block that has more costs no more than this.
const CANDIDATES_MAX: usize = 5_000;

/// How many edits may lie between a wrong name and what it means.
fn allowed(word: &str) -> usize {
    (word.len() / 3).clamp(1, 3)
}

/// Whether a name is about as long as what a wrong one can mean.
pub(crate) fn is_near_length(word: &str, name: &str) -> bool {
    name.len().abs_diff(word.len()) <= allowed(word)
}

/// The candidate that differs least from `word`, if it differs by so little that it was surely
/// meant: one edit in three letters, at most three. Ties go to the first.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().take(CANDIDATES_MAX) {
        let limit = best.map_or(allowed(word), |(distance, _)| distance.saturating_sub(1));
        if candidate == word || candidate.len().abs_diff(word.len()) > limit {
            continue;
        }
        let nearer = distance(word, candidate, limit);
        let nearer = nearer.filter(|edits| best.is_none_or(|(least, _)| *edits < least));
        best = nearer.map(|edits| (edits, candidate)).or(best);
    }
    best.map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour; none if
/// that is more than `limit`.
fn distance(left: &str, right: &str, limit: usize) -> Option<usize> {
    if left.len() > NAME_BYTES_MAX || right.len() > NAME_BYTES_MAX {
        return None;
    }
    let (left, right) = (left.to_ascii_lowercase(), right.to_ascii_lowercase());
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let changed = above[column] + usize::from(letter != other);
            let mut least = changed.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped =
                row > 0 && column > 0 && *letter == right[column - 1] && left[row - 1] == *other;
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        // A later cell comes from this row or the one above it, and is never less than both.
        if above.iter().chain(&current).all(|edits| *edits > limit) {
            return None;
        }
        before = std::mem::replace(&mut above, current);
    }
    Some(above[right.len()]).filter(|edits| *edits <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_was_meant_and_nothing_else() {
        let known = ["capacity", "class", "encryption", "age", "retention"];
        for (word, meant) in [
            ("capacty", Some("capacity")),
            ("clsas", Some("class")),
            ("agee", Some("age")),
            ("encrytpion", Some("encryption")),
            ("Age", Some("age")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
