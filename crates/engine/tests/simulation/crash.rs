//! A power cut at every disk call of a history: what is recovered is a prefix of it that holds every durable write.

use crate::check::{self, Bounds, Check, FOLDER, recovers};
use crate::history::History;
use crate::report::{base_seed, figures, histories, say};
use crate::world::{Seen, World};
use coppice_engine::disk::SyncPoint;
use coppice_engine::disk::simulated::{Image, Loss, SimulatedDisk};
use coppice_engine::environment::Clock;
use coppice_engine::key::Revision;
use coppice_engine::simulation::{FixedClock, SeededRandom};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// What a history was put through.
pub struct Crashed {
    /// Disk calls, each of which was a place to crash. A crash before a call that only reads leaves the same disk as one
    /// before the next call that changes something, and is tried there.
    pub calls: u64,
    /// Disks that were recovered. Where all that is not synced is lost, only those that differ from the one before.
    pub states: u64,
    /// Nothing if the history is not one that counts.
    pub seen: Option<Seen>,
}

/// Runs a history and crashes it everywhere, if need be with one kind of sync left out.
pub fn crash_everywhere(history: &History, skipped: Option<SyncPoint>) -> Check<Crashed> {
    let mut world = World::new(history.seed);
    world.disk.skip_sync(skipped);
    world.disk.start_images();
    let crashed = crash_between_steps(&mut world, history);
    if crashed.is_err() {
        world.show_calls();
    }
    Ok(Crashed { calls: world.disk.calls(), states: crashed?, seen: world.saw_enough() })
}

fn crash_between_steps(world: &mut World, history: &History) -> Check<u64> {
    let (mut states, mut synced) = (0, None);
    world.run(history, |world| {
        for (call, image) in world.disk.take_images() {
            states += crash_at(world, call, &image, &mut synced)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    world.kill();
    Ok(states + crash_at(world, world.disk.calls() + 1, &world.disk.image(), &mut synced)?)
}

/// What a crash just before a call must leave.
fn bounds(world: &World, call: u64) -> Bounds<'_> {
    Bounds { trimmed: world.claims.trimmed_before(call), ..world.bounds(world.claims.before(call)) }
}

/// What a crash that loses all that is not synced left last, what it had to hold, and how many checkpoints.
type Synced = Option<(Image, Revision, usize)>;

/// Recovers from a crash just before `call`, with everything unsynced lost and with a random part of it lost.
fn crash_at(world: &World, call: u64, image: &Image, synced: &mut Synced) -> Check<u64> {
    let seed = SeededRandom::new(world.disk.calls() ^ call << 32).next();
    let clock_ms = world.clock.now_ms();
    let bounds = bounds(world, call);
    let checkpoints = world.checkpoints.iter().filter(|checkpoint| checkpoint.calls < call).count();
    let mut states = 0;
    for loss in [Loss::Everything, Loss::Random(seed)] {
        let found = image.after_crash(loss);
        if loss == Loss::Everything {
            // Most calls sync nothing, so that it is the same disk again.
            let left = Some((found.clone(), bounds.least, checkpoints));
            if left == *synced {
                continue;
            }
            *synced = left;
        }
        let recover = || {
            recovers(&SimulatedDisk::new(found.clone()), clock_ms, seed, &bounds)?;
            checkpoints_hold(world, call, &found)?;
            crash_again(world, call, &found, seed)
        };
        let place = || format!("crash at call {call} with {loss:?}");
        states += 1 + recover().map_err(|trouble| trouble.at(place()))?;
    }
    Ok(states)
}

/// Checkpoints that were announced are databases of their own, whatever becomes of the one they were taken from.
fn checkpoints_hold(world: &World, call: u64, found: &Image) -> Check {
    for checkpoint in world.checkpoints.iter().filter(|checkpoint| checkpoint.calls < call) {
        // Nothing touches them any more, so that most later crashes would look at the same bytes.
        if call - checkpoint.calls > 20 && !call.is_multiple_of(32) {
            continue;
        }
        let clock = Arc::new(FixedClock::new(world.clock.now_ms()));
        let db = check::open(&SimulatedDisk::new(found.clone()), &clock, call, &checkpoint.folder)?;
        let bounds = check::Bounds { most: checkpoint.revision, ..world.bounds(checkpoint.revision) };
        check::is_prefix(&db, &bounds).map_err(|trouble| trouble.at("in a checkpoint"))?;
    }
    Ok(())
}

/// Now and then the power goes again while the database recovers.
fn crash_again(world: &World, call: u64, found: &Image, seed: u64) -> Check<u64> {
    let random = SeededRandom::new(!seed);
    if !random.chance(10) {
        return Ok(0);
    }
    let disk = SimulatedDisk::new(found.clone());
    disk.start_images();
    drop(check::open(&disk, &world.clock, seed, Path::new(FOLDER))?);
    let images = disk.take_images();
    if images.is_empty() {
        return Ok(0);
    }
    let (second, image) = &images[random.below(images.len())];
    let found = SimulatedDisk::new(image.after_crash(Loss::Random(random.next())));
    let recovered = recovers(&found, world.clock.now_ms(), seed, &bounds(world, call));
    recovered.map_err(|trouble| trouble.at(format!("second crash, at call {second} of the recovery")))?;
    Ok(1)
}

/// Histories that count, from consecutive seeds; nearly all do.
pub fn counted_histories(count: u64) -> impl Iterator<Item = History> {
    let seed = base_seed();
    say(format_args!("COPPICE_SEED={seed}"));
    (seed..seed + count).map(History::new)
}

#[test]
fn a_crash_at_any_disk_call_leaves_a_prefix_with_every_durable_write() {
    figures(crash_histories(histories().unwrap_or(10)));
}

#[test]
fn an_encrypted_database_survives_a_crash_at_any_disk_call_as_a_plain_one_does() {
    let found = check::encrypted(|| crash_histories(histories().unwrap_or(10).div_ceil(5)));
    figures(found.into_iter().take(3));
}

fn crash_histories(wanted: u64) -> Vec<(&'static str, u64)> {
    let (mut counted, mut calls, mut states) = (0, 0, 0);
    let mut all = Seen::default();
    for history in counted_histories(2 * wanted) {
        let seed = history.seed;
        match crash_everywhere(&history, None) {
            Ok(crashed) => {
                calls += crashed.calls;
                states += crashed.states;
                counted += u64::from(crashed.seen.is_some());
                all.add(crashed.seen.unwrap_or_default());
            }
            Err(trouble) => panic!("COPPICE_SEED={seed}: {trouble}"),
        }
        if counted == wanted {
            break;
        }
    }
    assert_eq!(counted, wanted, "too few histories saw everything that a history must see");
    let crashed =
        [("histories", counted), ("disk calls crashed at", calls), ("crash states recovered", states)];
    crashed.into_iter().chain(all.named()).collect()
}
