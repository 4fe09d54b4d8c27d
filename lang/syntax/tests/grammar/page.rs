//! Reads the productions and the table of nodes from the page.

use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../grammar.md");

/// What stands on the right side of a production. Each place with a choice has a number.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Sequence(Vec<Form>),
    Choice(usize, Vec<Form>),
    Optional(usize, Box<Form>),
    Repeat(usize, Box<Form>),
    Rule(String),
    Terminal(Terminal),
}

/// A sign, a word, or a token by its name.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    pub(crate) text: String,
    /// Whether it stands for itself.
    pub(crate) literal: bool,
    /// Whether it touches what stands before it.
    pub(crate) touches: bool,
}

/// One row of the table of nodes.
#[derive(Debug)]
pub(crate) struct NodeRow {
    pub(crate) node: String,
    pub(crate) rules: Vec<String>,
    /// Whether each sign of the rule makes one, not each use.
    pub(crate) each_sign: bool,
}

/// The page, read.
pub(crate) struct Page {
    pub(crate) rules: BTreeMap<String, Form>,
    pub(crate) nodes: Vec<NodeRow>,
    /// Each choice: its production, and how many alternatives it has; an option and a repetition
    /// have two.
    pub(crate) choices: Vec<(String, usize)>,
}

/// What opens and closes: inside, a brace is free again.
pub(crate) fn bracket(terminal: &Terminal) -> i32 {
    match terminal.text.as_str() {
        _ if !terminal.literal => 0,
        "(" | "[" | "{" | "${" => 1,
        ")" | "]" | "}" => -1,
        _ => 0,
    }
}

pub(crate) fn read() -> Page {
    let (_, rest) = PAGE
        .split_once("```ebnf\n")
        .expect("the page has productions");
    let (text, _) = rest.split_once("```").expect("they end");
    let mut reader = Reader {
        words: words(text),
        at: 0,
        rule: String::new(),
        choices: Vec::new(),
    };
    let mut rules = BTreeMap::new();
    while reader.at < reader.words.len() {
        let name = reader.take();
        reader.rule.clone_from(&name);
        assert_eq!(reader.take(), "=", "a production is `{name} = … .`");
        let form = reader.choice();
        assert_eq!(reader.take(), ".", "`{name}` ends with a point");
        assert!(
            rules.insert(name.clone(), form).is_none(),
            "`{name}` has two productions"
        );
    }
    Page {
        rules,
        nodes: rows(),
        choices: reader.choices,
    }
}

fn rows() -> Vec<NodeRow> {
    let lines = PAGE.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [node, rules, each] = cells[..] else {
            panic!("`{line}` has three cells")
        };
        let rules = rules
            .split(", ")
            .map(|rule| rule.trim_matches('`').to_owned());
        assert!(
            matches!(each, "use" | "sign"),
            "`{line}` says what makes one"
        );
        NodeRow {
            node: node.trim_matches('`').to_owned(),
            rules: rules.collect(),
            each_sign: each == "sign",
        }
    };
    lines.map(row).collect()
}

/// Words, signs, and quoted terminals with their quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => rest[1..].find('"').expect("a terminal is closed") + 2,
            one if one.is_alphabetic() => {
                let end = |c: char| !c.is_alphanumeric() && c != '_';
                rest.find(end).unwrap_or(rest.len())
            }
            _ => 1,
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    words
}

struct Reader {
    words: Vec<String>,
    at: usize,
    rule: String,
    choices: Vec<(String, usize)>,
}

impl Reader {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self) -> String {
        self.at += 1;
        self.words[self.at - 1].clone()
    }

    fn number(&mut self, alternatives: usize) -> usize {
        self.choices.push((self.rule.clone(), alternatives));
        self.choices.len() - 1
    }

    fn choice(&mut self) -> Form {
        let mut alternatives = vec![self.sequence()];
        while self.peek() == "|" {
            self.at += 1;
            alternatives.push(self.sequence());
        }
        match alternatives.len() {
            1 => alternatives.remove(0),
            count => Form::Choice(self.number(count), alternatives),
        }
    }

    fn sequence(&mut self) -> Form {
        let mut forms = Vec::new();
        while !matches!(self.peek(), "" | "." | "|" | ")" | "]" | "}") {
            forms.push(self.form());
        }
        assert!(
            !forms.is_empty(),
            "an alternative is empty before `{}`",
            self.peek()
        );
        match forms.len() {
            1 => forms.remove(0),
            _ => Form::Sequence(forms),
        }
    }

    fn form(&mut self) -> Form {
        let word = self.take();
        match word.as_str() {
            "(" | "[" | "{" => {
                let inner = self.choice();
                let close = self.take();
                let closer = match word.as_str() {
                    "(" => ")",
                    "[" => "]",
                    _ => "}",
                };
                assert_eq!(close, closer, "what `{word}` opens is closed");
                match word.as_str() {
                    "(" => inner,
                    "[" => Form::Optional(self.number(2), Box::new(inner)),
                    _ => Form::Repeat(self.number(2), Box::new(inner)),
                }
            }
            "~" => match self.form() {
                Form::Terminal(terminal) => Form::Terminal(Terminal {
                    touches: true,
                    ..terminal
                }),
                other => panic!("`~` stands before a sign, not before {other:?}"),
            },
            _ if word.starts_with('"') => Form::Terminal(Terminal {
                text: word.trim_matches('"').to_owned(),
                literal: true,
                touches: false,
            }),
            _ if word.chars().all(|c| c.is_uppercase() || c == '_') => Form::Terminal(Terminal {
                text: word,
                literal: false,
                touches: false,
            }),
            _ => Form::Rule(word),
        }
    }
}
