# SPDX-License-Identifier: GPL-3.0-or-later
"""bundle.md, and the sentences of glossary.md on JSON."""

from suite import case

DOC, SECTION = "bundle.md", "Container Format"


def refuses_text(bed, text, what):
    """A bundle whose config.json is `text` is refused; bytes are taken as they are."""
    bed.once("plain", lambda: bed.output("true"))
    bundle = bed.bundle()
    plain = (bundle.path / "config.json").read_bytes()
    (bundle.path / "config.json").write_bytes(text(plain))
    got = bed.call("run", "--bundle", bundle.path, bundle.id)
    left = (bed.store / bundle.id).exists()
    bed.delete(bundle)
    assert got.status != 0, f"taken: {what}"
    assert not left, "refused, but the container is there"


@case(DOC, SECTION, "This REQUIRED file MUST reside in the root of the bundle directory and MUST be named config.json.")
def config_json_is_found_by_its_name(bed):
    bundle = bed.bundle("echo found")
    got = bed.call("run", "--bundle", bundle.path, bundle.id)
    assert got.out == "found\n", got
    for elsewhere in ("config.jsn", "rootfs/config.json"):
        moved = bed.bundle()
        (moved.path / "config.json").rename(moved.path / elsewhere)
        got = bed.call("run", "--bundle", moved.path, moved.id)
        bed.delete(moved)
        assert got.status != 0, f"a bundle with {elsewhere} was run"
    bed.tidy(bundle)


@case(DOC, SECTION, "When supplied, while these artifacts MUST all be present in a single directory on the local filesystem, that "
      "directory itself is not part of the bundle.")
def root_is_found_in_the_bundle(bed):
    bundle = bed.bundle("cat /here")
    (bundle.rootfs / "here").write_text("in the bundle\n")
    moved = bundle.path.with_name(bundle.id + "-moved")
    bundle.path.rename(moved)
    got = bed.call("run", "--bundle", moved, bundle.id)
    bundle.path = moved
    bed.tidy(bundle)
    assert got.out == "in the bundle\n", got


@case("glossary.md", "JSON", "All configuration JSON MUST be encoded in UTF-8.")
def config_that_is_not_utf8_is_an_error(bed):
    got = bed.output("echo $X", lambda c: c["process"]["env"].append("X=grüße"))
    assert got == "grüße\n", got
    refuses_text(bed, lambda text: text.replace(b'"cwd"', b'"x\xff\xfe": 1, "cwd"'), "bytes that are not UTF-8")


@case("glossary.md", "JSON", "JSON objects MUST NOT include duplicate names.")
def duplicate_names_are_an_error(bed):
    refuses_text(bed, lambda text: text.replace(b'"cwd"', b'"cwd": "/proc", "cwd"'), "an object with a name twice")
