//! Purging over the admin listener of a running edge, and by its own subcommand.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Answer, Stack, send};
use std::process::Command;
use std::time::{Duration, Instant};

const TOKEN: &str = "token-of-the-test";
const AUTHORIZATION: &str = "authorization: Bearer token-of-the-test\r\n";

fn stack() -> Stack {
    Stack::start(&["--admin-token", TOKEN], &[])
}

fn admin(stack: &Stack, method: &str, target: &str, headers: &str) -> Answer {
    send(stack.edge().addresses().admin, method, target, headers)
}

fn cached(stack: &Stack, path: &str) -> String {
    stack.get(path).header("x-cache").unwrap().to_owned()
}

/// Asks again until it is so, for a bounded time: what is written in the background has no other sign.
fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "it never is");
    }
}

#[test]
fn all_pictures_of_an_original_go_at_once_and_no_other() {
    let stack = stack();
    let paths = [
        "/resize/120/umang.jpg",
        "/crop/60x60/umang.jpg",
        "/size/umang.jpg",
    ];
    for path in paths {
        stack.get(path);
    }
    stack.get("/resize/120/picos.jpg");
    let purged = admin(&stack, "POST", "/purge/original/umang.jpg", AUTHORIZATION);
    assert_eq!(purged.status, 200);
    let purged: serde_json::Value = serde_json::from_slice(&purged.body).unwrap();
    assert_eq!(purged["memory"], 3);
    for path in paths {
        assert_eq!(cached(&stack, path), "MISS", "{path}");
    }
    assert_eq!(cached(&stack, "/resize/120/picos.jpg"), "HIT");
}

#[test]
fn a_purge_is_authorized_by_the_token_only() {
    let stack = stack();
    for headers in ["", "authorization: Bearer wrong\r\n"] {
        let refused = admin(&stack, "POST", "/purge/all", headers);
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(
        admin(&stack, "GET", "/purge/all", AUTHORIZATION).status,
        405
    );
    assert_eq!(
        admin(&stack, "POST", "/purge/nothing", AUTHORIZATION).status,
        400
    );
    let closed = Stack::start(&[], &[]);
    assert_eq!(
        admin(&closed, "POST", "/purge/all", AUTHORIZATION).status,
        403
    );
    // The public side knows nothing of it.
    assert_eq!(stack.send("POST", "/purge/all", AUTHORIZATION).status, 405);
}

#[test]
fn a_purge_holds_after_a_restart_and_without_memory() {
    let mut stack = Stack::start(&["--admin-token", TOKEN, "--cache-memory", "0"], &[]);
    for path in ["/resize/120/umang.jpg", "/resize/120/picos.jpg"] {
        stack.get(path);
        // What waits for the disk is found as well.
        assert_eq!(cached(&stack, path), "HIT");
    }
    admin(&stack, "POST", "/purge/prefix/uma", AUTHORIZATION);
    stack.restart_edge();
    assert_eq!(cached(&stack, "/resize/120/umang.jpg"), "MISS");
    assert_eq!(cached(&stack, "/resize/120/picos.jpg"), "HIT");
}

#[test]
fn the_subcommands_purge_and_look() {
    let stack = stack();
    let path = "/resize/120/umang.jpg";
    stack.get(path);
    let address = stack.edge().addresses().admin.to_string();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tandem-role"))
            .arg("edge-proxy")
            .args(args)
            .args(["--admin-listen", &address, "--admin-token", TOKEN])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let stats: serde_json::Value = serde_json::from_str(&run(&["cache", "stats"])).unwrap();
    assert_eq!(stats["memory"]["entries"], 1);
    assert!(run(&["purge", "url", path, "--soft"]).contains("\"memory\":1"));
    assert_eq!(cached(&stack, path), "UPDATING");
    run(&["purge", "all"]);
    assert_eq!(cached(&stack, path), "MISS");
    until(|| run(&["cache", "ls", "umang"]).contains(path));
}
