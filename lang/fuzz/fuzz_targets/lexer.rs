//! Coverage-guided search for a text that breaks what the lexer promises.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mlinfra_fuzz::lexer(bytes));
