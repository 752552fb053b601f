//! The API's unix socket and its file.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, fchmod};
use tokio::net::{UnixListener, UnixSocket};

use super::HttpError;

/// Read and write for owner and group.
const MODE: u32 = 0o660;

/// Backlog: clients that may wait for `accept`.
const BACKLOG: u32 = 64;

#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    file: SocketFile,
}

/// Removes the file when dropped, unless another process has replaced it meanwhile.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode of the created file.
    identity: (u64, u64),
}

impl Socket {
    pub(super) fn bind(path: &Path) -> Result<Self, HttpError> {
        let failed = |source| HttpError::Api { path: path.to_owned(), source };
        remove_stale(path)?;
        let socket = UnixSocket::new_stream().map_err(failed)?;
        // The file is created with this mode (less the umask), so it is never open to other users.
        fchmod(&socket, Mode::from_bits_truncate(MODE)).map_err(|errno| failed(errno.into()))?;
        socket.bind(path).map_err(failed)?;
        let metadata = fs::symlink_metadata(path).map_err(failed)?;
        let file = SocketFile { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) };
        fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
        let listener = socket.listen(BACKLOG).map_err(failed)?;
        Ok(Self { listener, file })
    }

    /// The listener, and the guard of its file.
    pub(super) fn split(self) -> (UnixListener, SocketFile) {
        (self.listener, self.file)
    }
}

/// Removes the socket file of a process that is gone.
fn remove_stale(path: &Path) -> Result<(), HttpError> {
    let failed = |source| HttpError::Api { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(HttpError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(HttpError::InUse { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours {
            // If removal fails, the next start replaces the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}
