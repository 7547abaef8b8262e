/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The entry point of the program: seal_self() (seal.h) before the C library has started.
 *
 * A command that enters a container executes its program twice, the first time only to make the
 * read-only mount that it then runs from. The C library's start is most of what that costs (CPUID,
 * which traps in a virtual machine, some seventy times), so the usual case is done here, by five
 * system calls, and _start follows only where there is nothing to seal or something went wrong.
 * Nothing depends on this file: whether the program runs from a protected file is checked by
 * seal_self() and nowhere else.
 *
 * There is no thread-local memory yet, so no errno and no stack protector, and no ifunc is
 * resolved, so no strcmp and no memcpy either: meson.build compiles this file with the flags for
 * that. Statically linked x86-64 programs without PIE only.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "seal.h"

#define ENV_MAX 500
#define PRIVATE (1UL << 18) /* MS_PRIVATE */

void seal_entry(void);
void seal_early(char **stack);

static long call(long number, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

static bool begins(const char *text, const char *with)
{
    while (*with && *text == *with) {
        text++;
        with++;
    }
    return !*with;
}

/* True for words that may be a command that enters. An option's value may be one too: then a
 * command that need not is sealed as well. */
static bool enters(const char *word)
{
    return (begins(word, "create") && !word[6]) || (begins(word, "run") && !word[3]) ||
           (begins(word, "exec") && !word[4]);
}

/* `stack` is as the kernel left it: argc, arguments, NULL, environment, NULL. */
void seal_early(char **stack)
{
    static char mark[] = SEAL_MARK "=mount";
    char *env[ENV_MAX + 2], **argv = stack + 1, **from = argv + (long)stack[0] + 1;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = PRIVATE};
    bool wanted = false;
    size_t n = 0;
    for (char **word = argv; *word; word++)
        wanted |= enters(*word);
    if (!wanted)
        return;
    for (; from[n]; n++) {
        if (n == ENV_MAX || begins(from[n], SEAL_MARK "="))
            return;
        env[n] = from[n];
    }
    env[n] = mark;
    env[n + 1] = NULL;
    long fd = call(SYS_open_tree, AT_FDCWD, (long)"/proc/self/exe",
                   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    if (fd < 0)
        return;
    if (call(SYS_mount_setattr, fd, (long)"", AT_EMPTY_PATH, (long)&attr, sizeof attr) == 0)
        call(SYS_execveat, fd, (long)"", (long)argv, (long)env, AT_EMPTY_PATH);
    call(SYS_close, fd, 0, 0, 0, 0);
}

/* rdx is what _start registers with atexit(3); for a static program the kernel leaves 0 in it. */
__asm__(".globl seal_entry\n"
        ".type seal_entry, @function\n"
        "seal_entry:\n"
        "    mov %rsp, %rbx\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call seal_early\n"
        "    mov %rbx, %rsp\n"
        "    xor %edx, %edx\n"
        "    jmp _start\n"
        ".size seal_entry, . - seal_entry\n");
