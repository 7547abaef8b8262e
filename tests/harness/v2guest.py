# SPDX-License-Identifier: GPL-3.0-or-later
"""A small guest in which cgroup v2 is all there is: commands in, files back, within seconds.

    got = v2guest.run("cat /sys/fs/cgroup/cgroup.controllers", timeout=60)
    got.status, got.output            # of the script
    got.file("name")                  # what it wrote to $OUT/name

The guest runs the general kernel of Debian 12 (which has 9p), fetched once by config/lab/fetch-kernel and never
installed. Its tree is this machine's own, shared read-only, so every program and the build are at their places;
/tmp (ext4), /run and /var/tmp are its own, $OUT is shared with the host and writable. Scripts run as root with sh, in a
child of the root cgroup, every controller being enabled for children of the root. With init="systemd" the guest boots
the host's systemd with few units and runs the script as a service.

It runs under KVM where a probe shows that this kernel boots there, else under TCG, where starting a process
costs some 20 to 70 times what it costs here. A guest that panics, hangs or never comes up raises GuestError with
the end of its console.
"""

import glob
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
LAB = TOP / "config/lab"
INIT = TOP / "tests/v2/guest-init"
# What the init needs; what a test wants beyond is loaded after these.
MODULES = ["virtio_pci", "virtio_blk", "9pnet_virtio", "9p", "crc32c_generic", "ext4", "overlay"]
EXTRA = ["loop", "brd rd_nr=2 rd_size=32768", "bfq", "dummy"]
DISK_MB = 2048


class GuestError(Exception):
    """The guest did not do its part; the text ends with its console's last lines."""


def cache():
    """Where the kernel is kept."""
    if os.geteuid() == 0:
        return "/var/cache/gemel/v2"
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "gemel/v2")


def missing():
    """Why there can be no guest here, or None. Only facts of the host, never a failure."""
    if not shutil.which("qemu-system-x86_64"):
        return "no qemu-system-x86_64: install qemu-system-x86"
    if os.uname().machine != "x86_64":
        return "the guest is an x86_64 one"
    return None


def kernel():
    """The unpacked kernel package."""
    done = subprocess.run([LAB / "fetch-kernel", cache(), ""], check=True, stdout=subprocess.PIPE, text=True, timeout=300)
    return pathlib.Path(done.stdout.split()[-1]).resolve()


def _module_files(tree, wanted):
    """Paths of the modules with all they need, in the order of loading, each with its options."""
    release = os.listdir(tree / "lib/modules")[0]
    base = tree / "lib/modules" / release
    if not (base / "modules.dep").exists():
        subprocess.run(["/sbin/depmod", "-b", str(tree), release], check=True)
    needs, by_name = {}, {}
    for line in (base / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
        by_name[os.path.basename(path).partition(".")[0].replace("-", "_")] = path
    order = []
    for text in wanted:
        name, _, options = text.partition(" ")
        path = by_name.get(name.replace("-", "_"))
        if not path:
            continue  # built in
        for each in [*reversed(needs[path]), path]:
            if each not in [o[0] for o in order]:
                order.append((each, options if each == path else ""))
    return base, order


def image(modules=()):
    """The directory with vmlinuz and initrd.img, made when anything it is made of has changed."""
    tree = kernel()
    wanted = [*MODULES, *modules]
    stamp = hashlib.sha256(repr([str(tree), wanted, INIT.read_text(), os.path.getmtime("/bin/busybox")]).encode()).hexdigest()
    made = pathlib.Path(cache()) / f"image-{stamp[:16]}"
    if made.exists():
        return made
    for old in glob.glob(f"{cache()}/image-*"):
        if time.time() - os.path.getmtime(old) > 7 * 86400:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".image-") as scratch:
        scratch = pathlib.Path(scratch)
        files = scratch / "files"
        (files / "bin").mkdir(parents=True)
        shutil.copy("/bin/busybox", files / "bin/busybox")
        shutil.copy(INIT, files / "init")
        (files / "init").chmod(0o755)
        base, order = _module_files(tree, wanted)
        lines = []
        (files / "lib/modules").mkdir(parents=True)
        for path, options in order:
            data, name = (base / path).read_bytes(), os.path.basename(path)
            if name.endswith(".xz"):
                data, name = lzma.decompress(data), name[:-3]
            (files / "lib/modules" / name).write_bytes(data)
            lines.append(f"{name} {options}".strip())
        (files / "modules").write_text("".join(f"{line}\n" for line in lines))
        ready = scratch / "ready"
        ready.mkdir()
        with open(ready / "initrd.img", "wb") as out:
            names = subprocess.run(["find", "."], cwd=files, stdout=subprocess.PIPE, check=True).stdout
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=files, input=names, stdout=out, check=True)
        shutil.copy(glob.glob(f"{tree}/boot/vmlinuz-*")[0], ready / "vmlinuz")
        (ready / "guest-image.stamp").write_text(stamp + "\n")
        ready.chmod(0o755)
        try:
            ready.rename(made)
        except OSError:
            pass  # another run was first
    return made


def accelerator(made):
    """`kvm` or `tcg`, by the lab's probe, which boots this very kernel."""
    done = subprocess.run([LAB / "kvm-probe", made, cache()], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, timeout=60)
    return "kvm" if done.stdout.split()[:1] == ["kvm"] else "tcg"


PLAIN = """
# PID 1 of the guest from here on. The root of cgroup v2 takes processes and controllers at once; its children do not.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root OUT=/run/v2
mkdir /sys/fs/cgroup/init && echo 1 >/sys/fs/cgroup/init/cgroup.procs
for c in $(cat /sys/fs/cgroup/cgroup.controllers); do echo +$c >/sys/fs/cgroup/cgroup.subtree_control; done
cd /
echo GEMEL-GUEST-UP
setsid sh /run/v2/job </dev/null >/run/v2/output 2>&1
echo $? >/run/v2/status
sync
/bin/busybox poweroff -f
"""

UNIT = """
[Unit]
Description=the job
DefaultDependencies=no
After=basic.target dbus.service
Wants=dbus.service
[Service]
Type=oneshot
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root OUT=/run/v2
ExecStartPre=/bin/sh -c 'echo GEMEL-GUEST-UP >/dev/console'
ExecStart=/bin/sh -c 'sh /run/v2/job </dev/null >/run/v2/output 2>&1; echo $? >/run/v2/status; sync; exec /bin/busybox poweroff -f'
"""

# Runs before systemd: few units, and a machine id. $1 is the new root.
PREPARE = """
set -e
rm -rf $1/etc/systemd/system $1/etc/fstab
mkdir -p $1/etc/systemd/system
printf '%s' "$(printf %032d 7)" >$1/etc/machine-id
: >$1/etc/fstab
cp $1/run/v2/job.service $1/etc/systemd/system/job.service
cat >$1/etc/systemd/system/job.target <<EOF
[Unit]
Requires=job.service
AllowIsolate=yes
EOF
ln -s /etc/systemd/system/job.target $1/etc/systemd/system/default.target
for unit in systemd-udevd systemd-udev-trigger systemd-journald systemd-journal-flush systemd-tmpfiles-setup \\
    systemd-tmpfiles-setup-dev systemd-random-seed systemd-sysctl systemd-sysusers systemd-modules-load systemd-update-utmp \\
    systemd-timesyncd networking keyboard-setup console-setup systemd-ask-password-console systemd-binfmt \\
    modprobe@configfs modprobe@dm_mod modprobe@fuse modprobe@loop modprobe@drm modprobe@efi_pstore systemd-remount-fs; do
    ln -sf /dev/null $1/etc/systemd/system/$unit.service
done
for unit in dev-hugepages sys-kernel-debug sys-kernel-tracing sys-kernel-config sys-fs-fuse-connections; do
    ln -sf /dev/null $1/etc/systemd/system/$unit.mount
done
printf '[Manager]\\nDefaultStandardOutput=null\\nShowStatus=no\\n' >$1/etc/systemd/system.conf
for unit in systemd-journald systemd-journald-dev-log systemd-journald-audit systemd-udevd-control systemd-udevd-kernel; do
    ln -sf /dev/null $1/etc/systemd/system/$unit.socket
done
"""


class Result:
    """What a guest left: status and output of the script, its files, the seconds it took, the console."""

    def __init__(self, out, console, seconds, up):
        self.out, self.console, self.seconds, self.up_after = pathlib.Path(out), console, seconds, up
        self.status = int((self.out / "status").read_text())
        self.output = (self.out / "output").read_text(errors="replace")

    def file(self, name):
        return (self.out / name).read_text(errors="replace")


def _tail(console, lines=40):
    text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]|[^\n\x20-\x7e]", b"", console).decode()
    return "\n".join(text.splitlines()[-lines:])


def _clock(started):
    return f"{time.monotonic() - started:.0f} s"


def _disk(path):
    """An empty ext4 for the guest's /tmp. tmpfs takes neither id-mapped mounts (before Linux 6.3) nor user.* xattrs (6.6)."""
    with open(path, "wb") as file:
        file.truncate(DISK_MB << 20)
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal,^resize_inode", "-E",
                    "lazy_itable_init=1", path], check=True)


def run(script, timeout, out=None, init="plain", modules=EXTRA, smp=2, memory_mb=2048, files=(), append=""):
    """Boots a guest, runs `script` in it, waits for its power-off.

    `out` is a directory of the host, made and left to the caller when given; without it one is made, which Result keeps
    until the caller removes it. `files` are copied there before. The limit of time covers boot, script and power-off.
    """
    out = pathlib.Path(out or tempfile.mkdtemp(prefix="gemel-v2-"))
    for path in files:
        shutil.copy(path, out)
    for stale in ("status", "output"):
        (out / stale).unlink(missing_ok=True)
    (out / "job").write_text(script)
    (out / "plain").write_text(PLAIN)
    (out / "prepare").write_text(PREPARE)
    (out / "job.service").write_text(UNIT)
    made = image(tuple(modules))
    accel = accelerator(made)
    disk = out / ".disk"
    _disk(disk)
    argv = ["setpriv", "--pdeathsig", "KILL",  # whoever ends us ends it
            "qemu-system-x86_64", "-M", "pc", "-accel", "kvm" if accel == "kvm" else "tcg,thread=multi",
            "-cpu", "host" if accel == "kvm" else "max", "-smp", str(smp), "-m", str(memory_mb), "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", str(made / "vmlinuz"),
            "-initrd", str(made / "initrd.img"),
            "-append", f"console=ttyS0 quiet loglevel=4 panic=-1 reboot=t gemel.job={init} gemel.tree={TOP} {append}",
            "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
            "-virtfs", f"local,path={out},mount_tag=out,security_model=none"]
    started = time.monotonic()
    console, up, slow = b"", None, False
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as qemu:
        os.set_blocking(qemu.stdout.fileno(), False)
        try:
            while True:
                chunk = qemu.stdout.read()
                if chunk:
                    console += chunk
                    if up is None and b"GEMEL-GUEST-UP" in console:
                        up = time.monotonic() - started
                elif qemu.poll() is not None:
                    break
                if time.monotonic() - started > timeout:
                    slow = True
                    break
                time.sleep(0.02)
        finally:
            if qemu.poll() is None:
                qemu.kill()
            disk.unlink()
    (out / "console").write_bytes(console)
    what = f"under {accel}, {'up after %.1f s' % up if up else 'never up'}"
    if slow:
        raise GuestError(f"the guest ({what}) was not done after {timeout} s; the end of its console:\n{_tail(console)}\n"
                         f"and of its output:\n{_output_tail(out)}")
    if not (out / "status").exists():
        raise GuestError(f"the guest ({what}) ended after {_clock(started)} without a status, QEMU with {qemu.returncode}; "
                         f"the end of its console:\n{_tail(console)}\nand of its output:\n{_output_tail(out)}")
    return Result(out, console, time.monotonic() - started, up)


def _output_tail(out):
    try:
        return _tail((out / "output").read_bytes())
    except OSError:
        return "(none)"
