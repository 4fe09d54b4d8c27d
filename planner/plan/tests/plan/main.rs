//! Plans of the credit spec against snapshots and worlds made in memory.

mod catalog;
mod changes;
mod cost;
mod gates;
mod gates_order;
mod guards;
mod moves;
mod selection;
mod support;
mod unread;
