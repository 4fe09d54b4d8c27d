//! The model's file: the same bytes for the same model, and no harm from any other bytes.

use mlinfra_learn::stream::Stream;
use mlinfra_learn::{Architecture, Model};

use crate::support::{finish, mixed, mlp, task};

fn model() -> (Model, arrow::array::RecordBatch) {
    let (data, features) = mixed(120, 1);
    let model = finish(&task(&features, mlp()), &data).unwrap().model;
    (model, data)
}

#[test]
fn a_model_is_read_back_as_it_was() {
    let (data, features) = mixed(120, 1);
    for architecture in [mlp(), Architecture::Linear] {
        let model = finish(&task(&features, architecture.clone()), &data)
            .unwrap()
            .model;
        let bytes = model.to_bytes();
        let again = Model::from_bytes(&bytes).unwrap();
        assert_eq!(again, model);
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(again.features(), &features);
        assert_eq!(
            (again.label(), again.architecture()),
            ("good", &architecture)
        );
        assert_eq!(again.vocabulary("city").unwrap().len(), 3);
    }
}

#[test]
fn a_deep_network_keeps_its_layers_in_order() {
    let (data, features) = mixed(60, 1);
    let architecture = Architecture::Mlp {
        hidden: (1..=13).map(|layer| 2 + layer % 5).collect(),
        dropout: 0.0,
    };
    let model = finish(&task(&features, architecture), &data).unwrap().model;
    assert_eq!(Model::from_bytes(&model.to_bytes()).unwrap(), model);
}

/// Whatever the bytes, reading ends with a model whose answers are numbers, or with a coded error.
fn survives(bytes: &[u8], data: &arrow::array::RecordBatch) -> bool {
    match Model::from_bytes(bytes) {
        Ok(model) => {
            match model.predict(data) {
                Ok(answers) => assert!(answers.iter().all(|p| (0.0..=1.0).contains(p))),
                Err(fault) => assert!(fault.code.starts_with("E06"), "{fault}"),
            }
            true
        }
        Err(fault) => {
            assert_eq!(fault.code, "E0660");
            false
        }
    }
}

#[test]
fn no_cut_file_is_read() {
    let (model, data) = model();
    let bytes = model.to_bytes();
    for end in 0..bytes.len() {
        assert!(!survives(&bytes[..end], &data));
    }
    assert!(!survives(&[bytes.as_slice(), b"\0"].concat(), &data));
}

#[test]
fn no_changed_byte_does_harm() {
    let (model, data) = model();
    let data = data.slice(0, 8);
    let bytes = model.to_bytes();
    let mut refused = 0;
    for at in 0..bytes.len() {
        for change in [0x01, 0x20, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            refused += u32::from(!survives(&changed, &data));
        }
    }
    assert!(
        refused > 1000,
        "only {refused} changes of the header were refused"
    );
    let mut draws = Stream::new(1, "bytes").at(0);
    for _ in 0..2000 {
        let mut changed = bytes.clone();
        for _ in 0..=draws.below(20) {
            let at = draws.below(changed.len() as u32) as usize;
            changed[at] = draws.below(256) as u8;
        }
        survives(&changed, &data);
    }
}

/// Replaces text in the header, mending the lengths around it.
fn with_header(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    assert!(header.contains(from), "{from} is not in {header}");
    let header = header.replacen(from, to, 1);
    let mut changed = (header.len() as u64).to_le_bytes().to_vec();
    changed.extend(header.as_bytes());
    changed.extend(&bytes[8 + length..]);
    changed
}

#[test]
fn headers_that_lie_are_refused() {
    let (model, data) = model();
    let bytes = model.to_bytes();
    let lies = [
        (r#"\"format\":1"#, r#"\"format\":2"#),
        (r#"\"format\":1"#, r#"\"format\":1,\"more\":1"#),
        (r#"\"hidden\":[8,4]"#, r#"\"hidden\":[4,8]"#),
        (
            r#"\"hidden\":[8,4]"#,
            r#"\"hidden\":[18446744073709551615,4]"#,
        ),
        (
            r#"\"hidden\":[8,4]"#,
            r#"\"hidden\":[4294967296,4294967296]"#,
        ),
        (r#"\"hidden\":[8,4]"#, r#"\"hidden\":[]"#),
        (r#"\"hidden\":[8,4]"#, r#"\"hidden\":[0,4]"#),
        (r#"\"dropout\":0.2"#, r#"\"dropout\":1.0"#),
        (r#"\"dropout\":0.2"#, r#"\"dropout\":1e999"#),
        (r#"[\"Berlin\",\"aachen\""#, r#"[\"aachen\",\"Berlin\""#),
        (r#"[\"Berlin\",\"aachen\""#, r#"[\"aachen\",\"aachen\""#),
        (r#"[\"Berlin\",\"aachen\""#, r#"[\"aachen\""#),
        (r#"\"deviation\":"#, r#"\"deviation\":-"#),
        (r#"\"mean\":"#, r#"\"mean\":1e308,\"mean\":"#),
        (r#"\"missing\":true"#, r#"\"missing\":false"#),
        (r#"\"name\":\"age\""#, r#"\"name\":\"city\""#),
        (
            r#"\"type\":{\"base\":\"int\"}"#,
            r#"\"type\":{\"base\":\"date\"}"#,
        ),
        ("layer00.bias", "layer09.bias"),
        (r#""dtype":"F32""#, r#""dtype":"I32""#),
        ("mlinfra", "another"),
    ];
    for (from, to) in lies {
        let changed = with_header(&bytes, from, to);
        assert!(!survives(&changed, &data), "{from} -> {to}");
    }
    let deep = "[".repeat(100_000);
    assert!(!survives(
        &with_header(&bytes, r#"\"hidden\":["#, &format!(r#"\"hidden\":[{deep}"#)),
        &data
    ));
}
