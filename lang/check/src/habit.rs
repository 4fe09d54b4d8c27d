//! What other languages write in a place, so that a finding can say how it is written here.

use crate::schema::{Kind, KindValue};
use crate::suggest::{Meant, nearest};

/// A word shorter than this is near to too many others.
const NEAR_BYTES_MIN: usize = 3;

/// What is written here for a word of Python, JSON or YAML that means a value.
pub(crate) fn value_word(word: &str) -> Option<&'static str> {
    match word {
        "True" | "TRUE" | "yes" => Some("true"),
        "False" | "FALSE" | "no" => Some("false"),
        "None" | "null" | "NULL" | "nil" | "undefined" => Some("none"),
        _ => None,
    }
}

/// What is written here for the type of a value in another language, where it is one word.
pub(crate) fn value_type(word: &str) -> Option<&'static str> {
    Some(match word {
        "float" | "double" | "number" | "real" | "numeric" | "f64" => "decimal",
        other => column_type(other)?,
    })
}

/// The same for the type of a column.
pub(crate) fn column_type(word: &str) -> Option<&'static str> {
    Some(match word {
        "integer" | "Int" | "int32" | "int64" | "bigint" | "long" | "i64" => "int",
        "double" | "number" | "real" | "numeric" | "decimal" | "float64" | "f64" => "float",
        "boolean" | "Bool" | "Boolean" => "bool",
        "str" | "text" | "String" | "varchar" | "char" => "string",
        "datetime" | "timestamp" | "time" => "date",
        _ => return None,
    })
}

/// What is said of a type of another language that is more than one word here.
pub(crate) fn type_advice(word: &str) -> Option<&'static str> {
    Some(match word {
        "list" | "array" | "tuple" | "set" | "vector" => "say of what: `list(string)`",
        "map" | "dict" => "say of what: `map(string)`",
        "record" | "object" | "struct" => {
            "values of one type by name are a `map(string)`; of several types, \
             declare a parameter for each"
        }
        "range" => "say of what: `range(int)`",
        "enum" => "say which words it takes: `enum(small, large)`",
        "category" => "for one of few words, write them: `enum(small, large)`",
        _ => return None,
    })
}

/// What is written here for a field that Terraform has on every block.
pub(crate) fn field_advice(word: &str) -> Option<&'static str> {
    match word {
        "count" => Some("several are made by a loop in the head: `for i in 0..2`"),
        "for_each" => Some("several are made by a loop in the head: `for key in keys`"),
        "depends_on" => Some("a reference is an order already; else write `after = [name]`"),
        "lifecycle" => Some("attributes say so: `@protect`, `@keep`, `@ignore(field)`"),
        _ => None,
    }
}

/// What is written here for a block that Terraform, or another tool, has at the top of a file.
pub(crate) fn block_advice(word: &str) -> Option<&'static str> {
    Some(match word {
        "variable" | "var" => "a value from outside is a parameter: `param name: string = \"…\"`",
        "locals" | "local" | "const" | "var_files" => "a value by name: `let name = value`",
        "provider" => "where things are made is a target: `target here = local(country = \"DE\")`",
        "resource" => "a block begins with its kind: `storage lake on here { … }`",
        "data" => "what is there already is declared with `@existing(\"id\")` before its block",
        "module" => {
            "a `component` is declared once and made by its name: `component box on target { … }`, \
             `box mine on here`; a file's names come by `use \"file.mlinfra\".{name}`"
        }
        "terraform" | "backend" => {
            "the state stands beside the spec; its project is named by `project name {}`"
        }
        "workspace" => "an environment has a state of its own: `environment dev {}`",
        "import" => "what is there already is declared with `@existing(\"id\")` before its block",
        "struct" | "record" | "class" | "enum" => {
            "a parameter says what it takes: `param size: enum(small, large)`"
        }
        _ => return None,
    })
}

/// What Terraform's function of this name is here: advice, and the name if it takes the same.
pub(crate) fn function(word: &str) -> Option<(&'static str, Option<&'static str>)> {
    Some(match word {
        "split" => ("`parts(text, separator)`", Some("parts")),
        "substr" => ("`substring(text, start, length)`", Some("substring")),
        "strlen" => ("`length(text)`", Some("length")),
        "trimspace" | "strip" => ("`trim(text)`", Some("trim")),
        "trimprefix" => ("`without_prefix(text, prefix)`", Some("without_prefix")),
        "trimsuffix" => ("`without_suffix(text, suffix)`", Some("without_suffix")),
        "tolower" => ("`lower(text)`", Some("lower")),
        "toupper" => ("`upper(text)`", Some("upper")),
        "startswith" => ("`starts_with(text, part)`", Some("starts_with")),
        "endswith" => ("`ends_with(text, part)`", Some("ends_with")),
        "strcontains" => ("`contains(text, part)`", Some("contains")),
        "jsonencode" => ("`json(value)`", Some("json")),
        "jsondecode" => ("`from_json(text)`", Some("from_json")),
        "base64encode" => ("`base64(text)`", Some("base64")),
        "base64decode" => ("`from_base64(text)`", Some("from_base64")),
        "urlencode" => ("`url_encode(text)`", Some("url_encode")),
        "cidrsubnet" => ("`subnet(network, bits, number)`", Some("subnet")),
        "cidrhost" => ("`host(network, number)`", Some("host")),
        "tonumber" => ("`number(text)`", Some("number")),
        "zipmap" => ("`zip(keys, values)`", Some("zip")),
        "len" | "size" => (
            "`count(xs)` of a list or map, `length(text)` of a text",
            None,
        ),
        "regex" | "regexp" => ("`find(text, pattern)`, `matches` and `groups`", None),
        "regexall" => ("`find_all(text, pattern)`", None),
        "cidrsubnets" => ("`subnets(network, bits, count)`", None),
        "lookup" => ("`get(map, key) ?? value`", None),
        "element" => ("`xs[0]`, and `xs[mod(i, count(xs))]` to wrap around", None),
        "coalesce" | "try" => ("`a ?? b`", None),
        "can" | "isnull" => ("`x != none`", None),
        "compact" => ("`[x for x in xs when x != none]`", None),
        "format" | "formatlist" | "sprintf" => (
            "`\"${a} of ${b}\"`; `fixed(x, digits)` and `pad_start` for numbers",
            None,
        ),
        "tostring" | "str" | "string" => ("`\"${x}\"`", None),
        "toset" | "set" => ("`distinct(xs)`", None),
        "setunion" => ("`distinct(concat(a, b))`", None),
        "setintersection" => ("`common(a, b)`", Some("common")),
        "setsubtract" => ("`without(a, b)`", Some("without")),
        "file" | "templatefile" => ("`text(\"path\")`, and `${x}` in a text of the spec", None),
        "int" | "toint" => ("`whole(x)`", None),
        "filesha256" => ("`sha256(text(\"path\"))`", None),
        "timeadd" => ("`date + 30 days`", None),
        "timestamp" | "now" => ("a parameter: a spec knows no clock", None),
        "uuid" | "random" => ("a parameter: the same spec always says the same", None),
        "map" => ("`[f(x) for x in xs]`, or a record `{ a = 1 }`", None),
        "filter" => ("`[x for x in xs when condition]`", None),
        "anytrue" => ("`any_of(xs)`", Some("any_of")),
        "alltrue" => ("`all_of(xs)`", Some("all_of")),
        "chunklist" => ("`chunks(xs, size)`", Some("chunks")),
        "index" => ("`index_of(xs, x)`", Some("index_of")),
        "range" => ("`numbers(0..9)`: both ends are in it", None),
        _ => return None,
    })
}

/// What is said of a word that means a value elsewhere.
pub(crate) fn value_advice(word: &str, instead: &str) -> String {
    match instead {
        "none" => "leave the field out, or write `none`".to_owned(),
        _ => format!("`{word}` is written `{instead}` here"),
    }
}

/// The declared unit that was surely meant, or all that it may have been.
///
/// Another unit means another amount, so a guess must be sure: the same letters, the only unit
/// that begins so (`d`, `Gi`), or a long word with a typing error.
pub(crate) fn unit<'u>(word: &str, known: &[&'u str]) -> Result<&'u str, Vec<&'u str>> {
    if let Some(same) = known.iter().find(|unit| unit.eq_ignore_ascii_case(word)) {
        return Ok(same);
    }
    let begins = |unit: &&&str| {
        (unit.get(..word.len())).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    };
    // Of a singular and its plural, the plural stands for both.
    let is_singular = |unit: &&str| {
        known
            .iter()
            .any(|other| other.strip_suffix('s') == Some(unit))
    };
    let meant: Vec<&str> = (known.iter().filter(begins))
        .filter(|unit| !is_singular(unit))
        .copied()
        .collect();
    match meant.as_slice() {
        [only] => Ok(only),
        [] if word.len() >= NEAR_BYTES_MIN => nearest(word, known.iter().copied())
            .and_then(Meant::sure)
            .ok_or_else(Vec::new),
        _ => Err(meant),
    }
}

/// The nested kind whose blocks call operations: one may be meant where a field is unknown.
pub(crate) fn steps(kind: &Kind) -> Option<&str> {
    let mut nested = kind.nested.values();
    let found = nested.find(|nested| matches!(nested.value, KindValue::Operation));
    found.map(|nested| nested.name.as_str())
}

/// What is said where such a block stands without its kind.
pub(crate) fn step_advice(kind: &Kind, name: &str) -> String {
    let nested = steps(kind).unwrap_or_default();
    format!("a {nested} is written with its kind in front: `{nested} {name} = …`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_guessed_where_the_guess_is_sure() {
        let known = [
            "B", "GB", "GiB", "MB", "MiB", "day", "days", "h", "min", "month", "months", "s",
        ];
        assert_eq!(unit("d", &known), Ok("days"));
        assert_eq!(unit("Gi", &known), Ok("GiB"));
        assert_eq!(unit("gb", &known), Ok("GB"));
        assert_eq!(unit("GiBs", &known), Ok("GiB"));
        assert_eq!(unit("m", &known), Err(vec!["MB", "MiB", "min", "months"]));
        assert_eq!(unit("zz", &known), Err(Vec::new()));
    }

    #[test]
    fn words_of_other_languages_are_known() {
        assert_eq!(value_word("True"), Some("true"));
        assert_eq!(value_word("null"), Some("none"));
        assert_eq!(value_word("here"), None);
    }
}
