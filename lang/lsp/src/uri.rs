//! `file:` URIs and paths.

use std::path::{Component, Path, PathBuf};

/// The path of a `file:` URI of this machine; none for any other URI.
pub(crate) fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    if !rest.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.bytes();
    while let Some(byte) = left.next() {
        match byte {
            b'%' => {
                let (high, low) = (digit(left.next()?)?, digit(left.next()?)?);
                bytes.push(high * 16 + low);
            }
            b'?' | b'#' => break,
            byte => bytes.push(byte),
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(normal(Path::new(&text)))
}

/// The `file:` URI of a path.
pub(crate) fn uri_of(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        match is_plain {
            true => uri.push(char::from(byte)),
            false => uri += &format!("%{byte:02X}"),
        }
    }
    uri
}

/// The path without `.` and `..`, as far as its text tells.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_again() {
        for path in ["/a/b.mlinfra", "/a b/\u{fc}%/c#?.mlinfra", "/c:/d.mlinfra"] {
            assert_eq!(path_of(&uri_of(Path::new(path))), Some(PathBuf::from(path)));
        }
    }

    #[test]
    fn editors_write_the_same_path_in_many_ways() {
        for uri in [
            "file:///a/b.mlinfra",
            "file://localhost/a/b.mlinfra",
            "file:///%61/b.mlinfra",
            "file:///a/x/../b.mlinfra",
        ] {
            assert_eq!(path_of(uri), Some(PathBuf::from("/a/b.mlinfra")), "{uri}");
        }
        for uri in [
            "untitled:one",
            "file://other/a",
            "file:///%zz",
            "file:///%ff",
            "",
        ] {
            assert_eq!(path_of(uri), None, "{uri}");
        }
    }
}
