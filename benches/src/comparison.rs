//! The job of the public comparison of image servers (imgproxy/image-servers-benchmark): photographs of 2K, fit in
//! 512x512, the same format out, over the whole way of a request without a hit, two clients.
//!
//! The comparison itself ran on other machines, so libvips does the same job here, in process and without HTTP: what a
//! server built on it could reach at best.

use crate::http::get_blocking as get;
use crate::originals::make_2k;
use crate::report::table;
use crate::tandem::{Tandem, sign};
use crate::worker::{Vips, figures};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often each photograph is there under a name of its own, so that no request is a hit.
const COPIES: usize = 300;

struct Row {
    name: &'static str,
    extension: &'static str,
    options: &'static str,
    save: &'static str,
    /// The best that was published for 2 vCPU, in requests a second.
    published: f64,
}

const ROWS: [Row; 4] = [
    Row {
        name: "JPEG",
        extension: "jpg",
        options: "q=80",
        save: ".jpg[Q=80,interlace,optimize_coding,strip]",
        published: 82.0,
    },
    Row {
        name: "PNG",
        extension: "png",
        options: "",
        save: ".png[strip]",
        published: 19.2,
    },
    Row {
        name: "WebP",
        extension: "webp",
        options: "q=75",
        save: ".webp[Q=75,strip]",
        published: 24.3,
    },
    Row {
        name: "AVIF, of a JPEG",
        extension: "jpg",
        options: "q=65,f=avif",
        save: ".avif[Q=65,effort=0,strip]",
        published: 17.8,
    },
];

/// Does the job for a time in each format, with 4 photographs for each of the `views`, at most three.
///
/// # Errors
/// When a peer fails.
pub fn run(time: Duration, views: usize) -> anyhow::Result<String> {
    let dir = tempfile::tempdir()?;
    let photographs = make_2k(dir.path(), views)?;
    for copy in 0..COPIES {
        let folder = dir.path().join(format!("c{copy}"));
        std::fs::create_dir(&folder)?;
        for number in 0..photographs {
            for extension in ["jpg", "png", "webp"] {
                let name = format!("{number}.{extension}");
                std::fs::hard_link(dir.path().join(&name), folder.join(&name))?;
            }
        }
    }
    let tandem = Tandem::start(dir.path(), &[])?;
    let vips = Vips::build()?;
    let mut rows = Vec::new();
    for row in ROWS {
        let (ours, bytes) = served(tandem.public()?, &row, photographs, time)?;
        let theirs = match &vips {
            Some(vips) => format!(
                "{:.1}",
                in_process(vips, &row, dir.path(), photographs, time)?
            ),
            None => "-".to_owned(),
        };
        rows.push(vec![
            row.name.to_owned(),
            format!("{:.1}", row.published),
            theirs,
            format!("**{ours:.1}**"),
            format!("{:.1}", bytes as f64 / 1e3),
        ]);
    }
    let headings = [
        "same format out",
        "best published on 2 vCPU, requests/s",
        "libvips in process here",
        "Tandem here",
        "KB a picture",
    ];
    Ok(format!(
        "## The public comparison's job\n\n{photographs} photographs, 2,040 pixels wide, fit in 512x512 at quality 80 (WebP 75, \
         AVIF 65), over the edge and the resizer, never a hit, two clients. The published figures are from other machines; \
         libvips does the same here in two processes without HTTP. Tandem reads no AVIF, so that row begins with JPEG.\n\n{}",
        table(&headings, &rows)
    ))
}

fn served(
    address: SocketAddr,
    row: &Row,
    photographs: usize,
    time: Duration,
) -> anyhow::Result<(f64, usize)> {
    let comma = if row.options.is_empty() { "" } else { "," };
    let next = AtomicUsize::new(0);
    let bytes = AtomicUsize::new(0);
    let begun = Instant::now();
    let client = || -> anyhow::Result<()> {
        while begun.elapsed() < time {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (copy, photograph) = (number / photographs % COPIES, number % photographs);
            let path = format!(
                "/resize/512x512{comma}{}/c{copy}/{photograph}.{}",
                row.options, row.extension
            );
            bytes.fetch_add(get(address, &sign(&path)?)?.len(), Ordering::Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let clients = [scope.spawn(client), scope.spawn(client)];
        clients.into_iter().try_for_each(|client| {
            client
                .join()
                .map_err(|_| anyhow::anyhow!("a client panicked"))?
        })
    })?;
    let (seconds, count) = (begun.elapsed().as_secs_f64(), next.into_inner());
    Ok((count as f64 / seconds, bytes.into_inner() / count.max(1)))
}

/// Two processes at a time, each with one photograph many times.
fn in_process(
    vips: &Vips,
    row: &Row,
    dir: &Path,
    photographs: usize,
    time: Duration,
) -> anyhow::Result<f64> {
    let (mut count, mut took) = (0, Duration::ZERO);
    let repeat = 6;
    for pair in 0..photographs / 2 {
        let file = |number: usize| dir.join(format!("{number}.{}", row.extension));
        let mut workers = [pair * 2, pair * 2 + 1]
            .map(|number| vips.worker(&file(number), (512, 512), row.save, repeat));
        let begun = Instant::now();
        for child in workers.each_mut().map(crate::worker::Worker::start) {
            figures(child?)?;
        }
        took += begun.elapsed();
        count += repeat * 2;
        if took > time {
            break;
        }
    }
    Ok(f64::from(count) / took.as_secs_f64())
}
