//! Text to a checked program. Pure: what it must know of the outside comes through [`World`].

pub mod code;
pub mod diagnostic;
pub mod program;
pub mod world;

pub use code::Code;
pub use diagnostic::{Diagnostic, Edit, FileId, Fix, Label, Severity, Span};
pub use program::{Argument, Block, Field, ModelType, Output, Program, Step};
pub use world::World;
