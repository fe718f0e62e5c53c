/**
 * What may be done to a head. Each change is a pure function of the head it meets: `changed` answers the new head, or
 * nothing if what the change rests on no longer holds. It may be asked again and again, of newer and newer heads.
 *
 * @module
 */

import { checkpointsOf, type Head, type Manifest, type Named, ORIGIN, type Owner, type Policy } from './objects.js';

export type Change =
  | {
      readonly kind: 'create';
      /** The nonce of the tombstone that it replaces; null: there is no head. */
      readonly over: string | null;
      readonly name: string;
      readonly branchId: string;
      readonly owner: Owner;
      readonly policy: Policy;
    }
  | {
      readonly kind: 'claim';
      readonly branchId: string;
      readonly epoch: number;
      readonly owner: Owner;
      /** Where the claimant has got to in the log. */
      readonly slot: number;
      /** The nonce that the owner has not changed for too long; nothing if it does not matter whether it lives. */
      readonly silentSince: string | null;
    }
  | OfOwner<{ readonly kind: 'renew' }>
  | OfOwner<{ readonly kind: 'release'; readonly slot: number }>
  | OfOwner<{
      readonly kind: 'checkpoint';
      readonly manifest: Named;
      readonly slot: number;
      readonly trimRevision: number;
    }>
  | OfOwner<{ readonly kind: 'collect'; readonly n: number }>;

/** What only the owner of an epoch may do. */
type OfOwner<C> = C & { readonly branchId: string; readonly epoch: number; readonly boot: string };

/** The head after the change; the nonce is the caller's. */
export function changed(change: Change, head: Head | null): Head | null {
  // Whoever has lost does not know whether its branch was there for a while.
  if (change.kind === 'create') return (head?.nonce ?? null) === change.over ? created(change, head) : null;
  if (head === null || head.branchId !== change.branchId) return null;
  if (change.kind === 'claim') return claimed(change, head);
  // Rule owner-only: a head that has another owner is no longer this node's to change.
  if (!owns(head, change)) return null;
  switch (change.kind) {
    case 'renew':
      return head;
    case 'release':
      return { ...head, owner: null, wal: withHint(head, change.slot) };
    case 'checkpoint': {
      const retained = head.manifest === null ? head.retained : [...head.retained, head.manifest];
      const trimRevision = Math.max(head.trimRevision, change.trimRevision);
      return { ...head, manifest: change.manifest, retained, wal: withHint(head, change.slot), trimRevision };
    }
    case 'collect':
      return slimmer(head, change.n);
  }
}

/** Lets go of the checkpoints that the policy does not ask for any more, of the log before the rest, and of what no checkpoint named. */
export function slimmer(head: Head, n: number): Head {
  const slim = { ...head, retained: kept(head), collected: { epoch: head.epoch, n } };
  // Rule retained-slots: what an older checkpoint needs of the log is kept as long as the checkpoint is.
  const floor = Math.max(head.wal.floor, Math.min(...checkpointsOf(slim).map(({ floor }) => floor)));
  if (!Number.isFinite(floor)) return slim;
  return { ...slim, wal: { ...head.wal, floor } };
}

/** Whether the node that started with this boot owns this epoch of the branch. */
export function owns(head: Head, { branchId, epoch, boot }: { branchId: string; epoch: number; boot: string }) {
  return head.branchId === branchId && head.epoch === epoch && head.owner?.boot === boot;
}

/** What a head says of a branch of which nothing more is known. */
type First = Pick<Head, 'name' | 'branchId' | 'nonce' | 'epoch' | 'policy'>;

export function firstHead(first: First): Head {
  const wal = { floor: ORIGIN.slot, hint: ORIGIN.slot };
  return {
    format: 1,
    kind: 'branch',
    ...first,
    owner: null,
    manifest: null,
    retained: [],
    wal,
    collected: { epoch: 0, n: 0 },
    trimRevision: 0,
    state: 'live',
    expiresMs: null,
    origin: null,
    pins: [],
    lineage: [],
    retiring: null,
    fences: null,
  };
}

function created({ name, branchId, owner, policy }: Change & { kind: 'create' }, before: Head | null): Head {
  // Rule epochs-go-on: a name has each epoch once, whichever branch it belongs to.
  const epoch = (before?.epoch ?? 0) + 1;
  return { ...firstHead({ name, branchId, nonce: '', epoch, policy }), owner };
}

/** The first head of a branch that begins with a database that was there before. Nobody owns it yet. */
export function adopted(first: {
  readonly name: string;
  readonly nonce: string;
  readonly policy: Policy;
  /** Of the tombstone under its name; 0, if there is none. */
  readonly epochBefore: number;
  readonly manifest: Manifest;
  /** Of the manifest. */
  readonly digest: string;
  readonly trimRevision: number;
}): Head {
  const { name, nonce, policy, epochBefore, digest, trimRevision } = first;
  const { branchId, epoch, n, seq, revision, timeMs, position } = first.manifest;
  const { slot } = position;
  const manifest: Named = { epoch, n, sha256: digest, seq, revision, timeMs, floor: slot, end: slot };
  const wal = { floor: slot, hint: slot };
  // What attempts before have left is of no later epoch than this, and goes as whatever is older than an owner does.
  const head = firstHead({ name, branchId, nonce, epoch: Math.max(epoch, epochBefore), policy });
  return { ...head, manifest, wal, trimRevision };
}

function claimed({ epoch, owner, slot, silentSince }: Change & { kind: 'claim' }, head: Head): Head | null {
  // Rule next-epoch: an epoch has one owner for ever.
  if (head.epoch !== epoch - 1) return null;
  // Rule silence: an owner that has shown a sign of life since is left in peace.
  if (silentSince !== null && head.nonce !== silentSince && head.owner !== null) return null;
  // Rule claim-above-floor: below it an empty slot is not the end of the log.
  if (head.wal.floor > slot) return null;
  return { ...head, epoch, owner, wal: withHint(head, slot) };
}

function withHint(head: Head, slot: number): Head['wal'] {
  return { ...head.wal, hint: Math.max(head.wal.hint, slot) };
}

/** The retained manifests that the policy still asks for. */
function kept({ manifest, retained, policy }: Head): readonly Named[] {
  if (manifest === null) return retained;
  const since = manifest.timeMs - policy.retainMs;
  return retained.filter((_, index) => {
    // A moment is read from the last checkpoint before it: one is needed until the next is old enough.
    const next = retained[index + 1] ?? manifest;
    return retained.length - index <= policy.keep || next.timeMs > since;
  });
}
