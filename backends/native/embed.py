#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""embed.py INPUT OUTPUT SYMBOL - writes a file's text as a C array, NUL-terminated."""
import sys

with open(sys.argv[1], "rb") as source:
    data = source.read() + b"\0"
with open(sys.argv[2], "w") as out:
    name = sys.argv[3]
    out.write(f"extern const char {name}[];\nconst char {name}[] = {{\n")
    for at in range(0, len(data), 16):
        out.write("    " + " ".join(f"{byte}," for byte in data[at:at + 16]) + "\n")
    out.write("};\n")
