/* A disk that takes writes and fails to keep them: while the file that CRM_FAULTS_SYNC names exists, every fsync fails with EIO.
 * Loaded before the C library by the programs of the fault campaign. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
  const char *path = getenv("CRM_FAULTS_SYNC");
  return path && access(path, F_OK) == 0;
}

#define WRAP(name)                                                  \
  int name(int file) {                                              \
    static int (*real)(int);                                        \
    if (!real) *(void **)(&real) = dlsym(RTLD_NEXT, #name);         \
    if (!fails()) return real(file);                                \
    errno = EIO;                                                    \
    return -1;                                                      \
  }

WRAP(fsync)
WRAP(fdatasync)
