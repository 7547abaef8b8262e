# SPDX-License-Identifier: GPL-3.0-or-later
"""config.md: version, root, annotations, extensibility, valid values."""

from cases.bundle import refuses_text
from suite import case

DOC = "config.md"


@case(DOC, "Specification version", "ociVersion (string, REQUIRED) MUST be in SemVer v2.0.0 format and specifies the version of the "
      "Open Container Initiative Runtime Specification with which the bundle complies.", fields=["ociVersion"])
def oci_version_is_semver(bed):
    for good in ("1.0.0", "1.1.0-rc.3+dev"):
        bed.output("true", lambda c, v=good: c.update(ociVersion=v))
    for bad in ("one", "1.0", "1.0.0.0", "1.x.0", ""):
        bed.rejects(lambda c, v=bad: c.update(ociVersion=v))
    bed.rejects(lambda c: c.pop("ociVersion"))


@case(DOC, "Root", "On all other platforms, this field is REQUIRED.")
def root_is_required(bed):
    bed.rejects(lambda c: c.pop("root"))


@case(DOC, "Root", "path (string, REQUIRED) Specifies the path to the root filesystem for the container.", fields=["root.path"])
def root_path_is_required(bed):
    def absolute(config):
        config["root"]["path"] = str(bundle.path / "other")
    bundle = bed.bundle("cat /which")
    bundle.rootfs.rename(bundle.path / "other")
    (bundle.path / "other/which").write_text("other\n")
    absolute(bundle.config)
    bed.write(bundle)
    got = bed.call("run", "--bundle", bundle.path, bundle.id)
    bed.tidy(bundle)
    assert got.out == "other\n", got
    bed.rejects(lambda c: c["root"].pop("path"))


@case(DOC, "Root", "A directory MUST exist at the path declared by the field.")
def root_must_be_a_directory(bed):
    bed.rejects(lambda c: c["root"].update(path="nowhere"))
    bed.rejects(lambda c: c["root"].update(path="config.json"))


WRITE = "echo x > /written 2>/dev/null && echo written; echo x > /dev/shm/y && echo beside"


@case(DOC, "Root", "readonly (bool, OPTIONAL) If true then the root filesystem MUST be read-only inside the container, defaults to "
      "false.", fields=["root.readonly"])
def readonly_root(bed):
    got = bed.output(WRITE, lambda c: c["root"].update(readonly=True))
    assert got == "beside\n", got
    assert bed.output(WRITE) == "written\nbeside\n", "without readonly it is not writable"


@case(DOC, "Annotations", "Annotations MUST be a key-value map.")
def annotations_are_a_map(bed):
    bed.rejects(lambda c: c.update(annotations=["a", "b"]), twin=lambda c: c.update(annotations={}))


@case(DOC, "Annotations", "Keys MUST be strings.")
def annotation_keys_are_strings(bed):
    refuses_text(bed, lambda text: text.replace(b'"root"', b'"annotations": {1: "x"}, "root"', 1), "a key that is a number")


@case(DOC, "Annotations", "Keys MUST NOT be an empty string.")
def annotation_keys_are_not_empty(bed):
    bed.rejects(lambda c: c.update(annotations={"": "x"}))


@case(DOC, "Annotations", "Runtimes MUST handle unknown annotation keys like any other unknown property.")
def unknown_annotations_are_ignored(bed):
    got = bed.output("echo ran", lambda c: c.update(annotations={"org.opencontainers.nobody.knows": "x", "a": ""}))
    assert got == "ran\n"


@case(DOC, "Annotations", "Values MUST be strings.")
def annotation_values_are_strings(bed):
    bed.rejects(lambda c: c.update(annotations={"org.example.n": 5}),
                twin=lambda c: c.update(annotations={"org.example.n": "5"}))


@case(DOC, "Extensibility", "Runtimes MAY log unknown properties but MUST otherwise ignore them.")
def unknown_properties_are_ignored(bed):
    def change(config):
        for at in (config, config["process"], config["process"]["user"], config["root"], config["mounts"][0], config["linux"],
                   config["linux"]["namespaces"][0], config["process"]["capabilities"]):
            at["nobodyKnows"] = {"this": [1, None, {}]}
    assert bed.output("echo ran", change) == "ran\n"


INVALID = {
    "process.args a string": lambda c: c["process"].update(args="true"),
    "process.cwd a number": lambda c: c["process"].update(cwd=7),
    "process.user.uid a string": lambda c: c["process"]["user"].update(uid="root"),
    "process.terminal a string": lambda c: c["process"].update(terminal="no"),
    "hostname a number": lambda c: c.update(hostname=5),
    "mounts an object": lambda c: c.update(mounts={}),
    "namespaces a string": lambda c: c["linux"].update(namespaces="pid"),
    "hostname a number beyond 63 bits": lambda c: c.update(hostname=2**64 - 1),
    "an unknown namespace": lambda c: c["linux"]["namespaces"].append({"type": "nosuch"}),
    "an unknown propagation": lambda c: c["linux"].update(rootfsPropagation="sideways"),
    "root.readonly a string": lambda c: c["root"].update(readonly="yes"),
    "a umask above 0777": lambda c: c["process"]["user"].update(umask=0o17777),
    "a negative uid": lambda c: c["process"]["user"].update(uid=-1),
}


@case(DOC, "Valid values", "Runtimes MUST generate an error when invalid or unsupported values are encountered.")
def invalid_values_are_errors(bed):
    taken = []
    for what, change in INVALID.items():
        try:
            bed.rejects(change)
        except AssertionError as error:
            taken.append(f"{what} ({error})")
    assert not taken, "; ".join(taken)
