// `npm start`: makes the clone ready, then shows what Coppice does. Arguments go to the tour: see --help.

await import('./ready.mjs');
await import('../dist/tour/main.js');
