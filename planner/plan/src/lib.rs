//! Program + snapshot + answers → plan. Pure: same input, same bytes.

pub mod plan;
pub mod question;

pub use plan::{Action, Change, ChangeKind, PLAN_FORMAT, Plan, PlanFinding, Reason};
pub use question::{Answer, Question};
