/* The wall clock of one process, some seconds off: loaded with LD_PRELOAD before the C library, whose clock it asks. Clocks that
   measure spans are left alone, as a wrong wall clock leaves them. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    long result = syscall(SYS_clock_gettime, clock, now);
    const char *seconds = getenv("SOC2_TEST_CLOCK_SKEW");
    if (result == 0 && clock == CLOCK_REALTIME && seconds != NULL) now->tv_sec += atol(seconds);
    return (int)result;
}
