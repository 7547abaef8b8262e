# SPDX-License-Identifier: GPL-3.0-or-later
"""What a case is: one sentence of the runtime-spec, and a function that a runtime survives only by obeying it.

    @case("config.md", "Root", "If true then the root filesystem MUST be read-only inside the container",
          fields=["root.readonly"])
    def readonly(bed): ...

`fields` names what in config.json the case depends on: the suite checks itself by running the case again with
each of them taken away, as a runtime that ignores the field would, and the case has to fail.
"""

import importlib
import re

CASES = []
# modules of cases/, in the order of the documents
MODULES = """runtime runtime_hooks runtime_linux bundle config config_mounts config_process config_hooks config_required
linux_namespaces linux_devices linux_cgroups linux_limits linux_rdt linux_seccomp linux_rest linux_required features""".split()


class NotApplicable(Exception):
    """This kernel or host, as probed, cannot show the sentence; the text is the fact."""


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


class Case:
    def __init__(self, document, section, sentence, run, name, fields):
        self.document, self.section, self.sentence = document, section, sentence
        self.run, self.fields = run, tuple(fields)
        self.name = f"{document.removesuffix('.md')}/{slug(section)}/{slug(name)}"


def case(document, section, sentence, fields=(), name=None):
    """Makes a case of the function below it."""
    def add(function):
        add_case(document, section, sentence, function, name or function.__name__, fields)
        return function
    return add


def add_case(document, section, sentence, run, name, fields=()):
    """Makes a case from a row of a table."""
    made = Case(document, section, sentence, run, name, fields)
    assert made.name not in {c.name for c in CASES}, f"two cases named {made.name}"
    CASES.append(made)


def load():
    """All cases, in the order of the documents."""
    if not CASES:
        for module in MODULES:
            importlib.import_module(f"cases.{module}")
    return CASES


# -- taking a field away ------------------------------------------------------------------------------------

def drop(config, field):
    """Takes `field` out of a configuration: "process.user.umask"; "linux.namespaces:pid", the entry of a list
    whose destination, type, path or name that is; "mounts:/a.options.ro", an element of a list."""
    drop_words(config, re.findall(r"(?:[^.:]|:(?=:))+(?::[^.]*)?", field))


def drop_words(at, words):
    key, _, pick = words[0].partition(":")
    if isinstance(at, list):
        at[:] = [i for i in at if i != key]
    elif key not in at:
        return
    elif len(words) == 1 and pick:
        at[key] = [i for i in at[key] if pick not in identity(i)]
    elif len(words) == 1:
        at.pop(key)
    else:
        for item in [i for i in at[key] if pick in identity(i)] if pick else [at[key]]:
            drop_words(item, words[1:])


def identity(item):
    return [item.get(k) for k in ("destination", "type", "path", "name", "pageSize")]
