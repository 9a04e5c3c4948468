//! The order of requests, and the estimates of their waiting, without tasks.
#![allow(clippy::unwrap_used)]

use super::*;

const LONG_LEFT: Duration = Duration::from_secs(3600);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn schedule(workers: usize, memory: u64) -> Schedule {
    Schedule::new(&GateConfig {
        workers,
        queue: 100_000,
        memory,
    })
}

fn arrival(client: u64, expected: Duration) -> Arrival {
    Arrival {
        client,
        expected,
        left: LONG_LEFT,
    }
}

/// One worker that takes all work in the order of the schedule. Gives the order in which the requests began, each with its
/// beginning.
fn run(requests: &[(Duration, u64, Duration)]) -> Vec<(usize, Duration)> {
    let mut schedule = schedule(1, 1);
    let mut requests: Vec<_> = requests.iter().copied().enumerate().collect();
    requests.sort_by_key(|(_, (at, ..))| *at);
    let (mut coming, mut ids, mut began) =
        (requests.into_iter().peekable(), HashMap::new(), Vec::new());
    let mut now = Duration::ZERO;
    let mut running: Option<(Id, Duration)> = None;
    loop {
        let arrives = coming.peek().map(|(_, (at, ..))| *at);
        let ends = running.map(|(_, end)| end);
        let Some(next) = [arrives, ends].into_iter().flatten().min() else {
            return began;
        };
        now = now.max(next);
        if ends == Some(next) {
            schedule.leave(running.take().unwrap().0);
        } else if let Some((number, (_, client, work))) = coming.next() {
            let id = schedule.enter(now, &arrival(client, work)).unwrap();
            ids.insert(id, (number, work));
        }
        loop {
            let turns = schedule.turns(now);
            for id in &turns.fetch {
                schedule.is_ready(*id, ids[id].1, 1);
            }
            for id in &turns.start {
                let (number, work) = ids[id];
                assert!(running.is_none());
                running = Some((*id, now + work));
                began.push((number, now));
            }
            if turns == Turns::default() {
                break;
            }
        }
    }
}

#[test]
fn a_single_request_of_one_client_passes_a_thousand_of_another() {
    let mut requests: Vec<_> = (0..1000).map(|_| (ms(0), 1, ms(100))).collect();
    requests.push((ms(5000), 2, ms(100)));
    let began = run(&requests);
    let (_, at) = began.iter().find(|(number, _)| *number == 1000).unwrap();
    // Two of the other client hold their originals already.
    assert!(*at <= ms(5300), "{at:?}");
    assert_eq!(began.len(), 1001);
}

#[test]
fn short_work_goes_before_long_work_that_came_a_little_earlier() {
    // Three hold originals; of those that wait the short ones go first.
    let mut requests: Vec<_> = (0..6).map(|client| (ms(0), client, ms(400))).collect();
    requests.extend((6..9).map(|client| (ms(1), client, ms(10))));
    let order: Vec<_> = run(&requests)
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    let last_short = order.iter().position(|number| *number == 8).unwrap();
    assert!(last_short <= 5, "{order:?}");
}

#[test]
fn long_work_is_not_passed_over_for_ever() {
    // A new client every 100 ms with work of 100 ms, for a minute, and one with work of a second.
    let mut requests: Vec<_> = (0..600)
        .map(|number| (ms(number * 100), number + 1, ms(105)))
        .collect();
    requests.push((ms(500), 0, ms(450)));
    let began = run(&requests);
    let (_, at) = began.iter().find(|(number, _)| *number == 600).unwrap();
    assert!(*at < Duration::from_secs(5), "{at:?}");
}

#[test]
fn short_work_starts_beside_long_work_that_occupies_all_workers() {
    let mut schedule = schedule(2, 100);
    let enter = |schedule: &mut Schedule, client, expected| {
        schedule.enter(ms(0), &arrival(client, expected)).unwrap()
    };
    // Nobody knows that these are long before their originals are there.
    let long: Vec<_> = (0..6)
        .map(|client| enter(&mut schedule, client, ms(0)))
        .collect();
    let mut fetching = schedule.turns(ms(0)).fetch;
    let mut started = Vec::new();
    while let Some(id) = fetching.pop() {
        schedule.is_ready(id, Duration::from_secs(14), 1);
        let turns = schedule.turns(ms(0));
        fetching.extend(turns.fetch);
        started.extend(turns.start);
    }
    // Two are worked on and two are parked, so that the last two were fetched.
    assert_eq!((started.len(), schedule.parked, long.len()), (2, 2, 6));
    let short = enter(&mut schedule, 9, ms(10));
    let turns = schedule.turns(ms(0));
    assert_eq!(
        turns,
        Turns {
            fetch: vec![short],
            start: vec![]
        }
    );
    schedule.is_ready(short, ms(10), 1);
    assert_eq!(schedule.turns(ms(0)).start, [short]);
    // It is not expected to wait for the long work either.
    let arrival = Arrival {
        client: 10,
        expected: ms(10),
        left: ms(50),
    };
    assert!(schedule.enter(ms(0), &arrival).is_ok());
    let arrival = Arrival {
        expected: Duration::from_secs(14),
        left: Duration::from_secs(30),
        ..arrival
    };
    assert_eq!(schedule.enter(ms(0), &arrival).unwrap_err().as_secs(), 42);
}

#[test]
fn memory_is_kept_for_work_whose_place_has_come() {
    let mut schedule = schedule(4, 10);
    let mut ready = |expected, memory, now| {
        let id = schedule.enter(now, &arrival(0, ms(0))).unwrap();
        assert_eq!(schedule.turns(now).fetch, [id]);
        schedule.is_ready(id, expected, memory);
        (id, schedule.turns(now).start)
    };
    let (first, started) = ready(ms(100), 6, ms(0));
    assert_eq!(started, [first]);
    let (large, started) = ready(ms(100), 6, ms(0));
    assert!(started.is_empty());
    let (small, started) = ready(ms(10), 1, ms(0));
    assert_eq!(started, [small]);
    // By now its place has come, so what fits beside the first waits.
    let (late, started) = ready(ms(10), 1, ms(5000));
    assert!(started.is_empty());
    schedule.leave(first);
    assert_eq!(schedule.turns(ms(5000)).start, [large, late]);
    assert_eq!(schedule.memory_taken(), 8);
}

#[test]
fn the_wait_is_that_of_what_goes_before() {
    let mut schedule = schedule(2, 100);
    for _ in 0..100 {
        schedule.enter(ms(0), &arrival(1, ms(100))).unwrap();
        schedule.turns(ms(0));
    }
    let arrival = |client, left| Arrival {
        client,
        expected: ms(100),
        left: ms(left),
    };
    // The same client waits for all it has asked for, another one for what holds originals and goes before.
    let wait = schedule.enter(ms(0), &arrival(1, 5000)).unwrap_err();
    assert_eq!(wait, ms(5000));
    assert!(schedule.enter(ms(0), &arrival(1, 5100)).is_ok());
    assert!(schedule.enter(ms(0), &arrival(2, 600)).is_ok());
}

#[test]
fn nothing_is_left_of_requests_that_left() {
    let mut schedule = schedule(2, 100);
    let ids: Vec<_> = (0..50)
        .map(|number| {
            schedule
                .enter(ms(number), &arrival(number % 3, ms(number * 40)))
                .unwrap()
        })
        .collect();
    let mut started = 0;
    for (number, id) in ids.iter().enumerate() {
        for id in schedule.turns(ms(100)).fetch {
            schedule.is_ready(id, ms(700), 60);
        }
        started += schedule.turns(ms(100)).start.len();
        if number % 2 == 0 {
            schedule.leave(*id);
            schedule.leave(*id);
        }
    }
    assert!(started > 0);
    for id in ids {
        schedule.leave(id);
    }
    assert_eq!(schedule.turns(ms(100)), Turns::default());
    assert_eq!(schedule.memory_taken(), 0);
    assert_eq!(
        (
            schedule.holding,
            schedule.parked,
            schedule.running_long,
            schedule.running_short
        ),
        (0, 0, 0, 0)
    );
    assert_eq!((schedule.short.requests, schedule.long.requests), (0, 0));
    assert!(
        schedule.clients.is_empty()
            && schedule.queued.is_empty()
            && schedule.ready.is_empty()
            && schedule.ahead.is_empty()
    );
}
