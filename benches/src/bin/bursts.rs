//! A burst of misses beside nginx's `image_filter`: `cargo run --release -p bench --bin bursts`.
#![forbid(unsafe_code)]

use bench::burst::Burst;
use bench::nginx::Nginx;
use bench::originals;
use bench::procfs;
use bench::report::{Bar, machine, plot, table, write};
use bench::tandem::{Tandem, sign};
use clap::Parser;
use stack::Role;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// The resizer's `--memory`.
const MEMORY: &str = "256MB";

/// Longer than any of the peers' own time-outs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Sends 1,000 clients at once for thumbnails of 1,000 photographs of 12 MP and writes docs/benchmarks/bursts.md.
#[derive(Parser)]
struct Args {
    /// Clients, each with an original of its own.
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Width of the thumbnails.
    #[arg(long, default_value_t = 300)]
    width: u32,
    /// Write nothing, few clients: to see that it works.
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
            eprintln!("bursts: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What one of the two did.
struct Row {
    name: &'static str,
    burst: Burst,
    cpu: Duration,
    /// Bytes over what the processes that transform held at rest.
    peak: u64,
}

fn run(args: &Args) -> anyhow::Result<()> {
    daemon::open_files::raise();
    let clients = if args.smoke { 20 } else { args.clients };
    let dir = tempfile::tempdir()?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open)?;
    originals::make_many(dir.path(), clients)?;
    let Some(nginx) = Nginx::start(dir.path())? else {
        return Ok(());
    };
    let targets = (0..clients)
        .map(|number| sign(&format!("/resize/{}/{number}.jpg", args.width)))
        .collect::<anyhow::Result<Vec<_>>>()?;

    let theirs = measure(
        "nginx",
        nginx.public(),
        &nginx.pids(),
        &nginx.pids(),
        &targets,
    )?;
    drop(nginx);
    let resizer_args = ["--workers", "2", "--memory", MEMORY];
    let tandem = Tandem::start_with(dir.path(), &[], &resizer_args)?;
    let (edge, resizer) = (tandem.edge()?.id(), tandem.resizer().id());
    let ours = measure(
        "Tandem",
        tandem.public()?,
        &[edge, resizer],
        &[resizer],
        &targets,
    )?;

    let rows: Vec<_> = [&theirs, &ours].map(cells).to_vec();
    let headings = [
        "",
        "200",
        "others",
        "p50 s",
        "p95 s",
        "p100 s",
        "CPU s",
        "peak MB over idle",
    ];
    let page = format!(
        "# Bursts\n\nOn {}. {clients} clients, each from an address of its own, ask at once for `/resize/{}/` of a photograph \
         of 12 MP each. Both start with nothing cached; two workers each. Tandem's resizer has `--memory {MEMORY}`, and the peak is its \
         own; nginx's is the sum of its processes'. The load generator shares the cores.\n\n    \
         cargo run --release -p bench --bin bursts\n\n![Time until all have their image, as a part of nginx's](bursts.svg)\n\n{}",
        machine(),
        args.width,
        table(&headings, &rows),
    );
    println!("{page}");
    let bars: Vec<_> = [("half have theirs", 0.5), ("all have theirs", 1.0)]
        .map(|(label, part)| Bar {
            label: label.to_owned(),
            ratio: ours.burst.within(part).as_secs_f64() / theirs.burst.within(part).as_secs_f64(),
        })
        .into_iter()
        .collect();
    if !args.smoke {
        let title = "Time until clients have their images, as a part of nginx's";
        write("bursts", &page, &plot(title, &bars))?;
    }
    anyhow::ensure!(
        ours.burst.count(200) == clients,
        "Tandem: {}",
        ours.burst.failures()
    );
    Ok(())
}

/// `pids` are all processes of a peer, `transforming` those whose memory counts.
fn measure(
    name: &'static str,
    address: SocketAddr,
    pids: &[u32],
    transforming: &[u32],
    targets: &[String],
) -> anyhow::Result<Row> {
    let sum = |field| {
        transforming
            .iter()
            .filter_map(|pid| procfs::memory(*pid, field))
            .sum::<u64>()
    };
    let (idle, before) = (sum("VmRSS"), procfs::cpu_time(pids));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let burst = runtime.block_on(Burst::send(address, targets.to_vec(), PATIENCE));
    Ok(Row {
        name,
        burst,
        cpu: procfs::cpu_time(pids).saturating_sub(before),
        peak: sum("VmHWM").saturating_sub(idle),
    })
}

fn cells(row: &Row) -> Vec<String> {
    let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
    vec![
        row.name.to_owned(),
        row.burst.count(200).to_string(),
        row.burst.failures(),
        seconds(row.burst.within(0.5)),
        seconds(row.burst.within(0.95)),
        seconds(row.burst.within(1.0)),
        seconds(row.cpu),
        format!("{:.0}", row.peak as f64 / 1e6),
    ]
}
