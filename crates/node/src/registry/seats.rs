//! Of the threads of this process that have one folder open, which one does what only one may do: it has the *seat*. The
//! others are told what it says, and ask it. When it goes, whichever way, another one may take the seat.
//!
//! A member is *attached* while it relies on the engine of the folder: then whoever is not does not get the seat, since it
//! would begin anew what others go on with. The lock of the folder is held from the first member to the last, so that no
//! other process comes between two of them. Nothing here blocks; what a text says is known above only.

use super::identity::Identity;
use crate::mailbox::Mailbox;
use crate::message::Message;
use coppice_engine::disk::{Disk, Lock, OsDisk};
use coppice_engine::error::{Code, Error, Result};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

static SEATS: Mutex<BTreeMap<Identity, Seat>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Questions that nobody has taken yet.
const ASKED_MAX: usize = 1024;

struct Seat {
    _lock: Box<dyn Lock>,
    /// What the first member came with.
    agreement: String,
    said: String,
    /// Who has said it.
    said_by: Option<u64>,
    asked: VecDeque<String>,
    holder: Option<u64>,
    /// The holder goes, and relies on the others to go on.
    hands_over: bool,
    /// The holder goes, and nobody goes on: whoever comes waits until it has gone.
    closes: bool,
    members: Vec<Entry>,
}

struct Entry {
    id: u64,
    mailbox: Arc<Mailbox>,
    /// By which JavaScript knows it; 0: not yet.
    number: u64,
    attached: bool,
}

/// One open of a folder. Leaves when it is dropped.
pub struct Member {
    id: u64,
    folder: Identity,
}

impl Seat {
    fn wake(&self, wanted: impl Fn(&Entry) -> bool) {
        for Entry { mailbox, number, .. } in self.members.iter().filter(|entry| wanted(entry)) {
            if *number != 0 {
                mailbox.post(Message::Seat { member: *number });
            }
        }
    }

    /// Whether somebody else goes on when this one goes.
    fn goes_on_without(&self, id: u64) -> bool {
        let leaves = |entry: &Entry| self.hands_over && self.holder == Some(entry.id);
        self.members.iter().any(|entry| entry.attached && entry.id != id && !leaves(entry))
    }
}

impl Member {
    /// `Locked` while another process has the folder.
    pub fn join(folder: &Path, lock: &Path, agreement: String, mailbox: Arc<Mailbox>) -> Result<Member> {
        let absent = || Error::new(Code::NotFound, "the folder vanished while it was opened").in_file(folder);
        let folder = Identity::of(folder).ok_or_else(absent)?;
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let entry = Entry { id, mailbox, number: 0, attached: false };
        let mut seats = SEATS.lock();
        match seats.get_mut(&folder) {
            Some(seat) => seat.members.push(entry),
            None => {
                let lock = OsDisk.lock(lock, &format!("process {}", std::process::id()))?;
                let seat = Seat {
                    _lock: lock,
                    agreement,
                    said: String::new(),
                    said_by: None,
                    asked: VecDeque::new(),
                    holder: None,
                    hands_over: false,
                    closes: false,
                    members: vec![entry],
                };
                seats.insert(folder.clone(), seat);
            }
        }
        Ok(Member { id, folder })
    }

    /// JavaScript knows it by a number: from now on it is woken.
    pub fn start(&self, number: u64) {
        self.with(|seat| {
            if let Some(own) = seat.members.iter_mut().find(|entry| entry.id == self.id) {
                own.number = number;
            }
            // Whoever has the seat says what there is to know.
            seat.wake(|entry| entry.id != self.id);
        });
    }

    pub fn agreement(&self) -> String {
        self.with(|seat| seat.agreement.clone())
    }

    /// Whether it relies on the engine now: it has the seat, or others rely on it.
    pub fn attach(&self) -> bool {
        self.with(|seat| {
            let is_there = !seat.closes && seat.members.iter().any(|entry| entry.attached);
            let may = is_there || seat.holder == Some(self.id);
            if let Some(own) = seat.members.iter_mut().find(|entry| entry.id == self.id) {
                own.attached |= may;
            }
            may
        })
    }

    /// Whether it has the seat now, and not only wants it.
    pub fn take(&self) -> bool {
        self.with(|seat| {
            let is_attached = seat.members.iter().any(|entry| entry.id == self.id && entry.attached);
            if seat.holder.is_none() && (is_attached || !seat.goes_on_without(self.id)) {
                seat.holder = Some(self.id);
            }
            seat.holder == Some(self.id)
        })
    }

    /// What all others are to know from now on. Only of whoever has the seat.
    pub fn say(&self, said: String) {
        self.with(|seat| {
            if seat.holder == Some(self.id) {
                seat.said = said;
                seat.said_by = Some(self.id);
                seat.wake(|entry| entry.id != self.id);
            }
        });
    }

    pub fn said(&self) -> String {
        self.with(|seat| seat.said.clone())
    }

    /// Whether somebody has the seat, and has said what was said last.
    pub fn is_current(&self) -> bool {
        self.with(|seat| seat.holder.is_some() && seat.said_by == seat.holder)
    }

    /// Of whoever has the seat, or will have it.
    pub fn ask(&self, question: String) -> Result<()> {
        self.with(|seat| {
            if seat.asked.len() >= ASKED_MAX {
                return Err(Error::new(Code::Busy, format!("{ASKED_MAX} questions wait for another thread")));
            }
            seat.asked.push_back(question);
            seat.wake(|entry| seat.holder == Some(entry.id));
            Ok(())
        })
    }

    /// The next question that nobody has taken.
    pub fn asked(&self) -> Option<String> {
        self.with(|seat| if seat.holder == Some(self.id) { seat.asked.pop_front() } else { None })
    }

    pub fn others(&self) -> usize {
        self.with(|seat| seat.members.len() - 1)
    }

    /// Whether others go on when this one, which has the seat, goes: then they do not go before it. If not, none is attached
    /// any more.
    pub fn hand_over(&self) -> bool {
        self.with(|seat| {
            let goes_on = seat.goes_on_without(self.id);
            if seat.holder == Some(self.id) {
                seat.hands_over = goes_on;
                seat.closes = !goes_on;
            }
            goes_on
        })
    }

    /// Whether others go on when this one, which has no seat, goes: then they do not count on it any more.
    pub fn detach(&self) -> bool {
        self.with(|seat| {
            let goes_on = seat.goes_on_without(self.id);
            if let Some(own) = seat.members.iter_mut().find(|entry| entry.id == self.id) {
                own.attached &= !goes_on;
            }
            goes_on
        })
    }

    /// A member's seat is there as long as the member.
    fn with<T>(&self, work: impl FnOnce(&mut Seat) -> T) -> T {
        let mut seats = SEATS.lock();
        work(seats.get_mut(&self.folder).expect("a seat stays while it has members"))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut seats = SEATS.lock();
        let Some(seat) = seats.get_mut(&self.folder) else { return };
        seat.members.retain(|entry| entry.id != self.id);
        if seat.holder == Some(self.id) {
            seat.holder = None;
            seat.hands_over = false;
            seat.closes = false;
        }
        if !seat.members.iter().any(|entry| entry.attached) {
            // Nobody goes on with what was said.
            seat.said.clear();
            seat.asked.clear();
        }
        if seat.members.is_empty() {
            seats.remove(&self.folder);
        } else {
            seat.wake(|_| true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member of the seat of a folder of its own name, which nobody wakes.
    fn join(folder: &Path) -> Member {
        Member::join(folder, &folder.join("lock"), "agreed".into(), Mailbox::deaf()).unwrap()
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("coppice-seats-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn one_has_the_seat_and_it_passes_on_when_that_one_goes() {
        let folder = folder("passes");
        let (first, second) = (join(&folder), join(&folder));
        assert!(first.take() && first.take() && !second.take());
        second.say("not mine to say".into());
        first.say("said".into());
        assert!(second.is_current());
        assert_eq!((second.said(), second.agreement()), ("said".into(), "agreed".into()));
        second.ask("asked".into()).unwrap();
        assert_eq!((second.asked(), first.asked()), (None, Some("asked".into())));
        assert!(!second.attach());
        assert!(first.attach() && second.attach());
        drop(first);
        assert_eq!(second.said(), "said");
        assert!(second.take() && !second.is_current());
        drop(second);
        let again = join(&folder);
        assert_eq!(again.said(), "");
        drop(again);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn who_is_not_attached_waits_for_who_is() {
        let folder = folder("attached");
        let (first, second, third) = (join(&folder), join(&folder), join(&folder));
        assert!(first.take());
        first.attach();
        second.attach();
        drop(first);
        assert!(!third.take() && second.take());
        drop(second);
        assert!(third.take());
        drop(third);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn of_those_who_go_at_once_the_last_knows_that_it_is() {
        let folder = folder("last");
        let (first, second) = (join(&folder), join(&folder));
        assert!(first.take());
        first.attach();
        assert!(second.attach() && first.hand_over());
        // It counts on this one already.
        assert!(!second.detach());
        drop(first);
        assert!(second.take() && !second.hand_over());
        let third = join(&folder);
        assert!(!third.attach());
        drop(second);
        assert!(third.take() && third.attach());
        drop(third);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
