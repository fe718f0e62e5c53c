/**
 * SHA-256: of what may be long on another thread, of what is short at once, which takes less time than to hand it over.
 *
 * @module
 */

import { createHash } from 'node:crypto';

const HERE_BYTES_MAX = 32 << 10;

export async function sha256Of(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= HERE_BYTES_MAX) return createHash('sha256').update(bytes).digest('hex');
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}
