/*
 * One step on a folder, for tests of what others find there: FOLDER get KEY, FOLDER put KEY VALUE, or FOLDER hold, which keeps
 * the database open until its input ends. Names and values of options may follow. Prints the value, or the name of a code.
 */
#include "coppice.h"

#include <stdio.h>
#include <string.h>

static int ended(coppice_code code) {
  if (code != COPPICE_OK) printf("%s: %s\n", coppice_code_name(code), coppice_error_message());
  return code;
}

int main(int count, char **arguments) {
  const char *step = count > 2 ? arguments[2] : "";
  int options = strcmp(step, "hold") == 0 ? 3 : strcmp(step, "get") == 0 ? 4 : 5;
  coppice_db *db;
  void *value;
  size_t length;
  /* What C hands a program ends with a NULL, as options do. */
  if (count < options) return 2;
  if (ended(coppice_open(arguments[1], (const char *const *)arguments + options, &db)) != COPPICE_OK) return 1;
  if (options == 5) {
    ended(coppice_put(db, arguments[3], strlen(arguments[3]), arguments[4], strlen(arguments[4]), COPPICE_NEVER, NULL));
  } else if (options == 4 && ended(coppice_get(db, NULL, arguments[3], strlen(arguments[3]), &value, &length)) == 0) {
    if (value == NULL) printf("none");
    fwrite(value == NULL ? "" : value, 1, length, stdout);
    coppice_free(value);
  } else if (options == 3) {
    printf("held\n");
    fflush(stdout);
    while (getchar() != EOF) continue;
  }
  return ended(coppice_close(db));
}
