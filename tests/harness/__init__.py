# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program tests are made with: running gemel, terminals, private daemons, guests."""
