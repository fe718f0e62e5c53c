import { closeSync, fdatasyncSync, openSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** All files below a folder. */
export function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** Bytes that the files below a folder take on the disk: holes and preallocated room as the file system counts them. */
export function folderBytes(folder: string): number {
  return files(folder).reduce((bytes, file) => bytes + 512 * statSync(file).blocks, 0);
}

export function syncFolder(folder: string): void {
  for (const file of files(folder)) {
    const descriptor = openSync(file, 'r+');
    fdatasyncSync(descriptor);
    closeSync(descriptor);
  }
}
