/** How vitest runs the suite of Keyv. */

export default { test: { include: ['__test__/keyv/suite.ts'] } };
