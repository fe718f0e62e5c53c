// What threads write: values that say themselves what they are, so that whoever reads one can tell whether it is whole.

/** Keys of each thread. */
export const KEYS = 50;

const HEADER_BYTES = 12;

export function keyOf(slot, n) {
  return `${slot}/${String(n).padStart(4, '0')}`;
}

/** Of at least 12 bytes. */
export function makeValue(slot, number, length) {
  const value = Buffer.alloc(length, number & 0xff);
  for (const [i, word] of [slot, number, length].entries()) value.writeUInt32LE(word, 4 * i);
  return value;
}

/** Answers the number that it was made with; nothing for nothing. */
export function checkValue(value) {
  if (value === undefined) return undefined;
  const [slot, number, length] = [0, 4, 8].map((at) => value.readUInt32LE(at));
  const whole =
    value.length >= HEADER_BYTES && value.length === length && value.equals(makeValue(slot, number, length));
  if (!whole) fail(`value ${number} of thread ${slot} is not whole: ${value.length} bytes of ${length}`);
  return number;
}

/** Ends the thread, as an uncaught exception: what fails in a listener or in a promise of nobody must end it too. */
export function fail(message) {
  setImmediate(() => {
    throw new Error(message);
  });
  throw new Error(message);
}

/** Answers a whole number below its argument. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
