//! Presets over real sockets: they are what they stand for, and may be all that is served.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Answer, SECRET, Stack};
use image_url::{Algorithm, Language, Secret, SecureLink, SecureLinkConfig};

/// GETs a path signed in the language of a site that has these presets.
fn get(stack: &Stack, presets: &[&str], path: &str) -> Answer {
    let link = SecureLink::new(SecureLinkConfig {
        secrets: vec![Secret::from(SECRET)],
        algorithm: Algorithm::Md5,
        expression: None,
    });
    let presets = presets.iter().map(|text| text.parse().unwrap());
    let language = Language::new(presets, false).unwrap();
    let target = link.unwrap().sign_in(&language, path, None).unwrap();
    stack.send("GET", &target, "")
}

#[test]
fn a_preset_shares_the_cache_entry_of_what_it_stands_for() {
    let thumb = "thumb=resize/60,q=80";
    let stack = Stack::start(&["--preset", thumb], &[]);
    let preset = get(&stack, &[thumb], "/preset/thumb/umang.jpg");
    assert_eq!(
        (preset.status, preset.header("x-cache")),
        (200, Some("MISS"))
    );
    let same = stack.get("/resize/60,q=80/umang.jpg");
    assert_eq!(same.header("x-cache"), Some("HIT"));
    assert_eq!(same.body, preset.body);
    let unknown = get(&stack, &["large=original"], "/preset/large/umang.jpg");
    assert_eq!(unknown.status, 400);
}

#[test]
fn where_only_presets_are_served_the_rest_is_refused_though_it_is_signed() {
    let presets = ["thumb=resize/60", "size=size"];
    let flag = presets.join(";");
    let stack = Stack::start(&["--preset", &flag, "--presets-only"], &[]);
    for path in ["/preset/thumb/umang.jpg", "/preset/size/umang.jpg"] {
        assert_eq!(get(&stack, &presets, path).status, 200, "{path}");
    }
    for path in [
        "/resize/61/umang.jpg",
        "/size/umang.jpg",
        "/original/umang.jpg",
    ] {
        assert_eq!(stack.get(path).status, 400, "{path}");
    }
}
