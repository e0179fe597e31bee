//! What one leg hears.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::ports::{Clip, LegCommand};

/// Gives a leg what it is to hear, and knows what is awaited of it.
pub(super) struct Sound {
    commands: mpsc::Sender<LegCommand>,
    /// The number of the last play.
    last: u64,
    /// The play whose end the flow awaits.
    awaited: Option<u64>,
    /// What is played again and again, and its last play.
    looped: Option<(u64, Vec<Arc<Clip>>)>,
}

impl Sound {
    pub(super) fn new(commands: mpsc::Sender<LegCommand>) -> Self {
        Self {
            commands,
            last: 0,
            awaited: None,
            looped: None,
        }
    }

    /// The way to the leg.
    pub(super) fn commands(&self) -> mpsc::Sender<LegCommand> {
        self.commands.clone()
    }

    /// Plays this for the flow, which awaits its end.
    pub(super) async fn play(&mut self, clips: Vec<Arc<Clip>>) {
        self.looped = None;
        self.awaited = Some(self.put(clips).await);
    }

    /// Plays this now. Where the flow awaited the end of something, it awaits the end of this; what was played
    /// again and again goes on after it.
    pub(super) async fn play_between(&mut self, clips: Vec<Arc<Clip>>) {
        let play = self.put(clips).await;
        self.awaited = self.awaited.map(|_| play);
        if let Some((looped, _)) = &mut self.looped {
            *looped = play;
        }
    }

    /// Plays this again and again, until something else is played.
    pub(super) async fn play_on(&mut self, clips: Vec<Arc<Clip>>) {
        // What has no length would be played without a pause.
        if clips.iter().any(|clip| !clip.samples.is_empty()) {
            let play = self.put(clips.clone()).await;
            self.looped = Some((play, clips));
        }
    }

    /// Stops what is played.
    pub(super) async fn stop(&mut self) {
        self.awaited = None;
        self.looped = None;
        self.tell(LegCommand::StopPlaying).await;
    }

    /// Stops what is played, as if it had been heard to its end.
    pub(super) async fn cut(&mut self) -> bool {
        let awaited = self.awaited.is_some();
        self.stop().await;
        awaited
    }

    /// Something was heard to its end. Says whether it was what the flow awaits.
    pub(super) async fn done(&mut self, play: u64) -> bool {
        if self.awaited == Some(play) {
            self.awaited = None;
            return true;
        }
        if let Some((_, clips)) = self.looped.take_if(|(looped, _)| *looped == play) {
            self.play_on(clips).await;
        }
        false
    }

    /// Tells the leg something. A carrier that is gone will say so by the end of its events.
    pub(super) async fn tell(&self, command: LegCommand) {
        let _ = self.commands.send(command).await;
    }

    async fn put(&mut self, clips: Vec<Arc<Clip>>) -> u64 {
        self.last += 1;
        let play = self.last;
        self.tell(LegCommand::Play { play, clips }).await;
        play
    }
}
