//! The endpoint's port: shared with its own replicas (SO_REUSEPORT), never with anyone else.
//!
//! The kernel shares such a port among all processes of one user that ask for it so, and would
//! deal out the requests of two unlike endpoints at random. So the listeners of the port are
//! looked up, and each must be this one's or a sibling replica's.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use mlinfra_data::StepFault;
use mlinfra_runtime_spec::{EndpointSpec, UnitSpec, UnitStatus, Workload};
use socket2::{Domain, Protocol, Socket, Type};

use crate::codes;
use crate::limits::Limits;

/// How many connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// How long to wait between two attempts at a port in use.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Binds the endpoint's port and listens. A port that someone else has is waited for briefly, since
/// its owner may be an endpoint that is just being replaced.
pub(crate) fn open(
    unit: &UnitSpec,
    spec: &EndpointSpec,
    folder: &Path,
    limits: &Limits,
) -> Result<TcpListener, StepFault> {
    let address = resolve(spec)?;
    let until = Instant::now() + limits.port_wait_max;
    loop {
        let fault = match attempt(address, unit, folder) {
            Ok(listener) => return Ok(listener),
            Err(Refusal::Final(fault)) => return Err(fault),
            Err(Refusal::InUse) if Instant::now() >= until => in_use(address, unit, folder),
            Err(Refusal::InUse) => {
                thread::sleep(RETRY_PAUSE);
                continue;
            }
        };
        return Err(fault);
    }
}

enum Refusal {
    InUse,
    Final(StepFault),
}

fn resolve(spec: &EndpointSpec) -> Result<SocketAddr, StepFault> {
    let (host, port) = (spec.host.as_str(), spec.port);
    let found = (host, port)
        .to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next());
    found.ok_or_else(|| StepFault {
        code: codes::ADDRESS.into(),
        message: format!("the host `{host}` has no address on this machine"),
        help: Some("set it to an address of this machine, such as 127.0.0.1".into()),
    })
}

fn attempt(address: SocketAddr, unit: &UnitSpec, folder: &Path) -> Result<TcpListener, Refusal> {
    let socket = bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Refusal::InUse,
        _ => Refusal::Final(cannot_bind(address, &error)),
    })?;
    // Asked before listening, so that no request meant for someone else arrives here, and again
    // after it, in case two begin at once.
    let port = socket
        .local_addr()
        .ok()
        .and_then(|local| local.as_socket())
        .map_or(address.port(), |local| local.port());
    let address = SocketAddr::new(address.ip(), port);
    let own = rustix::fs::fstat(socket.as_fd())
        .map(|stat| stat.st_ino)
        .ok();
    let refuse_strangers = || match strangers(address, own, unit, folder).is_empty() {
        true => Ok(()),
        false => Err(Refusal::InUse),
    };
    refuse_strangers()?;
    socket.listen(BACKLOG).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Refusal::InUse,
        _ => Refusal::Final(cannot_bind(address, &error)),
    })?;
    refuse_strangers()?;
    Ok(socket.into())
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A port whose last connections are still being forgotten may be taken again.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn cannot_bind(address: SocketAddr, error: &io::Error) -> StepFault {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied => "choose a port above 1023",
        _ => "set `host` to an address of this machine, such as 127.0.0.1",
    };
    let kind = error.kind();
    StepFault {
        code: codes::ADDRESS.into(),
        message: format!("the endpoint can't listen on {address}: {kind}"),
        help: Some(help.into()),
    }
}

fn in_use(address: SocketAddr, unit: &UnitSpec, folder: &Path) -> StepFault {
    let siblings = sibling_sockets(unit, folder);
    let mut others = listeners(address);
    others.retain(|inode| !siblings.contains(inode));
    let owner = others.iter().find_map(|inode| owner(*inode));
    let by = match owner {
        Some((process, name)) => format!(" by process {process} ({name})"),
        None => String::new(),
    };
    let (host, port) = (address.ip(), address.port());
    StepFault {
        code: codes::PORT_IN_USE.into(),
        message: format!("port {port} on {host} is in use{by}, so the endpoint can't listen there"),
        help: Some("set another `port`, or end what uses it".into()),
    }
}

/// The listeners of this port that are neither this socket nor a sibling replica's.
fn strangers(
    address: SocketAddr,
    own: Option<u64>,
    unit: &UnitSpec,
    folder: &Path,
) -> BTreeSet<u64> {
    let mut found = listeners(address);
    found.retain(|inode| Some(*inode) != own);
    if !found.is_empty() {
        let siblings = sibling_sockets(unit, folder);
        found.retain(|inode| !siblings.contains(inode));
    }
    found
}

/// The inodes of all sockets that listen where this address would be served. Empty where there is
/// no `/proc`: then only the kernel's own refusal is seen.
fn listeners(address: SocketAddr) -> BTreeSet<u64> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    let mut out = BTreeSet::new();
    for text in texts {
        out.extend(text.lines().skip(1).filter_map(|line| {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            let (local, inode) = (read_address(columns.get(1)?)?, columns.get(9)?);
            let same_host = local.ip() == address.ip()
                || local.ip().is_unspecified()
                || address.ip().is_unspecified();
            let here = columns.get(3) == Some(&LISTENING) && local.port() == address.port();
            (here && same_host)
                .then(|| inode.parse::<u64>().ok())
                .flatten()
        }));
    }
    out
}

/// `0100007F:1F90`: words of the address in this machine's byte order, the port as a number.
fn read_address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for word in 0..host.len() / 8 {
        let word = u32::from_str_radix(host.get(word * 8..word * 8 + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let host = match bytes.len() {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(host, port))
}

/// The sockets of the processes that serve the same resource: the units beside this one with the
/// same address and lineage.
fn sibling_sockets(unit: &UnitSpec, folder: &Path) -> BTreeSet<u64> {
    let Some(entries) = folder.parent().and_then(|units| fs::read_dir(units).ok()) else {
        return BTreeSet::new();
    };
    let mut out = BTreeSet::new();
    for entry in entries
        .flatten()
        .filter(|entry| Some(&*entry.file_name()) != folder.file_name())
    {
        out.extend(
            sibling_process(unit, &entry.path())
                .map(sockets_of)
                .unwrap_or_default(),
        );
    }
    out
}

fn sibling_process(unit: &UnitSpec, folder: &Path) -> Option<u32> {
    let other: UnitSpec = serde_json::from_slice(&fs::read(folder.join("unit.json")).ok()?).ok()?;
    let same = other.address == unit.address && other.lineage == unit.lineage;
    if !same || !matches!(other.workload, Workload::Endpoint(_)) {
        return None;
    }
    let status: UnitStatus =
        serde_json::from_slice(&fs::read(folder.join("status.json")).ok()?).ok()?;
    status.process
}

fn sockets_of(process: u32) -> BTreeSet<u64> {
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return BTreeSet::new();
    };
    let socket = |entry: fs::DirEntry| {
        let link = fs::read_link(entry.path()).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        inode.parse().ok()
    };
    entries.flatten().filter_map(socket).collect()
}

/// The process that has this socket and its program's name, if this user may know.
fn owner(inode: u64) -> Option<(u32, String)> {
    let processes = fs::read_dir("/proc").ok()?;
    let numbers = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let process = numbers
        .into_iter()
        .find(|process| sockets_of(*process).contains(&inode))?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some((process, name.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_kernel_table_are_read() {
        for (text, address) in [
            ("0100007F:1F90", "127.0.0.1:8080"),
            ("00000000:0050", "0.0.0.0:80"),
            ("00000000000000000000000001000000:1F90", "[::1]:8080"),
        ] {
            // The table is written in the byte order of the machine; these are little-endian.
            if cfg!(target_endian = "little") {
                assert_eq!(read_address(text), address.parse().ok(), "{text}");
            }
        }
        for text in ["", "0100007F", "zz:1", "0100:1F90"] {
            assert_eq!(read_address(text), None, "{text}");
        }
    }

    #[test]
    fn a_listener_of_this_process_is_found_and_named() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let found = listeners(address);
        assert_eq!(found.len(), 1);
        let inode = *found.first().expect("one");
        let (process, _) = owner(inode).expect("this process");
        assert_eq!(process, std::process::id());
        drop(listener);
        assert!(listeners(address).is_empty());
    }
}
