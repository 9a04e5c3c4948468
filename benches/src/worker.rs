//! The peers that work in process: Tandem's pipeline and libvips, each in a child that makes one picture several times and
//! says what it took.

use anyhow::{Context, bail};
use image_url::{AcceptClass, Canonical, Target};
use imaging::{Check, Request, Settings, transform};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

/// First argument of the child that is Tandem's pipeline.
const NAME: &str = "pipeline-worker";

const VIPS_SOURCE: &str = include_str!("../vips/worker.c");

/// What a picture took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// CPU time in ms.
    pub cpu: f64,
    /// Size of the result.
    pub bytes: usize,
    /// Resident memory at its highest, over what it was before the first picture, in MB.
    pub peak: f64,
}

/// libvips, built against what is installed. `None` with a printed reason where there is none.
pub struct Vips {
    dir: tempfile::TempDir,
}

impl Vips {
    /// Compiles the worker.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn build() -> anyhow::Result<Option<Self>> {
        let flags = Command::new("pkg-config")
            .args(["--cflags", "--libs", "vips"])
            .output();
        let flags = match flags {
            Ok(output) if output.status.success() => String::from_utf8(output.stdout)?,
            _ => {
                eprintln!("no libvips to build with here: apt-get install libvips-dev pkg-config");
                return Ok(None);
            }
        };
        let dir = tempfile::tempdir()?;
        let source = dir.path().join("worker.c");
        std::fs::write(&source, VIPS_SOURCE)?;
        let built = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(dir.path().join("worker"))
            .arg(&source)
            .args(flags.split_whitespace())
            .status()?;
        if !built.success() {
            bail!("the worker for libvips does not compile");
        }
        Ok(Some(Self { dir }))
    }

    /// The child that makes a picture of at most `width` x `height` (0: any), written as `save` says.
    pub fn worker(
        &self,
        original: &Path,
        (width, height): (u32, u32),
        save: &str,
        repeat: u32,
    ) -> Worker {
        let mut command = Command::new(self.dir.path().join("worker"));
        command.arg(original).args([
            width.to_string(),
            height.to_string(),
            save.to_owned(),
            repeat.to_string(),
        ]);
        Worker::new(command)
    }
}

/// The child that makes the picture of a URL's path up to the name, such as `/resize/300,q=80`.
///
/// # Errors
/// When this program cannot be found.
pub fn pipeline(original: &Path, path: &str, repeat: u32) -> anyhow::Result<Worker> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(NAME)
        .arg(original)
        .args([path.to_owned(), repeat.to_string()]);
    Ok(Worker::new(command))
}

/// A child and where its picture goes.
pub struct Worker {
    command: Command,
    out: PathBuf,
    _dir: Option<tempfile::TempDir>,
}

impl Worker {
    fn new(mut command: Command) -> Self {
        let dir = tempfile::tempdir().ok();
        let out = dir
            .as_ref()
            .map_or_else(std::env::temp_dir, |dir| dir.path().to_owned())
            .join("picture");
        command.arg(&out).stdout(Stdio::piped());
        Self {
            command,
            out,
            _dir: dir,
        }
    }

    /// Where the first picture lies after a run.
    pub fn picture(&self) -> &Path {
        &self.out
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&mut self) -> anyhow::Result<Figures> {
        figures(self.start()?)
    }

    /// Starts it, for several at once.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self) -> anyhow::Result<Child> {
        Ok(self.command.spawn()?)
    }
}

/// Waits for a child and reads what it says.
///
/// # Errors
/// When it fails or says something else.
pub fn figures(child: Child) -> anyhow::Result<Figures> {
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("a worker failed: {}", output.status);
    }
    let text = String::from_utf8(output.stdout)?;
    let fields: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [cpu, bytes, peak] = fields[..] else {
        bail!("a worker says {text:?}");
    };
    Ok(Figures {
        cpu,
        bytes: bytes as usize,
        peak: peak / 1024.0,
    })
}

/// Takes the role of Tandem's pipeline when the arguments say so.
pub fn dispatch() -> Option<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    (args.first().map(String::as_str) == Some(NAME)).then(|| match work(&args[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{NAME}: {error:#}");
            ExitCode::FAILURE
        }
    })
}

fn work(args: &[String]) -> anyhow::Result<()> {
    let [original, path, repeat, out] = args else {
        bail!("wanted: FILE PATH REPEAT OUT");
    };
    let original = std::fs::read(original)?;
    let repeat: u32 = repeat.parse()?;
    let target = Target::parse(&format!("{path}/name"))?;
    let canonical = Canonical::parse(target.uri())?;
    let request = Request {
        operation: canonical.operation(),
        options: canonical.options(),
        accepts: AcceptClass::None,
    };
    let settings = Settings::default();
    let idle = status("VmRSS:")?;
    let before = cpu();
    let mut size = 0;
    for turn in 0..repeat {
        let picture = transform(&original, &request, &settings, &Check::default())?;
        size = picture.bytes.len();
        if turn == 0 {
            std::fs::write(out, &picture.bytes)?;
        }
    }
    let cpu = cpu().saturating_sub(before).as_secs_f64() * 1e3 / f64::from(repeat);
    println!("{cpu} {size} {}", status("VmHWM:")?.saturating_sub(idle));
    Ok(())
}

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.try_into().unwrap_or_default(),
    )
}

/// A line of `/proc/self/status`, in KB.
fn status(field: &str) -> anyhow::Result<u64> {
    let bytes = crate::procfs::memory(std::process::id(), field).context("no such line")?;
    Ok(bytes / 1024)
}
