//! What a place for blobs promises.

use std::sync::Arc;

use outdial_engine::ports::{BlobError, Blobs};

/// Bytes of any kind come back by their SHA-256, and the same bytes are one blob.
pub async fn what_was_put_is_got(blobs: &impl Blobs) {
    for bytes in [Vec::new(), b"abc".to_vec(), vec![0; 3_000_000], (0..=255).collect()] {
        let bytes: Arc<[u8]> = bytes.into();
        let hash = blobs.put(Arc::clone(&bytes)).await.unwrap();
        assert_eq!(blobs.put(Arc::clone(&bytes)).await.unwrap(), hash);
        assert_eq!(blobs.get(&hash).await.unwrap(), bytes);
    }
    // The published test vector of FIPS 180-2, appendix B.1.
    let hash = blobs.put(b"abc".to_vec().into()).await.unwrap();
    assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // Many at once, the same and different ones.
    let puts = (0..40_u8).map(|number| blobs.put(vec![number / 4; 10_000].into()));
    let hashes = futures_util::future::join_all(puts).await;
    for (number, hash) in (0..40_u8).zip(hashes) {
        assert_eq!(*blobs.get(&hash.unwrap()).await.unwrap(), *vec![number / 4; 10_000]);
    }
}

/// A hash of nothing that was put.
pub async fn what_is_missing_is_said_to_be(blobs: &impl Blobs) {
    let hash = "0".repeat(64);
    assert_eq!(blobs.get(&hash).await, Err(BlobError::Missing(hash)));
}

/// Texts that are no hashes are missing blobs, whatever file they might name.
pub async fn no_name_leads_outside(blobs: &impl Blobs) {
    let long = "../".repeat(100_000);
    let padded = format!("{:/<64}", "/etc/passwd");
    let dots = format!("{:a<64}", "../../../../etc/passwd");
    let upper = "A".repeat(64);
    for name in [
        "",
        ".",
        "..",
        "/etc/passwd",
        "ab/cdef",
        "../../etc/passwd\0",
        &long,
        &padded,
        &dots,
        &upper,
    ] {
        assert!(
            matches!(blobs.get(name).await, Err(BlobError::Missing(_))),
            "{name:.70}"
        );
    }
}
