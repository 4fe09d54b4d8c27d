//! What exists in the simulated cloud, and what its calls do to it.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{
    Address, Begun, Digest, Fault, Found, Listed, Observation, Progress, Recovery, Request,
    ResourceState, Token, Value, Verb,
};

use crate::faults::SimFault;
use crate::recovery_of;

/// One `begin`, as it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The resource.
    pub address: Address,
    /// The call.
    pub token: Token,
    /// What was asked.
    pub verb: Verb,
    /// What was planned to go wrong.
    pub fault: Option<SimFault>,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) begins: u64,
    pub(crate) duplicates: u64,
    pub(crate) faults: BTreeMap<u64, SimFault>,
    pub(crate) log: Vec<Logged>,
    /// Every call to this world, reads included: its only clock.
    ticks: u64,
    made: u64,
    things: BTreeMap<String, Thing>,
    /// The handles of what stands at each address and is not deposed.
    standing: BTreeMap<Address, BTreeSet<String>>,
    calls: BTreeMap<Token, Landed>,
    late: Vec<(u64, Request, u32)>,
}

#[derive(Clone)]
struct Thing {
    address: Address,
    lineage: String,
    token: Token,
    properties: BTreeMap<String, Value>,
    unseen_reads: u32,
}

#[derive(Clone)]
struct Landed {
    request: Digest,
    verb: Verb,
    handle: String,
    long: bool,
    polls: u32,
    polls_left: u32,
    unseen_finds: u32,
    end: End,
    outputs: BTreeMap<String, Value>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Fails,
    Cancelled,
}

impl World {
    pub(crate) fn begin(
        &mut self,
        request: &Request,
        stale_reads: u32,
    ) -> (Result<Begun, Fault>, bool) {
        self.tick();
        let fault = self.faults.remove(&self.begins);
        self.begins += 1;
        self.log.push(Logged {
            address: request.resource.physical().clone(),
            token: request.token.clone(),
            verb: request.verb,
            fault,
        });
        let lost = || Fault::Lost {
            message: "the connection was reset".into(),
        };
        let answer = match fault {
            Some(SimFault::LostNotLanded) => Err(lost()),
            Some(SimFault::LostLate(ticks)) if !is_named(request) => {
                self.late
                    .push((self.ticks + ticks, request.clone(), stale_reads));
                Err(lost())
            }
            Some(SimFault::LostLanded | SimFault::LostLate(_)) => {
                drop(self.land(request, stale_reads, None));
                Err(lost())
            }
            Some(SimFault::Refused) if !self.calls.contains_key(&request.token) => {
                Err(Fault::refused("E0801", "the quota is used up")
                    .with_help("ask for more, then apply again"))
            }
            Some(SimFault::Retry) => Err(Fault::Retry {
                message: "too many requests".into(),
                after_milliseconds: 1,
            }),
            Some(SimFault::Panic) => {
                drop(self.land(request, stale_reads, None));
                return (Err(lost()), true);
            }
            Some(SimFault::Long(polls)) => {
                self.land(request, stale_reads, Some((polls, End::Done)))
            }
            Some(SimFault::FailsLater(polls)) => {
                self.land(request, stale_reads, Some((polls, End::Fails)))
            }
            Some(SimFault::Refused) | None => self.land(request, stale_reads, None),
        };
        (answer, false)
    }

    /// The call takes effect, unless it did before.
    fn land(
        &mut self,
        request: &Request,
        stale_reads: u32,
        planned: Option<(u32, End)>,
    ) -> Result<Begun, Fault> {
        let digest = digest_of(request);
        if let Some(landed) = self.calls.get(&request.token) {
            if landed.request != digest {
                return Err(Fault::refused(
                    "E0802",
                    "this token was used for another request",
                ));
            }
            return Ok(landed.answer());
        }
        let natural = request
            .resource
            .properties
            .get("polls")
            .and_then(Value::as_int);
        let natural = natural
            .and_then(|polls| u32::try_from(polls).ok())
            .unwrap_or(0);
        let (polls, end) = planned.unwrap_or((natural, End::Done));
        let unseen = match recovery_of(&request.resource.resource_type) {
            Recovery::Discoverable { .. } => stale_reads,
            _ => 0,
        };
        let prior = request.prior.as_ref().map(|prior| prior.handle.clone());
        let handle = match request.verb {
            Verb::Create => self.make(request, prior.as_deref(), unseen),
            Verb::Update => {
                let handle = prior.unwrap_or_default();
                let Some(thing) = self.things.get_mut(&handle) else {
                    return Err(Fault::refused("E0803", "what should change is gone"));
                };
                thing.properties = normalised(&request.resource.properties);
                handle
            }
            Verb::Delete => {
                let handle = prior.unwrap_or_default();
                self.remove(&handle);
                handle
            }
        };
        let landed = Landed {
            request: digest,
            verb: request.verb,
            outputs: self.outputs(&handle),
            handle,
            long: polls > 0,
            polls,
            polls_left: polls,
            unseen_finds: unseen,
            end,
        };
        let answer = landed.answer();
        self.calls.insert(request.token.clone(), landed);
        Ok(answer)
    }

    fn make(&mut self, request: &Request, prior: Option<&str>, unseen: u32) -> String {
        let address = request.resource.physical();
        self.made += 1;
        let handle = match is_named(request) {
            true => format!("{}-{}", address.file_name(), request.token),
            false => format!("thing-{}", self.made),
        };
        let standing = self.standing.entry(address.clone()).or_default();
        if let Some(prior) = prior {
            standing.remove(prior);
        }
        let lineage = &request.lineage;
        if standing
            .iter()
            .any(|other| self.things[other].lineage == *lineage)
        {
            self.duplicates += 1;
        }
        standing.insert(handle.clone());
        let thing = Thing {
            address: address.clone(),
            lineage: request.lineage.clone(),
            token: request.token.clone(),
            properties: normalised(&request.resource.properties),
            unseen_reads: unseen,
        };
        self.things.insert(handle.clone(), thing);
        handle
    }

    fn remove(&mut self, handle: &str) {
        let Some(thing) = self.things.remove(handle) else {
            return;
        };
        if let Some(standing) = self.standing.get_mut(&thing.address) {
            standing.remove(handle);
        }
    }

    pub(crate) fn poll(&mut self, request: &Request) -> Result<Progress, Fault> {
        self.tick();
        let Some(call) = self.calls.get_mut(&request.token) else {
            return Err(Fault::Lost {
                message: "no such call is known yet".into(),
            });
        };
        if call.polls_left > 0 {
            call.polls_left -= 1;
            let done = call.polls - call.polls_left;
            return Ok(Progress::Pending {
                note: format!("part {done} of {}", call.polls),
                done: Some((u64::from(done), u64::from(call.polls))),
                figures: BTreeMap::new(),
            });
        }
        let call = call.clone();
        match call.end {
            End::Done => Ok(Progress::Done {
                outputs: call.outputs,
            }),
            End::Fails | End::Cancelled => {
                if call.verb == Verb::Create {
                    self.remove(&call.handle);
                }
                let message = match call.end {
                    End::Cancelled => "it was cancelled",
                    _ => "it ended with an error",
                };
                Err(Fault::failed("E0804", message))
            }
        }
    }

    pub(crate) fn cancel(&mut self, token: &Token) {
        self.tick();
        if let Some(call) = self.calls.get_mut(token).filter(|call| call.polls_left > 0) {
            call.polls_left = 0;
            call.end = End::Cancelled;
        }
    }

    pub(crate) fn find(&mut self, request: &Request) -> Found {
        self.tick();
        if request.verb == Verb::Delete {
            // What is looked up is the thing, which is there for as long as it is not deleted.
            let prior = request.prior.as_ref();
            return match prior.filter(|prior| self.things.contains_key(&prior.handle)) {
                Some(prior) => Found::Present {
                    handle: prior.handle.clone(),
                },
                None => Found::ProvedAbsent,
            };
        }
        match self.calls.get_mut(&request.token) {
            Some(call) if call.unseen_finds > 0 => {
                call.unseen_finds -= 1;
                Found::NotSeen
            }
            Some(call) => Found::Present {
                handle: call.handle.clone(),
            },
            None if is_named(request) => Found::ProvedAbsent,
            None => Found::NotSeen,
        }
    }

    pub(crate) fn observe(&mut self, state: &ResourceState) -> Observation {
        self.tick();
        let Some(thing) = self.things.get_mut(&state.handle) else {
            return Observation::Absent;
        };
        if thing.unseen_reads > 0 {
            thing.unseen_reads -= 1;
            return Observation::Unseen {
                reason: "it was made a moment ago".into(),
            };
        }
        Observation::Present {
            properties: thing.properties.clone(),
            outputs: self.outputs(&state.handle),
        }
    }

    /// What carries this lineage's mark (any, for an empty one), in no useful order.
    pub(crate) fn list(&mut self, lineage: &str) -> Vec<Listed> {
        self.tick();
        let ours = |thing: &Thing| lineage.is_empty() || thing.lineage == lineage;
        let mut listed = Vec::new();
        for (handle, thing) in &mut self.things {
            if !lineage.is_empty() && thing.unseen_reads > 0 {
                thing.unseen_reads -= 1;
            } else if ours(thing) {
                listed.push(Listed {
                    address: thing.address.clone(),
                    token: thing.token.clone(),
                    handle: handle.clone(),
                });
            }
        }
        listed.sort_by_key(|one| Digest::of(one.handle.as_bytes()));
        listed
    }

    pub(crate) fn properties(&self, handle: &str) -> Option<BTreeMap<String, Value>> {
        Some(self.things.get(handle)?.properties.clone())
    }

    pub(crate) fn under_way(&self) -> usize {
        let open = |call: &&Landed| call.long && call.polls_left > 0;
        self.calls.values().filter(open).count()
    }

    pub(crate) fn land_everything(&mut self) {
        for (_, request, stale) in std::mem::take(&mut self.late) {
            drop(self.land(&request, stale, None));
        }
    }

    fn tick(&mut self) {
        self.ticks += 1;
        let now = self.ticks;
        let (due, later) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(when, _, _)| *when <= now);
        self.late = later;
        for (_, request, stale) in due {
            drop(self.land(&request, stale, None));
        }
    }

    fn outputs(&self, handle: &str) -> BTreeMap<String, Value> {
        let Some(thing) = self.things.get(handle) else {
            return BTreeMap::new();
        };
        let text = serde_json::to_string(&thing.properties).expect("properties are plain data");
        let reports = thing.properties.get("reports").and_then(Value::as_record);
        let mut outputs = reports.cloned().unwrap_or_default();
        outputs.extend([
            ("id".to_owned(), Value::text(handle)),
            (
                "digest".to_owned(),
                Value::text(Digest::of(text.as_bytes()).short()),
            ),
        ]);
        outputs
    }
}

impl Landed {
    fn answer(&self) -> Begun {
        let handle = self.handle.clone();
        match self.long {
            true => Begun::Accepted { handle },
            false => Begun::Done {
                handle,
                outputs: self.outputs.clone(),
            },
        }
    }
}

fn is_named(request: &Request) -> bool {
    recovery_of(&request.resource.resource_type) == Recovery::Named
}

fn digest_of(request: &Request) -> Digest {
    let resource = serde_json::to_string(&request.resource).expect("a resource is plain data");
    Digest::of_parts([
        format!("{:?}", request.verb).as_bytes(),
        resource.as_bytes(),
    ])
}

/// As this cloud keeps it: texts in lower case, lists sorted, a default filled in.
fn normalised(properties: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut kept: BTreeMap<String, Value> = properties
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => Value::String(text.to_lowercase()),
                Value::List(elements) => {
                    let mut elements = elements.clone();
                    elements.sort();
                    Value::List(elements)
                }
                other => other.clone(),
            };
            (name.clone(), value)
        })
        .collect();
    kept.entry("tier".to_owned())
        .or_insert_with(|| Value::text("standard"));
    kept
}
