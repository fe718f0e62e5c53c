/**
 * What is measured, section by section, and what each of them found.
 *
 * @module
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Durability } from '../../ts/index.js';
import { key } from '../data.js';
import type { Differ, Forks, Grown } from './parts/branches.js';
import type { Checkpoints } from './parts/checkpoints.js';
import type { Loaded } from './parts/load.js';
import type { Fresh } from './parts/opened.js';
import type { Puts } from './parts/puts.js';
import type { Regrown } from './parts/regrow.js';
import type { Still } from './parts/still.js';
import { firstReadOfProcess, Running, run } from './run.js';
import { CREDENTIALS, type Server } from './server.js';
import type { Peer, PeerPuts } from './t4.js';

/** Sizes of a run. */
export interface Scale {
  /** Of the large database. */
  keys: number;
  valueBytes: number;
  rounds: number;
  seconds: number;
  /** Of the small one. */
  fewKeys: number;
  /** Whether an owner is killed, of which it takes half a minute to be sure. */
  kills: boolean;
}

export interface Bench {
  server: Server;
  peer: Peer | undefined;
  work: string;
  scale: Scale;
  /** Whether the large database is in the store. */
  isLoaded: boolean;
}

export interface Published {
  loaded: Loaded;
  checkpoints: Checkpoints;
  restart: Still;
  takeover: Still;
}

export interface Regrowth {
  regrown: Regrown[];
  plain: Regrown[];
}

export interface Write {
  width: number;
  ours: Puts[];
  peer: PeerPuts[];
}

export interface Shipping {
  durability: Durability;
  width: number;
  alone: Puts[];
  shipped: Puts[];
}

export interface Opening extends Fresh {
  process: number[];
  peer: number[];
}

/** In milliseconds, from the moment in which the owner begins to close, or is killed, to the first write stored. */
export interface Takeover {
  handed: number[];
  killed: number[];
}

export interface Branching {
  small: Forks;
  large: Forks;
  grown: Grown;
  differ: Differ;
}

export interface Found {
  checkpoints: Published;
  regrowth: Regrowth;
  writes: Write[];
  shipping: Shipping[];
  opening: Opening;
  takeover: Takeover;
  branching: Branching;
}

export type Section = keyof Found;
export const sections: { [S in Section]: (bench: Bench) => Promise<Found[S]> } = {
  checkpoints,
  regrowth,
  writes,
  shipping,
  opening,
  takeover,
  branching,
};

const WIDTHS = [1, 64];

function given({ server, work }: Bench, name: string, folder = name) {
  const { endpoint, bucket } = server;
  return { endpoint, bucket, prefix: name, folder: join(work, folder) };
}

async function rounds(count: number, ...each: ((round: number) => Promise<unknown>)[]): Promise<void> {
  for (let round = 0; round < count; round++) {
    // None always comes first.
    for (const one of round % 2 === 0 ? each : each.toReversed()) await one(round);
  }
}

async function checkpoints(bench: Bench): Promise<Published> {
  const { scale, work } = bench;
  const all = { ...given(bench, 'large'), ...scale };
  const loaded = await run('load', all);
  bench.isLoaded = true;
  const checkpoints = await run('checkpoints', all);
  const restart = await run('still', all);
  const takeover = await run('still', given(bench, 'large', 'another'));
  for (const folder of ['large', 'another']) rmSync(join(work, folder), { recursive: true });
  return { loaded, checkpoints, restart, takeover };
}

async function regrowth(bench: Bench): Promise<Regrowth> {
  const all = { ...given(bench, 'large'), ...bench.scale };
  if (!bench.isLoaded) await run('load', all);
  rmSync(all.folder, { recursive: true, force: true });
  const [regrown, plain]: [Regrown[], Regrown[]] = [[], []];
  const fresh = { ...all, folder: join(bench.work, 'fresh') };
  const one = async (part: 'regrow' | 'plain', answers: Regrown[]) => {
    answers.push(await run(part, fresh));
    rmSync(fresh.folder, { recursive: true });
  };
  await rounds(
    bench.scale.rounds,
    () => one('regrow', regrown),
    () => one('plain', plain),
  );
  return { regrown, plain };
}

async function writes(bench: Bench): Promise<Write[]> {
  const { scale, peer, server, work } = bench;
  const all: Write[] = WIDTHS.map((width) => ({ width, ours: [], peer: [] }));
  for (const { width, ours, peer: theirs } of all) {
    const name = (round: number) => `writes-${width}-${round}`;
    await rounds(
      scale.rounds,
      async (round) => {
        const settings = { hasStore: true, durability: 'remote', width, seconds: scale.seconds } as const;
        ours.push(await run('puts', { ...given(bench, name(round)), ...settings }));
      },
      async (round) => {
        if (peer === undefined) return;
        const folder = join(work, `t4-${name(round)}`);
        theirs.push(peer.puts(server, `t4-${name(round)}`, folder, width, scale.seconds));
      },
    );
  }
  return all;
}

async function shipping(bench: Bench): Promise<Shipping[]> {
  const levels: Durability[] = ['process', 'disk'];
  const all = levels.flatMap((durability) =>
    WIDTHS.map((width): Shipping => ({ durability, width, alone: [], shipped: [] })),
  );
  for (const { durability, width, alone, shipped } of all) {
    const one = async (hasStore: boolean, round: number): Promise<Puts> => {
      const at = given(bench, `shipping-${durability}-${width}-${hasStore}-${round}`);
      const answer = await run('puts', { ...at, hasStore, durability, width, seconds: bench.scale.seconds });
      rmSync(at.folder, { recursive: true });
      return answer;
    };
    await rounds(
      bench.scale.rounds,
      async (round) => alone.push(await one(false, round)),
      async (round) => shipped.push(await one(true, round)),
    );
  }
  return all;
}

async function opening(bench: Bench): Promise<Opening> {
  const { scale, peer, server, work } = bench;
  const keys = scale.fewKeys;
  const all = given(bench, 'small');
  await run('load', { ...all, keys });
  const figures = await run('fresh', { ...given(bench, 'small', 'small-fresh'), keys, rounds: 2 * scale.rounds });
  const process: number[] = [];
  const { accessKeyId, secretAccessKey } = CREDENTIALS;
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: 'us-east-1' };
  const name = `s3://${server.bucket}/small?endpoint=${server.endpoint}`;
  await rounds(scale.rounds, async (round) => {
    process.push(await firstReadOfProcess(name, join(work, `process-${round}`), key(keys >> 1), env));
  });
  const theirs = peer?.fresh(server, 't4-fresh', join(work, 't4-fresh'), keys, 2 * scale.rounds) ?? [];
  return { ...figures, process, peer: theirs };
}

/** Of a mebibyte. */
const SMALL_KEYS = 1024;
const CHANGES = 1_000;

async function branching(bench: Bench): Promise<Branching> {
  const { scale } = bench;
  const large = { ...given(bench, 'large'), ...scale };
  if (!bench.isLoaded) await run('load', large);
  bench.isLoaded = true;
  const small = given(bench, 'mebibyte');
  await run('load', { ...small, keys: SMALL_KEYS, valueBytes: scale.valueBytes });
  const found: Forks[] = [];
  for (const { prefix, folder, endpoint, bucket } of [small, large]) {
    found.push(await run('forks', { endpoint, bucket, prefix, folder, rounds: 10 * scale.rounds }));
  }
  const few = given(bench, 'branches');
  await run('load', { ...few, keys: scale.fewKeys });
  const grown = await run('grown', { ...few, keys: scale.fewKeys, rounds: 5 * scale.rounds });
  const differ = await run('differ', { ...large, changes: CHANGES });
  rmSync(large.folder, { recursive: true });
  return { small: found[0] as Forks, large: found[1] as Forks, grown, differ };
}

/** The standby has read everything there is by then. */
const FOLLOWS_MS = 2_000;

async function takeover(bench: Bench): Promise<Takeover> {
  const figures: Takeover = { handed: [], killed: [] };
  const one = async (kind: keyof Takeover, round: number): Promise<void> => {
    const prefix = `takeover-${kind}-${round}`;
    const owner = new Running('lead', given(bench, prefix, `${prefix}-a`));
    await owner.said('leads');
    const standby = new Running('stand', given(bench, prefix, `${prefix}-b`));
    await standby.said('stands');
    await setTimeout(FOLLOWS_MS + 313 * round);
    let beganMs = performance.timeOrigin + performance.now();
    if (kind === 'killed') owner.kill();
    else {
      owner.tell();
      beganMs = await owner.said('closes');
    }
    figures[kind].push((await standby.answer()).wroteMs - beganMs);
  };
  await rounds(2 * bench.scale.rounds, (round) => one('handed', round));
  if (bench.scale.kills) await one('killed', 0);
  return figures;
}

/** An empty folder for a run. */
export function emptied(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}
