/**
 * `coppice stats`: figures of a database.
 *
 * @module
 */

import type { Stats } from '../../stats.js';
import { type Command, EXIT } from '../command.js';

export const stats: Command = {
  name: 'stats',
  summary: 'print figures: keys, bytes, levels',
  positionals: ['PATH'],
  flags: { metrics: { type: 'boolean', help: 'in the Prometheus text format' } },
  run(call) {
    return call.withDatabase({ readOnly: true }, async (db) => {
      if (call.has('metrics')) await call.terminal.write(db.metrics());
      else if (call.has('json')) await call.terminal.json(db.stats());
      else await call.terminal.line(table(db.stats()));
      return EXIT.OK;
    });
  },
};

function table(stats: Stats): string {
  const { levels, ...figures } = stats;
  const rows = Object.entries(figures).map(([name, value]) => [name, String(value)] as const);
  for (const [level, { files, bytes }] of levels.entries())
    rows.push([`level ${level}`, `${files} tables, ${bytes} bytes`]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
