//! What the problem of a signed URL says is wrong with it, at the edge and the resizer; and that nobody else learns it.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Answer, Stack, send, sign_anything};

fn detail(answer: &Answer) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    Some(json.get("detail")?.as_str()?.to_owned())
}

/// Path, status, and what the detail names: the part that is wrong, and what would be right or why not.
const MISTAKES: &[(&str, u16, &[&str])] = &[
    (
        "/resize/0/umang.jpg",
        400,
        &["geometry \"0\"", "1 to 65535"],
    ),
    ("/resize/0x10/umang.jpg", 400, &["\"0x10\"", "xHEIGHT"]),
    ("/resize/65536/umang.jpg", 400, &["\"65536\"", "65535"]),
    ("/resize/wide/umang.jpg", 400, &["\"wide\""]),
    ("/resize/-1/umang.jpg", 400, &["\"-1\""]),
    ("/resize/100x/umang.jpg", 400, &["\"100x\""]),
    ("/resize/cats/umang.jpg", 400, &["\"cats\""]),
    ("/crop/100/umang.jpg", 400, &["\"100\"", "WIDTHxHEIGHT"]),
    ("/crop/99999x1/umang.jpg", 400, &["\"99999x1\""]),
    ("/rotate/45/umang.jpg", 400, &["\"45\"", "90, 180 or 270"]),
    (
        "/resize/9,shade=1/umang.jpg",
        400,
        &["option \"shade\"", "not known", "sharpen"],
    ),
    ("/resize/9,q/umang.jpg", 400, &["option \"q\"", "1 to 100"]),
    (
        "/resize/9,q=0/umang.jpg",
        400,
        &["option \"q\"", "1 to 100"],
    ),
    (
        "/resize/9,q=101/umang.jpg",
        400,
        &["option \"q\"", "1 to 100"],
    ),
    (
        "/resize/9,f=jpg/umang.jpg",
        400,
        &["option \"f\"", "jpeg, png"],
    ),
    (
        "/resize/9,q=1,q=2/umang.jpg",
        400,
        &["option \"q\"", "twice"],
    ),
    (
        "/resize/9,fit=cover/umang.jpg",
        400,
        &["option \"fit\"", "both sides"],
    ),
    (
        "/crop/9x9,fit=pad/umang.jpg",
        400,
        &["option \"fit\"", "no meaning"],
    ),
    (
        "/rotate/90,enlarge=1/umang.jpg",
        400,
        &["option \"enlarge\"", "no meaning"],
    ),
    ("/resize/9,lossless=1,q=5/umang.jpg", 400, &["contradicts"]),
    (
        "/resize/60000,dpr=2/umang.jpg",
        400,
        &["option \"dpr\"", "larger"],
    ),
    (
        "/resize/9,g=top/umang.jpg",
        400,
        &["option \"g\"", "center, n"],
    ),
    (
        "/resize/9,bg=red/umang.jpg",
        400,
        &["option \"bg\"", "RRGGBB"],
    ),
    (
        "/resize/9,bytes=5/umang.jpg",
        400,
        &["option \"bytes\"", "100"],
    ),
    ("/enlarge/9/umang.jpg", 404, &["no such path", "/resize/"]),
    ("/resize/9/", 404, &["name of the original is missing"]),
    ("/size/", 404, &["name of the original is missing"]),
    ("/resize/umang.jpg", 404, &["no such path", "GEOMETRY"]),
    ("/umang.jpg", 404, &["no such path"]),
    ("/resize/9/missing.jpg", 404, &["no such original"]),
    ("/original/missing.jpg", 404, &["no such original"]),
    ("/size/text.jpg", 415, &["image"]),
];

#[test]
fn a_mistake_in_a_signed_url_is_named_and_in_another_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        common::samples().join("umang.jpg"),
        folder.path().join("umang.jpg"),
    )
    .unwrap();
    std::fs::write(folder.path().join("text.jpg"), "this is no image").unwrap();
    let source = format!("file://{}", folder.path().display());
    let stack = Stack::on(&source, &["--preset", "thumb=resize/30"], &[]);
    let resizer = stack.resizer.as_ref().unwrap().addresses().listen;
    let unsigned = stack.send("GET", "/", "").body;
    for (path, status, parts) in MISTAKES {
        let at_edge = stack.send("GET", &sign_anything(path), "");
        let at_resizer = send(resizer, "GET", path, "");
        for answer in [&at_edge, &at_resizer] {
            assert_eq!(answer.status, *status, "{path}");
            let detail = detail(answer).unwrap_or_default();
            for part in *parts {
                assert!(detail.contains(part), "{path}: {detail:?}");
            }
        }
        assert_eq!(at_edge.body, at_resizer.body, "{path}");
        // From the cache, where that remembers it, it is the same.
        assert_eq!(
            stack.send("GET", &sign_anything(path), "").body,
            at_edge.body
        );
        for target in [
            (*path).to_owned(),
            format!("{path}?hash=AAAAAAAAAAAAAAAAAAAAAA"),
        ] {
            let answer = stack.send("GET", &target, "");
            assert_eq!((answer.status, &answer.body), (404, &unsigned), "{target}");
        }
    }
    // Escaped in the URL, plain where it is signed.
    for (escaped, plain, part) in [
        ("/size/a%5Cb", "/size/a\\b", "backslash"),
        ("/size/a%0Ab", "/size/a\nb", "control character"),
    ] {
        let signed = sign_anything(plain);
        let hash = signed.rsplit('?').next().unwrap();
        let answer = stack.send("GET", &format!("{escaped}?{hash}"), "");
        assert_eq!(answer.status, 404);
        assert!(detail(&answer).unwrap().contains(part), "{answer:?}");
    }
    let not_utf8 = send(resizer, "GET", "/size/%FF", "");
    assert_eq!(not_utf8.status, 404);
    assert!(detail(&not_utf8).unwrap().contains("not UTF-8"));
    let preset = stack.send("GET", &sign_anything("/preset/large/umang.jpg"), "");
    assert_eq!(preset.status, 400);
    assert_eq!(detail(&preset).unwrap(), "there is no preset \"large\"");
}

#[test]
fn what_a_resizer_refuses_of_an_original_is_named() {
    let stack = Stack::start(&[], &["--max-pixels", "100kp"]);
    let answer = stack.get("/resize/9/umang.jpg");
    assert_eq!(answer.status, 413);
    assert!(detail(&answer).unwrap().contains("100000"), "{answer:?}");
    let stack = Stack::start(&["--presets-only", "--preset", "thumb=resize/30"], &[]);
    let answer = stack.get("/resize/9/umang.jpg");
    assert_eq!(detail(&answer).unwrap(), "only presets are served");
}

#[test]
fn a_detail_is_short_and_safe_whatever_the_url() {
    let stack = Stack::start(&[], &[]);
    let target = format!(
        "/resize/9,{}%E2%80%AE%0A%22%3Cb%3E=1/umang.jpg",
        "z".repeat(3000)
    );
    let plain = format!("/resize/9,{}\u{202e}\n\"<b>=1/umang.jpg", "z".repeat(3000));
    let hash = sign_anything(&plain);
    let hash = hash.rsplit('?').next().unwrap();
    let answer = stack.send("GET", &format!("{target}?{hash}"), "");
    assert_eq!(answer.status, 400);
    assert!(answer.body.len() < 600, "{}", answer.text());
    assert!(detail(&answer).unwrap().contains("bytes)"));
}
