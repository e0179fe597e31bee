//! Many files at once, and calls on fakes.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::testing::{HANGUP, Rig, in_seconds};

const FILES: u32 = 600;
/// So long it takes until a change is on the disk.
const DISK: Duration = Duration::from_millis(50);

#[tokio::test]
async fn the_calls_of_many_files_share_their_way_to_the_disk() {
    let mut rig = Rig::start().await;
    rig.ground.world.store.answer_after(DISK);
    let tomorrow = in_seconds(24 * 3_600);
    let begun = Instant::now();
    for number in 0..FILES {
        rig.put_at(&number.to_string(), HANGUP, tomorrow);
    }
    let files = FILES.try_into().unwrap();
    rig.created(files).await;
    for number in 0..FILES {
        fs::remove_file(rig.path(&number.to_string())).unwrap();
    }
    let last = rig.ground.reached("ended", files).await;
    let took = begun.elapsed();
    assert!(took < DISK * FILES, "as if one waited for the other: {took:?}");
    assert_eq!(last.call.ending.unwrap().outcome.as_str(), "canceled");
    rig.stop().await;
    assert!(rig.ground.world.carrier.rung().is_empty());
    let left: Vec<_> = fs::read_dir(rig.path(".taken")).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock alone is left: {left:?}");
}
