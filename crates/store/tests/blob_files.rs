//! What blobs look like on the disk.

use std::{fs, os::unix::fs::PermissionsExt};

use outdial_engine::ports::{BlobError, Blobs};
use outdial_store::FileBlobs;

#[tokio::test]
async fn blobs_are_private_files_named_by_their_hash() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(directory.path()).unwrap();
    let hash = blobs.put(b"abc".to_vec().into()).await.unwrap();
    let file = directory.path().join(&hash[..2]).join(&hash[2..]);
    assert_eq!(fs::read(&file).unwrap(), b"abc");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let folder = file.parent().unwrap();
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "no temporary file remains");
}

#[tokio::test]
async fn a_damaged_blob_is_told_and_can_be_put_again() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(directory.path()).unwrap();
    let hash = blobs.put(b"abc".to_vec().into()).await.unwrap();
    let file = directory.path().join(&hash[..2]).join(&hash[2..]);
    fs::write(&file, b"abX").unwrap();
    assert!(matches!(blobs.get(&hash).await, Err(BlobError::Io(text)) if text.contains("damaged")));
    assert_eq!(blobs.put(b"abc".to_vec().into()).await.unwrap(), hash);
    assert_eq!(*blobs.get(&hash).await.unwrap(), *b"abc");
}
