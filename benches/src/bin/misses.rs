//! Misses side by side with nginx's `image_filter` and with libvips: `cargo run --release -p bench --bin misses`.
#![forbid(unsafe_code)]

use bench::comparison;
use bench::nginx::Nginx;
use bench::originals::{self, Original};
use bench::peer::{InProcess, Peer, Server};
use bench::quality::{Light, Raster};
use bench::report::{Bar, machine, plot, table, write};
use bench::tandem::Tandem;
use bench::worker::{Figures, Vips, dispatch, pipeline};
use clap::Parser;
use stack::Role;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Compares misses with nginx and libvips and writes docs/benchmarks/misses.md.
#[derive(Parser)]
struct Args {
    /// Rounds in turn; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for each format of the public comparison's job.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only originals whose description holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// Write nothing, one short round: to see that it works.
    #[arg(long)]
    smoke: bool,
}

fn main() -> ExitCode {
    if let Some(code) = Role::dispatch(std::env::args_os()).or_else(dispatch) {
        return code;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("misses: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open)?;
    originals::make(dir.path())?;
    let Some(nginx) = Nginx::start(dir.path())? else {
        return Ok(());
    };
    let Some(vips) = Vips::build()? else {
        return Ok(());
    };
    let tandem = Tandem::start(dir.path(), &[])?;
    let bench = Bench {
        dir: dir.path().to_owned(),
        nginx,
        vips,
        tandem,
        rounds: if args.smoke { 1 } else { args.rounds },
    };

    let originals = originals::ALL
        .iter()
        .filter(|original| original.label.contains(&args.only))
        .step_by(if args.smoke { 3 } else { 1 });
    let (mut costs, mut looks, mut shrinks, mut bars) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for original in originals {
        let whole = Raster::open(&bench.dir.join(original.name), Light::Linear)?;
        for width in widths(original, args.smoke) {
            let (row, ratio) = bench.cost(original, *width, &whole)?;
            eprintln!("{}", row.join(" | "));
            bars.push(Bar {
                label: format!("{} to {width}", original.label),
                ratio,
            });
            costs.push(row);
            if is_lossy(original) {
                let row = bench.look(original, *width, &whole)?;
                eprintln!("{}", row.join(" | "));
                looks.push(row);
            }
        }
        if is_lossy(original) {
            shrinks.push(bench.shrink(original)?);
        }
    }
    drop(bench);
    let (seconds, views) = if args.smoke {
        (1, 1)
    } else {
        (args.seconds, 3)
    };
    let public = if args.only.is_empty() {
        comparison::run(Duration::from_secs(seconds), views)?
    } else {
        String::new()
    };
    let costs = table(
        &[
            "original → width",
            "CPU ms: nginx",
            "libvips",
            "Tandem, request",
            "Tandem, pipeline",
            "of nginx",
            "of libvips",
            "images/s: nginx / libvips / Tandem",
            "peak MB: nginx / libvips / Tandem",
            "KB",
            "SSIMULACRA2",
        ],
        &costs,
    );
    let looks = table(
        &[
            "original → width",
            "CPU ms: libvips",
            "Tandem",
            "of libvips",
            "KB: libvips / Tandem",
            "SSIMULACRA2: libvips / Tandem",
            "libvips at as many bytes",
        ],
        &looks,
    );
    let widths = SHRINK_WIDTHS.map(|width| format!("→ {width}"));
    let mut headings = vec!["original"];
    headings.extend(widths.iter().map(String::as_str));
    let shrinks = table(&headings, &shrinks);
    let page = format!(
        "# Misses\n\nOn {}. Medians of {} rounds in turn. nginx is `image_filter` with the configuration in `benches/nginx`, \
         asked over HTTP for each picture anew; libvips works in process through its C API, one thread, \
         `vips_thumbnail_buffer`; Tandem is both, its resizer asked over HTTP and its pipeline in process. CPU is user and \
         system time of all the processes of each. The peak is over what the process holds at rest. SSIMULACRA2 is against \
         the whole original scaled in linear light with Lanczos3; triples are nginx / libvips / Tandem.\n\n    \
         cargo run --release -p bench --bin misses\n\n![CPU of a miss as a part of libvips's](misses.svg)\n\n\
         ## As nginx is set\n\nJPEG of quality 95, progressive; WebP of 80.\n\n{costs}\n\
         ## As sharp is set\n\nJPEG and WebP of quality 80, JPEG baseline with halved colour and tables made for it, as sharp \
         asks libvips. The last column is libvips at the quality whose file comes nearest to Tandem's.\n\n{looks}\n\
         ## Decoding less than all\n\nA JPEG and a lossy WebP are decoded at the size that suffices. How that looks beside decoding all of it, \
         both scaled with Lanczos3, without loss in the result: SSIMULACRA2, where 90 cannot be told apart.\n\n{shrinks}\n\
         {public}",
        machine(),
        args.rounds,
    );
    println!("{page}");
    if !args.smoke && args.only.is_empty() {
        write(
            "misses",
            &page,
            &plot("CPU of a miss as a part of libvips's", &bars),
        )?;
    }
    Ok(())
}

fn widths(original: &Original, smoke: bool) -> &'static [u32] {
    match original.name {
        "animation.gif" => &[240],
        _ if smoke => &[300],
        _ => &[300, 1200],
    }
}

/// The widths of the results for which decoding less is judged.
const SHRINK_WIDTHS: [u32; 6] = [150, 300, 400, 640, 800, 1200];

struct Bench {
    dir: PathBuf,
    nginx: Nginx,
    vips: Vips,
    tandem: Tandem,
    rounds: usize,
}

impl Bench {
    /// Everyone with nginx's settings: a row, and what the pipeline takes of libvips's CPU time.
    fn cost(
        &self,
        original: &Original,
        width: u32,
        whole: &Raster,
    ) -> anyhow::Result<(Vec<String>, f64)> {
        let file = self.dir.join(original.name);
        let target = format!("/resize/{width}/{}", original.name);
        let save = match extension(original) {
            "jpg" => ".jpg[Q=95,interlace,optimize_coding,strip]",
            "png" => ".png[strip]",
            "webp" => ".webp[Q=80,strip]",
            _ => ".gif",
        };
        let resizer = self.tandem.resizer();
        let mut nginx = Server::new(self.nginx.resizer(), self.nginx.pids(), target.clone())?;
        let mut served = Server::new(resizer.addresses().listen, vec![resizer.id()], target)?;
        let mut vips =
            InProcess::new(|repeat| Ok(self.vips.worker(&file, (width, 0), save, repeat)))?;
        let mut ours =
            InProcess::new(|repeat| pipeline(&file, &format!("/resize/{width}"), repeat))?;
        let mut peers: [&mut dyn Peer; 4] = [&mut nginx, &mut vips, &mut served, &mut ours];
        let figures = self.measure(&mut peers)?;
        let rates = peers[..3]
            .iter_mut()
            .zip(&figures)
            .map(|(peer, figures)| peer.rate(repeats(figures.cpu)));
        let rates = rates.collect::<anyhow::Result<Vec<f64>>>()?;
        let scores = peers[..3].iter().map(|peer| score(whole, peer.picture()));
        let scores = scores.collect::<anyhow::Result<Vec<_>>>()?;
        let [nginx, vips, served, ours] = figures;
        let kilobytes =
            [nginx, vips, ours].map(|figures| format!("{:.1}", figures.bytes as f64 / 1e3));
        let row = vec![
            format!("{} → {width}", original.label),
            format!("{:.1}", nginx.cpu),
            format!("{:.1}", vips.cpu),
            format!("{:.1}", served.cpu),
            format!("{:.1}", ours.cpu),
            if extension(original) == "gif" {
                "it makes one frame".to_owned()
            } else {
                format!("**{:.2}**", served.cpu / nginx.cpu)
            },
            format!("**{:.2}**", ours.cpu / vips.cpu),
            format!("{:.1} / {:.1} / {:.1}", rates[0], rates[1], rates[2]),
            format!("{:.0} / {:.0} / {:.0}", nginx.peak, vips.peak, ours.peak),
            kilobytes.join(" / "),
            scores.join(" / "),
        ];
        Ok((row, ours.cpu / vips.cpu))
    }

    /// libvips and Tandem with sharp's settings, and libvips at as many bytes as Tandem's.
    fn look(&self, original: &Original, width: u32, whole: &Raster) -> anyhow::Result<Vec<String>> {
        let file = self.dir.join(original.name);
        let save = |quality: u32| match extension(original) {
            "jpg" => format!(".jpg[Q={quality},optimize_coding,subsample_mode=on,strip]"),
            _ => format!(".webp[Q={quality},strip]"),
        };
        let mut vips =
            InProcess::new(|repeat| Ok(self.vips.worker(&file, (width, 0), &save(80), repeat)))?;
        let mut ours =
            InProcess::new(|repeat| pipeline(&file, &format!("/resize/{width},q=80"), repeat))?;
        let [theirs, own] = self.measure(&mut [&mut vips, &mut ours])?;
        let (mut low, mut high) = (1, 100);
        let mut nearest = (usize::MAX, 0, String::new());
        while low <= high {
            let quality = u32::midpoint(low, high);
            let mut worker = self.vips.worker(&file, (width, 0), &save(quality), 1);
            let bytes = worker.run()?.bytes;
            let distance = bytes.abs_diff(own.bytes);
            if distance < nearest.0 {
                nearest = (distance, bytes, score(whole, worker.picture())?);
            }
            if bytes < own.bytes {
                low = quality + 1;
            } else {
                high = quality - 1;
            }
        }
        Ok(vec![
            format!("{} → {width}", original.label),
            format!("{:.1}", theirs.cpu),
            format!("{:.1}", own.cpu),
            format!("**{:.2}**", own.cpu / theirs.cpu),
            format!(
                "{:.1} / {:.1}",
                theirs.bytes as f64 / 1e3,
                own.bytes as f64 / 1e3
            ),
            format!(
                "{} / {}",
                score(whole, vips.picture())?,
                score(whole, ours.picture())?
            ),
            format!("{} ({:.1} KB)", nearest.2, nearest.1 as f64 / 1e3),
        ])
    }

    /// How the pipeline's decoding of no more than is needed looks beside decoding all.
    fn shrink(&self, original: &Original) -> anyhow::Result<Vec<String>> {
        let file = self.dir.join(original.name);
        let whole = Raster::open(&file, Light::Coded)?;
        let mut row = vec![original.label.to_owned()];
        for width in SHRINK_WIDTHS {
            let mut worker = pipeline(&file, &format!("/resize/{width},f=png"), 1)?;
            worker.run()?;
            let picture = Raster::open(worker.picture(), Light::Coded)?;
            let (width, height) = picture.size();
            row.push(format!(
                "{:.1}",
                whole.scaled(width, height)?.score(&picture)?
            ));
        }
        Ok(row)
    }

    /// All of them in turns, after a first picture each that tells how many a turn should have.
    fn measure<const N: usize>(
        &self,
        peers: &mut [&mut dyn Peer; N],
    ) -> anyhow::Result<[Figures; N]> {
        let mut runs = [const { Vec::new() }; N];
        let mut turns = [1; N];
        for (turns, peer) in turns.iter_mut().zip(peers.iter_mut()) {
            *turns = repeats(peer.run(2)?.cpu);
        }
        for _ in 0..self.rounds {
            for (index, peer) in peers.iter_mut().enumerate() {
                runs[index].push(peer.run(turns[index])?);
            }
        }
        Ok(runs.map(|mut runs: Vec<Figures>| {
            runs.sort_by(|one, other| one.cpu.total_cmp(&other.cpu));
            let peak = runs.iter().map(|run| run.peak).fold(0.0, f64::max);
            Figures {
                peak,
                ..runs[runs.len() / 2]
            }
        }))
    }
}

/// As many as take half a second.
fn repeats(cpu: f64) -> u32 {
    (500.0 / cpu.max(1.0)).ceil().clamp(2.0, 100.0) as u32
}

fn extension(original: &Original) -> &'static str {
    original
        .name
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension)
}

fn is_lossy(original: &Original) -> bool {
    matches!(extension(original), "jpg" | "webp")
}

/// The score of a picture beside the original at its size.
fn score(whole: &Raster, picture: &Path) -> anyhow::Result<String> {
    let picture = Raster::open(picture, Light::Linear)?;
    let (width, height) = picture.size();
    Ok(format!(
        "{:.1}",
        whole.scaled(width, height)?.score(&picture)?
    ))
}
