//! What tests of pictures share.

#![allow(dead_code, unreachable_pub)] // each test file uses its part
#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

pub mod png;

use image_url::{AcceptClass, Canonical, Target};
use imaging::{Check, Error, Limits, Picture, Request, Settings, transform};
use std::io::{Cursor, Write};
use std::process::{Command, Stdio};

/// A request by what comes before the name in a URL.
pub fn request(path: &str) -> Request {
    let target = Target::parse(&format!("{path}/name")).unwrap();
    let canonical = Canonical::parse(target.uri()).unwrap();
    Request {
        operation: canonical.operation(),
        options: canonical.options(),
        accepts: AcceptClass::None,
    }
}

pub fn go(original: &[u8], path: &str) -> Result<Picture, Error> {
    go_within(original, path, Limits::default())
}

pub fn go_within(original: &[u8], path: &str, limits: Limits) -> Result<Picture, Error> {
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    transform(original, &request(path), &settings, &Check::default())
}

pub fn info(original: &[u8]) -> String {
    String::from_utf8(go(original, "/info").unwrap().bytes).unwrap()
}

/// RGBA pixels; those that are not seen have no colour.
pub fn rgba(bytes: &[u8]) -> Vec<[u8; 4]> {
    let pixels = bytes.as_chunks::<4>().0.iter();
    pixels
        .map(|&pixel| if pixel[3] == 0 { [0; 4] } else { pixel })
        .collect()
}

/// A still, or the first frame.
pub fn pixels(picture: &Picture) -> Vec<[u8; 4]> {
    rgba(
        &image::load_from_memory(&picture.bytes)
            .unwrap()
            .into_rgba8(),
    )
}

pub struct Frame {
    pub pixels: Vec<[u8; 4]>,
}

/// The frames of a GIF by the `image` crate, those of a WebP by libwebp.
pub fn frames(picture: &Picture) -> Vec<Frame> {
    if picture.media_type == "image/gif" {
        use image::AnimationDecoder;
        let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(&picture.bytes)).unwrap();
        let frames = decoder.into_frames().map(Result::unwrap);
        return frames
            .map(|frame| Frame {
                pixels: rgba(frame.buffer()),
            })
            .collect();
    }
    let decoded = webp::AnimDecoder::new(&picture.bytes).decode().unwrap();
    decoded
        .into_iter()
        .map(|frame| Frame {
            pixels: rgba(frame.get_image()),
        })
        .collect()
}

/// The output of a script of Python with Pillow; `None`, with a note, where that is not installed.
///
/// The script finds `files`, a list of bytes, and gives bytes to `answer`, one for each.
pub fn pillow(files: &[Vec<u8>], script: &str) -> Option<Vec<Vec<u8>>> {
    const HEAD: &str = "
import io, struct, sys
from PIL import Image, ImageFile, ImageSequence
def read(count): return sys.stdin.buffer.read(count)
files = [read(struct.unpack('<I', read(4))[0]) for _ in range(struct.unpack('<I', read(4))[0])]
def answer(data): sys.stdout.buffer.write(struct.pack('<I', len(data)) + data)
";
    let installed = Command::new("python3")
        .args(["-c", "import PIL"])
        .stderr(Stdio::null())
        .status();
    if !installed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: needs python3 with Pillow");
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", &format!("{HEAD}{script}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = (files.len() as u32).to_le_bytes().to_vec();
    for file in files {
        input.extend((file.len() as u32).to_le_bytes());
        input.extend(file);
    }
    // All is read before anything is written.
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let mut rest = &output.stdout[..];
    let mut answers = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (answer, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        answers.push(answer.to_vec());
        rest = behind;
    }
    assert_eq!(answers.len(), files.len());
    Some(answers)
}
