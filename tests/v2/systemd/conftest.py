# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the v2 tier that run inside its guest, systemd being PID 1, with the fixtures of tests/system/runtime."""

import importlib.util
import os
import pathlib
import sys

import pytest

_path = pathlib.Path(__file__).resolve().parents[2] / "system/runtime/conftest.py"
_spec = importlib.util.spec_from_file_location("runtime_bed", _path)
runtime_bed = importlib.util.module_from_spec(_spec)
sys.modules["runtime_bed"] = runtime_bed
_spec.loader.exec_module(runtime_bed)
globals().update({name: value for name, value in vars(runtime_bed).items() if not name.startswith("_")})  # its fixtures


def pytest_collection_modifyitems(items):
    if not os.environ.get("GEMEL_V2_GUEST"):
        for item in items:
            item.add_marker(pytest.mark.skip(reason="runs in the guest of ./dev test v2"))
