/**
 * `coppice/errors`: the one error class, for code that tells errors apart and opens nothing.
 *
 * @module
 */

export { CoppiceError, type ErrorCode, type ErrorDetails } from '../errors.js';
