//! The language server: editors ask, the checker answers.
