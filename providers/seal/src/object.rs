//! Sealed objects: header, chunks, ranges, and their one-line form for texts.

use std::io;
use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::SealFault;
use crate::key::{SealKey, fill_random};

/// Plain bytes in every chunk but the last.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Name and version of the format.
const MAGIC: [u8; 8] = *b"mlseal\x00\x01";
const SALT_BYTES: usize = 32;
const PREFIX_BYTES: usize = 7;
const HEADER_BYTES: usize = MAGIC.len() + SALT_BYTES + PREFIX_BYTES;
const TAG_BYTES: usize = 16;
const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// What a sealed text begins with, so that none is taken for a plain one.
const TEXT_MARK: &str = "sealed1:";

/// Seals a whole object. `context` says whose bytes they are (the object's name): they open under
/// the same context only. Two calls never give the same bytes.
///
/// # Panics
/// If the object has more than 2^32 chunks (256 TiB), which no memory holds.
pub fn seal(key: &SealKey, context: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut header = [0; HEADER_BYTES];
    header[..MAGIC.len()].copy_from_slice(&MAGIC);
    fill_random(&mut header[MAGIC.len()..]);
    let cipher = Cipher::new(key, context, &header);
    let length = sealed_length(plain.len() as u64);
    let mut sealed = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    sealed.extend_from_slice(&header);
    let chunks = plain.len().div_ceil(CHUNK_BYTES).max(1);
    for index in 0..chunks {
        let start = index * CHUNK_BYTES;
        let end = plain.len().min(start + CHUNK_BYTES);
        let place = sealed.len();
        sealed.extend_from_slice(&plain[start..end]);
        let tag = cipher.seal(index as u64, index + 1 == chunks, &mut sealed[place..]);
        sealed.extend_from_slice(&tag);
    }
    sealed
}

/// Opens a whole object.
///
/// # Errors
/// `Broken` if a bit was flipped, the object was cut or lengthened, its chunks were reordered, or
/// it was sealed with another key or context.
pub fn open(key: &SealKey, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealFault> {
    let plain = plain_length(sealed.len() as u64).ok_or(SealFault::Broken)?;
    let (header, body) = sealed.split_at(HEADER_BYTES);
    let cipher = Cipher::of_header(key, context, header)?;
    let chunks = body.len().div_ceil(SEALED_CHUNK_BYTES);
    let mut opened = Vec::with_capacity(usize::try_from(plain).unwrap_or(0));
    for (index, chunk) in body.chunks(SEALED_CHUNK_BYTES).enumerate() {
        cipher.open(index as u64, index + 1 == chunks, chunk, &mut opened)?;
    }
    Ok(opened)
}

/// Opens a range of an object, reading only the header and the chunks that the range touches.
/// `read` gives the sealed bytes of a range.
///
/// What comes back is proved to be the object's bytes at that place. That nothing is missing
/// behind it is proved only where the range reaches the object's last chunk.
///
/// # Errors
/// `Broken` as for [`open`]; `Range` if it reaches beyond the end; what `read` says.
pub fn open_range(
    key: &SealKey,
    context: &[u8],
    total_sealed_length: u64,
    read: &mut dyn FnMut(Range<u64>) -> io::Result<Vec<u8>>,
    plain_range: Range<u64>,
) -> Result<Vec<u8>, SealFault> {
    let plain = plain_length(total_sealed_length).ok_or(SealFault::Broken)?;
    if plain_range.start > plain_range.end || plain_range.end > plain {
        return Err(SealFault::Range);
    }
    let mut read_exactly = |range: Range<u64>| {
        let length = range.end - range.start;
        let bytes = read(range).map_err(|error| SealFault::io("reading an object", error))?;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(SealFault::Broken),
        }
    };
    let header = read_exactly(0..HEADER_BYTES as u64)?;
    let cipher = Cipher::of_header(key, context, &header)?;
    let (chunk_plain, chunk_sealed) = (CHUNK_BYTES as u64, SEALED_CHUNK_BYTES as u64);
    let chunks = plain.div_ceil(chunk_plain).max(1);
    let first = (plain_range.start / chunk_plain).min(chunks - 1);
    let last = plain_range
        .end
        .div_ceil(chunk_plain)
        .clamp(first + 1, chunks);
    let place = |chunk: u64| (HEADER_BYTES as u64 + chunk * chunk_sealed).min(total_sealed_length);
    let body = read_exactly(place(first)..place(last))?;
    let mut opened = Vec::with_capacity(body.len());
    for (index, chunk) in (first..).zip(body.chunks(SEALED_CHUNK_BYTES)) {
        cipher.open(index, index + 1 == chunks, chunk, &mut opened)?;
    }
    let skip = usize::try_from(plain_range.start - first * chunk_plain)
        .expect("less than the bytes read into memory");
    let length = usize::try_from(plain_range.end - plain_range.start)
        .expect("at most the bytes read into memory");
    opened.truncate(skip + length);
    opened.drain(..skip);
    Ok(opened)
}

/// How many bytes an object of this sealed length has when opened; none if no sealed object has
/// that length.
pub fn plain_length(sealed_length: u64) -> Option<u64> {
    let body = sealed_length.checked_sub(HEADER_BYTES as u64)?;
    let full = body / SEALED_CHUNK_BYTES as u64;
    let rest = body % SEALED_CHUNK_BYTES as u64;
    let plain = full * CHUNK_BYTES as u64;
    match rest.checked_sub(TAG_BYTES as u64) {
        _ if rest == 0 => (full > 0).then_some(plain),
        // Only an empty object has an empty chunk.
        Some(0) => (full == 0).then_some(0),
        Some(last) => Some(plain + last),
        None => None,
    }
}

/// How many bytes an object of this plain length has when sealed.
pub fn sealed_length(plain_length: u64) -> u64 {
    let chunks = plain_length.div_ceil(CHUNK_BYTES as u64).max(1);
    HEADER_BYTES as u64 + plain_length + chunks * TAG_BYTES as u64
}

/// Whether bytes begin as a sealed object does, of this or of another version. Proves nothing.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC[..6])
}

/// Seals a text into one line of ASCII, for a journal.
pub fn seal_text(key: &SealKey, context: &str, text: &str) -> String {
    let sealed = seal(key, context.as_bytes(), text.as_bytes());
    format!("{TEXT_MARK}{}", hex::encode(sealed))
}

/// Opens what [`seal_text`] gave.
///
/// # Errors
/// `Broken` as for [`open`].
pub fn open_text(key: &SealKey, context: &str, line: &str) -> Result<String, SealFault> {
    let digits = line.strip_prefix(TEXT_MARK).ok_or(SealFault::Broken)?;
    // Upper-case digits would be a second spelling of the same bytes.
    if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(SealFault::Broken);
    }
    let sealed = hex::decode(digits).map_err(|_| SealFault::Broken)?;
    String::from_utf8(open(key, context.as_bytes(), &sealed)?).map_err(|_| SealFault::Broken)
}

/// The cipher of one object.
struct Cipher {
    key: LessSafeKey,
    prefix: [u8; PREFIX_BYTES],
    /// The header, whose length is fixed, and the context.
    associated: Vec<u8>,
}

impl Cipher {
    fn new(key: &SealKey, context: &[u8], header: &[u8; HEADER_BYTES]) -> Self {
        let salt = &header[MAGIC.len()..MAGIC.len() + SALT_BYTES];
        let object_key = key.expand(salt, b"mlinfra-seal-1 object");
        let key = UnboundKey::new(&AES_256_GCM, &object_key[..])
            .expect("AES-256 takes every key of 32 bytes");
        let mut prefix = [0; PREFIX_BYTES];
        prefix.copy_from_slice(&header[MAGIC.len() + SALT_BYTES..]);
        Cipher {
            key: LessSafeKey::new(key),
            prefix,
            associated: [header, context].concat(),
        }
    }

    fn of_header(key: &SealKey, context: &[u8], header: &[u8]) -> Result<Self, SealFault> {
        let header: &[u8; HEADER_BYTES] = header.try_into().map_err(|_| SealFault::Broken)?;
        match header.starts_with(&MAGIC) {
            true => Ok(Cipher::new(key, context, header)),
            false => Err(SealFault::Broken),
        }
    }

    fn nonce(&self, index: u64, last: bool) -> Option<Nonce> {
        let mut nonce = [0; 12];
        nonce[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        nonce[PREFIX_BYTES..11].copy_from_slice(&u32::try_from(index).ok()?.to_be_bytes());
        nonce[11] = u8::from(last);
        Some(Nonce::assume_unique_for_key(nonce))
    }

    /// Encrypts a chunk where it is and gives its tag.
    fn seal(&self, index: u64, last: bool, chunk: &mut [u8]) -> Vec<u8> {
        let nonce = self
            .nonce(index, last)
            .expect("2^32 chunks fit in no memory");
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&self.associated), chunk)
            .expect("a chunk is far below the cipher's limit of 64 GiB");
        tag.as_ref().to_vec()
    }

    /// Decrypts a chunk to the end of `opened`, which is as before if the chunk is broken.
    fn open(
        &self,
        index: u64,
        last: bool,
        chunk: &[u8],
        opened: &mut Vec<u8>,
    ) -> Result<(), SealFault> {
        let nonce = self.nonce(index, last).ok_or(SealFault::Broken)?;
        let place = opened.len();
        opened.extend_from_slice(chunk);
        let aad = Aad::from(&self.associated);
        match self.key.open_in_place(nonce, aad, &mut opened[place..]) {
            Ok(plain) => {
                let length = plain.len();
                opened.truncate(place + length);
                Ok(())
            }
            Err(_) => {
                opened.truncate(place);
                Err(SealFault::Broken)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SealKey {
        SealKey::from_bytes([7; 32])
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 31 + i / 251) as u8).collect()
    }

    fn lengths() -> Vec<usize> {
        let mut lengths = vec![0, 1, 15, 16, 17, 1000];
        for chunks in 1..=3 {
            lengths.extend([chunks * CHUNK_BYTES - 1, chunks * CHUNK_BYTES]);
            lengths.push(chunks * CHUNK_BYTES + 1);
        }
        lengths
    }

    fn broken(result: Result<Vec<u8>, SealFault>) -> bool {
        matches!(result, Err(SealFault::Broken))
    }

    #[test]
    fn what_was_sealed_opens() {
        for length in lengths() {
            let plain = pattern(length);
            let sealed = seal(&key(), b"name", &plain);
            assert_eq!(open(&key(), b"name", &sealed).unwrap(), plain);
            assert_eq!(sealed.len() as u64, sealed_length(length as u64));
            assert_eq!(plain_length(sealed.len() as u64), Some(length as u64));
            assert!(is_sealed(&sealed));
        }
    }

    #[test]
    fn two_seals_of_the_same_bytes_differ() {
        let plain = pattern(100);
        let (one, other) = (seal(&key(), b"n", &plain), seal(&key(), b"n", &plain));
        assert_ne!(one[HEADER_BYTES..], other[HEADER_BYTES..]);
        assert!(!one.windows(16).any(|window| window == &plain[..16]));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = seal(&key(), b"name", &pattern(40));
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(broken(open(&key(), b"name", &changed)), "bit {bit}");
        }
        let sealed = seal(&key(), b"name", &pattern(2 * CHUNK_BYTES + 5));
        for place in (0..sealed.len()).step_by(997).chain([sealed.len() - 1]) {
            let mut changed = sealed.clone();
            changed[place] ^= 0x10;
            assert!(broken(open(&key(), b"name", &changed)), "byte {place}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let sealed = seal(&key(), b"name", &pattern(40));
        for length in 0..sealed.len() {
            assert!(broken(open(&key(), b"name", &sealed[..length])), "{length}");
        }
        for plain in [2 * CHUNK_BYTES, 3 * CHUNK_BYTES, 2 * CHUNK_BYTES + 1] {
            let sealed = seal(&key(), b"name", &pattern(plain));
            for chunks in 0..3 {
                let end = (HEADER_BYTES + chunks * SEALED_CHUNK_BYTES).min(sealed.len() - 1);
                assert!(broken(open(&key(), b"name", &sealed[..end])));
            }
            let longer = [sealed.as_slice(), &[0; 40]].concat();
            assert!(broken(open(&key(), b"name", &longer)));
        }
    }

    #[test]
    fn chunks_in_another_order_are_noticed() {
        let sealed = seal(&key(), b"name", &pattern(3 * CHUNK_BYTES));
        let (header, body) = sealed.split_at(HEADER_BYTES);
        let chunks: Vec<&[u8]> = body.chunks(SEALED_CHUNK_BYTES).collect();
        for order in [[1, 0, 2], [0, 2, 1], [2, 1, 0], [0, 0, 2], [1, 2, 0]] {
            let mut changed = header.to_vec();
            order
                .iter()
                .for_each(|&i| changed.extend_from_slice(chunks[i]));
            assert!(broken(open(&key(), b"name", &changed)), "{order:?}");
        }
        let without_middle = [header, chunks[0], chunks[2]].concat();
        assert!(broken(open(&key(), b"name", &without_middle)));
        let other = seal(&key(), b"name", &pattern(3 * CHUNK_BYTES));
        let mixed = [
            &sealed[..HEADER_BYTES + SEALED_CHUNK_BYTES],
            &other[HEADER_BYTES + SEALED_CHUNK_BYTES..],
        ]
        .concat();
        assert!(
            broken(open(&key(), b"name", &mixed)),
            "chunks of two objects"
        );
    }

    #[test]
    fn another_context_or_key_does_not_open() {
        let sealed = seal(&key(), b"name", b"plain");
        assert!(broken(open(&key(), b"other", &sealed)));
        assert!(broken(open(&key(), b"", &sealed)));
        assert!(broken(open(
            &SealKey::from_bytes([8; 32]),
            b"name",
            &sealed
        )));
    }

    #[test]
    fn ranges_are_the_bytes_of_the_whole() {
        for length in lengths() {
            let plain = pattern(length);
            let sealed = seal(&key(), b"name", &plain);
            let places = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES, length];
            for start in places.into_iter().filter(|&place| place <= length) {
                for end in places.into_iter().filter(|&p| p >= start && p <= length) {
                    let range = start as u64..end as u64;
                    let got = open_from(&sealed, sealed.len() as u64, range).unwrap();
                    assert_eq!(got, plain[start..end], "{length}: {start}..{end}");
                }
            }
            let beyond = 0..length as u64 + 1;
            let refused = open_from(&sealed, sealed.len() as u64, beyond);
            assert!(matches!(refused, Err(SealFault::Range)));
        }
    }

    #[test]
    fn a_range_reads_only_its_chunks_and_checks_them() {
        let mut sealed = seal(&key(), b"name", &pattern(3 * CHUNK_BYTES));
        sealed[HEADER_BYTES + SEALED_CHUNK_BYTES + 9] ^= 1;
        let chunk = CHUNK_BYTES as u64;
        let total = sealed.len() as u64;
        assert!(open_from(&sealed, total, 0..chunk).is_ok());
        assert!(open_from(&sealed, total, 2 * chunk..3 * chunk).is_ok());
        assert!(broken(open_from(&sealed, total, chunk..chunk + 1)));
        let cut = (HEADER_BYTES + SEALED_CHUNK_BYTES) as u64;
        assert!(
            broken(open_from(&sealed, cut, 0..10)),
            "cut at a chunk's border"
        );
    }

    fn open_from(sealed: &[u8], total: u64, range: Range<u64>) -> Result<Vec<u8>, SealFault> {
        let mut read =
            |range: Range<u64>| Ok(sealed[range.start as usize..range.end as usize].to_vec());
        open_range(&key(), b"name", total, &mut read, range)
    }

    #[test]
    fn lengths_that_no_object_has_are_known() {
        let header = HEADER_BYTES as u64;
        for length in [0, 1, header, header + 15] {
            assert_eq!(plain_length(length), None, "{length}");
        }
        assert_eq!(plain_length(header + 16), Some(0));
        let full = header + SEALED_CHUNK_BYTES as u64;
        assert_eq!(plain_length(full), Some(CHUNK_BYTES as u64));
        assert_eq!(
            plain_length(full + 16),
            None,
            "an empty chunk behind a full one"
        );
        assert_eq!(plain_length(full + 17), Some(CHUNK_BYTES as u64 + 1));
    }

    #[test]
    fn texts_travel_in_one_line() {
        for text in ["", "pass word", "zwölf\n"] {
            let line = seal_text(&key(), "journal/7", text);
            assert!(line.is_ascii() && !line.contains('\n'));
            assert_eq!(open_text(&key(), "journal/7", &line).unwrap(), text);
            assert!(open_text(&key(), "journal/8", &line).is_err());
            assert!(open_text(&key(), "journal/7", &line.to_uppercase()).is_err());
            assert!(open_text(&key(), "journal/7", &line[..line.len() - 2]).is_err());
        }
        assert!(open_text(&key(), "journal/7", "plain").is_err());
    }
}
