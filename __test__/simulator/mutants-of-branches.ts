/**
 * The rules by which branches grow from others, are deleted, let go and are mended, each taken out.
 *
 * @module
 */

export interface Mutant {
  /** As the code calls it. */
  rule: string;
  /** What is done instead. */
  without: string;
  /** File, what stands there exactly once, and what stands there instead. */
  edits: [file: string, found: string, instead: string][];
}

export const OF_BRANCHES: Mutant[] = [
  {
    rule: 'compare-and-set',
    without: 'jobs put heads over whatever is there',
    edits: [['branches/job', 'const etag = over?.etag ?? null;', 'const etag = undefined as never;']],
  },
  {
    rule: 'head-unmoved',
    without: 'a job takes a head that has not moved for refused',
    edits: [
      ['branches/job', 'if ((now?.etag ?? null) !== etag) return { won: false, now };', 'return { won: false, now };'],
    ],
  },
  {
    rule: 'begin-above-floor',
    without: 'a disk goes on with the log of another branch that has let go of it',
    edits: [['follow', ": head.origin?.state === 'pinned';", ': true;']],
  },
  {
    rule: 'deleted-stays',
    without: 'a branch that was deleted is taken',
    edits: [['follow', "if (head.state !== 'live') return fail", 'if (head.state === undefined) return fail']],
  },
  {
    rule: 'tag-stays',
    without: 'a tag is taken',
    edits: [['follow', "if (head.kind === 'tag' && ", 'if (head.kind === undefined && ']],
  },
  {
    rule: 'expired-still',
    without: 'a branch that had expired when it was looked at is deleted',
    edits: [
      [
        'branches/expire',
        '(head) => (isDue(head, nowMs) ?',
        "(head) => (seen && isDue(seen.head, nowMs) && head.state === 'live' ?",
      ],
    ],
  },
  {
    rule: 'hint-first',
    without: 'a branch says that it expires before its pin does',
    edits: [['branches/expire', 'if (parent !== null && expiresMs !== null) {', 'if (parent === undefined) {']],
  },
  {
    rule: 'hint-behind',
    without: 'a pin is made to say what the head of its branch has said a while ago',
    edits: [
      [
        'branches/expire',
        'if (!(yield* putHead(hand, { ...head, expiresMs }, child)).won)',
        'if (head.expiresMs !== expiresMs && !(yield* putHead(hand, { ...head, expiresMs }, child)).won)',
      ],
    ],
  },
  {
    rule: 'replaced-anew',
    without: 'a disk of a branch that was replaced stays with it',
    edits: [['follow', 'head.lineage.includes(state.branchId)', 'head.lineage === undefined']],
  },
  {
    rule: 'replaced-anew',
    without: 'a disk takes what it knows of the log of the branch before for that of the one that has replaced it',
    edits: [['follow', 'if (state.branchId !== head.branchId) state.log = ORIGIN;', '']],
  },
  {
    rule: 'stands-first',
    without: 'the head of a branch that was replaced is looked for where nobody has put it',
    edits: [
      [
        'branches/retired',
        'if (seen.head.retiring?.branchId === branchId) yield* stand',
        'if (hand === null) yield* stand',
      ],
    ],
  },
  {
    rule: 'moved-first',
    without: 'the pin of a branch that is to replace another is taken for dead while that may come',
    edits: [
      [
        'branches/settle',
        "const next = seen?.head.state === 'live' ? seen.head : tombstone;",
        "if (seen?.head.state === 'live') return 'dead';\n    const next = tombstone;",
      ],
    ],
  },
  {
    rule: 'over-first',
    without: 'what is replaced is read when there is a pin already',
    edits: [
      [
        'branches/replace',
        'const head = successor(hand, over.head,',
        `const fresh = yield* readHead(name);
    if (fresh?.head.state !== 'live' || fresh.head.branchId !== over.head.branchId || fresh.head.retiring) continue;
    const head = successor(hand, fresh.head,`,
      ],
      ['branches/replace', 'yield* putHead(hand, head, over)', 'yield* putHead(hand, head, fresh)'],
    ],
  },
  {
    rule: 'pin-again',
    without: 'a replacement that has met another head is put over that one, and relies on the pin that it has',
    edits: [
      [
        'branches/replace',
        '    if (from !== name) yield* unpin(',
        `    const next = from === name ? null : yield* readHead(name);
    const isOpen = next?.head.state === 'live' && next.head.branchId === over.head.branchId && !next.head.retiring;
    const once = isOpen && successor(hand, next.head, growth, { ...replacing, branchId });
    if (once && (yield* putHead(hand, once, next)).won) return { type: 'replaced', head: once };
    if (from !== name) yield* unpin(`,
      ],
    ],
  },
  {
    rule: 'pin-in-place',
    without: 'a branch that was replaced does not keep what the one after it begins with',
    edits: [['branches/replace', 'pins: [...over.pins, ...pins]', 'pins: [...over.pins, ...pins.slice(1)]']],
  },
  {
    rule: 'one-retires',
    without: 'a branch is replaced that has not finished with the one before',
    edits: [['branches/replace', 'if (over.head.retiring !== null) {', 'if (over.head.retiring === undefined) {']],
  },
  {
    rule: 'kept-whole',
    without: 'a branch is replaced to which somebody has written since all of it was kept',
    edits: [['branches/replace', '!isKept(over.head, kept)', 'kept === null']],
  },
  {
    rule: 'retired-first',
    without: 'a branch counts as replaced before there is a fence',
    edits: [['branches/replace', 'if (now !== null) yield* retire(hand, now.head);', '']],
  },
  {
    rule: 'retired-whole',
    without: 'a branch that was replaced is forgotten before there is a fence',
    edits: [['branches/finish', '  yield* finish(hand, retiring.name, retiring.branchId);\n', '']],
  },
  {
    rule: 'begun-remembered',
    without: 'a disk that holds records of one log begins again with the log before',
    edits: [
      [
        'follow',
        "return askHere(turn, { type: 'remember', position: next, forCommits: false });",
        'return readOn(turn, next);',
      ],
    ],
  },
  {
    rule: 'foreign-kept',
    without: 'a branch uploads what it has begun with',
    edits: [['checkpoint', 'head?.head.manifest ?? head?.head.origin?.manifest;', 'head?.head.manifest;']],
  },
  {
    rule: 'foreign-tables',
    without: 'a branch lets go of tables that its checkpoints name',
    edits: [
      ['branches/release', '(found.body as Manifest).tables.some((table) => table.branchId !== branchId)', 'false'],
    ],
  },
  {
    rule: 'pins-through',
    without: 'a branch lets go of what others have begun with through it',
    edits: [['branches/release', 'manifest === null || manifest.of !== undefined', 'manifest === undefined']],
  },
  {
    rule: 'own-first',
    without: 'a branch lets go of what it has grown from before its own head says so',
    edits: [['branches/release', 'const { won } = yield* putHead', 'const { won } = { won: true }; void putHead']],
  },
  {
    rule: 'pinned-manifests',
    without: 'the checkpoint that another branch has begun with is collected',
    edits: [['objects', 'const own = [...pinned, ', 'const own = [...pinned.slice(0, 0), ']],
  },
  {
    rule: 'pinned-slots',
    without: 'slots that another branch begins with are collected',
    edits: [['collect', 'if (pins.some(', 'if (pins.slice(0, 0).some(']],
  },
  {
    rule: 'pin-what-is-kept',
    without: 'a fork pins what the parent kept when it was first read',
    edits: [['branches/growth', '? growthFrom(head, growing.at', '? growthFrom(from, growing.at']],
  },
  {
    rule: 'pin-again',
    without: 'a fork that met a tombstone puts its head over it, and relies on the pin that it has',
    edits: [
      [
        'branches/fork',
        '    before = branchId;',
        "    if ((yield* putHead(hand, child, put.now)).won) return { type: 'forked', head: child };\n    before = branchId;",
      ],
    ],
  },
  {
    rule: 'fresh-id',
    without: 'a branch that was deleted is made anew under its id',
    edits: [
      ['claim', 'const branchId = nonces === 0 ? newBranchId :', 'const branchId = nonces < Infinity ? newBranchId :'],
    ],
  },
  {
    rule: 'own-child',
    without: 'a fork takes its own child, which has an owner already, for another branch',
    edits: [['branches/fork', 'if (put.won || (yield* isThere(hand, name, branchId)))', 'if (put.won)']],
  },
  {
    rule: 'epochs-go-on',
    without: 'a branch that is made anew begins with epoch 1',
    edits: [['change', '(before?.epoch ?? 0) + 1', '1']],
  },
  {
    rule: 'epochs-go-on',
    without: 'a branch that grows under a name of before begins with epoch 0',
    edits: [['branches/fork', 'over?.head.epoch ?? 0', '0']],
  },
  {
    rule: 'tombstone-first',
    without: 'the pin of a branch that is not there yet is taken for dead',
    edits: [['branches/settle', 'if ((yield* putHead(hand, next, seen)).won) return', 'if (next) return']],
  },
  {
    rule: 'delete-fences',
    without: 'a branch is deleted without a fence',
    edits: [['branches/finish', 'else if (owner === null) break;', 'else if (owner !== undefined) break;']],
  },
  {
    rule: 'delete-fences',
    without: 'a branch is deleted in the epoch of its owner',
    edits: [['branches/remove', 'epoch: head.epoch + 1, fences', 'epoch: head.epoch, fences']],
  },
  {
    rule: 'fences-known',
    without: 'what a branch has is deleted before its fences are known',
    edits: [['branches/finish', 'if (head.fences === null) {', "if (head.fences === null && branchId === '') {"]],
  },
  {
    rule: 'pins-keep',
    without: 'a branch that is deleted lets go of what others have begun with through it',
    edits: [['branches/finish', 'if (head.pins.length > 0) return;', '']],
  },
  {
    rule: 'fences-for-ever',
    without: 'fences of a branch that is deleted go with it',
    edits: [['branches/finish', 'return !fenced.has(name.slot) && ', 'return fenced !== undefined && ']],
  },
  {
    rule: 'left-to-owner',
    without: 'a branch is collected beside its owner',
    edits: [['branches/collect', 'return head.owner === null ? slimmer', 'return head.epoch >= 0 ? slimmer']],
  },
  {
    rule: 'cold-head-first',
    without: 'of a branch that nobody has objects are deleted that its head has not let go of',
    edits: [['branches/collect', "if (state === 'live' && !isSlim(seen.head)) {", "if (branchId === '') {"]],
  },
  {
    rule: 'cold-spares',
    without: 'of a branch that nobody has a manifest that is gone names nothing',
    edits: [['branches/collect', "if (found.type !== 'found') return [];", "if (found.type !== 'found') continue;"]],
  },
  {
    rule: 'cold-fences',
    without: 'of a branch that nobody has fences are collected as well',
    edits: [['branches/collect', 'const fenced = new Set(fences.', 'const fenced = new Set(fences.slice(0, 0).']],
  },
  {
    rule: 'own-newest',
    without: 'a branch is detached whose newest checkpoint names tables of another',
    edits: [['branches/release', 'const isOwn = !needs(head.manifest) && ', 'const isOwn = ']],
  },
  {
    rule: 'given-up',
    without: 'a branch that is detached keeps older checkpoints that name tables of another',
    edits: [['branches/release', '{ ...head, retained, origin:', '{ ...head, origin:']],
  },
];
