// All that the page gets: three functions. It has neither Node nor the database.

const { contextBridge, ipcRenderer } = require('electron');

contextBridge.exposeInMainWorld('notes', {
  list: (prefix) => ipcRenderer.invoke('list', prefix),
  put: (key, value) => ipcRenderer.invoke('put', key, value),
  del: (key) => ipcRenderer.invoke('del', key),
});
