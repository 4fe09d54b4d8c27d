//! A model as its files say it is: one file, or a folder with a `config.json`.

use serde::Deserialize;

use super::header::{Facts, HeaderFault, added};
use super::{CONFIG_BYTES_MAX, HEADER_BYTES_MAX, gguf, safetensors};
use crate::world::World;

/// How many files the weights of one model may be cut into.
const SHARDS_MAX: usize = 1_024;

/// What a `config.json` says, as far as it is asked for.
#[derive(Default, Deserialize)]
struct Config {
    #[serde(alias = "n_layer", alias = "num_layers", alias = "n_layers")]
    num_hidden_layers: Option<u64>,
    #[serde(alias = "n_embd", alias = "d_model", alias = "dim")]
    hidden_size: Option<u64>,
    #[serde(alias = "n_head", alias = "n_heads", alias = "num_heads")]
    num_attention_heads: Option<u64>,
    num_key_value_heads: Option<u64>,
    head_dim: Option<u64>,
    #[serde(alias = "n_inner", alias = "d_ff", alias = "ffn_dim")]
    intermediate_size: Option<u64>,
    vocab_size: Option<u64>,
    #[serde(alias = "n_positions", alias = "n_ctx")]
    max_position_embeddings: Option<u64>,
    #[serde(default)]
    architectures: Vec<String>,
    is_decoder: Option<bool>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// The model in this file: its ending says how it is written.
pub(crate) fn of_file(world: &dyn World, path: &str) -> Result<Facts, HeaderFault> {
    let head = world
        .head(path, HEADER_BYTES_MAX)
        .map_err(HeaderFault::Unread)?;
    match path.rsplit('.').next() {
        Some("safetensors") => safetensors::read(&head.bytes, head.file_bytes),
        Some("gguf") => gguf::read(&head.bytes, head.file_bytes),
        _ => Err(HeaderFault::Unread(
            "only `.safetensors` and `.gguf` files have a header that tells its size".to_owned(),
        )),
    }
}

/// The model in this folder: `config.json`, and `model.safetensors` or its shards.
pub(crate) fn of_folder(world: &dyn World, folder: &str) -> Result<Facts, HeaderFault> {
    let inside = |name: &str| format!("{}/{name}", folder.trim_end_matches('/'));
    let weights = match of_file(world, &inside("model.safetensors")) {
        Err(HeaderFault::Unread(why)) => match shards(world, &inside) {
            Err(HeaderFault::Unread(_)) => Err(HeaderFault::Unread(format!(
                "`model.safetensors` in it: {why}"
            ))),
            known => known,
        },
        known => known,
    }?;
    let config = read_small(world, &inside("config.json"))?;
    let config: Config = serde_json::from_slice(&config)
        .map_err(|_| HeaderFault::broken("its `config.json` is no record of numbers"))?;
    Ok(with_config(weights, &config))
}

fn with_config(weights: Facts, config: &Config) -> Facts {
    let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
    let each = || hidden?.checked_div(heads?);
    let writes = |name: &String| name.ends_with("CausalLM") || name.ends_with("LMHeadModel");
    let named = (!config.architectures.is_empty()).then(|| config.architectures.iter().any(writes));
    Facts {
        layers: config.num_hidden_layers,
        hidden,
        heads,
        kept_heads: config.num_key_value_heads.or(heads),
        head_size: config.head_dim.or_else(each),
        inner: config.intermediate_size,
        vocabulary: config.vocab_size,
        context: config.max_position_embeddings,
        writes: config.is_decoder.filter(|flag| *flag).or(named),
        ..weights
    }
}

fn shards(world: &dyn World, inside: &dyn Fn(&str) -> String) -> Result<Facts, HeaderFault> {
    let head = world
        .head(&inside("model.safetensors.index.json"), HEADER_BYTES_MAX)
        .map_err(HeaderFault::Unread)?;
    let index: Index = serde_json::from_slice(&head.bytes)
        .map_err(|_| HeaderFault::broken("its list of shards can't be read"))?;
    let names: std::collections::BTreeSet<&String> = index.weight_map.values().collect();
    if names.len() > SHARDS_MAX {
        let text = format!("its weights are cut into more than {SHARDS_MAX} files");
        return Err(HeaderFault::Unread(text));
    }
    let mut all = Facts::default();
    for name in names {
        let shard = of_file(world, &inside(name))?;
        all.parameters = added(all.parameters, shard.parameters)?;
        all.weight_bytes = added(all.weight_bytes, shard.weight_bytes)?;
    }
    Ok(all)
}

fn read_small(world: &dyn World, path: &str) -> Result<Vec<u8>, HeaderFault> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let unread = |why: String| HeaderFault::Unread(format!("`{name}` in it: {why}"));
    let head = world.head(path, CONFIG_BYTES_MAX).map_err(unread)?;
    match head.file_bytes > CONFIG_BYTES_MAX {
        true => Err(unread("it is too large".to_owned())),
        false => Ok(head.bytes),
    }
}
