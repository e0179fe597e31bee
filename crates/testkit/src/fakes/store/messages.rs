//! Messages in memory.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use outdial_domain::{AccountId, Message, MessageId, MessageState, Subject, message::Receipt};
use outdial_engine::ports::{
    ArrivedText, ClaimedMessages, Job, Lane, LeftAlone, MessageBatch, MessageChange, MessageFilter, MessageStore, Page,
    ReceiptName, SavedMessage, StoreError, StoredEvent, TrunkReceipt, Wanted, Which, Work,
};

use super::{
    MemoryStore, late,
    rows::{JobRow, Rows, broken},
};

#[derive(Debug, Default)]
pub(super) struct MessageRows {
    pub(super) messages: BTreeMap<MessageId, MessageRow>,
    names: BTreeMap<(String, String), (AccountId, MessageId)>,
    early: Vec<(String, Receipt, Timestamp)>,
    parts: Vec<(String, ArrivedText, Timestamp)>,
    left_alone: BTreeMap<(AccountId, String), LeftAlone>,
}

#[derive(Debug)]
pub(super) struct MessageRow {
    pub(super) message: Message,
    pub(super) job: Option<JobRow>,
    /// The run that has it in its journal.
    node: Option<String>,
}

impl MessageRows {
    pub(super) fn jobs(&self) -> impl Iterator<Item = (Subject, &JobRow, Lane)> {
        self.messages.values().filter_map(|row| {
            let job = row.job.as_ref()?;
            Some((row.message.id.into(), job, Lane::of_message(&row.message)))
        })
    }

    fn early(&self, trunk: &str, name: &str) -> Vec<Receipt> {
        let of_it = self.early.iter().filter(|kept| kept.0 == trunk && kept.1.id == name);
        of_it.map(|kept| kept.1.clone()).collect()
    }

    fn owner(&self, known: &TrunkReceipt) -> Option<Message> {
        let name = (known.trunk.clone(), known.receipt.id.clone());
        let (_, id) = self.names.get(&name)?;
        self.messages.get(id).map(|row| row.message.clone())
    }
}

impl Rows {
    fn commit_messages(&mut self, batch: MessageBatch) -> Result<Vec<SavedMessage>, StoreError> {
        for change in &batch.changes {
            self.keeps_the_rules_of_messages(change)?;
        }
        let answered = batch.answer.as_ref().is_some_and(|answer| self.is_answered(answer));
        if answered {
            return Err(StoreError::Repeated);
        }
        let marks = batch.changes.iter().map(|change| change.mark.as_ref());
        let marked: Vec<bool> = marks
            .map(|mark| mark.is_some_and(|mark| self.is_answered(mark)))
            .collect();
        if marked.contains(&true) {
            let said = |marked| {
                if marked {
                    SavedMessage::Repeated
                } else {
                    SavedMessage::Stale
                }
            };
            return Ok(marked.into_iter().map(said).collect());
        }
        if let Some(answer) = batch.answer {
            self.answers.insert((answer.account, answer.key), answer);
        }
        Ok(batch
            .changes
            .into_iter()
            .map(|change| self.save_message(change))
            .collect())
    }

    fn is_answered(&self, new: &outdial_engine::ports::FirstAnswer) -> bool {
        let kept = self.answers.get(&(new.account, new.key));
        kept.is_some_and(|kept| kept.kept_until > new.made_at)
    }

    fn save_message(&mut self, change: MessageChange) -> SavedMessage {
        let id = change.message.id;
        let stored = self.texts.messages.get(&id).map(|row| &row.message);
        let foreign = stored.is_some_and(|stored| stored.account != change.message.account);
        if foreign || stored.map(|stored| stored.events) != change.since {
            return SavedMessage::Stale;
        }
        if change.journalled_by.is_some() && !change.message.plan.answers_word {
            let receiver = (change.message.account, change.message.plan.to.to_string());
            if let Some(entry) = self.texts.left_alone.get(&receiver) {
                let because = entry.because.clone();
                return SavedMessage::Unwanted { because };
            }
        }
        self.feeds.notice_of_message(&change);
        if let Some(mark) = change.mark {
            self.answers.insert((mark.account, mark.key), mark);
        }
        let before = self.texts.messages.remove(&id);
        let (mut job, node) = before.map_or((None, None), |row| (row.job, row.node));
        match change.job {
            Job::Keep => {}
            Job::Add => {
                let due = change.message.plan.due;
                job = Some(JobRow { due, taken_by: None });
            }
            Job::Remove => job = None,
        }
        let sending = change.message.state == MessageState::Sending;
        let trunk = change.message.trunk.clone().unwrap_or_default();
        let account = change.message.account;
        let row = MessageRow {
            node: change.journalled_by.or(node).filter(|_| sending),
            message: Arc::unwrap_or_clone(change.message),
            job,
        };
        self.texts.messages.insert(id, row);
        for event in change.events {
            let position = self.position() + 1;
            self.events.push(StoredEvent { position, event });
        }
        if let Some(ArrivedText { from, to, place, .. }) = change.joins {
            let whole = |part: &ArrivedText| place.map(|place| (place.reference, place.total)) == of(part);
            self.texts
                .parts
                .retain(|(of, part, _)| *of != trunk || part.from != from || part.to != to || !whole(part));
        }
        let mut early = Vec::new();
        for name in change.names {
            early.append(&mut self.texts.early(&trunk, &name));
            self.texts.names.insert((trunk.clone(), name), (account, id));
        }
        SavedMessage::Saved { early }
    }

    fn keeps_the_rules_of_messages(&self, change: &MessageChange) -> Result<(), StoreError> {
        let before = change.since.unwrap_or(0);
        let message = &change.message;
        let sequences = change.events.iter().map(|event| event.sequence);
        let journalled = self.texts.messages.get(&message.id).and_then(|row| row.node.as_ref());
        let rule = if change.events.is_empty() {
            "nothing happened"
        } else if !sequences.eq(before + 1..=message.events) {
            "the sequence of its events has a gap"
        } else if !self.accounts.values().any(|known| known.id == message.account) {
            "the message belongs to no account"
        } else if message.state.is_final() != message.ended_at.is_some() {
            "what is over has a time"
        } else if message.state == MessageState::Sending && change.journalled_by.as_ref().or(journalled).is_none() {
            "what leaves is in a journal"
        } else {
            return Ok(());
        };
        Err(broken(&format!("a change of {} breaks a rule: {rule}", message.id)))
    }

    fn claim_messages(&mut self, by: Timestamp, run: &str, wanted: &Wanted) -> ClaimedMessages {
        let (share, due) = self.due(Work::Messages, by, wanted);
        let mut messages = Vec::new();
        for id in due.into_iter().filter_map(Subject::message) {
            if let Some(row) = self.texts.messages.get_mut(&id)
                && let Some(job) = &mut row.job
            {
                job.taken_by = Some(run.to_owned());
                messages.push(row.message.clone());
            }
        }
        let more = share.may_go_on(wanted, messages.iter().map(Lane::of_message));
        ClaimedMessages { messages, more }
    }
}

/// What the parts of one text have in common.
fn of(part: &ArrivedText) -> Option<(u16, u8)> {
    part.place.map(|place| (place.reference, place.total))
}

impl MessageStore for MemoryStore {
    fn commit_messages(&self, batch: MessageBatch) -> BoxFuture<'static, Result<Vec<SavedMessage>, StoreError>> {
        let delay = self.delay();
        let saved = self.with(|rows| {
            let mut runs = batch
                .changes
                .iter()
                .filter_map(|change| change.journalled_by.as_deref());
            if self.is_shared()
                && let Some(refusal) = runs.find_map(|run| rows.nodes.refusal_of(run))
            {
                return Err(refusal);
            }
            let noticed = batch.changes.iter().any(|change| change.message.plan.webhook.is_some());
            let saved = rows.commit_messages(batch)?;
            self.newest.send_replace(rows.position());
            if self.loses_message_answer() {
                return Err(StoreError::Unavailable {
                    reason: "the answer of the store got lost".to_owned(),
                    remedy: "Try again".to_owned(),
                });
            }
            if noticed {
                self.notices.send_modify(|notices| *notices += 1);
            }
            Ok(saved)
        });
        late(saved, delay)
    }

    fn claim_messages(
        &self,
        by: Timestamp,
        run: &str,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<ClaimedMessages, StoreError>> {
        let run = run.to_owned();
        async move { self.with(|rows| Ok(rows.claim_messages(by, &run, &wanted))).await }.boxed()
    }

    fn interrupted_messages(&self) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        let shared = self.is_shared();
        self.with(|rows| {
            let gone = |run: &String| !shared || !rows.nodes.knows(run);
            let messages = rows.texts.messages.values();
            let left = messages.filter(|row| row.node.as_ref().is_some_and(gone));
            Ok(left.map(|row| row.message.clone()).collect())
        })
    }

    fn overdue_messages(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.with(|rows| {
            let messages = rows.texts.messages.values().map(|row| &row.message);
            let over = |message: &&Message| message.state == MessageState::Submitted && message.deadline() <= now;
            let mut over: Vec<Message> = messages.filter(over).cloned().collect();
            over.sort_by_key(Message::deadline);
            over.truncate(most);
            Ok(over)
        })
    }

    fn message(&self, account: AccountId, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.with(|rows| {
            let row = rows.texts.messages.get(&id);
            Ok(row
                .map(|row| row.message.clone())
                .filter(|message| message.account == account))
        })
    }

    fn messages(&self, account: AccountId, filter: MessageFilter) -> BoxFuture<'_, Result<Page<Message>, StoreError>> {
        self.with(|rows| {
            let messages = rows.texts.messages.values().rev().map(|row| &row.message);
            let mut items: Vec<Message> = messages
                .filter(|message| message.account == account && matches(message, &filter))
                .take(filter.most.saturating_add(1))
                .cloned()
                .collect();
            let more = items.len() > filter.most;
            items.truncate(filter.most);
            Ok(Page { items, more })
        })
    }

    fn take_receipts(
        &self,
        receipts: Vec<TrunkReceipt>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Option<Message>>, StoreError>> {
        self.with(|rows| {
            let mut found = Vec::with_capacity(receipts.len());
            for known in receipts {
                let owner = rows.texts.owner(&known);
                if owner.is_none() {
                    rows.texts.early.push((known.trunk, known.receipt, now));
                }
                found.push(owner);
            }
            Ok(found)
        })
    }

    fn known_receipts(&self, most: usize) -> BoxFuture<'_, Result<Vec<TrunkReceipt>, StoreError>> {
        self.with(|rows| {
            let kept = rows.texts.early.iter().map(|(trunk, receipt, _)| TrunkReceipt {
                trunk: trunk.clone(),
                receipt: receipt.clone(),
            });
            Ok(kept
                .filter(|known| rows.texts.owner(known).is_some())
                .take(most)
                .collect())
        })
    }

    fn forget_receipts(&self, names: Vec<ReceiptName>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            let is_it = |trunk: &str, id: &str| names.iter().any(|name| name.trunk == trunk && name.id == id);
            rows.texts
                .early
                .retain(|(trunk, receipt, _)| !is_it(trunk, &receipt.id));
            Ok(())
        })
    }

    fn keep_part(
        &self,
        trunk: String,
        part: ArrivedText,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<ArrivedText>, StoreError>> {
        self.with(|rows| {
            if part.place.is_none() {
                return Ok(vec![part]);
            }
            let parts = &mut rows.texts.parts;
            parts.retain(|(of, kept, _)| {
                *of != trunk || kept.from != part.from || kept.to != part.to || kept.place != part.place
            });
            parts.push((trunk.clone(), part.clone(), now));
            let mut all: Vec<ArrivedText> = parts
                .iter()
                .filter(|(of_trunk, kept, _)| {
                    *of_trunk == trunk && kept.from == part.from && kept.to == part.to && of(kept) == of(&part)
                })
                .map(|(_, kept, _)| kept.clone())
                .collect();
            all.sort_by_key(|kept| kept.place.map(|place| place.number));
            Ok(all)
        })
    }

    fn forget_arrivals(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(|rows| {
            let early = rows
                .texts
                .early
                .extract_if(.., |(_, _, at)| *at < before)
                .take(most)
                .count();
            let parts = rows
                .texts
                .parts
                .extract_if(.., |(_, _, at)| *at < before)
                .take(most)
                .count();
            Ok(early + parts)
        })
    }

    fn leave_alone(&self, account: AccountId, entries: Vec<LeftAlone>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(|rows| {
            let mut new = 0;
            for entry in entries {
                let list = rows.texts.left_alone.entry((account, entry.number.clone()));
                list.or_insert_with(|| {
                    new += 1;
                    entry
                });
            }
            Ok(new)
        })
    }

    fn allow_again(&self, account: AccountId, numbers: Vec<String>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(|rows| {
            let gone = numbers.into_iter().filter(|number| {
                let key = (account, number.clone());
                rows.texts.left_alone.remove(&key).is_some()
            });
            Ok(gone.count())
        })
    }

    fn left_alone(&self, account: AccountId, which: Which) -> BoxFuture<'_, Result<Vec<LeftAlone>, StoreError>> {
        self.with(|rows| {
            let list = rows.texts.left_alone.iter();
            let list = list
                .filter(|((of, _), _)| *of == account)
                .map(|(_, entry)| entry.clone());
            Ok(match which {
                Which::Of(numbers) => list.filter(|entry| numbers.contains(&entry.number)).collect(),
                Which::After(number, most) => {
                    let behind = number.unwrap_or_default();
                    list.filter(|entry| entry.number > behind).take(most).collect()
                }
            })
        })
    }
}

fn matches(message: &Message, filter: &MessageFilter) -> bool {
    let plan = &message.plan;
    filter.state.is_none_or(|state| message.state == state)
        && filter.direction.is_none_or(|direction| message.direction == direction)
        && filter
            .to
            .as_ref()
            .is_none_or(|to| plan.to.to_string() == to.to_string())
        && filter.tag.as_ref().is_none_or(|tag| plan.tag.as_ref() == Some(tag))
        && filter
            .reference
            .as_ref()
            .is_none_or(|reference| plan.reference.as_ref() == Some(reference))
        && filter.before.is_none_or(|before| message.id < before)
}
