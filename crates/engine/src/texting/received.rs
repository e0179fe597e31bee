//! Texts that come in: joined from their parts and written down, together with what they give rise to, which is the
//! answer to a word as STOP, or the same text to the other one of a masked pair.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{
    Account, Address, Mask, Message, MessageEvent, MessageId, MessagePlan, Number, NumberUse, Priority,
    message::{Keyword, OnUnknown},
    text::{Composed, Concatenation, EncodedText, Encoding, MOST_PARTS, compose},
};
use tokio::sync::oneshot;

use super::{arrivals::said, saving};
use crate::{
    Engine,
    ports::{ArrivedText, FirstAnswer, LeftAlone, MessageBatch, MessageChange, SavedMessage, StoreError},
    verbs::{USUAL_VALIDITY, hash_request},
};

/// The same word of the same sender is not answered again within this time: two machines that answer each other stop.
const ANSWERED_FOR: Duration = Duration::from_secs(60);

/// Takes a text for us, or a part of one.
pub(super) async fn take_text(engine: &Engine, trunk: String, text: ArrivedText, taken: oneshot::Sender<()>) {
    match text_is_taken(engine, trunk, text).await {
        Ok(()) => said(taken),
        Err(error) => tracing::error!(%error, "a text cannot be taken now; it comes again"),
    }
}

async fn text_is_taken(engine: &Engine, trunk: String, text: ArrivedText) -> Result<(), StoreError> {
    let Some(number) = ours(engine, &trunk, &text.to) else {
        tracing::warn!(%trunk, "a text came in for a number that no account has: give it a `[[number]]` that `receives_texts`");
        return Ok(());
    };
    let accounts = engine.store.accounts().await?;
    let Some(account) = accounts.into_iter().find(|account| account.name == number.account) else {
        tracing::warn!(%trunk, account = number.account, "a text came in for an account that is not there");
        return Ok(());
    };
    let parts = engine
        .store
        .keep_part(trunk.clone(), text.clone(), engine.ids.now())
        .await?;
    let complete = text.place.is_none_or(|place| parts.len() >= usize::from(place.total));
    if !complete {
        return Ok(());
    }
    let body = EncodedText::read(parts.iter().map(|part| &part.text));
    let to = Received {
        engine,
        account: &account,
        number,
        trunk,
    };
    to.take(text, body).await
}

/// The number of ours that takes texts to this one over this trunk.
fn ours<'e>(engine: &'e Engine, trunk: &str, to: &str) -> Option<&'e Number> {
    let to = Address::parse(to).ok()?;
    engine.settings.numbers.iter().find(|number| {
        number.uses.contains(&NumberUse::ReceivesTexts)
            && number.is_reached_by(&to)
            && number.trunk.as_deref().is_none_or(|home| home == trunk)
    })
}

/// Where a text came in.
struct Received<'e> {
    engine: &'e Engine,
    account: &'e Account,
    number: &'e Number,
    trunk: String,
}

impl Received<'_> {
    /// Writes a whole text down, and does what its sender asks for by one word.
    async fn take(&self, text: ArrivedText, body: String) -> Result<(), StoreError> {
        let engine = self.engine;
        let languages: Vec<&str> = engine.settings.keyword_languages.iter().map(String::as_str).collect();
        let keyword = Keyword::of(&body, &languages);
        let from = Address::parse(&text.from).ok();
        let sender = from.as_ref().map_or_else(|| text.from.clone(), Address::to_string);
        if let Some(keyword) = keyword {
            self.heed(keyword, &sender).await?;
        }
        let follows = match (keyword, &from) {
            (_, None) => None,
            (Some(keyword), Some(from)) => self.answer(keyword, from),
            (None, Some(from)) => self.passed_on(from, &body).await?,
        };
        let received = self.received(text, &sender, body, keyword);
        let with = |follows: Option<MessageChange>| MessageBatch {
            changes: std::iter::once(received.clone()).chain(follows).collect(),
            answer: None,
        };
        let saved = saving::save_new(engine, with(follows)).await?;
        if saved.contains(&SavedMessage::Repeated) {
            // The word was answered just now.
            saving::save_new(engine, with(None)).await?;
        }
        metrics::counter!("outdial_messages_received_total").increment(1);
        Ok(())
    }

    async fn heed(&self, keyword: Keyword, sender: &str) -> Result<(), StoreError> {
        let (store, account) = (&self.engine.store, self.account.id);
        match keyword {
            Keyword::Stop => {
                let entry = LeftAlone {
                    number: sender.to_owned(),
                    since: self.engine.ids.now(),
                    because: format!("they wrote so to {}", self.number.address),
                };
                store.leave_alone(account, vec![entry]).await.map(drop)
            }
            Keyword::Start => store.allow_again(account, vec![sender.to_owned()]).await.map(drop),
            Keyword::Help => Ok(()),
        }
    }

    /// The change that saves the text itself.
    fn received(&self, text: ArrivedText, sender: &str, body: String, keyword: Option<Keyword>) -> MessageChange {
        let now = self.engine.ids.now();
        let parts = text.place.map_or(1, |place| usize::from(place.total));
        // What a network brings may be empty, or have what no phone shows; it is kept as it came.
        let composed = compose(&body, false, Concatenation::Udh8, MOST_PARTS).unwrap_or(Composed {
            encoding: Encoding::Ucs2,
            parts: Vec::new(),
        });
        let plan = MessagePlan {
            from: Some(sender.to_owned()),
            ..self.plan(self.number.address.clone(), body, now, now)
        };
        let id = self.engine.ids.make(MessageId::new);
        let mut message = Message::received(id, self.account.id, plan, &composed, self.trunk.clone(), now);
        message.parts = parts;
        let received = MessageEvent::Received {
            from: sender.to_owned(),
            to: self.number.address.to_string(),
            trunk: self.trunk.clone(),
            keyword,
        };
        MessageChange {
            joins: Some(text),
            ..saving::change(self.engine, &mut message, vec![received])
        }
    }

    /// The configured answer to a word. It goes also to those who want no other texts.
    fn answer(&self, keyword: Keyword, to: &Address) -> Option<MessageChange> {
        let body = self.engine.settings.keyword_answers.to(keyword)?;
        let mut plan = self.to_send(to.clone(), body.to_owned());
        plan.answers_word = true;
        let receiver = to.to_string();
        let key = hash_request(&[b"an answer", keyword.as_str().as_bytes(), receiver.as_bytes()]);
        let change = self.made(plan, "keyword")?;
        let (now, id) = (change.message.created_at, change.message.id);
        Some(MessageChange {
            mark: Some(FirstAnswer {
                account: self.account.id,
                key,
                request: [0; 32],
                answer: id.to_string().into_bytes(),
                made_at: now,
                kept_until: now.saturating_add(ANSWERED_FOR).unwrap_or(Timestamp::MAX),
            }),
            ..change
        })
    }

    /// The same text to the other one of a masked pair, from the number that both know.
    async fn passed_on(&self, from: &Address, body: &str) -> Result<Option<MessageChange>, StoreError> {
        let engine = self.engine;
        let masks = engine.store.masks_of(self.account.id, &self.number.address.to_string());
        let mut masks = masks.await?;
        masks.retain(|mask| mask.holds(engine.ids.now()));
        let Some((mask, to, body)) = reached(&masks, from, body) else {
            return Ok(None);
        };
        let mut plan = self.to_send(to.clone(), body.to_owned());
        plan.tag.clone_from(&mask.tag);
        Ok(self.made(plan, "mask"))
    }

    /// A text of ours to somebody who wrote, or to whom they wrote, from the number that they know.
    fn to_send(&self, to: Address, body: String) -> MessagePlan {
        let now = self.engine.ids.now();
        let expires = now.saturating_add(USUAL_VALIDITY).unwrap_or(Timestamp::MAX);
        MessagePlan {
            from: self.number.address.number(),
            // A number that lives on a trunk is known there only.
            via: self.number.trunk.clone(),
            ..self.plan(to, body, now, expires)
        }
    }

    fn plan(&self, to: Address, body: String, due: Timestamp, expires: Timestamp) -> MessagePlan {
        MessagePlan {
            to,
            from: None,
            body,
            priority: Priority::Normal,
            via: None,
            due,
            expires,
            hours: None,
            on_unknown: OnUnknown::Leave,
            unknown_retries: MessagePlan::once_more(),
            answers_word: false,
            tag: None,
            reference: None,
            webhook: None,
        }
    }

    /// The change that makes a message of ours; `None` when no phone shows what it says.
    fn made(&self, plan: MessagePlan, face: &str) -> Option<MessageChange> {
        let (now, engine) = (self.engine.ids.now(), self.engine);
        let composed = compose(&plan.body, false, Concatenation::Udh8, MOST_PARTS)
            .inspect_err(|error| tracing::warn!(%error, face, "a text cannot be passed on or answered"))
            .ok()?;
        let created = MessageEvent::Created {
            to: plan.to.to_string(),
            from: plan.from.clone(),
            due: plan.due,
            face: face.to_owned(),
        };
        let id = engine.ids.make(MessageId::new);
        let mut message = Message::new(id, self.account.id, plan, &composed, now);
        Some(saving::change(engine, &mut message, vec![created]))
    }
}

/// Whom somebody writes to by these masks, newest first, and what. Where only masks with a PIN are theirs, the text
/// begins with one.
fn reached<'m, 'b>(masks: &'m [Mask], from: &Address, body: &'b str) -> Option<(&'m Mask, &'m Address, &'b str)> {
    let mut theirs = Mask::reached(masks, from).into_iter();
    if let [(mask, to)] = theirs.as_slice()
        && mask.pin.is_none()
    {
        return Some((mask, to, body));
    }
    let (pin, rest) = body.trim_start().split_once(char::is_whitespace)?;
    let (mask, to) = theirs.find(|(mask, _)| mask.pin.as_ref().is_some_and(|own| own.as_str() == pin))?;
    Some((mask, to, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use outdial_domain::{AccountId, MaskId};

    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn mask(parties: [&str; 2], pin: Option<&str>) -> Mask {
        let at = Timestamp::UNIX_EPOCH;
        Mask {
            id: MaskId::new(at, [1; 10]),
            account: AccountId::new(at, [1; 10]),
            number: address("+6561234567"),
            parties: parties.map(address),
            pin: pin.map(|pin| pin.parse().unwrap()),
            expires: None,
            tag: None,
            created_at: at,
        }
    }

    #[test]
    fn each_of_the_two_writes_to_the_other() {
        let masks = [mask(["+6590000001", "+6590000002"], None)];
        for (from, to) in [("+6590000001", "+6590000002"), ("+6590000002", "+6590000001")] {
            let (_, reached, body) = reached(&masks, &address(from), "1111 is it").unwrap();
            assert_eq!((reached, body), (&address(to), "1111 is it"));
        }
        assert_eq!(reached(&masks, &address("+6590000003"), "hello"), None);
    }

    #[test]
    fn a_pin_before_the_text_decides_whom_it_is_for() {
        let masks = [
            mask(["+6590000001", "+6590000002"], Some("1111")),
            mask(["+6590000001", "+6590000003"], Some("22222")),
        ];
        let from = address("+6590000001");
        let to = |body| reached(&masks, &from, body).map(|(_, to, body)| (to.to_string(), body));
        assert_eq!(to("22222  hello you"), Some(("+6590000003".to_owned(), "hello you")));
        assert_eq!(to("1111\nhello"), Some(("+6590000002".to_owned(), "hello")));
        assert_eq!(to("hello"), None);
        assert_eq!(to("3333 hello"), None);
    }
}
