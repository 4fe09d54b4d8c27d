//! The words of the language itself: its forms, its types and what joins values, each with an
//! example.

use std::sync::OnceLock;

use crate::vocabulary::Word;

/// Each word, how it is written, and what it is for.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "param",
        "param replicas: int = 1 { require replicas <= 8 else \"this machine holds eight\" }",
        "A value from outside: `--param replicas=3`, a file of `--params`, a variable or an \
         environment. Without a default it must be given. `require` in its body says which values \
         are taken. It is named alone, or in full: `param.replicas`.",
    ),
    (
        "let",
        "let region = \"eu-central-1\"",
        "A name for a value, inside the spec alone. A type may stand behind the name: \
         `let size: int = 3`.",
    ),
    (
        "output",
        "output url = score.url",
        "A value that `mlinfra output` shows once apply is done. In a component it is what is seen \
         from outside.",
    ),
    (
        "component",
        "component box on target { param size: bytes, storage raw { capacity = size } }",
        "Blocks that are made together, as often as wanted: `box mine on here { size = 1 GiB }`. \
         It sees its own parameters and blocks; from outside its outputs are seen. Without `on`, \
         each block inside stands where the instance stands.",
    ),
    (
        "function",
        "function doubled(x: int): int = x * 2",
        "A computation by name. It sees its parameters alone.",
    ),
    (
        "policy",
        "policy small for s in all(storage) { require s.capacity <= 10 GiB else \"too large\" }",
        "A rule for all blocks of a kind, with one finding for each that breaks it.",
    ),
    (
        "test",
        "test \"three are enough\" { params { replicas = 3 }, require cost.max <= 50 USD/month }",
        "What must hold of the plan with these parameters: `mlinfra test`.",
    ),
    (
        "environment",
        "environment prod { params { replicas = 3 } }",
        "A state of its own for the same spec: `mlinfra apply prod`. As a value, `environment` is \
         the one that is meant: `if environment == prod then 3 else 1`.",
    ),
    (
        "moved",
        "moved \"storage.old\" = \"storage.new\"",
        "What is called otherwise now stays what it is. A component is named alone: \
         `moved \"old\" = \"new\"`; of a block with `for`, a name without a key is that of every \
         element.",
    ),
    (
        "removed",
        "removed \"storage.old\" { keep = true }",
        "What is no longer in the spec; with `keep` it is forgotten, not removed.",
    ),
    (
        "use",
        "use \"shared.mlinfra\".{lake, box}",
        "Names of another file. `use \"shared.mlinfra\" as shared` brings all of them, as \
         `shared.lake`.",
    ),
    (
        "for",
        "storage lake on here for name in [\"a\", \"b\"] { capacity = 1 GiB }",
        "One block for each element, with its own key: `lake[\"a\"]`. Over a map there are two \
         names: `for key, value in sizes`. In a list it makes one: \
         `[x + 1 for x in xs when x > 0]`.",
    ),
    (
        "when",
        "storage cache on here when environment == prod {}",
        "The block is made only if this holds. What refers to it says what holds otherwise: \
         `cache.capacity ?? 1 GiB`.",
    ),
    (
        "on",
        "storage lake on here {}",
        "Where a block stands. Inside of another block or a component it is inherited.",
    ),
    (
        "require",
        "require replicas <= 8 else \"this machine holds eight\"",
        "What must hold, and what is said if it does not. It is judged as early as what it asks \
         for is known: in check, in plan or while it runs.",
    ),
    (
        "if",
        "let size = if big then 2 GiB else 1 GiB",
        "A choice between two values.",
    ),
    (
        "match",
        "let size = match tier { small => 1 GiB, large => 2 GiB, _ => 3 GiB }",
        "A choice among cases; `_` is every other one.",
    ),
    (
        "none",
        "let owner = given ?? \"nobody\"",
        "No value. A type with `?` may be it: `param given: string?`; `x ?? y` is `y` then, and \
         `x != none` asks.",
    ),
    ("bool", "param big: bool = false", "`true` or `false`."),
    (
        "int",
        "param replicas: int = 1",
        "A whole number of 64 bits.",
    ),
    (
        "decimal",
        "param share: decimal = 0.5",
        "An exact number; `50%` is `0.5`.",
    ),
    (
        "string",
        "param owner: string = \"risk\"",
        "A text in quotes; `${…}` puts a value in. A text of several lines stands between `\"\"\"` \
         and means what it says.",
    ),
    (
        "date",
        "param until: date = 2030-12-31",
        "A day, or an instant: `2030-12-31T12:00:00Z`.",
    ),
    (
        "list",
        "param names: list(string) = [\"a\", \"b\"]",
        "Values of one type, in order: `names[0]`.",
    ),
    (
        "map",
        "param sizes: map(int) = { small = 2, large = 16 }",
        "Values of one type, by name: `sizes.small`, `sizes[\"small\"]`.",
    ),
    (
        "range",
        "param nodes: range(int) = 1..4",
        "From one value to another, both included: `nodes.min`, `nodes.max`.",
    ),
    (
        "enum",
        "param size: enum(small, large) = small",
        "One of few words, without quotes. It stands where another type has all of these words.",
    ),
    (
        "float",
        "column : float",
        "The type of a column: a binary number. A value of the spec is a `decimal`.",
    ),
    (
        "category",
        "column : category",
        "The type of a column: one of few texts. A value of the spec is an `enum(…)`.",
    ),
];

/// The words of the language itself, as they are declared nowhere.
pub fn own_words() -> &'static [Word] {
    static ALL: OnceLock<Vec<Word>> = OnceLock::new();
    ALL.get_or_init(|| {
        let word = |(name, example, documentation): &(&str, &str, &str)| Word {
            form: "language".to_owned(),
            name: (*name).to_owned(),
            inside: Vec::new(),
            head: (*example).to_owned(),
            documentation: (*documentation).to_owned(),
            attributes: Vec::new(),
            parameters: Vec::new(),
            result: None,
            place: None,
            value: None,
            members: Vec::new(),
            conditions: Vec::new(),
            entries: Vec::new(),
            nested: Vec::new(),
        };
        WORDS.iter().map(word).collect()
    })
}
