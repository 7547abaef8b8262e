# SPDX-License-Identifier: GPL-3.0-or-later
"""runtime-linux.md: descriptors and links in /dev."""

import os

from suite import add_case, case

DOC = "runtime-linux.md"
LINKS = (("/proc/self/fd", "/dev/fd"), ("/proc/self/fd/0", "/dev/stdin"), ("/proc/self/fd/1", "/dev/stdout"),
         ("/proc/self/fd/2", "/dev/stderr"))


@case(DOC, "File descriptors", "By default, only the stdin, stdout and stderr file descriptors are kept open for the application by "
      "the runtime.")
def only_three_descriptors(bed):
    with open(bed.top / "busybox", "rb") as leak:
        fd = os.dup(leak.fileno())
        os.set_inheritable(fd, True)
        try:
            got = bed.output("ls /proc/1/fd; true", pass_fds=(fd,))
        finally:
            os.close(fd)
    assert got.split() == ["0", "1", "2"], got


def links(bed):
    return bed.once("links", lambda: bed.report(stats=[d for _, d in LINKS]))


def link(source, destination):
    def check(bed):
        stat = links(bed).stats.get(destination)
        assert stat, f"no {destination}"
        assert stat[0] == "symbolic link" and f"'{source}'" in stat[-1], stat
    return check


for _source, _destination in LINKS:
    add_case(DOC, "Dev symbolic links", "While creating the container, runtimes MUST create the following symlinks if the source file "
             f"exists after processing mounts: {_source} at {_destination}.", link(_source, _destination),
             f"{_destination} is a link")
