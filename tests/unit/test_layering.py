# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of docs/ARCHITECTURE.md that the compiler does not see: who includes what, who calls what."""

import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tracked(*patterns):
    """Files of the checkout, also those not yet added, by git's patterns."""
    out = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached",
                          "--others", "--exclude-standard", *patterns],
                         cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode()
    return sorted(f for f in set(out.split("\0")) if f and os.path.isfile(os.path.join(ROOT, f)))


SOURCES = [f for f in tracked("*.c", "*.h")
           if f.startswith(("console/", "backends/", "widgets/", "config/", "bench/", "tests/"))]
PRODUCT = [f for f in SOURCES if not f.startswith(("tests/", "bench/"))]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def read(path):
    """The text of a source file."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def includes(path):
    """(bracket, header) of each include."""
    return INCLUDE.findall(read(path))


def code(path):
    """The text without comments and string literals, line by line as it was."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, read(path), flags=re.DOTALL)


def offenders(paths, bad):
    """path:line of every line of code that `bad` matches."""
    found = []
    for path in paths:
        for number, line in enumerate(code(path).split("\n"), 1):
            if re.search(bad, line):
                found.append(f"{path}:{number}: {line.strip()}")
    return found


def test_there_is_something_to_look_at():
    assert len(PRODUCT) >= 5, "no sources found: the greps below would prove nothing"


RUNTIME = "backends/native/runtime/"
OWN = ("console/", "backends/", "widgets/", "config/")
# folder -> our own folders whose headers its files may include
MAY_USE = {"console/": OWN, "backends/": ("backends/",), "widgets/": ("widgets/",),
           "config/": ("config/",), RUNTIME: (RUNTIME,)}


def folder_of(path):
    """The layer that a file belongs to."""
    return RUNTIME if path.startswith(RUNTIME) else path.split("/")[0] + "/"


def test_layers_include_only_what_they_may():
    found = []
    for path in PRODUCT:
        for _, header in includes(path):
            near = os.path.join(os.path.dirname(path), header)
            real = near if os.path.exists(os.path.join(ROOT, near)) else header
            real = os.path.normpath(real)
            if not real.startswith(OWN):
                continue
            if not real.startswith(MAY_USE[folder_of(path)]):
                found.append(f"{path} includes {header}")
            if real.startswith(RUNTIME) and folder_of(path) != RUNTIME:
                found.append(f"{path} includes {header}, which is the runtime's own")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("header, allowed", [
    (r"n?curses(w/curses)?\.h|ncursesw/.*|term\.h|panel\.h|form\.h|menu\.h", r"widgets/"),
    (r"vterm\.h", r"widgets/terminal\.c"),
    (r"readline/.*", r"console/(shell|readline_\w+)\.c"),
    (r"libvirt/.*", r"backends/libvirt/"),
    (r"seccomp\.h", RUNTIME),
    (r"sys/select\.h", r"nothing"),
])
def test_header_stays_in_its_place(header, allowed):
    found = [f"{p} includes <{h}>" for p in PRODUCT for _, h in includes(p)
             if re.fullmatch(header, h) and not re.match(allowed, p)]
    assert not found, "\n".join(found)


def test_runtime_uses_no_glib_and_no_threads():
    found = [f"{p} includes <{h}>" for p in PRODUCT if p.startswith(RUNTIME) for _, h in includes(p)
             if h.startswith(("glib", "gio", "gobject")) or h == "pthread.h"]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("call, why", [
    (r"\bg_(idle_add|timeout_add\w*|child_watch_add\w*|unix_fd_add\w*)\s*\(",
     "attaches to GLib's default context, which libvirt iterates in its own thread: use app_add_*"),
    (r"\bwaitpid\s*\(\s*-1\b", "takes away other people's children"),
    (r"\bselect\s*\(", "descriptors may be past FD_SETSIZE: use poll"),
    (r"\bprintf\s*\(.*->message|\bfprintf\s*\(std\w+,.*->message",
     "texts of others are stripped of what steers a terminal: output_line"),
    (r"\b(strcpy|sprintf|vsprintf|strtok|gets|system|popen)\s*\(", "forbidden function"),
])
def test_forbidden_calls(call, why):
    found = offenders(PRODUCT, call)
    assert not found, why + "\n" + "\n".join(found)


def test_hub_and_jobs_lock_with_pthreads_only():
    files = [p for p in PRODUCT if re.fullmatch(r"console/hub\.c|backends/jobs\w*\.c", p)]
    found = offenders(files, r"\bg_(mutex|cond|rec_mutex|rw_lock|async_queue|thread_pool)\w*\s*\(")
    assert not found, "ThreadSanitizer does not see GLib's locks\n" + "\n".join(found)


def test_every_source_names_its_licence():
    files = SOURCES + tracked("*.py", "dev", ".ci/run", "config/lab/*")
    found = [p for p in files if not p.endswith((".md", ".in", ".xml")) and
             "SPDX-License-Identifier: GPL-3.0-or-later" not in "".join(read(p).split("\n")[:3])]
    assert not found, "\n".join(found)


def test_signs_outside_ascii_come_from_one_table():
    found = []
    for path in PRODUCT:
        if not path.startswith(("console/", "widgets/")) or path == "widgets/glyphs.c":
            continue
        text = re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), read(path), flags=re.DOTALL)
        found += [f"{path}:{n}: {line.strip()}" for n, line in enumerate(text.split("\n"), 1)
                  if not line.isascii() or re.search(r"\\u[0-9a-fA-F]{4}|\b0x2[58][0-9a-fA-F]{2}\b", line)]
    assert not found, "widgets/glyphs.h has them, and their ASCII relatives\n" + "\n".join(found)


def test_names_of_test_files_are_unique():
    """pytest imports them by name: two of one name cannot be run together, as `quick` does."""
    names = [os.path.basename(name) for name in tracked("tests/**/test_*.py")]
    assert sorted(set(names)) == sorted(names)
