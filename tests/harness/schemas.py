# SPDX-License-Identifier: GPL-3.0-or-later
"""Holding JSON that gemel printed against docs/schemas."""

import functools
import glob
import json
import os

import jsonschema

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                      "docs", "schemas")


@functools.cache
def schemas():
    """File name -> schema."""
    found = {}
    for path in glob.glob(os.path.join(FOLDER, "*.json")):
        with open(path, encoding="utf-8") as file:
            found[os.path.basename(path)] = json.load(file)
    return found


def problems(name, value):
    """What is wrong with value as the schema of that file name has it: readable lines."""
    schema = schemas()[name]
    resolver = jsonschema.RefResolver(name, schema, store=dict(schemas()))
    checker = jsonschema.Draft202012Validator(schema, resolver=resolver)
    return [f"{'/'.join(map(str, e.absolute_path)) or '(all)'}: {e.message[:300]}"
            for e in checker.iter_errors(value)]


def check(name, value):
    """value has to be as the schema of that file name says; returns it."""
    wrong = problems(name, value)
    assert not wrong, f"not as docs/schemas/{name} says:\n" + "\n".join(wrong[:10])
    return value
