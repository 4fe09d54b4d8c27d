//! Sealing bytes: keys and their files, chunked authenticated encryption, keyed digests.
//!
//! A sealed object is a header and chunks of 64 KiB, each encrypted by AES-256-GCM under a key of
//! this object alone (HKDF-SHA256 of the caller's key with a random salt from the header), with the
//! STREAM construction: the nonce holds the chunk's number and whether it is the last, and the
//! header and the caller's context are authenticated with every chunk. So a flipped bit, a cut at
//! any place, chunks in another order, and an object put in the place of another are all noticed.

mod fault;
mod key;
mod object;

pub use fault::SealFault;
pub use key::{SealKey, keyed_digest};
pub use object::{
    CHUNK_BYTES, is_sealed, open, open_range, open_text, plain_length, seal, seal_text,
    sealed_length,
};
