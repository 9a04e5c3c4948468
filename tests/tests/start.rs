//! What the programs say before they serve: errors with their cause, once, warnings of open doors, and no credentials.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Logged, Role, Stack, run};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;

const LONG: &str = "a-secret-that-is-long-enough";

#[test]
fn the_cache_keeps_to_a_private_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("tandem");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("letter"), "dear").unwrap();
    let dir = folder.path().display().to_string();
    let args = ["--secret", LONG, "--cache-dir", &dir];
    let (code, _, error) = run(Role::EdgeProxy, &args, &[]);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("CACHEDIR.TAG"), "{error}");

    std::fs::rename(own.join("letter"), folder.path().join("letter")).unwrap();
    std::fs::create_dir(folder.path().join("tmp")).unwrap();
    std::fs::write(folder.path().join("tmp/notes"), "mine").unwrap();
    let mut stack = Stack::start(&["--cache-dir", &dir], &[]);
    stack.get("/resize/40/umang.jpg");
    // Its end writes what is queued.
    stack.restart_edge();
    let mut kinds = (0, 0);
    let mut folders = vec![own];
    while let Some(path) = folders.pop() {
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let found = entry.metadata().unwrap();
            assert_eq!(found.mode() & 0o077, 0, "{}", entry.path().display());
            if found.is_dir() {
                kinds.0 += 1;
                folders.push(entry.path());
            } else {
                kinds.1 += 1;
            }
        }
    }
    assert!(
        kinds >= (7, 4),
        "{kinds:?}: content, its line, the lock, the mark"
    );
    for (name, text) in [("letter", "dear"), ("tmp/notes", "mine")] {
        let kept = std::fs::read_to_string(folder.path().join(name));
        assert_eq!(kept.unwrap(), text);
    }
}

#[test]
fn an_error_names_its_cause_once_and_no_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below_file = file.join("cache").display().to_string();
    let (edge, resizer) = (Role::EdgeProxy, Role::Resizer);
    for (role, args, expected) in [
        (
            resizer,
            &["--source", "file:///nope"][..],
            "No such file or directory",
        ),
        (
            edge,
            &["--secret", LONG, "--cache-dir", &below_file],
            "Not a directory",
        ),
        (
            edge,
            &["--secret", LONG, "--cache-dir", "/proc/nope"],
            "--cache-size 0",
        ),
        (
            edge,
            &["--secret-file", "/nope"],
            "No such file or directory",
        ),
        (edge, &[], "no secret"),
        (edge, &["--secret", ""], "no secret"),
        (
            edge,
            &["--secure-link-md5", "my-own-long-secret-text"],
            "$uri",
        ),
        (edge, &["--secure-link-md5", "$uri"], "nothing secret"),
        (edge, &["--secure-link-md5", "$uri$secret"], "no secret"),
        (
            edge,
            &["--secret", LONG, "--log", "a=b=c", "--cache-size", "0"],
            "--log",
        ),
        (
            edge,
            &["--secret", LONG, "--max-fetches", "0"],
            "--max-fetches",
        ),
        (
            edge,
            &["--secret", LONG, "--max-connections", "0"],
            "--max-connections",
        ),
        (
            edge,
            &["--secret", LONG, "--upstream-timeout", "0"],
            "no time",
        ),
        (edge, &["--secret", LONG, "--log-queue", "1KB"], "64KiB"),
        (
            resizer,
            &["--source", "file:///", "--timeout", "0s"],
            "no time",
        ),
        (
            edge,
            &["--secret", LONG, "--health-path", "healthz"],
            "/healthz",
        ),
        (
            edge,
            &[
                "--secret",
                LONG,
                "--cache-size",
                "0",
                "--resizer",
                "http://me:hidden@host:1",
            ],
            "--resizer http://…@host:1/",
        ),
        (
            edge,
            &["--resizer", "http://me:hidden@host:x"],
            "invalid port",
        ),
        (
            edge,
            &["--resizer", "http://me:hid/den@host"],
            "invalid port",
        ),
        (
            resizer,
            &["--source", "http://me:hidden@ho st/"],
            "--source http://…@ho st",
        ),
        (
            resizer,
            &["--source", "ftp://me:hidden@host/"],
            "ftp://…@host/",
        ),
    ] {
        let mut all = vec!["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        all.extend(args);
        let (code, out, err) = run(role, &all, &[]);
        assert!(code != 0 && out.is_empty(), "{args:?}: {code} {out}");
        assert_eq!(err.matches(expected).count(), 1, "{args:?}: {err}");
        assert!(!err.contains("hid"), "{args:?}: {err}");
    }
}

#[test]
fn help_shows_no_secret_of_the_environment() {
    let env = [
        ("EDGE_RESIZERS", "http://me:hidden@host:1"),
        ("RESIZER_SOURCE", "http://me:hidden@host/"),
        ("RESIZER_SOURCE_AUTHORIZATION", "Bearer hidden"),
        ("RESIZER_SOURCE_REDIRECT_TO", "http://me:hidden@host/"),
        ("EDGE_SECRET", "hidden"),
        ("EDGE_ADMIN_TOKEN", "hidden"),
        ("EDGE_SECURE_LINK_MD5", "$uri hidden"),
    ];
    for role in [Role::EdgeProxy, Role::Resizer] {
        for help in ["--help", "-h"] {
            let (code, out, err) = run(role, &[help], &env);
            assert_eq!(code, 0, "{err}");
            assert!(out.contains("Usage") && !out.contains("hidden"), "{out}");
        }
    }
}

#[test]
fn an_address_that_refuses_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    for args in [&["healthcheck"][..], &["purge", "all"], &["cache", "stats"]] {
        let args = [args, &["--admin-listen", &address]].concat();
        let (code, _, err) = run(Role::EdgeProxy, &args, &[]);
        assert_eq!(code, 1);
        let expected = format!("edge-proxy: cannot connect to {address} (Connection refused");
        assert!(err.starts_with(&expected), "{err}");
    }
}

#[test]
fn open_doors_are_warned_of_and_closed_ones_are_not() {
    for (args, env, expected) in [
        (&["--secret", LONG][..], &[][..], &["--secret-file"][..]),
        (&[], &[("EDGE_SECRET", LONG)], &[]),
        (&[], &[("EDGE_SECRET", "short")], &["can be guessed"]),
        (
            &[],
            &[("EDGE_SECRET", "a-secret-that-is-long-enough,new")],
            &["number 2"],
        ),
        (&["--insecure-unsigned"], &[], &["--insecure-unsigned"]),
        (
            &["--real-ip-from", "0.0.0.0/0"],
            &[("EDGE_SECRET", LONG)],
            &["trusts whoever connects"],
        ),
        (
            &["--real-ip-from", "::/0"],
            &[("EDGE_SECRET", LONG)],
            &["trusts whoever connects"],
        ),
        (
            &["--admin-token", "short"],
            &[("EDGE_SECRET", LONG)],
            &["--admin-token-file", "admin token"],
        ),
        (
            &["--secure-link-md5", "$uri a-long-text-that-is-secret"],
            &[],
            &["EDGE_SECURE_LINK_MD5"],
        ),
        (
            &["--secure-link-md5", "$uri $secret"],
            &[("EDGE_SECRET", LONG)],
            &[],
        ),
        (
            &[],
            &[
                ("EDGE_SECURE_LINK_MD5", "$uri a-long-text-that-is-secret"),
                ("EDGE_SECRET", LONG),
            ],
            &["not used"],
        ),
        (
            &[],
            &[("EDGE_SECURE_LINK_MD5", "$uri x")],
            &["can be guessed"],
        ),
    ] {
        let env = [&[("TANDEM_TEST", "1")], env].concat();
        let lines = Logged::edge(args, &env).stop();
        let warnings: Vec<_> = lines.iter().filter(|line| line.contains("WARN")).collect();
        assert_eq!(
            warnings.len(),
            expected.len(),
            "{args:?} {env:?}: {lines:#?}"
        );
        for expected in expected {
            assert!(
                warnings.iter().any(|line| line.contains(expected)),
                "{warnings:#?}"
            );
        }
        for line in &lines {
            assert!(
                !line.contains(LONG) && !line.contains("long-text"),
                "{line}"
            );
        }
    }
}

#[test]
fn a_name_is_listened_on_at_all_its_addresses() {
    use std::net::ToSocketAddrs;
    let edge = Logged::listening_on("localhost:0");
    let port = edge.process.addresses().listen.port();
    for address in ("localhost", port).to_socket_addrs().unwrap() {
        // A machine may know an address of its own that it does not have.
        if std::net::TcpListener::bind((address.ip(), 0)).is_ok() {
            TcpStream::connect(address).unwrap();
        }
    }
}

#[test]
fn the_admin_token_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "a-token-of-some-length\n").unwrap();
    let path = file.display().to_string();
    let edge = Logged::edge(&["--admin-token-file", &path], &[]);
    let admin = edge.process.addresses().admin.to_string();
    let purge = |more: &[&str], env: &[(&str, &str)]| {
        let args = [&["purge", "all", "--admin-listen", &admin], more].concat();
        run(Role::EdgeProxy, &args, env).0
    };
    assert_eq!(purge(&["--admin-token-file", &path], &[]), 0);
    assert_eq!(
        purge(&[], &[("EDGE_ADMIN_TOKEN", "a-token-of-some-length")]),
        0
    );
    assert_eq!(purge(&[], &[("EDGE_ADMIN_TOKEN", "another")]), 1);
    assert_eq!(
        purge(&["--admin-token-file", &path, "--admin-token", "x"], &[]),
        1
    );
    std::fs::write(&file, "\n").unwrap();
    assert_eq!(purge(&["--admin-token-file", &path], &[]), 1);
}

#[test]
fn compose_has_no_secret_of_its_own() {
    let compose = include_str!("../../docker-compose.yml");
    assert!(compose.contains("${EDGE_SECRET:?"));
    assert!(!compose.contains("change-me"));
}
