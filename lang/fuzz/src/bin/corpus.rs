//! Lays the texts of a corpus out as files, for the search, and gathers the files that it kept.
//!
//! `corpus unpack TARGET FOLDER` and `corpus pack TARGET FOLDER`.

use std::path::{Path, PathBuf};

/// How long a text may be that is kept: the tests go through all of them.
const TEXT_BYTES_MAX: usize = 2_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [does, target, folder] = words.as_slice() else {
        panic!("say `unpack` or `pack`, a target and a folder");
    };
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = kept.join("corpus").join(target).with_extension("json");
    match does.as_str() {
        "unpack" => unpack(&kept, Path::new(folder)),
        "pack" => pack(&kept, Path::new(folder)),
        other => panic!("`{other}` is neither `unpack` nor `pack`"),
    }
}

fn unpack(kept: &PathBuf, folder: &Path) {
    let texts = std::fs::read_to_string(kept).expect("a corpus that can be read");
    let texts: Vec<String> = serde_json::from_str(&texts).expect("a list of texts");
    std::fs::create_dir_all(folder).expect("a folder that can be made");
    for (place, text) in texts.iter().enumerate() {
        let file = folder.join(format!("{place:04}"));
        std::fs::write(file, text).expect("a file that can be written");
    }
}

fn pack(kept: &PathBuf, folder: &Path) {
    let files = std::fs::read_dir(folder).expect("a folder that can be read");
    let files = files.map(|file| file.expect("a file that can be read").path());
    let texts = files.map(|file| std::fs::read(file).expect("a file that can be read"));
    // The targets read bytes that are no text in the same way.
    let texts = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut texts: Vec<String> = texts.filter(|text| text.len() <= TEXT_BYTES_MAX).collect();
    texts.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    texts.dedup();
    let written = serde_json::to_string_pretty(&texts).expect("texts can be written");
    // Signs that nobody sees, or that turn the text around them, are written as what they are.
    let mut plain = String::new();
    for sign in written.chars().chain(['\n']) {
        match sign.is_ascii() {
            true => plain.push(sign),
            false => {
                let units = sign.encode_utf16(&mut [0; 2]).to_vec();
                plain.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    std::fs::write(kept, plain).expect("a corpus that can be written");
}
