/* Every call of the library, from C. Its argument is a folder that is absent. Prints what is not as it should be. */
#define _POSIX_C_SOURCE 200809L
#include "coppice.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;
static char folder[4096];

#define IS(code, call) is(__LINE__, #call, (code), (call))
#define TRUE(what) holds(__LINE__, #what, (what))
#define TEXT(text) (text), strlen(text)

static void is(int line, const char *what, coppice_code wanted, coppice_code found) {
  if (found == wanted) return;
  failures += 1;
  printf("line %d: %s: %s (%s)\n", line, what, coppice_code_name(found), coppice_error_message());
}

static void holds(int line, const char *what, int found) {
  if (found) return;
  failures += 1;
  printf("line %d: not so: %s\n", line, what);
}

static const char *inside(const char *name) {
  static char path[4200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static coppice_db *opened(const char *name, const char *const *options) {
  coppice_db *db = NULL;
  IS(COPPICE_OK, coppice_open(inside(name), options, &db));
  return db;
}

static void put(coppice_db *db, const char *key, const char *value) {
  IS(COPPICE_OK, coppice_put(db, TEXT(key), TEXT(value), COPPICE_NEVER, NULL));
}

/* "key=value" of a row, or "-". */
static const char *moved(coppice_code (*move)(coppice_iterator *, coppice_row *), coppice_iterator *iterator) {
  static char shown[100];
  coppice_row row;
  IS(COPPICE_OK, move(iterator, &row));
  if (row.key == NULL) return "-";
  snprintf(shown, sizeof shown, "%.*s=%.*s", (int)row.key_length, (const char *)row.key, (int)row.value_length,
           (const char *)row.value);
  return shown;
}

static int gives(coppice_iterator *iterator, const char *row) {
  return strcmp(moved(coppice_iterator_next, iterator), row) == 0;
}

static int gives_back(coppice_iterator *iterator, const char *row) {
  return strcmp(moved(coppice_iterator_prev, iterator), row) == 0;
}

static int holds_value(coppice_db *db, const char *key, const void *wanted, size_t wanted_length) {
  void *value;
  size_t length;
  int same;
  IS(COPPICE_OK, coppice_get(db, NULL, TEXT(key), &value, &length));
  same = value != NULL && length == wanted_length && memcmp(value, wanted, length) == 0;
  coppice_free(value);
  return same;
}

static void nothing_given(void) {
  coppice_db *db = (coppice_db *)&failures;
  IS(COPPICE_INVALID, coppice_open(NULL, NULL, &db));
  TRUE(db == NULL);
  IS(COPPICE_INVALID, coppice_open("x", NULL, NULL));
  IS(COPPICE_INVALID, coppice_close(NULL));
  IS(COPPICE_INVALID, coppice_recovered(NULL, NULL));
  IS(COPPICE_INVALID, coppice_revision(NULL, NULL));
  IS(COPPICE_INVALID, coppice_put(NULL, NULL, 0, NULL, 0, 0, NULL));
  IS(COPPICE_INVALID, coppice_delete(NULL, NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_delete_range(NULL, NULL, NULL));
  IS(COPPICE_INVALID, coppice_sync(NULL));
  IS(COPPICE_INVALID, coppice_get(NULL, NULL, NULL, 0, NULL, NULL));
  IS(COPPICE_INVALID, coppice_get_entry(NULL, NULL, NULL, 0, NULL, NULL, NULL));
  IS(COPPICE_INVALID, coppice_get_into(NULL, NULL, NULL, 0, NULL, 0, NULL, NULL));
  IS(COPPICE_INVALID, coppice_has(NULL, NULL, NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_count(NULL, NULL, NULL, NULL));
  IS(COPPICE_INVALID, coppice_snapshot_new(NULL, NULL));
  IS(COPPICE_INVALID, coppice_snapshot_at(NULL, 1, NULL));
  IS(COPPICE_INVALID, coppice_snapshot_revision(NULL, NULL));
  IS(COPPICE_INVALID, coppice_iterator_new(NULL, NULL, NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_iterator_next(NULL, NULL));
  IS(COPPICE_INVALID, coppice_iterator_prev(NULL, NULL));
  IS(COPPICE_INVALID, coppice_iterator_seek(NULL, NULL, 0));
  IS(COPPICE_INVALID, coppice_iterator_reset(NULL));
  IS(COPPICE_INVALID, coppice_batch_new(NULL));
  IS(COPPICE_INVALID, coppice_batch_put(NULL, NULL, 0, NULL, 0, 0));
  IS(COPPICE_INVALID, coppice_batch_delete(NULL, NULL, 0));
  IS(COPPICE_INVALID, coppice_batch_delete_range(NULL, NULL));
  IS(COPPICE_INVALID, coppice_batch_check(NULL, NULL, 0, 0));
  IS(COPPICE_INVALID, coppice_batch_count(NULL, NULL));
  IS(COPPICE_INVALID, coppice_batch_clear(NULL));
  IS(COPPICE_INVALID, coppice_batch_write(NULL, NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_batch_conflict(NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_transaction_begin(NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_transaction_get(NULL, NULL, 0, NULL, NULL));
  IS(COPPICE_INVALID, coppice_transaction_put(NULL, NULL, 0, NULL, 0, 0));
  IS(COPPICE_INVALID, coppice_transaction_delete(NULL, NULL, 0));
  IS(COPPICE_INVALID, coppice_transaction_delete_range(NULL, NULL));
  IS(COPPICE_INVALID, coppice_transaction_iterator(NULL, NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_transaction_commit(NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_transaction_rollback(NULL));
  IS(COPPICE_INVALID, coppice_transaction_conflict(NULL, 0, NULL));
  IS(COPPICE_INVALID, coppice_flush(NULL));
  IS(COPPICE_INVALID, coppice_compact(NULL, NULL));
  IS(COPPICE_INVALID, coppice_approximate_bytes(NULL, NULL, NULL));
  IS(COPPICE_INVALID, coppice_trim(NULL, 1));
  IS(COPPICE_INVALID, coppice_stats(NULL, NULL, NULL));
  IS(COPPICE_INVALID, coppice_verify(NULL, NULL, NULL));
  IS(COPPICE_INVALID, coppice_checkpoint(NULL, NULL, NULL));
  IS(COPPICE_INVALID, coppice_backup(NULL, NULL, NULL));
  TRUE(strcmp(coppice_error_message(), "db is NULL") == 0);
  TRUE(coppice_deadline(NULL, 1) == -1);
  TRUE(coppice_code_name(99) == NULL && strcmp(coppice_code_name(0), "COPPICE_OK") == 0);
  coppice_free(NULL);
  coppice_snapshot_free(NULL);
  coppice_iterator_free(NULL);
  coppice_batch_free(NULL);
  coppice_transaction_free(NULL);
}

static void opening(void) {
  const char *const absent[] = {"createIfMissing", "false", NULL};
  const char *const read_only[] = {"readOnly", "true", NULL};
  const char *const wrong[] = {"histroy", "true", NULL};
  const char *const secret[] = {"encryption.key",
                                "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", NULL};
  coppice_db *db, *other;
  coppice_recovery recovery;
  IS(COPPICE_NOT_FOUND, coppice_open(inside("opening"), absent, &db));
  IS(COPPICE_INVALID, coppice_open(inside("opening"), wrong, &db));
  TRUE(strstr(coppice_error_message(), "\"histroy\"") != NULL);
  db = opened("opening", NULL);
  IS(COPPICE_LOCKED, coppice_open(inside("opening"), NULL, &other));
  TRUE(other == NULL);
  put(db, "a", "1");
  other = opened("opening", read_only);
  TRUE(holds_value(other, "a", "1", 1));
  IS(COPPICE_READONLY, coppice_put(other, "a", 1, "2", 1, 0, NULL));
  IS(COPPICE_OK, coppice_sync(other));
  IS(COPPICE_OK, coppice_verify(other, NULL, NULL));
  IS(COPPICE_OK, coppice_recovered(other, &recovery));
  TRUE(recovery.records == 1 && recovery.torn_bytes == 0 && recovery.left_out_bytes == 0);
  IS(COPPICE_OK, coppice_close(other));
  IS(COPPICE_OK, coppice_close(db));
  IS(COPPICE_INVALID, coppice_open(inside("opening"), secret, &db));
  db = opened("secret", secret);
  IS(COPPICE_OK, coppice_close(db));
  IS(COPPICE_ENCRYPTED, coppice_open(inside("secret"), NULL, &db));
}

static void values(void) {
  coppice_db *db = opened("values", NULL);
  char room[4] = "....";
  size_t length, at, large = 3 << 20;
  int32_t found;
  uint64_t revision, later, count;
  void *value;
  char *bytes = malloc(large), *key = calloc(1, 65536);
  coppice_entry entry;
  coppice_batch *batch;
  for (at = 0; at < large; at++) bytes[at] = (char)(at * 7 >> 8);
  IS(COPPICE_OK, coppice_put(db, NULL, 0, NULL, 0, COPPICE_NEVER, &revision));
  IS(COPPICE_OK, coppice_get(db, NULL, NULL, 0, &value, &length));
  TRUE(value != NULL && length == 0);
  coppice_free(value);
  IS(COPPICE_OK, coppice_put(db, "a\0b", 3, "v\0w", 3, COPPICE_NEVER, &later));
  TRUE(later == revision + 1);
  IS(COPPICE_OK, coppice_get_into(db, NULL, "a\0b", 3, room, 2, &length, &found));
  TRUE(found == 1 && length == 3 && memcmp(room, "v\0..", 4) == 0);
  IS(COPPICE_OK, coppice_get_into(db, NULL, "a", 1, room, 2, &length, &found));
  TRUE(found == 0 && length == 0);
  IS(COPPICE_OK, coppice_has(db, NULL, "a\0b", 3, &found));
  TRUE(found == 1);
  IS(COPPICE_OK, coppice_put(db, "t", 1, "", 0, coppice_deadline(db, UINT64_MAX), NULL));
  IS(COPPICE_OK, coppice_get_entry(db, NULL, "t", 1, NULL, &length, &entry));
  TRUE(entry.revision == later + 1 && entry.deadline_ms == INT64_C(8640000000000000) && entry.version == 0);
  IS(COPPICE_OK, coppice_put(db, "t", 1, "", 0, 1, NULL));
  IS(COPPICE_OK, coppice_get_entry(db, NULL, "t", 1, &value, NULL, &entry));
  TRUE(value == NULL && entry.revision == 0);
  IS(COPPICE_INVALID, coppice_put(db, "t", 1, "", 0, -1, NULL));
  IS(COPPICE_INVALID, coppice_put(db, "t", 1, NULL, 1, 0, NULL));
  TRUE(coppice_deadline(db, 0) == -1);
  IS(COPPICE_OK, coppice_put(db, key, 65535, "k", 1, 0, NULL));
  IS(COPPICE_TOO_LARGE, coppice_put(db, key, 65536, "k", 1, 0, NULL));
  IS(COPPICE_OK, coppice_put(db, "large", 5, bytes, large, COPPICE_NEVER, NULL));
  TRUE(holds_value(db, "large", bytes, large));
  IS(COPPICE_OK, coppice_batch_new(&batch));
  IS(COPPICE_OK, coppice_batch_delete(batch, "large", 5));
  IS(COPPICE_OK, coppice_batch_put(batch, "larger", 6, bytes, large, COPPICE_NEVER));
  IS(COPPICE_OK, coppice_batch_write(db, batch, COPPICE_DISK, NULL));
  IS(COPPICE_OK, coppice_batch_count(batch, &length));
  TRUE(length == 2);
  IS(COPPICE_OK, coppice_batch_clear(batch));
  for (at = 0; at < 31; at++) IS(COPPICE_OK, coppice_batch_put(batch, "b", 1, bytes, 1 << 20, 0));
  IS(COPPICE_TOO_LARGE, coppice_batch_put(batch, "b", 1, bytes, 1 << 20, 0));
  IS(COPPICE_INVALID, coppice_batch_write(db, batch, 9, NULL));
  IS(COPPICE_OK, coppice_batch_write(db, batch, COPPICE_PROCESS, NULL));
  coppice_batch_free(batch);
  IS(COPPICE_OK, coppice_sync(db));
  IS(COPPICE_OK, coppice_delete(db, key, 65535, NULL));
  IS(COPPICE_OK, coppice_close(db));
  db = opened("values", NULL);
  TRUE(holds_value(db, "larger", bytes, large) && holds_value(db, "b", bytes, 1 << 20));
  IS(COPPICE_OK, coppice_count(db, NULL, NULL, &count));
  TRUE(count == 4);
  IS(COPPICE_OK, coppice_close(db));
  free(bytes);
  free(key);
}

static void iterators(void) {
  coppice_db *db = opened("iterators", NULL);
  coppice_range range;
  coppice_iterator *iterator;
  coppice_row row;
  coppice_snapshot *snapshot;
  uint64_t count, revision, newest;
  put(db, "a", "1"), put(db, "b/1", "2"), put(db, "b/2", "3"), put(db, "c", "4");
  IS(COPPICE_OK, coppice_snapshot_new(db, &snapshot));
  IS(COPPICE_OK, coppice_delete(db, TEXT("b/2"), NULL));
  IS(COPPICE_OK, coppice_revision(db, &newest));
  IS(COPPICE_OK, coppice_snapshot_revision(snapshot, &revision));
  TRUE(newest == revision + 1);
  IS(COPPICE_OK, coppice_iterator_new(db, snapshot, NULL, 0, &iterator));
  put(db, "b", "late");
  TRUE(gives(iterator, "a=1") && gives(iterator, "b/1=2") && gives_back(iterator, "a=1"));
  TRUE(gives_back(iterator, "-") && gives_back(iterator, "-") && gives(iterator, "a=1"));
  IS(COPPICE_OK, coppice_iterator_reset(iterator));
  TRUE(gives_back(iterator, "c=4") && gives(iterator, "-") && gives(iterator, "-") && gives_back(iterator, "c=4"));
  IS(COPPICE_OK, coppice_iterator_seek(iterator, "b/2", 3));
  TRUE(gives(iterator, "b/2=3") && gives(iterator, "c=4"));
  IS(COPPICE_OK, coppice_iterator_seek(iterator, "b/2", 3));
  TRUE(gives_back(iterator, "b/1=2"));
  IS(COPPICE_OK, coppice_iterator_seek(iterator, "x", 1));
  TRUE(gives(iterator, "-") && gives_back(iterator, "c=4"));
  coppice_iterator_free(iterator);

  memset(&range, 0, sizeof range);
  range.prefix.data = "b/";
  range.prefix.length = 2;
  IS(COPPICE_OK, coppice_iterator_new(db, snapshot, &range, COPPICE_KEYS_ONLY, &iterator));
  IS(COPPICE_OK, coppice_iterator_seek(iterator, "a", 1));
  IS(COPPICE_OK, coppice_iterator_next(iterator, &row));
  TRUE(row.key_length == 3 && row.value == NULL && row.value_length == 1 && row.entry.revision == 3);
  IS(COPPICE_OK, coppice_iterator_seek(iterator, "x", 1));
  TRUE(gives_back(iterator, "b/2="));
  coppice_iterator_free(iterator);
  IS(COPPICE_INVALID, coppice_iterator_new(db, NULL, &range, 8, &iterator));
  range.gt = range.gte = range.prefix;
  IS(COPPICE_INVALID, coppice_iterator_new(db, NULL, &range, 0, &iterator));
  memset(&range, 0, sizeof range);
  range.lt.data = "a";
  range.lt.length = 1;
  range.gt.data = "b";
  range.gt.length = 1;
  IS(COPPICE_OK, coppice_iterator_new(db, NULL, &range, 0, &iterator));
  TRUE(gives(iterator, "-") && gives_back(iterator, "-"));
  coppice_iterator_free(iterator);
  IS(COPPICE_OK, coppice_delete_range(db, &range, NULL));
  range.lt.data = NULL;
  range.lt.length = 0;
  IS(COPPICE_OK, coppice_delete_range(db, &range, NULL));
  IS(COPPICE_OK, coppice_count(db, NULL, NULL, &count));
  TRUE(count == 2);
  IS(COPPICE_OK, coppice_count(db, snapshot, NULL, &count));
  TRUE(count == 4);
  coppice_snapshot_free(snapshot);
  IS(COPPICE_OK, coppice_close(db));
}

static void transactions(void) {
  coppice_db *db = opened("transactions", NULL);
  coppice_transaction *one, *two;
  coppice_iterator *iterator;
  coppice_conflict conflict;
  coppice_range range;
  coppice_batch *batch;
  static const char long_key[65536];
  void *value;
  size_t length;
  uint64_t count;
  put(db, "a", "1"), put(db, "b", "2"), put(db, "c", "3"), put(db, "x", "9");

  /* What it has written shows in a range, and what it moves over is read. */
  IS(COPPICE_OK, coppice_transaction_begin(db, 0, &one));
  IS(COPPICE_OK, coppice_transaction_iterator(one, NULL, 0, &iterator));
  IS(COPPICE_OK, coppice_transaction_put(one, "aa", 2, "own", 3, COPPICE_NEVER));
  IS(COPPICE_OK, coppice_transaction_delete(one, "b", 1));
  TRUE(gives(iterator, "a=1") && gives(iterator, "aa=own") && gives(iterator, "c=3"));
  TRUE(gives_back(iterator, "aa=own"));
  put(db, "y", "behind what was read");
  IS(COPPICE_OK, coppice_transaction_commit(one, COPPICE_USUAL, NULL));
  IS(COPPICE_CLOSED, coppice_iterator_next(iterator, NULL));
  IS(COPPICE_CLOSED, coppice_transaction_put(one, "a", 1, "", 0, 0));
  coppice_transaction_free(one);
  coppice_iterator_free(iterator);

  /* A key that comes into what was read is a conflict, which names it. */
  IS(COPPICE_OK, coppice_transaction_begin(db, 0, &one));
  IS(COPPICE_OK, coppice_transaction_iterator(one, NULL, COPPICE_KEYS_ONLY, &iterator));
  TRUE(gives(iterator, "a=") && gives(iterator, "aa=") && gives(iterator, "c="));
  IS(COPPICE_OK, coppice_transaction_put(one, "z", 1, "", 0, COPPICE_NEVER));
  put(db, "bb", "new");
  IS(COPPICE_CONFLICT, coppice_transaction_commit(one, COPPICE_USUAL, NULL));
  IS(COPPICE_OK, coppice_transaction_conflict(one, 0, &conflict));
  TRUE(conflict.key_length == 2 && memcmp(conflict.key, "bb", 2) == 0 && conflict.revision > 0);
  IS(COPPICE_INVALID, coppice_transaction_conflict(one, 1, &conflict));
  IS(COPPICE_OK, coppice_transaction_rollback(one));
  coppice_transaction_free(one);
  IS(COPPICE_CLOSED, coppice_iterator_next(iterator, NULL));
  coppice_iterator_free(iterator);

  /* So is one that was not there when it was read. */
  IS(COPPICE_OK, coppice_transaction_begin(db, 0, &one));
  IS(COPPICE_OK, coppice_transaction_get(one, "none", 4, &value, &length));
  TRUE(value == NULL);
  IS(COPPICE_OK, coppice_transaction_put(one, "c", 1, "lost", 4, COPPICE_NEVER));
  IS(COPPICE_OK, coppice_transaction_get(one, "c", 1, &value, &length));
  TRUE(length == 4);
  coppice_free(value);
  put(db, "none", "some");
  IS(COPPICE_CONFLICT, coppice_transaction_commit(one, COPPICE_USUAL, NULL));
  coppice_transaction_free(one);

  /* After the commit everything can be put back, deleted ranges too, unless somebody else was there. */
  memset(&range, 0, sizeof range);
  range.lte.data = "c";
  range.lte.length = 1;
  IS(COPPICE_OK, coppice_transaction_begin(db, COPPICE_BEFORE_IMAGES, &one));
  IS(COPPICE_OK, coppice_transaction_begin(db, COPPICE_BEFORE_IMAGES, &two));
  IS(COPPICE_OK, coppice_transaction_delete_range(one, &range));
  IS(COPPICE_OK, coppice_transaction_put(one, "b", 1, "kept", 4, COPPICE_NEVER));
  IS(COPPICE_OK, coppice_transaction_commit(one, COPPICE_DISK, NULL));
  IS(COPPICE_OK, coppice_count(db, NULL, &range, &count));
  TRUE(count == 1 && holds_value(db, "b", "kept", 4));
  IS(COPPICE_OK, coppice_transaction_rollback(one));
  IS(COPPICE_OK, coppice_count(db, NULL, &range, &count));
  TRUE(count == 4 && holds_value(db, "a", "1", 1) && holds_value(db, "c", "3", 1));
  coppice_transaction_free(one);
  IS(COPPICE_OK, coppice_transaction_put(two, "x", 1, "10", 2, COPPICE_NEVER));
  IS(COPPICE_OK, coppice_transaction_commit(two, COPPICE_USUAL, NULL));
  put(db, "x", "11");
  IS(COPPICE_CONFLICT, coppice_transaction_rollback(two));
  IS(COPPICE_OK, coppice_transaction_conflict(two, 0, &conflict));
  TRUE(conflict.key_length == 1 && holds_value(db, "x", "11", 2));
  coppice_transaction_free(two);
  IS(COPPICE_OK, coppice_transaction_begin(db, 0, &one));
  IS(COPPICE_OK, coppice_transaction_commit(one, COPPICE_USUAL, NULL));
  IS(COPPICE_INVALID, coppice_transaction_rollback(one));
  coppice_transaction_free(one);
  IS(COPPICE_INVALID, coppice_transaction_begin(db, 2, &one));

  /* What no commit could take is refused when it is written, and what a commit has refused has ended. */
  IS(COPPICE_OK, coppice_transaction_begin(db, 0, &one));
  IS(COPPICE_TOO_LARGE, coppice_transaction_put(one, long_key, sizeof long_key, "", 0, COPPICE_NEVER));
  IS(COPPICE_TOO_LARGE, coppice_transaction_delete(one, long_key, sizeof long_key));
  IS(COPPICE_OK, coppice_transaction_put(one, "d", 1, "", 0, COPPICE_NEVER));
  IS(COPPICE_INVALID, coppice_transaction_commit(one, 99, NULL));
  IS(COPPICE_CLOSED, coppice_transaction_commit(one, COPPICE_USUAL, NULL));
  coppice_transaction_free(one);

  /* The conditions of a batch that do not hold are told by their keys. */
  IS(COPPICE_OK, coppice_batch_new(&batch));
  IS(COPPICE_OK, coppice_batch_check(batch, "absent", 6, 0));
  IS(COPPICE_OK, coppice_batch_check(batch, "x", 1, 1));
  IS(COPPICE_OK, coppice_batch_delete_range(batch, NULL));
  IS(COPPICE_CONFLICT, coppice_batch_write(db, batch, COPPICE_USUAL, NULL));
  IS(COPPICE_OK, coppice_batch_conflict(batch, 0, &conflict));
  TRUE(conflict.key_length == 1 && memcmp(conflict.key, "x", 1) == 0);
  IS(COPPICE_INVALID, coppice_batch_conflict(batch, 1, &conflict));
  coppice_batch_free(batch);
  IS(COPPICE_OK, coppice_close(db));
}

static void maintenance(void) {
  const char *const options[] = {"history", "true", NULL};
  coppice_db *db = opened("history", options), *copy;
  coppice_snapshot *past;
  coppice_entry entry;
  uint64_t revision, copied;
  void *value;
  size_t length;
  char other[4200];
  put(db, "k", "old");
  IS(COPPICE_OK, coppice_revision(db, &revision));
  put(db, "k", "new");
  IS(COPPICE_OK, coppice_get_entry(db, NULL, "k", 1, NULL, NULL, &entry));
  TRUE(entry.version == 2 && entry.create_revision == revision);
  IS(COPPICE_OK, coppice_snapshot_at(db, revision, &past));
  IS(COPPICE_OK, coppice_get(db, past, "k", 1, &value, &length));
  TRUE(length == 3 && memcmp(value, "old", 3) == 0);
  coppice_free(value);
  coppice_snapshot_free(past);
  IS(COPPICE_FUTURE_REVISION, coppice_snapshot_at(db, 1000, &past));
  TRUE(past == NULL);
  IS(COPPICE_OK, coppice_flush(db));
  IS(COPPICE_OK, coppice_compact(db, NULL));
  IS(COPPICE_OK, coppice_approximate_bytes(db, NULL, &copied));
  TRUE(copied > 0);
  IS(COPPICE_OK, coppice_trim(db, revision + 1));
  IS(COPPICE_COMPACTED, coppice_snapshot_at(db, revision, &past));
  IS(COPPICE_OK, coppice_stats(db, &value, &length));
  TRUE(length > 300 && memcmp(value, "{\"history\":{", 12) == 0 && ((char *)value)[length - 1] == '}');
  coppice_free(value);
  IS(COPPICE_OK, coppice_verify(db, &value, &length));
  TRUE(length > 20 && memcmp((char *)value + length - 14, "\"problems\":[]}", 14) == 0);
  coppice_free(value);
  IS(COPPICE_OK, coppice_checkpoint(db, inside("checkpoint"), &copied));
  IS(COPPICE_EXISTS, coppice_checkpoint(db, inside("checkpoint"), NULL));
  strcpy(other, inside("backup"));
  IS(COPPICE_OK, coppice_backup(db, other, &copied));
  put(db, "k", "newer");
  IS(COPPICE_OK, coppice_backup(db, other, &copied));
  TRUE(copied == revision + 2);
  copy = opened("checkpoint", NULL);
  TRUE(holds_value(copy, "k", "new", 3));
  IS(COPPICE_OK, coppice_snapshot_new(copy, &past));
  IS(COPPICE_INVALID, coppice_get(db, past, "k", 1, NULL, NULL));
  coppice_snapshot_free(past);
  IS(COPPICE_OK, coppice_close(copy));
  copy = opened("backup", NULL);
  TRUE(holds_value(copy, "k", "newer", 5));
  IS(COPPICE_OK, coppice_close(copy));
  IS(COPPICE_OK, coppice_close(db));
}

/* Handles outlive their database, and answer that it is closed. */
static void any_order(void) {
  coppice_db *db = opened("order", NULL);
  coppice_snapshot *snapshot;
  coppice_iterator *iterator, *inner;
  coppice_transaction *transaction;
  put(db, "a", "1"), put(db, "b", "2");
  IS(COPPICE_OK, coppice_snapshot_new(db, &snapshot));
  IS(COPPICE_OK, coppice_iterator_new(db, snapshot, NULL, 0, &iterator));
  IS(COPPICE_OK, coppice_transaction_begin(db, COPPICE_BEFORE_IMAGES, &transaction));
  IS(COPPICE_OK, coppice_transaction_iterator(transaction, NULL, 0, &inner));
  IS(COPPICE_OK, coppice_transaction_put(transaction, "c", 1, "3", 1, COPPICE_NEVER));
  TRUE(gives(iterator, "a=1") && gives(inner, "a=1"));
  coppice_snapshot_free(snapshot);
  TRUE(gives(iterator, "b=2"));
  IS(COPPICE_OK, coppice_close(db));
  IS(COPPICE_CLOSED, coppice_iterator_next(iterator, NULL));
  IS(COPPICE_CLOSED, coppice_iterator_next(inner, NULL));
  IS(COPPICE_CLOSED, coppice_transaction_get(transaction, "a", 1, NULL, NULL));
  IS(COPPICE_CLOSED, coppice_transaction_commit(transaction, COPPICE_USUAL, NULL));
  coppice_transaction_free(transaction);
  coppice_iterator_free(iterator);
  db = opened("order", NULL);
  TRUE(!holds_value(db, "c", "3", 1));
  IS(COPPICE_OK, coppice_close(db));
  coppice_iterator_free(inner);
}

/* A folder stays the same one when the process goes to another. */
static void elsewhere(void) {
  coppice_db *db = NULL;
  TRUE(chdir(folder) == 0);
  IS(COPPICE_OK, coppice_open("here", NULL, &db));
  TRUE(chdir("/") == 0);
  put(db, "a", "1");
  IS(COPPICE_OK, coppice_flush(db));
  IS(COPPICE_OK, coppice_close(db));
  db = opened("here", NULL);
  TRUE(holds_value(db, "a", "1", 1));
  IS(COPPICE_OK, coppice_close(db));
}

#define THREADS 4
#define ADDED 50
#define FILLED 400

struct worker {
  coppice_db *db;
  int number;
  int lost;
};

/* Adds to one counter by transactions, and fills more memtables than there are. */
static void *work(void *given) {
  struct worker *worker = given;
  char *block = calloc(1, 4096), key[32], text[32];
  int at;
  for (at = 0; at < ADDED;) {
    coppice_transaction *transaction;
    coppice_code code;
    void *value;
    size_t length;
    IS(COPPICE_OK, coppice_transaction_begin(worker->db, 0, &transaction));
    IS(COPPICE_OK, coppice_transaction_get(transaction, TEXT("counter"), &value, &length));
    snprintf(text, sizeof text, "%.*s", (int)length, value == NULL ? "" : (const char *)value);
    snprintf(text, sizeof text, "%d", atoi(text) + 1);
    coppice_free(value);
    IS(COPPICE_OK, coppice_transaction_put(transaction, TEXT("counter"), TEXT(text), COPPICE_NEVER));
    code = coppice_transaction_commit(transaction, COPPICE_PROCESS, NULL);
    coppice_transaction_free(transaction);
    if (code == COPPICE_OK) at += 1;
    else IS(COPPICE_CONFLICT, code);
  }
  for (at = 0; at < FILLED; at++) {
    snprintf(key, sizeof key, "%d/%d", worker->number, at);
    IS(COPPICE_OK, coppice_put(worker->db, TEXT(key), block, 4096, COPPICE_NEVER, NULL));
    worker->lost += !holds_value(worker->db, key, block, 4096);
  }
  free(block);
  return NULL;
}

static void threads(void) {
  const char *const options[] = {"durability", "process", "memoryBytes",   "16777216",
                                 "blobBytes",  "0",       "memtableBytes", "262144", NULL};
  coppice_db *db = opened("threads", options);
  pthread_t all[THREADS];
  struct worker workers[THREADS];
  uint64_t count;
  int at;
  for (at = 0; at < THREADS; at++) {
    workers[at].db = db;
    workers[at].number = at;
    workers[at].lost = 0;
    TRUE(pthread_create(&all[at], NULL, work, &workers[at]) == 0);
  }
  for (at = 0; at < THREADS; at++) {
    pthread_join(all[at], NULL);
    TRUE(workers[at].lost == 0);
  }
  TRUE(holds_value(db, "counter", TEXT("200")));
  IS(COPPICE_OK, coppice_count(db, NULL, NULL, &count));
  TRUE(count == THREADS * FILLED + 1);
  IS(COPPICE_OK, coppice_close(db));
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  snprintf(folder, sizeof folder, "%s", arguments[1]);
  nothing_given();
  opening();
  values();
  iterators();
  transactions();
  maintenance();
  any_order();
  elsewhere();
  threads();
  printf("%d failures, version %s\n", failures, coppice_version());
  return failures > 0;
}
