//! One of each fake, and an engine on them.

use std::{collections::BTreeMap, sync::Arc};

use outdial_domain::{Account, AccountId, Scope};
use outdial_engine::{
    Actor, Engine, Parts, Settings,
    ports::{Ids, VoiceCarrier},
    verbs,
};

use super::{
    FakeCarrier, FakeClock, FakePrompts, FakeRooms, FakeTexts, MemoryBlobs, MemoryRecordings, MemoryStore,
    SeededEntropy,
};

/// One of each fake.
///
/// The only carriers are called `sip` and `smpp`, as in a real configuration. With the default settings there is
/// no trunk and nothing is open but loopback, so call `sip:bob@127.0.0.1` or change the settings.
#[derive(Clone)]
pub struct World {
    /// The clock.
    pub clock: Arc<FakeClock>,
    /// Remembers.
    pub store: Arc<MemoryStore>,
    /// Keeps uploads.
    pub blobs: Arc<MemoryBlobs>,
    /// Keeps the sound of recordings.
    pub recordings: MemoryRecordings,
    /// Makes sound.
    pub prompts: Arc<FakePrompts>,
    /// The sound of rooms.
    pub rooms: Arc<FakeRooms>,
    /// Rings phones.
    pub carrier: Arc<FakeCarrier>,
    /// Sends texts.
    pub texts: Arc<FakeTexts>,
    /// What the operator decided; to be changed before the engine starts.
    pub settings: Settings,
    entropy: Arc<SeededEntropy>,
}

impl World {
    /// A world in which nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        let clock = Arc::new(FakeClock::default());
        Self {
            carrier: Arc::new(FakeCarrier::new(Arc::clone(&clock))),
            clock,
            store: Arc::default(),
            blobs: Arc::default(),
            recordings: MemoryRecordings::default(),
            prompts: Arc::default(),
            rooms: Arc::default(),
            texts: Arc::default(),
            settings: Settings {
                node: "node-1".to_owned(),
                ..Settings::default()
            },
            entropy: Arc::default(),
        }
    }

    /// Time and randomness.
    #[must_use]
    pub fn ids(&self) -> Ids {
        Ids::new(Arc::clone(&self.clock) as _, Arc::clone(&self.entropy) as _)
    }

    /// What an engine in this world is made of.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let carrier: Arc<dyn VoiceCarrier> = Arc::clone(&self.carrier) as _;
        Parts {
            store: Arc::clone(&self.store) as _,
            blobs: Arc::clone(&self.blobs) as _,
            recordings: Arc::new(self.recordings.clone()),
            prompts: Arc::clone(&self.prompts) as _,
            room_sound: Arc::clone(&self.rooms) as _,
            carriers: BTreeMap::from([("sip".to_owned(), carrier)]),
            text_carriers: BTreeMap::from([("smpp".to_owned(), Arc::clone(&self.texts) as _)]),
            ids: self.ids(),
            settings: self.settings.clone(),
        }
    }

    /// Starts an engine in this world. Starting another one is what a restart looks like.
    ///
    /// # Panics
    ///
    /// When the store was told to fail.
    pub async fn engine(&self) -> Engine {
        Engine::start(self.parts())
            .await
            .expect("the memory store works unless told otherwise")
    }

    /// Makes an account and gives who acts for it, with these scopes.
    ///
    /// # Panics
    ///
    /// When there is an account of this name already, or the store was told to fail.
    pub async fn account(&self, name: &str, scopes: &[Scope]) -> Actor {
        let account = verbs::create_account(self.store.as_ref(), &self.ids(), name, None).await;
        let Account { id, name, .. } = account.expect("a test makes each account once");
        Actor {
            account: id,
            account_name: name,
            scopes: scopes.to_vec(),
            name: "the test".to_owned(),
            face: "test",
        }
    }

    /// Makes a key of an account and gives its secret.
    ///
    /// # Panics
    ///
    /// When the store was told to fail.
    pub async fn key(&self, account: AccountId, name: &str, scopes: &[Scope]) -> String {
        let (store, ids) = (self.store.as_ref(), self.ids());
        let key = verbs::create_key(store, &ids, account, name, scopes.to_vec(), None, None).await;
        key.expect("the memory store works unless told otherwise").secret
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
