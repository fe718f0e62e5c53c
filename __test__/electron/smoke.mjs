// Runs the example as its user would: opens the window, keeps a note in its page, reads it back, and quits. Prints what the
// page has seen; `electron .` runs this in place of the main file of the example.

import { app } from 'electron';

app.on('browser-window-created', (_event, { webContents }) => {
  webContents.once('did-finish-load', async () => {
    const script = `(async () => {
      await notes.put('note/smoke', { text: 'kept' });
      await notes.put('note/large', { text: 'x'.repeat(1_000_000) });
      const seen = Object.fromEntries((await notes.list('note/')).map(([key, { text }]) => [key, text.length]));
      await notes.del('note/large');
      const refused = await notes.put(7, {}).catch((error) => error.message);
      return { seen, refused };
    })()`;
    const found = await webContents.executeJavaScript(script).catch((error) => ({ error: error.message }));
    console.log(`seen: ${JSON.stringify(found)}`);
    app.quit();
  });
});

await import('./main.mjs');
