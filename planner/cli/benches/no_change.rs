//! How long an apply takes that has nothing to do: p50 and p95 of 20 runs on the credit example.
//!
//! `cargo bench --bench no_change` measures the optimised command. The runtime is not measured: the
//! one beside the command is used, else the one that `cargo build --workspace` made.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 20;
/// The floor, from the design: 95 of 100 runs take no longer.
const FLOOR: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let spec = std::fs::read_to_string(root.join("examples/credit/credit.mlinfra"))
        .expect("the example is there")
        .replace("= 8080", &format!("= {port}"));
    std::fs::write(folder.path().join("credit.mlinfra"), spec).expect("it can be written");
    let data = "german_credit.csv";
    std::fs::copy(
        root.join("examples/credit").join(data),
        folder.path().join(data),
    )
    .expect("the data is there");
    if !run(folder.path(), &["apply", "-y"], root) {
        println!("the first apply failed");
        return ExitCode::FAILURE;
    }
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            assert!(
                run(folder.path(), &["apply", "-y"], root),
                "an apply without changes failed"
            );
            began.elapsed()
        })
        .collect();
    run(folder.path(), &["destroy", "-y", "--data"], root);
    times.sort();
    let p50 = times[RUNS / 2];
    let p95 = times[RUNS * 95 / 100 - 1];
    let ratio = p95.as_secs_f64() / FLOOR.as_secs_f64();
    println!(
        "apply without changes, {RUNS} runs: p50 {:.0} ms, p95 {:.0} ms ({ratio:.2} of the floor)",
        p50.as_secs_f64() * 1e3,
        p95.as_secs_f64() * 1e3,
    );
    ExitCode::SUCCESS
}

fn run(folder: &Path, arguments: &[&str], root: &Path) -> bool {
    let command = PathBuf::from(env!("CARGO_BIN_EXE_mlinfra"));
    let beside = command.with_file_name("mlinfra-runtime");
    let runtime = match beside.exists() {
        true => beside,
        false => root.join("target/debug/mlinfra-runtime"),
    };
    Command::new(command)
        .args(arguments)
        .current_dir(folder)
        .env("MLINFRA_RUNTIME", runtime)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
