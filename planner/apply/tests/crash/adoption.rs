//! Work that outlives its executor: left, adopted, cancelled, attached to.
