//! Random histories, cut off at any call of the disk, over several lives of the same folder.

use super::*;
use crate::disk::SyncPoint;
use crate::disk::simulated::Loss;
use crate::simulation::SeededRandom;

/// What a right log would hold.
struct Model {
    /// Record `n` stands at `n - 1`.
    records: Vec<Vec<u8>>,
    /// How many of them may not be lost.
    durable: u64,
    attempts: u64,
}

/// Lives one history; what went wrong comes back as text.
fn live(seed: u64, skipped: Option<SyncPoint>) -> std::result::Result<(), String> {
    let random = SeededRandom::new(seed);
    let mut world = World::new();
    world.seed = seed;
    let mut model = Model { records: Vec::new(), durable: 0, attempts: 0 };
    for life in 0..6 {
        world.disk.skip_sync(skipped);
        // Half of the crashes come early, some in the middle of recovery.
        let limit = if random.chance(50) { 30 } else { 300 };
        world.disk.crash_at(world.disk.calls() + 1 + random.below(limit) as u64);
        let outcome = world.recover();
        if let Ok((recovered, bodies)) = outcome {
            check(&world, &mut model, &recovered, &bodies).map_err(|text| format!("life {life}: {text}"))?;
            let log = world.log(recovered);
            while act(&mut world, &mut model, &log, &random).is_ok() {
                if random.chance(1) {
                    break;
                }
            }
            model.durable = model.durable.max(log.durable().sequence);
        } else if let Err(error) = outcome
            && error.code() == crate::error::Code::Corrupt
        {
            return Err(format!("life {life}: {error}"));
        }
        match random.below(4) {
            // Only the process ends: nothing that was written is lost.
            0 => world.disk = world.disk.clone_image(),
            1 => world.crash(Loss::Everything),
            _ => world.crash(Loss::Random(random.next())),
        }
    }
    let (recovered, bodies) = world.recover().map_err(|error| format!("at the end: {error}"))?;
    check(&world, &mut model, &recovered, &bodies)
}

/// Compares what was read with the model, which forgets what the machine forgot.
fn check(
    world: &World,
    model: &mut Model,
    recovered: &Recovered,
    bodies: &[Vec<u8>],
) -> std::result::Result<(), String> {
    let flushed = world.floor.flushed_sequence;
    let newest = flushed + bodies.len() as u64;
    if newest < model.durable {
        return Err(format!("{newest} records came back where {} were durable", model.durable));
    }
    if bodies != &model.records[flushed as usize..newest as usize] {
        return Err("a record came back that was not written there".to_owned());
    }
    if recovered.largest_number != 0 && recovered.last.is_some_and(|last| last.sequence > newest) {
        return Err("the newest record was not given out".to_owned());
    }
    model.records.truncate(newest as usize);
    model.durable = newest;
    Ok(())
}

fn act(world: &mut World, model: &mut Model, log: &Log, random: &SeededRandom) -> Result<()> {
    match random.below(20) {
        0..=9 => {
            model.attempts += 1;
            let sizes = if random.chance(3) { 3_000 } else { 200 };
            let body = record(model.records.len() as u64 + 1, model.attempts, random.below(sizes));
            log.append(&body)?;
            model.records.push(body);
        }
        10..=11 => log.write_out()?,
        12..=14 => {
            let durable = log.sync()?;
            assert_eq!(durable.sequence, model.records.len() as u64);
        }
        15..=16 => log.prepare_spare(|| ())?,
        17 => world.clock.advance(random.below(30_000) as i64),
        18 => {
            // A flush: tables hold all records now, and the manifest says so durably.
            world.floor =
                LogFloor { segment: log.active_segment(), flushed_sequence: model.records.len() as u64 };
            model.durable = world.floor.flushed_sequence;
            log.release(world.floor)?;
        }
        _ if random.chance(10) => {
            log.close()?;
            model.durable = model.records.len() as u64;
            return log.append(&record(model.records.len() as u64 + 1, 0, 0)).map(drop);
        }
        _ => {}
    }
    Ok(())
}

#[test]
fn no_crash_loses_what_was_durable_or_brings_back_what_was_not_written() {
    let mut seeds = crate::testing::Seeded::new();
    for _ in 0..1_000 {
        let seed = seeds.next();
        if let Err(text) = live(seed, None) {
            panic!("history {seed}: {text}");
        }
    }
}

#[test]
fn each_sync_of_the_log_is_needed() {
    for point in [SyncPoint::LogRecords, SyncPoint::LogFolder, SyncPoint::SegmentPrepared, SyncPoint::LogCut]
    {
        let noticed = (0..3_000).any(|seed| live(seed, Some(point)).is_err());
        assert!(noticed, "histories without {point:?} pass too");
    }
}
