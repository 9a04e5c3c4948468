//! `s3-store`: a small S3 server for the demo stack and the tests, and a filler for its bucket. Not for production.
#![forbid(unsafe_code)]

use clap::{Args, Parser, Subcommand};
use e2e::s3_store::{Credentials, fill, serve};
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(name = "s3-store", version)]
struct Cli {
    #[command(flatten)]
    keys: Keys,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Keys {
    #[arg(
        long,
        env = "AWS_ACCESS_KEY_ID",
        global = true,
        default_value = "tandem"
    )]
    access_key: String,
    #[arg(
        long,
        env = "AWS_SECRET_ACCESS_KEY",
        hide_env_values = true,
        global = true,
        default_value = "tandem-secret"
    )]
    secret_key: String,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the buckets in a folder.
    Serve {
        #[arg(long, default_value = "127.0.0.1:9000")]
        listen: String,
        /// Each folder in it is a bucket.
        #[arg(long)]
        dir: PathBuf,
        /// Make this bucket at start.
        #[arg(long, default_value = "images")]
        bucket: String,
    },
    /// Put the files of a folder into a bucket.
    Fill {
        #[arg(long)]
        endpoint: String,
        #[arg(long, default_value = "images")]
        bucket: String,
        folder: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let credentials = Credentials {
        access_key: cli.keys.access_key,
        secret_key: cli.keys.secret_key,
    };
    match cli.command {
        Command::Serve {
            listen,
            dir,
            bucket,
        } => {
            std::fs::create_dir_all(dir.join(bucket))?;
            let listener = TcpListener::bind(&listen).await?;
            println!("listening on {}", listener.local_addr()?);
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                served = serve(listener, &dir, &credentials) => served,
                _ = tokio::signal::ctrl_c() => Ok(()),
                _ = terminate.recv() => Ok(()),
            }
        }
        Command::Fill {
            endpoint,
            bucket,
            folder,
        } => {
            let files = fill(&endpoint, &bucket, &credentials, &folder).await?;
            println!("{files} files are in {bucket}");
            Ok(())
        }
    }
}
