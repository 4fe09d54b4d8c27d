//! Answers to planning's questions, from the disk, the host and the provider.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlinfra_api::{Existing, Fault, Observation, Provider, Resource};
use mlinfra_apply::Recheck;
use mlinfra_local::Local;
use mlinfra_plan::{Answer, Question};

use crate::outside;
use crate::world::{confined, reason};

/// No header of a data file is longer: what is longer is no header.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// Where answers come from.
pub(crate) struct Facts {
    folder: PathBuf,
    /// None as long as there is no state: then nothing exists.
    provider: Option<Arc<Local>>,
}

impl Facts {
    /// Answers about the spec in this folder.
    pub(crate) fn new(folder: &Path, provider: Option<Arc<Local>>) -> Self {
        Facts {
            folder: folder.to_owned(),
            provider,
        }
    }

    /// The answer as things stand now.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::File { path } => self.file(path),
            Question::Outputs {
                project,
                environment,
            } => self.outputs(project, environment.as_deref()),
            Question::Host { .. } => Answer::Host {
                facts: mlinfra_local::host_facts(),
            },
            Question::Resource { state } => {
                let observed = self
                    .provider
                    .as_ref()
                    .map(|provider| provider.observe(state));
                let observation = match observed {
                    None => Observation::Absent,
                    Some(Ok(observation)) => observation,
                    Some(Err(fault)) => Observation::Unseen {
                        reason: fault.to_string(),
                    },
                };
                Answer::Resource { observation }
            }
            Question::Existing { resource, id } => self.existing(resource, id),
            Question::Port { host, port, .. } => Answer::Port {
                free: TcpListener::bind((host.as_str(), *port)).is_ok(),
            },
        }
    }

    fn existing(&self, resource: &Resource, id: &str) -> Answer {
        let Some(provider) = &self.provider else {
            let reason = "nothing was applied here yet, so nothing was left".to_owned();
            return Answer::NotTaken { reason };
        };
        match provider.existing(resource, id) {
            Ok(Existing {
                handle,
                made_as,
                outputs,
            }) => Answer::Existing {
                handle,
                made_as,
                outputs,
            },
            Err(Fault::Refused { message, .. } | Fault::Failed { message, .. }) => {
                Answer::NotTaken { reason: message }
            }
            Err(fault) => Answer::NotTaken {
                reason: fault.to_string(),
            },
        }
    }

    fn outputs(&self, project: &str, environment: Option<&str>) -> Answer {
        match outside::read(&self.folder, project, environment) {
            Ok(outputs) => Answer::Outputs {
                sha256: outputs.digest().to_string(),
            },
            Err(unread) => Answer::NoFile { reason: unread.why },
        }
    }

    fn file(&self, path: &str) -> Answer {
        let read = confined(&self.folder, path)
            .and_then(|path| File::open(path).map_err(reason))
            .and_then(|file| digest_and_header(file).map_err(reason));
        match read {
            Ok(answer) => answer,
            Err(reason) => Answer::NoFile { reason },
        }
    }
}

impl Recheck for Facts {
    fn still(&self, question: &Question, answer: &Answer) -> bool {
        self.answer(question) == *answer
    }
}

fn digest_and_header(file: File) -> std::io::Result<Answer> {
    use sha2::{Digest, Sha256};
    if file.metadata()?.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut first = Vec::new();
    (&mut reader)
        .take(HEADER_BYTES_MAX)
        .read_until(b'\n', &mut first)?;
    let mut hash = Sha256::new();
    hash.update(&first);
    let mut bytes = first.len() as u64;
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        hash.update(piece);
        let length = piece.len();
        bytes += length as u64;
        reader.consume(length);
    }
    let is_line = first.len() as u64 != HEADER_BYTES_MAX;
    let header = String::from_utf8(first).ok().filter(|_| is_line);
    let header = header.map(|line| line.trim_end_matches(['\n', '\r']).to_owned());
    Ok(Answer::File {
        sha256: hex::encode(hash.finalize()),
        bytes,
        header: header.filter(|line| !line.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> Answer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a.csv"), content).expect("a file");
        let facts = Facts::new(folder.path(), None);
        facts.answer(&Question::File {
            path: "a.csv".into(),
        })
    }

    #[test]
    fn reads_digest_length_and_header() {
        let Answer::File {
            bytes,
            header,
            sha256: found,
        } = file(b"a,b\r\n1,2\n")
        else {
            panic!("the file can be read");
        };
        assert_eq!((bytes, header.as_deref()), (9, Some("a,b")));
        assert_eq!(found, mlinfra_api::Digest::of(b"a,b\r\n1,2\n").to_string());
    }

    #[test]
    fn an_empty_or_binary_file_has_no_header() {
        for content in [&b""[..], b"\xff\xfe\n1", b"\n1,2\n"] {
            assert!(
                matches!(file(content), Answer::File { header: None, .. }),
                "{content:?}"
            );
        }
    }

    #[test]
    fn a_taken_port_is_not_free() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let question = Question::Port {
            host: "127.0.0.1".into(),
            port,
            address: mlinfra_api::Address::new("endpoint", "score"),
        };
        let facts = Facts::new(Path::new("."), None);
        assert_eq!(facts.answer(&question), Answer::Port { free: false });
        assert!(!facts.still(&question, &Answer::Port { free: true }));
    }
}
