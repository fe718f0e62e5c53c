// The main process: one instance, one process that has the database open, one window. It hands calls on and waits for
// nothing itself, so the window stays quick whatever the database does.

import { once } from 'node:events';
import { join } from 'node:path';
import { app, BrowserWindow, dialog, ipcMain, utilityProcess } from 'electron';

/** What a window may ask for. It never names a folder or a call of its own. */
const CALLS = ['list', 'put', 'del'];

const here = import.meta.dirname;
const waiting = new Map();
let asked = 0;
let database;
/** `open`, then `closing`, then `closed`. */
let state = 'open';

// A second instance would find the database locked; the first shows its window instead.
if (app.requestSingleInstanceLock()) {
  app.on('second-instance', () => BrowserWindow.getAllWindows()[0]?.focus());
  app.on('window-all-closed', () => app.quit());
  app.on('before-quit', closeFirst);
  app.whenReady().then(start).catch(fail);
} else {
  app.quit();
}

async function start() {
  // One folder a user and never in the bundle, which is replaced at an update and may be read-only.
  await openDatabase(join(app.getPath('userData'), 'notes'));
  for (const name of CALLS) ipcMain.handle(name, (_event, ...parameters) => call(name, parameters));
  const window = new BrowserWindow({ webPreferences: { preload: join(here, 'preload.cjs'), contextIsolation: true } });
  await window.loadFile(join(here, 'index.html'));
}

async function openDatabase(folder) {
  database = utilityProcess.fork(join(here, 'database.mjs'), [folder], { serviceName: 'database' });
  database.on('message', ({ id, result, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(Object.assign(new Error(error.message), { code: error.code }));
  });
  database.on('exit', () => {
    database = undefined;
    for (const { reject } of waiting.values()) reject(new Error('the process of the database has ended'));
    waiting.clear();
  });
  await once(database, 'spawn');
  await call('open', []);
}

function call(name, parameters) {
  const id = asked++;
  return new Promise((resolve, reject) => {
    if (database === undefined) throw new Error('the process of the database has ended');
    waiting.set(id, { resolve, reject });
    database.postMessage({ id, name, parameters });
  });
}

/** Holds the end of the program up until the database is closed; what was acknowledged is safe without it. */
function closeFirst(event) {
  if (state === 'closed' || database === undefined) return;
  event.preventDefault();
  if (state === 'closing') return;
  state = 'closing';
  const end = () => {
    state = 'closed';
    app.quit();
  };
  call('close', []).then(end, end);
}

function fail(error) {
  // COPPICE_LOCKED: another program has the folder open. Others: docs/errors.md.
  dialog.showErrorBox('The notes cannot be opened', `${error.message} (${error.code ?? 'no code'})`);
  app.exit(1);
}
