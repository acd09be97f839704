//! Parts of local files. What the page cache holds is read on the thread that
//! asks, in microseconds: the way to another thread and back takes longer than
//! all the rest of a tile (decision 13). The rest is read on another thread,
//! since a disk may take as long as it likes.

use std::{
    io::{self, SeekFrom},
    ops::Range,
    path::Path,
};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// Reads a part of a local file.
///
/// # Errors
/// What the file system says, and if the file ends before the part does.
pub async fn read_local(path: &Path, range: Range<u64>) -> io::Result<Bytes> {
    let len = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    if !read_cached(path, range.start, &mut bytes)? {
        let mut file = tokio::fs::File::open(path).await?;
        file.seek(SeekFrom::Start(range.start)).await?;
        file.read_exact(&mut bytes).await?;
    }
    Ok(bytes.into())
}

/// Fills `bytes` from an offset on if that takes no waiting for a disk; else
/// what it holds means nothing.
#[cfg(target_os = "linux")]
fn read_cached(path: &Path, offset: u64, bytes: &mut [u8]) -> io::Result<bool> {
    use rustix::{
        fs::{Mode, OFlags, open},
        io::{ReadWriteFlags, preadv2},
    };

    // What is no file, a pipe for one, may not be waited for either.
    let file = open(path, OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
    let expected = bytes.len();
    let parts = &mut [io::IoSliceMut::new(bytes)];
    // Fails where it is not in memory, or the file system cannot tell. Other
    // failures are told by whoever reads it in earnest.
    let read = preadv2(&file, parts, offset, ReadWriteFlags::NOWAIT);
    Ok(read.is_ok_and(|read| read == expected))
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_path: &Path, _offset: u64, _bytes: &mut [u8]) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_of_a_file_is_read_and_never_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ten bytes");
        std::fs::write(&path, b"0123456789").unwrap();
        assert_eq!(read_local(&path, 2..5).await.unwrap(), "234");
        assert_eq!(read_local(&path, 10..10).await.unwrap(), "");
        let error = read_local(&path, 8..11).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = read_local(&folder.path().join("none"), 0..1)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
