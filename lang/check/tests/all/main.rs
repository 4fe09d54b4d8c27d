//! The checker seen from outside: texts in, program and findings out.

mod ask;
mod catalog;
mod complete;
mod credit;
mod decided;
mod environments;
mod faults;
mod files;
mod flow;
mod functions;
mod gates;
mod hover;
mod memory;
mod moves;
mod names;
mod newcomers;
mod pages;
mod policies;
mod proofs;
mod reuse;
mod rows;
mod tested;
mod tokens;
mod values;
mod vocabulary;
mod world;
