// A utility process of the stand-in: `process.parentPort` over the channel to the parent.

import { EventEmitter } from 'node:events';
import { pathToFileURL } from 'node:url';

const [, , script, ...parameters] = process.argv;
process.argv = [process.argv[0], script, ...parameters];
process.parentPort = Object.assign(new EventEmitter(), { postMessage: (message) => process.send(message) });
await import(pathToFileURL(script).href);
process.on('message', (data) => process.parentPort.emit('message', { data }));
