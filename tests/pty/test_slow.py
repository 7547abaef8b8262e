# SPDX-License-Identifier: GPL-3.0-or-later
"""The console on a line that is slow, or stands still."""

import os

from harness.wait import until


def open_stalled(tui, scratch, gemel):
    """A console with much to draw; its alert runs while nobody reads."""
    folder = os.path.join(gemel.env()["XDG_CONFIG_HOME"], "gemel")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "gemelrc"), "w", encoding="utf-8") as file:
        file.write(f"set refresh 100ms\nalert batch 'cpu>150' for 3s do touch {scratch}/ran\n")
    screen = tui("-c", "sim:200,trouble=hog:batch", rows=60, cols=200)
    screen.wait(r"api-1\d+ ")
    return screen


def test_a_line_that_stands_still_holds_up_nothing_but_the_picture(tui, scratch, gemel):
    screen = open_stalled(tui, scratch, gemel)
    with screen.stalled():
        screen.key("G")
        until(lambda: os.path.exists(f"{scratch}/ran"), 20, "what the alert's command made")
    screen.wait(r"▸  worker-\d+")  # the key of that time was taken
    screen.key("g", "?")
    screen.wait("─ help")
    screen.key("q", "q")
    assert screen.wait_exit() == 0
    screen.restored()


def test_leaving_does_not_wait_for_a_line_that_stands_still(tui, scratch, gemel):
    screen = open_stalled(tui, scratch, gemel)
    with screen.stalled():
        until(lambda: os.path.exists(f"{scratch}/ran"), 20, "what the alert's command made")
        screen.key("q")
        until(lambda: screen.process.poll() is not None, 5, "the end of the program")
    screen.wait_exit()
    screen.restored()


def test_a_paste_that_never_ends_holds_up_nothing(tui):
    screen = tui("-c", "sim:12,whims=off")
    screen.wait("lab-vm")
    screen.send("\x1b[200~" + "j" * 50)
    screen.resize(30, 90)  # it goes on taking its turn
    screen.wait(lambda s: "help" in s.lines()[29])
    assert "batch" in screen.line_with("▸  ")  # pasted, not typed
    until(lambda: screen.send("G") or screen.line_with("▸  web-2"), every=1.3, what=screen.dump)
