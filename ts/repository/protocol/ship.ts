/**
 * The log of an owner goes to the store: slot after slot, one put in flight, each with everything that has gathered since
 * the last. A slot that is stored acknowledges its records.
 *
 * @module
 */

import { covered } from './checkpoint.js';
import { isOurs, lookUp, overtake } from './depose.js';
import { manifestName, slotName } from './names.js';
import { after, type Head, type Manifest, type Slot, seal } from './objects.js';
import { askHere, fail, getHead, getSlot, go, isHead, type Part, type Turn } from './turn.js';

/** Between two slots: the only place where an owner decides what comes next. */
export const leading: Part = {
  enter(turn) {
    const { overtaken, closing, logged, due, log, settings } = turn.state;
    // What a slot had no room for has waited, and there is enough of it for the next.
    const lingers = settings.lingerMs > 0 && !closing && log.seq >= due;
    // Rule settle-first: a put in flight comes to its end before anyone is told that it has failed.
    if (overtaken) go(turn, 'cutting');
    else if (logged > log.seq) go(turn, lingers ? 'lingering' : 'gathering');
    else if (closing) go(turn, 'releasing');
  },
};

export const lingering: Part = {
  enter: (turn) => askHere(turn, { type: 'wait', ms: turn.state.settings.lingerMs }),
  answered: (turn) => go(turn, 'gathering'),
};

export const gathering: Part = {
  enter(turn) {
    const { log, logged } = turn.state;
    turn.state.due = logged;
    askHere(turn, { type: 'read log', after: log.seq });
  },
  answered(turn, answer) {
    const { overtaken, branchId, epoch, log } = turn.state;
    if (overtaken || answer.type !== 'records') return go(turn, 'leading');
    turn.state.slot = seal({ branchId, epoch, slot: log.slot, previous: log.digest, records: answer.records });
    go(turn, 'shipping');
  },
};

export const shipping: Part = {
  enter(turn) {
    const { branchId, slot } = turn.state;
    // Rule put-once: a slot is created where nothing stands, or not at all.
    if (slot !== null) askHere(turn, { type: 'put', key: slotName(branchId, slot.slot), body: slot, etag: null });
  },
  answered: (turn, answer) => (answer.type === 'stored' ? shipped(turn) : go(turn, 'settling')),
};

/** The slot is taken: by our own put whose answer was lost, or by someone else. */
export const settling: Part = {
  enter: (turn) => askHere(turn, getSlot(turn)),
  answered(turn, answer) {
    if (answer.type !== 'found') return go(turn, 'shipping');
    // Rule recognise: only the very same slot acknowledges.
    if ((answer.body as Slot).digest === turn.state.slot?.digest) shipped(turn);
    else go(turn, 'disputing');
  },
};

/**
 * Something else stands in the slot: the fence of a successor, or, if a successor has read our slot and let go of it, the
 * fence of someone too late. The head says whether the slot was still kept when it was read; if not, the manifest of the
 * head says where all fences were.
 */
export const disputing: Part = {
  enter: (turn) => askHere(turn, getHead(turn)),
  answered(turn, answer, request) {
    const { branchId, log } = turn.state;
    if (isHead(request)) {
      if (isOurs(turn, answer)) return fail(turn, 'someone else has written into the log of this epoch');
      const head = answer.type === 'found' ? (answer.body as Head) : null;
      // Rule collected-slot: what stands below the floor does not say what stood there.
      if (head?.manifest && head.branchId === branchId && head.wal.floor > log.slot) {
        return askHere(turn, { type: 'get', key: manifestName(branchId, head.manifest) });
      }
    } else {
      // It has been collected as well, and the head names a newer one.
      if (answer.type !== 'found') return go(turn, 'disputing');
      const { fences } = (answer.body as Manifest).position;
      if (!fences.some(({ slot }) => slot === log.slot)) shipped(turn);
    }
    overtake(turn);
    go(turn, 'leading');
  },
};

function shipped(turn: Turn): void {
  const { state } = turn;
  if (state.slot === null) return;
  const position = after(state.log, state.slot);
  state.log = { ...position, checked: position.slot };
  turn.actions.push({ type: 'acknowledge', position: state.log });
  covered(turn);
  lookUp(turn);
  go(turn, 'leading');
}
