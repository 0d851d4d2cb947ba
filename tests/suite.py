"""How the suite runs as a whole: which tests share a worker, which skips count as failures, where the time went.

A pytest plugin that `tests/conftest.py` loads. `make test` runs the suite in several workers (pytest-xdist). What goes to one
worker is a group: a test file, so that the servers of its module fixtures start once, or several files that share a server.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import pytest

GROUPS: dict[str, tuple[str, ...]] = {
    "engines": (
        "tests/conformance/",
        "tests/engines/test_encoders_served.py",
        "tests/process/test_vllm.py",
        "tests/process/test_adapters.py",
    ),
    "browser": ("tests/browser/",),
    "ui": ("tests/ui/",),
    "infer": ("tests/infer/", "tests/compat/test_swift_llm.py"),
    "packages": ("tests/packages/",),
}
"""Files, or folders, whose tests share servers and therefore run in one worker. Every other file is a group of its own."""

FIRST = (
    "engines",
    "ui",
    "tests/peers/test_coming_from_swift.py",
    "tests/engines/test_sentence_transformers.py",
    "tests/api/test_schema.py",
    "tests/hubs/test_download.py",
    "tests/process/test_faults.py",
    "infer",
    "browser",
    "tests/api/test_keys.py",
)
"""The groups that take longest. They start first, so that at the end no worker is left alone with one."""

SKIPS_IN_CI = (
    "a GPU",
    "the right to mount a file system",
    "another Python",
    "systemd",
    "zsh",
    "fish",
    "groff",
    "mandoc",
    "man",
)
"""What a test may lack where `CI` is set; its reason then reads "needs …". Any other skip is a failure there."""


def group(nodeid: str) -> str:
    """What the worker that runs a test gets with it: the tests of its file, and of the files that share a server with it."""
    file = nodeid.partition("::")[0]
    return next((name for name, files in GROUPS.items() if file.startswith(files)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Hand out whole groups, in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest groups first, and what is one group in one go."""
    order = {name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(group(item.nodeid), len(FIRST)))  # stable: a file's tests keep their order


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip that CI does not allow becomes a failure, and every report can be sent from a worker."""
    report = yield
    _forbid_skip(report)
    if report.failed and (text := str(report.longrepr)) != _without_surrogates(text):
        report.longrepr = _without_surrogates(text)
    report.sections = [(name, _without_surrogates(text)) for name, text in report.sections]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for files that skip themselves when they are collected."""
    report = yield
    _forbid_skip(report)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if (
        os.environ.get("CI")
        and report.skipped
        and not hasattr(report, "wasxfail")
        and isinstance(report.longrepr, tuple)
    ):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        if not skip_allowed(reason):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI: {reason!r}; tests/suite.py lists what a test may lack there"


def _without_surrogates(text: str) -> str:
    """Text that can be encoded: halves of surrogate pairs, which tests send to servers, end a worker of xdist."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def skip_allowed(reason: str) -> bool:
    """Whether a test may be skipped for this reason where `CI` is set."""
    return any(reason.startswith(f"needs {name}") for name in SKIPS_IN_CI)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seconds that each package's tests took, set-up and tear-down included, longest first."""
    if len(terminalreporter.stats.get("passed", ())) < 500:
        return  # somebody runs a few tests, and looks at those
    seconds: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                package = "/".join(report.nodeid.partition("::")[0].split("/")[1:2])
                seconds[package] += report.duration
                counts[package] += report.when == "call"
    terminalreporter.section("seconds by package")
    for package in sorted(seconds, key=lambda name: -seconds[name]):
        terminalreporter.write_line(f"{seconds[package]:8.1f}  {counts[package]:5d} tests  {package}")
