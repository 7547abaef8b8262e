# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences with MUST, MUST NOT or REQUIRED of which no behaviour of a runtime can be seen: they bind others."""

IMAGE = "The annotation value MUST have a valid value for the property as defined in the OCI image specification."

OUTSIDE = (
    ("config.md", "annotations using keys in this [org.opencontainers] namespace MUST be as described in this section.",
     "the author of the configuration; to a runtime an annotation is opaque"),
    *(("config.md", f"org.opencontainers.image.{key}: {IMAGE}", "who converts the image") for key in (
        "os", "os.version", "os.features", "architecture", "variant", "author", "created", "stopSignal")),
    ("config.md", "All other keys in the org.opencontainers namespace not specified in this above table are reserved and MUST NOT be used by "
     "subsequent specifications.", "authors of specifications"),
    ("config.md", "(cgroup path, masked paths, mounts: \"MAY\" and \"SHOULD\") sentences that leave the choice to the runtime",
     "nobody; cases exist where this runtime has chosen"),
    ("config-linux.md", "(network.priorities) name (string, REQUIRED) - interface name in runtime network namespace",
     "the author; the field is tested as a whole"),
    ("features.md", "The null value MUST NOT be confused with an empty value such as 0, false, \"\", [], and {}.",
     "also who reads the document; what a runtime writes is tested"),
)
