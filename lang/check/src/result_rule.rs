//! Reads which type function an operation declares for its result.

use crate::resolve::{type_name, type_words};
use crate::schema::{Library, ResultRule};
use crate::tree::BlockItem;

/// The rule behind an operation's `:`.
pub(crate) fn result_rule(library: &mut Library, block: &BlockItem, name: &str) -> ResultRule {
    let Some(written) = &block.result else {
        library.faults.push(format!("op {name} has no result"));
        return ResultRule::Opaque(String::new());
    };
    let words = type_words(written);
    let data = words.first().cloned().unwrap_or_default();
    match (type_name(written).unwrap_or(""), words.as_slice()) {
        ("extend", [_, _]) => ResultRule::Extend { data },
        ("rewrite", [_, _]) => ResultRule::Rewrite { data },
        ("parts", [_, _]) => ResultRule::Parts { data },
        ("known", [_]) => ResultRule::Known { data },
        ("weights", [_, label, rest @ ..]) => ResultRule::Weights {
            data,
            label: label.clone(),
            exclude: rest.first().cloned(),
            needs: rest.get(1).cloned(),
        },
        ("release", [_]) => ResultRule::Release { model: data },
        ("same", [_]) => ResultRule::Same { model: data },
        ("table", [_]) => ResultRule::Columns { section: data },
        ("embedded", [_, column, added]) => ResultRule::Embedded {
            data,
            column: column.clone(),
            added: added.clone(),
        },
        ("given", [_, data]) => ResultRule::Given {
            setting: words[0].clone(),
            data: data.clone(),
        },
        (word, [_, column]) if library.types.contains_key(word) => ResultRule::Made {
            name: word.to_owned(),
            data,
            column: column.clone(),
        },
        (word, []) if library.types.contains_key(word) => ResultRule::Opaque(word.to_owned()),
        (word, _) => {
            library
                .faults
                .push(format!("op {name}: no type function {word}"));
            ResultRule::Opaque(String::new())
        }
    }
}
