# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until something is seen, with a deadline; nothing here sleeps and hopes.

A deadline only ends a test that fails, so none is short: a machine that is busy, or stands still for some seconds, is no
failure of what is tested. A test about time takes the time itself and says beside its limit what that tells apart.
"""

import os
import time

# Sanitizers, emulated guests and busy machines: GEMEL_TEST_SLOW=3 stretches every deadline.
SLOW = float(os.environ.get("GEMEL_TEST_SLOW", "1"))

# No deadline is shorter, whatever a test asks for.
PATIENCE = 30.0


def patience(timeout):
    """The seconds after which to give up on what should take no longer than timeout."""
    return max(timeout, PATIENCE) * SLOW


def until(condition, timeout=PATIENCE, what=None, every=0.03):
    """Call condition until it returns something true and return that; AssertionError at the deadline.

    what may be a string or a function that tells the state found when the deadline passed.
    """
    limit = patience(timeout)
    deadline = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            told = what() if callable(what) else what or "the condition"
            raise AssertionError(f"not seen within {limit:g} s: {told}")
        time.sleep(every)


def seen_within(seconds, condition, every=0.03):
    """Whether condition comes true in that time: for what may be or not be, and is no failure either way."""
    deadline = time.monotonic() + seconds * SLOW
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
