//! What keeping recordings promises, and what keeping their sound does.

use std::{io, time::Duration};

use outdial_domain::{CallId, Channels, LegId, Recording, RecordingEnd, RecordingId, RecordingState, recording::Made};
use outdial_engine::ports::{BlobError, RecordingFile, RecordingFiles, RecordingFilter, Store};

use super::lives::{Caller, at, bytes};

fn recording(caller: &Caller, call: CallId, number: u64) -> Recording {
    let made = at(i64::try_from(number).unwrap());
    Recording {
        id: RecordingId::new(made, bytes(1, 8, number)),
        account: caller.account,
        call,
        leg: LegId::new(made, bytes(1, 8, number)),
        name: "Läuft \0".into(),
        channels: Channels::Separate,
        node: "n1".into(),
        state: RecordingState::Recording,
        end: None,
        rate: 0,
        length: Duration::ZERO,
        bytes: 0,
        begun_at: made,
        ended_at: None,
        delete_at: None,
    }
}

async fn call(store: &impl Store, caller: &Caller, number: u64) -> CallId {
    let mut life = caller.call(number, at(0));
    store.commit(life.created()).await.unwrap();
    life.call.id
}

fn finished(mut recording: Recording, keep: u64, now: i64) -> Recording {
    let made = Made {
        end: RecordingEnd::HungUp,
        rate: 16_000,
        length: Duration::from_millis(1_234),
        bytes: 1 << 33,
    };
    recording.finish(made, at(now));
    recording.keep(Some(Duration::from_millis(keep)));
    recording
}

fn all(most: usize) -> RecordingFilter {
    RecordingFilter {
        most,
        ..RecordingFilter::default()
    }
}

/// A recording reads back as it was saved last, belongs to its account, and is gone when it was removed.
pub async fn recordings_are_kept(store: &impl Store) {
    let (caller, other) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let calls = [call(store, &caller, 1).await, call(store, &caller, 2).await];
    let mut kept: Vec<Recording> = (1..=3)
        .map(|number| recording(&caller, calls[usize::from(number == 3)], number))
        .collect();
    for one in &kept {
        store.save_recording(one.clone()).await.unwrap();
    }
    kept[0] = finished(kept[0].clone(), 60, 7);
    store.save_recording(kept[0].clone()).await.unwrap();
    let id = kept[0].id;
    assert_eq!(
        store.recording(caller.account, id).await.unwrap().as_ref(),
        Some(&kept[0])
    );
    assert_eq!(store.recording(other.account, id).await.unwrap(), None);
    let page = store.recordings(caller.account, all(2)).await.unwrap();
    assert_eq!((page.items, page.more), (vec![kept[2].clone(), kept[1].clone()], true));
    let rest = RecordingFilter {
        before: Some(kept[1].id),
        ..all(2)
    };
    let page = store.recordings(caller.account, rest).await.unwrap();
    assert_eq!((page.items, page.more), (vec![kept[0].clone()], false));
    let of_call = RecordingFilter {
        call: Some(calls[0]),
        ..all(9)
    };
    let page = store.recordings(caller.account, of_call.clone()).await.unwrap();
    assert_eq!(page.items, [kept[1].clone(), kept[0].clone()]);
    assert!(store.recordings(other.account, of_call).await.unwrap().items.is_empty());
    assert!(store.recordings(other.account, all(9)).await.unwrap().items.is_empty());
    assert!(!store.remove_recording(other.account, id).await.unwrap());
    assert!(store.remove_recording(caller.account, id).await.unwrap());
    assert!(!store.remove_recording(caller.account, id).await.unwrap());
    assert_eq!(store.recording(caller.account, id).await.unwrap(), None);
}

/// A node finds what it has to finish, and those whose time is over are found, the longest over first.
pub async fn recordings_wait_for_their_node_and_their_end(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let call = call(store, &caller, 1).await;
    let mut kept: Vec<Recording> = (1..=4).map(|number| recording(&caller, call, number)).collect();
    kept[1].node = "n2".into();
    kept[2] = finished(kept[2].clone(), 300, 0);
    kept[3] = finished(kept[3].clone(), 100, 0);
    for one in &kept {
        store.save_recording(one.clone()).await.unwrap();
    }
    assert_eq!(store.open_recordings("n1").await.unwrap(), [kept[0].clone()]);
    assert_eq!(store.open_recordings("n2").await.unwrap(), [kept[1].clone()]);
    assert!(store.open_recordings("n3").await.unwrap().is_empty());
    assert!(store.old_recordings(at(99), 9).await.unwrap().is_empty());
    assert_eq!(store.old_recordings(at(100), 9).await.unwrap(), [kept[3].clone()]);
    let both = [kept[3].clone(), kept[2].clone()];
    assert_eq!(store.old_recordings(at(300), 9).await.unwrap(), both);
    assert_eq!(store.old_recordings(at(300), 1).await.unwrap(), both[..1]);
}

/// The secret that was kept first holds.
pub async fn a_secret_is_made_once(store: &impl Store) {
    assert_eq!(store.server_secret("links", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.server_secret("links", [2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.server_secret("other", [3; 32]).await.unwrap(), [3; 32]);
}

fn id(number: u8) -> RecordingId {
    RecordingId::new(at(1), [number; 10])
}

fn written(files: &impl RecordingFiles, id: RecordingId, bytes: &[u8]) -> Box<dyn RecordingFile> {
    let mut file = files.create(id).unwrap();
    file.write_at(0, bytes).unwrap();
    file
}

/// What was written is read, also while it is written and after it was brought to where all nodes find it.
pub async fn what_was_recorded_is_read(files: &impl RecordingFiles) {
    let sound: Vec<u8> = (0..700_000_u32).map(|place| place.to_le_bytes()[1]).collect();
    let mut file = written(files, id(1), &sound[..600_000]);
    file.write_at(600_000, &sound[600_000..]).unwrap();
    file.write_at(0, &[9]).unwrap();
    file.sync().unwrap();
    assert_eq!(file.length().unwrap(), 700_000);
    let mut sound = sound;
    sound[0] = 9;
    drop(file);
    let check = async || {
        assert!(files.read(id(1), 0, 1_000_000).await.unwrap() == sound);
        for (from, most) in [(0, 10), (262_140, 8), (524_288, 262_144), (699_999, 5)] {
            let expected: Vec<u8> = sound.iter().skip(from).take(most).copied().collect();
            assert!(
                files.read(id(1), from as u64, most).await.unwrap() == expected,
                "{from}"
            );
        }
        assert!(files.read(id(1), 700_000, 9).await.unwrap().is_empty());
    };
    check().await;
    files.share(id(1)).await.unwrap();
    check().await;
    files.remove(id(1)).await.unwrap();
    assert!(matches!(files.read(id(1), 0, 9).await, Err(BlobError::Missing(_))));
    files.remove(id(1)).await.expect("what is gone is no error");
}

/// A file of an earlier run is found again and can be cut; one that is there is not made anew.
pub async fn what_was_left_is_mended(files: &impl RecordingFiles) {
    drop(written(files, id(2), &[7; 100]));
    assert_eq!(
        files.create(id(2)).err().map(|error| error.kind()),
        Some(io::ErrorKind::AlreadyExists)
    );
    let mut file = files.reopen(id(2)).unwrap();
    assert_eq!(file.length().unwrap(), 100);
    file.cut(44).unwrap();
    file.write_at(40, &[1; 4]).unwrap();
    drop(file);
    let expected = [&[7; 40][..], &[1; 4]].concat();
    assert_eq!(files.read(id(2), 0, 100).await.unwrap(), expected);
    assert_eq!(
        files.reopen(id(3)).err().map(|error| error.kind()),
        Some(io::ErrorKind::NotFound)
    );
}
