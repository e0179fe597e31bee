//! Nodes that share the store in memory. Leases go by tokio's clock, which tests can hold still.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::{BoxFuture, FutureExt};
use outdial_domain::{AccountId, CallId, CommandId, RoomName};
use outdial_engine::ports::{Change, JoinError, NodeCommand, Nodes, Released, Reply, Run, StoreError};
use tokio::{sync::watch, time::Instant};

use super::MemoryStore;

#[derive(Debug, Default)]
pub(super) struct NodeRows {
    runs: BTreeMap<String, RunRow>,
    commands: BTreeMap<CommandId, CommandRow>,
    rooms: BTreeMap<(AccountId, RoomName), String>,
    joined: u64,
    /// When the first run was entered: the beginning of all time.
    began: Option<Instant>,
}

#[derive(Debug)]
struct RunRow {
    name: String,
    joined: u64,
    held_since: Instant,
    until: Instant,
}

#[derive(Debug)]
struct CommandRow {
    command: NodeCommand,
    taken: bool,
    answer: Option<String>,
    left_at: Instant,
}

impl NodeRows {
    pub(super) fn knows(&self, run: &str) -> bool {
        self.runs.contains_key(run)
    }

    pub(super) fn is_alive(&self, run: &str) -> bool {
        self.runs.get(run).is_some_and(|row| row.until > Instant::now())
    }

    /// Why a change may not be saved, if it would take a leg into the journal without a lease.
    pub(super) fn refusal(&self, change: &Change) -> Option<StoreError> {
        self.refusal_of(change.journalled_by()?)
    }

    /// Why a run may take nothing into the journal, if it may not.
    pub(super) fn refusal_of(&self, run: &str) -> Option<StoreError> {
        if self.is_alive(run) {
            None
        } else if self.knows(run) {
            Some(StoreError::Unavailable {
                reason: "the lease of this node has run out".to_owned(),
                remedy: "It is renewed by itself".to_owned(),
            })
        } else {
            Some(StoreError::Fenced(run.to_owned()))
        }
    }

    fn join(&mut self, run: &Run, lease: Duration) -> Result<(), JoinError> {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        self.runs
            .retain(|id, row| row.name != run.name || *id == run.id || row.until > now);
        if let Some((id, row)) = self.runs.iter().find(|(_, row)| row.name == run.name)
            && *id != run.id
        {
            let left = row.until.saturating_duration_since(now);
            let until = row.until.saturating_duration_since(began);
            let until = i64::try_from(until.as_micros()).unwrap_or(i64::MAX);
            return Err(JoinError::InUse {
                run: id.clone(),
                left,
                until,
            });
        }
        self.joined += 1;
        let row = RunRow {
            name: run.name.clone(),
            joined: self.joined,
            held_since: now,
            until: now + lease,
        };
        self.runs.insert(run.id.clone(), row);
        Ok(())
    }

    fn beat(&mut self, run: &str, lease: Duration) -> Result<bool, StoreError> {
        let now = Instant::now();
        let row = self
            .runs
            .get_mut(run)
            .ok_or_else(|| StoreError::Fenced(run.to_owned()))?;
        if row.until < now {
            row.held_since = now;
        }
        row.until = now + lease;
        let joined = row.joined;
        Ok(!self
            .runs
            .values()
            .any(|other| other.until > now && other.joined < joined))
    }

    /// Whether this run has held its lease for its whole length.
    fn is_sure(&self, run: &str, lease: Duration) -> bool {
        let row = self.runs.get(run).filter(|row| row.until > Instant::now());
        row.is_some_and(|row| row.held_since.elapsed() >= lease)
    }

    fn bury(&mut self, patience: Duration) -> bool {
        let (now, before) = (Instant::now(), self.runs.len());
        self.runs.retain(|_, row| now < row.until + patience);
        self.runs.len() < before
    }
}

impl MemoryStore {
    fn nodes_do<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut NodeRows) -> Result<T, StoreError>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        self.with(|rows| act(&mut rows.nodes))
    }

    fn tell(&self) {
        self.commanded.send_modify(|count| *count += 1);
    }
}

impl Nodes for MemoryStore {
    fn join(&self, run: &Run, lease: Duration) -> BoxFuture<'_, Result<(), JoinError>> {
        let joined = self.nodes_do(|nodes| Ok(nodes.join(run, lease)));
        async { joined.await? }.boxed()
    }

    fn beat(&self, run: &str, lease: Duration) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.nodes_do(|nodes| nodes.beat(run, lease))
    }

    fn give_back(&self, run: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            rows.give_back(|taken_by| taken_by == run);
            Ok(())
        })
    }

    fn leave(&self, run: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            rows.nodes.runs.remove(run);
            rows.give_back(|taken_by| taken_by == run);
            rows.feeds.free(|taken_by| taken_by == run);
            Ok(())
        })
    }

    fn release(&self, by: &str, lease: Duration, patience: Duration) -> BoxFuture<'_, Result<Released, StoreError>> {
        self.with(|rows| {
            let sure = rows.nodes.is_sure(by, lease);
            let nodes = std::mem::take(&mut rows.nodes);
            let is_dead = |run: &str| !nodes.knows(run) || (sure && !nodes.is_alive(run));
            rows.give_back(is_dead);
            let receivers = rows.feeds.free(is_dead);
            rows.nodes = nodes;
            let gone = sure && rows.nodes.bury(patience);
            Ok(Released { gone, receivers })
        })
    }

    fn command(&self, command: NodeCommand) -> BoxFuture<'_, Result<(), StoreError>> {
        let left = self.nodes_do(|nodes| {
            let row = CommandRow {
                command: command.clone(),
                taken: false,
                answer: None,
                left_at: Instant::now(),
            };
            nodes.commands.insert(command.id, row);
            Ok(())
        });
        self.tell();
        left
    }

    fn take_commands(&self, run: &str) -> BoxFuture<'_, Result<Vec<NodeCommand>, StoreError>> {
        self.nodes_do(|nodes| {
            let mut taken = Vec::new();
            for row in nodes.commands.values_mut() {
                if row.command.run == run && !row.taken {
                    row.taken = true;
                    taken.push(row.command.clone());
                }
            }
            Ok(taken)
        })
    }

    fn answer(&self, command: CommandId, answer: String) -> BoxFuture<'_, Result<(), StoreError>> {
        let answered = self.nodes_do(|nodes| {
            if let Some(row) = nodes.commands.get_mut(&command) {
                row.answer.get_or_insert(answer);
            }
            Ok(())
        });
        self.tell();
        answered
    }

    fn reply(&self, command: CommandId) -> BoxFuture<'_, Result<Reply, StoreError>> {
        self.nodes_do(|nodes| {
            let reply = match nodes.commands.get(&command) {
                Some(CommandRow {
                    answer: Some(answer), ..
                }) => Reply::Answered(answer.clone()),
                Some(row) if nodes.is_alive(&row.command.run) => return Ok(Reply::Waiting),
                Some(_) | None => Reply::Nobody,
            };
            nodes.commands.remove(&command);
            Ok(reply)
        })
    }

    fn forget_commands(&self, older_than: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        self.nodes_do(|nodes| {
            nodes.commands.retain(|_, row| row.left_at.elapsed() <= older_than);
            Ok(())
        })
    }

    fn own_room(&self, account: AccountId, room: &RoomName, run: &str) -> BoxFuture<'_, Result<String, StoreError>> {
        let key = (account, room.clone());
        let run = run.to_owned();
        self.nodes_do(move |nodes| {
            let owner = nodes.rooms.get(&key).filter(|owner| nodes.knows(owner)).cloned();
            let owner = owner.unwrap_or(run);
            nodes.rooms.insert(key, owner.clone());
            Ok(owner)
        })
    }

    fn disown_room(&self, account: AccountId, room: &RoomName, run: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        let key = (account, room.clone());
        self.nodes_do(|nodes| {
            if nodes.rooms.get(&key).is_some_and(|owner| owner == run) {
                nodes.rooms.remove(&key);
            }
            Ok(())
        })
    }

    fn rooms(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<(RoomName, String)>, StoreError>> {
        self.nodes_do(move |nodes| {
            let of_account = nodes.rooms.iter().filter(|((owner, _), _)| *owner == account);
            let known = of_account.filter(|(_, run)| nodes.knows(run));
            Ok(known.map(|((_, name), run)| (name.clone(), run.clone())).collect())
        })
    }

    fn hand_over(&self, call: CallId, from: &str, to: &str) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| Ok(rows.hand_over(call, from, to)))
    }

    fn commanded(&self) -> watch::Receiver<u64> {
        self.commanded.subscribe()
    }
}
