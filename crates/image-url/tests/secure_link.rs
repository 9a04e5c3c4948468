//! Every row that was read off a real nginx (1.22, `secure_link_md5 "$uri your-secret-goes-here"`) comes out as it did there.
#![allow(clippy::unwrap_used)] // the helpers of tests may, as tests may

use std::{net::Ipv4Addr, time::SystemTime};

use image_url::{Denied, Secret, SecureLink, SecureLinkConfig, Target};

const TABLE: &str = include_str!("data/secure_link.csv");

fn link() -> SecureLink {
    SecureLink::new(SecureLinkConfig {
        secrets: vec![Secret::from("your-secret-goes-here")],
        ..SecureLinkConfig::default()
    })
    .unwrap()
}

fn verdict(target: &Target) -> Result<(), Denied> {
    let checked = link().verify(target, Ipv4Addr::LOCALHOST.into(), SystemTime::now());
    checked.map(|_| ())
}

#[test]
fn every_row_comes_out_as_nginx_decided_it() {
    let mut rows = 0;
    for row in csv::Reader::from_reader(TABLE.as_bytes()).records() {
        let row = row.unwrap();
        let [raw, uri, hash, expected] = [0, 1, 2, 3].map(|column| row.get(column).unwrap());
        rows += 1;
        if expected == "400" {
            assert!(Target::parse(raw).is_err(), "{raw}");
            continue;
        }
        // A row with a hash in its own column was asked for with that hash.
        let asked = if hash.is_empty() {
            raw.to_owned()
        } else {
            format!("{raw}?hash={hash}")
        };
        let target = Target::parse(&asked).unwrap();
        assert_eq!(target.uri().as_bytes(), uri.as_bytes(), "{raw}");
        let accepted = match expected.split(':').next() {
            Some("accepted") => Ok(()),
            Some("rejected") => Err(Denied::Unsigned),
            _ => panic!("a verdict nobody has heard of: {expected}"),
        };
        assert_eq!(verdict(&target), accepted, "{asked}");
    }
    assert_eq!(rows, 30);
}

#[test]
fn the_hashes_that_nginx_took_are_the_ones_that_are_made() {
    for row in csv::Reader::from_reader(TABLE.as_bytes()).records() {
        let row = row.unwrap();
        let [uri, hash] = [1, 2].map(|column| row.get(column).unwrap());
        if !hash.is_empty() {
            let signed = link().sign(uri, None).unwrap();
            let (_, made) = signed.split_once("?hash=").unwrap();
            assert_eq!(made, hash, "{uri}");
        }
    }
}
