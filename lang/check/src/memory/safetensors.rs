//! The header of a safetensors file: eight bytes of length, then JSON with each tensor's type,
//! shape and place. Format: <https://github.com/huggingface/safetensors#format>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::header::{Facts, HeaderFault, added, elements};

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Tensor {
        dtype: String,
        shape: Vec<u64>,
        data_offsets: (u64, u64),
    },
    /// `__metadata__`: texts that say nothing about size.
    Other(IgnoredAny),
}

/// Reads the header. `file_bytes` is how long the whole file is.
pub(crate) fn read(head: &[u8], file_bytes: u64) -> Result<Facts, HeaderFault> {
    let (length, rest) = head
        .split_first_chunk::<8>()
        .ok_or_else(|| HeaderFault::broken("it is too short to have a header"))?;
    let length = u64::from_le_bytes(*length);
    let data_bytes = file_bytes
        .checked_sub(8)
        .and_then(|left| left.checked_sub(length))
        .ok_or_else(|| HeaderFault::broken("its header is longer than the file"))?;
    let json = usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length))
        .ok_or_else(|| HeaderFault::Unread(format!("its header has {length} bytes")))?;
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(json)
        .map_err(|_| HeaderFault::broken("its header is no list of tensors"))?;
    let mut facts = Facts::default();
    for (name, entry) in entries {
        let Entry::Tensor {
            dtype,
            shape,
            data_offsets: (from, to),
        } = entry
        else {
            if name == "__metadata__" {
                continue;
            }
            return Err(HeaderFault::broken("an entry of its header is no tensor"));
        };
        let count = elements(&shape)?;
        let bits = bits_of(&dtype)
            .ok_or_else(|| HeaderFault::broken("a tensor in it has a type that is not known"))?;
        let size = to
            .checked_sub(from)
            .filter(|_| to <= data_bytes)
            .ok_or_else(|| HeaderFault::broken("a tensor in it lies behind its end"))?;
        let wanted = count
            .checked_mul(bits)
            .map(|bits| bits.div_ceil(8))
            .ok_or_else(|| HeaderFault::broken("a tensor in it is larger than anything can be"))?;
        if wanted != size {
            return Err(HeaderFault::broken(
                "a tensor in it takes another size than its shape says",
            ));
        }
        facts.parameters = added(facts.parameters, count)?;
        facts.weight_bytes = added(facts.weight_bytes, size)?;
    }
    match facts.parameters {
        0 => Err(HeaderFault::broken("it has no tensors")),
        _ => Ok(facts),
    }
}

/// The bits of one number of a type.
fn bits_of(word: &str) -> Option<u64> {
    Some(match word {
        "F64" | "I64" | "U64" | "C64" => 64,
        "F32" | "I32" | "U32" => 32,
        "F16" | "BF16" | "I16" | "U16" => 16,
        "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 8,
        "F6_E2M3" | "F6_E3M2" => 6,
        "F4" => 4,
        _ => return None,
    })
}
