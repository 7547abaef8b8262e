#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one program inside a World of its own: in_world.py [--libvirt] [--native] PROGRAM [ARGS...]

For tests in C that need the real parts. The program runs in the private mount namespace and finds in its environment

    GEMEL_TEST_HOME         a directory that QEMU can read too, gone afterwards
    GEMEL_TEST_DOMAIN_TYPE  with --libvirt, where a private libvirtd runs: kvm if a guest of firmware runs under it
    GEMEL_TEST_ROOTFS       with --native: a busybox root file system
    GEMEL_ROOT, GEMEL_RUN, GEMEL_CGROUP_PARENT  with --native: a store of its own
    GEMEL_RUNTIME           with --native: the runtime that was built ($GEMEL_BUILD)

Its exit status is the program's. Without root it prints a TAP plan that skips everything and says why.
"""

import functools
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness import proc  # noqa: E402
from harness.gemel import program  # noqa: E402
from harness.world import World  # noqa: E402


def environment(world, wants):
    """What the program finds. What making it prints goes to standard error: the output is the program's."""
    output = os.dup(1)
    os.dup2(2, 1)
    env = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": world.home, "GEMEL_TEST_HOME": world.home}
    if "--libvirt" in wants:
        world.libvirt()
        env["GEMEL_TEST_DOMAIN_TYPE"] = world.guests.type
    if "--native" in wants:
        env["GEMEL_TEST_ROOTFS"] = world.rootfs
        env["GEMEL_ROOT"] = os.path.join(world.home, "store")
        env["GEMEL_RUN"] = os.path.join(world.home, "run")
        env["GEMEL_CGROUP_PARENT"] = world.cgroup
        env["GEMEL_RUNTIME"] = program("gemel-runtime")
    os.dup2(output, 1)
    os.close(output)
    return env


def main():
    wants = []
    argv = sys.argv[1:]
    while argv and argv[0].startswith("--"):
        wants.append(argv.pop(0))
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root: private mount namespaces, libvirtd and cgroups")
        return 0
    # meson ends a test that takes too long by SIGTERM: clean up then as well
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    world = World()
    try:
        world.start()
        env = environment(world, wants)
        with subprocess.Popen(argv, env=env,
                              preexec_fn=functools.partial(proc.enter_mounts, world.ns)) as child:
            try:
                return child.wait()
            finally:
                if child.poll() is None:
                    child.kill()
    finally:
        world.stop()


if __name__ == "__main__":
    sys.exit(main())
