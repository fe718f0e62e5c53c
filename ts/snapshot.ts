/**
 * A view of the database that later writes do not change.
 *
 * @module
 */

import type { Handle } from './handle.js';
import type { Keyspace } from './keyspace.js';
import { type AnySnapshot, Pin, registerPin } from './pin.js';
import { Reader } from './reader.js';

/**
 * What the database held at one revision; also the time stands still, so nothing expires in it. While it is open the
 * engine keeps what it sees: close it, or let `using` do so. Reads after that throw `COPPICE_CLOSED`.
 *
 * @example
 * ```ts
 * import { open } from 'coppice';
 *
 * const db = await open('./data');
 * await db.put('a', 'before');
 * const snapshot = db.snapshot();
 * await db.put('a', 'after');
 * console.log(await snapshot.get('a')); // before
 * snapshot.close();
 * await db.close();
 * ```
 */
export class Snapshot<K, V> extends Reader<K, V> implements AnySnapshot, Disposable {
  /** The newest revision that the snapshot sees. */
  readonly revision: number;

  /** @internal */
  constructor(handle: Handle, space: Keyspace<K, V>) {
    const engine = handle.live();
    const number = engine.snapshot();
    super(handle, space, new Pin(handle, number));
    this.revision = engine.snapshotRevision(number);
    registerPin(this, this.pin);
  }

  /** Lets go of what the snapshot holds. Harmless twice, and after the database was closed. */
  close(): void {
    this.pin.release();
  }

  /** What `using` calls: `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
