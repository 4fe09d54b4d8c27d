//! The main job from outside: the credit example applied, changed, killed and destroyed by the
//! real programs.

mod bad_input;
mod change;
mod crash;
mod first;
mod project;
mod secrets;
mod survival;
