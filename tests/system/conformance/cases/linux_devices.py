# SPDX-License-Identifier: GPL-3.0-or-later
"""config-linux.md: devices, and those that every container has."""

from cases.config_process import tty
from suite import add_case, case

DOC, SECTION = "config-linux.md", "Devices"
KINDS = {"c": "character special file", "b": "block special file", "p": "fifo"}
DEFAULT = {"/dev/null": (1, 3), "/dev/zero": (1, 5), "/dev/full": (1, 7), "/dev/random": (1, 8), "/dev/urandom": (1, 9),
           "/dev/tty": (5, 0)}


def device(path, kind, major=None, minor=None, **more):
    made = {"path": path, "type": kind, **more}
    return made if major is None else {**made, "major": major, "minor": minor}


def wanted(bed):
    """An unprivileged user cannot make nodes; what the host has can be bound for him."""
    if bed.rootless:
        return [device("/dev/fuller", "c", 1, 7), device("/opt/nuller", "c", 1, 3)]
    return [device("/dev/fuller", "c", 1, 7, fileMode=0o640, uid=7, gid=8), device("/opt/nuller", "c", 1, 3, fileMode=0o666),
            device("/dev/blocky", "b", 7, 200), device("/dev/pipe", "p", fileMode=0o600), device("/dev/unbuffered", "u", 1, 5)]


def made(bed):
    paths = [d["path"] for d in wanted(bed)]
    return bed.once("devices", lambda: bed.report(lambda c: c["linux"].update(devices=wanted(bed)), stats=paths, parts={
        "works": "head -c 3 /dev/fuller | wc -c; echo x > /opt/nuller && echo written"}))


@case(DOC, SECTION, "devices (array of objects, OPTIONAL) lists devices that MUST be available in the container.",
      fields=["linux.devices:/dev/fuller"])
def devices_are_there(bed):
    for want in wanted(bed):
        assert want["path"] in made(bed).stats, f"no {want['path']}"
    assert made(bed).part("works") == "3\nwritten", made(bed).part("works")


@case(DOC, SECTION, "type (string, REQUIRED) - type of device: c, b, u or p.", fields=["linux.devices:/opt/nuller"])
def device_types(bed):
    for want in wanted(bed):
        stat = made(bed).stats.get(want["path"], ["nothing"])
        assert stat[0] == KINDS.get(want["type"], KINDS["c"]), f"{want['path']} is a {stat[0]}"
    bed.rejects(lambda c: c["linux"].update(devices=[device("/dev/x", "z", 1, 3)]))
    bed.rejects(lambda c: c["linux"].update(devices=[{"path": "/dev/x", "major": 1, "minor": 3}]))


@case(DOC, SECTION, "path (string, REQUIRED) - full path to device inside container. The path MAY be anywhere in the container "
      "filesystem, notably outside of /dev.", fields=["linux.devices:/opt/nuller"], name="path of a device")
def device_path(bed):
    assert made(bed).stats["/opt/nuller"][0] == KINDS["c"]
    bed.rejects(lambda c: c["linux"].update(devices=[{"type": "c", "major": 1, "minor": 3}]))


@case(DOC, SECTION, "If a file already exists at path that does not match the requested device, the runtime MUST generate an error.")
def a_file_in_the_way_is_an_error(bed):
    bed.rejects(lambda c: c["linux"].update(devices=[device("/bin/busybox", "c", 1, 3)]),
                twin=lambda c: c["linux"].update(devices=[device("/bin/not-there", "c", 1, 3)]))
    bed.rejects(lambda c: c["linux"].update(devices=[device("/work", "c", 1, 3)]))


@case(DOC, SECTION, "major, minor (int64, REQUIRED unless type is p) - major, minor numbers for the device.",
      fields=["linux.devices:/dev/fuller"])
def device_numbers(bed):
    for want in wanted(bed):
        if want["type"] != "p":
            got = tuple(int(w, 16) for w in made(bed).stats[want["path"]][4:6])
            assert got == (want["major"], want["minor"]), f"{want['path']}: {got}"
    bed.rejects(lambda c: c["linux"].update(devices=[device("/dev/x", "c")]))


def may_make(bed):
    bed.need_root("an unprivileged user makes no device nodes (mknod(2): CAP_MKNOD of the first user namespace): they are the host's "
                  "own, bound")


@case(DOC, SECTION, "fileMode (uint32, OPTIONAL) - file mode for the device.", fields=["linux.devices:/dev/fuller.fileMode"])
def file_mode(bed):
    may_make(bed)
    assert made(bed).stats["/dev/fuller"][1] == "640", made(bed).stats["/dev/fuller"]
    assert made(bed).stats["/dev/pipe"][1] == "600", made(bed).stats["/dev/pipe"]


@case(DOC, SECTION, "uid (uint32, OPTIONAL) - id of device owner in the container namespace.",
      fields=["linux.devices:/dev/fuller.uid"], name="uid of a device")
def device_uid(bed):
    may_make(bed)
    assert made(bed).stats["/dev/fuller"][2] == "7", made(bed).stats["/dev/fuller"]


@case(DOC, SECTION, "gid (uint32, OPTIONAL) - id of device group in the container namespace.",
      fields=["linux.devices:/dev/fuller.gid"], name="gid of a device")
def device_gid(bed):
    may_make(bed)
    assert made(bed).stats["/dev/fuller"][3] == "8", made(bed).stats["/dev/fuller"]


@case(DOC, SECTION, "Containers MAY NOT access any device node that is not either explicitly referenced in the devices array or listed as "
      "being part of the default devices.")
def other_devices_are_closed(bed):
    """A node of a device that nobody listed cannot be made, or cannot be opened."""
    def change(config):
        if not bed.rootless:
            config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    got = bed.output("mknod /tmp/k c 1 11 2>/dev/null; (exec 3</tmp/k) 2>/dev/null && echo OPENED; ls /dev; echo end", change)
    assert "OPENED" not in got and got.endswith("end\n"), got
    known = {p.rpartition("/")[2] for p in DEFAULT} | {"ptmx", "pts", "shm", "mqueue", "fd", "stdin", "stdout", "stderr", "core",
                                                       "console", "end"}
    assert set(got.split()) <= known, set(got.split()) - known


# -- default devices ----------------------------------------------------------------------------------------

def defaults(bed):
    return bed.once("default devices", lambda: bed.report(stats=[*DEFAULT, "/dev/ptmx", "/dev/console"], parts={
        "open": "head -c 1 /dev/zero | wc -c; echo x > /dev/full; head -c 1 /dev/urandom | wc -c; echo x > /dev/null && echo ok",
        "ptmx": "(exec 3<>/dev/ptmx) && echo opened"}))


def default(path):
    def check(bed):
        stat = defaults(bed).stats.get(path)
        assert stat, f"no {path}"
        assert stat[0] == KINDS["c"] and tuple(int(w, 16) for w in stat[4:6]) == DEFAULT[path], stat
        assert stat[1] == "666", f"mode {stat[1]}"
    return check


for _path in DEFAULT:
    add_case(DOC, "Default Devices", f"In addition to any devices configured with this setting, the runtime MUST also supply: {_path}",
             default(_path), f"{_path} is supplied")


@case(DOC, "Default Devices", "the runtime MUST also supply: /dev/console is set up if terminal is enabled in the config by bind mounting "
      "the pseudoterminal pty to /dev/console.", fields=["process.terminal"], name="/dev/console is the terminal")
def console(bed):
    text = tty(bed)["text"]
    assert " /dev/console " in text and "devpts" in text, text
    assert "/dev/console" not in defaults(bed).stats, "there without a terminal"


@case(DOC, "Default Devices", "the runtime MUST also supply: /dev/ptmx. A bind-mount or symlink of the container's /dev/pts/ptmx.",
      fields=["mounts:/dev/pts"], name="/dev/ptmx is the container's")
def ptmx(bed):
    stat = defaults(bed).stats.get("/dev/ptmx")
    assert stat and ("pts/ptmx" in stat[-1] or tuple(int(w, 16) for w in stat[4:6]) == (5, 2)), stat
    assert defaults(bed).part("ptmx") == "opened", defaults(bed).part("ptmx")
