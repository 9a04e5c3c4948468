//! The quick start: a whole Tandem on a folder of pictures, and signed URLs to look at.
#![forbid(unsafe_code)]

use anyhow::{Context, bail};
use clap::Parser;
use image_url::{Algorithm, Secret, SecureLink, SecureLinkConfig};
use stack::{Process, Role};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

/// The photographs of the repository.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples");

/// Folders looked into below the given one, so that a home directory is not walked for minutes.
const MAX_FOLDERS: usize = 1_000;

/// Starts edge-proxy and a resizer on this machine, serving the pictures of a folder, and prints signed URLs.
///
/// For trying out: the secret is known to all who read this, so it listens on this machine only.
#[derive(Parser, Debug)]
#[command(name = "tandem", version)]
struct Args {
    /// A folder of pictures; the bundled photographs when absent.
    folder: Option<PathBuf>,
    /// Where to serve.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// What links are signed with.
    #[arg(
        long,
        default_value = "quick-start-secret",
        env = "EDGE_SECRET",
        hide_env_values = true
    )]
    secret: String,
}

fn main() -> ExitCode {
    if let Some(code) = Role::dispatch(std::env::args_os()) {
        return code;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What a child could not do it has said itself.
            if !error.is::<stack::StartError>() {
                eprintln!("tandem: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let folder = args.folder.clone().unwrap_or_else(|| SAMPLES.into());
    let folder = folder
        .canonicalize()
        .with_context(|| format!("the folder {}", folder.display()))?;
    let Some(picture) = first_picture(&folder) else {
        bail!(
            "there is no JPEG, PNG, GIF or WebP picture in {}",
            folder.display()
        );
    };
    let executable = std::env::current_exe()?;
    let cache = tempfile::tempdir()?;

    eprintln!("starting a resizer on {} …", folder.display());
    let source = OsString::from_iter([OsString::from("file://"), folder.clone().into()]);
    let resizer_args: [&std::ffi::OsStr; 8] = [
        "--listen".as_ref(),
        "127.0.0.1:0".as_ref(),
        "--admin-listen".as_ref(),
        "127.0.0.1:0".as_ref(),
        "--source".as_ref(),
        &source,
        "--log".as_ref(),
        "warn".as_ref(),
    ];
    let resizer = Process::start(
        &executable,
        Role::Resizer,
        resizer_args,
        &[],
        Stdio::inherit(),
    )?;

    eprintln!("starting an edge-proxy on {} …", args.listen);
    let upstream = format!("http://{}", resizer.addresses().listen);
    let cache_dir = cache.path().display().to_string();
    let edge_args = [
        "--listen",
        &args.listen,
        "--admin-listen",
        "127.0.0.1:0",
        "--resizer",
        &upstream,
        "--cache-dir",
        &cache_dir,
        "--log",
        "warn,access=info",
    ];
    let edge = Process::start(
        &executable,
        Role::EdgeProxy,
        edge_args,
        &[("EDGE_SECRET", &args.secret)],
        Stdio::inherit(),
    )?;

    print_urls(&edge, &args.secret, &picture)?;
    wait_for_the_end(vec![edge, resizer])
}

/// One URL for each operation, ready to be opened.
fn print_urls(edge: &Process, secret: &str, picture: &str) -> anyhow::Result<()> {
    let link = SecureLink::new(SecureLinkConfig {
        secrets: vec![Secret::from(secret)],
        algorithm: Algorithm::Md5,
        expression: None,
    })?;
    println!("\nTandem serves. Open one of these:\n");
    for (operation, meaning) in [
        ("resize/600x400", "fit into 600x400"),
        ("resize/300", "300 pixels wide"),
        ("resize/x200", "200 pixels high"),
        ("crop/300x300", "cut to a square"),
        ("rotate/90", "turned a quarter anticlockwise"),
        ("resize/300,q=60,f=webp", "300 pixels wide as WebP"),
        ("size", "the dimensions as JSON"),
        ("original", "as stored"),
    ] {
        let signed = link.sign(&format!("/{operation}/{picture}"), None)?;
        println!(
            "  http://{}{signed}\n      {meaning}",
            edge.addresses().listen
        );
    }
    println!(
        "\nHealth and metrics: http://{}/metrics",
        edge.addresses().admin
    );
    println!("Each request is a line below. Ctrl-C ends all.\n");
    Ok(())
}

/// Until Ctrl-C or the end of one of the processes; then all end, the edge first so that it can drain.
fn wait_for_the_end(mut processes: Vec<Process>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        loop {
            tokio::select! {
                signal = tokio::signal::ctrl_c() => return signal.map(|()| None),
                _ = terminate.recv() => return Ok(None),
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
            for process in &mut processes {
                if process.ended()?.is_some() {
                    return Ok(Some(process.role().name()));
                }
            }
        }
    })?;
    for process in processes {
        process.stop()?;
    }
    match ended {
        Some(name) => bail!("{name} ended, so the rest ends as well"),
        None => Ok(()),
    }
}

/// The first picture in a folder or, level by level, below it; as a path relative to it.
fn first_picture(root: &Path) -> Option<String> {
    let mut folders = std::collections::VecDeque::from([root.to_owned()]);
    for _ in 0..MAX_FOLDERS {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folders.pop_front()?)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        entries.sort();
        for entry in entries {
            let extension = entry
                .extension()
                .and_then(|extension| extension.to_str())
                .map(str::to_ascii_lowercase);
            let picture = matches!(
                extension.as_deref(),
                Some("jpg" | "jpeg" | "png" | "gif" | "webp")
            );
            if entry.is_dir() {
                folders.push_back(entry);
            } else if let (true, Some(name)) = (
                picture,
                entry.strip_prefix(root).ok().and_then(Path::to_str),
            ) {
                return Some(name.to_owned());
            }
        }
    }
    None
}
