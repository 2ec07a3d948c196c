//! Small files that only this program writes: a line that says what they are and carries a check, then what is in them.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{read_if_there, replace};
use crate::error::Error;

/// The format of a home's files.
pub(super) const VERSION: u32 = 2;

/// So many bytes of SHA-256 are a check: no accident hits them.
const CHECK_BYTES: usize = 8;

/// What the file at `path` holds, if it is there.
///
/// # Errors
/// It can't be read; or it is damaged, or of another version, and is left as it is.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let Some(bytes) = read_if_there(path)? else { return Ok(None) };
    let content = opened(name_of(path), &bytes).map(<[u8]>::to_vec);
    content.map(Some).map_err(|found| Error::Damaged { path: path.into(), found })
}

/// The same as text.
///
/// # Errors
/// As [`read`] has them.
pub(super) fn read_text(path: &Path) -> Result<Option<String>, Error> {
    let text = read(path)?.map(String::from_utf8).transpose();
    text.map_err(|_| Error::Damaged { path: path.into(), found: "it is not text" })
}

/// Puts `content` in the place of what the file holds; one that is damaged is kept beside it.
///
/// # Errors
/// It can't be written.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    if matches!(read(path), Err(Error::Damaged { .. })) {
        set_aside(path, "damaged")?;
    }
    replace(path, &sealed(name_of(path), content))
}

/// Gives a file or folder another name, which is free; that name.
///
/// # Errors
/// The system does not let it.
pub(super) fn set_aside(path: &Path, why: &str) -> Result<PathBuf, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let names = (1_u32..).map(|number| path.with_file_name(format!("{name}.{why}-{number}")));
    let aside = names.into_iter().find(|name| !name.exists()).unwrap_or_default();
    std::fs::rename(path, &aside).map_err(Error::file("set aside", path))?;
    Ok(aside)
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn sealed(name: &str, content: &[u8]) -> Vec<u8> {
    [first_line(VERSION, name, content).as_bytes(), b"\n", content].concat()
}

fn opened<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b [u8], &'static str> {
    match whole(name, bytes) {
        Some((VERSION, content)) => Ok(content),
        Some(_) => Err("it is of another version of tertulia"),
        None => Err("its check does not hold"),
    }
}

/// Version and content of a file whose check holds.
fn whole<'b>(name: &str, bytes: &'b [u8]) -> Option<(u32, &'b [u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, content) = (bytes.get(..end)?, bytes.get(end.checked_add(1)?..)?);
    let version = str::from_utf8(line).ok()?.strip_prefix("tertulia ")?.split(' ').next()?.parse().ok()?;
    (line == first_line(version, name, content).as_bytes()).then_some((version, content))
}

/// Which version has written the file at `path`; nothing, if it is not there or damaged.
///
/// # Errors
/// It can't be read.
pub(super) fn version(path: &Path) -> Result<Option<u32>, Error> {
    Ok(read_if_there(path)?.and_then(|bytes| whole(name_of(path), &bytes).map(|(version, _)| version)))
}

fn first_line(version: u32, name: &str, content: &[u8]) -> String {
    let line = format!("tertulia {version} {name}");
    let sum = Sha256::new_with_prefix(&line).chain_update(b"\n").chain_update(content).finalize();
    let check: String = sum.iter().take(CHECK_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("{line} {check}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_and_any_cut_shows_and_the_file_is_kept_when_another_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ticket");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, b"two\nlines").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"two\nlines"[..]));
        let whole = std::fs::read(&path).unwrap();
        let flipped = (0..whole.len() * 8).map(|bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        for damaged in flipped.chain((0..whole.len()).map(|length| whole[..length].to_vec())) {
            std::fs::write(&path, &damaged).unwrap();
            let error = read(&path).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), damaged, "it is left as it is");
        }
        write(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"new"[..]));
        assert_eq!(std::fs::read(folder.path().join("ticket.damaged-1")).unwrap(), whole[..whole.len() - 1]);
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        std::fs::write(&path, format!("{}\nx", first_line(3, "pass", b"x"))).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("another version"));
        assert_eq!(version(&path).unwrap(), Some(3));
        std::fs::write(&path, "tertulia 3 pass 0123456789abcdef\nx").unwrap();
        assert_eq!(version(&path).unwrap(), None);
    }

    #[test]
    fn what_belongs_elsewhere_does_not_hold() {
        let folder = tempfile::tempdir().unwrap();
        let (ticket, pass) = (folder.path().join("ticket"), folder.path().join("pass"));
        write(&ticket, b"x").unwrap();
        std::fs::copy(&ticket, &pass).unwrap();
        assert!(matches!(read(&pass), Err(Error::Damaged { .. })));
    }
}
