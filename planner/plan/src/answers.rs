//! The answers to planning's questions, found again by the question.

use std::collections::BTreeMap;

use crate::question::{Answer, Question};

/// Answers by question, in a fixed order.
#[derive(Clone, Debug, Default)]
pub struct Answers(BTreeMap<String, (Question, Answer)>);

impl Answers {
    /// Keeps an answer; a second one for the same question replaces the first.
    pub fn insert(&mut self, question: Question, answer: Answer) {
        self.0.insert(name_of(&question), (question, answer));
    }

    /// The answer to this question, if it was given.
    pub fn get(&self, question: &Question) -> Option<&Answer> {
        self.0.get(&name_of(question)).map(|(_, answer)| answer)
    }

    /// Every question with its answer.
    pub fn iter(&self) -> impl Iterator<Item = &(Question, Answer)> {
        self.0.values()
    }
}

fn name_of(question: &Question) -> String {
    serde_json::to_string(question).expect("a question has string keys alone")
}
