//! The replaced system: nginx with `benches/nginx/nginx.conf`.

use crate::procfs;
use anyhow::{Context, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CONFIG: &str = include_str!("../nginx/nginx.conf");

/// A running nginx with both of its halves.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    dir: tempfile::TempDir,
    public: SocketAddr,
    resizer: SocketAddr,
}

impl Nginx {
    /// Starts nginx on a folder of originals. `None` with a printed reason where it is not installed.
    ///
    /// # Errors
    /// When it is there and does not start.
    pub fn start(originals: &Path) -> anyhow::Result<Option<Self>> {
        let modules = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"]
            .into_iter()
            .find(|dir| {
                Path::new(dir)
                    .join("ngx_http_image_filter_module.so")
                    .exists()
            });
        let Some(modules) = modules else {
            eprintln!(
                "no nginx with image_filter here: apt-get install nginx-light libnginx-mod-http-image-filter"
            );
            return Ok(None);
        };
        let dir = tempfile::tempdir()?;
        // Its workers run as another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open)?;
        let [public, resizer, store] = [free_port()?, free_port()?, free_port()?];
        let config = CONFIG
            .replace("@MODULES@", modules)
            .replace("@DIR@", &dir.path().display().to_string())
            .replace("@IMAGES@", &originals.display().to_string())
            .replace("@PUBLIC@", &public.to_string())
            .replace("@RESIZER@", &resizer.to_string())
            .replace("@STORE@", &store.to_string());
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, config)?;
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .context("nginx")?;
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let nginx = Self {
            child,
            dir,
            public: address(public),
            resizer: address(resizer),
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(nginx.public).is_err() {
            if Instant::now() > deadline {
                bail!("nginx does not come up: {}", nginx.dir.path().display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(nginx))
    }

    /// Where clients come in.
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// The internal half, which transforms.
    pub fn resizer(&self) -> SocketAddr {
        self.resizer
    }

    /// Its processes.
    pub fn pids(&self) -> Vec<u32> {
        let mut pids = procfs::children(self.child.id());
        pids.push(self.child.id());
        pids
    }

    /// How often originals were fetched so far.
    pub fn fetches(&self) -> usize {
        let log = std::fs::read_to_string(self.dir.path().join("store.log"));
        log.map_or(0, |log| log.lines().count())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let quit = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if quit.is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
