# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container sees and may do."""

import json
import os
import pathlib
import subprocess

import pytest
from conftest import wait_for


def test_masked_paths_are_empty_and_read_only_paths_refuse(rt):
    got = rt.output("cat /proc/keys /proc/timer_list; ls /sys/firmware; echo x > /proc/sys/kernel/hostname || echo ro; "
                    "touch /sys/firmware/x || echo ro", linux={"maskedPaths": [
                        "/proc/keys", "/proc/timer_list", "/sys/firmware", "/nosuch"]})
    assert got.split() == ["ro", "ro"]


def test_a_masked_file_is_the_hosts_null_device_whatever_the_image_has_at_dev_null(rt):
    (rt.image / "dev/null").write_text("secret of the image")
    got = rt.output("cat /proc/keys; stat -c '%t:%T' /proc/keys", linux={"maskedPaths": ["/proc/keys"]})
    assert got == "1:3\n"


def test_the_default_devices_are_there_and_no_others_can_be_used(rt):
    got = rt.output("ls /dev; mknod /tmp/sda b 254 0 && dd if=/tmp/sda of=/dev/null bs=1 count=1 2>&1 || true",
                    process={"capabilities": {k: ["CAP_MKNOD"] for k in ("bounding", "effective", "permitted")}})
    assert set("full null random tty urandom zero ptmx fd stdin stdout stderr pts shm mqueue".split()) <= set(got.split())
    assert "Operation not permitted" in got


def test_a_device_rule_opens_what_it_names(rt):
    def allow(config):
        config["linux"]["resources"]["devices"].append(
            {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rw"})
        config["linux"]["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o600}]
    assert "got" in rt.output("exec 3>/dev/kmsg && echo got", change=allow)
    assert "denied" in rt.output("(exec 3>/dev/kmsg) 2>/dev/null || echo denied", linux={"devices": [
        {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]})


def test_capabilities_are_exactly_those_asked_for(rt):
    def caps(config):
        config["process"]["capabilities"] = {"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN"],
                                             "effective": ["CAP_CHOWN"], "inheritable": ["CAP_CHOWN"],
                                             "ambient": ["CAP_CHOWN"]}
        config["process"]["user"] = {"uid": 1000, "gid": 1000}
    got = rt.output("grep Cap /proc/self/status", change=caps).split()
    sets = {got[i][3:-1]: int(got[i + 1], 16) for i in range(0, len(got), 2)}
    assert sets == {"Inh": 1, "Prm": 1, "Eff": 1, "Bnd": 1 | 1 << 5, "Amb": 1}


def test_without_capabilities_in_the_configuration_there_are_none(rt):
    got = rt.output("grep -E 'Cap(Eff|Bnd|Prm)' /proc/self/status", process={"capabilities": None})
    assert all(int(word, 16) == 0 for word in got.split()[1::2])


def test_no_new_privileges_is_set(rt):
    assert "NoNewPrivs:\t1" in rt.output("grep NoNewPrivs /proc/self/status")


def test_the_default_profile_denies_and_the_rest_still_works(rt, profile):
    caps = {k: ["CAP_SYS_ADMIN"] for k in ("bounding", "effective", "permitted")}
    got = rt.output("grep Seccomp: /proc/self/status; mount -t tmpfs x /mnt 2>&1 || true; "
                    "unshare -u true 2>&1 || true; ls / | wc -l", process={"capabilities": caps},
                    linux={"seccomp": profile})
    lines = got.splitlines()
    assert lines[0].split() == ["Seccomp:", "2"]
    assert "ermission denied" in lines[1] or "not permitted" in lines[1]
    assert "Operation not permitted" in lines[2]
    assert int(lines[3]) > 5


def test_exec_has_the_containers_filter_too(rt, profile):
    cid = rt.start(linux={"seccomp": profile})
    assert rt.ok("exec", cid, "grep", "Seccomp:", "/proc/self/status").split()[1] == "2"


def test_seccomp_without_no_new_privileges_is_loaded_before_capabilities_go(rt, profile):
    got = rt.output("grep -E 'Seccomp:|NoNewPrivs' /proc/self/status", process={"noNewPrivileges": False},
                    linux={"seccomp": profile})
    assert got.split() == ["NoNewPrivs:", "0", "Seccomp:", "2"]


def test_seccomp_values_beyond_int64_are_kept_whole(rt):
    rule = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5,
         "args": [{"index": 1, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]}
    assert rt.output("echo fine", linux={"seccomp": rule}) == "fine\n"


def test_proc_self_cgroup_shows_no_host_path(rt):
    lines = rt.output("cat /proc/self/cgroup").split()
    assert lines and all(line.endswith(":/") for line in lines)


def test_the_mount_table_has_no_host_mount(rt):
    points = [line.split()[4] for line in rt.output("cat /proc/self/mountinfo").splitlines()]
    assert points[0] == "/" and not [p for p in points if not p.startswith(("/proc", "/dev", "/sys")) and p != "/"]


def test_the_overlay_is_seen_by_nobody_else_and_writes_land_in_upper(rt):
    cid = rt.start("echo data > /file; sleep 1000")
    wait_for("file", lambda: (rt.path(cid) / "upper/file").exists())
    assert str(rt.path(cid)) not in pathlib.Path("/proc/self/mountinfo").read_text()
    options = rt.ok("exec", cid, "sh", "-c", "grep ' / / ' /proc/self/mountinfo")
    assert "index=on" not in options and "metacopy=on" not in options and "redirect_dir=on" not in options


def test_sixty_lower_layers_mount(rt):
    lower = [str(rt.image)]
    for i in range(60):
        layer = rt.top / f"a-rather-long-directory-name-for-one-layer-of-many-{i:03d}"
        layer.mkdir()
        (layer / f"f{i}").write_text("x")
        lower.insert(0, str(layer))
    assert rt.output("ls / | grep -c '^f'", annotations={"org.gemel.overlay.lower": ":".join(lower)}) == "60\n"


def test_an_overlay_without_upper_is_read_only(rt):
    def bare(config):
        (rt.top / "other").mkdir()
        config["annotations"] = {"org.gemel.overlay.lower": f"{rt.image}:{rt.top}/other"}
    assert "Read-only" in rt.output("touch /x 2>&1 || true", change=bare)


def test_a_plain_directory_is_a_root_too(rt):
    cid = rt.bundle("echo x > /made; mount | head -1", overlay=False)
    assert rt.run(cid).returncode == 0
    assert (rt.path(cid) / "rootfs/made").exists()


def test_a_read_only_root_refuses_writes_but_its_tmpfs_does_not(rt):
    def change(config):
        config["root"]["readonly"] = True
        config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]})
    assert rt.output("touch /x 2>/dev/null || echo ro; touch /tmp/y && echo rw", change=change) == "ro\nrw\n"


def test_bind_mounts_take_ro_and_rro(rt):
    (rt.top / "data/sub").mkdir(parents=True)

    def change(config):
        for kind in ("ro", "rw"):
            config["mounts"].append({"destination": f"/deep/{kind}", "type": "bind", "source": str(rt.top / "data"),
                                     "options": ["rbind", kind]})
        config["mounts"].append({"destination": "/file", "source": str(rt.path(f"t{os.getpid()}-{rt.count}") / "config.json"),
                                 "options": ["bind", "ro"]})
    got = rt.output("touch /deep/ro/a 2>/dev/null || echo ro; touch /deep/rw/b && echo rw; head -c 1 /file",
                    change=change)
    assert got == "ro\nrw\n{" and (rt.top / "data/b").exists()


def test_tmpcopyup_starts_with_the_images_files(rt):
    (rt.image / "etc/sub").mkdir()
    (rt.image / "etc/sub/f").write_text("kept")

    def change(config):
        config["mounts"].append({"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]})
    assert rt.output("cat /etc/sub/f; touch /etc/new; mount | grep -c ' /etc '", change=change) == "kept1\n"


def test_users_groups_umask_and_limits(rt):
    got = rt.output("id -u; id -g; id -G; umask; ulimit -n; ulimit -Hn",
                    process={"user": {"uid": 12, "gid": 34, "additionalGids": [56, 78], "umask": 0o77},
                             "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]})
    assert got.split() == ["12", "34", "34", "56", "78", "0077", "100", "200"]


def test_hostname_domainname_and_sysctl(rt):
    got = rt.output("cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni",
                    hostname="h1", domainname="d1", linux={"sysctl": {"net.ipv4.ip_forward": "1", "kernel.shmmni": "77"}})
    assert got.split() == ["h1", "d1", "1", "77"]


def test_network_namespaces_are_joined_by_path(rt):
    name = f"t{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        inode = os.stat(f"/run/netns/{name}").st_ino

        def join(config):
            for ns in config["linux"]["namespaces"]:
                if ns["type"] == "network":
                    ns["path"] = f"/run/netns/{name}"
        assert rt.output("readlink /proc/self/ns/net", change=join) == f"net:[{inode}]\n"

        def join_user(config):
            join(config)
            user_ns(rt, config)
        assert rt.output("readlink /proc/self/ns/net; id -u", change=join_user) == f"net:[{inode}]\n0\n"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_another_containers_pid_namespace_is_joined_by_path(rt):
    first = rt.start()
    pid = rt.state(first)["pid"]

    def join(config):
        for ns in config["linux"]["namespaces"]:
            if ns["type"] == "pid":
                ns["path"] = f"/proc/{pid}/ns/pid"
    assert rt.output("readlink /proc/1/ns/pid; readlink /proc/self/ns/pid", change=join).split() == [
        os.readlink(f"/proc/{pid}/ns/pid")] * 2


def user_ns(rt, config, base=100000):
    """Maps 65536 ids and gives the upper directory to them."""
    config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        config["linux"][key] = [{"containerID": 0, "hostID": base, "size": 65536}]
    for name in ("upper", "work"):
        os.chown(rt.path(f"t{os.getpid()}-{rt.count}") / name, base, base)


def test_a_user_namespace_maps_root_to_nobody_on_the_host(rt):
    cid = rt.bundle("id -u; touch /x; cat /proc/self/uid_map; sleep 1000", change=lambda c: user_ns(rt, c))
    # what only root of the host may enter is in nobody's way
    os.chmod(rt.path(cid), 0o700)
    assert rt.create(cid) == 0, rt.out(cid)
    rt.ok("start", cid)
    wait_for("output", lambda: "65536" in rt.out(cid))
    assert rt.out(cid).split() == ["0", "0", "100000", "65536"]
    assert os.stat(rt.path(cid) / "upper/x").st_uid == 100000
    assert rt.ok("exec", cid, "sh", "-c", "id -u; cat /proc/self/uid_map").split() == ["0", "0", "100000", "65536"]


def test_an_id_mapped_bind_mount_shows_mapped_owners(rt):
    data = rt.top / "data"
    data.mkdir()
    (data / "f").write_text("x")
    os.chown(data / "f", 1000, 1000)

    def change(config):
        maps = [{"containerID": 1000, "hostID": 2000, "size": 1}]
        config["mounts"].append({"destination": "/data", "type": "bind", "source": str(data), "options": ["bind", "idmap"],
                                 "uidMappings": maps, "gidMappings": maps})
    assert rt.output("stat -c %u /data/f", change=change) == "2000\n"


def test_hooks_run_in_order_with_the_state_on_their_stdin(rt):
    log = rt.top / "hooks.log"

    def hook(name):
        return [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {name} $(cat) >> {log}"]}]
    cid = rt.bundle("true", annotations={"k": "v"}, hooks={
        name: hook(name) for name in ("prestart", "createRuntime", "createContainer", "poststart", "poststop")})
    assert rt.create(cid) == 0, rt.out(cid)
    rt.ok("start", cid)
    wait_for("end", lambda: rt.status(cid) == "stopped")
    rt.ok("delete", cid)
    names, statuses = [], []
    for line in log.read_text().splitlines():
        name, _, text = line.partition(" ")
        state = json.loads(text)
        assert state["id"] == cid and state["annotations"]["k"] == "v"
        names.append(name)
        statuses.append(state["status"])
    assert names == ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    assert statuses == ["creating", "creating", "creating", "running", "stopped"]


@pytest.mark.parametrize("kind", ["startContainer", "createRuntime", "none"])
def test_poststop_hooks_follow_a_run_that_failed_when_it_had_begun(rt, kind):
    """The number of a process that has ended may be another's by then: it is not told."""
    seen = rt.top / f"poststop-{kind}"
    fails = {kind: [{"path": "/bin/false"}]} if kind != "none" else {}
    cid = rt.bundle("true" if fails else "exit 3", hooks={**fails, "poststop": [{"path": "/bin/sh", "args": ["sh", "-c", f"cat >>{seen}"]}]})
    got = rt.run(cid)
    assert got.returncode == (1 if fails else 3) and kind in got.stderr + "none"
    state = json.loads(seen.read_text())
    assert (state["id"], state["status"], state["pid"]) == (cid, "stopped", 0)
    assert rt.leftovers() == []


def test_a_time_namespace_has_its_offsets(rt):
    def change(config):
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 0}}
    up = float(rt.output("cat /proc/uptime", change=change).split()[0])
    assert up > 1000000


def test_the_compiled_filter_is_cached_and_a_spoiled_cache_is_not_believed(rt, profile):
    def run():
        cid = rt.bundle("unshare -u true 2>&1 || true; grep Seccomp: /proc/self/status", linux={"seccomp": profile})
        got = rt.run(cid)
        assert got.returncode == 0 and "not permitted" in got.stdout and "2" in got.stdout, got
    run()
    files = list((rt.root / ".filters").iterdir())
    assert len(files) == 1 and files[0].stat().st_mode & 0o777 == 0o600
    stamp = files[0].stat().st_mtime_ns
    run()
    assert files[0].stat().st_mtime_ns == stamp
    good = files[0].read_bytes()
    for spoiled in (b"", good[:-8], good[:100] + b"x" + good[101:], good + b"12345678"):
        files[0].write_bytes(spoiled)
        run()
        assert files[0].read_bytes() == good
    (rt.root / ".filters").chmod(0o777)
    files[0].write_bytes(b"left alone")
    run()
    assert files[0].read_bytes() == b"left alone"


def test_directories_with_very_long_names_are_layers_too(rt):
    deep = rt.top / ("d" * 120) / ("e" * 120) / ("f" * 120)
    for name in ("lower", "upper", "work"):
        (deep / name).mkdir(parents=True)
    (deep / "lower/found").write_text("x")
    got = rt.output("ls /found; echo y > /made", annotations={
        "org.gemel.overlay.lower": f"{deep}/lower:{rt.image}", "org.gemel.overlay.upper": f"{deep}/upper",
        "org.gemel.overlay.work": f"{deep}/work"})
    assert got == "/found\n" and (deep / "upper/made").exists()
