//! Whether root may run a program: only if no other user can have replaced it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;
const ANY_EXECUTE: u32 = 0o111;

/// As many as the kernel follows (path_resolution(7)).
const MOST_SYMLINKS: u32 = 40;

#[derive(Debug, thiserror::Error)]
pub enum Insecure {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} belongs to user {uid}, not to root: not run as root")]
    Owner { path: PathBuf, uid: u32 },
    #[error("{path} can be written by others than root (mode {mode:04o}): not run as root")]
    Writable { path: PathBuf, mode: u32 },
    #[error("{path} is not an executable file")]
    NotExecutable { path: PathBuf },
    #[error("{path}: too many symbolic links")]
    Links { path: PathBuf },
}

/// Accepts `program` (an absolute path) if only root can change which program it names: every
/// directory, symbolic link and the file itself belongs to root and is not writable by other users.
/// A sticky directory such as `/tmp` is accepted, because other users cannot replace root's files
/// in it. Arguments are not checked: `sh /home/joe/check` is as secure as that file.
///
/// # Errors
/// The first part of the path that another user could change, or that cannot be read.
pub fn check_root_script(program: &Path) -> Result<(), Insecure> {
    check(program, ROOT)
}

/// As [`check_root_script`], but `trusted` may own parts too.
pub(super) fn check(program: &Path, trusted: u32) -> Result<(), Insecure> {
    let mut ahead: VecDeque<OsString> = parts(program);
    let mut path = PathBuf::from("/");
    let mut found = look(&path)?;
    let mut links = 0;
    check_part(&path, &found, trusted)?;
    while let Some(part) = ahead.pop_front() {
        if part == ".." {
            path.pop();
            found = look(&path)?;
            continue;
        }
        let next = path.join(&part);
        let metadata = look(&next)?;
        check_part(&next, &metadata, trusted)?;
        if !metadata.is_symlink() {
            path = next;
            found = metadata;
            continue;
        }
        links += 1;
        if links > MOST_SYMLINKS {
            return Err(Insecure::Links { path: program.to_owned() });
        }
        let target =
            fs::read_link(&next).map_err(|source| Insecure::Unreadable { path: next, source })?;
        if target.is_absolute() {
            path = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            ahead.push_front(part);
        }
    }
    if found.is_file() && found.mode() & ANY_EXECUTE != 0 {
        Ok(())
    } else {
        Err(Insecure::NotExecutable { path })
    }
}

/// Names and `..`, without the root and `.`.
fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

fn look(path: &Path) -> Result<Metadata, Insecure> {
    fs::symlink_metadata(path)
        .map_err(|source| Insecure::Unreadable { path: path.to_owned(), source })
}

fn check_part(path: &Path, metadata: &Metadata, trusted: u32) -> Result<(), Insecure> {
    let (uid, mode) = (metadata.uid(), metadata.mode());
    if uid != ROOT && uid != trusted {
        return Err(Insecure::Owner { path: path.to_owned(), uid });
    }
    // The mode bits of a link have no effect: no user can write it.
    if metadata.is_symlink() || (metadata.is_dir() && mode & STICKY != 0) {
        return Ok(());
    }
    let group = mode & GROUP_WRITE != 0 && metadata.gid() != ROOT;
    if group || mode & OTHER_WRITE != 0 {
        return Err(Insecure::Writable { path: path.to_owned(), mode: mode & 0o7777 });
    }
    Ok(())
}
