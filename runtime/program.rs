//! A unit that runs a program: started so that it ends with the unit, watched, its output logged.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, PipeReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use mlinfra_agent::Fault;
use mlinfra_agent::fault;
use mlinfra_agent::log::RotatedLog;
use mlinfra_runtime_spec::{CommandSpec, ExitRecord};
use rustix::process::{
    Pid, PidfdFlags, Signal, getppid, pidfd_open, set_parent_process_death_signal,
};

use crate::unit::Ending;

/// The program could not be run.
const NOT_RUN: u8 = 126;

/// The longest line of a program's output; longer ones are cut into several.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// How long output is waited for after the program has ended: what it started may hold the pipe.
const OUTPUT_WAIT: Duration = Duration::from_secs(1);

/// Runs the program and waits for it. Called on the thread that lives as long as the process, for
/// the program is ended by the kernel when its starter's thread ends.
pub(crate) fn run(spec: &CommandSpec, log: &RotatedLog, ending: &Ending) -> ExitRecord {
    match try_run(spec, log, ending) {
        Ok(record) => record,
        Err(error) => cant_run(&error.kind().to_string()),
    }
}

fn try_run(spec: &CommandSpec, log: &RotatedLog, ending: &Ending) -> io::Result<ExitRecord> {
    let (reader, writer) = io::pipe()?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["program", "--parent"])
        .arg(std::process::id().to_string())
        .arg("--")
        .args(&spec.arguments)
        .current_dir(&spec.folder)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    let number = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::NotFound)?;
    ending.pass_on_to(pidfd_open(number, PidfdFlags::empty())?);
    let copied = copy(reader, log.clone());
    let status = child.wait()?;
    // A descendant that holds the pipe is not waited for.
    let _ = copied.recv_timeout(OUTPUT_WAIT);
    Ok(match (status.code(), status.signal()) {
        (Some(0), _) => ExitRecord::Done {
            outputs: Default::default(),
        },
        _ if ending.is_asked() => ExitRecord::Cancelled,
        (Some(code), _) if code == i32::from(NOT_RUN) => cant_run("see its log"),
        (Some(code), _) => ended(&format!("with status {code}")),
        (None, Some(signal)) => ended(&format!("by signal {signal}")),
        (None, None) => ended("for a reason that is not known"),
    })
}

fn cant_run(why: &str) -> ExitRecord {
    Fault::new(fault::PROGRAM, format!("The program can't be run: {why}."))
        .help("See that it is installed and may be run by this user.")
        .record()
}

fn ended(how: &str) -> ExitRecord {
    Fault::new(fault::PROGRAM, format!("The program ended {how}."))
        .help("Its log says more.")
        .record()
}

/// Copies output to the log, line by line, so that a rotation cuts none.
fn copy(reader: PipeReader, mut log: RotatedLog) -> mpsc::Receiver<()> {
    let (done, copied) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(LINE_BYTES_MAX, reader);
        let mut line = Vec::new();
        loop {
            let (length, ends) = match reader.fill_buf() {
                Ok([]) | Err(_) => break,
                Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                    Some(end) => {
                        line.extend_from_slice(&bytes[..=end]);
                        (end + 1, true)
                    }
                    None => {
                        line.extend_from_slice(bytes);
                        (bytes.len(), line.len() >= LINE_BYTES_MAX)
                    }
                },
            };
            reader.consume(length);
            if ends {
                // A log that can't be written must not stop the program.
                let _ = log.write_all(&line);
                line.clear();
            }
        }
        let _ = log.write_all(&line);
        let _ = done.send(());
    });
    copied
}

/// Turns this process into the program, to be killed by the kernel when `parent` dies.
pub(crate) fn become_program(parent: u32, arguments: &[OsString]) -> ExitCode {
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        return ExitCode::from(NOT_RUN);
    }
    // It may have died before the signal was set.
    let still = getppid().map(|now| now.as_raw_nonzero().get().cast_unsigned());
    let [program, arguments @ ..] = arguments else {
        return ExitCode::from(NOT_RUN);
    };
    if still == Some(parent) {
        let error = Command::new(program).args(arguments).exec();
        eprintln!("The program can't be run: {}.", error.kind());
    }
    ExitCode::from(NOT_RUN)
}
