/**
 * The protocol with one safety rule taken out, rule by rule. Each must be noticed by the simulator, or the rule is not
 * needed, or the simulator does not look.
 *
 * @module
 */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Mutant, OF_BRANCHES } from './mutants-of-branches.js';
import type { Protocol } from './node.js';
import { SCHEDULES } from './schedules.js';
import { simulate } from './world.js';

export const MUTANTS: Mutant[] = [
  {
    rule: 'compare-and-set',
    without: 'heads are put over whatever is there',
    edits: [['head', 'const etag = base?.etag ?? null;', 'const etag = undefined as never;']],
  },
  {
    rule: 'nonce',
    without: 'heads of one epoch share a nonce',
    edits: [['head', 'nonce } };', 'nonce: nonce && String(next.epoch) } };']],
  },
  {
    rule: 'head-unmoved',
    without: 'a head that has not moved counts as refused for good',
    edits: [
      [
        'head',
        "return ask(turn, 'changing', { type: 'wait', ms: settings.backOffMsMin });",
        'return end(turn, changing.change, settings === null);',
      ],
    ],
  },
  {
    rule: 'owner-only',
    without: 'whoever owned an epoch goes on changing the head',
    edits: [['change', 'if (!owns(head, change)) return null;', '']],
  },
  {
    rule: 'next-epoch',
    without: 'a claim of an epoch that is taken is made again',
    edits: [['change', 'if (head.epoch !== epoch - 1) return null;', '']],
  },
  {
    rule: 'silence',
    without: 'a claim goes on though the owner has shown that it lives',
    edits: [
      ['change', 'if (silentSince !== null && head.nonce !== silentSince && head.owner !== null) return null;', ''],
    ],
  },
  {
    rule: 'promised',
    without: 'an owner that is idle is taken for dead',
    edits: [['claim', 'return owner.renewMs !== null && nowMs', 'return nowMs']],
  },
  {
    rule: 'claim-above-floor',
    without: 'a claimant may lag behind what has been collected',
    edits: [['change', 'if (head.wal.floor > slot) return null;', '']],
  },
  {
    rule: 'begin-above-floor',
    without: 'a disk that lags behind what has been collected is taken as it is',
    edits: [['follow', '? head.wal.floor <= log.checked : head', '? head.wal.floor < Infinity : head']],
  },
  {
    rule: 'gone-begin-again',
    without: 'a table that is gone is left out',
    edits: [['follow', "if (answer.type !== 'done' || request.type", 'if (request.type']],
  },
  {
    rule: 'chain',
    without: 'a slot need not follow from the one before it',
    edits: [
      [
        'follow',
        "if (previous !== state.log.digest || epoch < state.log.epoch) return go(turn, 'ending');",
        'void previous;',
      ],
    ],
  },
  {
    rule: 'higher-epoch',
    without: 'a claimant reads on over the slots of its successor',
    edits: [['follow', 'if (state.epoch > 0 && epoch > state.epoch) return stopClaiming(turn);', '']],
  },
  {
    rule: 'foreign-fence-cuts',
    without: 'a node keeps what it had not shipped when another took over',
    edits: [['follow', 'if (slot.owner?.disk !== settings.owner.disk)', 'if (settings === null)']],
  },
  {
    rule: 'end-of-log',
    without: 'an empty slot is the end',
    edits: [['follow', ' && head.wal.floor <= log.checked;\n    if', ';\n    if']],
  },
  {
    rule: 'end-of-log',
    without: 'what was read from slots that have been collected since is believed',
    edits: [['follow', 'head.wal.floor <= log.checked;\n    if', 'head.wal.floor <= log.slot;\n    if']],
  },
  {
    rule: 'never-anew',
    without: 'a branch that is gone is created again',
    edits: [['follow', "if (!isNew) return fail(turn, 'the head of the branch is gone');", '']],
  },
  {
    rule: 'never-another',
    without: 'a disk goes over to whatever branch has its name',
    edits: [['follow', "if (state.branchId !== '' && !isSame) return", 'if (!isSame && head === null) return']],
  },
  {
    rule: 'eager',
    without: 'a claimant waits for the end of the log',
    edits: [['claim', 'return epoch === 0 && head', 'return epoch < 0 && head']],
  },
  {
    rule: 'look-up',
    without: 'an owner that never rests does not look at the head',
    edits: [['ship', '  lookUp(turn);\n', '']],
  },
  {
    rule: 'fence',
    without: 'a claimant leads without a fence',
    edits: [['follow', "state.epoch > 0 ? 'fencing' : 'ending'", "state.epoch > 0 ? 'confirming' : 'ending'"]],
  },
  {
    rule: 'confirm',
    without: 'the head is not read after the fence',
    edits: [
      [
        'claim',
        'if (!owns(head, { branchId, epoch, boot: settings.owner.boot })) return stopClaiming(turn);',
        'owns(head, { branchId, epoch, boot: settings.owner.boot });',
      ],
    ],
  },
  {
    rule: 'put-once',
    without: 'slots are put over whatever is there',
    edits: [['ship', 'body: slot, etag: null }', 'body: slot, etag: undefined as never }']],
  },
  {
    rule: 'put-once',
    without: 'fences are put over whatever is there',
    edits: [['claim', 'body, etag: null }', 'body, etag: undefined as never }']],
  },
  {
    rule: 'recognise',
    without: 'a slot that is taken counts as written',
    edits: [['ship', "answer.type === 'stored' ?", "answer.type !== 'unknown' ?"]],
  },
  {
    rule: 'recognise',
    without: 'a slot that is taken counts as lost',
    edits: [['ship', '(answer.body as Slot).digest === turn.state.slot?.digest', 'answer === undefined']],
  },
  {
    rule: 'collected-slot',
    without: 'what stands in a slot that has been collected is believed',
    edits: [['ship', 'head.wal.floor > log.slot', 'head.wal.floor > Infinity']],
  },
  {
    rule: 'collected-slot',
    without: 'a slot that has been collected counts as written',
    edits: [['ship', 'if (!fences.some(({ slot }) => slot === log.slot)) shipped(turn);', 'shipped(turn, fences);']],
  },
  {
    rule: 'same-bytes',
    without: 'after an unknown outcome a slot is put again with more in it',
    edits: [
      [
        'step',
        "answer.type === 'unknown' && purpose !== 'changing'",
        "answer.type === 'unknown' && purpose !== 'changing' && purpose !== 'shipping'",
      ],
      ['ship', "go(turn, 'settling')),", "go(turn, answer.type === 'unknown' ? 'gathering' : 'settling')),"],
    ],
  },
  {
    rule: 'settle-first',
    without: 'callers are told before the put in flight has come to its end',
    edits: [['depose', 'BETWEEN_SLOTS.includes(turn.state.phase)) go', 'leads(turn.state.phase)) go']],
  },
  {
    rule: 'cut-before-fenced',
    without: 'the disk keeps what callers were told has failed',
    edits: [['depose', "{ type: 'cut', position: turn.state.log }", "{ type: 'wait', ms: 1 }"]],
  },
  {
    rule: 'flush-remembers',
    without: 'a checkpoint does not make the disk remember where the log is needed from',
    edits: [['checkpoint', "{ type: 'flush', position }", "{ type: 'flush', position: null as never }"]],
  },
  {
    rule: 'doubt-yourself',
    without: 'a node that misses something takes the store for damaged',
    edits: [
      [
        'checkpoint',
        "return ask(turn, 'comparing', getHead(turn));",
        "return judge(turn, { type: 'found', body: turn.state.head?.head, etag: '' }, 'gone');",
      ],
    ],
  },
  {
    rule: 'head-names',
    without: 'a new owner goes by the manifest that it has restored',
    edits: [
      ['checkpoint', '(manifest === null || key !== manifestName(manifest.branchId, manifest))', 'manifest === null'],
      ['claim', '    state.manifest = null;\n', ''],
    ],
  },
  {
    rule: 'head-names',
    without: 'a new owner uploads everything',
    edits: [
      ['checkpoint', '(manifest === null || key !== manifestName(manifest.branchId, manifest))', 'manifest === head'],
    ],
  },
  {
    rule: 'fresh-name',
    without: 'each checkpoint begins with the same names',
    edits: [['checkpoint', 'const { log: position } = state;', 'const { log: position } = state;\n  state.n = 0;']],
  },
  {
    rule: 'look-again',
    without: 'an object whose put was refused counts as stored',
    edits: [
      [
        'checkpoint',
        "if (answer.type === 'lost') ask(turn, purpose, { type: 'look', key });",
        "if (answer.type === 'lost') return true;",
      ],
    ],
  },
  {
    rule: 'all-uploaded',
    without: 'the manifest does not wait for the tables',
    edits: [['checkpoint', ' || checkpoint.uploading > 0) return', ') return']],
  },
  {
    rule: 'covered',
    without: 'a checkpoint does not wait for the log',
    edits: [
      ['checkpoint', 'if (flushed.seq > state.log.seq || manifest !== null) return;', 'if (manifest !== null) return;'],
    ],
  },
  {
    rule: 'retained-slots',
    without: 'the log is kept for the newest checkpoint only',
    edits: [['change', 'Math.min(...checkpointsOf(slim).map(({ floor }) => floor))', '(slim.manifest?.floor ?? 1)']],
  },
  {
    rule: 'in-flight',
    without: 'what a checkpoint has just uploaded is collected',
    edits: [['collect', 'checkpoint === null ? n : checkpoint.firstN - 1', 'checkpoint === null ? n : n']],
  },
  {
    rule: 'head-before-deleting',
    without: 'objects are deleted before the head has let go of them',
    edits: [
      ['collect', 'propose(turn, {', 'sweepAtOnce(turn, {'],
      [
        'collect',
        '/** Rule head-before-deleting',
        `function sweepAtOnce(turn: Turn, change: Parameters<typeof propose>[1]): void {
  const next = changed(change, turn.state.head?.head ?? null);
  if (next === null) return;
  const kept = namedBy(next).map((named) => manifestName(turn.state.branchId, named));
  turn.state.collection = { head: next, kept, unread: kept };
  spare(turn);
  propose(turn, change);
}

/** Rule head-before-deleting`,
      ],
      ['collect', 'import { propose }', "import { changed } from './change.js';\nimport { propose }"],
      ['collect', 'if (head === null) return;', 'if (head !== null) return;'],
    ],
  },
  {
    rule: 'unread-spares',
    without: 'a manifest that cannot be read names nothing',
    edits: [
      [
        'collect',
        "if (answer.type !== 'found') return endCollection(turn);",
        "if (answer.type !== 'found') return spare(turn);",
      ],
    ],
  },
  {
    rule: 'unread-spares',
    without: 'a manifest that is not known names nothing',
    edits: [['collect', 'kept.filter((key) => known[key] === undefined)', '[]']],
  },
  {
    rule: 'fences-for-ever',
    without: 'fences are collected',
    edits: [['collect', 'return name.slot < wal.floor && !fenced.has(name.slot);', 'return name.slot < wal.floor;']],
  },
  {
    rule: 'later-spared',
    without: 'whatever no manifest names is collected',
    edits: [
      [
        'collect',
        'return name.epoch < collected.epoch || (name.epoch === collected.epoch && name.n <= collected.n);',
        'return collected !== null;',
      ],
    ],
  },
  ...OF_BRANCHES,
];

/** Random seeds that are tried first where a directed run notices. */
const SEEDS_BESIDE_DIRECTED = 20;

const root = fileURLToPath(new URL('../..', import.meta.url));
const original = join(root, 'ts/repository/protocol');

/** The protocol without the rule, made beside the build of the project, and forgotten again. */
export async function withoutRule({ rule, edits }: Mutant): Promise<Protocol> {
  const folder = join(root, '.cache/mutants', `${process.pid}-${rule}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(folder, { recursive: true });
  try {
    cpSync(original, folder, { recursive: true });
    for (const [file, found, instead] of edits) {
      const path = join(folder, `${file}.ts`);
      const parts = readFileSync(path, 'utf8').split(found);
      if (parts.length !== 2) throw new Error(`${rule}: ${file}.ts has "${found}" ${parts.length - 1} times`);
      writeFileSync(path, parts.join(instead));
    }
    return (await import(pathToFileURL(join(folder, 'index.ts')).href)) as Protocol;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** How a protocol was found out: after so many seeds, or, where they are rare, by the directed run for this rule. */
export interface Noticed {
  seeds: number | undefined;
  violation: string;
}

export function notices(protocol: Protocol, rule: string, first: number, seedsMax: number): Noticed | undefined {
  const directed = violation(() => SCHEDULES[rule]?.(protocol));
  for (let seed = first; seed < first + (directed === undefined ? seedsMax : SEEDS_BESIDE_DIRECTED); seed++) {
    const random = violation(() => simulate(protocol, seed));
    if (random !== undefined) return { seeds: seed - first + 1, violation: random };
  }
  return directed === undefined ? undefined : { seeds: undefined, violation: directed };
}

function violation(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as Error).message.split(':', 2).join(':');
  }
}
