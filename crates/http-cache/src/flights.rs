//! The flights under way: who asks for what is being fetched joins, and the first begins.

use crate::cache::{Cache, Inner, UpstreamResponse, final_response};
use crate::entry::{Entry, Stored};
use crate::flight::{FetchError, Gate, Passenger, take_off};
use crate::key::Key;
use crate::policy::Reuse;
use crate::purge::Epoch;
use crate::reception::Reception;
use crate::request::{CacheRequest, Conditions, Selected};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

/// A flight under way, as the table has it.
pub(crate) struct Aloft {
    gate: Gate,
    /// When it was begun, among purges: who asks after a purge does not join what began before it.
    born: Epoch,
    number: u64,
}

/// What a flight is begun for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Clients that wait for it. It is given up when none is left.
    Clients,
    /// What is stored, so that it is fresh for the next.
    Later,
}

/// How a request came to its answer.
pub(crate) enum Joined {
    /// Another request's flight.
    Waiting(Passenger),
    /// A new flight.
    Launched(Passenger),
    /// No flight: the response was stored a moment ago.
    Landed(Entry),
}

/// Takes a flight out of the table when its task ends, however it ends.
struct Landing {
    inner: Arc<Inner>,
    slot: Key,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut flights = self.inner.lock_flights();
        // Another flight may have taken its place: after a purge, or when its body was no longer replayed.
        let own = |aloft: &Aloft| aloft.number == self.number;
        if flights.get(&self.slot).is_some_and(own) {
            flights.remove(&self.slot);
        }
    }
}

impl Cache {
    /// Joins the flight of a request, or begins it.
    pub(crate) fn join<F, Fut>(
        &self,
        request: &CacheRequest,
        selected: Selected,
        fetch: Arc<F>,
        purpose: For,
    ) -> Result<Joined, FetchError>
    where
        F: Fn(Conditions) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<UpstreamResponse, FetchError>> + Send,
    {
        let slot = selected.slot.clone();
        let mut flights = self.0.lock_flights();
        if !request.alone {
            if let Some(aloft) = flights.get(&slot)
                && self.0.purges.admit(slot.as_str(), aloft.born).is_some()
                && let Some(passenger) = aloft.gate.board()
            {
                return Ok(Joined::Waiting(passenger));
            }
            // A flight may have landed since the look-up: it stores before it leaves the table.
            let waiting = || self.0.disk.as_ref().and_then(|disk| disk.waiting(&slot));
            if let Some(Stored::Response(entry)) = self.0.memory.get(&slot).or_else(waiting) {
                let (policy, now) = (&self.0.config.policy, self.0.config.clock.now());
                if request.selects(&entry.head.selecting)
                    && policy.reuse(request.rules, &entry.head.freshness, now) == Reuse::Serve
                {
                    return Ok(Joined::Landed(entry));
                }
            }
        }
        if let Some(failure) = self.0.slow.recall(&slot) {
            return Err(failure);
        }
        let permit = self.0.permit(request.client)?;
        let (flight, gate, passenger) = take_off();
        let landing = (!request.alone).then(|| {
            let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
            let aloft = Aloft {
                gate,
                born: selected.born,
                number,
            };
            flights.insert(slot.clone(), aloft);
            Landing {
                inner: self.0.clone(),
                slot: slot.clone(),
                number,
            }
        });
        drop(flights);
        let conditions = Conditions::of(&selected);
        let conditional =
            conditions.if_none_match.is_some() || conditions.if_modified_since.is_some();
        let (inner, request, slow) = (self.0.clone(), request.clone(), self.0.clone());
        let reception = Reception::new(inner, request, selected, flight, Some(permit));
        tokio::spawn(async move {
            let _landing = landing;
            let fetched = match purpose {
                For::Clients => reception.while_wanted(fetch(conditions)).await,
                For::Later => Some(fetch(conditions).await),
            };
            match fetched.map(|response| response.and_then(final_response)) {
                Some(Ok(response)) => {
                    if let Some(reception) = reception.receive(response, conditional).await {
                        // What was asked about is not what is stored: ask for the whole.
                        match fetch(Conditions::default()).await.and_then(final_response) {
                            Ok(response) => drop(reception.receive(response, false).await),
                            Err(failure) => reception.fail(failure),
                        }
                    }
                }
                Some(Err(failure)) => {
                    slow.slow.note(&slot, &failure, slow.config.timeout_memory);
                    reception.fail(failure);
                }
                None => {}
            }
        });
        Ok(Joined::Launched(passenger))
    }
}

impl Inner {
    pub(crate) fn lock_flights(&self) -> MutexGuard<'_, HashMap<Key, Aloft>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
