//! "Did you mean": the nearest of a few names.

/// The candidate nearest to `name`, if it is near enough to be a slip: the same but for case and
/// blanks, or one edit away for every three letters.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = fold(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&folded, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= folded.len().div_ceil(3).min(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Lower case, without what people vary.
fn fold(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .take(100)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["age", "credit_amount", "housing"];
        assert_eq!(nearest("Credit Amount", names), Some("credit_amount"));
        assert_eq!(nearest("credit_amuont", names), Some("credit_amount"));
        assert_eq!(nearest("agee", names), Some("age"));
        assert_eq!(nearest("aeg", names), Some("age"));
        assert_eq!(nearest("telephone", names), None);
        assert_eq!(nearest("", names), None);
    }
}
