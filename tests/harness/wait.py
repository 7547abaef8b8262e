# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until something is seen, with a deadline; nothing here sleeps and hopes."""

import os
import time

# Sanitizers, emulated guests and busy machines: GEMEL_TEST_SLOW=3 stretches every deadline.
SLOW = float(os.environ.get("GEMEL_TEST_SLOW", "1"))


def until(condition, timeout=10.0, what=None, every=0.03):
    """Call condition until it returns something true and return that; AssertionError at the deadline.

    what may be a string or a function that tells the state found when the deadline passed.
    """
    deadline = time.monotonic() + timeout * SLOW
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            told = what() if callable(what) else what or "the condition"
            raise AssertionError(f"not seen within {timeout * SLOW:g} s: {told}")
        time.sleep(every)
