/**
 * `coppice log`: prints what happened to the branches in a store, as lines, as a graph or as a picture.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CoppiceError } from '../../errors.js';
import { storeLog } from '../../log.js';
import { type Command, EXIT, encryption, usage } from '../command.js';
import { graphOf } from '../picture/graph.js';
import { svgOf } from '../picture/svg.js';
import { timeOf, wordsOf } from '../picture/words.js';
import { printable } from '../text.js';

export const log: Command = {
  name: 'log',
  summary:
    'print what happened to the branches in a store, newest first: checkpoints that are kept, branch points, tags, takeovers, trims; exit code 1 if there is none',
  positionals: ['STORE'],
  flags: {
    branch: { type: 'string', value: 'NAME', help: 'only of this branch, and of when others grew from it' },
    graph: { type: 'boolean', help: 'with a lane for each branch' },
    svg: { type: 'string', value: 'FILE', help: 'write a picture of it instead; a file that is there is replaced' },
  },
  async run(call) {
    const [branch, file] = [call.text('branch'), call.text('svg')];
    if (call.has('graph') && (call.has('json') || file !== undefined))
      throw usage('give --graph, --svg or --json, one');
    const events = await storeLog(call.positionals[0] as string, {
      ...encryption(),
      ...(branch !== undefined && { branch }),
    });
    if (file !== undefined) {
      const location = resolve(file);
      await writeFile(location, svgOf(events)).catch((cause) => {
        throw new CoppiceError('IO', `cannot write ${location}: ${cause.message}`, {
          cause,
          details: { file: location },
        });
      });
      if (call.has('json')) await call.terminal.json({ location, events: events.length });
      else await call.terminal.line(`${events.length} events are drawn in ${location}`);
    } else if (call.has('json')) {
      for (const event of events) await call.terminal.json(event);
    } else {
      const lines = call.has('graph')
        ? graphOf(events)
        : events.map((event) => `${timeOf(event)}  ${printable(event.branch)}  ${wordsOf(event)}`);
      for (const line of lines) await call.terminal.line(line);
    }
    return events.length > 0 ? EXIT.OK : EXIT.NO;
  },
};
