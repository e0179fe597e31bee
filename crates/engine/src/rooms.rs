//! The rooms of this node: who is in which, and what they may.
//!
//! A room is there while somebody is in it. Whoever is first in opens it, and decides how many it takes.

pub(crate) mod owner;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, LegId, Outcome, RoomId, RoomName};
use outdial_flow::Conference;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// The rooms of this node.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<BTreeMap<(AccountId, RoomName), Room>>);

#[derive(Debug)]
struct Room {
    id: RoomId,
    since: Timestamp,
    begun: bool,
    locked: bool,
    most: u16,
    members: Vec<Seat>,
    /// Whose call has the recording of the room.
    recorder: Option<LegId>,
}

#[derive(Debug)]
struct Seat {
    member: Member,
    /// Whether the room ends when no moderator is left.
    ends: bool,
    /// Whether the room is to be recorded.
    records: bool,
    news: mpsc::UnboundedSender<RoomNews>,
}

/// What a member of a room is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoomNews {
    /// A moderator is in, or has begun it: all hear each other now.
    Begun,
    /// Whoever recorded the room has left: it is this one's to go on.
    Record,
    /// It is to leave, for this reason.
    Out(String),
}

/// A room, as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomView {
    /// Its name.
    pub name: RoomName,
    /// Names its sound.
    pub id: RoomId,
    /// When it was opened.
    pub since: Timestamp,
    /// Whether all hear each other, or wait for a moderator.
    pub begun: bool,
    /// Whether nobody else is let in.
    pub locked: bool,
    /// How many it takes.
    pub most: u16,
    /// Who is in it, in the order in which they entered.
    pub members: Vec<Member>,
}

/// Who is in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The call.
    pub call: CallId,
    /// Its leg.
    pub leg: LegId,
    /// Whom that call is with.
    pub who: String,
    /// Whether it is heard.
    pub muted: bool,
    /// Whether it is on hold.
    pub held: bool,
    /// Whether it may begin and end the room.
    pub moderator: bool,
    /// Whether it is heard at this moment.
    pub speaking: bool,
    /// When it entered.
    pub since: Timestamp,
}

/// What a leg that entered a room knows of it.
#[derive(Debug)]
pub(crate) struct Place {
    rooms: Arc<Rooms>,
    key: (AccountId, RoomName),
    leg: LegId,
    pub(crate) room: RoomId,
    /// Whether the room has begun.
    pub(crate) begun: bool,
    /// Whether this leg is to record it.
    pub(crate) records: bool,
    /// How many are in it.
    pub(crate) members: u32,
    pub(crate) news: mpsc::UnboundedReceiver<RoomNews>,
}

/// Why a leg was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLetIn {
    #[error("the room is locked")]
    Locked,
    #[error("the room is full: it takes {0}")]
    Full(u16),
}

impl NotLetIn {
    /// What the call comes to that ends with this.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Locked => Outcome::Refused,
            Self::Full(_) => Outcome::Congestion,
        }
    }
}

/// Something that a moderator, or who may act for the account, does with a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// All hear each other from now on.
    Begin,
    /// Nobody else is let in, or whoever comes is again.
    Lock(bool),
}

impl Rooms {
    fn map(&self) -> MutexGuard<'_, BTreeMap<(AccountId, RoomName), Room>> {
        // Every operation leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a leg in, or says why not. `new` names the room if this is the first one in.
    pub(crate) fn enter(
        self: &Arc<Self>,
        account: AccountId,
        wish: &Conference,
        member: Member,
        new: RoomId,
    ) -> Result<Place, NotLetIn> {
        let key = (account, wish.room.clone());
        let mut map = self.map();
        let room = map.entry(key.clone()).or_insert_with(|| Room {
            id: new,
            since: member.since,
            begun: false,
            locked: false,
            most: wish.most,
            members: Vec::new(),
            recorder: None,
        });
        if room.locked && !member.moderator {
            return Err(NotLetIn::Locked);
        }
        if room.members.len() >= usize::from(room.most) {
            return Err(NotLetIn::Full(room.most));
        }
        let (sender, news) = mpsc::unbounded_channel();
        let leg = member.leg;
        let begins = !room.begun && (member.moderator || !wish.wait);
        room.members.push(Seat {
            member,
            ends: wish.end,
            records: wish.record,
            news: sender,
        });
        let records = wish.record && room.recorder.is_none();
        if records {
            room.recorder = Some(leg);
        }
        if begins {
            room.begin(leg);
        }
        Ok(Place {
            rooms: Arc::clone(self),
            key,
            leg,
            room: room.id,
            begun: room.begun,
            records,
            members: u32::try_from(room.members.len()).unwrap_or(u32::MAX),
            news,
        })
    }

    /// Takes a leg off its room. The room ends with its last member, and with its last moderator where some
    /// member came for that only.
    fn leave(&self, key: &(AccountId, RoomName), leg: LegId) {
        let mut map = self.map();
        let Some(room) = map.get_mut(key) else { return };
        let Some(place) = room.members.iter().position(|seat| seat.member.leg == leg) else {
            return;
        };
        let gone = room.members.remove(place);
        if room.members.is_empty() {
            map.remove(key);
            return;
        }
        if room.recorder == Some(leg) {
            room.hand_the_recording_on();
        }
        let moderated = room.members.iter().any(|seat| seat.member.moderator);
        if gone.member.moderator && !moderated && (gone.ends || room.members.iter().any(|seat| seat.ends)) {
            room.tell_all(&RoomNews::Out("the moderator left, and the room ended".to_owned()));
        }
    }

    /// The rooms of an account, by name.
    pub(crate) fn list(&self, account: AccountId) -> Vec<RoomView> {
        let map = self.map();
        let of_account = map.iter().filter(|((owner, _), _)| *owner == account);
        of_account.map(|((_, name), room)| room.view(name)).collect()
    }

    /// One room of an account.
    pub(crate) fn get(&self, account: AccountId, name: &RoomName) -> Option<RoomView> {
        let map = self.map();
        let room = map.get(&(account, name.clone()))?;
        Some(room.view(name))
    }

    /// Changes a room. Says whether there is one.
    pub(crate) fn rule(&self, account: AccountId, name: &RoomName, rule: Rule) -> bool {
        let mut map = self.map();
        let Some(room) = map.get_mut(&(account, name.clone())) else {
            return false;
        };
        match rule {
            Rule::Begin => room.begin_for_all(),
            Rule::Lock(locked) => room.locked = locked,
        }
        true
    }

    /// Tells all members of a room to leave, or one of them. Says how many were told.
    pub(crate) fn out(&self, account: AccountId, name: &RoomName, who: Option<CallId>, because: &str) -> usize {
        let map = self.map();
        let Some(room) = map.get(&(account, name.clone())) else {
            return 0;
        };
        let meant = |seat: &&Seat| who.is_none_or(|call| call == seat.member.call);
        let seats: Vec<&Seat> = room.members.iter().filter(meant).collect();
        for seat in &seats {
            // One that is gone is leaving.
            let _ = seat.news.send(RoomNews::Out(because.to_owned()));
        }
        seats.len()
    }
}

impl Room {
    /// All hear each other from now on; the one who brings it about knows.
    fn begin(&mut self, by: LegId) {
        self.begun = true;
        for seat in self.members.iter().filter(|seat| seat.member.leg != by) {
            let _ = seat.news.send(RoomNews::Begun);
        }
    }

    fn begin_for_all(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.tell_all(&RoomNews::Begun);
        }
    }

    /// Gives the recording to whoever came first of those that want it.
    fn hand_the_recording_on(&mut self) {
        let next = self.members.iter().find(|seat| seat.records);
        if let Some(seat) = next {
            let _ = seat.news.send(RoomNews::Record);
        }
        self.recorder = next.map(|seat| seat.member.leg);
    }

    fn tell_all(&self, news: &RoomNews) {
        for seat in &self.members {
            let _ = seat.news.send(news.clone());
        }
    }

    fn view(&self, name: &RoomName) -> RoomView {
        RoomView {
            name: name.clone(),
            id: self.id,
            since: self.since,
            begun: self.begun,
            locked: self.locked,
            most: self.most,
            members: self.members.iter().map(|seat| seat.member.clone()).collect(),
        }
    }
}

impl Place {
    /// The name of the room.
    pub(crate) fn name(&self) -> &RoomName {
        &self.key.1
    }

    /// Takes the recording of the room for this leg, unless one has it.
    pub(crate) fn take_the_recording(&self) -> bool {
        let mut map = self.rooms.map();
        let Some(room) = map.get_mut(&self.key) else {
            return false;
        };
        let free = room.recorder.is_none();
        room.recorder.get_or_insert(self.leg);
        free
    }

    /// The recording of the room has ended while this leg is in it.
    pub(crate) fn no_longer_records(&self) {
        let mut map = self.rooms.map();
        let room = map.get_mut(&self.key);
        if let Some(room) = room.filter(|room| room.recorder == Some(self.leg)) {
            room.recorder = None;
        }
    }

    /// Keeps what became of the member.
    pub(crate) fn now_is(&self, change: impl FnOnce(&mut Member)) {
        let mut map = self.rooms.map();
        let seats = map.get_mut(&self.key).map(|room| &mut room.members);
        let mut seats = seats.into_iter().flatten();
        if let Some(seat) = seats.find(|seat| seat.member.leg == self.leg) {
            change(&mut seat.member);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.rooms.leave(&self.key, self.leg);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn account() -> AccountId {
        AccountId::new(at(0), [1; 10])
    }

    fn member(number: u8, moderator: bool) -> Member {
        Member {
            call: CallId::new(at(1), [number; 10]),
            leg: LegId::new(at(1), [number; 10]),
            who: format!("sip:{number}@127.0.0.1"),
            muted: false,
            held: false,
            moderator,
            speaking: false,
            since: at(1),
        }
    }

    fn wish() -> Conference {
        Conference::of("lobby".parse().unwrap())
    }

    fn enter(rooms: &Arc<Rooms>, wish: &Conference, number: u8, moderator: bool) -> Result<Place, NotLetIn> {
        let new = RoomId::new(at(1), [number; 10]);
        rooms.enter(account(), wish, member(number, moderator), new)
    }

    fn lobby() -> RoomName {
        "lobby".parse().unwrap()
    }

    #[test]
    fn a_room_is_there_while_somebody_is_in_it() {
        let rooms = Arc::<Rooms>::default();
        let first = enter(&rooms, &wish(), 1, false).unwrap();
        let second = enter(&rooms, &wish(), 2, false).unwrap();
        assert_eq!((first.room, second.members, second.begun), (second.room, 2, true));
        drop(first);
        assert_eq!(rooms.get(account(), &lobby()).unwrap().members.len(), 1);
        drop(second);
        assert_eq!(rooms.list(account()), []);
    }

    #[test]
    fn the_one_too_many_and_whoever_comes_late_are_not_let_in() {
        let rooms = Arc::<Rooms>::default();
        let small = Conference { most: 2, ..wish() };
        let _first = enter(&rooms, &small, 1, false).unwrap();
        let second = enter(&rooms, &wish(), 2, false).unwrap();
        assert_eq!(enter(&rooms, &wish(), 3, false).unwrap_err(), NotLetIn::Full(2));
        drop(second);
        assert!(rooms.rule(account(), &lobby(), Rule::Lock(true)));
        assert_eq!(enter(&rooms, &wish(), 3, false).unwrap_err(), NotLetIn::Locked);
        assert!(enter(&rooms, &wish(), 3, true).is_ok(), "a moderator has the key");
    }

    #[test]
    fn a_moderator_begins_and_ends() {
        let rooms = Arc::<Rooms>::default();
        let moderated = Conference {
            wait: true,
            end: true,
            ..wish()
        };
        let mut guest = enter(&rooms, &moderated, 1, false).unwrap();
        assert!(!guest.begun && guest.news.try_recv().is_err());
        let mut moderator = enter(&rooms, &moderated, 2, true).unwrap();
        assert!(moderator.begun && moderator.news.try_recv().is_err());
        assert_eq!(guest.news.try_recv(), Ok(RoomNews::Begun));
        drop(moderator);
        assert!(matches!(guest.news.try_recv(), Ok(RoomNews::Out(_))));
    }

    #[test]
    fn one_records_and_the_next_goes_on() {
        let rooms = Arc::<Rooms>::default();
        let recorded = Conference { record: true, ..wish() };
        let silent = enter(&rooms, &wish(), 1, false).unwrap();
        let first = enter(&rooms, &recorded, 2, false).unwrap();
        let mut second = enter(&rooms, &recorded, 3, false).unwrap();
        assert_eq!((silent.records, first.records, second.records), (false, true, false));
        assert!(!silent.take_the_recording() && !first.take_the_recording());
        drop(first);
        assert_eq!(second.news.try_recv(), Ok(RoomNews::Record));
        assert!(!silent.take_the_recording());
        second.no_longer_records();
        assert!(silent.take_the_recording());
    }

    #[test]
    fn one_is_taken_out_or_all() {
        let rooms = Arc::<Rooms>::default();
        let mut places: Vec<Place> = (1..4)
            .map(|number| enter(&rooms, &wish(), number, false).unwrap())
            .collect();
        let call = CallId::new(at(1), [2; 10]);
        assert_eq!(rooms.out(account(), &lobby(), Some(call), "kicked"), 1);
        assert_eq!(places[1].news.try_recv(), Ok(RoomNews::Out("kicked".into())));
        assert!(places[0].news.try_recv().is_err());
        assert_eq!(rooms.out(account(), &lobby(), None, "over"), 3);
        let stranger = AccountId::new(at(0), [9; 10]);
        assert_eq!(rooms.out(stranger, &lobby(), None, "over"), 0);
    }
}
