// So much of Electron as the example takes, over plain Node: processes are real, windows are a page's script without a page.

import { fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';

const handlers = new Map();
const windows = [];

class App extends EventEmitter {
  requestSingleInstanceLock = () => process.env.STAND_IN_SECOND === undefined;
  getPath = () => process.env.STAND_IN_USER_DATA;
  whenReady = async () => {};
  exit = (code) => process.exit(code);

  quit() {
    let held = false;
    this.emit('before-quit', { preventDefault: () => (held = true) });
    if (!held) process.exit(0);
  }
}

export const app = new App();
export const ipcMain = { handle: (name, handler) => handlers.set(name, handler) };
export const dialog = { showErrorBox: (title, text) => console.log(`${title}: ${text}`) };

/** What goes from one process to another is copied, and an error keeps its message alone. */
async function invoke(name, ...parameters) {
  try {
    return structuredClone(await handlers.get(name)({}, ...structuredClone(parameters)));
  } catch (error) {
    throw new Error(`Error invoking remote method '${name}': ${error}`);
  }
}

export class BrowserWindow {
  static getAllWindows = () => windows;

  constructor({ webPreferences: { preload } }) {
    this.webContents = new EventEmitter();
    const page = createContext({});
    const electron = {
      contextBridge: { exposeInMainWorld: (name, value) => Object.assign(page, { [name]: value }) },
      ipcRenderer: { invoke },
    };
    new Function('require', readFileSync(preload, 'utf8'))(() => electron);
    this.webContents.executeJavaScript = (script) => runInContext(script, page);
    windows.push(this);
    app.emit('browser-window-created', {}, this);
  }

  focus() {}

  async loadFile(path) {
    readFileSync(path);
    this.webContents.emit('did-finish-load');
  }
}

export const utilityProcess = {
  fork(script, parameters) {
    const child = fork(new URL('child.mjs', import.meta.url), [script, ...parameters], { serialization: 'advanced' });
    child.postMessage = (message) => child.send(message);
    return child;
  },
};
