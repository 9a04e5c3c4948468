//! Every operation on real photographs, through both processes, seen by an independent decoder.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::Stack;

#[test]
fn every_operation_gives_the_picture_it_names() {
    let stack = Stack::start(&[], &[]);
    // umang.jpg is 3840x2160, picos.jpg 3264x2448.
    for (path, width, height, format) in [
        (
            "/resize/300x200/umang.jpg",
            300,
            168,
            image::ImageFormat::Jpeg,
        ),
        ("/resize/300/picos.jpg", 300, 225, image::ImageFormat::Jpeg),
        ("/resize/x300/picos.jpg", 400, 300, image::ImageFormat::Jpeg),
        (
            "/crop/200x200/umang.jpg",
            200,
            200,
            image::ImageFormat::Jpeg,
        ),
        ("/rotate/90/picos.jpg", 2448, 3264, image::ImageFormat::Jpeg),
        (
            "/resize/120,f=png/umang.jpg",
            120,
            67,
            image::ImageFormat::Png,
        ),
        (
            "/resize/120,f=gif/umang.jpg",
            120,
            67,
            image::ImageFormat::Gif,
        ),
        (
            "/resize/120,q=50,f=webp/umang.jpg",
            120,
            67,
            image::ImageFormat::WebP,
        ),
    ] {
        let answer = stack.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some(format.to_mime_type()),
            "{path}"
        );
        assert_eq!(image::guess_format(&answer.body).unwrap(), format, "{path}");
        let picture = answer.image();
        assert_eq!(
            (picture.width(), picture.height()),
            (width, height),
            "{path}"
        );
        assert!(spread(&picture) > 40, "{path} is one flat colour");
    }
}

#[test]
fn size_is_json_and_original_is_the_bytes_as_stored() {
    let stack = Stack::start(&[], &[]);
    let size = stack.get("/size/umang.jpg");
    assert_eq!(size.header("content-type"), Some("application/json"));
    assert_eq!(
        size.text(),
        r#"{"img":{"width":3840,"height":2160,"type":"jpeg"}}"#
    );
    assert_eq!(stack.resizer_metric("decodes_total"), 0);
    let original = stack.get("/original/umang.jpg");
    assert_eq!(original.header("content-type"), Some("image/jpeg"));
    assert_eq!(
        original.body,
        std::fs::read(common::samples().join("umang.jpg")).unwrap()
    );
}

#[test]
fn a_truncated_photograph_is_served_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["umang.jpg", "picos.jpg"] {
        let whole = std::fs::read(common::samples().join(name)).unwrap();
        std::fs::write(folder.path().join(name), &whole[..whole.len() * 2 / 3]).unwrap();
    }
    // PNG and GIF as well.
    let shades = image::RgbImage::from_fn(640, 400, |x, y| {
        image::Rgb([(x / 3) as u8, (y / 2) as u8, (x * y / 999) as u8])
    });
    for name in ["shades.png", "shades.gif"] {
        let path = folder.path().join(name);
        shades.save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    }
    let stack = Stack::on(&format!("file://{}", folder.path().display()), &[], &[]);
    let names = ["umang.jpg", "picos.jpg", "shades.png", "shades.gif"];
    for name in names {
        let answer = stack.get(&format!("/resize/300/{name}"));
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.image().width(), 300);
    }
    assert_eq!(stack.resizer_metric("truncated_total"), names.len() as u64);
}

/// The difference between the lightest and the darkest pixel.
fn spread(picture: &image::DynamicImage) -> u8 {
    let grey = picture.to_luma8();
    grey.iter().max().unwrap() - grey.iter().min().unwrap()
}
