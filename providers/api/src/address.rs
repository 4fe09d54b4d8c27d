//! The name of one thing: `kind.name`, inside its parents: `api/endpoint.main`.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, satisfy};
use nom::combinator::{all_consuming, opt, recognize};
use nom::multi::{many0, separated_list1};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// Address = `{ name[key] "/" } kind.name[key]`: one grammar for the command line, the state and
/// every message. `key` names the element of a `for`, quoted when it is a text.
///
/// Everything in a program names others, so a copy shares the text: it costs a count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Arc<Parts>);

/// What an address is made of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parts {
    /// The enclosing blocks, outermost first: the name and the key of each.
    pub parents: Vec<Segment>,
    /// The kind, dotted if it belongs to a provider: `pool`, `aws.instance`.
    pub kind: String,
    /// The block's own name and key.
    pub leaf: Segment,
}

/// A name and, for an element of a `for`, its key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// The block's name.
    pub name: String,
    /// The element's key: digits stand bare, every other text in double quotes.
    pub key: Option<String>,
}

impl Segment {
    /// A segment without a key.
    pub fn new(name: impl Into<String>) -> Self {
        Segment {
            name: name.into(),
            key: None,
        }
    }
}

impl Deref for Address {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl From<Parts> for Address {
    fn from(parts: Parts) -> Self {
        Address(Arc::new(parts))
    }
}

impl Address {
    /// The address of a top-level block.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        let parts = Parts {
            parents: Vec::new(),
            kind: kind.into(),
            leaf: Segment::new(name),
        };
        parts.into()
    }

    /// The address of a block nested in `self`.
    pub fn child(&self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        let mut parents = self.parents.clone();
        parents.push(self.leaf.clone());
        let parts = Parts {
            parents,
            kind: kind.into(),
            leaf: Segment::new(name),
        };
        parts.into()
    }

    /// The address of an element of a `for` whose blocks share this one.
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        let mut parts = Parts::clone(self);
        parts.leaf.key = Some(key.into());
        parts.into()
    }

    /// The block's own name.
    pub fn name(&self) -> &str {
        &self.leaf.name
    }

    /// A file name for this address: letters, digits, `.`, `_` and `-` alone, and distinct for
    /// distinct addresses (other bytes are written `%xx`, a `/` becomes `+`).
    pub fn file_name(&self) -> String {
        let mut out = String::new();
        for byte in self.to_string().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                    out.push(char::from(byte));
                }
                b'/' => out.push('+'),
                _ => out.push_str(&format!("%{byte:02x}")),
            }
        }
        out
    }
}

impl Segment {
    /// Whether the other is this one, or an element of it.
    fn covers(&self, other: &Segment) -> bool {
        self.name == other.name && (self.key.is_none() || self.key == other.key)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.key {
            None => Ok(()),
            Some(key) if !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit()) => {
                write!(f, "[{key}]")
            }
            Some(key) => {
                write!(
                    f,
                    "[\"{}\"]",
                    key.replace('\\', "\\\\").replace('"', "\\\"")
                )
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for parent in &self.parents {
            write!(f, "{parent}/")?;
        }
        write!(f, "{}.{}", self.kind, self.leaf)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of a block or of a component, and with it of everything inside: `storage.lake`,
/// `risk/step.model`, `api` or `team/api["eu"]`. Of what stands in a `for`, a name without a key is
/// that of every element.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// What encloses it, outermost first.
    pub parents: Vec<Segment>,
    /// The block's kind; none for a component.
    pub kind: Option<String>,
    /// Its own name and key.
    pub leaf: Segment,
}

impl Name {
    /// The name of a block.
    pub fn of(address: &Address) -> Self {
        Name {
            parents: address.parents.clone(),
            kind: Some(address.kind.clone()),
            leaf: address.leaf.clone(),
        }
    }

    /// Whether an address is this one, or inside of it.
    pub fn holds(&self, address: &Address) -> bool {
        self.is(address) || self.encloses(address)
    }

    fn is(&self, address: &Address) -> bool {
        let same = address.parents == self.parents && self.leaf.covers(&address.leaf);
        same && self.kind.as_ref() == Some(&address.kind)
    }

    fn encloses(&self, address: &Address) -> bool {
        let rest = address.parents.strip_prefix(&*self.parents);
        (rest.and_then(<[Segment]>::first)).is_some_and(|first| self.leaf.covers(first))
    }

    /// What the address of something in here becomes once this is called `to`; none for what is
    /// not in here. Elements of a `for` keep their keys; one key is no name for all of them.
    pub fn renamed(&self, address: &Address, to: &Name) -> Option<Address> {
        let leaf = |own: &Segment| {
            let is_element = own.key != self.leaf.key;
            let key = match (is_element, &to.leaf.key) {
                (true, Some(_)) => return None,
                (true, None) => own.key.clone(),
                (false, key) => key.clone(),
            };
            let name = to.leaf.name.clone();
            Some(Segment { name, key })
        };
        if let (true, Some(kind)) = (self.is(address), &to.kind) {
            let parts = Parts {
                parents: to.parents.clone(),
                kind: kind.clone(),
                leaf: leaf(&address.leaf)?,
            };
            return Some(parts.into());
        }
        if !self.encloses(address) {
            return None;
        }
        let own = address.parents.get(self.parents.len())?;
        let inside = address.parents.get(self.parents.len() + 1..)?;
        let moved = Parts {
            parents: [&*to.parents, &[leaf(own)?], inside].concat(),
            ..Parts::clone(address)
        };
        Some(moved.into())
    }

    /// As a text of a spec, without its quotes.
    pub fn escaped(&self) -> String {
        let text = self.to_string();
        text.replace('\\', "\\\\").replace('"', "\\\"")
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for parent in &self.parents {
            write!(f, "{parent}/")?;
        }
        match &self.kind {
            Some(kind) => write!(f, "{kind}.{}", self.leaf),
            None => write!(f, "{}", self.leaf),
        }
    }
}

impl FromStr for Name {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Ok(address) = text.parse::<Address>() {
            return Ok(Name::of(&address));
        }
        let segments = all_consuming(separated_list1(tag("/"), segment)).parse(text);
        let mut parents = segments.map_err(|_| NotAnAddress(text.into()))?.1;
        match parents.pop() {
            Some(leaf) => Ok(Name {
                parents,
                kind: None,
                leaf,
            }),
            None => Err(NotAnAddress(text.into())),
        }
    }
}

/// The text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an address; one looks like `storage.lake`, `risk/step.model` or \
     `pool.workers[\"eu-west-1\"]`"
)]
pub struct NotAnAddress(pub String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        all_consuming(address)
            .parse(text)
            .map(|(_, a)| a)
            .map_err(|_| NotAnAddress(text.into()))
    }
}

fn word(input: &str) -> IResult<&str, &str> {
    recognize((
        satisfy(|c| c.is_ascii_alphabetic() || c == '_'),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(input)
}

fn quoted(input: &str) -> IResult<&str, String> {
    let plain = take_while1(|c| c != '"' && c != '\\').map(str::to_owned);
    let escaped = preceded(char('\\'), satisfy(|c| c == '"' || c == '\\')).map(String::from);
    delimited(char('"'), many0(alt((plain, escaped))), char('"'))
        .map(|parts| parts.concat())
        .parse(input)
}

fn segment(input: &str) -> IResult<&str, Segment> {
    let digits = take_while1(|c: char| c.is_ascii_digit()).map(str::to_owned);
    let key = delimited(char('['), alt((digits, quoted)), char(']'));
    (word, opt(key))
        .map(|(name, key)| Segment {
            name: name.into(),
            key,
        })
        .parse(input)
}

fn address(input: &str) -> IResult<&str, Address> {
    let (rest, parents) = many0(|i| (segment, tag("/")).map(|(s, _)| s).parse(i)).parse(input)?;
    let (rest, mut words) = separated_list1(char('.'), word).parse(rest)?;
    let Some(name) = words.pop().filter(|_| !words.is_empty()) else {
        return Err(nom::Err::Error(nom::error::Error::new(
            input,
            nom::error::ErrorKind::Tag,
        )));
    };
    let (rest, leaf) = segment(&input[input.len() - rest.len() - name.len()..])?;
    let parts = Parts {
        parents,
        kind: words.join("."),
        leaf,
    };
    Ok((rest, parts.into()))
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        for text in [
            "storage.lake",
            "risk/step.model",
            "aws.instance.trainers[0]",
            "pool.workers[\"eu-west-1\"]",
            "a[\"x/y\"]/b[3]/kind.name[\"q\\\"\\\\\"]",
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn a_name_takes_what_is_inside_along() {
        let name = |text: &str| text.parse::<Name>().expect(text);
        let address = |text: &str| text.parse::<Address>().expect(text);
        for (from, to, old, new) in [
            (
                "storage.lake",
                "storage.pond",
                "storage.lake",
                Some("storage.pond"),
            ),
            (
                "pipeline.risk",
                "pipeline.credit",
                "risk/step.m",
                Some("credit/step.m"),
            ),
            ("api", "web", "api/endpoint.main", Some("web/endpoint.main")),
            (
                "a/api",
                "b/api[\"eu\"]",
                "a/api/x/step.s",
                Some("b/api[\"eu\"]/x/step.s"),
            ),
            (
                "pool.w[0]",
                "pool.w[\"eu\"]",
                "pool.w[0]",
                Some("pool.w[\"eu\"]"),
            ),
            (
                "storage.lake",
                "storage.pond",
                "storage.lake[\"a\"]",
                Some("storage.pond[\"a\"]"),
            ),
            (
                "api",
                "web",
                "api[2]/endpoint.main",
                Some("web[2]/endpoint.main"),
            ),
            (
                "storage.lake",
                "storage.lake[\"a\"]",
                "storage.lake",
                Some("storage.lake[\"a\"]"),
            ),
            ("storage.lake", "storage.pond", "storage.lakes", None),
            ("api", "web", "storage.api", None),
            ("api", "web", "b/api/storage.x", None),
        ] {
            let renamed = name(from).renamed(&address(old), &name(to));
            assert_eq!(renamed, new.map(address), "{from} {to} {old}");
            assert_eq!(name(from).holds(&address(old)), new.is_some());
            assert_eq!(name(from).to_string(), from);
        }
        // One key is no name for all the elements.
        let (lake, one) = (name("storage.lake"), name("storage.pond[\"a\"]"));
        let element = address("storage.lake[\"b\"]");
        assert_eq!(lake.renamed(&element, &one), None);
        assert!(lake.holds(&element));
        assert_eq!(name("s.l[\"a\"]").escaped(), "s.l[\\\"a\\\"]");
        for text in ["", "a//b", "a/", "a b", "storage.", "-"] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "lake",
            ".lake",
            "storage.",
            "storage.lake ",
            "a/b",
            "s.l[",
            "s.l[x]",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
