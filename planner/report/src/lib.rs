//! A run as one page that opens from disk: [`Report`] says what is known, [`render`] draws it.
//!
//! The page is one file without scripts and without a link to any other place. It holds what the
//! report holds and nothing else: no cell, no secret, no time that is not in the report, so the
//! same report gives the same bytes.

mod canvas;
mod chart;
mod input;
mod lineage;
mod page;
mod section;
mod text;

pub use input::{
    ColumnUse, Edge, Endpoint, Fact, Flow, FlowCell, FlowChange, FlowColumn, FlowTable, Gate,
    Lineage, Model, Node, NodeKind, Operation, Outcome, Policy, REPORT_FORMAT, Released, Report,
    Step, Table,
};
pub use page::render;
