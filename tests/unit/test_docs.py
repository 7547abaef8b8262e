# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the documentation hang together."""

import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others",
                        "--exclude-standard", "*.md"], cwd=ROOT, check=True, text=True,
                       stdout=subprocess.PIPE).stdout.split()


def text_of(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|(?:src|srcset|href)=\"([^\"#]+)\"", text):
        target = target[0] or target[1]
        if "://" not in target:
            assert os.path.exists(os.path.join(ROOT, os.path.dirname(page), target)), f"{page}: {target}"


def test_the_index_names_every_page():
    index = text_of("docs/README.md")
    for name in sorted(os.listdir(os.path.join(ROOT, "docs"))):
        assert name in index or name in ("README.md", "meson.build", "man", "screens"), name
