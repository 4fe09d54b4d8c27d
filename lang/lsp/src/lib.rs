//! The language server: editors ask, the checker answers.
//!
//! Protocol only: what is right and wrong, how a text is laid out and what a word means is said by
//! the same crates as on the command line. The server does no input or output of its own: its
//! caller gives it two streams and an [`Outside`] that reads the disk; open buffers come first.
//!
//! Who types need not wait: one thread reads, one checks, one answers. Questions about a word are
//! answered from the text as it is now and the program as it was checked last.
//!
//! Reading order: `transport` cuts the stream into messages, `queue` holds those that wait,
//! `server` answers them, `worker` checks, `documents` keeps the open texts, `roots` finds the spec
//! that a file belongs to, `findings` and `layout` make the answers, `lines` counts as editors
//! count.

mod completions;
mod documents;
mod findings;
mod layout;
mod lines;
mod queue;
mod roots;
mod server;
mod transport;
mod uri;
mod worker;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc;

use mlinfra_check::World;

use queue::{Receiver, Taken, queue};
use server::Server;
use transport::Incoming;

/// What the server asks of the outside, from the thread that checks.
pub trait Outside: Sync {
    /// The compiler's door to the spec in this folder.
    fn world(&self, folder: &Path) -> Box<dyn World>;

    /// The names of the spec files that lie in this folder, sorted.
    fn specs_in(&self, folder: &Path) -> Vec<String>;
}

/// How a session with an editor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The editor said `shutdown`, then `exit`.
    Properly,
    /// The editor went away, or said `exit` alone.
    Abandoned,
}

/// Serves one editor until it says `exit` or its stream ends. No message ends the server otherwise,
/// however malformed; a panic while answering is caught, told to the editor, and lived through.
pub fn serve(
    outside: &dyn Outside,
    input: impl Read + Send + 'static,
    output: &mut dyn Write,
) -> Ended {
    let (sender, receiver) = queue();
    std::thread::spawn(move || transport::read_all(input, &sender));
    let back = receiver.back();
    let (jobs, to_do) = mpsc::channel();
    let (old, gone) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || worker::run(outside, &to_do, &back));
        scope.spawn(move || gone.into_iter().for_each(drop));
        answer_all(Server::new(jobs, old), &receiver, output)
    })
}

fn answer_all(mut server: Server, receiver: &Receiver<Incoming>, output: &mut dyn Write) -> Ended {
    while let Some(incoming) = next(&mut server, receiver, output) {
        server.take(incoming);
        if server.send(output).is_err() {
            return Ended::Abandoned;
        }
        if let Some(ended) = server.ended() {
            return ended;
        }
    }
    Ended::Abandoned
}

/// The next message. While none waits, what changed is looked at: a burst of changes is one look.
fn next(
    server: &mut Server,
    receiver: &Receiver<Incoming>,
    output: &mut dyn Write,
) -> Option<Incoming> {
    match receiver.now() {
        Taken::Next(incoming) => Some(incoming),
        Taken::Ended => None,
        Taken::Nothing => {
            server.look();
            server.send(output).ok()?;
            receiver.next()
        }
    }
}
