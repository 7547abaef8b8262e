# SPDX-License-Identifier: GPL-3.0-or-later
"""The console's figures: why, who eats the host, processes, and what it costs itself."""

import pytest

pytestmark = pytest.mark.quick

SIM = "sim:12,whims=off,still=on,trouble=throttled:web-1+hog:batch"


@pytest.fixture
def screen(tui):
    """The console on instances of which one is throttled and one uses the host up."""
    shown = tui("-c", SIM, rows=40, cols=120)
    shown.wait(r"web-1 +ct +running")
    return shown


def test_why_of_the_selected_one(screen):
    screen.send("/web-1\r")
    screen.key("W")
    screen.wait(r"\d+ %  held back by its CPU limit")
    screen.wait(r"try :limit web-1 cpu=\d")


def test_who_eats_the_host(screen):
    screen.wait(r"batch .* 1\d\d ")  # rates are there
    screen.key("E")
    screen.wait(r"NAME +KIND +EATS")
    screen.wait(r"batch +ct +cpu \d+%")


def test_processes_of_a_guest(screen):
    screen.send("/build\r")
    screen.send(":view tab processes\r")
    screen.wait(r"CPU 7/KVM")
    screen.wait(r" +\d+\.?\d* +\d+\.\d s +- +CPU 1/KVM")  # CPU% from the second answer on


def test_what_it_costs_is_in_the_header(screen):
    screen.wait(r"self \d+\.\d% \d+M +screen [\d.]+[KM]?/s +calls [1-9]\d*/s")


def test_a_slow_source_is_asked_less_often(tui):
    screen = tui("-c", "sim:3,latency=300ms", cols=120)
    screen.send(":set refresh 100ms\r")
    screen.wait(r"every 0\.1-(1\.[2-9]|[2-9]|\d\d)[\d.]*s")  # four times what an answer takes, which load makes longer


def test_top_on_a_terminal_is_the_console_by_cpu(tui):
    screen = tui("-c", SIM, "top", cols=120)
    screen.wait("by cpu")
