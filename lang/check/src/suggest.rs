//! "Did you mean": the known name that is nearest to a wrong one.

/// The longest name that is compared, in bytes; a longer one is never a typing error.
const NAME_BYTES_MAX: usize = 64;

/// How many candidates are compared: a table or a block that has more costs no more than this.
const CANDIDATES_MAX: usize = 5_000;

/// How many names a finding asks about.
const NAMES_MAX: usize = 3;

/// A word shorter than this is a prefix of too many others.
const PREFIX_BYTES_MIN: usize = 3;

/// What a wrong name may mean: the known names that are nearest to it, all equally near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meant<'c> {
    names: [Option<&'c str>; NAMES_MAX],
    is_sure: bool,
}

impl<'c> Meant<'c> {
    /// The first of them.
    pub(crate) fn first(self) -> &'c str {
        self.names[0].unwrap_or_default()
    }

    /// The name, if it is the only one and surely the one: it may be put in place of the wrong one.
    pub(crate) fn sure(self) -> Option<&'c str> {
        self.names[0].filter(|_| self.is_sure)
    }

    /// The question that a finding asks.
    pub(crate) fn question(self) -> String {
        let names: Vec<String> = (self.names.iter().flatten())
            .map(|name| format!("`{name}`"))
            .collect();
        let names = match names.as_slice() {
            [first, middle @ .., last] if !middle.is_empty() => {
                format!("{first}, {} or {last}", middle.join(", "))
            }
            names => names.join(" or "),
        };
        format!("did you mean {names}?")
    }

    /// Several names, none of which is surely the one.
    fn several(all: impl IntoIterator<Item = &'c str>) -> Self {
        let mut names = [None; NAMES_MAX];
        for (place, name) in names.iter_mut().zip(all) {
            *place = Some(name);
        }
        let is_sure = false;
        Meant { names, is_sure }
    }
}

impl<'c> From<&'c str> for Meant<'c> {
    /// A name that is surely the one.
    fn from(name: &'c str) -> Self {
        Meant {
            names: [Some(name), None, None],
            is_sure: true,
        }
    }
}

impl<'c> From<&'c String> for Meant<'c> {
    fn from(name: &'c String) -> Self {
        Meant::from(name.as_str())
    }
}

/// How many edits may lie between a wrong name and what it means. A name of one or two letters is
/// as near to every other one: of it, only another spelling of the same letters is meant.
fn allowed(word: &str) -> usize {
    (word.len() / 3).min(3)
}

/// Whether so few edits are surely a typing error: one in four letters, or in a word of three one
/// that is left out or swapped with its neighbour.
fn is_sure(word: &str, candidate: &str, edits: usize) -> bool {
    let sorted = |name: &str| {
        let mut letters = name.to_ascii_lowercase().into_bytes();
        letters.sort_unstable();
        letters
    };
    edits <= word.len() / 4
        || word.len() == 3 && (candidate.len() > 3 || sorted(word) == sorted(candidate))
}

/// Whether a name is about as long as what a wrong one can mean, or goes on behind it.
pub(crate) fn is_near_length(word: &str, name: &str) -> bool {
    name.len().abs_diff(word.len()) <= allowed(word) || is_begun(word, name)
}

/// Whether the name begins with the word, and a part of its own follows: `a100`, `a100_80gb`.
fn is_begun(word: &str, name: &str) -> bool {
    word.len() >= PREFIX_BYTES_MIN
        && name.as_bytes().get(word.len()) == Some(&b'_')
        && (name.get(..word.len())).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}

/// What a wrong name may mean. Names that begin with it come first; then those that differ from it
/// least, if by so little that one of them was surely meant: one edit in three letters, at most
/// three.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<Meant<'c>> {
    let mut best: Vec<&str> = Vec::new();
    let mut begun: Vec<&str> = Vec::new();
    let mut least = allowed(word);
    for candidate in candidates.into_iter().take(CANDIDATES_MAX) {
        if is_begun(word, candidate) && begun.len() < NAMES_MAX && !begun.contains(&candidate) {
            begun.push(candidate);
        }
        if candidate == word || candidate.len().abs_diff(word.len()) > least {
            continue;
        }
        let Some(edits) = distance(word, candidate, least) else {
            continue;
        };
        if edits < least {
            best.clear();
            least = edits;
        }
        if !best.contains(&candidate) && best.len() < NAMES_MAX {
            best.push(candidate);
        }
    }
    match best.as_slice() {
        _ if !begun.is_empty() && least > 0 => Some(Meant::several(begun)),
        [] => None,
        [only] => Some(Meant {
            is_sure: is_sure(word, only, least),
            ..Meant::from(*only)
        }),
        _ => Some(Meant::several(best)),
    }
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour; none if
/// that is more than `limit`.
fn distance(left: &str, right: &str, limit: usize) -> Option<usize> {
    #[cfg(test)]
    tests::COMPARED.with(|compared| compared.set(compared.get() + 1));
    if left.len() > NAME_BYTES_MAX || right.len() > NAME_BYTES_MAX {
        return None;
    }
    // What both begin with costs nothing, and most names of one spec begin alike.
    let same = |pair: &(u8, u8)| pair.0.eq_ignore_ascii_case(&pair.1);
    let alike = left.bytes().zip(right.bytes()).take_while(same).count();
    let (left, right) = (&left.as_bytes()[alike..], &right.as_bytes()[alike..]);
    let beyond = limit + 1;
    let mut before = [beyond; NAME_BYTES_MAX + 1];
    let mut above = [beyond; NAME_BYTES_MAX + 1];
    let mut current = [beyond; NAME_BYTES_MAX + 1];
    for (column, edits) in above[..=right.len().min(limit)].iter_mut().enumerate() {
        *edits = column;
    }
    for (row, letter) in left.iter().enumerate() {
        // What is farther from the diagonal than the limit takes more edits than it.
        let (first, last) = (row.saturating_sub(limit), right.len().min(row + beyond));
        current[first] = match first {
            0 => row + 1,
            _ => beyond,
        };
        let mut least = current[first];
        for column in first..last {
            let other = &right[column];
            let is_same = letter.eq_ignore_ascii_case(other);
            let changed = above[column] + usize::from(!is_same);
            let mut edits = changed.min(above[column + 1] + 1).min(current[column] + 1);
            let is_swapped = row > 0
                && column > 0
                && letter.eq_ignore_ascii_case(&right[column - 1])
                && left[row - 1].eq_ignore_ascii_case(other);
            if is_swapped {
                edits = edits.min(before[column - 1] + 1);
            }
            current[column + 1] = edits.min(beyond);
            least = least.min(edits);
        }
        current[last + 1..].fill(beyond);
        // A later cell comes from this row or the one above it, and is never less than both.
        if least > limit && above[..=right.len()].iter().all(|edits| *edits > limit) {
            return None;
        }
        before = std::mem::replace(&mut above, current);
    }
    Some(above[right.len()]).filter(|edits| *edits <= limit)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// How many pairs of names this thread compared.
        pub(crate) static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// The same without any limit, as it is defined.
    fn defined(left: &[u8], right: &[u8]) -> usize {
        let (Some((a, left_rest)), Some((b, right_rest))) = (left.split_last(), right.split_last())
        else {
            return left.len().max(right.len());
        };
        let changed = defined(left_rest, right_rest) + usize::from(a != b);
        let least = changed
            .min(defined(left_rest, right) + 1)
            .min(defined(left, right_rest) + 1);
        match (left_rest.split_last(), right_rest.split_last()) {
            (Some((c, left_two)), Some((d, right_two))) if a == d && b == c => {
                least.min(defined(left_two, right_two) + 1)
            }
            _ => least,
        }
    }

    #[test]
    fn a_limited_distance_is_the_distance_as_far_as_it_goes() {
        let words = [
            "", "a", "b", "ab", "ba", "abc", "acb", "bac", "abcd", "badc", "cab", "aabb", "bbaa",
            "abab", "dcba", "axbc", "xxxxx", "abxcd",
        ];
        for left in words {
            for right in words {
                let edits = defined(left.as_bytes(), right.as_bytes());
                for limit in 1..=3 {
                    let wanted = Some(edits).filter(|edits| *edits <= limit);
                    assert_eq!(
                        distance(left, right, limit),
                        wanted,
                        "{left} {right} {limit}"
                    );
                }
            }
        }
    }

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
            let found = nearest(word, known);
            assert_eq!(found.and_then(Meant::sure), meant, "{word}");
        }
    }

    #[test]
    fn what_is_not_sure_is_asked() {
        let asked = |word: &str, known: &[&'static str]| {
            let meant = nearest(word, known.iter().copied())?;
            Some((meant.sure(), meant.question()))
        };
        let several = (None, "did you mean `name2` or `name3`?".to_owned());
        assert_eq!(asked("name1", &["name2", "name3"]), Some(several));
        let begun = (None, "did you mean `a100_40gb` or `a100_80gb`?".to_owned());
        let machines = ["a10g", "a100_40gb", "a100_80gb"];
        assert_eq!(asked("a100", &machines), Some(begun));
        let far = (None, "did you mean `report`?".to_owned());
        assert_eq!(asked("record", &["report"]), Some(far));
        let same = (Some("DE"), "did you mean `DE`?".to_owned());
        assert_eq!(asked("de", &["DE"]), Some(same));
        assert_eq!(asked("DE", &["d"]), None);
        assert_eq!(asked("z", &["c"]), None);
    }

    struct One(String);

    impl crate::World for One {
        fn read(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.clone().into_bytes())
        }

        fn parameter(&self, _: &str) -> Option<String> {
            None
        }

        fn parameter_names(&self) -> Vec<String> {
            Vec::new()
        }
    }

    /// How many pairs of names checking a text compares, and how many findings it tells.
    fn work(text: String) -> (usize, usize) {
        let before = COMPARED.get();
        let checked = crate::check(&One(text), "main.mlinfra");
        (COMPARED.get() - before, checked.diagnostics.len())
    }

    #[test]
    fn many_wrong_names_are_not_all_compared_with_all_names() {
        let most = crate::budget::NAMES_COMPARED_MAX as usize;
        let one = |line: usize| format!("let abcdef{line} = abcdeg{line}\n");
        let text = |lines: usize| (0..lines).map(one).collect::<String>();
        // A few are: each of a hundred names with all of them.
        let (few, told) = work(text(100));
        assert!((9_000..=most).contains(&few), "{few}");
        assert_eq!(told, 100);
        for lines in [1_000, 2_000, 4_000] {
            // A little is beside the budget: words of the library, and that for each line alike.
            let (many, told) = work(text(lines));
            assert!(many <= most + 20 * lines, "{lines}: {many}");
            assert_eq!(told, 101);
        }
    }

    #[test]
    fn the_first_of_many_wrong_names_still_have_a_suggestion() {
        let right = (0..1_000).map(|line| format!("let name{line} = 1\n"));
        let wrong = (0..1_000).map(|line| format!("let x{line} = naem{line}\n"));
        let text: String = right.chain(wrong).collect();
        let checked = crate::check(&One(text), "main.mlinfra");
        let mended = checked.diagnostics.iter().take(75);
        let asks = |finding: &crate::Diagnostic| {
            finding
                .help
                .iter()
                .any(|help| help.contains("did you mean"))
        };
        assert!(mended.into_iter().all(asks));
    }
}
