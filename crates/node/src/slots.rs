//! What JavaScript names by number: a slot and its generation, so that a stale number finds nothing.
//!
//! A number is `generation * 2^16 + slot` and stays an exact JavaScript integer; while a slot has been used less than
//! 2^15 times it is also a small one, which V8 passes without allocating. 0 is never given out.

use coppice_engine::error::{Code, Error, Result};

const SLOT_BITS: u32 = 16;
/// Things of one kind that one environment may hold at a time.
pub const SLOTS_MAX: usize = 1 << SLOT_BITS;
/// Above this a number would no longer be an exact integer in JavaScript.
const GENERATION_MAX: u64 = (1 << (53 - SLOT_BITS)) - 1;

pub struct Slots<T> {
    /// What is held, said in the messages: "database", "range".
    what: &'static str,
    slots: Vec<Slot<T>>,
    /// Freed slots, used again in the order they were freed so that generations rise evenly.
    free: std::collections::VecDeque<usize>,
}

struct Slot<T> {
    generation: u64,
    held: Option<T>,
}

impl<T> Slots<T> {
    pub fn new(what: &'static str) -> Self {
        Slots { what, slots: Vec::new(), free: Default::default() }
    }

    pub fn insert(&mut self, held: T) -> Result<u64> {
        let index = match self.free.pop_front() {
            Some(index) => index,
            None if self.slots.len() < SLOTS_MAX => {
                self.slots.push(Slot { generation: 0, held: None });
                self.slots.len() - 1
            }
            None => {
                let message = format!("{SLOTS_MAX} of {} are open in this thread: close some", self.what);
                return Err(Error::new(Code::Busy, message));
            }
        };
        let slot = &mut self.slots[index];
        slot.generation += 1;
        slot.held = Some(held);
        Ok(slot.generation << SLOT_BITS | index as u64)
    }

    pub fn len(&self) -> usize {
        self.slots.iter().filter(|slot| slot.held.is_some()).count()
    }

    #[inline]
    pub fn get(&self, number: u64) -> Result<&T> {
        match self.slots.get(index_of(number)) {
            Some(Slot { generation, held: Some(held) }) if *generation == number >> SLOT_BITS => Ok(held),
            _ => Err(self.closed()),
        }
    }

    #[inline]
    pub fn get_mut(&mut self, number: u64) -> Result<&mut T> {
        if self.get(number).is_err() {
            return Err(self.closed());
        }
        let slot = &mut self.slots[index_of(number)];
        slot.held.as_mut().ok_or_else(|| Error::new(Code::Closed, "this is closed"))
    }

    pub fn remove(&mut self, number: u64) -> Option<T> {
        self.get(number).ok()?;
        let index = index_of(number);
        let slot = &mut self.slots[index];
        if slot.generation < GENERATION_MAX {
            self.free.push_back(index);
        }
        slot.held.take()
    }

    /// Removes everything that `belongs`, in one pass.
    pub fn remove_where(&mut self, belongs: impl Fn(&T) -> bool) -> Vec<T> {
        let mut removed = Vec::new();
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            if slot.held.as_ref().is_some_and(&belongs) {
                let number = slot.generation << SLOT_BITS | index as u64;
                removed.extend(self.remove(number));
            }
        }
        removed
    }

    /// What a stale number is answered with.
    #[cold]
    pub fn closed(&self) -> Error {
        Error::new(Code::Closed, format!("this {} is closed", self.what))
    }
}

fn index_of(number: u64) -> usize {
    (number & (SLOTS_MAX as u64 - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_finds_what_it_was_given_for_until_that_is_removed() {
        let mut slots = Slots::new("thing");
        let first = slots.insert("a").unwrap();
        let second = slots.insert("b").unwrap();
        assert_eq!(slots.get(first).unwrap(), &"a");
        assert_eq!(slots.remove(first), Some("a"));
        assert_eq!(slots.get(first).unwrap_err().code(), Code::Closed);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second).unwrap(), &"b");
    }

    #[test]
    fn a_stale_number_does_not_find_the_next_tenant_of_its_slot() {
        let mut slots = Slots::new("thing");
        let stale = slots.insert(1).unwrap();
        slots.remove(stale);
        let fresh = slots.insert(2).unwrap();
        assert_eq!(index_of(stale), index_of(fresh));
        assert!(slots.get(stale).is_err());
        assert!(slots.get_mut(stale).is_err());
        assert_eq!(*slots.get_mut(fresh).unwrap(), 2);
    }

    #[test]
    fn no_number_that_was_not_given_out_finds_anything() {
        let mut slots = Slots::new("thing");
        slots.insert(1).unwrap();
        for number in [0, 1, 2 << SLOT_BITS, u64::MAX, 1 << 53] {
            assert!(slots.get(number).is_err(), "{number}");
        }
    }

    #[test]
    fn removing_by_owner_leaves_the_others() {
        let mut slots = Slots::new("thing");
        let numbers: Vec<u64> = (0..10).map(|n| slots.insert(n).unwrap()).collect();
        assert_eq!(slots.remove_where(|n| n % 2 == 0), [0, 2, 4, 6, 8]);
        for (n, number) in numbers.iter().enumerate() {
            assert_eq!(slots.get(*number).is_ok(), n % 2 == 1);
        }
    }

    #[test]
    fn slots_are_bounded() {
        let mut slots = Slots::new("thing");
        for n in 0..SLOTS_MAX {
            slots.insert(n).unwrap();
        }
        assert_eq!(slots.insert(0).unwrap_err().code(), Code::Busy);
    }
}
