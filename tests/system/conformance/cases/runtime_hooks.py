# SPDX-License-Identifier: GPL-3.0-or-later
"""runtime.md: the hooks' steps of the life cycle, and what comes of a hook that fails."""

import hooks
from suite import add_case, case

DOC, SECTION = "runtime.md", "Lifecycle"


def invoked(kind):
    def check(bed):
        names = [r["hook"] for r in hooks.of(hooks.whole_life(bed), kind)]
        assert names == [f"{kind}-1", f"{kind}-2"], names
    return check


for _kind in hooks.KINDS:
    add_case(DOC, SECTION, f"The {_kind} hooks MUST be invoked by the runtime.", invoked(_kind), f"{_kind} hooks are invoked",
             [f"hooks.{_kind}"])


def fails_create(kind):
    def check(bed):
        seen = hooks.failing(bed, kind)
        assert seen["create"].status != 0, "create went through"
        assert seen["create"].err.strip(), "no word of it"
        assert seen["status"] == "gone", f"the container is {seen['status']}"
        assert f"{kind}-2" in seen["log"] and f"{kind}-3" not in seen["log"], seen["log"]
        assert "poststop-1" in seen["log"], f"the lifecycle did not go on with its poststop hooks: {seen['log']}"
        assert "program ran" not in seen["out"]
    return check


for _kind in ("prestart", "createRuntime", "createContainer"):
    add_case(DOC, SECTION, f"If any {_kind} hook fails, the runtime MUST generate an error, stop the container, and continue the "
             "lifecycle at step 12.", fails_create(_kind), f"a failing {_kind} hook ends the container", [f"hooks.{_kind}"])


@case(DOC, SECTION, "If any startContainer hook fails, the runtime MUST generate an error, stop the container, and continue the "
      "lifecycle at step 12.", fields=["hooks.startContainer"])
def a_failing_startcontainer_hook_ends_the_container(bed):
    seen = hooks.failing(bed, "startContainer")
    assert seen["create"].status == 0, seen["create"]
    assert seen["start"].status != 0, "start went through"
    assert seen["status"] in ("stopped", "gone"), f"the container is {seen['status']}"
    assert "startContainer-3" not in seen["log"], seen["log"]
    assert "poststop-1" in seen["log"], seen["log"]
    assert "program ran" not in seen["out"], "the program ran nevertheless"


def goes_on(kind):
    def check(bed):
        seen = hooks.failing(bed, kind)
        assert seen["create"].status == 0 and seen["start"].status == 0, f"{seen['create']}, {seen['start']}"
        assert [n for n in seen["log"] if n.startswith(kind)] == [f"{kind}-{n}" for n in (1, 2, 3)], seen["log"]
        assert "program ran" in seen["out"], "the program did not run"
        assert seen["delete"].status == 0, seen["delete"]
        warned = seen["start"].err if kind == "poststart" else seen["delete"].err
        assert warned.strip(), "no warning"
    return check


for _kind in ("poststart", "poststop"):
    add_case(DOC, SECTION, f"If any {_kind} hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle "
             "continue as if the hook had succeeded.", goes_on(_kind), f"a failing {_kind} hook is a warning", [f"hooks.{_kind}"])
