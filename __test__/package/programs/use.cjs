// The same by `require`, from CommonJS.

const { open } = require('coppice');

(async () => {
  const db = await open(process.argv[2]);
  await db.put('here', 'require');
  console.log(JSON.stringify([await db.get('here'), await db.get('thread')]));
  await db.close();
})();
