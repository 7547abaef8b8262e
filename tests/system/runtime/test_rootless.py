# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime started by a user without privileges, and by root inside a user namespace."""

import contextlib
import copy
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pexpect
import pytest
from conftest import Runtime, find_runtime, pid_gone, wait_for
from harness.user import COUNT, SUB, UID, User
from test_terminal import read_until, receive_terminal

class Rootless(Runtime):
    """Runtime whose commands the user runs; subids=False: it has no subordinate ids."""

    config = None

    def __init__(self, binary, top, subids):
        super().__init__(binary, top)
        self.binary = str(self.top / "gemel-runtime")  # a build directory may be closed to others
        shutil.copy(binary, self.binary)
        self.user = User(self.top, subids)
        self.home, self.own = self.user.home, self.user.own
        self.root = self.home / "run/gemel-runtime"
        self.own(self.top)

    def default_config(self):
        if not Rootless.config:
            Rootless.config = self.ask_config()
        return copy.deepcopy(Rootless.config)

    def ask_config(self):
        with tempfile.TemporaryDirectory(dir=self.top) as d:
            self.own(d)
            subprocess.run([self.binary, "spec", "--rootless", "-b", d], check=True, **self.user.popen({}))
            return json.loads(pathlib.Path(d, "config.json").read_text())

    def bundle(self, *args, **more):
        given, maps = more.pop("change", None), more.pop("maps", None)

        def change(config):
            del config["linux"]["cgroupsPath"]
            if maps == "none":
                del config["linux"]["uidMappings"], config["linux"]["gidMappings"]
            elif maps:
                config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [
                    {"containerID": 0, "hostID": UID, "size": 1}, {"containerID": 1, "hostID": SUB, "size": maps}]
            if given:
                given(config)
        cid = super().bundle(*args, change=change, **more)
        self.own(self.path(cid))
        return cid

    def call(self, *args, timeout=60, **options):
        return self.as_user(self.binary, *args, timeout=timeout, **options)

    def as_user(self, *argv, timeout=60, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(list(map(str, argv)), text=True, capture_output=True, timeout=timeout, **self.user.popen(options))

    def create(self, cid, *options, **more):
        with open(self.path(cid) / "out", "ab") as out, open(os.devnull) as none:
            return subprocess.run([self.binary, "create", "-b", str(self.path(cid)), *options, cid], stdin=none, stdout=out,
                                  stderr=out, timeout=60, **self.user.popen(more)).returncode

    def spawn(self, *args):
        return pexpect.spawn(self.binary, list(map(str, args)), timeout=60, env=self.user.env(), preexec_fn=self.user.become())


def make(subids):
    if os.geteuid() != 0:
        pytest.skip("needs root, to become a user of its own")
    binary = find_runtime()
    assert binary, "gemel-runtime is not built"
    top = tempfile.mkdtemp(prefix="gemel-rl-")
    os.chmod(top, 0o755)
    return Rootless(binary, top, subids)


def finish(rl):
    rl.clean()
    rl.user.close()
    left = rl.leftovers() + [top for top, _, _ in os.walk("/sys/fs/cgroup") if f"gemel-t{os.getpid()}-" in top]
    shutil.rmtree(rl.top, ignore_errors=True)
    assert not left, f"left behind: {left}"


@pytest.fixture
def rl():
    """A user with subordinate ids."""
    assert shutil.which("newuidmap"), "newuidmap (package uidmap) is not installed: ./dev test installs it"
    made = make(True)
    yield made
    finish(made)


@pytest.fixture
def single():
    """A user without any."""
    made = make(False)
    yield made
    finish(made)


def test_a_user_runs_a_container_with_one_id(single):
    got = single.output("cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id -u; id -G; echo x > /tmp/f; ls -ln /tmp/f")
    words = got.split()
    assert words[:9] == ["0", str(UID), "1", "0", str(UID), "1", "deny", "0", "0"] and words[11:13] == ["0", "0"]
    upper = single.path(f"t{os.getpid()}-{single.count}") / "upper/tmp/f"
    assert os.stat(upper).st_uid == UID


def test_a_user_runs_a_container_with_subordinate_ids(rl):
    got = rl.output("cat /proc/self/uid_map; cat /proc/self/setgroups; id -u; id -G; grep CapEff /proc/self/status", maps=1000,
                    process={"user": {"uid": 5, "gid": 6, "additionalGids": [7]}})
    assert got.split() == ["0", str(UID), "1", "1", str(SUB), "1000", "allow", "5", "6", "7", "CapEff:", "0000000000000000"]


def test_mappings_that_are_left_out_come_from_subuid(rl):
    got = rl.output("cat /proc/self/uid_map /proc/self/gid_map", maps="none")
    assert got.split() == ["0", str(UID), "1", "1", str(SUB), str(COUNT)] * 2


def test_mappings_that_are_left_out_are_one_id_for_a_user_without_subordinate_ones(single):
    assert single.output("cat /proc/self/uid_map /proc/self/gid_map", maps="none").split() == ["0", str(UID), "1"] * 2


def test_ids_that_are_not_the_users_are_refused_with_newuidmaps_reason(rl, single):
    for user, helper in ((rl, "gid"), (single, "gid")):
        got = user.run(user.bundle("true", maps=COUNT + 1))
        assert got.returncode == 1 and got.stderr.count("\n") == 1, got.stderr
        assert "linux.gidMappings" in got.stderr and "not allowed" in got.stderr and helper in got.stderr


def test_without_a_user_namespace_the_message_says_what_is_needed(single):
    def drop(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "user"]
        del config["linux"]["uidMappings"], config["linux"]["gidMappings"]
    got = single.run(single.bundle("true", change=drop))
    assert got.returncode == 1 and "needs a user namespace" in got.stderr


def test_state_is_kept_in_the_users_runtime_directory(rl):
    cid = rl.start()
    assert (rl.home / "run/gemel-runtime" / cid / "state.json").exists()
    assert rl.state(cid)["owner"] == str(UID)
    assert os.stat(f"/proc/{rl.state(cid)['pid']}").st_uid == UID


@pytest.mark.parametrize("maps", [None, 1000])
def test_the_life_of_a_users_container(rl, maps):
    cid = rl.bundle("trap 'echo got; exit 4' TERM; echo begun; while :; do sleep 0.05; done", maps=maps)
    assert rl.create(cid) == 0, rl.out(cid)
    assert rl.status(cid) == "created"
    rl.ok("start", cid)
    wait_for("output", lambda: "begun" in rl.out(cid))
    assert "running" in rl.ok("list")
    rl.ok("kill", cid)
    wait_for("its end", lambda: rl.status(cid) == "stopped")
    assert rl.out(cid) == "begun\ngot\n"
    rl.ok("delete", cid)
    assert "does not exist" in rl.fails("state", cid)


def test_delete_force_kills_processes_of_subordinate_ids(rl):
    cid = rl.start(maps=1000, process={"user": {"uid": 500, "gid": 500}})
    pid = rl.state(cid)["pid"]
    assert os.stat(f"/proc/{pid}").st_uid == SUB + 499
    rl.ok("delete", "--force", cid)
    assert pid_gone(pid)


@pytest.mark.parametrize("maps", [None, 1000])
def test_exec_in_a_users_container(rl, maps):
    cid = rl.start(maps=maps, hostname="inside")
    got = rl.ok("exec", cid, "sh", "-c", "hostname; id -u; for k in user pid mnt uts ipc; do readlink /proc/self/ns/$k; readlink /proc/1/ns/$k; done")
    lines = got.splitlines()
    assert lines[:2] == ["inside", "0"] and lines[2::2] == lines[3::2]
    assert rl.call("exec", cid, "sh", "-c", "exit 5").returncode == 5
    assert "executable file not found" in rl.fails("exec", cid, "nosuch")
    if maps:
        assert rl.ok("exec", "-u", "9:10", cid, "id", "-u") == "9\n"


def test_root_does_not_believe_a_users_state_directory(rl):
    cid = rl.start(maps=1000)
    got = subprocess.run([rl.binary, "--root", rl.root, "exec", cid, "id", "-u"], capture_output=True, text=True, timeout=60,
                         stdin=subprocess.DEVNULL)
    assert got.returncode == 255 and f"user {UID} could put containers there" in got.stderr, got


def test_exec_options_of_the_process_are_kept(rl):
    cid = rl.start(maps=1000)
    spec = rl.top / "process.json"
    spec.write_text(json.dumps({"args": ["sh", "-c", "id -u; id -G; cat /proc/self/oom_score_adj; pwd"], "cwd": "/tmp",
                                "env": ["PATH=/bin"], "oomScoreAdj": 321, "user": {"uid": 5, "gid": 6, "additionalGids": [8]}}))
    assert rl.ok("exec", "--process", spec, cid).split() == ["5", "6", "8", "321", "/tmp"]


def test_a_terminal_for_run_exec_and_create(rl):
    p = rl.spawn("run", "-b", rl.path(cid := rl.bundle("tty; exit 6", process={"terminal": True})), cid)
    p.expect("/dev/pts/0")
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 6
    p = rl.spawn("exec", "-t", rl.start(maps=1000), "sh", "-c", "tty; exit 3")
    p.expect("/dev/pts/0")
    p.expect(pexpect.EOF)
    p.close()
    assert p.exitstatus == 3
    path = rl.home / "console"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        rl.own(path)
        listener.listen(1)
        cid = rl.bundle("ls -l /dev/console; tty; sleep 1000", process={"terminal": True}, maps=1000)
        assert rl.create(cid, "--console-socket", str(path)) == 0, rl.out(cid)
        master = receive_terminal(listener)
    try:
        rl.ok("start", cid)
        assert b"/dev/pts/0" in read_until(master, b"pts/0\r\n")
    finally:
        os.close(master)


def test_devices_are_the_hosts_own_nodes(single):
    got = single.output("for d in null zero full random urandom tty; do stat -c '%t:%T' /dev/$d; done; echo x > /dev/null; "
                        "dd if=/dev/zero bs=1 count=2 2>/dev/null | wc -c; busybox mknod /tmp/d c 1 3 2>&1 || true", overlay=True)
    assert got.split()[:7] == ["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "2"] and "Operation not permitted" in got


def test_a_tree_of_layers_is_mounted_by_the_user(rl):
    cid = rl.bundle("rm /etc/passwd; mkdir /tmp/d; rm -r /mnt; mkdir /mnt; ls /etc /mnt; mount | head -n 1", maps=1000)
    got = rl.run(cid)
    assert got.returncode == 0 and " on / type overlay " in got.stdout and "userxattr" in got.stdout, got
    assert (rl.path(cid) / "upper/tmp/d").is_dir()
    assert (rl.image / "etc/passwd").exists()


def test_sys_is_the_hosts_where_the_network_is(single):
    def plain(config):  # a configuration that was not made for a user
        config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/sys"] + [
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}]
    assert single.output("ls /sys; touch /sys/x 2>&1 || true", change=plain).split()[:2] == sorted(os.listdir("/sys"))[:2]
    def own_network(config):
        plain(config)
        config["linux"]["namespaces"].append({"type": "network"})
    assert "lo" in single.output("ls /sys/class/net; readlink /proc/self/ns/net", change=own_network)


def test_a_cgroup_mount_shows_what_the_user_sees(single):
    def mount(config):
        config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid"]})
    assert single.output("ls /sys/fs/cgroup | wc -l; mkdir /sys/fs/cgroup/x 2>&1 || true", change=mount).split()[0] != "0"


def test_what_needs_privilege_is_an_error_that_names_it(single):
    def limit(config):
        config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 1 << 30, "soft": 1024}]
    assert "process.rlimits[0]" in single.run(single.bundle("true", change=limit)).stderr
    got = single.run(single.bundle("true", process={"oomScoreAdj": -900}))
    assert got.returncode == 1 and "process.oomScoreAdj" in got.stderr
    assert single.output("cat /proc/self/oom_score_adj", process={"oomScoreAdj": 444}) == "444\n"


def test_a_limit_without_a_delegated_group_is_an_error_that_names_it(single):
    for resources, field in (({"memory": {"limit": 64 << 20}}, "memory.limit"), ({"pids": {"limit": 50}}, "pids.limit"),
                             ({"cpu": {"quota": 50000}}, "cpu.quota")):
        got = single.run(single.bundle("true", linux={"resources": resources}))
        assert got.returncode == 1 and f"linux.resources.{field}" in got.stderr and "delegated" in got.stderr, got.stderr
        assert single.leftovers() == []


def test_a_group_that_was_asked_for_and_is_not_the_users_is_an_error(single):
    def ask(config):
        config["linux"]["cgroupsPath"] = "/not/mine"
    got = single.run(single.bundle("true", change=ask))
    assert got.returncode == 1 and "linux.cgroupsPath: /not/mine" in got.stderr


@contextlib.contextmanager
def delegated(name):
    """A group of the user's own in every hierarchy; yields the directories."""
    tops = ["/sys/fs/cgroup"] if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else \
        [e.path for e in os.scandir("/sys/fs/cgroup") if os.path.ismount(e.path)]
    dirs = [os.path.join(top, name) for top in tops]
    if len(tops) == 1:
        with contextlib.suppress(OSError):
            pathlib.Path(tops[0], "cgroup.subtree_control").write_text("+memory +pids +cpu")
    try:
        for path in dirs:
            os.makedirs(f"{path}/at")
            for folder in (path, f"{path}/at"):
                os.chown(folder, UID, UID)
                for file in ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "tasks"):
                    if os.path.exists(f"{folder}/{file}"):
                        os.chown(f"{folder}/{file}", UID, UID)
            for file in ("cpuset.cpus", "cpuset.mems"):
                if os.path.exists(f"{path}/{file}") and "unified" not in path and len(tops) > 1:
                    pathlib.Path(path, file).write_text(pathlib.Path(os.path.dirname(path), file).read_text())
                    pathlib.Path(path, "at", file).write_text(pathlib.Path(path, file).read_text())
        yield dirs
    finally:
        for path in dirs:
            for folder in (f"{path}/at", path):
                wait_for(f"{folder} to go", lambda f=folder: not os.path.exists(f) or remove(f))


def remove(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return not os.path.exists(path)


def enter(dirs):
    """For preexec_fn: into the group `at` of each hierarchy."""
    def move():
        for path in dirs:
            with open(f"{path}/at/cgroup.procs", "w") as procs:
                procs.write("0")
    return move


def value(cid, dirs, name):
    """A limit file of a container in one of the delegated directories."""
    found = [p for top in dirs for p in pathlib.Path(top).glob(f"**/*{cid}/{name}")]
    assert found, f"no {name} of {cid} below {dirs}"
    return found[0].read_text().strip()


def test_limits_are_set_in_a_delegated_group(rl):
    with delegated(f"t{os.getpid()}-deleg") as dirs:
        cid = rl.bundle("sleep 1000", maps=1000, linux={"resources": {"memory": {"limit": 64 << 20}, "pids": {"limit": 50}}})
        assert rl.create(cid, preexec_fn=enter(dirs)) == 0, rl.out(cid)
        rl.ok("start", cid)
        assert value(cid, dirs, "pids.max") == "50"
        v1 = any("/memory/" in path for path in dirs)
        assert value(cid, dirs, "memory.limit_in_bytes" if v1 else "memory.max") == str(64 << 20)
        assert str(rl.state(cid)["pid"]) in value(cid, dirs, "cgroup.procs")
        # From outside the delegated group only root moves a process into it: exec is called from inside, too.
        assert rl.ok("exec", cid, "cat", "/proc/self/cgroup", preexec_fn=enter(dirs)).count(":/\n") == len(dirs)
        rl.ok("pause", cid)
        assert rl.status(cid) == "paused"
        rl.ok("resume", cid)
        rl.ok("update", "--pids-limit", "60", cid)
        assert value(cid, dirs, "pids.max") == "60"
        assert len(json.loads(rl.ok("ps", "-f", "json", cid))) == 1
        rl.ok("delete", "--force", cid)
        assert not [p for top in dirs for p in pathlib.Path(top).glob(f"**/*{cid}")]


def test_root_inside_a_user_namespace_is_such_a_user_too(rl):
    """podman unshare and rootlesskit: id 0, all capabilities, and none of the host's privileges."""
    def no_user(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "user"]
        del config["linux"]["uidMappings"], config["linux"]["gidMappings"]
    inside = ["unshare", "--user", "--mount", "--map-root-user", "--map-users", f"{SUB},1,1000", "--map-groups", f"{SUB},1,1000"]
    for change in (no_user, None):
        def nested(config):
            for key in ("uidMappings", "gidMappings"):
                config["linux"][key] = [{"containerID": 0, "hostID": 0, "size": 1},
                                          {"containerID": 1, "hostID": 1, "size": 900}]
        cid = rl.bundle("id -u; echo x > /dev/null; ls -ln /tmp; touch /tmp/f; grep ' / ' /proc/mounts; cat /proc/self/uid_map",
                        change=change or nested)
        got = rl.as_user(*inside, rl.binary, "run", "-b", rl.path(cid), cid)
        assert got.returncode == 0, got.stderr
        assert got.stdout.split()[0] == "0" and " / overlay rw" in got.stdout, got
        assert os.stat(rl.path(cid) / "upper/tmp/f").st_uid == UID


def test_root_inside_a_user_namespace_keeps_its_state_in_the_users_directory(rl):
    got = rl.as_user("unshare", "--user", "--map-root-user", rl.binary, "list")
    assert got.returncode == 0 and rl.start() not in got.stdout
    got = rl.as_user("unshare", "--user", "--map-root-user", rl.binary, "list", "-q")
    assert f"t{os.getpid()}-" in got.stdout, got


@pytest.mark.parametrize("subids", ["rl", "single"])
def test_the_service_manager_of_a_user_is_told_that_it_is_ready(request, attacker, subids):
    user = request.getfixturevalue(subids)
    shutil.copy(attacker, user.image / "bin/attacker")
    path = user.home / "manager.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(20)
        user.own(path)
        cid = user.bundle("attacker", "notify", "READY=1")
        got = user.as_user("env", f"NOTIFY_SOCKET={path}", user.binary, "run", "-b", user.path(cid), cid)
        assert (got.returncode, got.stdout, got.stderr) == (0, "notify DONE\n", "")
        assert manager.recv(4096).endswith(b"\nREADY=1")
