//! `mlinfra graph`: what refers to what, as a drawing or for a program that draws.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mlinfra_plan::Goal;

use crate::arguments::{Global, SpecArgument};
use crate::graph::{self, Graph};
use crate::problem::{Exit, Problem, Stop};
use crate::session::{self, Session, Wanted};
use crate::view::layout::counted;
use crate::view::{Screen, drawing, graph as view};
use crate::workspace::Workspace;
use crate::write;

const EXAMPLES: &str = "\
Examples:
  mlinfra graph                    the blocks of the spec in this folder, as DOT
  mlinfra graph churn --format svg -o churn.svg
  mlinfra graph --format mermaid   for a README or a pull request
  mlinfra graph --of plan --json   what a plan would do, and in which order

An arrow leads from a block to what it refers to; blocks in others are grouped.

Exit codes: 0 drawn, 1 too large to be laid out, 2 the spec has errors";

/// The words of `graph`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// How to write it
    #[arg(long, value_enum, default_value = "dot", value_name = "FORMAT")]
    format: Format,
    /// What to draw
    #[arg(long, value_enum, default_value = "blocks", value_name = "WHAT")]
    of: Of,
    /// Print nodes and edges as JSON
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Write it into a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How a graph is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For Graphviz.
    Dot,
    /// A Mermaid flowchart.
    Mermaid,
    /// A drawing.
    Svg,
}

/// Which graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// The blocks of the spec.
    Blocks,
    /// What apply would do.
    Plan,
}

/// Writes the graph of a spec that is free of errors.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = Workspace::find(&arguments.spec.spec, global)?;
    let sound = workspace.sound("graph", screen)?;
    let graph = match arguments.of {
        Of::Blocks => graph::of_program(&sound.program),
        Of::Plan => {
            let session = Session::open(&workspace)?;
            let wanted = Wanted {
                goal: Goal::Apply,
                data_may_go: false,
            };
            let plan = session::plan(&workspace, &sound, session.as_ref(), wanted);
            graph::of_plan(&plan)
        }
    };
    let text = match (arguments.json, arguments.format) {
        (true, _) => format!("{}\n", view::json(&graph)),
        (false, Format::Dot) => view::dot(&graph),
        (false, Format::Mermaid) => view::mermaid(&graph),
        (false, Format::Svg) => drawn(&graph)?,
    };
    match &arguments.output {
        None => screen.print(&text),
        Some(file) => {
            write::put(file, &text)?;
            let nodes = counted(graph.nodes.len(), "node");
            let edges = counted(graph.edges.len(), "edge");
            screen.tell(&format!("{}: {nodes}, {edges}\n", file.display()));
        }
    }
    Ok(Exit::Done)
}

fn drawn(graph: &Graph) -> Result<String, Problem> {
    drawing::svg(graph).ok_or_else(|| {
        let (nodes, edges) = (graph.nodes.len(), graph.edges.len());
        Problem::new(Exit::Failed, "E1033", "the graph is too large to be drawn")
            .detail(format!(
                "it has {} and {}; at most {} and {} are laid out here",
                counted(nodes, "node"),
                counted(edges, "edge"),
                drawing::NODES_MAX,
                drawing::EDGES_MAX
            ))
            .help("`mlinfra graph --format dot` writes it for Graphviz, which draws large ones")
    })
}
