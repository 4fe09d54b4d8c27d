//! No code: depends on every shared crate, so that a build of one runtime crate uses the same
//! features as a build of them all, and nothing heavy is compiled twice.
