//! The connections of a listener, what each is doing, and which gives way to others.
//!
//! A connection with a request under work is never closed from here. Of the others the longest idle one gives way first,
//! then the one whose head is awaited longest, as nginx reuses idle connections when it runs out of them.

use crate::metrics::Registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long connections are left alone where no place is needed at once: those of a burst have only just come.
const GRACE: Duration = Duration::from_secs(1);

/// Under pressure, time-outs are this part of what they are otherwise, but not below [`LEAST_TIMEOUT`].
const PRESSED: u32 = 8;

/// See [`PRESSED`].
const LEAST_TIMEOUT: Duration = Duration::from_secs(2);

/// What is counted of the connections of a listener.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    /// Open connections.
    pub open: Gauge,
    /// Connections closed to make room, while they were idle or their head was awaited.
    pub evicted: Counter,
    /// Connections closed because they were idle, or their head was awaited, for too long.
    pub timed_out: Counter,
    /// Connections closed at once, since their client had too many.
    pub refused: Counter,
}

impl ConnectionMetrics {
    /// Makes them known.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("connections", "Open connections", self.open.clone());
        registry.register(
            "connections_evicted",
            "Connections without a request closed to make room",
            self.evicted.clone(),
        );
        registry.register(
            "connections_timed_out",
            "Connections closed that were idle, or whose head was awaited, for too long",
            self.timed_out.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections closed at once, since their client had too many",
            self.refused.clone(),
        );
    }
}

/// The bound for each client.
#[derive(Clone)]
pub struct ClientBound {
    /// Connections without a request under work.
    pub connections: usize,
    /// The client that an address belongs to.
    pub client_of: fn(IpAddr) -> IpAddr,
    /// Whether an address is not bounded, such as that of a trusted proxy.
    pub exempt: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
}

impl fmt::Debug for ClientBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientBound({})", self.connections)
    }
}

/// The bounds of a table of connections.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) connections: usize,
    pub(crate) per_client: Option<ClientBound>,
    pub(crate) head_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// A head is awaited, its first byte included on a new connection.
    Head,
    /// A request is under work.
    Busy,
    /// The response is with the connection, but not yet with the socket.
    Flushing,
    /// Between two requests.
    Idle,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Head, Self::Busy, Self::Flushing, Self::Idle];

    /// The order of giving way; `None` for what does not.
    const fn gives_way(self) -> Option<u8> {
        match self {
            Self::Idle => Some(0),
            Self::Head => Some(1),
            Self::Busy | Self::Flushing => None,
        }
    }
}

/// One connection, shared by its task and the table.
#[derive(Debug)]
pub(crate) struct Connection {
    epoch: Instant,
    stage: AtomicU8,
    /// Milliseconds from the epoch to the beginning of the stage.
    since: AtomicU64,
    closed: Notify,
}

impl Connection {
    fn new(epoch: Instant) -> Self {
        let connection = Self {
            epoch,
            stage: AtomicU8::new(0),
            since: AtomicU64::new(0),
            closed: Notify::new(),
        };
        connection.enter(Stage::Head);
        connection
    }

    pub(crate) fn stage(&self) -> Stage {
        let stage = usize::from(self.stage.load(Ordering::Relaxed));
        Stage::ALL.get(stage).copied().unwrap_or(Stage::Busy)
    }

    pub(crate) fn enter(&self, stage: Stage) {
        let since = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(since, Ordering::Relaxed);
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// How long it has been doing the same.
    fn age(&self) -> Duration {
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        self.epoch.elapsed().saturating_sub(since)
    }

    fn close(&self) {
        self.closed.notify_one();
    }

    /// Completes when the connection has to give way.
    pub(crate) async fn closed(&self) {
        self.closed.notified().await;
    }
}

/// The open connections of a listener.
#[derive(Debug)]
pub(crate) struct Connections {
    bounds: Bounds,
    epoch: Instant,
    table: Mutex<Table>,
    freed: Notify,
    metrics: ConnectionMetrics,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, (Arc<Connection>, Option<IpAddr>)>,
    clients: HashMap<IpAddr, Vec<(u64, Arc<Connection>)>>,
}

/// A connection's place in the table, left when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    connection: Arc<Connection>,
    connections: Arc<Connections>,
}

impl Place {
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.connections.lock();
        if let Some((_, Some(client))) = table.open.remove(&self.number)
            && let Some(of_client) = table.clients.get_mut(&client)
        {
            of_client.retain(|(number, _)| *number != self.number);
            if of_client.is_empty() {
                table.clients.remove(&client);
            }
        }
        drop(table);
        self.connections.metrics.open.dec();
        self.connections.freed.notify_one();
    }
}

/// The client has too many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) client: IpAddr,
}

impl Connections {
    pub(crate) fn new(bounds: Bounds, metrics: ConnectionMetrics) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            epoch: Instant::now(),
            table: Mutex::default(),
            freed: Notify::new(),
            metrics,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for one more, making it where a connection gives way.
    pub(crate) async fn room(&self) {
        loop {
            {
                let table = self.lock();
                if table.open.len() < self.bounds.connections {
                    return;
                }
                let all = table.open.values().map(|(connection, _)| connection);
                self.evict(all, 1, Duration::ZERO);
            }
            // Of those that were all busy one may have become idle without an end of any.
            let _ = tokio::time::timeout(Duration::from_millis(100), self.freed.notified()).await;
        }
    }

    /// Makes room for a descriptor, if any connection gives way. One that has only just come does not: without a free
    /// descriptor accepting fails also when no connection waits.
    pub(crate) fn make_room(&self) {
        let table = self.lock();
        let all = table.open.values().map(|(connection, _)| connection);
        self.evict(all, 1, GRACE);
    }

    /// Takes a new connection in.
    ///
    /// # Errors
    /// When more than three quarters of all places are taken, half of them by this client and all with work.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Place, TooMany> {
        let per_client = self.bounds.per_client.as_ref();
        let bound = per_client.filter(|bound| !(bound.exempt)(peer));
        let client = bound.map(|bound| (bound.client_of)(peer));
        let mut table = self.lock();
        if let Some(client) = client
            && self.is_pressed(&table)
            && let Some(of_client) = table.clients.get(&client)
            && of_client.len() >= self.bounds.connections.div_ceil(2)
        {
            let own = of_client.iter().map(|(_, connection)| connection);
            if self.evict(own, 1 + of_client.len() / 16, Duration::ZERO) == 0 {
                self.metrics.refused.inc();
                return Err(TooMany { client });
            }
        }
        let connection = Arc::new(Connection::new(self.epoch));
        let number = table.next;
        table.next += 1;
        table.open.insert(number, (connection.clone(), client));
        if let Some(client) = client {
            table
                .clients
                .entry(client)
                .or_default()
                .push((number, connection.clone()));
        }
        self.metrics.open.inc();
        Ok(Place {
            number,
            connection,
            connections: self.clone(),
        })
    }

    fn is_pressed(&self, table: &Table) -> bool {
        table.open.len() >= self.bounds.connections.saturating_mul(3) / 4
    }

    /// Closes up to `most` of some connections, those that give way first, and gives how many. They have to have waited
    /// for `waited` at least.
    fn evict<'a>(
        &self,
        connections: impl Iterator<Item = &'a Arc<Connection>>,
        most: usize,
        waited: Duration,
    ) -> usize {
        let mut candidates: Vec<_> = connections
            .filter_map(|connection| {
                let (stage, age) = (connection.stage(), connection.age());
                let order = stage.gives_way()?;
                (age >= waited).then_some((order, std::cmp::Reverse(age), connection))
            })
            .collect();
        if candidates.len() > most && most > 0 {
            candidates.select_nth_unstable_by_key(most - 1, |(order, age, _)| (*order, *age));
            candidates.truncate(most);
        }
        for (.., connection) in &candidates {
            connection.close();
        }
        self.metrics.evicted.inc_by(candidates.len() as u64);
        candidates.len()
    }

    /// How often [`Self::sweep`] is to be called.
    pub(crate) fn interval(&self) -> Duration {
        let shortest = self.bounds.head_timeout.min(self.bounds.idle_timeout);
        (shortest / 8).clamp(Duration::from_millis(20), Duration::from_secs(1))
    }

    /// Closes what has been idle, or whose head has been awaited, for too long, and what clients have beyond their bound.
    /// Gives a client that was beyond it.
    pub(crate) fn sweep(&self) -> Option<TooMany> {
        let table = self.lock();
        let pressed = self.is_pressed(&table);
        let timeout = |timeout: Duration| {
            if pressed {
                timeout.min((timeout / PRESSED).max(LEAST_TIMEOUT))
            } else {
                timeout
            }
        };
        let (head, idle) = (
            timeout(self.bounds.head_timeout),
            timeout(self.bounds.idle_timeout),
        );
        for (connection, _) in table.open.values() {
            let over = match connection.stage() {
                Stage::Head => connection.age() >= head,
                Stage::Idle => connection.age() >= idle,
                Stage::Busy | Stage::Flushing => false,
            };
            if over {
                connection.close();
                self.metrics.timed_out.inc();
            }
        }
        let bound = self.bounds.per_client.as_ref()?.connections;
        let mut beyond = None;
        for (client, of_client) in &table.clients {
            if of_client.len() <= bound {
                continue;
            }
            let without_work = |connection: &Connection| connection.stage().gives_way().is_some();
            let waiting = of_client
                .iter()
                .filter(|(_, connection)| without_work(connection))
                .count();
            if let Some(excess) = waiting.checked_sub(bound).filter(|excess| *excess > 0) {
                let own = of_client.iter().map(|(_, connection)| connection);
                if self.evict(own, excess, GRACE) > 0 {
                    beyond = Some(TooMany { client: *client });
                }
            }
        }
        beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn table(connections: usize, per_client: usize) -> Arc<Connections> {
        let bounds = Bounds {
            connections,
            per_client: Some(ClientBound {
                connections: per_client,
                client_of: |address| address,
                exempt: Arc::new(|address| address == address_of(99)),
            }),
            head_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
        };
        Connections::new(bounds, ConnectionMetrics::default())
    }

    fn address_of(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    /// A table whose epoch lies back, so that connections can be of any age.
    fn old_table(connections: usize, per_client: usize) -> Arc<Connections> {
        let mut table = Arc::into_inner(table(connections, per_client)).unwrap();
        table.epoch = Instant::now()
            .checked_sub(Duration::from_secs(1000))
            .unwrap();
        Arc::new(table)
    }

    async fn is_closed(place: &Place) -> bool {
        tokio::time::timeout(Duration::ZERO, place.connection.closed())
            .await
            .is_ok()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Makes a connection look as if it had entered a stage so long ago.
    fn age(connections: &Connections, place: &Place, stage: Stage, age: Duration) {
        place.connection.enter(stage);
        let since = connections.epoch.elapsed().checked_sub(age).unwrap();
        let since = u64::try_from(since.as_millis()).unwrap();
        place.connection.since.store(since, Ordering::Relaxed);
    }

    #[tokio::test]
    async fn the_longest_idle_gives_way_then_the_longest_awaited_head_and_never_a_request() {
        let connections = old_table(4, 100);
        let places = [1, 2, 3, 4].map(|last| connections.admit(address_of(last)).unwrap());
        for (place, (stage, seconds_ago)) in places.iter().zip([
            (Stage::Busy, 50),
            (Stage::Head, 40),
            (Stage::Idle, 10),
            (Stage::Idle, 20),
        ]) {
            age(&connections, place, stage, seconds(seconds_ago));
        }
        for expected in [3, 2, 1] {
            connections.make_room();
            for (index, place) in places.iter().enumerate() {
                assert_eq!(is_closed(place).await, index == expected, "{index}");
            }
            places[expected].connection.enter(Stage::Busy);
        }
        connections.make_room();
        assert!(!is_closed(&places[0]).await);
        assert_eq!(connections.metrics.evicted.get(), 3);
    }

    #[tokio::test]
    async fn a_client_keeps_its_bound_of_connections_without_work() {
        let connections = old_table(1000, 3);
        let of_client: Vec<_> = (0..6)
            .map(|_| connections.admit(address_of(1)).unwrap())
            .collect();
        let exempt: Vec<_> = (0..6)
            .map(|_| connections.admit(address_of(99)).unwrap())
            .collect();
        // A burst is left alone, as is what is under work.
        of_client[5].connection.enter(Stage::Busy);
        assert_eq!(connections.sweep(), None);
        for (index, place) in of_client[..5].iter().enumerate() {
            age(&connections, place, Stage::Head, seconds(10 + index as u64));
        }
        for place in &exempt {
            age(&connections, place, Stage::Head, seconds(20));
        }
        assert_eq!(
            connections.sweep(),
            Some(TooMany {
                client: address_of(1)
            })
        );
        let mut closed = Vec::new();
        for place in of_client.iter().chain(&exempt) {
            closed.push(is_closed(place).await);
        }
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 2);
        assert!(closed[3] && closed[4]);
    }

    #[tokio::test]
    async fn one_client_has_half_of_the_places_when_they_run_short() {
        let connections = table(8, 100);
        let of_client: Vec<_> = (0..6)
            .map(|_| connections.admit(address_of(1)).unwrap())
            .collect();
        for place in &of_client {
            place.connection.enter(Stage::Busy);
        }
        assert_eq!(
            connections.admit(address_of(1)).unwrap_err(),
            TooMany {
                client: address_of(1)
            }
        );
        let _other = connections.admit(address_of(2)).unwrap();
        of_client[0].connection.enter(Stage::Idle);
        assert!(connections.admit(address_of(1)).is_ok());
        assert!(is_closed(&of_client[0]).await);
    }

    #[tokio::test]
    async fn time_outs_are_shorter_when_places_run_short() {
        let connections = old_table(4, 100);
        let first = connections.admit(address_of(1)).unwrap();
        age(&connections, &first, Stage::Head, seconds(10));
        connections.sweep();
        assert!(!is_closed(&first).await);
        let _others = [2, 3].map(|last| connections.admit(address_of(last)).unwrap());
        connections.sweep();
        assert!(is_closed(&first).await);
        assert_eq!(connections.metrics.timed_out.get(), 1);
    }

    #[tokio::test]
    async fn nothing_is_left_of_closed_connections() {
        let connections = table(2, 1);
        let places = [1, 1].map(|last| connections.admit(address_of(last)).unwrap());
        for place in &places {
            place.connection.enter(Stage::Busy);
        }
        let full = tokio::time::timeout(Duration::from_millis(10), connections.room()).await;
        assert!(full.is_err(), "all are busy");
        drop(places);
        connections.room().await;
        let table = connections.lock();
        assert!(table.open.is_empty() && table.clients.is_empty());
        assert_eq!(connections.metrics.open.get(), 0);
    }
}
