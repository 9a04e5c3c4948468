//! The tier's own folder, a marked and private one within the folder that the operator names.
//!
//! Nothing outside of it is ever read, changed or removed, so that `--cache-dir /srv` costs nobody a file. No symbolic
//! link is followed into it, and a folder of the same name that is not marked is refused.

use rustix::fs::OFlags;
use rustix::process::geteuid;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The name of the tier's own folder.
const OWN: &str = "tandem";

/// The mark: backups and clean-up tools know it as well (<https://bford.info/cachedir/>).
const TAG: &str = "CACHEDIR.TAG";
const TAG_TEXT: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n\
    # The cache of a Tandem edge. It may be removed while no edge uses it.\n";

/// Makes the tier's folder within `dir` where it is missing, and gives its path.
///
/// # Errors
/// When it cannot be made, is a symbolic link, belongs to another user, or holds files but no mark.
pub(super) fn prepare(dir: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let own = dir.join(OWN);
    if let Err(error) = DirBuilder::new().mode(0o700).create(&own)
        && own.symlink_metadata().is_err()
    {
        return Err(error);
    }
    let refuse = |why: &str| Err(io::Error::other(format!("{} {why}", own.display())));
    let found = own.symlink_metadata()?;
    if !found.is_dir() {
        return refuse("is no folder");
    }
    if found.uid() != geteuid().as_raw() {
        return refuse("belongs to another user");
    }
    if !is_marked(&own) {
        if std::fs::read_dir(&own)?.next().is_some() {
            return refuse("was not made by this program: it holds files, but no CACHEDIR.TAG");
        }
        mark(&own)?;
    }
    if found.mode() & 0o077 != 0 {
        let private = std::fs::set_permissions(&own, Permissions::from_mode(0o700));
        private.or_else(unless_read_only)?;
    }
    Ok(own)
}

/// Prepares the folder, and writes and removes a file in it.
///
/// # Errors
/// As above, or when nothing can be written.
pub fn check(dir: &Path) -> io::Result<()> {
    let probe = prepare(dir)?.join(format!("probe-{}", std::process::id()));
    // One that a killed process of the same number left behind, as all have that are alone in a container.
    let _ = std::fs::remove_file(&probe);
    File::create_new(&probe)?;
    std::fs::remove_file(&probe)
}

/// Opens the file that is locked by the process which has the folder. It holds nothing.
pub(super) fn open_lock(own: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(own.join("lock"))
}

fn is_marked(own: &Path) -> bool {
    let tag = own.join(TAG).symlink_metadata();
    tag.is_ok_and(|tag| tag.is_file())
}

fn mark(own: &Path) -> io::Result<()> {
    let tag = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(own.join(TAG));
    match tag {
        Ok(mut tag) => tag.write_all(TAG_TEXT),
        // Another process that starts at the same time.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn unless_read_only(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::ReadOnlyFilesystem {
        return Ok(());
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn the_folder_is_private_and_marked() {
        let dir = tempfile::tempdir().unwrap();
        let own = prepare(&dir.path().join("a/b")).unwrap();
        assert_eq!(own, dir.path().join("a/b/tandem"));
        assert_eq!((mode(&own), mode(&own.join(TAG))), (0o700, 0o600));
        open_lock(&own).unwrap();
        assert_eq!(mode(&own.join("lock")), 0o600);
        std::fs::set_permissions(&own, Permissions::from_mode(0o755)).unwrap();
        check(&dir.path().join("a/b")).unwrap();
        assert_eq!(mode(&own), 0o700);
        let names = std::fs::read_dir(&own).unwrap();
        assert_eq!(names.count(), 2, "the probe is removed");
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let others = dir.path().join("tandem");
        std::fs::create_dir(&others).unwrap();
        std::fs::write(others.join("letter"), "dear").unwrap();
        let error = prepare(dir.path()).unwrap_err().to_string();
        assert!(error.contains("CACHEDIR.TAG"), "{error}");
        assert_eq!(std::fs::read_dir(&others).unwrap().count(), 1);
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join("file"), "text").unwrap();
        symlink(&elsewhere, dir.path().join("tandem")).unwrap();
        let error = prepare(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("tandem is no folder"), "{error}");

        std::fs::remove_file(dir.path().join("tandem")).unwrap();
        let own = prepare(dir.path()).unwrap();
        symlink(elsewhere.join("file"), own.join("lock")).unwrap();
        assert!(open_lock(&own).is_err());
        assert_eq!(std::fs::read(elsewhere.join("file")).unwrap(), b"text");
    }

    #[test]
    fn what_is_no_folder_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(prepare(&file).is_err());
    }
}
