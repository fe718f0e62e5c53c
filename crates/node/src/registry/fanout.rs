//! An engine tells one listener what happens; this one passes it on to every handle, in whatever environment it lives.
//!
//! Called on the engine's threads, and on a committing one; it only posts.

use crate::engine::{Event, Listener};
use crate::mailbox::Mailbox;
use crate::message::Message;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// Events kept for the first handle: those of recovery come before there is one.
const BACKLOG_MAX: usize = 64;

#[derive(Default)]
pub struct Fanout(Mutex<State>);

#[derive(Default)]
struct State {
    inboxes: Vec<Arc<Inbox>>,
    backlog: Vec<Event>,
    served: bool,
}

/// Where what concerns one handle goes.
pub struct Inbox {
    mailbox: Arc<Mailbox>,
    /// 0 until JavaScript has its number.
    handle: AtomicU64,
    /// The newest revision that JavaScript waits to see durable; 0: none.
    awaited: AtomicU64,
    /// Whether JavaScript wants to hear how far the log is durable.
    listens: AtomicBool,
}

impl Fanout {
    pub fn add(&self, inbox: Arc<Inbox>) {
        self.0.lock().inboxes.push(inbox);
    }

    pub fn remove(&self, inbox: &Arc<Inbox>) {
        self.0.lock().inboxes.retain(|other| !Arc::ptr_eq(other, inbox));
    }

    /// What happened before the first handle had its number goes to that one.
    pub fn serve_backlog(&self, inbox: &Inbox) {
        let mut state = self.0.lock();
        state.served = true;
        for event in std::mem::take(&mut state.backlog) {
            inbox.tell(&event);
        }
    }
}

impl Listener for Fanout {
    fn event(&self, event: Event) {
        let mut state = self.0.lock();
        for inbox in &state.inboxes {
            inbox.tell(&event);
        }
        if !state.served
            && !matches!(event, Event::Durable(_) | Event::Logged(_))
            && state.backlog.len() < BACKLOG_MAX
        {
            state.backlog.push(event);
        }
    }
}

impl Inbox {
    pub fn new(mailbox: Arc<Mailbox>) -> Arc<Inbox> {
        Arc::new(Inbox {
            mailbox,
            handle: AtomicU64::new(0),
            awaited: AtomicU64::new(0),
            listens: AtomicBool::new(false),
        })
    }

    pub fn set_handle(&self, number: u64) {
        self.handle.store(number, Ordering::Release);
    }

    /// From now on `revision` is waited for. To be called before the durable revision is looked at: the fences here and
    /// in `tell` make sure that either this thread sees the durable revision or the engine sees what is awaited.
    pub fn wait_for(&self, revision: u64) {
        self.awaited.fetch_max(revision, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Whoever begins to listen asks where the log stands after this.
    pub fn listen(&self, listens: bool) {
        self.listens.store(listens, Ordering::SeqCst);
    }

    fn tell(&self, event: &Event) {
        let handle = self.handle.load(Ordering::Acquire);
        if handle == 0 {
            return;
        }
        if let Event::Logged(seq) = *event {
            if self.listens.load(Ordering::SeqCst) {
                self.mailbox.post(Message::Logged { handle, seq });
            }
            return;
        }
        let Event::Durable(revision) = *event else {
            self.mailbox.post(Message::Event { handle, event: event.clone() });
            return;
        };
        fence(Ordering::SeqCst);
        let awaited = self.awaited.load(Ordering::SeqCst);
        if awaited == 0 {
            return;
        }
        self.mailbox.post(Message::Durable { handle, revision });
        if revision >= awaited {
            // Unless a later revision is awaited by now.
            let _ = self.awaited.compare_exchange(awaited, 0, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
}
