/*
 * Loaded before Node, it makes Node-API refuse memory that is not JavaScript's own, as Electron does since 21: every such
 * call answers 22, napi_no_external_buffers_allowed. An addon looks the functions up by name, so it is the look-up that
 * answers with others. The environment variable names a file to which each refusal adds a byte.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuse(void) {
  const char *path = getenv("COPPICE_REFUSALS");
  int file = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (file >= 0) {
    if (write(file, ".", 1) != 1) abort();
    close(file);
  }
  return 22;
}

/* Since 2.34, on x64, on arm64. */
static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17"};

void *dlsym(void *handle, const char *name) {
  static void *(*look_up)(void *, const char *);
  for (int i = 0; look_up == NULL; i++) look_up = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", versions[i]);
  if (strcmp(name, "napi_create_external_buffer") == 0) return (void *)refuse;
  if (strcmp(name, "napi_create_external_arraybuffer") == 0) return (void *)refuse;
  return look_up(handle, name);
}
