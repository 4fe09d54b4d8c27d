//! Memory: what headers of models say, and what models take.

use mlinfra_api::Value;
use mlinfra_check::{Checked, Severity, check};

use crate::world::{Memory, findings};

/// Tensors of a model, each with its sides.
pub(crate) type Tensors = Vec<(String, Vec<u64>)>;

fn tensor(name: &str, sides: &[u64]) -> (String, Vec<u64>) {
    (name.to_owned(), sides.to_vec())
}

fn numbers(tensors: &Tensors) -> u64 {
    tensors
        .iter()
        .map(|(_, sides)| sides.iter().product::<u64>())
        .sum()
}

/// The sizes of a decoder such as Llama.
pub(crate) struct Decoder {
    layers: u64,
    hidden: u64,
    heads: u64,
    kept: u64,
    inner: u64,
    vocabulary: u64,
    tied: bool,
}

const SMOLLM2: Decoder = Decoder {
    layers: 30,
    hidden: 576,
    heads: 9,
    kept: 3,
    inner: 1_536,
    vocabulary: 49_152,
    tied: true,
};

pub(crate) const LLAMA_3_8B: Decoder = Decoder {
    layers: 32,
    hidden: 4_096,
    heads: 32,
    kept: 8,
    inner: 14_336,
    vocabulary: 128_256,
    tied: false,
};

impl Decoder {
    pub(crate) fn tensors(&self) -> Tensors {
        let (hidden, inner) = (self.hidden, self.inner);
        let kept = self.kept * hidden / self.heads;
        let mut all = vec![
            tensor("embed", &[self.vocabulary, hidden]),
            tensor("norm", &[hidden]),
        ];
        if !self.tied {
            all.push(tensor("head", &[self.vocabulary, hidden]));
        }
        for layer in 0..self.layers {
            let mut add = |name: &str, sides: &[u64]| {
                all.push(tensor(&format!("layers.{layer}.{name}"), sides));
            };
            for name in ["q", "o"] {
                add(name, &[hidden, hidden]);
            }
            for name in ["k", "v"] {
                add(name, &[kept, hidden]);
            }
            for name in ["gate", "up"] {
                add(name, &[inner, hidden]);
            }
            add("down", &[hidden, inner]);
            add("before", &[hidden]);
            add("after", &[hidden]);
        }
        all
    }

    pub(crate) fn config(&self) -> String {
        format!(
            r#"{{"architectures":["LlamaForCausalLM"],"num_hidden_layers":{},"hidden_size":{},
            "num_attention_heads":{},"num_key_value_heads":{},"intermediate_size":{},
            "vocab_size":{},"max_position_embeddings":8192,"torch_dtype":"bfloat16"}}"#,
            self.layers, self.hidden, self.heads, self.kept, self.inner, self.vocabulary
        )
    }
}

/// A safetensors file's header with numbers of so many bytes, and how long the whole file is.
pub(crate) fn safetensors(tensors: &Tensors, dtype: &str, bytes: u64) -> (Vec<u8>, u64) {
    let mut entries = vec![r#""__metadata__":{"format":"pt"}"#.to_owned()];
    let mut at = 0;
    for (name, sides) in tensors {
        let end = at + sides.iter().product::<u64>() * bytes;
        entries.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{sides:?},"data_offsets":[{at},{end}]}}"#
        ));
        at = end;
    }
    let json = format!("{{{}}}", entries.join(","));
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.extend(json.as_bytes());
    let all = header.len() as u64 + at;
    (header, all)
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// A GGUF file's header in the type of this number, whose blocks have so many numbers and bytes.
fn gguf(model: &Decoder, kind: u32, block: (u64, u64)) -> (Vec<u8>, u64) {
    let tensors = model.tensors();
    let keys = [
        ("block_count", model.layers),
        ("embedding_length", model.hidden),
        ("attention.head_count", model.heads),
        ("attention.head_count_kv", model.kept),
        ("feed_forward_length", model.inner),
        ("context_length", 8_192),
    ];
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((keys.len() as u64 + 2).to_le_bytes());
    text(&mut bytes, "general.architecture");
    bytes.extend(8_u32.to_le_bytes());
    text(&mut bytes, "llama");
    for (key, value) in keys {
        text(&mut bytes, &format!("llama.{key}"));
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(u32::try_from(value).expect("it is small").to_le_bytes());
    }
    text(&mut bytes, "tokenizer.ggml.tokens");
    bytes.extend(9_u32.to_le_bytes());
    bytes.extend(8_u32.to_le_bytes());
    bytes.extend(model.vocabulary.to_le_bytes());
    (0..model.vocabulary).for_each(|_| text(&mut bytes, "token"));
    let mut data = 0;
    for (name, sides) in &tensors {
        text(&mut bytes, name);
        bytes.extend(
            u32::try_from(sides.len())
                .expect("it is small")
                .to_le_bytes(),
        );
        sides
            .iter()
            .for_each(|side| bytes.extend(side.to_le_bytes()));
        bytes.extend(kind.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        data += sides.iter().product::<u64>().div_ceil(block.0) * block.1;
    }
    let all = bytes.len() as u64 + data;
    (bytes, all)
}

/// Checks the spec with these files, each as its first bytes and its whole length.
pub(crate) fn with(spec: &str, files: Vec<(&str, (Vec<u8>, u64))>) -> Checked {
    let mut world = Memory::default();
    world
        .files
        .insert("main.mlinfra".to_owned(), spec.as_bytes().to_vec());
    for (name, (bytes, length)) in files {
        world.lengths.insert(name.to_owned(), length);
        world.files.insert(name.to_owned(), bytes);
    }
    check(&world, "main.mlinfra")
}

pub(crate) fn plain(text: &str) -> (Vec<u8>, u64) {
    (text.as_bytes().to_vec(), text.len() as u64)
}

fn size(checked: &Checked) -> Option<u64> {
    match &checked.program.outputs.get("size")?.value {
        Value::Quantity(quantity) => u64::try_from(quantity.amount.normalize()).ok(),
        _ => None,
    }
}

pub(crate) const FOLDER: &str = "model small { from = dir(\"small\") }\n";
const FILE: &str = "model small { from = file(\"small.gguf\"), context = 4096 }\n";
const SIZE: &str = "output size = small.memory(batch = 16)\n";

#[test]
fn a_folder_tells_weights_and_what_serving_takes() {
    let tensors = SMOLLM2.tensors();
    assert_eq!(numbers(&tensors), 134_515_008);
    let files = vec![
        ("small/model.safetensors", safetensors(&tensors, "BF16", 2)),
        ("small/config.json", plain(&SMOLLM2.config())),
    ];
    let checked = with(&format!("{FOLDER}{SIZE}"), files);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let weights = 134_515_008 * 2;
    let kept = 2 * 30 * 3 * 64 * 8_192 * 16 * 2;
    let activations = 8_192 * (4 * 576 + 2 * 1_536) * 4;
    let likelihoods = 16 * 49_152 * 4;
    assert_eq!(
        size(&checked),
        Some(weights + kept + activations + likelihoods)
    );
}

#[test]
fn a_gguf_file_tells_all_of_it() {
    let checked = with(
        &format!("{FILE}{SIZE}"),
        vec![("small.gguf", gguf(&SMOLLM2, 3, (32, 20)))],
    );
    assert_eq!(findings(&checked), Vec::<String>::new());
    // Norms of 576 numbers are 18 blocks of 32: every tensor of this model is whole blocks.
    let weights = 134_515_008 / 32 * 20;
    let kept = 2 * 30 * 3 * 64 * 4_096 * 16 * 2;
    let activations = 4_096 * (4 * 576 + 2 * 1_536) * 4;
    let likelihoods = 16 * 49_152 * 4;
    assert_eq!(
        size(&checked),
        Some(weights + kept + activations + likelihoods)
    );
}

#[test]
fn shards_are_one_model() {
    let tensors = LLAMA_3_8B.tensors();
    assert_eq!(numbers(&tensors), 8_030_261_248);
    let (first, second) = tensors.split_at(tensors.len() / 2);
    let index = r#"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#;
    let files = vec![
        ("small/model.safetensors.index.json", plain(index)),
        (
            "small/model-1.safetensors",
            safetensors(&first.to_vec(), "BF16", 2),
        ),
        (
            "small/model-2.safetensors",
            safetensors(&second.to_vec(), "BF16", 2),
        ),
        ("small/config.json", plain(&LLAMA_3_8B.config())),
    ];
    let checked = with(&format!("{FOLDER}{SIZE}"), files);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let weights = 8_030_261_248 * 2;
    // 128 KiB a token, for 16 requests of 8192 tokens.
    let kept = (128 << 10) * 8_192 * 16;
    assert!(size(&checked).is_some_and(|size| size > weights + kept));
}

#[test]
fn an_encoder_keeps_nothing_of_what_it_read() {
    let mut tensors = vec![
        tensor("words", &[30_522, 768]),
        tensor("places", &[512, 768]),
        tensor("kinds", &[2, 768]),
        tensor("norm", &[2, 768]),
        tensor("pooler", &[769, 768]),
    ];
    for layer in 0..12 {
        let mut add =
            |name: &str, sides: &[u64]| tensors.push(tensor(&format!("{layer}.{name}"), sides));
        add("attention", &[4, 769, 768]);
        add("inner", &[769, 3_072]);
        add("outer", &[3_073, 768]);
        add("norms", &[4, 768]);
    }
    // BERT base.
    assert_eq!(numbers(&tensors), 109_482_240);
    let config = r#"{"architectures":["BertModel"],"num_hidden_layers":12,"hidden_size":768,
        "num_attention_heads":12,"intermediate_size":3072,"vocab_size":30522,
        "max_position_embeddings":512}"#;
    let files = vec![
        ("small/model.safetensors", safetensors(&tensors, "F32", 4)),
        ("small/config.json", plain(config)),
    ];
    let checked = with(&format!("{FOLDER}{SIZE}"), files);
    let activations = 16 * 512 * (4 * 768 + 2 * 3_072) * 4;
    assert_eq!(size(&checked), Some(109_482_240 * 4 + activations));
}

#[test]
fn what_can_not_be_read_is_not_known_and_never_passes() {
    let checked = with(&format!("{FILE}{SIZE}"), Vec::new());
    let [finding] = checked.diagnostics.as_slice() else {
        panic!("{:?}", checked.diagnostics);
    };
    assert_eq!(
        (finding.code.0, finding.severity),
        ("E0462", Severity::Warning)
    );
    assert_eq!(size(&checked), None);
    let lone = "model small { from = file(\"small.safetensors\") }\n";
    let header = safetensors(&SMOLLM2.tensors(), "BF16", 2);
    let checked = with(
        &format!("{lone}{SIZE}"),
        vec![("small.safetensors", header)],
    );
    assert_eq!(findings(&checked).len(), 1);
    assert_eq!(checked.diagnostics[0].code.0, "E0462");
    assert_eq!(size(&checked), None);
}

#[test]
fn hostile_headers_are_refused_at_once() {
    let long = |length: u64, rest: &[u8]| {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(rest);
        let all = bytes.len() as u64;
        (bytes, all)
    };
    let entry = |text: &str| long(text.len() as u64, text.as_bytes());
    let nested = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        ("no bytes", (Vec::new(), 0)),
        ("a length beyond the file", long(u64::MAX, b"{}")),
        ("no tensors", entry("{}")),
        ("no JSON", entry("[1, 2")),
        ("depth", entry(&nested)),
        (
            "a product that overflows",
            entry(concat!(
                r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"#,
                r#""data_offsets":[0,0]}}"#
            )),
        ),
        (
            "bits that overflow",
            entry(r#"{"a":{"dtype":"F64","shape":[9223372036854775807],"data_offsets":[0,0]}}"#),
        ),
        (
            "an end before the start",
            entry(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#),
        ),
        (
            "data behind the end",
            entry(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#),
        ),
        (
            "a negative side",
            entry(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#),
        ),
    ];
    let spec = "model small { from = file(\"small.safetensors\") }\noutput size = small.memory()\n";
    for (name, file) in cases {
        let checked = with(spec, vec![("small.safetensors", file)]);
        let codes: Vec<&str> = checked.diagnostics.iter().map(|one| one.code.0).collect();
        assert_eq!(codes, ["E0461"], "{name}");
    }
}

#[test]
fn hostile_gguf_headers_are_refused_at_once() {
    let sound = gguf(&SMOLLM2, 0, (1, 4)).0;
    let with_counts = |tensors: u64, keys: u64| {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(keys.to_le_bytes());
        bytes
    };
    let array = |kind: u32, length: u64, rest: &[u8]| {
        let mut bytes = with_counts(0, 1);
        text(&mut bytes, "k");
        bytes.extend(9_u32.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(rest);
        bytes
    };
    let deep: Vec<u8> = (0..1_000)
        .flat_map(|_| [9_u32.to_le_bytes().to_vec(), 1_u64.to_le_bytes().to_vec()].concat())
        .collect();
    let cases = [
        ("another file", b"PK\x03\x04 not this".to_vec()),
        ("more keys than bytes", with_counts(0, u64::MAX)),
        ("more tensors than bytes", with_counts(u64::MAX, 0)),
        ("nothing in it", with_counts(0, 0)),
        ("an array beyond the end", array(4, u64::MAX, b"")),
        ("an array of texts beyond the end", array(8, u64::MAX, b"")),
        ("arrays in arrays", array(9, 1, &deep)),
        (
            "a name beyond the end",
            [with_counts(0, 1), u64::MAX.to_le_bytes().to_vec()].concat(),
        ),
        ("cut off", sound[..sound.len() / 2].to_vec()),
        ("without its data", sound.clone()),
    ];
    for (name, bytes) in cases {
        let length = bytes.len() as u64;
        let checked = with(
            &format!("{FILE}{SIZE}"),
            vec![("small.gguf", (bytes, length))],
        );
        let codes: Vec<&str> = checked.diagnostics.iter().map(|one| one.code.0).collect();
        assert_eq!(codes, ["E0461"], "{name}");
    }
}

#[test]
fn every_cut_of_a_header_is_a_finding_and_no_panic() {
    let (header, length) = gguf(
        &Decoder {
            vocabulary: 3,
            layers: 1,
            ..SMOLLM2
        },
        2,
        (32, 18),
    );
    for end in 0..header.len() {
        let file = (header[..end].to_vec(), end as u64);
        let checked = with(&format!("{FILE}{SIZE}"), vec![("small.gguf", file)]);
        assert_eq!(checked.diagnostics.len(), 1, "{end}");
    }
    let whole = with(
        &format!("{FILE}{SIZE}"),
        vec![("small.gguf", (header, length))],
    );
    assert_eq!(findings(&whole), Vec::<String>::new());
}
