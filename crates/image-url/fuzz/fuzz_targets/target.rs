//! Any request target: no panic, and a canonical spelling is read as it was written.
//!
//! `cargo fuzz run target` in the crate's folder; on a stable toolchain with `RUSTC_BOOTSTRAP=1`. Words that help:
//! `-dict=fuzz/words.dict`.
#![no_main]

use image_url::{AcceptClass, Canonical, Language, Preset, Target};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = AcceptClass::reduce([data]);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(preset) = text.parse::<Preset>() {
        Language::new([preset], true).expect("one preset is no duplicate");
    }
    let Ok(target) = Target::parse(text) else {
        return;
    };
    let _ = (target.arg("hash"), target.arg("expires"));
    if let Ok(first) = Canonical::parse(target.uri()) {
        let again = Target::parse(first.path()).expect("a canonical path is a target");
        let again = Canonical::parse(again.uri()).expect("a canonical path is a request");
        assert_eq!(again, first);
        assert_eq!(again.operation(), first.operation());
        assert_eq!(again.options(), first.options());
        assert_eq!(again.name(), first.name());
    }
});
