//! Who asks the store and then does not care for a while holds up nobody else.

use std::time::Duration;

use futures_util::poll;
use outdial_engine::ports::Store;
use outdial_store::SqliteStore;

#[tokio::test]
async fn reads_that_nobody_polls_hold_up_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("state.db")).await.unwrap();
    // More than may read at once: all of them have begun, and most stand in line.
    let mut begun: Vec<_> = (0..64).map(|_| store.accounts()).collect();
    for read in &mut begun {
        let _ = poll!(read);
    }
    let another = tokio::time::timeout(Duration::from_secs(60), store.accounts());
    another.await.expect("it is not held up").unwrap();
    for read in begun {
        read.await.unwrap();
    }
    store.close().await;
}
