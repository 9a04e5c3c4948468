//! Any request against any response of any configuration at any time: nothing is stored that may not be, freshness is
//! never negative and never overflows, parts lie within their whole, dates read back as they were written.
//!
//! `cargo fuzz run policy` in the crate's folder; on a stable toolchain with `RUSTC_BOOTSTRAP=1`.
#![no_main]

use arbitrary::Arbitrary;
use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_RANGE, DATE, ETAG, EXPIRES, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, PRAGMA, RANGE, SET_COOKIE, VARY,
};
use http::{HeaderMap, StatusCode};
use http_cache::cache_valid::ValidRule;
use http_cache::directives::{CDN_CACHE_CONTROL, Directives, Scope};
use http_cache::policy::{RequestRules, Reuse, Times};
use http_cache::range::{Answer, answer, asked, held, if_range_holds};
use http_cache::vary::Selecting;
use http_cache::{CacheValid, Policy, UseStale, conditional, date};
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Arbitrary, Debug)]
struct Input {
    request: Vec<(RequestLine, Value)>,
    response: Vec<(ResponseLine, Value)>,
    status: u16,
    partial: bool,
    config: Config,
    /// Seconds since 1970 when the response was asked for.
    asked: u32,
    /// Seconds that it was on its way.
    way: u16,
    /// Seconds that it has lain in the cache.
    lain: u32,
    length: u64,
}

#[derive(Arbitrary, Debug)]
struct Config {
    valid: Vec<(bool, u16, u32)>,
    use_stale: u16,
    max_stale: Option<u32>,
    store_set_cookie: bool,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum RequestLine {
    CacheControl,
    Pragma,
    Authorization,
    IfNoneMatch,
    IfModifiedSince,
    IfRange,
    Range,
    Accept,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum ResponseLine {
    CacheControl,
    CdnCacheControl,
    AccelExpires,
    Expires,
    Date,
    Age,
    Etag,
    LastModified,
    Vary,
    SetCookie,
    ContentRange,
}

/// A value: any bytes, or words that mean something.
#[derive(Arbitrary, Debug)]
enum Value {
    Bytes(Vec<u8>),
    Directives(Vec<(u8, Option<u32>)>),
    Date(u32),
    Number(u64),
    Range(Option<u64>, Option<u64>),
    Tag(bool, u8),
}

const DIRECTIVES: [&str; 17] = [
    "no-store",
    "no-cache",
    "private",
    "public",
    "max-age",
    "s-maxage",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "stale-while-revalidate",
    "stale-if-error",
    "max-stale",
    "min-fresh",
    "only-if-cached",
    "immutable",
    "private=\"x\"",
    "no-cache=\"set-cookie\"",
];

impl Value {
    fn bytes(&self) -> Vec<u8> {
        let number = |number: &Option<u64>| number.map_or_else(String::new, |n| n.to_string());
        let text = match self {
            Self::Bytes(bytes) => return bytes.clone(),
            Self::Directives(list) => {
                let member = |(at, argument): &(u8, Option<u32>)| {
                    let name = DIRECTIVES[*at as usize % DIRECTIVES.len()];
                    argument.map_or_else(|| name.to_owned(), |n| format!("{name}={n}"))
                };
                list.iter().map(member).collect::<Vec<_>>().join(", ")
            }
            Self::Date(seconds) => httpdate::fmt_http_date(at(u64::from(*seconds))),
            Self::Number(number) => number.to_string(),
            Self::Range(first, last) => format!("bytes={}-{}", number(first), number(last)),
            Self::Tag(weak, tag) => format!("{}\"{tag}\"", if *weak { "W/" } else { "" }),
        };
        text.into_bytes()
    }
}

fuzz_target!(|input: Input| {
    let request = headers(&input.request, |line| match line {
        RequestLine::CacheControl => CACHE_CONTROL,
        RequestLine::Pragma => PRAGMA,
        RequestLine::Authorization => AUTHORIZATION,
        RequestLine::IfNoneMatch => IF_NONE_MATCH,
        RequestLine::IfModifiedSince => IF_MODIFIED_SINCE,
        RequestLine::IfRange => IF_RANGE,
        RequestLine::Range => RANGE,
        RequestLine::Accept => http::header::ACCEPT,
    });
    let response = headers(&input.response, |line| match line {
        ResponseLine::CacheControl => CACHE_CONTROL,
        ResponseLine::CdnCacheControl => CDN_CACHE_CONTROL,
        ResponseLine::AccelExpires => HeaderName::from_static("x-accel-expires"),
        ResponseLine::Expires => EXPIRES,
        ResponseLine::Date => DATE,
        ResponseLine::Age => AGE,
        ResponseLine::Etag => ETAG,
        ResponseLine::LastModified => LAST_MODIFIED,
        ResponseLine::Vary => VARY,
        ResponseLine::SetCookie => SET_COOKIE,
        ResponseLine::ContentRange => CONTENT_RANGE,
    });
    let asked = at(u64::from(input.asked));
    let received = asked + Duration::from_secs(u64::from(input.way));
    let times = Times { asked, received };
    let later = received + Duration::from_secs(u64::from(input.lain));
    if let Ok(status) = StatusCode::from_u16(input.status % 1000) {
        let policy = policy(&input.config);
        let rules = RequestRules {
            partial: input.partial,
            ..RequestRules::of(&request)
        };
        judge(&policy, rules, status, &response, times, later);
    }
    match Selecting::of(&response, &request) {
        Some(selecting) => assert!(selecting.matches(&request)),
        None => assert!(response.contains_key(VARY)),
    }
    parts(&request, &response, input.length);
    for (_, value) in &input.response {
        dates(&value.bytes(), received);
    }
});

/// What is stored may be, and its times make sense.
fn judge(
    policy: &Policy,
    rules: RequestRules,
    status: StatusCode,
    response: &HeaderMap,
    times: Times,
    later: SystemTime,
) {
    let Some(stored) = policy.storable(rules, status, response, times) else {
        return;
    };
    let directives = Directives::of(response);
    assert!(!rules.directives.no_store);
    assert!(!directives.no_store || directives.must_understand);
    assert_ne!(directives.private, Scope::All);
    assert!(!response.contains_key(SET_COOKIE) || policy.store_set_cookie);
    assert!(!rules.authorized || directives.allows_authorized());
    assert!(status != StatusCode::PARTIAL_CONTENT || rules.partial);
    assert!(!status.is_informational() && status != StatusCode::NOT_MODIFIED);

    let freshness = stored.freshness;
    for now in [times.asked, times.received, later] {
        let (fresh, remaining) = (freshness.is_fresh(now), freshness.remaining(now));
        assert_eq!(fresh, !remaining.is_zero());
        assert!(!fresh || freshness.staleness(now).is_zero());
        let plain = policy.reuse(RequestRules::default(), &freshness, now);
        assert_eq!(plain == Reuse::Serve, fresh);
        if directives.no_cache == Scope::All {
            assert_eq!(plain, Reuse::Validate);
        }
        if directives.must_revalidate && !fresh {
            assert_eq!(policy.reuse(rules, &freshness, now), Reuse::Validate);
            assert!(!policy.may_stand_in(&freshness, now, true));
        }
    }
    assert!(freshness.age(later) >= freshness.age(times.received));
    assert!(freshness.remaining(later) <= freshness.remaining(times.received));
    let mut expired = freshness;
    expired.expire(later);
    assert!(!expired.is_fresh(later));
}

/// Ranges and conditions: a part lies within its whole, and a condition that holds was asked.
fn parts(request: &HeaderMap, stored: &HeaderMap, length: u64) {
    match answer(request, stored, length) {
        Answer::Part(part) => {
            assert!(part.first <= part.last && part.last < length);
            assert!(part.length() <= length);
            assert!(asked(request).is_some() && if_range_holds(request, stored));
        }
        Answer::Unsatisfiable => assert!(request.contains_key(RANGE)),
        Answer::Whole => {}
    }
    let _ = held(stored);
    if conditional::not_modified(request, stored) {
        assert!(request.contains_key(IF_NONE_MATCH) || request.contains_key(IF_MODIFIED_SINCE));
    }
}

/// A date that is read says the same when it is written and read again, and is none of the far future where its year has
/// two digits.
fn dates(text: &[u8], now: SystemTime) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if let Some(read) = date::parse(text, now) {
        let written = httpdate::fmt_http_date(read);
        assert_eq!(date::parse(&written, now), Some(read));
        assert_eq!(date::parse(&written.to_ascii_lowercase(), now), Some(read));
        let digits = text.split(['-', ' ']).nth(3);
        if text.matches('-').count() == 2 && digits.is_some_and(|year| year.len() == 2) {
            assert!(read <= now + Duration::from_secs(51 * 366 * 86_400));
        }
    }
}

fn policy(config: &Config) -> Policy {
    let rules = config.valid.iter().filter_map(|(usual, status, seconds)| {
        let text = if *usual {
            seconds.to_string()
        } else {
            format!("{}={seconds}", status % 1000)
        };
        let time = |text: &str| {
            let seconds = text.parse().map_err(|_| text.to_owned())?;
            Ok(Duration::from_secs(seconds))
        };
        ValidRule::parse(&text, time).ok()
    });
    const WORDS: [&str; 11] = [
        "error",
        "timeout",
        "invalid_header",
        "updating",
        "http_500",
        "http_502",
        "http_503",
        "http_504",
        "http_403",
        "http_404",
        "http_429",
    ];
    let chosen: Vec<&str> = WORDS
        .into_iter()
        .enumerate()
        .filter(|(at, _)| config.use_stale & 1 << at != 0)
        .map(|(_, word)| word)
        .collect();
    let use_stale: UseStale = chosen.join(",").parse().expect("these are its words");
    Policy {
        valid: CacheValid::new(rules.collect()),
        use_stale,
        max_stale: config
            .max_stale
            .map(|seconds| Duration::from_secs(u64::from(seconds))),
        store_set_cookie: config.store_set_cookie,
    }
}

fn headers<L: Copy>(lines: &[(L, Value)], name: impl Fn(L) -> HeaderName) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (line, value) in lines {
        if let Ok(value) = HeaderValue::from_bytes(&value.bytes()) {
            headers.append(name(*line), value);
        }
    }
    headers
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}
