/**
 * SHA-256 on another thread, for what may be long.
 *
 * @module
 */

export async function sha256Of(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}
