//! Writes sentences by the productions, with a seed.

use std::collections::BTreeMap;

use super::common::Random;
use super::page::{Form, Page, Terminal, bracket};

/// Beyond this the shortest alternative is taken: an expression alone is fourteen rules deep.
const DEPTH_MAX: usize = 70;

/// A sentence and what the table of nodes says of its tree.
pub(crate) struct Sentence {
    pub(crate) text: String,
    pub(crate) nodes: BTreeMap<String, usize>,
}

/// A token to be written, and the rule it is from.
struct Token {
    terminal: Terminal,
    rule: String,
}

/// Writes sentences; remembers which alternatives are still to be tried.
pub(crate) struct Writer<'p> {
    page: &'p Page,
    random: Random,
    heights: BTreeMap<&'p str, usize>,
    /// How often each alternative was taken.
    pub(crate) taken: Vec<Vec<usize>>,
    tokens: Vec<Token>,
    tokens_max: usize,
    nodes: BTreeMap<String, usize>,
    made: Vec<(usize, usize)>,
}

impl<'p> Writer<'p> {
    pub(crate) fn new(page: &'p Page, seed: u64) -> Self {
        Writer {
            page,
            random: Random(seed),
            heights: heights(page),
            taken: page
                .choices
                .iter()
                .map(|choice| vec![0; choice.1])
                .collect(),
            tokens: Vec::new(),
            tokens_max: 0,
            nodes: BTreeMap::new(),
            made: Vec::new(),
        }
    }

    /// The next sentence. `None`: it would need a form that its place does not allow.
    pub(crate) fn sentence(&mut self, tokens_max: usize) -> Option<Sentence> {
        self.tokens.clear();
        self.nodes.clear();
        self.made.clear();
        self.tokens_max = 1 + self.random.below(tokens_max);
        self.rule("file", "", false, 0);
        let tokens = std::mem::take(&mut self.tokens);
        let text = render(&tokens, &mut self.random);
        self.tokens = tokens;
        let text = text?;
        for (choice, alternative) in &self.made {
            self.taken[*choice][*alternative] += 1;
        }
        Some(Sentence {
            text,
            nodes: self.nodes.clone(),
        })
    }

    fn rule(&mut self, name: &str, from: &str, closed: bool, depth: usize) {
        let closed = closed || matches!(name, "closed" | "closed_postfix");
        self.count(name, false);
        if name == "label" && matches!(from, "field" | "column") {
            *self.nodes.entry("Path".to_owned()).or_default() += 1;
        }
        let page = self.page;
        let form = page
            .rules
            .get(name)
            .unwrap_or_else(|| panic!("`{name}` has no production"));
        self.form(form, name, closed, depth + 1);
    }

    fn count(&mut self, rule: &str, sign: bool) {
        let page = self.page;
        let rows = page.nodes.iter().filter(|row| row.each_sign == sign);
        for row in rows.filter(|row| row.rules.iter().any(|name| name == rule)) {
            *self.nodes.entry(row.node.clone()).or_default() += 1;
        }
    }

    fn form(&mut self, form: &Form, rule: &str, closed: bool, depth: usize) {
        match form {
            Form::Rule(name) => self.rule(name, rule, closed, depth),
            Form::Terminal(terminal) => {
                // `not in` is one sign.
                if !(rule == "compare" && terminal.text == "not") {
                    self.count(rule, true);
                }
                let (terminal, rule) = (terminal.clone(), rule.to_owned());
                self.tokens.push(Token { terminal, rule });
            }
            Form::Sequence(forms) => {
                let mut level = 0;
                for form in forms {
                    self.form(form, rule, closed && level == 0, depth);
                    if let Form::Terminal(terminal) = form {
                        level += bracket(terminal);
                    }
                }
            }
            Form::Choice(number, forms) => {
                let usable: Vec<usize> = (0..forms.len())
                    .filter(|at| !(closed && is_record(&forms[*at])))
                    .collect();
                let heights: Vec<usize> = usable
                    .iter()
                    .map(|at| height(&forms[*at], &self.heights))
                    .collect();
                let at = usable[self.choose(*number, &usable, &heights, depth)];
                self.made.push((*number, at));
                self.form(&forms[at], rule, closed, depth);
            }
            Form::Optional(number, inner) => {
                let at = self.choose(*number, &[0, 1], &[0, 1], depth);
                self.made.push((*number, at));
                if at == 1 {
                    self.form(inner, rule, closed, depth);
                }
            }
            Form::Repeat(number, inner) => {
                let at = self.choose(*number, &[0, 1], &[0, 1], depth);
                self.made.push((*number, at));
                for _ in 0..at * (1 + self.random.below(2)) {
                    self.form(inner, rule, closed, depth);
                }
            }
        }
    }

    /// Which of the alternatives; the lowest where the sentence must come to its end.
    fn choose(
        &mut self,
        number: usize,
        usable: &[usize],
        heights: &[usize],
        depth: usize,
    ) -> usize {
        let lowest = *heights.iter().min().expect("a choice has alternatives");
        let new = (0..usable.len()).find(|at| self.taken[number][usable[*at]] == 0);
        if let Some(new) = new
            && depth <= DEPTH_MAX
            && self.tokens.len() < 3 * self.tokens_max
        {
            return new;
        }
        let ends = depth > DEPTH_MAX || self.tokens.len() > self.tokens_max;
        if ends || self.random.below(4) == 0 {
            let low: Vec<usize> = (0..usable.len())
                .filter(|at| heights[*at] == lowest)
                .collect();
            return low[self.random.below(low.len())];
        }
        if self.random.below(3) == 0 {
            let rarest = usable.iter().enumerate();
            let rarest = rarest.min_by_key(|(_, at)| self.taken[number][**at]);
            return rarest.expect("a choice has alternatives").0;
        }
        self.random.below(usable.len())
    }
}

fn is_record(form: &Form) -> bool {
    matches!(form, Form::Rule(name) if name == "record")
}

/// How many rules deep the shortest sentence of each rule is.
fn heights(page: &Page) -> BTreeMap<&str, usize> {
    let mut known: BTreeMap<&str, usize> = page
        .rules
        .keys()
        .map(|name| (name.as_str(), 10_000))
        .collect();
    loop {
        let next: BTreeMap<&str, usize> = page
            .rules
            .iter()
            .map(|(name, form)| (name.as_str(), height(form, &known) + 1))
            .collect();
        if next == known {
            return known;
        }
        known = next
            .into_iter()
            .map(|(name, height)| (name, height.min(10_000)))
            .collect();
    }
}

fn height(form: &Form, known: &BTreeMap<&str, usize>) -> usize {
    match form {
        Form::Sequence(forms) => forms
            .iter()
            .map(|form| height(form, known))
            .max()
            .unwrap_or(0),
        Form::Choice(_, forms) => forms
            .iter()
            .map(|form| height(form, known))
            .min()
            .unwrap_or(0),
        Form::Optional(..) | Form::Repeat(..) | Form::Terminal(_) => 0,
        Form::Rule(name) => *known
            .get(name.as_str())
            .unwrap_or_else(|| panic!("`{name}` has no production")),
    }
}

/// Rules whose signs stand between two operands.
const INFIX: &[&str] = &[
    "or",
    "and",
    "compare",
    "range",
    "default",
    "sum",
    "product",
    "member",
    "requirement",
];

/// Writes tokens with blanks and line breaks between. `None` if a text of several lines or a line
/// break would stand in a `${…}`, or a record where `require` would be a name.
fn render(tokens: &[Token], random: &mut Random) -> Option<String> {
    let mut text = String::new();
    let mut open: Vec<&str> = Vec::new();
    let mut glue = true;
    for (at, token) in tokens.iter().enumerate() {
        let word = token.terminal.text.as_str();
        let one_line = open.contains(&"${");
        let next = tokens
            .get(at + 1)
            .map_or("", |token| token.terminal.text.as_str());
        if word == "NEWLINE" {
            match (one_line, token.rule.as_str()) {
                (true, "sep") => text.push(','),
                (true, _) => {}
                (false, _) => text.push_str(["\n", "\n", "  // A remark.\n"][random.below(3)]),
            }
            glue = false;
            continue;
        }
        if word == "TEXT" && one_line || word == "require" && next == "{" {
            return None;
        }
        let in_brackets = matches!(open.last(), Some(&"(" | &"["));
        if in_brackets && matches!(word, ")" | "]") && !one_line && random.below(20) == 0 {
            text.push('\n');
        } else if !one_line && free_break(token) && random.below(15) == 0 {
            text.push_str("\n  ");
        } else if !(glue || token.terminal.touches || word == "PER" || sticks(token, tokens, at)) {
            text.push(' ');
        }
        text.push_str(&spelled(token, next, random));
        glue = matches!(word, "STRING_START" | "STRING_MIDDLE" | "PER" | "@")
            || token.rule == "interpolation" && word == "}";
        match bracket(&token.terminal) {
            1 => open.push(word),
            -1 => {
                open.pop();
            }
            _ => {}
        }
        let list_goes_on = matches!(word, "(" | "[") || in_brackets && word == ",";
        if list_goes_on && !one_line && random.below(15) == 0 {
            text.push_str("\n    ");
        }
    }
    Some(text)
}

/// Before these a line break is a blank.
fn free_break(token: &Token) -> bool {
    let word = token.terminal.text.as_str();
    let head = matches!(token.rule.as_str(), "place" | "loop" | "guard" | "value")
        && matches!(word, "on" | "for" | "when" | "=");
    let infix = INFIX.contains(&token.rule.as_str()) && token.terminal.literal;
    // `not in` is one sign, and the break stands before it.
    head || infix && !(token.rule == "compare" && word == "in") || matches!(word, "then" | "else")
}

/// What stands directly behind the token before: the parts of a string, and what ends one.
fn sticks(token: &Token, tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).map(|at| &tokens[at]);
    let in_string = before.is_some_and(|it| it.rule == "interpolation" && it.terminal.text == "}");
    let word = token.terminal.text.as_str();
    in_string || token.rule == "interpolation" && word == "${"
}

/// How a token is written.
fn spelled(token: &Token, next: &str, random: &mut Random) -> String {
    let reserved = [
        "for", "on", "if", "in", "match", "not", "when", "none", "then",
    ];
    let words = ["a", "lake", "size_2", "_x", "from", "import"];
    let before_sign = matches!(next, "=" | ":");
    let several: &[&str] = match token.terminal.text.as_str() {
        _ if token.terminal.literal => return token.terminal.text.clone(),
        "RESERVED" if token.rule == "member_name" || before_sign => &reserved,
        "WORD" | "RESERVED" => &words,
        // A word before a `=` is a name, so there is no unit.
        "UNIT" if before_sign => &[""],
        "UNIT" => &["GiB", "min", "USD"],
        "PER" => &["/"],
        "BACKQUOTED" => &["`sepal length (cm)`", "`for`"],
        "NUMBER" => &["5", "1_000", "0.5", "3e-4"],
        "PERCENT" => &["5%", "0.25%"],
        "DATE" => &["2027-06-30", "2028-02-29T12:00:00Z"],
        "IP" => &["10.0.0.1", "10.40.0.0/16"],
        "STRING" => &["\"a\"", "\"\"", "\"say \\\"so\\\"\""],
        "STRING_START" => &["\"", "\"a "],
        "STRING_MIDDLE" => &["-", " and "],
        "STRING_END" => &["\"", " b\""],
        "TEXT" => &[
            "\"\"\"\n                several ${lines}\n  \"\"\"",
            "\"\"\"one\"\"\"",
        ],
        other => panic!("no token is named `{other}`"),
    };
    several[random.below(several.len())].to_owned()
}
