//! One flight for all who want the same thing at the same time. Nothing is kept once it has landed.

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Flight<T> = Shared<BoxFuture<'static, T>>;

/// The flights that are under way, by name. A flight goes on for as long as somebody waits for it, whoever began it.
/// There are never more of them than requests that wait.
#[derive(Debug)]
pub(crate) struct Flights<T: Clone> {
    table: Arc<Mutex<Table<T>>>,
}

#[derive(Debug)]
struct Table<T: Clone> {
    flights: HashMap<String, (u64, WeakShared<BoxFuture<'static, T>>)>,
    next: u64,
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
        let (flight, joined) = self.find_or_begin(name, begin);
        (flight.await, joined)
    }

    fn find_or_begin<F>(&self, name: &str, begin: impl FnOnce() -> F) -> (Flight<T>, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut table = lock(&self.table);
        if let Some((_, flight)) = table.flights.get(name)
            && let Some(flight) = flight.upgrade()
        {
            return (flight, true);
        }
        let number = table.next;
        table.next += 1;
        let leave = Leave {
            table: self.table.clone(),
            name: name.to_owned(),
            number,
        };
        let work = begin();
        let flight = async move {
            let _leave = leave;
            work.await
        };
        let flight = flight.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            table.flights.insert(name.to_owned(), (number, weak));
        }
        (flight, false)
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
        if let Some((number, _)) = table.flights.get(&self.name)
            && *number == self.number
        {
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
}
