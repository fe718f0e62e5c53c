/** Opens a folder with a store, as often as it is started; says when it begins, and when it is done. */

import { open } from '../../../ts/index.js';

const [store, folder] = process.argv.slice(2) as [string, string];
process.stdout.write('begins\n');
const db = await open(folder, { store });
process.stdout.write('done\n');
await db.close();
