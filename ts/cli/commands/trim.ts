/**
 * `coppice trim`: forgets the past of a database with history.
 *
 * @module
 */

import { type Command, EXIT, parseRevision } from '../command.js';

export const trim: Command = {
  name: 'trim',
  summary: 'forget all that was before a revision, of a database with history, and give its room back',
  positionals: ['PATH', 'REVISION'],
  flags: {},
  async run(call) {
    const revision = parseRevision(call.positionals[1] as string, 'REVISION');
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
