//! Reading what was stored with a format: another format is known as such, whatever else changed.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An object of a result that says its format in a field `format`.
pub trait Stored: DeserializeOwned {
    /// The format that this program reads and writes.
    const FORMAT: u32;
}

/// Why stored bytes are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// They were written in this format; 0 where none is said, which was so before formats were
    /// kept.
    Format(u32),
    /// They are not what their format says.
    Content,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    format: u32,
}

/// Reads an object, after its format: one of another version fails for that reason alone.
pub fn read<T: Stored>(bytes: &[u8]) -> Result<T, Unreadable> {
    let said: Said = serde_json::from_slice(bytes).map_err(|_| Unreadable::Content)?;
    if said.format != T::FORMAT {
        return Err(Unreadable::Format(said.format));
    }
    serde_json::from_slice(bytes).map_err(|_| Unreadable::Content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{EVALUATION_FORMAT, Evaluation};
    use crate::history::History;
    use crate::profile::TableProfile;

    #[test]
    fn another_format_is_told_from_broken_content() {
        let profile = TableProfile::default();
        let bytes = serde_json::to_vec(&profile).expect("plain data serialises");
        assert_eq!(read::<TableProfile>(&bytes), Ok(profile));
        for (text, expected) in [
            (r#"{"rows": 3, "columns": []}"#, Unreadable::Format(0)),
            (r#"{"format": 9, "rows": "three"}"#, Unreadable::Format(9)),
            (r#"{"format": 1, "rows": "three"}"#, Unreadable::Content),
            ("", Unreadable::Content),
        ] {
            assert_eq!(read::<TableProfile>(text.as_bytes()), Err(expected));
        }
        let before = br#"{"epochs": []}"#;
        assert_eq!(read::<History>(before), Err(Unreadable::Format(0)));
        let mut found = Evaluation {
            format: EVALUATION_FORMAT,
            ..Evaluation::default()
        };
        let bytes = |found: &Evaluation| serde_json::to_vec(found).expect("plain data serialises");
        assert_eq!(read(&bytes(&found)), Ok(found.clone()));
        found.format += 1;
        let refused = Err(Unreadable::Format(found.format));
        assert_eq!(read::<Evaluation>(&bytes(&found)), refused);
    }
}
