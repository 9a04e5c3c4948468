//! What is said between a resizer and its child: a line of JSON, then bytes, each way once.

use crate::failure::Failure;
use image_url::Format;
use imaging::{Picture, Settings};
use serde::{Deserialize, Serialize};
use std::io;
use wire::Problem;

/// What is to be made. The original follows it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The canonical path.
    pub(super) path: String,
    /// The word of the Accept class.
    pub(super) accepts: String,
    pub(super) settings: Settings,
    /// What was set apart, in bytes.
    pub(super) memory: u64,
    /// Bytes of the original.
    pub(super) length: usize,
}

impl Order {
    pub(super) fn to_line(&self) -> io::Result<Vec<u8>> {
        to_line(self)
    }
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Picture(Head),
    Failed(Failed),
}

impl Answer {
    pub(super) fn to_line(&self) -> io::Result<Vec<u8>> {
        to_line(self)
    }
}

/// A picture but for its bytes, which follow.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    media_type: String,
    width: u32,
    height: u32,
    truncated: bool,
    length: usize,
}

impl Head {
    pub(super) fn of(picture: &Picture) -> Self {
        Self {
            media_type: picture.media_type.to_owned(),
            width: picture.width,
            height: picture.height,
            truncated: picture.truncated,
            length: picture.bytes.len(),
        }
    }

    pub(super) fn with(self, bytes: Vec<u8>) -> Picture {
        let media_type = [
            Format::Jpeg,
            Format::Png,
            Format::Gif,
            Format::WebP,
            Format::Avif,
        ]
        .into_iter()
        .map(Format::media_type)
        .find(|known| *known == self.media_type);
        Picture {
            bytes,
            media_type: media_type.unwrap_or("application/json"),
            width: self.width,
            height: self.height,
            truncated: self.truncated,
        }
    }
}

/// A failure in the child: its place in the table of errors, and its words.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failed {
    problem: String,
    message: String,
}

impl Failed {
    pub(super) fn of(failure: &Failure) -> Self {
        Self {
            problem: failure.problem().slug().to_owned(),
            message: failure.to_string(),
        }
    }
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        let problem = [
            Problem::BadUrl,
            Problem::ImageTooLarge,
            Problem::UnsupportedImage,
            Problem::GatewayTimeout,
        ]
        .into_iter()
        .find(|problem| problem.slug() == failed.problem);
        Self::Reported {
            problem: problem.unwrap_or(Problem::Internal),
            message: failed.message,
        }
    }
}

/// A whole answer as it came.
pub(super) struct Reply<'a> {
    pub(super) answer: Answer,
    pub(super) bytes: &'a [u8],
}

impl<'a> Reply<'a> {
    /// `None` for what is cut or is none.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = bytes.split_at_checked(end)?;
        let bytes = rest.get(1..)?;
        let answer: Answer = serde_json::from_slice(line).ok()?;
        let length = match &answer {
            Answer::Picture(head) => head.length,
            Answer::Failed(_) => 0,
        };
        (bytes.len() == length).then_some(Self { answer, bytes })
    }
}

fn to_line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_none() {
        let picture = Picture {
            bytes: vec![10, 20, 30],
            media_type: "image/webp",
            width: 7,
            height: 5,
            truncated: true,
        };
        let mut sent = Answer::Picture(Head::of(&picture)).to_line().unwrap();
        sent.extend(&picture.bytes);
        let reply = Reply::parse(&sent).unwrap();
        let Answer::Picture(head) = reply.answer else {
            panic!("no picture");
        };
        assert_eq!(head.with(reply.bytes.to_vec()), picture);
        for end in 0..sent.len() {
            assert!(Reply::parse(&sent[..end]).is_none());
        }
    }

    #[test]
    fn a_failure_keeps_its_place_in_the_table() {
        for error in [
            imaging::Error::Corrupt("a bit".to_owned()),
            imaging::Error::DeadlineExceeded,
            imaging::Error::Encode("no".to_owned()),
        ] {
            let failure = Failure::Imaging(error);
            let line = Answer::Failed(Failed::of(&failure)).to_line().unwrap();
            let Some(Reply {
                answer: Answer::Failed(failed),
                ..
            }) = Reply::parse(&line)
            else {
                panic!("no failure");
            };
            let again = Failure::from(failed);
            assert_eq!(again.problem(), failure.problem());
            assert_eq!(again.to_string(), failure.to_string());
        }
    }
}
