//! Makes `stdlib/catalog/` from a folder of raw facts: `cargo run -p mlinfra-plan --example catalog
//! -- FACTS`. The facts are tables that name their origins; `stdlib/catalog/README.md` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

type Row = BTreeMap<String, String>;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Price methods of the raw facts, as one letter each: `sources.csv` says what stands behind it.
const SOURCES: &[(&str, &str, char)] = &[
    ("listed", "karpenter", 'k'),
    ("listed", "libcloud", 'l'),
    ("listed", "skypilot-v9", 's'),
    ("listed", "skypilot-v9+ssd", 'v'),
    ("listed", "cyclenerd", 'c'),
    ("listed-corrected", "", 'x'),
    ("derived-us-parity", "", 'u'),
    ("derived-sibling", "", 'b'),
    ("derived-ratio", "", 'd'),
];

fn main() -> Result<()> {
    let facts = std::env::args_os().nth(1).map(PathBuf::from);
    let facts = facts.ok_or("give the folder with the raw facts")?;
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib/catalog");
    let accelerators = rows(&facts.join("accelerators.csv"))?;
    let machines = rows(&facts.join("aws_instances.csv"))?;
    let memory = reported_memory(&machines);
    std::fs::write(
        out.join("accelerators.mlinfra"),
        declarations(&accelerators, &memory)?,
    )?;
    std::fs::write(
        out.join("aws.csv"),
        table(&machines, "instance_type", true)?,
    )?;
    let mut google = rows(&facts.join("gcp_machines.csv"))?;
    let attached = with_attached(&google, &rows(&facts.join("gcp_gpu_addons.csv"))?)?;
    google.extend(attached);
    std::fs::write(out.join("gcp.csv"), table(&google, "machine_type", false)?)?;
    std::fs::write(
        out.join("tpu.csv"),
        tpus(&rows(&facts.join("gcp_tpus.csv"))?)?,
    )?;
    let storage = rows(&facts.join("storage_network_prices.csv"))?;
    std::fs::write(out.join("storage.csv"), stores(&storage))?;
    Ok(())
}

fn rows(path: &Path) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_path(path)?;
    Ok(reader
        .deserialize()
        .collect::<std::result::Result<_, _>>()?)
}

/// The word that the language has for an accelerator; none for what is not offered whole.
fn word(name: &str, gib: &str) -> String {
    match (name, gib) {
        ("A100", "80") => "a100_80gb".to_owned(),
        ("A100", _) => "a100_40gb".to_owned(),
        ("V100", "32") => "v100_32gb".to_owned(),
        ("V100", _) => "v100_16gb".to_owned(),
        ("H100-MEGA", _) => "h100".to_owned(),
        ("RTXPRO6000", _) => "rtx_pro_6000".to_owned(),
        ("RTXPRO4500", _) => "rtx_pro_4500".to_owned(),
        _ => name.to_lowercase().replace('-', "_"),
    }
}

/// The least memory that an interface reports for each accelerator, in GiB. One row of the facts
/// reports a wrong one for Trainium2, which is corrected there.
fn reported_memory(machines: &[Row]) -> BTreeMap<String, Decimal> {
    let mut all: BTreeMap<String, Decimal> = BTreeMap::new();
    for row in machines.iter().filter(|row| is_whole(row)) {
        let (name, gib) = (&row["accelerator"], &row["accelerator_memory_gib"]);
        let Ok(memory) = gib.parse::<Decimal>() else {
            continue;
        };
        let least = all.entry(word(name, gib)).or_insert(memory);
        *least = memory.min(*least);
    }
    all
}

/// What `nvidia-smi` reports, in MiB, where it is less than what clouds report: a proof that a
/// model fits rests on what is there for it. The README beside the tables tells the sources.
const OF_DRIVERS: &[(&str, u32)] = &[
    ("t4", 15_360),
    ("t4g", 15_360),
    ("h100", 81_559),
    ("h200", 143_771),
];

fn is_whole(row: &Row) -> bool {
    let count = row["accelerator_count"].parse::<Decimal>();
    !row["accelerator"].is_empty() && count.is_ok_and(|count| count.is_integer())
}

fn declarations(rows: &[Row], reported: &BTreeMap<String, Decimal>) -> Result<String> {
    let mut text = String::from(
        "// Accelerators. Made by `planner/plan/examples/catalog.rs`; the README beside tells \
         sources.\n\n\
         /// What a machine computes with beside its cpus, with the memory of one of it: what an\n\
         /// interface reports where that is less than what is sold. For a TPU, of one chip.\n\
         type accelerator {\n",
    );
    for row in rows.iter().filter(|row| row["name"] != "H100-MEGA") {
        let gib = &row["memory_gib"];
        let base = row["name"]
            .trim_end_matches("-32GB")
            .trim_end_matches("-80GB");
        let name = word(base, gib);
        let mut memory: Decimal = gib.parse()?;
        if let Some(reported) = reported.get(&name) {
            memory = memory.min(*reported);
        }
        let mebibytes = (memory * Decimal::from(1_024)).trunc().normalize();
        let of_driver = OF_DRIVERS.iter().find(|(known, _)| *known == name);
        let of_driver = of_driver.map(|(_, mebibytes)| Decimal::from(*mebibytes));
        let mebibytes = of_driver.map_or(mebibytes, |least| mebibytes.min(least));
        let teraflops = [("bf16", "bf16_dense_tflops"), ("fp16", "fp16_dense_tflops")];
        let speed = teraflops
            .iter()
            .find(|(_, column)| !row[*column].is_empty())
            .map(|(of, column)| format!("{} dense TFLOPS ({of})", row[*column]));
        let bandwidth = (!row["mem_bandwidth_gb_s"].is_empty())
            .then(|| format!("memory at {} GB/s", row["mem_bandwidth_gb_s"]));
        let link = match row["interconnect_gb_s"].as_str() {
            "" => row["interconnect"].clone(),
            speed => format!("{} {speed} GB/s", row["interconnect"]),
        };
        let link = Some(link).filter(|link| !link.is_empty());
        let figures: Vec<String> = [bandwidth, speed, link].into_iter().flatten().collect();
        writeln!(
            text,
            "  /// {} {}: {}.",
            row["vendor"],
            row["name"],
            figures.join(", ")
        )?;
        for line in wrapped(&format!(
            "Confidence: {}. {}",
            row["confidence"], row["source"]
        )) {
            writeln!(text, "  /// {line}")?;
        }
        writeln!(text, "  @memory({mebibytes} MiB)\n  case {name}")?;
    }
    text.push_str("}\n");
    Ok(text)
}

/// The text in lines that fit a page.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].len() + word.len() > 90 {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

/// One line a machine, one cell a region: `price` + the letter of its source, then what was seen
/// and what a commitment of one and of three years costs: `3.67c/1.93/2.31/1.28`. `?` is offered
/// there at a price that nobody knows; an empty cell, not offered.
fn table(rows: &[Row], key: &str, is_aws: bool) -> Result<String> {
    let regions: BTreeSet<&str> = rows.iter().map(|row| row["region"].as_str()).collect();
    let mut machines: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    let gone = |row: &&Row| {
        row.get("usage_classes")
            .is_some_and(|class| class == "retired")
    };
    let offered = rows.iter().filter(|row| !gone(row));
    for row in offered.filter(|row| row["accelerator"].is_empty() || is_whole(row)) {
        machines.entry(row[key].as_str()).or_default().push(row);
    }
    let head: Vec<&str> = regions.iter().copied().collect();
    let mut text = format!(
        "machine,processor,cpus,memory_gib,accelerator,count,network_gbps,{}\n",
        head.join(",")
    );
    for (name, rows) in machines {
        let first = rows[0];
        let is_accelerated = !first["accelerator"].is_empty();
        let (accelerator, count) = match is_accelerated {
            true => (
                word(
                    &first["accelerator"].replace("-80GB", ""),
                    &whole_memory(first),
                ),
                first["accelerator_count"]
                    .parse::<Decimal>()?
                    .normalize()
                    .to_string(),
            ),
            false => (String::new(), String::new()),
        };
        let network = first.get("network_gbps").map_or("", String::as_str);
        let memory = first["memory_gib"].parse::<Decimal>()?.normalize();
        write!(
            text,
            "{name},{},{},{memory},{accelerator},{count},{network}",
            processor(first),
            first["vcpus"].parse::<Decimal>()?.normalize()
        )?;
        for region in &regions {
            let row = rows.iter().find(|row| row["region"] == *region);
            let cell = row.map(|row| cell(row, is_aws)).transpose()?;
            write!(text, ",{}", cell.unwrap_or_default())?;
        }
        text.push('\n');
    }
    Ok(text)
}

/// The kind of its processors. One of the clouds does not list it; there it follows from the
/// family.
fn processor(row: &Row) -> &str {
    match (row.get("arch"), row["family"].as_str()) {
        (Some(arch), _) => arch,
        (None, "c4a" | "n4a" | "t2a" | "a4x") => "arm64",
        (None, _) => "x86_64",
    }
}

/// What the accelerator is sold as having.
fn whole_memory(row: &Row) -> String {
    let memory = &row["accelerator_memory_gib"];
    memory.split('.').next().unwrap_or_default().to_owned()
}

fn cell(row: &Row, is_aws: bool) -> Result<String> {
    let price = &row["on_demand_usd_h"];
    if price.is_empty() {
        return Ok("?".to_owned());
    }
    let (method, source) = (&row["price_method"], &row["price_source"]);
    let known =
        |(of, from, _): &&(&str, &str, char)| of == method && (from.is_empty() || from == source);
    let letter = SOURCES.iter().find(known).map(|(_, _, letter)| letter);
    let letter = letter.ok_or_else(|| format!("no letter for {method} {source}"))?;
    let mut cell = format!("{}{letter}", price.parse::<Decimal>()?.normalize());
    let mut more: Vec<&str> = Vec::new();
    if is_aws {
        // What was only estimated is left out.
        let seen = row["spot_method"] == "observed" && !row["accelerator"].is_empty();
        more.extend(seen.then_some(row["spot_max_usd_h"].as_str()));
    } else {
        more.extend(
            ["spot_usd_h", "cud_1y_usd_h", "cud_3y_usd_h"].map(|column| row[column].as_str()),
        );
    }
    while more.last().is_some_and(|last| last.is_empty()) {
        more.pop();
    }
    for part in more {
        cell.push('/');
        if !part.is_empty() {
            write!(cell, "{}", part.parse::<Decimal>()?.normalize())?;
        }
    }
    Ok(cell)
}

/// Machines of the one family that accelerators are attached to, with one or more of them. The
/// price is the sum of both; a commitment covers the machine alone, so none is told.
fn with_attached(machines: &[Row], extra: &[Row]) -> Result<Vec<Row>> {
    let mut all = Vec::new();
    for machine in machines.iter().filter(|row| row["family"] == "n1") {
        for extra in extra
            .iter()
            .filter(|row| row["region"] == machine["region"])
        {
            let cpus: Decimal = machine["vcpus"].parse()?;
            // One of them takes at most 24 (T4) or 12 (V100) cpus; the facts price one.
            let most = Decimal::from(if extra["accelerator"] == "T4" { 24 } else { 12 });
            if cpus > most || cpus < Decimal::ONE || machine["on_demand_usd_h"].is_empty() {
                continue;
            }
            let sum: Decimal = machine["on_demand_usd_h"].parse::<Decimal>()?
                + extra["on_demand_usd_h"].parse::<Decimal>()?;
            let mut row = machine.clone();
            let name = format!(
                "{}+{}x1",
                machine["machine_type"],
                extra["accelerator"].to_lowercase()
            );
            row.insert("machine_type".to_owned(), name);
            row.insert("accelerator".to_owned(), extra["accelerator"].clone());
            row.insert("accelerator_count".to_owned(), "1".to_owned());
            row.insert(
                "accelerator_memory_gib".to_owned(),
                extra["memory_gib"].clone(),
            );
            row.insert("on_demand_usd_h".to_owned(), sum.to_string());
            row.insert("price_source".to_owned(), "skypilot-v9+ssd".to_owned());
            for column in ["spot_usd_h", "cud_1y_usd_h", "cud_3y_usd_h"] {
                row.insert(column.to_owned(), String::new());
            }
            all.push(row);
        }
    }
    Ok(all)
}

/// One line for each kind of slice in each region, by the chip. A slice's name counts cores for
/// some, chips for others; here it is chips. Zones of one region have one price on demand.
fn tpus(rows: &[Row]) -> Result<String> {
    let mut lines = BTreeSet::new();
    for row in rows {
        let cores: u64 = row["cores_per_chip_in_name"].parse()?;
        let sizes = row["slice_sizes_in_name_units"].replace(" (cores)", "");
        let separator = if sizes.contains("..") { ".." } else { "|" };
        let chips = sizes
            .split(separator)
            .map(|size| Ok((size.parse::<u64>()? / cores).to_string()))
            .collect::<Result<Vec<String>>>()?;
        let price = match row["on_demand_usd_per_chip_h"].as_str() {
            "" => "?".to_owned(),
            price => format!("{}s", price.parse::<Decimal>()?.normalize()),
        };
        lines.insert(format!(
            "tpu_{},{},{},{price}",
            row["tpu_version"],
            row["region"],
            chips.join(separator)
        ));
    }
    let lines: Vec<String> = lines.into_iter().collect();
    Ok(format!(
        "accelerator,region,chips,per_chip\n{}\n",
        lines.join("\n")
    ))
}

/// What a GiB costs a month, by class of storage, where that is known.
fn stores(rows: &[Row]) -> String {
    let classes = [
        ("s3-standard", "object", 'm'),
        ("ebs-gp3", "ssd", 'n'),
        ("gcs-standard", "object", 'c'),
        ("pd-ssd", "ssd", 'c'),
    ];
    let mut lines = Vec::new();
    for row in rows {
        let class = classes.iter().find(|(sku, ..)| *sku == row["sku"]);
        if let Some((sku, class, letter)) = class {
            let (cloud, region, price) = (&row["cloud"], &row["region"], &row["price_usd"]);
            lines.push(format!("{cloud},{region},{class},{sku},{price}{letter}"));
        }
    }
    lines.sort();
    format!(
        "provider,region,class,product,per_gib_month\n{}\n",
        lines.join("\n")
    )
}
