/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this program calls itself, and the newest specification that it knows. */
#pragma once

#define RUNTIME_VERSION "0.1.0"
#define OCI_VERSION     "1.2.1"
