//! Findings of planning, one function for each code.

mod price;

use mlinfra_api::{Address, Name, Refusal, Verdict};

use crate::Goal;
use crate::gate::JudgedGate;
use crate::order::Early;
use crate::plan::PlanFinding;

pub(crate) use price::{
    as_warning, counted, covers_nothing, near_budget, not_in_catalog, open_budget, outbid,
    over_budget, together,
};

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

/// The code of [`no_provider`].
pub(crate) const NO_PROVIDER: &str = "E0901";

/// The target's provider is not part of this build.
pub fn no_provider(target: &Address, provider: &str, blocks: usize) -> PlanFinding {
    // It is among them itself.
    let things = match blocks.saturating_sub(1) {
        0 => "nothing goes".to_owned(),
        1 => "1 block goes".to_owned(),
        more => format!("{more} blocks go"),
    };
    error(
        NO_PROVIDER,
        "no provider for this target is built in",
        format!("`{target}` is of the provider `{provider}`, and {things} there"),
        "use a target of a provider that is built in: `local`; prices and checks hold all the same",
        target,
        None,
    )
}

/// A target that chooses between others, which no planner does yet.
pub fn not_chosen(target: &Address, word: &str, candidates: &[Address]) -> PlanFinding {
    let names: Vec<&str> = candidates.iter().map(Address::name).collect();
    error(
        "E0953",
        "no target is chosen among several in this version",
        format!("`{target}` is `{word}` of {}", names.join(", ")),
        "name the target that is meant where blocks are placed",
        target,
        None,
    )
}

/// Something is written that the target's provider does not build.
pub fn unread(at: &Address, provider: &str, what: &str, of: &str, field: &str) -> PlanFinding {
    error(
        NOT_BUILT,
        NOT_BUILT_TITLE,
        format!("`{provider}` does not build {what} of a `{of}`, and it would have no effect"),
        "take it out, or place the block on a target whose provider builds it",
        at,
        Some(field),
    )
}

/// A step whose operation the target's provider does not run.
pub fn not_run(at: &Address, provider: &str, operation: &str) -> PlanFinding {
    error(
        NOT_BUILT,
        NOT_BUILT_TITLE,
        format!("`{provider}` does not run `{operation}`"),
        "take the step out, or place it on a target whose provider runs it",
        at,
        None,
    )
}

const NOT_BUILT: &str = "E0950";
const NOT_BUILT_TITLE: &str = "the target's provider does not build this";

/// An output that the target's provider does not tell.
pub fn withheld(at: &Address, provider: &str, name: &str) -> PlanFinding {
    error(
        "E0951",
        "the target's provider does not tell this output",
        format!("`{provider}` tells no `{name}` of `{at}`"),
        "take out what refers to it",
        at,
        Some(name),
    )
}

/// A block that names nothing that stands anywhere: what it asks for would have no effect.
pub(crate) fn stands_nowhere(at: &Address, advice: &str) -> PlanFinding {
    error(
        "E0954",
        "this block stands nowhere",
        format!("`{at}` says nothing of any block that has a place, so nothing of it is done"),
        advice,
        at,
        None,
    )
}

/// A requirement whose bound nobody knows.
pub fn open_wish(at: &Address, field: &str) -> PlanFinding {
    error(
        "E0952",
        "a requirement is not known when it is planned",
        format!("what `{at}` asks of `{field}` rests on something that is not known"),
        "put the file that it is computed from beside the spec, or write the amount",
        at,
        Some(field),
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
pub fn holds_data(address: &Address, verb: &str, goal: Goal) -> PlanFinding {
    let help = match goal {
        Goal::Apply => {
            "keep it in the spec as it was, or say that its data may go: `mlinfra apply --data`"
        }
        Goal::Destroy => "if its data may go too, say so: `mlinfra destroy --data`",
    };
    error(
        "E0907",
        "data would be destroyed",
        format!("`{address}` holds data, and this plan {verb} it"),
        help,
        address,
        None,
    )
}

/// What is protected would go without the user's word: by its environment, or by itself.
pub fn protected(
    address: &Address,
    verb: &str,
    environment: Option<&str>,
    goal: Goal,
) -> PlanFinding {
    let message = match environment {
        Some(name) => format!(
            "the environment `{name}` protects everything in it, and this plan {verb} `{address}`"
        ),
        None => format!("`{address}` is protected, and this plan {verb} it"),
    };
    let help = match goal {
        Goal::Apply => {
            "keep it in the spec as it was, or say that it may go: `mlinfra apply --data`"
        }
        Goal::Destroy => "if it may go too, say so: `mlinfra destroy --data`",
    };
    let title = "what is protected would be destroyed";
    error("E0909", title, message, help, address, None)
}

/// What goes or changes stands on a target that is not for this environment.
pub(crate) fn out_of_bounds(address: &Address, target: &Address, environment: &str) -> PlanFinding {
    error(
        "E0131",
        "this environment may not touch that target",
        format!(
            "`{address}` stands on `{target}`, which is none of the targets of `{environment}`"
        ),
        "put the target back into `targets` until nothing of it stands there any more",
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

/// A gate that was judged and does not hold. It blocks what stands on its step, not the plan.
pub fn gate(gate: &JudgedGate) -> PlanFinding {
    let step = &gate.step;
    let (code, title, help) = match gate.verdict {
        Verdict::Undefined => (
            "E0941",
            "a gate rests on a figure that is undefined",
            format!(
                "what could not be measured does not count as good: there were too few rows to \
                 tell, or none of a kind; `mlinfra show {step}` has every figure"
            ),
        ),
        _ => (
            "E0940",
            "a gate does not hold",
            "change what the step is made from, or the bound if it was wrong; whatever stands on \
             the step stays as it is until the gate holds"
                .to_owned(),
        ),
    };
    PlanFinding {
        error: false,
        ..error(code, title, gate.sentence(), &help, step, Some(&gate.text))
    }
}

/// What is served, or what it is served from, goes before the verdict that could keep it.
pub(crate) fn goes_early(early: &Early) -> PlanFinding {
    let Early { what, serves, step } = early;
    let message = match serves {
        Some(server) => format!(
            "what `{server}` serves lies in `{what}`, which is made anew before `{step}` is \
             judged: if a gate of it does not hold, `{server}` answers from memory, and no more \
             once its process ends"
        ),
        None => format!(
            "`{what}` goes before `{step}` is judged: if a gate of it does not hold, nothing \
             answers in its place"
        ),
    };
    let help = match serves {
        Some(_) => {
            "give the storage another name with its new settings: the new one is made first, and \
             the old one goes once the gates hold"
        }
        None => "change in an apply of its own what the step runs on, and this in the next one",
    };
    PlanFinding {
        error: false,
        ..error(
            "E0946",
            "what is served goes before its gate is judged",
            message,
            help,
            what,
            None,
        )
    }
}

/// A monitor without anything to watch has no place.
pub fn watches_nothing(address: &Address) -> PlanFinding {
    error(
        "E0945",
        "a monitor watches nothing",
        format!(
            "`{address}` stands where the first thing that it watches stands, and there is none"
        ),
        "name an endpoint: `watch = score`",
        address,
        Some("watch"),
    )
}

/// An address as a spec writes it: a key has quotes of its own.
fn quoted(address: &Address) -> String {
    format!("\"{}\"", address.to_string().replace('"', "\\\""))
}

/// A block that goes is just like one that comes: it was perhaps renamed.
pub(crate) fn renamed(from: &Name, to: &Name, address: &Address) -> PlanFinding {
    PlanFinding {
        error: false,
        ..error(
            "E0971",
            "a block goes while one just like it comes",
            format!("`{from}` is removed, and `{to}` made anew with the same settings"),
            &format!(
                "if it was renamed, say so in the spec: `moved \"{}\" = \"{}\"`",
                from.escaped(),
                to.escaped()
            ),
            address,
            None,
        )
    }
}

/// A move to an address where something stands.
pub(crate) fn both_stand(from: &Address, to: &Address) -> PlanFinding {
    error(
        "E0972",
        "something stands at both addresses of a move",
        format!("`{from}` can't become `{to}`, which was made already"),
        "take `moved` out and remove one of them, or name another address",
        to,
        None,
    )
}

/// A change of the state where a call is open.
pub(crate) fn in_the_way(address: &Address, to: &Address) -> PlanFinding {
    PlanFinding {
        busy: true,
        ..error(
            "E0973",
            "what should change in the state is being worked on",
            format!("a call for `{address}` was begun and its end is not recorded"),
            "wait until it has ended: `mlinfra attach` follows it; what was interrupted is gone on \
             with by an apply without this change",
            to,
            None,
        )
    }
}

/// A field that is to be ignored and decides nothing by itself.
pub(crate) fn nothing_to_ignore(address: &Address, field: &str) -> PlanFinding {
    error(
        "E0974",
        "nothing can be ignored in this field",
        format!("`{address}` is not made of `{field}` as it stands there"),
        "take `@ignore` out; what is made of the field is always what the spec says",
        address,
        Some(field),
    )
}

/// An attribute of a block that is nothing by itself.
pub(crate) fn no_effect(address: &Address, what: &str) -> PlanFinding {
    error(
        "E0976",
        "this block is nothing by itself",
        format!("`{address}` says something of others, so `{what}` has no effect on it"),
        "take it out, or write it on the blocks that are meant",
        address,
        None,
    )
}

/// What would be made has the name of something that was left there.
pub(crate) fn name_taken(address: &Address, name: &Address) -> PlanFinding {
    error(
        "E0979",
        "something of this name was left there",
        format!(
            "`{name}` is not of this state any more, and what it holds would be that of `{address}`"
        ),
        &format!(
            "to take it over, write `@existing({})` on the block; otherwise give it another name",
            quoted(name)
        ),
        address,
        None,
    )
}

/// What was kept is removed by the spec's word, and both can't be.
pub(crate) fn kept_and_removed(address: &Address) -> PlanFinding {
    error(
        "E0980",
        "what is kept is said to be removed",
        format!("`{address}` was last applied with `@keep`, and `removed` says that it goes"),
        &format!(
            "to leave it where it is: `removed {} {{ keep = true }}`; to remove it, apply its \
             block once without `@keep` first",
            quoted(address)
        ),
        address,
        None,
    )
}

/// What stands already can't be taken over.
pub(crate) fn not_taken(address: &Address, id: &str, reason: &str) -> PlanFinding {
    error(
        "E0975",
        "what stands already can't be taken over",
        format!("`{address}` names \"{id}\": {reason}"),
        "name what is there, or take `@existing` out: it is made anew then",
        address,
        None,
    )
}
