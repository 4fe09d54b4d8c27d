//! What happens when mlinfra itself is at fault: a panic becomes a report and exit code 3.

use std::panic::PanicHookInfo;

use crate::problem::Exit;
use crate::view;

/// Makes every panic, on any thread, end the program with a report. State needs no clean-up: the
/// journal is made to survive a program that ends at any instant.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(|information| {
        view::bug(&describe(information));
        std::process::exit(i32::from(Exit::Bug.number()));
    }));
}

/// Makes a panic a report alone: whoever catches it goes on.
pub(crate) fn install_telling_hook() {
    std::panic::set_hook(Box::new(|information| view::bug(&describe(information))));
}

fn describe(information: &PanicHookInfo<'_>) -> String {
    let payload = information.payload();
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    let place = information
        .location()
        .map_or_else(String::new, |place| format!(" at {place}"));
    let mut report = format!("mlinfra {}{place}\n{message}", env!("CARGO_PKG_VERSION"));
    let backtrace = std::backtrace::Backtrace::capture();
    if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
        report += &format!("\n{backtrace}");
    }
    report
}
