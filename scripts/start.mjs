// `npm start`: makes the clone ready, then shows what Coppice does. Arguments go to the tour: see --help, which is answered
// here because it is no reason to build anything.

const HELP = `npm start [-- OPTIONS]
  Loads a dictionary into a Coppice database, asks it questions, measures it, kills a writer, shows what
  is left, destroys a disk, grows it back from a store, and rehearses a change on a branch of it.
  The first time it sets everything up before, for some minutes.

  --path FOLDER  where the databases of the tour are made (.coppice-tour)
  --fresh        load the dictionary again, even if an earlier run did
  --limit N      load only the first N meanings; questions about others find nothing
  --json         print one JSON document with all figures: npm start --silent -- --json
  -h, --help     print this

  Ctrl-C ends it at any moment; the database it leaves opens, and the next run goes on with it.`;

if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
  console.log(HELP);
} else {
  await import('./ready.mjs');
  await import('../dist/tour/main.js');
}
