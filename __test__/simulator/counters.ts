/** What a run has seen. A proof that has not seen enough of it proves nothing. */
export interface Counters {
  steps: number;
  commits: number;
  acknowledged: number;
  takeovers: number;
  'fences hit': number;
  'lost answers': number;
  'late puts after a fence': number;
  'disk losses': number;
  crashes: number;
  pauses: number;
  outages: number;
  'puts delayed': number;
  'puts doubled': number;
  'answers 409': number;
  'answers 503': number;
  'stale lists': number;
  checkpoints: number;
  collections: number;
  'tables deleted': number;
  'slots deleted': number;
  'manifests deleted': number;
  regrowths: number;
  'hand-overs': number;
  'commits fenced': number;
  'checkpoints restored': number;
  'moments restored': number;
  forks: number;
  /** Their parent was being collected meanwhile. */
  'forks racing a collection': number;
  /** Their parent has grown from another branch itself. */
  'branches of branches': number;
  /** Branches that nobody writes. */
  tags: number;
  'branches deleted': number;
  /** Of them because their time had come. */
  'branches expired': number;
  /** Those that had expired by their pin, and had been given more time. */
  'branches extended': number;
  /** And all that was theirs has gone. */
  'branches gone': number;
  /** Of branches under the name of one that is gone. */
  're-creations': number;
  /** Names that were given to another branch, */
  replacements: number;
  /** of them to one that has grown from the one before; */
  'replacements in place': number;
  /** of them with a tag of all that the one before held; */
  'replacements kept': number;
  /** and disks that began anew with it. */
  'disks that came along': number;
  /** Commits with what another branch held, */
  'merges tried': number;
  /** and those of them that were told to have been made. */
  merges: number;
  /** Branches that need nothing of others any more. */
  releases: number;
  /** While nobody had the branch, with something to delete. */
  'cold collections': number;
  'jobs killed': number;
}

export function noCounters(): Counters {
  return {
    steps: 0,
    commits: 0,
    acknowledged: 0,
    takeovers: 0,
    'fences hit': 0,
    'lost answers': 0,
    'late puts after a fence': 0,
    'disk losses': 0,
    crashes: 0,
    pauses: 0,
    outages: 0,
    'puts delayed': 0,
    'puts doubled': 0,
    'answers 409': 0,
    'answers 503': 0,
    'stale lists': 0,
    checkpoints: 0,
    collections: 0,
    'tables deleted': 0,
    'slots deleted': 0,
    'manifests deleted': 0,
    regrowths: 0,
    'hand-overs': 0,
    'commits fenced': 0,
    'checkpoints restored': 0,
    'moments restored': 0,
    forks: 0,
    'forks racing a collection': 0,
    'branches of branches': 0,
    tags: 0,
    'branches deleted': 0,
    'branches expired': 0,
    'branches extended': 0,
    'branches gone': 0,
    're-creations': 0,
    replacements: 0,
    'replacements in place': 0,
    'replacements kept': 0,
    'disks that came along': 0,
    'merges tried': 0,
    merges: 0,
    releases: 0,
    'cold collections': 0,
    'jobs killed': 0,
  };
}

export function addCounters(total: Counters, more: Counters): void {
  for (const name of Object.keys(total) as (keyof Counters)[]) total[name] += more[name];
}

/** What has to happen over and over. */
export const MANY: (keyof Counters)[] = [
  'takeovers',
  'fences hit',
  'lost answers',
  'late puts after a fence',
  'disk losses',
  'forks racing a collection',
  'branches gone',
];
