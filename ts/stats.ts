/**
 * What a database says about itself: an object for programs, text for Prometheus.
 *
 * @module
 */

import type { EngineStats } from './native/types.js';
import type { BranchStatus } from './repository/index.js';
import type { Queued } from './write-queue.js';

/**
 * Figures of one database. Counters count since its engine was opened in this process, over all handles; the rest says
 * what is there now.
 */
export interface Stats {
  /**
   * Keys, estimated without reading: keys that were overwritten or deleted, one by one or as a range, but not yet
   * compacted away count too.
   */
  keysEstimate: number;
  /** Bytes of tables, blob files and log. */
  diskBytes: number;
  logBytes: number;
  /** Bytes of what is not in tables yet. */
  memtableBytes: number;
  /** Bytes of pages held in memory, and of indexes and filters. */
  cacheBytes: number;
  residentBytes: number;
  /** Tables, by level; level 0 holds the newest. */
  levels: { files: number; bytes: number; entries: number; deletes: number; rangeDeletes: number }[];
  /** Files of large values (`blobBytes`), and how much of them is garbage that compactions have still to collect. */
  blobs: { files: number; bytes: number; garbageBytes: number };
  /**
   * Only of an encrypted database: the ids of its current key and of earlier ones that are still needed, and how many files
   * each encrypts. `compact()` leaves the current one alone, once the log has moved on.
   */
  encryption?: { keys: { id: string; files: number }[] };
  /** Snapshots that are open. */
  snapshots: number;
  /**
   * Only with history: versions of keys that are there, deletes included; the oldest revision that can be read; and how many
   * versions in tables would go if it were trimmed to the newest revision, about.
   */
  history?: { versions: number; trimRevision: number; superseded: number };
  /** Pages found in memory, of all asked for: 0 to 1. 0 if none was. */
  cacheHitRatio: number;
  /** Pages that a filter asked for in vain, of all it asked for: 0 to 1. 0 if none was. */
  filterFalsePositiveRatio: number;
  /** Bytes written to tables and blob files for each byte of keys and values given; the log adds about 1. 0 if nothing was written. */
  writeAmplification: number;
  /** Pages of tables looked into by gets for each key found in one: 1 is the least. 0 if none was found. */
  readAmplification: number;
  commits: number;
  flushes: number;
  compactions: number;
  /** How often writes found the memory full, and how long they waited in all. */
  stalls: number;
  stalledMs: number;
  /**
   * The longest time that a commit waited for work of the engine beside it (flushes, checkpoints, compactions, other
   * commits) to let it go on, at most, in milliseconds, to the nanosecond. Stalls and delays are not in it.
   */
  commitWaitMsMax: number;
  /** How far compaction is behind, 0 to 1 and above; see `Pressure`. */
  pressure: number;
  /** How often writes waited a moment so that compaction keeps up, and how long in all. */
  delays: number;
  delayedMs: number;
  /** Compactions for nothing but what was deleted or had expired, and tables that went unread because all of it had. */
  garbageCompactions: number;
  tablesDropped: number;
  /** Records of the log that the open has applied: what had not got to tables when the process before ended. 0 after a close. */
  recoveredRecords: number;
  /** The newest commit; the newest that survives the process; the newest that survives the loss of power. */
  revision: number;
  writtenRevision: number;
  durableRevision: number;
  /** Writes of this handle that wait, and their bytes, as in `pressure`. */
  queuedWrites: number;
  queuedBytes: number;
}

export function makeStats(engine: EngineStats, queued: Queued): Stats {
  return {
    ...(engine.history === undefined ? {} : { history: { ...engine.history } }),
    ...(engine.keys.length === 0 ? {} : { encryption: { keys: engine.keys.map((key) => ({ ...key })) } }),
    keysEstimate: engine.keysEstimate,
    diskBytes: engine.diskBytes,
    logBytes: engine.logBytes,
    memtableBytes: engine.memtableBytes,
    cacheBytes: engine.cacheBytes,
    residentBytes: engine.residentBytes,
    levels: engine.levels.map((level) => ({ ...level })),
    blobs: { ...engine.blobs },
    snapshots: engine.snapshots,
    cacheHitRatio: ratio(engine.cacheHits, engine.cacheHits + engine.cacheMisses),
    filterFalsePositiveRatio: ratio(engine.filterFalsePasses, engine.filterPasses),
    writeAmplification: ratio(engine.flushedBytes + engine.compactedBytes, engine.userBytes),
    readAmplification: ratio(engine.filterPasses, engine.filterPasses - engine.filterFalsePasses),
    commits: engine.commits,
    flushes: engine.flushes,
    compactions: engine.compactions,
    stalls: engine.stalls,
    stalledMs: engine.stalledMs,
    commitWaitMsMax: engine.commitWaitMsMax,
    pressure: engine.pressure,
    delays: engine.delays,
    delayedMs: engine.delayedMs,
    garbageCompactions: engine.garbageCompactions,
    tablesDropped: engine.tablesDropped,
    recoveredRecords: engine.recoveredRecords,
    revision: engine.revision,
    writtenRevision: engine.writtenRevision,
    durableRevision: engine.durableRevision,
    queuedWrites: queued.queuedWrites,
    queuedBytes: queued.queuedBytes,
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** The figures in the Prometheus text format, version 0.0.4; every sample carries the path as label `db`. */
export function makeMetrics(path: string, engine: EngineStats, queued: Queued, branch?: BranchStatus): string {
  const page = new MetricsPage(path);
  page.gauge('keys_estimate', 'Keys, estimated without reading.', engine.keysEstimate);
  page.gauge('disk_bytes', 'Bytes of tables, blob files and log.', engine.diskBytes);
  page.gauge('log_bytes', 'Bytes of the log.', engine.logBytes);
  page.gauge('memtable_bytes', 'Bytes of what is not in tables yet.', engine.memtableBytes);
  page.gauge('cache_bytes', 'Bytes of pages held in memory.', engine.cacheBytes);
  page.gauge('resident_bytes', 'Bytes of indexes and filters held in memory.', engine.residentBytes);
  page.levels('level_files', 'Tables of a level.', engine.levels, 'files');
  page.levels('level_bytes', 'Bytes of the tables of a level.', engine.levels, 'bytes');
  page.gauge('blob_files', 'Files of large values.', engine.blobs.files);
  page.gauge('blob_bytes', 'Bytes of files of large values.', engine.blobs.bytes);
  page.gauge('blob_garbage_bytes', 'Bytes of values in them that are not needed.', engine.blobs.garbageBytes);
  page.gauge('snapshots', 'Snapshots that are open.', engine.snapshots);
  if (engine.history !== undefined) {
    const { versions, trimRevision, superseded } = engine.history;
    page.gauge('versions', 'Versions of keys that are kept, deletes included.', versions);
    page.gauge('versions_superseded', 'Versions in tables that the newest revision does not need.', superseded);
    page.gauge('trim_revision', 'The oldest revision that can be read.', trimRevision);
  }
  page.counter('cache_hits_total', 'Pages found in memory.', engine.cacheHits);
  page.counter('cache_misses_total', 'Pages read from disk.', engine.cacheMisses);
  page.counter('filter_passes_total', 'Pages the filters asked for.', engine.filterPasses);
  page.counter('filter_false_passes_total', 'Pages the filters asked for in vain.', engine.filterFalsePasses);
  page.counter('commits_total', 'Commits.', engine.commits);
  page.counter('user_bytes_total', 'Bytes of keys and values as given.', engine.userBytes);
  page.counter('flushes_total', 'Memtables written to tables.', engine.flushes);
  page.counter('flushed_bytes_total', 'Bytes of tables and blob files written by flushes.', engine.flushedBytes);
  page.counter('compactions_total', 'Compactions.', engine.compactions);
  page.counter(
    'compacted_bytes_total',
    'Bytes of tables and blob files written by compactions.',
    engine.compactedBytes,
  );
  page.counter('stalls_total', 'Times that writes found the memory full.', engine.stalls);
  page.counter('stalled_seconds_total', 'How long writes waited for memory.', engine.stalledMs / 1_000);
  page.gauge(
    'commit_wait_seconds_max',
    'The longest that a commit waited for work beside it to let it go on.',
    engine.commitWaitMsMax / 1_000,
  );
  page.gauge('pressure', 'How far compaction is behind; from 0.5 on writes are slowed down.', engine.pressure);
  page.counter('delays_total', 'Times that writes waited a moment so that compaction keeps up.', engine.delays);
  page.counter(
    'delayed_seconds_total',
    'How long writes waited so that compaction keeps up.',
    engine.delayedMs / 1_000,
  );
  page.counter('garbage_compactions_total', 'Compactions for deletes and passed deadlines.', engine.garbageCompactions);
  page.counter('tables_dropped_total', 'Tables removed unread, all dead.', engine.tablesDropped);
  page.gauge('recovered_records', 'Records of the log that the open has applied.', engine.recoveredRecords);
  page.gauge('revision', 'The newest commit.', engine.revision);
  page.gauge('written_revision', 'The newest commit that is with the operating system.', engine.writtenRevision);
  page.gauge('durable_revision', 'The newest commit that is synced.', engine.durableRevision);
  page.gauge('queued_writes', 'Writes of this handle that wait for memory or large values.', queued.queuedWrites);
  page.gauge('queued_bytes', 'Bytes of writes of this handle that wait, without large values.', queued.queuedBytes);
  if (branch !== undefined) branchMetrics(page, branch);
  return page.text;
}

function branchMetrics(page: MetricsPage, branch: BranchStatus): void {
  const { counts, ready, revision, unshipped, shippedMsAgo } = branch;
  page.gauge('branch_ready', '1: this node leads the branch, or follows it and has read all of it.', ready ? 1 : 0);
  page.gauge('branch_revision', 'The newest commit that is in the store.', revision);
  page.gauge('branch_unshipped', 'Commits that are on this disk only.', unshipped);
  page.gauge('branch_unshipped_bytes', 'Bytes of the log that holds them.', branch.unshippedBytes);
  if (shippedMsAgo !== undefined) {
    page.gauge('branch_shipped_seconds_ago', 'When something was last stored in the log.', shippedMsAgo / 1_000);
  }
  if (branch.behindMs !== undefined) {
    page.gauge(
      'branch_behind_seconds',
      'So long ago what this replica holds was all there was.',
      branch.behindMs / 1_000,
    );
  }
  page.gauge('branch_slots', 'Objects of the log after the newest checkpoint.', branch.slots);
  page.kinds('store_requests_total', 'Requests of the store.', counts.requests);
  page.counter('store_failures_total', 'Requests that had to be made again.', counts.failures);
  page.counter('store_uploaded_bytes_total', 'Bytes sent to the store.', counts.uploadedBytes);
  page.counter('store_downloaded_bytes_total', 'Bytes read from the store.', counts.downloadedBytes);
}

class MetricsPage {
  text = '';
  readonly #db: string;

  constructor(path: string) {
    // The format escapes exactly these three characters of a label.
    this.#db = path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  }

  gauge(name: string, help: string, value: number): void {
    this.#head(name, help, 'gauge');
    this.#sample(name, '', value);
  }

  counter(name: string, help: string, value: number): void {
    this.#head(name, help, 'counter');
    this.#sample(name, '', value);
  }

  levels(name: string, help: string, levels: EngineStats['levels'], field: 'files' | 'bytes'): void {
    this.#head(name, help, 'gauge');
    for (const [level, figures] of levels.entries()) this.#sample(name, `,level="${level}"`, figures[field]);
  }

  kinds(name: string, help: string, counts: Readonly<Record<string, number>>): void {
    this.#head(name, help, 'counter');
    for (const [kind, count] of Object.entries(counts)) this.#sample(name, `,kind="${kind}"`, count);
  }

  #head(name: string, help: string, type: string): void {
    this.text += `# HELP coppice_${name} ${help}\n# TYPE coppice_${name} ${type}\n`;
  }

  #sample(name: string, labels: string, value: number): void {
    this.text += `coppice_${name}{db="${this.#db}"${labels}} ${value}\n`;
  }
}
