//! Turns the raw path of a request target into what nginx calls `$uri`: decoded once, slashes merged, dot segments resolved.
//!
//! The rules are those of `ngx_http_parse_complex_uri` with `merge_slashes on`, which is nginx's default:
//! - a decoded character counts like a literal one, so `%2F` separates segments and `%2e%2e` climbs, …
//! - … except `%25`, `%3F` and `%23`, which stand for plain `%`, `?` and `#` inside a segment;
//! - decoding happens once: `%2525` becomes `%25`;
//! - `+` stays `+`;
//! - `.` and `..` leave the slash before them: `/a/b/..` and `/a/.` are both `/a/`.

use crate::target::TargetError;

/// Appends the normal form of `raw` to `out`, which has to be empty.
///
/// `raw` starts with a slash and ends before the first literal `?` or `#`.
pub(crate) fn normalise(raw: &[u8], out: &mut Vec<u8>) -> Result<(), TargetError> {
    let mut segment = 0; // where the current segment starts in `out`, just behind its slash
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let byte = if byte == b'%' {
            let (byte, tail) = decode(rest)?;
            rest = tail;
            byte
        } else {
            byte
        };
        if byte != b'/' {
            out.push(byte);
            continue;
        }
        resolve(out, segment)?;
        if out.last() != Some(&b'/') {
            out.push(b'/');
        }
        segment = out.len();
    }
    resolve(out, segment)
}

/// Takes the last segment of `out`, which starts at `segment`, off again when it is `.`, and its parent too when it is `..`.
fn resolve(out: &mut Vec<u8>, segment: usize) -> Result<(), TargetError> {
    match out.get(segment..) {
        Some(b".") => out.truncate(segment),
        Some(b"..") => {
            // What is before the segment ends in a slash; its parent starts behind the slash before that one.
            let mut parent = out.iter().take(segment.saturating_sub(1));
            let slash = parent
                .rposition(|&byte| byte == b'/')
                .ok_or(TargetError::AboveRoot)?;
            out.truncate(slash + 1);
        }
        _ => {}
    }
    Ok(())
}

/// Reads the two hex digits behind a `%`.
fn decode(rest: &[u8]) -> Result<(u8, &[u8]), TargetError> {
    let [high, low, tail @ ..] = rest else {
        return Err(TargetError::BadEscape);
    };
    match (hex(*high), hex(*low)) {
        (Some(0), Some(0)) => Err(TargetError::Nul),
        (Some(high), Some(low)) => Ok((high << 4 | low, tail)),
        _ => Err(TargetError::BadEscape),
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(raw: &str) -> Result<String, TargetError> {
        let mut out = Vec::new();
        normalise(raw.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn segments_are_resolved_as_nginx_resolves_them() {
        for (raw, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/./", "/"),
            ("/a/.", "/a/"),
            ("/a/./", "/a/"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a//..", "/"),
            ("/a//../b", "/b"),
            ("/a/b//../..", "/"),
            ("/a/%2e", "/a/"),
            ("/a/%2E%2e/b", "/b"),
            ("/a/.%2e%2fb", "/b"),
            ("/a%2f%2F/b", "/a/b"),
            ("/...", "/..."),
            ("/a/..b", "/a/..b"),
            ("/a/.b", "/a/.b"),
            ("/a/b..", "/a/b.."),
            ("/a/b.", "/a/b."),
            ("/a/../../", "error"),
            ("/a/..%3f", "/a/..?"),
            ("/a/..%23", "/a/..#"),
            ("/a/.%25", "/a/.%"),
            ("/%2525", "/%25"),
            ("/a%2520b", "/a%20b"),
            ("/a+b%2b", "/a+b+"),
            ("/a%5cb", "/a\\b"),
            ("/a%0Ab", "/a\nb"),
        ] {
            assert_eq!(normal(raw).as_deref().unwrap_or("error"), expected, "{raw}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_refused_by_its_cause() {
        for (raw, expected) in [
            ("/..", TargetError::AboveRoot),
            ("//..", TargetError::AboveRoot),
            ("/a/../..", TargetError::AboveRoot),
            ("/%2e%2e/", TargetError::AboveRoot),
            ("/%", TargetError::BadEscape),
            ("/%a", TargetError::BadEscape),
            ("/%zz", TargetError::BadEscape),
            ("/%a/", TargetError::BadEscape),
            ("/%u0041", TargetError::BadEscape),
            ("/a%00", TargetError::Nul),
        ] {
            assert_eq!(normal(raw).unwrap_err(), expected, "{raw}");
        }
    }
}
