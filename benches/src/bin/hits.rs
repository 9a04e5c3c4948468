//! Hits side by side with nginx's `proxy_cache`: `cargo run --release -p bench --bin hits`.
//!
//! Both serve the same originals; for each body size the width is searched that gives it, since the encoders differ.
#![forbid(unsafe_code)]

use anyhow::Context;
use bench::nginx::Nginx;
use bench::report::{Bar, machine, plot, table, write};
use bench::tandem::{TOKEN, Tandem, sign};
use bench::wrk::{self, Run};
use bench::{http, procfs};
use clap::Parser;
use mimalloc::MiMalloc;
use stack::Role;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// As `edge-proxy` has it, which this program takes the role of.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Compares hits with nginx and writes docs/benchmarks/hits.md.
#[derive(Parser)]
struct Args {
    /// Rounds in turn; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load in each.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Keys of the large cache.
    #[arg(long, default_value_t = 100_000)]
    keys: usize,
    /// Write nothing, one short round with few keys: to see that it works.
    #[arg(long)]
    smoke: bool,
}

fn main() -> ExitCode {
    if let Some(code) = Role::dispatch(std::env::args_os()) {
        return code;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hits: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured.
struct Case {
    label: String,
    bytes: u64,
    disk: bool,
    connections: usize,
    keys: usize,
}

/// A server under load.
struct Peer {
    address: SocketAddr,
    pids: Vec<u32>,
}

fn run(args: &Args) -> anyhow::Result<()> {
    let originals = tempfile::tempdir()?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(originals.path(), open)?;
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    std::fs::copy(
        samples.join("umang.jpg"),
        originals.path().join("umang.jpg"),
    )?;
    if !wrk::is_there() {
        return Ok(());
    }
    let Some(nginx) = Nginx::start(originals.path())? else {
        return Ok(());
    };
    let (rounds, keys) = if args.smoke {
        (1, 500)
    } else {
        (args.rounds, args.keys)
    };
    let time = Duration::from_secs(if args.smoke { 1 } else { args.seconds });
    let runtime = tokio::runtime::Runtime::new()?;
    let memory = Tandem::start(originals.path(), &["--cache-memory", "2GB"])?;
    let mut disk = Tandem::start(originals.path(), &["--cache-memory", "0"])?;

    // A small original, so that filling with many keys takes a minute: never enlarged, it is the same at each size.
    let small = runtime.block_on(http::get(memory.public()?, &sign("/resize/64/umang.jpg")?))?;
    std::fs::write(originals.path().join("small.jpg"), small)?;

    let mut rows = Vec::new();
    let mut bars = Vec::new();
    for case in cases(keys) {
        let tandem = if case.disk { &disk } else { &memory };
        let peers = [
            Peer {
                address: nginx.public(),
                pids: nginx.pids(),
            },
            Peer {
                address: tandem.public()?,
                pids: vec![tandem.edge()?.id()],
            },
        ];
        let lists = peers
            .iter()
            .map(|peer| runtime.block_on(targets(peer.address, &case)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut runs = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (index, peer) in peers.iter().enumerate() {
                let run = wrk::load(
                    peer.address,
                    lists[index].path(),
                    case.connections,
                    time,
                    &peer.pids,
                )?;
                runs[index].push(run);
            }
        }
        let [theirs, ours] = runs.map(|runs| median(&runs));
        let ratio = ours.cpu / theirs.cpu;
        eprintln!(
            "{}: {:.2} of nginx's {:.1} µs",
            case.label, ratio, theirs.cpu
        );
        let number = |value: f64| format!("{value:.1}");
        rows.push(vec![
            case.label.clone(),
            number(theirs.cpu),
            number(ours.cpu),
            format!("**{ratio:.2}**"),
            format!("{:.0} / {:.0}", theirs.rate, ours.rate),
            format!("{:.0} / {:.0}", theirs.p50, ours.p50),
            format!("{:.0} / {:.0}", theirs.p99, ours.p99),
        ]);
        bars.push(Bar {
            label: case.label,
            ratio,
        });
    }
    let hits = table(
        &[
            "hit",
            "nginx, µs CPU",
            "Tandem, µs CPU",
            "ratio",
            "requests/s",
            "p50, µs",
            "p99, µs",
        ],
        &rows,
    );
    let start = start_up(&runtime, &mut disk, keys)?;
    let herd = runtime.block_on(herd(&nginx, &memory))?;
    let resident = procfs::memory(memory.edge()?.id(), "VmRSS").unwrap_or_default() >> 20;
    let page = format!(
        "# Hits\n\nAgainst nginx's `proxy_cache` with the configuration in `benches/nginx`, on {}. Medians of {rounds} \
         rounds in turn; CPU is the server's, from `/proc`. Pairs are nginx / Tandem. The load generator shares the cores, so \
         requests/s are no more than a hint.\n\n    cargo run --release -p bench --bin hits\n\n![CPU of a hit as a part of \
         nginx's](hits.svg)\n\n{hits}\n{start}\n{herd}\nMemory of the edge after all of this: {resident} MB.\n",
        machine()
    );
    println!("{page}");
    if !args.smoke {
        let title = "CPU of a hit as a part of nginx's";
        write("hits", &page, &plot(title, &bars))?;
    }
    Ok(())
}

fn cases(keys: usize) -> Vec<Case> {
    let case = |label: &str, bytes, disk, connections, keys| Case {
        label: label.to_owned(),
        bytes,
        disk,
        connections,
        keys,
    };
    vec![
        case("2 KB, memory, 64 connections", 2_000, false, 64, 1),
        case("21 KB, memory, 64 connections", 21_000, false, 64, 1),
        case("21 KB, memory, 1 connection", 21_000, false, 1, 1),
        case("385 KB, memory, 64 connections", 385_000, false, 64, 1),
        case("2 KB, disk, 64 connections", 2_000, true, 64, 1),
        case("21 KB, disk, 64 connections", 21_000, true, 64, 1),
        case("385 KB, disk, 64 connections", 385_000, true, 64, 1),
        case(
            &format!("2 KB, memory, {keys} keys"),
            2_000,
            false,
            64,
            keys,
        ),
        case(&format!("2 KB, disk, {keys} keys"), 2_000, true, 64, keys),
    ]
}

/// A file of signed targets for a case, all of them in the cache.
async fn targets(address: SocketAddr, case: &Case) -> anyhow::Result<tempfile::NamedTempFile> {
    let paths: Vec<String> = if case.keys == 1 {
        vec![path_of_size(address, case.bytes).await?]
    } else {
        // 64 pixels and more, all of which give the small original as it is.
        let size = |number: usize| (64 + number % 1000, 64 + number / 1000);
        (0..case.keys)
            .map(size)
            .map(|(width, height)| format!("/resize/{width}x{height}/small.jpg"))
            .collect()
    };
    let signed = paths
        .iter()
        .map(|path| sign(path))
        .collect::<Result<Vec<_>, _>>()?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), signed.join("\n") + "\n")?;
    http::get_all(address, signed).await?;
    Ok(file)
}

/// The path whose body comes nearest to a size.
async fn path_of_size(address: SocketAddr, bytes: u64) -> anyhow::Result<String> {
    let (mut low, mut high) = (8_u64, 1920_u64);
    let path = |width| format!("/resize/{width}/umang.jpg");
    while low < high {
        let middle = u64::midpoint(low, high);
        let body = http::get(address, &sign(&path(middle))?).await?;
        if (body.len() as u64) < bytes {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(path(low))
}

fn median(runs: &[Run]) -> Run {
    let middle = |of: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Run {
        cpu: middle(|run| run.cpu),
        rate: middle(|run| run.rate),
        p50: middle(|run| run.p50),
        p99: middle(|run| run.p99),
    }
}

/// How long an edge takes to serve, and to know all that is on its disk.
fn start_up(
    runtime: &tokio::runtime::Runtime,
    disk: &mut Tandem,
    keys: usize,
) -> anyhow::Result<String> {
    let begun = Instant::now();
    disk.restart_edge()?;
    let serving = begun.elapsed();
    let target = sign("/resize/64x64/small.jpg")?;
    runtime.block_on(http::get(disk.public()?, &target))?;
    let first = begun.elapsed();
    let admin = disk.edge()?.addresses().admin;
    let complete = loop {
        if stats(admin)?["disk"]["index_complete"] == true {
            break begun.elapsed();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let rows = [vec![
        format!("{:.0} ms", serving.as_secs_f64() * 1e3),
        format!("{:.0} ms", first.as_secs_f64() * 1e3),
        format!("{:.0} ms", complete.as_secs_f64() * 1e3),
    ]];
    let headings = [
        &*format!("start with {keys} entries on disk: serving after"),
        "first hit after",
        "index complete after",
    ];
    Ok(table(&headings, &rows))
}

fn stats(admin: SocketAddr) -> anyhow::Result<serde_json::Value> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(admin)?;
    write!(
        stream,
        "GET /cache/stats HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    Ok(serde_json::from_str(body)?)
}

/// A thousand clients at once that want what is not there.
async fn herd(nginx: &Nginx, tandem: &Tandem) -> anyhow::Result<String> {
    const CLIENTS: usize = 1000;
    let target = sign("/resize/301/umang.jpg")?;
    let mut rows = Vec::new();
    for (name, address) in [("nginx", nginx.public()), ("Tandem", tandem.public()?)] {
        let fetches = || async {
            if name == "nginx" {
                return anyhow::Ok(nginx.fetches());
            }
            let admin = tandem.resizer().addresses().admin;
            let metrics = String::from_utf8(http::get(admin, "/metrics").await?)?;
            let metric = "tandem_resizer_decodes_total ";
            let line = metrics.lines().find_map(|line| line.strip_prefix(metric));
            Ok(line.and_then(|line| line.parse().ok()).unwrap_or_default())
        };
        let before = fetches().await?;
        let mut clients = tokio::task::JoinSet::new();
        let begun = Instant::now();
        for _ in 0..CLIENTS {
            let target = target.clone();
            clients
                .spawn(async move { http::get(address, &target).await.map(|_| begun.elapsed()) });
        }
        let mut times = Vec::new();
        while let Some(time) = clients.join_next().await {
            times.push(time??);
        }
        times.sort();
        let ms = |time: Option<&Duration>| {
            format!(
                "{:.0} ms",
                time.copied().unwrap_or_default().as_secs_f64() * 1e3
            )
        };
        rows.push(vec![
            name.to_owned(),
            (fetches().await? - before).to_string(),
            ms(times.first()),
            ms(times.get(times.len() / 2)),
            ms(times.last()),
        ]);
    }
    let headings = [
        "1,000 clients, one missing picture",
        "resizes",
        "first answered",
        "half answered",
        "last answered",
    ];
    Ok(table(&headings, &rows))
}
