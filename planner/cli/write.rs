//! Writing a file so that it is the old one or the new one at every instant, never half of either.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::problem::{Exit, Problem};
use crate::world::reason;

/// Replaces a file that somebody wrote, which keeps its permissions; a link stays a link.
pub(crate) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let file = fs::canonicalize(file)?;
    let mode = fs::metadata(&file)?.mode() & 0o777;
    whole(&file, text, mode)
}

/// Writes a result into the file that was named for it, which need not be there yet.
pub(crate) fn put(file: &Path, text: &str) -> Result<(), Problem> {
    let written = match file.exists() {
        true => replace(file, text),
        false => whole(file, text, 0o644),
    };
    written.map_err(|error| {
        Problem::new(Exit::Usage, "E1003", "a file can't be read or written")
            .detail(format!("{}: {}", file.display(), reason(error)))
            .help("name a file in a folder that you may write to")
    })
}

/// Writes a file of this mode beside the old one, and then takes its place.
pub(crate) fn whole(file: &Path, text: &str, mode: u32) -> io::Result<()> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut unfinished = OsString::from(".");
    unfinished.push(name);
    unfinished.push(".new");
    let unfinished = file.with_file_name(unfinished);
    // What a killed command left is in nobody's way.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut written = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&unfinished)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(&unfinished, file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_replaced_keeps_its_permissions_and_its_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (
            folder.path().join("a.mlinfra"),
            folder.path().join("b.mlinfra"),
        );
        fs::write(&file, "old").expect("it can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
        std::os::unix::fs::symlink(&file, &link).expect("a link can be made");
        // A killed command left this.
        fs::write(folder.path().join(".a.mlinfra.new"), "half").expect("it can be written");
        replace(&link, "new").expect("it can be replaced");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "new");
        let mode = fs::metadata(&file).expect("it is there").mode() & 0o777;
        assert_eq!(mode, 0o640);
        assert!(
            fs::symlink_metadata(&link)
                .expect("it is there")
                .is_symlink()
        );
        assert!(!folder.path().join(".a.mlinfra.new").exists());
    }
}
