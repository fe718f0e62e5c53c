/*
 * Sessions that expire, a transfer that is one commit, and one that is taken back: what a service does with a database.
 * docs/c.md says how it is built. Its argument is a folder.
 */
#include "coppice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS (60 * 1000)

/* Ends the program with the words of what went wrong. */
static void check(coppice_code code) {
  if (code == COPPICE_OK) return;
  fprintf(stderr, "%s: %s\n", coppice_code_name(code), coppice_error_message());
  exit(1);
}

static void show_all(coppice_db *db, const char *prefix) {
  coppice_range range;
  coppice_iterator *iterator;
  coppice_row row;
  memset(&range, 0, sizeof range);
  range.prefix.data = prefix;
  range.prefix.length = strlen(prefix);
  check(coppice_iterator_new(db, NULL, &range, 0, &iterator));
  for (;;) {
    check(coppice_iterator_next(iterator, &row));
    if (row.key == NULL) break;
    printf("%.*s = %.*s\n", (int)row.key_length, (const char *)row.key, (int)row.value_length, (const char *)row.value);
  }
  coppice_iterator_free(iterator);
}

static long balance(coppice_transaction *transaction, const char *account) {
  void *value;
  size_t length;
  char text[32];
  check(coppice_transaction_get(transaction, account, strlen(account), &value, &length));
  if (value == NULL) return 0;
  snprintf(text, sizeof text, "%.*s", (int)length, (const char *)value);
  coppice_free(value);
  return atol(text);
}

static void set_balance(coppice_transaction *transaction, const char *account, long amount) {
  char text[32];
  int length = snprintf(text, sizeof text, "%ld", amount);
  check(coppice_transaction_put(transaction, account, strlen(account), text, (size_t)length, COPPICE_NEVER));
}

/* Moves money as one commit. Where somebody else came in between it is done again. The transaction can be rolled back. */
static coppice_transaction *transfer(coppice_db *db, const char *from, const char *to, long amount) {
  for (;;) {
    coppice_transaction *transaction;
    coppice_code code;
    check(coppice_transaction_begin(db, COPPICE_BEFORE_IMAGES, &transaction));
    set_balance(transaction, from, balance(transaction, from) - amount);
    set_balance(transaction, to, balance(transaction, to) + amount);
    code = coppice_transaction_commit(transaction, COPPICE_USUAL, NULL);
    if (code == COPPICE_OK) return transaction;
    coppice_transaction_free(transaction);
    if (code != COPPICE_CONFLICT) check(code);
  }
}

int main(int count, char **arguments) {
  const char *const options[] = {"durability", "process", "memoryBytes", "33554432", NULL};
  const char token[] = {'t', 0, 'k'};
  coppice_db *db;
  coppice_batch *batch;
  coppice_transaction *transaction;
  coppice_entry entry;
  void *value;
  size_t length;

  if (count != 2) {
    fprintf(stderr, "usage: sessions FOLDER\n");
    return 2;
  }
  check(coppice_open(arguments[1], options, &db));

  /* Values are bytes: this one has a zero in its middle. */
  check(coppice_put(db, "session/ada", 11, token, sizeof token, coppice_deadline(db, 30 * MINUTE_MS), NULL));
  check(coppice_get_entry(db, NULL, "session/ada", 11, &value, &length, &entry));
  printf("ada: a token of %zu bytes, %s\n", length, entry.deadline_ms == COPPICE_NEVER ? "for ever" : "for a while");
  coppice_free(value);
  check(coppice_get(db, NULL, "session/grace", 13, &value, &length));
  printf("grace: %s\n", value == NULL ? "no session" : "a session");

  /* All or none, and only if ada has no account yet. */
  check(coppice_batch_new(&batch));
  check(coppice_batch_check(batch, "account/ada", 11, 0));
  check(coppice_batch_put(batch, "account/ada", 11, "100", 3, COPPICE_NEVER));
  check(coppice_batch_put(batch, "account/grace", 13, "20", 2, COPPICE_NEVER));
  check(coppice_batch_write(db, batch, COPPICE_DISK, NULL));
  printf("again: %s\n", coppice_code_name(coppice_batch_write(db, batch, COPPICE_DISK, NULL)));
  coppice_batch_free(batch);

  transaction = transfer(db, "account/ada", "account/grace", 30);
  show_all(db, "account/");
  check(coppice_transaction_rollback(transaction));
  coppice_transaction_free(transaction);
  printf("taken back\n");
  show_all(db, "account/");

  check(coppice_close(db));
  return 0;
}
