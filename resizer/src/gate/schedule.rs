//! The order in which requests are served, as values: no clock, no tasks.
//!
//! A request has a place in time: its arrival, moved back by what its client has outstanding and by what it will take
//! itself. Places are served in order, so short work goes before long work that came a little earlier, a client with a
//! thousand requests does not hold up one with a single request, and everybody's place comes in the end.

use super::GateConfig;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How many times the work of a request, and what its client has outstanding, move its place back.
const WEIGHT: u32 = 4;

/// The most that a request's own work moves its place back: long work is passed over for so long only.
const MOST_PASSED_OVER: Duration = Duration::from_secs(10);

/// Work that is expected to take no longer may start beside long work that occupies every worker.
pub(super) const SHORT: Duration = Duration::from_millis(500);

/// The width of the classes by which the work ahead of a place is summed.
const BUCKET: Duration = Duration::from_millis(50);

/// Originals of long work that wait for a worker without a right to hold one, for each worker.
const PARKED: usize = 2;

/// A request, as the schedule numbers it.
pub(super) type Id = u64;

/// A place in time and, between equals, the order of arrival.
type Place = (Duration, Id);

/// What is known of a request when it comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// Whose request it is.
    pub(super) client: u64,
    /// The work to expect.
    pub(super) expected: Duration,
    /// How long its response is of use.
    pub(super) left: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It waits for the right to hold an original.
    Queued,
    /// It fetches its original.
    Fetching,
    /// It waits for memory and a worker; `parked` without the right to hold an original.
    Ready { parked: bool },
    /// It is worked on.
    Running,
}

#[derive(Clone, Copy, Debug)]
struct Ticket {
    client: u64,
    expected: Duration,
    /// Its place but for its own work.
    base: Duration,
    /// Bytes, as soon as they are known.
    memory: u64,
    state: State,
}

impl Ticket {
    fn place(&self, id: Id) -> Place {
        let own = (self.expected * WEIGHT).min(MOST_PASSED_OVER);
        (self.base + own, id)
    }

    fn is_short(&self) -> bool {
        self.expected <= SHORT
    }
}

/// How many requests are at work, and what they are expected to take together.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    requests: usize,
    work: Duration,
}

impl Load {
    fn add(&mut self, work: Duration) {
        self.requests += 1;
        self.work += work;
    }

    fn take(&mut self, work: Duration) {
        self.requests -= 1;
        self.work = self.work.saturating_sub(work);
    }
}

/// All requests that are let in. Times are since the schedule's beginning.
#[derive(Debug)]
pub(super) struct Schedule {
    workers: usize,
    places: usize,
    memory: u64,
    next: Id,
    tickets: HashMap<Id, Ticket>,
    clients: HashMap<u64, Load>,
    queued: BTreeMap<Place, Id>,
    ready: BTreeMap<Place, Id>,
    /// The work of those that are queued, by the class of their places.
    ahead: BTreeMap<u128, Duration>,
    /// What those beyond the queue are expected to take: short and long work.
    short: Load,
    long: Load,
    holding: usize,
    parked: usize,
    running_short: usize,
    running_long: usize,
    memory_taken: u64,
}

/// Requests whose turn has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    /// These may fetch their originals.
    pub(super) fetch: Vec<Id>,
    /// The memory and the workers of these are set apart.
    pub(super) start: Vec<Id>,
}

impl Schedule {
    pub(super) fn new(config: &GateConfig) -> Self {
        let workers = config.workers.max(1);
        Self {
            workers,
            places: config.queue.saturating_add(workers.saturating_mul(2)),
            memory: config.memory.max(1),
            next: 0,
            tickets: HashMap::new(),
            clients: HashMap::new(),
            queued: BTreeMap::new(),
            ready: BTreeMap::new(),
            ahead: BTreeMap::new(),
            short: Load::default(),
            long: Load::default(),
            holding: 0,
            parked: 0,
            running_short: 0,
            running_long: 0,
            memory_taken: 0,
        }
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// The time until it would be served, when that is longer than its response is of use or all places are taken.
    pub(super) fn enter(&mut self, now: Duration, arrival: &Arrival) -> Result<Id, Duration> {
        let outstanding = self
            .clients
            .get(&arrival.client)
            .map_or(Duration::ZERO, |load| load.work);
        let ticket = Ticket {
            client: arrival.client,
            expected: arrival.expected,
            base: now + outstanding * WEIGHT,
            memory: 0,
            state: State::Queued,
        };
        let id = self.next;
        let place = ticket.place(id);
        let wait = self.wait(&ticket, place);
        if self.tickets.len() >= self.places || wait + arrival.expected > arrival.left {
            return Err(wait);
        }
        self.next += 1;
        self.tickets.insert(id, ticket);
        self.clients
            .entry(ticket.client)
            .or_default()
            .add(ticket.expected);
        self.queued.insert(place, id);
        *self.ahead.entry(bucket(place)).or_default() += ticket.expected;
        Ok(id)
    }

    /// How long it will take until all that goes before a place is done.
    fn wait(&self, ticket: &Ticket, place: Place) -> Duration {
        let queued: Duration = self
            .ahead
            .range(..=bucket(place))
            .map(|(_, work)| *work)
            .sum();
        // Short work shares the processors with long work that occupies all workers, and does not wait for its end.
        let ahead = if ticket.is_short() && self.running_long > 0 {
            (queued + self.short.work) * 2
        } else {
            queued + self.short.work + self.long.work
        };
        ahead / u32::try_from(self.workers).unwrap_or(u32::MAX)
    }

    /// The original of a request is there, and what its work takes is known.
    pub(super) fn is_ready(&mut self, id: Id, expected: Duration, memory: u64) {
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return;
        };
        let before = *ticket;
        ticket.expected = expected;
        // What needs more than there is takes all, and so is alone.
        ticket.memory = memory.min(self.memory);
        ticket.state = State::Ready { parked: false };
        let after = *ticket;
        self.load_of(&before).take(before.expected);
        self.load_of(&after).add(after.expected);
        if let Some(load) = self.clients.get_mut(&after.client) {
            load.take(before.expected);
            load.add(after.expected);
        }
        self.ready.insert(after.place(id), id);
    }

    /// What comes next, given what has ended and arrived since. To be called after every change.
    pub(super) fn turns(&mut self, now: Duration) -> Turns {
        let mut turns = Turns::default();
        self.start(now, &mut turns);
        self.park();
        while self.holding < self.workers * 2
            && let Some((place, id)) = self.queued.pop_first()
        {
            self.forget_ahead(place, id);
            self.holding += 1;
            if let Some(ticket) = self.tickets.get_mut(&id) {
                ticket.state = State::Fetching;
                let ticket = *ticket;
                self.load_of(&ticket).add(ticket.expected);
                turns.fetch.push(id);
            }
        }
        turns
    }

    /// Starts what has its original, in the order of places, as far as there are workers and memory.
    fn start(&mut self, now: Duration, turns: &mut Turns) {
        let mut free = self.memory.saturating_sub(self.memory_taken);
        let mut started = Vec::new();
        for (&place, &id) in &self.ready {
            let Some(ticket) = self.tickets.get_mut(&id) else {
                continue;
            };
            let State::Ready { parked } = ticket.state else {
                continue;
            };
            let short = ticket.is_short();
            let worker = if short {
                self.running_short < self.workers
            } else {
                self.running_short + self.running_long < self.workers
            };
            if !worker {
                continue;
            }
            if ticket.memory > free {
                // Memory is kept for one whose place has come, else it might be passed over for ever.
                if place.0 <= now {
                    break;
                }
                continue;
            }
            free -= ticket.memory;
            self.memory_taken += ticket.memory;
            ticket.state = State::Running;
            if short {
                self.running_short += 1;
            } else {
                self.running_long += 1;
            }
            // It holds its original while it is worked on; parked work gets its right to that back with the worker.
            if parked {
                self.parked -= 1;
                self.holding += 1;
            }
            started.push((place, id));
        }
        for (place, id) in started {
            self.ready.remove(&place);
            turns.start.push(id);
        }
    }

    /// Takes the right to hold an original from long work that cannot start yet, so that short work behind it is fetched.
    fn park(&mut self) {
        if self.queued.is_empty() || self.holding < self.workers * 2 {
            return;
        }
        for id in self.ready.values() {
            if self.parked >= self.workers * PARKED {
                break;
            }
            if let Some(ticket) = self.tickets.get_mut(id)
                && ticket.state == (State::Ready { parked: false })
                && !ticket.is_short()
            {
                ticket.state = State::Ready { parked: true };
                self.parked += 1;
                self.holding -= 1;
            }
        }
    }

    /// A request has ended, whatever it waited for.
    pub(super) fn leave(&mut self, id: Id) {
        let Some(ticket) = self.tickets.remove(&id) else {
            return;
        };
        let place = ticket.place(id);
        match ticket.state {
            State::Queued => {
                self.queued.remove(&place);
                self.forget(place, ticket.expected);
            }
            State::Fetching => self.holding -= 1,
            State::Ready { parked } => {
                self.ready.remove(&place);
                if parked {
                    self.parked -= 1;
                } else {
                    self.holding -= 1;
                }
            }
            State::Running => {
                self.holding -= 1;
                self.memory_taken -= ticket.memory;
                if ticket.is_short() {
                    self.running_short -= 1;
                } else {
                    self.running_long -= 1;
                }
            }
        }
        if ticket.state != State::Queued {
            self.load_of(&ticket).take(ticket.expected);
        }
        if let Some(load) = self.clients.get_mut(&ticket.client) {
            load.take(ticket.expected);
            if load.requests == 0 {
                self.clients.remove(&ticket.client);
            }
        }
    }

    /// Bytes set apart for what is worked on.
    pub(super) fn memory_taken(&self) -> u64 {
        self.memory_taken
    }

    fn load_of(&mut self, ticket: &Ticket) -> &mut Load {
        if ticket.is_short() {
            &mut self.short
        } else {
            &mut self.long
        }
    }

    fn forget_ahead(&mut self, place: Place, id: Id) {
        if let Some(ticket) = self.tickets.get(&id) {
            self.forget(place, ticket.expected);
        }
    }

    fn forget(&mut self, place: Place, work: Duration) {
        if let Some(ahead) = self.ahead.get_mut(&bucket(place)) {
            *ahead = ahead.saturating_sub(work);
            if ahead.is_zero() {
                self.ahead.remove(&bucket(place));
            }
        }
    }
}

fn bucket(place: Place) -> u128 {
    place.0.as_millis() / BUCKET.as_millis()
}

#[cfg(test)]
mod tests;
