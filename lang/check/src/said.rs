//! What was said so far, by place and by text: looking it up costs the same however much it is.

use std::collections::HashMap;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Span};

/// How often each was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    codes: HashMap<Code, usize>,
    places: HashMap<(Code, Span), usize>,
    texts: HashMap<(Code, String), usize>,
}

impl Said {
    /// Notes a finding.
    pub(crate) fn add(&mut self, finding: &Diagnostic) {
        let (code, label) = (finding.code, &finding.primary);
        *self.codes.entry(code).or_default() += 1;
        *self.places.entry((code, label.span)).or_default() += 1;
        *self.texts.entry((code, label.text.clone())).or_default() += 1;
    }

    /// Takes one back that was noted.
    pub(crate) fn take_back(&mut self, finding: &Diagnostic) {
        let (code, label) = (finding.code, &finding.primary);
        let text = (code, label.text.clone());
        let counts = [
            self.codes.get_mut(&code),
            self.places.get_mut(&(code, label.span)),
            self.texts.get_mut(&text),
        ];
        for count in counts.into_iter().flatten() {
            *count = count.saturating_sub(1);
        }
    }

    /// Whether anything was said with this code.
    pub(crate) fn has_code(&self, code: Code) -> bool {
        self.codes.get(&code).is_some_and(|count| *count > 0)
    }

    /// Whether this was said of this text of the spec.
    pub(crate) fn has_place(&self, code: Code, span: Span) -> bool {
        let count = self.places.get(&(code, span));
        count.is_some_and(|count| *count > 0)
    }

    /// Whether the same was said, wherever.
    pub(crate) fn has_text(&self, finding: &Diagnostic) -> bool {
        let key = (finding.code, finding.primary.text.clone());
        self.texts.get(&key).is_some_and(|count| *count > 0)
    }
}
