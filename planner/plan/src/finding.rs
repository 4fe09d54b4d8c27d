//! Findings of planning, one function for each code.

use mlinfra_api::{Address, Refusal};

use crate::plan::PlanFinding;

/// A finding that blocks apply.
pub fn error(
    code: &str,
    title: &str,
    message: String,
    help: &str,
    address: &Address,
    field: Option<&str>,
) -> PlanFinding {
    PlanFinding {
        code: code.into(),
        error: true,
        title: title.into(),
        message,
        help: vec![help.into()],
        address: Some(address.clone()),
        field: field.map(str::to_owned),
        busy: false,
    }
}

/// A provider's refusal to lower a block.
pub fn refused(address: &Address, refusal: Refusal) -> PlanFinding {
    error(
        refusal.code,
        "the target can't do what this block asks for",
        refusal.message,
        &refusal.help,
        address,
        refusal.field.as_deref(),
    )
}

/// The target's provider is not part of this build.
pub fn no_provider(address: &Address, provider: &str) -> PlanFinding {
    error(
        "E0901",
        "no provider for this target is built in",
        format!("`{address}` goes to a target of the provider `{provider}`"),
        "place it on a target of a provider that is built in: `local`",
        address,
        None,
    )
}

/// A file that the spec reads can't be read.
pub fn no_file(address: &Address, field: &str, path: &str, reason: &str) -> PlanFinding {
    error(
        "E0902",
        "a file that the spec reads can't be read",
        format!("`{path}`: {reason}"),
        "paths are relative to the spec's folder; check the spelling and the permissions",
        address,
        Some(field),
    )
}

/// A declared column is not in the file's header.
pub fn no_column(address: &Address, path: &str, column: &str, header: &[String]) -> PlanFinding {
    let near = header
        .iter()
        .find(|name| name.trim().eq_ignore_ascii_case(column));
    let help = match near {
        _ if is_separated_otherwise(header) => {
            "its columns are not separated by `,`: save the file with commas".to_owned()
        }
        Some(near) => format!("the file has a column `{near}`: write it so, or rename it there"),
        None => format!("the file's columns: {}", header.join(", ")),
    };
    error(
        "E0903",
        "a declared column is not in the file",
        format!("`{path}` has no column `{column}`"),
        &help,
        address,
        Some(column),
    )
}

/// Whether a header that was read with commas has another separator.
pub(crate) fn is_separated_otherwise(header: &[String]) -> bool {
    header.len() == 1 && header[0].contains([';', '\t', '|'])
}

/// A file is empty or no text.
pub fn no_header(address: &Address, path: &str, bytes: u64) -> PlanFinding {
    let message = if bytes == 0 {
        format!("`{path}` is empty")
    } else {
        format!("`{path}` does not begin with a line of UTF-8 text")
    };
    error(
        "E0904",
        "a data file has no header",
        message,
        "a CSV file begins with a line that names its columns, in UTF-8",
        address,
        Some("from"),
    )
}

/// The port is taken by another program.
pub fn port_taken(address: &Address, host: &str, port: u16) -> PlanFinding {
    PlanFinding {
        busy: true,
        ..error(
            "E0905",
            "the port is in use",
            format!("another program listens on {host}:{port}"),
            "stop that program, or give the endpoint another port",
            address,
            Some("port"),
        )
    }
}

/// More is reserved than the machine has.
pub fn over_reserved(target: &Address, what: &str, wanted: &str, has: &str) -> PlanFinding {
    error(
        "E0906",
        "more is reserved than the machine has",
        format!("the pools on `{target}` reserve {wanted} of {what}; it has {has}"),
        "lower the requirements, or place a pool elsewhere",
        target,
        None,
    )
}

/// Data would be destroyed without the user's word.
pub fn holds_data(address: &Address, verb: &str) -> PlanFinding {
    error(
        "E0907",
        "data would be destroyed",
        format!("`{address}` holds data, and this plan {verb} it"),
        "keep it in the spec as it was, or say that its data may go: --data",
        address,
        None,
    )
}

/// The host can't be asked.
pub fn unseen(address: &Address, reason: &str) -> PlanFinding {
    PlanFinding {
        busy: true,
        ..error(
            "E0908",
            "a resource can't be looked at now",
            format!("`{address}`: {reason}"),
            "try again when its host answers",
            address,
            None,
        )
    }
}
