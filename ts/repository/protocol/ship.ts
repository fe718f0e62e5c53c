/**
 * The log of an owner goes to the store: slot after slot, one put in flight, each with everything that has gathered since
 * the last. A slot that is stored acknowledges its records.
 *
 * @module
 */

import { covered } from './checkpoint.js';
import { judge, lookUp, overtake } from './depose.js';
import { slotName } from './names.js';
import { after, type Slot, seal } from './objects.js';
import { askHere, getHead, getSlot, go, isHead, type Part, type Turn } from './turn.js';

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

/** The slot is taken: by our own put whose answer was lost, or by the fence of a successor. */
export const settling: Part = {
  enter: (turn) => askHere(turn, getSlot(turn)),
  answered(turn, answer, request) {
    if (isHead(request)) return judge(turn, answer, 'someone else has written into the log of this epoch');
    if (answer.type !== 'found') return go(turn, 'shipping');
    const { digest, epoch } = answer.body as Slot;
    // Rule recognise: only the very same slot acknowledges.
    if (digest === turn.state.slot?.digest) return shipped(turn);
    if (epoch <= turn.state.epoch) return askHere(turn, getHead(turn));
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
