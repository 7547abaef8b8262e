/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copying to the user's own clipboard through the terminal, by OSC 52: over SSH too, without a tool
 * on either side. The terminal decides: xterm wants allowWindowOps, kitty, foot, WezTerm,
 * Alacritty, iTerm2 (a setting) and Windows Terminal take it, GNOME Terminal before VTE 0.76
 * ignores it. Nothing comes back, so nobody can say whether it worked.
 *
 * tmux takes it with `set -g set-clipboard on`; with `allow-passthrough on` it hands it through,
 * which needs a wrapping. Both are sent: what is not understood is ignored, and twice the same is
 * once. GNU screen hands through what is wrapped, in pieces of at most 768 bytes.
 */
#pragma once

#include <glib.h>

#define CLIPBOARD_BYTES_MAX (64 * 1024)

typedef enum { CLIPBOARD_PLAIN, CLIPBOARD_TMUX, CLIPBOARD_SCREEN } ClipboardWay;

/* From TMUX, STY and TERM in the environment. */
ClipboardWay clipboard_way(void);

/* What to send to the terminal: base64 of at most CLIPBOARD_BYTES_MAX bytes of `text`, cut between
 * characters. g_free() it. */
char *clipboard_sequence(const char *text, ClipboardWay way);
