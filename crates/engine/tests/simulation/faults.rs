//! Every disk call of a history failing, once and from then on: calls answer with errors, never with something false,
//! and the database that is opened afterwards is a prefix of the history that holds every promised write.

use crate::check::{Check, recovers};
use crate::crash::counted_histories;
use crate::history::{History, Step, aftermath};
use crate::report::{figures, histories};
use crate::world::World;
use coppice_engine::disk::simulated::{Fault, Loss, SimulatedDisk};
use coppice_engine::environment::Clock;
use coppice_engine::error::Code;
use coppice_engine::simulation::SeededRandom;
use std::ops::ControlFlow;

/// From one call that fails to the next; each history begins at another one.
const QUICK_STRIDE: u64 = 19;
const FULL_STRIDE: u64 = 7;
/// How calls fail, and whether all later ones do too; they take turns.
const FAILURES: [(bool, Code); 4] =
    [(false, Code::Io), (true, Code::DiskFull), (true, Code::Io), (false, Code::DiskFull)];
/// How long a history goes on after the disk began to fail.
const STEPS_AFTER_FAULT: usize = 15;

fn calls_of(history: &History) -> Check<u64> {
    let mut world = World::new(history.seed);
    world.run(history, |_| Ok(ControlFlow::Continue(())))?;
    Ok(world.disk.calls())
}

fn fail_at(history: &History, fault: Fault) -> Check {
    let mut world = World::new(history.seed);
    world.fault = Some(fault);
    world.disk.fail(Some(fault));
    let lived = live_on(&mut world, history).and_then(|()| leaves_a_prefix(&mut world, fault));
    if lived.is_err() {
        world.show_calls();
    }
    lived
}

fn live_on(world: &mut World, history: &History) -> Check {
    let mut steps = 0;
    world.run(history, |world| {
        steps += usize::from(world.has_failed());
        Ok(if steps > STEPS_AFTER_FAULT { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

/// The power may go now, or the process end: either way the next one finds what it must.
fn leaves_a_prefix(world: &mut World, fault: Fault) -> Check {
    world.disk.fail(None);

    let clock_ms = world.clock.now_ms();
    let durable = world.claims.before(world.disk.calls() + 1);
    let image = world.disk.image();
    for loss in [Loss::Everything, Loss::Random(fault.call)] {
        let disk = SimulatedDisk::new(image.after_crash(loss));
        let recovered = recovers(&disk, clock_ms, fault.call, &world.bounds(durable));
        recovered.map_err(|trouble| trouble.at(format!("after a power cut with {loss:?}")))?;
    }
    world.kill();
    let written = durable.max(world.written);
    let recovered = recovers(&world.disk.clone_image(), clock_ms, fault.call, &world.bounds(written));
    recovered.map_err(|trouble| trouble.at("after the process ended"))?;
    goes_on(world, fault)
}

/// The next process on the same machine, which may see what a power cut would not leave, relies on none of it.
fn goes_on(world: &mut World, fault: Fault) -> Check {
    world.fault = None;
    let went_on = world.run(&aftermath(fault.call), |_| Ok(ControlFlow::Continue(())));
    went_on.map_err(|trouble| trouble.at("in the process that follows"))
}

#[test]
fn any_failing_disk_call_gives_an_error_and_loses_nothing_that_was_promised() {
    let (count, stride) = histories().map_or((10, QUICK_STRIDE), |count| (count, FULL_STRIDE));
    let mut runs = 0;
    for history in counted_histories(count) {
        let calls =
            calls_of(&history).unwrap_or_else(|trouble| panic!("COPPICE_SEED={}: {trouble}", history.seed));
        let first = 1 + history.seed % stride;
        for call in (first..=calls).step_by(stride as usize) {
            let (sticky, code) = FAILURES[(call + history.seed) as usize % FAILURES.len()];
            let fault = Fault { call, sticky, code };
            let failed = fail_at(&history, fault);
            failed
                .unwrap_or_else(|trouble| panic!("COPPICE_SEED={} with {fault:?}: {trouble}", history.seed));
            runs += 1;
        }
    }
    figures([("runs with a failing call", runs)]);
}

/// What became of a database on a full disk, when there was room again.
#[derive(PartialEq)]
enum Filled {
    WentOn,
    /// It refuses writes until it is opened again.
    Stopped,
    /// Its process had ended, and without room the next one could not open it.
    NotOpen,
}

/// Runs a history on a disk that is too small for a while.
fn fill_up(history: &History, room_bytes: u64) -> Check<Filled> {
    let mut world = World::new(history.seed);
    let mut step = 0;
    let third = history.steps.len() / 3;
    let mut filled = Filled::NotOpen;
    world.run(history, |world| {
        step += 1;
        if step == third {
            let call = world.disk.calls() + 1;
            world.fault = Some(Fault { call, sticky: true, code: Code::DiskFull });
            world.disk.limit_capacity(Some(world.disk.bytes_used() + room_bytes));
        }
        if step == 2 * third {
            world.disk.limit_capacity(None);
            filled = match world.refuses_writes() {
                None => Filled::NotOpen,
                Some(true) => Filled::Stopped,
                Some(false) => Filled::WentOn,
            };
            if filled == Filled::Stopped {
                world.kill();
            }
            world.fault = None;
            if filled == Filled::WentOn {
                // Work that found no space is tried again after a pause, of which threads would have had time for many.
                // Until then writes that need it are refused.
                world.step(&Step::Background)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(filled)
}

#[test]
fn writes_resume_by_themselves_when_a_full_disk_has_room_again() {
    let count = histories().unwrap_or(10);
    let (mut runs, mut went_on) = (0, 0);
    for history in counted_histories(count) {
        let random = SeededRandom::new(history.seed);
        for _ in 0..4 {
            let room_bytes = random.below(40 << 10) as u64;
            let filled = fill_up(&history, room_bytes);
            let seed = history.seed;
            let place = format!("COPPICE_SEED={seed} with {room_bytes} bytes of room");
            let filled = filled.unwrap_or_else(|trouble| panic!("{place}: {trouble}"));
            went_on += u64::from(filled == Filled::WentOn);
            assert!(filled != Filled::Stopped, "{place}: a full disk is no reason to stop for good");
            runs += 1;
        }
    }
    figures([("runs on a full disk", runs), ("of them without opening again", went_on)]);
    assert!(went_on > 0, "none was open when there was room again");
}
