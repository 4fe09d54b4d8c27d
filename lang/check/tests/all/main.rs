//! The checker seen from outside: texts in, program and findings out.

mod credit;
mod world;
