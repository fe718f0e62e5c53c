/**
 * The C library of Coppice: an ordered key-value database in a folder, inside the process.
 *
 * Rules that hold for every call:
 * - It answers COPPICE_OK (0) or what went wrong; coppice_error_message then has the words. Numbers and names of codes never change.
 * - Answers go where the last arguments point, which may be NULL where nobody wants them, but for handles. After a failure nothing
 *   was written, and what there was to answer is NULL or 0, or was left alone. Only a write that ends with COPPICE_IO or
 *   COPPICE_POISONED may have been made, without being sure to survive.
 * - Keys and values are any bytes, each with its length; no bytes may be NULL. Paths and options are UTF-8 that ends with a NUL. What
 *   is given is read during the call alone: it may be changed or freed afterwards.
 * - A wrong argument is COPPICE_INVALID, and so is a NULL that may not be one; the message names it.
 * - Handles are freed by the call that their kind has for it, once, in any order: what one still needs of another stays.
 * - coppice_db and coppice_snapshot may be used by many threads at a time. coppice_iterator, coppice_batch and coppice_transaction
 *   serve one at a time, which need not always be the same; a second one that comes meanwhile is told COPPICE_INVALID.
 * - Calls wait for the disk where they have to, and writes for compaction if it is far behind. No call calls back.
 * - An open database holds its folder: another process, and another coppice_open of this one, gets COPPICE_LOCKED, unless with
 *   readOnly. After a fork the child must not use what was opened before, and the folder is held until it has ended too.
 * - A bug of the library that would end the process is told as COPPICE_POISONED instead; want of memory does end it.
 */
/* Made by crates/ffi/tests/header.rs from the sources beside it: edit those. */
#ifndef COPPICE_H
#define COPPICE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && !defined(COPPICE_STATIC)
#define COPPICE_API __declspec(dllimport)
#else
#define COPPICE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** How a call has ended. The names are those of the codes of the TypeScript API. */
typedef int32_t coppice_code;
/** Done. */
#define COPPICE_OK 0
/** The call itself is wrong: mend it. */
#define COPPICE_INVALID 1
/** A key, value, batch or transaction is over its limit. Nothing was written. */
#define COPPICE_TOO_LARGE 2
/** The database was closed, or the transaction has ended. */
#define COPPICE_CLOSED 3
/** The folder is open already, in another process or by another coppice_open of this one. */
#define COPPICE_LOCKED 4
/** There is a database (errorIfExists), or the folder for a checkpoint is not empty. */
#define COPPICE_EXISTS 5
/** There is no database here, and createIfMissing is false. */
#define COPPICE_NOT_FOUND 6
/** A write to a database that was opened with readOnly, or to a folder that cannot be written to. */
#define COPPICE_READONLY 7
/** Bytes on the disk are not what was written; the message names file and offset. */
#define COPPICE_CORRUPT 8
/** Written by a newer version, or no database. */
#define COPPICE_FORMAT 9
/** The database is encrypted, and no key was given. */
#define COPPICE_ENCRYPTED 10
/** None of the keys that were given is the one it was encrypted with. */
#define COPPICE_WRONG_ENCRYPTION_KEY 11
/** The operating system refused or failed. */
#define COPPICE_IO 12
/** No room on the disk. Nothing was changed; writes go on when there is room. */
#define COPPICE_DISK_FULL 13
/** Too much waits; try again later. */
#define COPPICE_BUSY 14
/** The disk has failed before, or the library has a bug: close the database and open it again. */
#define COPPICE_POISONED 15
/** The history does not reach back to this revision any more. */
#define COPPICE_COMPACTED 16
/** There is no such revision yet. */
#define COPPICE_FUTURE_REVISION 17
/** Not on this system, or not in this database. */
#define COPPICE_UNSUPPORTED 18
/** Another node may be the one that writes. Not met in this library. */
#define COPPICE_NOT_LEADER 19
/** Not met in this library, whose calls wait. */
#define COPPICE_WOULD_BLOCK 20
/** Somebody else has changed what was read or checked. Nothing was written: read again, and try again. */
#define COPPICE_CONFLICT 21

/** No deadline: the entry stays until it is deleted. */
#define COPPICE_NEVER 0

/** As the option durability of the database says, which is `disk` unless it is given. */
#define COPPICE_USUAL 0

/** The write survives the end of the process, by crash or kill. */
#define COPPICE_PROCESS 1

/** The write survives the loss of power too. Writes that wait at the same time share one sync. */
#define COPPICE_DISK 2

/** Values are not read: of a row `value` is NULL, and `value_length` tells how long it is. */
#define COPPICE_KEYS_ONLY 1

/**
 * What a commit overwrites is read before it and kept until coppice_transaction_free, so that coppice_transaction_rollback can
 * put it back.
 */
#define COPPICE_BEFORE_IMAGES 1

/** A database that is open. Any thread may use it, also several at a time. */
typedef struct coppice_db coppice_db;

/** What the log gave back when the database was opened. */
typedef struct coppice_recovery {
  /** Commits that were not in tables yet. */
  uint64_t records;
  /** Of a commit that nobody was told of: cut off. */
  uint64_t torn_bytes;
  /** With the option recovery=point-in-time: what lies behind damage, kept in a folder of its own. */
  uint64_t left_out_bytes;
} coppice_recovery;

/** What is known of a value beside itself. */
typedef struct coppice_entry {
  /** Of the commit that wrote it; 0: there is none, or, in a transaction, it is its own. */
  uint64_t revision;
  /** When it expires, in Unix milliseconds; COPPICE_NEVER. */
  int64_t deadline_ms;
  /** With history: the commit that wrote the key when it had no value; else 0. */
  uint64_t create_revision;
  /** With history: how often the key was written since, from 1 on; else 0. */
  uint64_t version;
} coppice_entry;

/** The database as it was at one moment, whatever is written since. Any thread may use it, also several at a time. */
typedef struct coppice_snapshot coppice_snapshot;

/** Some bytes, or, with `data` NULL, none given: a key of no bytes has `data` too. */
typedef struct coppice_bytes {
  const void *data;
  size_t length;
} coppice_bytes;

/**
 * Which keys: those that satisfy every bound that is given. All of it zero is every key. Not both `gt` and `gte`, nor both
 * `lt` and `lte`.
 */
typedef struct coppice_range {
  /** Keys after this one. */
  coppice_bytes gt;
  /** This key and those after it. */
  coppice_bytes gte;
  /** Keys before this one. */
  coppice_bytes lt;
  /** This key and those before it. */
  coppice_bytes lte;
  /** Keys that begin so. */
  coppice_bytes prefix;
} coppice_range;

/** A place in a range of a snapshot. One thread at a time. */
typedef struct coppice_iterator coppice_iterator;

/** A row, valid until the next call with its iterator. `key` NULL: there is none. */
typedef struct coppice_row {
  const void *key;
  size_t key_length;
  const void *value;
  size_t value_length;
  coppice_entry entry;
} coppice_row;

/** Operations and conditions that become one commit. One thread at a time; it belongs to no database. */
typedef struct coppice_batch coppice_batch;

/** A key that is not as it was read, or as a condition wants it. */
typedef struct coppice_conflict {
  const void *key;
  size_t key_length;
  /** What the key is at now; 0: it has no value. */
  uint64_t revision;
} coppice_conflict;

/**
 * A transaction, serializable and optimistic: nobody waits for it, and its commit compares. One thread at a time, its iterators
 * included.
 */
typedef struct coppice_transaction coppice_transaction;

/** The version of the library, as "0.1.0". Never freed. */
COPPICE_API const char *coppice_version(void);

/** The name of a code, as "COPPICE_LOCKED"; NULL for a number that is none. Never freed. */
COPPICE_API const char *coppice_code_name(int32_t code);

/**
 * What went wrong, in one sentence, in the last call on this thread that failed: for people, who also find file and offset
 * there. Programs go by the code. Until the next call on this thread that fails; never NULL.
 */
COPPICE_API const char *coppice_error_message(void);

/**
 * Opens the database in a folder, or makes one. `path`: UTF-8. `options`: names and values in turn, and a NULL; or NULL, which
 * is the defaults: (const char *[]){"durability", "process", "history", "true", NULL}. docs/c.md lists them.
 * COPPICE_INVALID for an option, which the message names; COPPICE_LOCKED, COPPICE_NOT_FOUND, COPPICE_EXISTS, COPPICE_FORMAT,
 * COPPICE_CORRUPT, COPPICE_ENCRYPTED, COPPICE_WRONG_ENCRYPTION_KEY, COPPICE_READONLY, COPPICE_IO.
 */
COPPICE_API coppice_code coppice_open(const char *path, const char *const *options, coppice_db **db);

/**
 * Writes everything to tables, gives the folder back and frees the handle, also if it fails: what was acknowledged is in
 * the log then. No other call with the handle may run or follow. What was made from it may be freed before or after, and
 * answers COPPICE_CLOSED from now on.
 */
COPPICE_API coppice_code coppice_close(coppice_db *db);

/** What the log gave back when the database was opened, which happens by itself. */
COPPICE_API coppice_code coppice_recovered(coppice_db *db, coppice_recovery *recovery);

/** The revision of the newest commit: each commit has the one after it. */
COPPICE_API coppice_code coppice_revision(coppice_db *db, uint64_t *revision);

/** The deadline that lies so many milliseconds ahead, for the puts; -1, which they refuse, if `db` is NULL or the time is 0. */
COPPICE_API int64_t coppice_deadline(coppice_db *db, uint64_t ttl_ms);

/**
 * Writes a value, whether the key has one or not. `deadline_ms`: when it expires, in Unix milliseconds; COPPICE_NEVER, or for a
 * time to live coppice_deadline(db, ttl_ms). `revision` is that of the commit, and may be NULL.
 * A key has 0 to 65,535 bytes, a value 0 to 1 GiB. COPPICE_TOO_LARGE, COPPICE_DISK_FULL, COPPICE_READONLY: nothing was written.
 */
COPPICE_API coppice_code coppice_put(coppice_db *db, const void *key, size_t key_length, const void *value, size_t value_length, int64_t deadline_ms, uint64_t *revision);

/** Removes a key, whether it has a value or not. `revision` may be NULL. */
COPPICE_API coppice_code coppice_delete(coppice_db *db, const void *key, size_t key_length, uint64_t *revision);

/** Removes all keys of a range, as one commit that costs as much as one delete. `range` NULL: every key. `revision` may be NULL. */
COPPICE_API coppice_code coppice_delete_range(coppice_db *db, const coppice_range *range, uint64_t *revision);

/**
 * Returns when everything that was written before is on the disk: with durability `process`, what makes many writes durable
 * at once.
 */
COPPICE_API coppice_code coppice_sync(coppice_db *db);

/**
 * A value, for coppice_free to free; where the key has none it is NULL, and the code COPPICE_OK. An empty value is not NULL.
 * `snapshot`: NULL reads what is newest.
 */
COPPICE_API coppice_code coppice_get(coppice_db *db, coppice_snapshot *snapshot, const void *key, size_t key_length, void **value, size_t *value_length);

/** The same, and what is known of the value beside: its revision is 0 where the key has none. Any of the last three may be NULL. */
COPPICE_API coppice_code coppice_get_entry(coppice_db *db, coppice_snapshot *snapshot, const void *key, size_t key_length, void **value, size_t *value_length, coppice_entry *entry);

/**
 * A value, copied to where the caller has room for `capacity` bytes: as much as there is room for. `value_length` is the length
 * of all of it, so that more than `capacity` says how much room it takes. `found`: 1, or 0 where the key has no value.
 */
COPPICE_API coppice_code coppice_get_into(coppice_db *db, coppice_snapshot *snapshot, const void *key, size_t key_length, void *room, size_t capacity, size_t *value_length, int32_t *found);

/** `found`: 1 if the key has a value, else 0. Reads no value. */
COPPICE_API coppice_code coppice_has(coppice_db *db, coppice_snapshot *snapshot, const void *key, size_t key_length, int32_t *found);

/** Frees what a call has made for the caller. NULL does nothing. */
COPPICE_API void coppice_free(void *bytes);

/** A view of the database as it is now. While it lives the engine keeps what it sees. */
COPPICE_API coppice_code coppice_snapshot_new(coppice_db *db, coppice_snapshot **snapshot);

/**
 * With the option history: a view of the database as it was at a revision, deadlines aside. COPPICE_UNSUPPORTED without history,
 * COPPICE_COMPACTED, COPPICE_FUTURE_REVISION.
 */
COPPICE_API coppice_code coppice_snapshot_at(coppice_db *db, uint64_t revision, coppice_snapshot **snapshot);

/** The newest revision that a snapshot sees. */
COPPICE_API coppice_code coppice_snapshot_revision(coppice_snapshot *snapshot, uint64_t *revision);

/** NULL does nothing. */
COPPICE_API void coppice_snapshot_free(coppice_snapshot *snapshot);

/**
 * An iterator over the keys of `range` (NULL: all) as they are in `snapshot` (NULL: now; it keeps a snapshot of its own then).
 * `flags`: 0 or COPPICE_KEYS_ONLY. It stands nowhere: the first coppice_iterator_next moves it to the first row, the first
 * coppice_iterator_prev to the last.
 */
COPPICE_API coppice_code coppice_iterator_new(coppice_db *db, coppice_snapshot *snapshot, const coppice_range *range, uint32_t flags, coppice_iterator **iterator);

/**
 * Moves to the row after the one it stands on; `row.key` is NULL, and the code COPPICE_OK, where there is none. Past the end it
 * stays there, and coppice_iterator_prev gives the last row.
 */
COPPICE_API coppice_code coppice_iterator_next(coppice_iterator *iterator, coppice_row *row);

/** Moves to the row before the one it stands on, in the same way. */
COPPICE_API coppice_code coppice_iterator_prev(coppice_iterator *iterator, coppice_row *row);

/**
 * Stands between the keys before `key` and the others: coppice_iterator_next gives the first row at `key` or after it,
 * coppice_iterator_prev the last one before it.
 */
COPPICE_API coppice_code coppice_iterator_seek(coppice_iterator *iterator, const void *key, size_t key_length);

/** Stands nowhere again, as when it was new. It sees what it saw before. */
COPPICE_API coppice_code coppice_iterator_reset(coppice_iterator *iterator);

/** NULL does nothing. */
COPPICE_API void coppice_iterator_free(coppice_iterator *iterator);

/** How many keys of `range` (NULL: all) have a value, by reading them. `snapshot`: NULL counts what is newest. */
COPPICE_API coppice_code coppice_count(coppice_db *db, coppice_snapshot *snapshot, const coppice_range *range, uint64_t *count);

/** An empty batch. */
COPPICE_API coppice_code coppice_batch_new(coppice_batch **batch);

/**
 * Adds a put, as coppice_put. Key and value are copied. COPPICE_TOO_LARGE beyond 32 MiB, or 1 GiB of values over 1 MiB, which
 * do not count among the first: the batch is as it was then.
 */
COPPICE_API coppice_code coppice_batch_put(coppice_batch *batch, const void *key, size_t key_length, const void *value, size_t value_length, int64_t deadline_ms);

/** Adds a delete. */
COPPICE_API coppice_code coppice_batch_delete(coppice_batch *batch, const void *key, size_t key_length);

/** Adds a delete of a range: of what is there at the commit, and of what the batch has put there before. */
COPPICE_API coppice_code coppice_batch_delete_range(coppice_batch *batch, const coppice_range *range);

/** Adds a condition: the key still has the value that was written at this revision (coppice_get_entry), or, with revision 0, none. */
COPPICE_API coppice_code coppice_batch_check(coppice_batch *batch, const void *key, size_t key_length, uint64_t revision);

/** How many operations were added. */
COPPICE_API coppice_code coppice_batch_count(coppice_batch *batch, size_t *count);

/** Forgets operations and conditions. */
COPPICE_API coppice_code coppice_batch_clear(coppice_batch *batch);

/**
 * Commits all operations, in their order, if all conditions hold: all or none, as one revision, which may be NULL. The batch
 * stays as it is and may be written again. `durability`: COPPICE_USUAL, COPPICE_PROCESS or COPPICE_DISK. Without operations no
 * revision is taken. COPPICE_CONFLICT: coppice_batch_conflict says which conditions do not hold.
 */
COPPICE_API coppice_code coppice_batch_write(coppice_db *db, coppice_batch *batch, int32_t durability, uint64_t *revision);

/**
 * One of the conditions that did not hold when the batch was last written, from index 0 on, in their order. The key is valid
 * until the batch is written, cleared or freed. COPPICE_INVALID where there is no more.
 */
COPPICE_API coppice_code coppice_batch_conflict(coppice_batch *batch, size_t index, coppice_conflict *conflict);

/** NULL does nothing. */
COPPICE_API void coppice_batch_free(coppice_batch *batch);

/**
 * Begins one. It sees the database as it is now, with its own writes on top, until it is committed or rolled back; while it lives
 * the engine keeps what it sees. `flags`: 0 or COPPICE_BEFORE_IMAGES.
 */
COPPICE_API coppice_code coppice_transaction_begin(coppice_db *db, uint32_t flags, coppice_transaction **transaction);

/** As coppice_get. What was read, a value or that there is none, must still be so at the commit. */
COPPICE_API coppice_code coppice_transaction_get(coppice_transaction *transaction, const void *key, size_t key_length, void **value, size_t *value_length);

/** Writes a value when the transaction commits. Key and value are copied. COPPICE_TOO_LARGE beyond what a batch may hold. */
COPPICE_API coppice_code coppice_transaction_put(coppice_transaction *transaction, const void *key, size_t key_length, const void *value, size_t value_length, int64_t deadline_ms);

/** Removes a key when the transaction commits. */
COPPICE_API coppice_code coppice_transaction_delete(coppice_transaction *transaction, const void *key, size_t key_length);

/** Removes all keys of a range (NULL: all) when the transaction commits, also those that others have put there by then. */
COPPICE_API coppice_code coppice_transaction_delete_range(coppice_transaction *transaction, const coppice_range *range);

/**
 * As coppice_iterator_new, of what the transaction sees; its own writes have the revision 0. What an iterator has moved over must be
 * at the commit as it was, so that a key which comes into it is noticed too. To be freed as others; COPPICE_CLOSED once the
 * transaction has ended.
 */
COPPICE_API coppice_code coppice_transaction_iterator(coppice_transaction *transaction, const coppice_range *range, uint32_t flags, coppice_iterator **iterator);

/**
 * Writes everything as one commit, if what was read still is so. Whatever comes of it, this is the end of the transaction. Without
 * writes nothing is compared, and the revision is the one that it has read; `revision` may be NULL. `durability`: COPPICE_USUAL,
 * COPPICE_PROCESS or COPPICE_DISK. COPPICE_CONFLICT: nothing was written, coppice_transaction_conflict says why; begin again.
 */
COPPICE_API coppice_code coppice_transaction_commit(coppice_transaction *transaction, int32_t durability, uint64_t *revision);

/**
 * Before the commit, and after one that was not made: discards everything. After a commit, of a transaction begun with
 * COPPICE_BEFORE_IMAGES: puts back what it has overwritten, as one commit. COPPICE_CONFLICT if any of the keys was changed since:
 * nothing was written, and it may be tried again. COPPICE_INVALID where nothing was kept.
 */
COPPICE_API coppice_code coppice_transaction_rollback(coppice_transaction *transaction);

/**
 * One of the keys that the commit or the rollback has lost to, from index 0 on. The key is valid until the next call with the
 * transaction. COPPICE_INVALID where there is no more.
 */
COPPICE_API coppice_code coppice_transaction_conflict(coppice_transaction *transaction, size_t index, coppice_conflict *conflict);

/** Discards what was not committed, and what was kept for a rollback. NULL does nothing. */
COPPICE_API void coppice_transaction_free(coppice_transaction *transaction);

/** Returns when everything written before is in tables. The engine does it by itself when a memtable is full. */
COPPICE_API coppice_code coppice_flush(coppice_db *db);

/** Flushes, and merges the tables that hold keys of `range` (NULL: all) down as far as it goes. The engine merges by itself too. */
COPPICE_API coppice_code coppice_compact(coppice_db *db, const coppice_range *range);

/** About how many bytes of files the keys of `range` (NULL: all) take; what is not in tables yet is not counted. Reads no values. */
COPPICE_API coppice_code coppice_approximate_bytes(coppice_db *db, const coppice_range *range, uint64_t *bytes);

/** With the option history: forgets what was before a revision. */
COPPICE_API coppice_code coppice_trim(coppice_db *db, uint64_t revision);

/** Figures as JSON, in UTF-8, for coppice_free to free: `json`, of `json_length` bytes. They are those of `stats()` in TypeScript. */
COPPICE_API coppice_code coppice_stats(coppice_db *db, void **json, size_t *json_length);

/**
 * Reads and checks every byte that the database relies on. COPPICE_CORRUPT if some are not what was written. `json`, which may be
 * NULL, says how many were checked and lists what is wrong, for coppice_free to free:
 * {"checkedBytes":4096,"problems":[{"file":"...","offset":0,"what":"..."}]}.
 */
COPPICE_API coppice_code coppice_verify(coppice_db *db, void **json, size_t *json_length);

/**
 * Makes a copy of the database as it is now in a folder that is absent or empty, on the same file system: tables are linked.
 * `revision`, which may be NULL: the newest commit that it holds. COPPICE_EXISTS if there is something in the folder.
 */
COPPICE_API coppice_code coppice_checkpoint(coppice_db *db, const char *folder, uint64_t *revision);

/**
 * Brings a copy of the database in another folder, on any file system, up to now: what the last backup has put there is not copied
 * again, and is not harmed if this one fails. `revision` may be NULL.
 */
COPPICE_API coppice_code coppice_backup(coppice_db *db, const char *folder, uint64_t *revision);

#ifdef __cplusplus
}
#endif

#endif
