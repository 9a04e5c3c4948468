//! One flight for all who want the same thing at the same time. Nothing is kept once it has landed.

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

type Flight<T> = Shared<BoxFuture<'static, T>>;

/// The flights that are under way, by name. A flight goes on for as long as somebody waits for it, whoever began it.
/// There are never more of them than requests that wait.
#[derive(Debug)]
pub(crate) struct Flights<T: Clone> {
    table: Arc<Mutex<Table<T>>>,
}

#[derive(Debug)]
struct Table<T: Clone> {
    flights: HashMap<String, Known<T>>,
    next: u64,
}

#[derive(Debug)]
struct Known<T: Clone> {
    number: u64,
    flight: WeakShared<BoxFuture<'static, T>>,
    sealed: Sealed,
    begun: Instant,
}

/// Set by a flight once it has begun to read what it works on: for requests that join it from then on, that may have
/// changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sealed(Arc<AtomicBool>);

impl Sealed {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A request's share in a flight.
#[derive(Debug)]
pub(crate) struct Entered<T: Clone> {
    /// Brings the result, and goes on for as long as a share is held.
    pub(crate) flight: Flight<T>,
    /// Whether another request had begun it.
    pub(crate) joined: bool,
    /// Whether it had been sealed when it was joined.
    pub(crate) late: bool,
    pub(crate) sealed: Sealed,
    pub(crate) begun: Instant,
}

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        let table = Table {
            flights: HashMap::new(),
            next: 0,
        };
        Self {
            table: Arc::new(Mutex::new(table)),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// What the flight of this name brings, and whether another request had begun it.
    pub(crate) async fn join<F>(&self, name: &str, begin: impl FnOnce() -> F) -> (T, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let Entered { flight, joined, .. } = self.enter(name, |_| begin());
        (flight.await, joined)
    }

    /// A share in the flight of this name.
    pub(crate) fn enter<F>(&self, name: &str, begin: impl FnOnce(Sealed) -> F) -> Entered<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut table = lock(&self.table);
        if let Some(known) = table.flights.get(name)
            && let Some(flight) = known.flight.upgrade()
        {
            return Entered {
                flight,
                joined: true,
                late: known.sealed.is_set(),
                sealed: known.sealed.clone(),
                begun: known.begun,
            };
        }
        let number = table.next;
        table.next += 1;
        let leave = Leave {
            table: self.table.clone(),
            name: name.to_owned(),
            number,
        };
        let (sealed, begun) = (Sealed::default(), Instant::now());
        let work = begin(sealed.clone());
        let flight = async move {
            let _leave = leave;
            work.await
        };
        let flight = flight.boxed().shared();
        if let Some(flight) = flight.downgrade() {
            let known = Known {
                number,
                flight,
                sealed: sealed.clone(),
                begun,
            };
            table.flights.insert(name.to_owned(), known);
        }
        Entered {
            flight,
            joined: false,
            late: false,
            sealed,
            begun,
        }
    }
}

fn lock<T: Clone>(table: &Mutex<Table<T>>) -> MutexGuard<'_, Table<T>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a flight off the table when it lands, and when the last who waited has gone.
struct Leave<T: Clone> {
    table: Arc<Mutex<Table<T>>>,
    name: String,
    number: u64,
}

impl<T: Clone> Drop for Leave<T> {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        // A later flight of the same name stays.
        let own = |known: &Known<T>| known.number == self.number;
        if table.flights.get(&self.name).is_some_and(own) {
            table.flights.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;
    use tokio::task::yield_now;

    /// Flights that bring their number, one for each permit.
    struct Field {
        flights: Flights<usize>,
        begun: AtomicUsize,
        landing: Arc<Semaphore>,
    }

    impl Field {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                flights: Flights::default(),
                begun: AtomicUsize::new(0),
                landing: Arc::new(Semaphore::new(0)),
            })
        }

        async fn ask(self: Arc<Self>, name: &'static str) -> (usize, bool) {
            let begin = || {
                let number = self.begun.fetch_add(1, Ordering::Relaxed);
                let landing = self.landing.clone();
                async move {
                    landing.acquire_owned().await.unwrap().forget();
                    number
                }
            };
            self.flights.join(name, begin).await
        }

        fn under_way(&self) -> usize {
            lock(&self.flights.table).flights.len()
        }
    }

    async fn settle() {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_asks_for_the_same_at_once_shares_a_flight() {
        let field = Field::new();
        let asked = [(); 10].map(|()| tokio::spawn(field.clone().ask("cat")));
        let other = tokio::spawn(field.clone().ask("dog"));
        settle().await;
        assert_eq!(field.under_way(), 2);
        field.landing.add_permits(2);
        let mut joined = 0;
        for asked in asked {
            let (number, shared) = asked.await.unwrap();
            assert_eq!(number, 0);
            joined += usize::from(shared);
        }
        assert_eq!(joined, 9);
        assert_eq!(other.await.unwrap(), (1, false));
        assert_eq!(field.under_way(), 0);
    }

    #[tokio::test]
    async fn nothing_is_kept_after_a_flight() {
        let field = Field::new();
        field.landing.add_permits(2);
        assert_eq!(field.clone().ask("cat").await, (0, false));
        assert_eq!(field.clone().ask("cat").await, (1, false));
    }

    #[tokio::test]
    async fn a_flight_outlives_who_began_it() {
        let field = Field::new();
        let first = tokio::spawn(field.clone().ask("cat"));
        settle().await;
        let second = tokio::spawn(field.clone().ask("cat"));
        settle().await;
        first.abort();
        settle().await;
        field.landing.add_permits(1);
        assert_eq!(second.await.unwrap(), (0, true));
    }

    #[tokio::test]
    async fn a_flight_that_nobody_waits_for_ends() {
        let field = Field::new();
        let first = tokio::spawn(field.clone().ask("cat"));
        settle().await;
        first.abort();
        settle().await;
        assert_eq!(field.under_way(), 0);
        field.landing.add_permits(1);
        assert_eq!(field.clone().ask("cat").await, (1, false));
    }

    #[tokio::test]
    async fn whoever_joins_after_the_seal_is_late() {
        let flights = Flights::<()>::default();
        let begin = |sealed: Sealed| async move {
            sealed.set();
            std::future::pending::<()>().await;
        };
        let first = flights.enter("cat", begin);
        let early = flights.enter("cat", begin);
        assert!(first.flight.clone().now_or_never().is_none());
        let late = flights.enter("cat", begin);
        let known = [first, early, late].map(|share| (share.joined, share.late));
        assert_eq!(known, [(false, false), (true, false), (true, true)]);
        assert!(!flights.enter("cat", begin).joined);
    }
}
