/**
 * `coppice trim`: forgets the past of a database with history.
 *
 * @module
 */

import { type Call, type Command, EXIT, type Exit, parseRevision } from '../command.js';

export const trim: Command = {
  name: 'trim',
  summary: 'forget all that was before a revision, of a database with history, and give its room back',
  positionals: ['PATH', 'REVISION'],
  flags: { 'dry-run': { type: 'boolean', help: 'print which revisions would be forgotten' } },
  async run(call) {
    const revision = parseRevision(call.positionals[1] as string, 'REVISION');
    if (call.has('dry-run')) return rehearse(call, revision);
    const trimRevision = await call.withDatabase({}, async (db) => {
      await db.trim(revision);
      // Nobody keeps the database open for compaction to get to it.
      await db.compact();
      return db.stats().history?.trimRevision;
    });
    if (call.has('json')) await call.terminal.json({ trimRevision });
    return EXIT.OK;
  },
};

async function rehearse(call: Call, revision: number): Promise<Exit> {
  const oldest = await call.withDatabase({ readOnly: true }, async (db) => {
    const { trimRevision = 0 } = db.stats().history ?? {};
    // Is refused as the trim would be.
    if (revision > trimRevision) await db.has(Buffer.alloc(0), { at: revision });
    return trimRevision;
  });
  const revisions = Math.max(0, revision - Math.max(1, oldest));
  if (call.has('json')) await call.terminal.json({ trimRevision: Math.max(oldest, revision), revisions, dryRun: true });
  else
    await call.terminal.line(
      `would forget ${revisions} revisions: none before ${Math.max(oldest, revision)} could be read`,
    );
  return EXIT.OK;
}
