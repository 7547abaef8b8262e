/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_change.c - what an instance is rather than does: protect autostart rename clone save restore.
 */
#include <string.h>

#include "console/acts.h"

/* protect and autostart: NAME [on|off]. */
static void flag_run(CommandRun *run)
{
    Acts *acts = acts_new(run);
    const char *word = run->n_words > 1 ? run->words[1] : "on";

    acts->args.enable = g_str_equal(word, "on");
    if (!acts->args.enable && !g_str_equal(word, "off")) {
        run_fail(run, GEMEL_ERROR_INVALID, "%s: '%s' is not on or off", run->command->name, word);
        return;
    }
    if (acts_resolve(run, 1))
        acts_go(run);
}

/* rename and clone: NAME NEW. */
static void name_run(CommandRun *run)
{
    Acts *acts = acts_new(run);

    if (model_is_glob(run->words[0])) {
        run_fail(run, GEMEL_ERROR_INVALID, "%s: '%s' is a pattern; name one instance",
                 run->command->name, run->words[0]);
        return;
    }
    acts->args.linked = run_flag(run, "linked");
    acts->args.name = run->words[1];
    acts->to = g_strdup(run->words[1]);
    if (acts_resolve(run, 1))
        acts_go(run);
}

static void many_run(CommandRun *run)
{
    acts_new(run);
    if (acts_resolve(run, run->n_words))
        acts_go(run);
}

static const CommandOption change_options[] = {ACTS_OPTIONS, {NULL}};

static const CommandOption clone_options[] = {
    {"linked", 'l', OPTION_FLAG, FALSE, NULL,
     "share what is not written any more: qcow2 overlays, read-only layers"},
    {NULL}};

#define CHANGE_FLAGS (COMMAND_CHANGES | COMMAND_JSON | COMMAND_LISTS)

const Command commands_change[] = {
    {.name = "save",
     .aliases = "hibernate,managedsave",
     .summary = "keep a guest's memory on disk and end it; the next start goes on from there",
     .example = "gemel save lab-vm",
     .group = "Power",
     .flags = CHANGE_FLAGS,
     .act = GEMEL_ACT_SAVE,
     .words = {{WORD_INSTANCE, "NAME", .repeats = TRUE}},
     .options = change_options,
     .run = many_run},
    {.name = "restore",
     .summary = "start a guest whose memory was saved, and nothing else",
     .example = "gemel restore lab-vm",
     .group = "Power",
     .flags = CHANGE_FLAGS,
     .act = GEMEL_ACT_RESTORE,
     .words = {{WORD_INSTANCE, "NAME", .repeats = TRUE}},
     .options = change_options,
     .run = many_run},
    {.name = "protect",
     .summary = "refuse what destroys: delete, kill, reset, snapshot revert and delete",
     .example = "gemel protect lab-vm on",
     .group = "Change",
     .flags = CHANGE_FLAGS,
     .act = GEMEL_ACT_PROTECT,
     .words = {{WORD_INSTANCE, "NAME"},
               {WORD_CHOICE, "on|off", .optional = TRUE, .choices = "on off"}},
     .options = change_options,
     .details = "The protection is kept with the instance: in container.json, in the guest's "
                "metadata. Every gemel that reaches it refuses, with --force too. Taking it off "
                "asks for the name. NAME may be a glob.",
     .run = flag_run},
    {.name = "autostart",
     .summary = "whether it starts with its host",
     .example = "gemel autostart lab-vm on",
     .group = "Change",
     .flags = CHANGE_FLAGS,
     .act = GEMEL_ACT_AUTOSTART,
     .words = {{WORD_INSTANCE, "NAME"},
               {WORD_CHOICE, "on|off", .optional = TRUE, .choices = "on off"}},
     .options = change_options,
     .details = "libvirt starts its guests itself. For containers there is no gemel daemon: the "
                "flag is kept, and `gemel start --autostart` in a boot unit starts those that have "
                "it. NAME may be a glob.",
     .run = flag_run},
    {.name = "rename",
     .aliases = "domrename",
     .summary = "give a stopped instance another name; its id stays",
     .example = "gemel rename old-ct new-ct",
     .group = "Change",
     .flags = CHANGE_FLAGS,
     .act = GEMEL_ACT_RENAME,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_TEXT, "NEW"}},
     .run = name_run},
    {.name = "clone",
     .aliases = "virt-clone,copy",
     .summary = "make a stopped copy of a stopped instance under a new name",
     .example = "gemel clone web-1 web-2",
     .group = "Change",
     .flags = CHANGE_FLAGS,
     .act = GEMEL_ACT_CLONE,
     .words = {{WORD_INSTANCE, "NAME"}, {WORD_TEXT, "NEW"}},
     .options = clone_options,
     .details =
         "The copy has an id of its own, and a guest's network cards new MAC addresses. Labels "
         "go along; protection, autostart and snapshots do not. A container's hostname that is "
         "its name becomes the new name. Of a guest, libvirt copies disks that are volumes of a "
         "pool, and qemu-img those that are other files of this host; read-only and shareable "
         "disks and CD-ROMs are shared; UEFI variables begin anew. With --linked a guest's "
         "disks become backing files of qcow2 overlays: the original must then not be written "
         "any more, that is, not be started; a container's read-only layers are shared by hard "
         "links, which harms neither. --dry-run says what becomes of each disk or layer.",
     .run = name_run},
    {.name = NULL},
};
