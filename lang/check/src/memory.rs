//! What models take of a machine's memory, from their files' headers or their architecture.

pub(crate) mod figure;
mod fit;
mod gguf;
mod header;
mod model_file;
mod safetensors;
mod sum;

pub(crate) use header::Facts;

/// How many bytes of a model's file are read at most: the longest headers hold a vocabulary.
pub(crate) const HEADER_BYTES_MAX: u64 = 32 << 20;

/// How many bytes of a `config.json` are read at most.
pub(crate) const CONFIG_BYTES_MAX: u64 = 1 << 20;
