//! How many requests a second an endpoint answers over loopback, and how long each takes.

#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/common/mod.rs"]
mod common;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use common::{Client, World};
use serde_json::json;

/// How many requests are measured in each case, over all connections.
const REQUESTS: usize = 4_000;

fn main() {
    let mut world = World::new();
    println!("with the comparison to training");
    measure_all(&world);
    world.profile = None;
    println!("without");
    measure_all(&world);
}

fn measure_all(world: &World) {
    let made = world.make(1);
    let running = world.serve("bench", &made);
    let one = json!(world.rows[0]).to_string();
    let hundred = json!(world.rows[..100]).to_string();
    println!("rows  connections  requests/s  p50       p99       processor time a request");
    for (rows, body, requests) in [(1, &one, REQUESTS), (100, &hundred, REQUESTS / 10)] {
        for connections in [1, 8] {
            let (started, worked) = (Instant::now(), processor_time());
            let mut times = measure(running.port, body, connections, requests);
            let rate = requests as f64 / started.elapsed().as_secs_f64();
            times.sort_unstable();
            let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
            let (p50, p99) = (milliseconds(at(50)), milliseconds(at(99)));
            let worked = (processor_time() - worked) / u32::try_from(requests).expect("few");
            let worked = milliseconds(worked);
            println!("{rows:<6}{connections:<13}{rate:<12.0}{p50:<10}{p99:<10}{worked}");
        }
    }
    running.stop();
}

fn measure(port: u16, body: &str, connections: usize, requests: usize) -> Vec<Duration> {
    let converse = || {
        let mut client = Client::connect(port);
        let mut times = Vec::new();
        for _ in 0..requests / connections {
            let started = Instant::now();
            client.send("POST", "/predict", &[], body);
            let reply = client.reply().expect("an answer");
            times.push(started.elapsed());
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        times
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..connections).map(|_| scope.spawn(converse)).collect();
        all.into_iter()
            .flat_map(|one| one.join().expect("it ends"))
            .collect()
    })
}

/// What this process has used so far, clients included: steadier than the clock where others work
/// too. Linux counts it in hundredths of a second.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let (_, rest) = text.rsplit_once(')').expect("after the process's name");
    let field = |index: usize| rest.split_whitespace().nth(index)?.parse::<u64>().ok();
    let ticks = field(11).zip(field(12)).expect("user and system time");
    Duration::from_millis((ticks.0 + ticks.1) * 10)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
