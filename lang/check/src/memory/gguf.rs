//! The header of a GGUF file: keys with values, then each tensor's sides and type. Format:
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::BTreeMap;

use super::header::{Facts, HeaderFault, added, elements};

/// How deep arrays may stand in one another.
const DEPTH_MAX: usize = 4;
/// How many sides a tensor may have.
const SIDES_MAX: u32 = 8;
/// How long a key or a tensor's name may be.
const NAME_BYTES_MAX: u64 = 65_535;

/// What a value of the header says, as far as it is asked for.
enum Said {
    Number(u64),
    Text(String),
    Flag(bool),
    /// An array: its length, and its largest number if it is one of numbers.
    Many(u64, Option<u64>),
    Other,
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Whether there is more of the file than was read.
    is_cut: bool,
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: u64) -> Result<&'b [u8], HeaderFault> {
        let end = usize::try_from(count)
            .ok()
            .and_then(|count| self.at.checked_add(count));
        let found = end.and_then(|end| self.bytes.get(self.at..end));
        match (found, end) {
            (Some(found), Some(end)) => {
                self.at = end;
                Ok(found)
            }
            _ if self.is_cut => {
                let read = self.bytes.len() >> 20;
                Err(HeaderFault::Unread(format!(
                    "its header is longer than {read} MiB"
                )))
            }
            _ => Err(HeaderFault::broken("its header is cut off")),
        }
    }

    fn u32(&mut self) -> Result<u32, HeaderFault> {
        let bytes = self.take(4)?.first_chunk::<4>().copied();
        Ok(u32::from_le_bytes(bytes.unwrap_or_default()))
    }

    fn u64(&mut self) -> Result<u64, HeaderFault> {
        let bytes = self.take(8)?.first_chunk::<8>().copied();
        Ok(u64::from_le_bytes(bytes.unwrap_or_default()))
    }

    fn text(&mut self, most: u64) -> Result<&'b [u8], HeaderFault> {
        let length = self.u64()?;
        if length > most {
            return Err(HeaderFault::broken("a name in its header is too long"));
        }
        self.take(length)
    }

    /// A whole number of so many bytes.
    fn number(&mut self, bytes: u64) -> Result<Said, HeaderFault> {
        let found = self.take(bytes)?;
        let value = (found.iter().rev()).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        Ok(Said::Number(value))
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Said, HeaderFault> {
        match kind {
            0 | 1 => self.number(1),
            2 | 3 => self.number(2),
            4 | 5 => self.number(4),
            10 | 11 => self.number(8),
            6 => self.take(4).map(|_| Said::Other),
            12 => self.take(8).map(|_| Said::Other),
            7 => Ok(Said::Flag(self.take(1)? != [0])),
            8 => {
                let text = self.text(u64::MAX)?;
                Ok(Said::Text(String::from_utf8_lossy(text).into_owned()))
            }
            9 if depth < DEPTH_MAX => self.array(depth),
            _ => Err(HeaderFault::broken(
                "a value in its header has no known type",
            )),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Said, HeaderFault> {
        let (kind, length) = (self.u32()?, self.u64()?);
        // Numbers have one size each and are passed over at once; so an array costs no more than
        // the bytes that it has.
        let size = match kind {
            0 | 1 | 7 => Some(1_u64),
            2 | 3 => Some(2),
            4..=6 => Some(4),
            10..=12 => Some(8),
            _ => None,
        };
        if let Some(size) = size {
            let all = length
                .checked_mul(size)
                .ok_or_else(|| HeaderFault::broken("an array in its header is too long"))?;
            let found = self.take(all)?;
            let whole = matches!(kind, 0..=5 | 10 | 11);
            let numbers = found
                .chunks_exact(usize::try_from(size).unwrap_or(1))
                .map(|bytes| {
                    (bytes.iter().rev()).fold(0_u64, |all, byte| all << 8 | u64::from(*byte))
                });
            return Ok(Said::Many(length, numbers.max().filter(|_| whole)));
        }
        for _ in 0..length {
            match kind {
                8 => drop(self.text(u64::MAX)?),
                _ => drop(self.value(kind, depth + 1)?),
            }
        }
        Ok(Said::Many(length, None))
    }
}

/// Reads the header. `file_bytes` is how long the whole file is.
pub(crate) fn read(head: &[u8], file_bytes: u64) -> Result<Facts, HeaderFault> {
    let mut reader = Reader {
        bytes: head,
        at: 0,
        is_cut: (head.len() as u64) < file_bytes,
    };
    if reader.take(4)? != b"GGUF" {
        return Err(HeaderFault::broken("it does not begin as a GGUF file does"));
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        let text = format!("its GGUF version is {version}: 2 and 3 are known");
        return Err(HeaderFault::Unread(text));
    }
    let (tensors, keys) = (reader.u64()?, reader.u64()?);
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    for _ in 0..keys {
        let key = reader.text(NAME_BYTES_MAX)?;
        let key = String::from_utf8_lossy(key).into_owned();
        let kind = reader.u32()?;
        let value = reader.value(kind, 0)?;
        said.insert(key, value);
    }
    let mut facts = architecture(&said);
    for _ in 0..tensors {
        let (count, bytes) = tensor(&mut reader)?;
        facts.parameters = added(facts.parameters, count)?;
        facts.weight_bytes = added(facts.weight_bytes, bytes)?;
    }
    if facts.parameters == 0 {
        return Err(HeaderFault::broken("it has no tensors"));
    }
    if facts.weight_bytes > file_bytes {
        return Err(HeaderFault::broken("its tensors are larger than the file"));
    }
    Ok(facts)
}

/// How many numbers and bytes the next tensor has.
fn tensor(reader: &mut Reader<'_>) -> Result<(u64, u64), HeaderFault> {
    reader.text(NAME_BYTES_MAX)?;
    let sides = reader.u32()?;
    if sides > SIDES_MAX {
        return Err(HeaderFault::broken("a tensor in it has too many sides"));
    }
    let sides: Vec<u64> = (0..sides).map(|_| reader.u64()).collect::<Result<_, _>>()?;
    let kind = reader.u32()?;
    let _offset = reader.u64()?;
    let count = elements(&sides)?;
    let (block, block_bytes) = block_of(kind)
        .ok_or_else(|| HeaderFault::Unread(format!("a tensor's type {kind} is not known")))?;
    let bytes = count
        .div_ceil(block)
        .checked_mul(block_bytes)
        .ok_or_else(|| HeaderFault::broken("a tensor in it is larger than anything can be"))?;
    Ok((count, bytes))
}

/// How many numbers a block of a type holds, and its bytes (`ggml_type` and the structs of its
/// quantised blocks).
fn block_of(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 | 26 => (1, 4),      // F32, I32
        1 | 25 | 30 => (1, 2), // F16, I16, BF16
        24 => (1, 1),          // I8
        27 | 28 => (1, 8),     // I64, F64
        2 => (32, 18),         // Q4_0
        3 => (32, 20),         // Q4_1
        6 => (32, 22),         // Q5_0
        7 => (32, 24),         // Q5_1
        8 => (32, 34),         // Q8_0
        9 => (32, 36),         // Q8_1
        10 => (256, 84),       // Q2_K
        11 => (256, 110),      // Q3_K
        12 => (256, 144),      // Q4_K
        13 => (256, 176),      // Q5_K
        14 => (256, 210),      // Q6_K
        15 => (256, 292),      // Q8_K
        16 => (256, 66),       // IQ2_XXS
        17 => (256, 74),       // IQ2_XS
        18 => (256, 98),       // IQ3_XXS
        19 => (256, 50),       // IQ1_S
        20 => (32, 18),        // IQ4_NL
        21 => (256, 110),      // IQ3_S
        22 => (256, 82),       // IQ2_S
        23 => (256, 136),      // IQ4_XS
        29 => (256, 56),       // IQ1_M
        39 => (32, 17),        // MXFP4
        _ => return None,
    })
}

fn architecture(said: &BTreeMap<String, Said>) -> Facts {
    let word = match said.get("general.architecture") {
        Some(Said::Text(word)) => word.as_str(),
        _ => "",
    };
    let of = |key: &str| match said.get(&format!("{word}.{key}")) {
        Some(Said::Number(number)) => Some(*number),
        // A number for each layer: the largest bounds them.
        Some(Said::Many(_, most)) => *most,
        _ => None,
    };
    let heads = of("attention.head_count");
    let hidden = of("embedding_length");
    let each = || hidden?.checked_div(heads?);
    let vocabulary = match said.get("tokenizer.ggml.tokens") {
        Some(Said::Many(length, _)) => Some(*length),
        _ => None,
    };
    let causal = match said.get(&format!("{word}.attention.causal")) {
        Some(Said::Flag(flag)) => *flag,
        _ => true,
    };
    Facts {
        parameters: 0,
        weight_bytes: 0,
        layers: of("block_count"),
        hidden,
        heads,
        kept_heads: of("attention.head_count_kv").or(heads),
        head_size: of("attention.key_length").or_else(each),
        inner: of("feed_forward_length"),
        vocabulary: of("vocab_size").or(vocabulary),
        context: of("context_length"),
        writes: (!word.is_empty()).then_some(causal),
    }
}
