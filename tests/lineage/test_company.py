"""What the rest of a commit says of what became of a function: its callers, other classes, the members beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stemma.store.postgres import Database
from tests.lineage.code import derived, events, file, function, indented, told
from tests.repositories import GitRepository

Step = Callable[[Path], str]
KEPT = function("k", "parse")


def second(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [row[1:] for row in rows if row[0] == "second"]


def holding(name: str, *methods: str) -> str:
    return f"class {name}:\n" + indented(file(*methods))


def test_a_method_renamed_in_a_class_and_in_those_that_implement_it_is_followed_though_rewritten(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    """Little of the body is the same: that both classes lost `is_event` and gained `has_event` speaks for it."""
    one, two = "def is_event(self, event):\n    ", "def has_event(self, event, null=True):\n    "
    base, own = "raise NotImplementedError('is_event')\n", "return event in set_of(self.events)\n"
    again = "try:\n        found = event in set_of(self.events)\n    except KeyError:\n        found = null\n"
    again += "    return found\n"
    repository.commit("first", {"a.py": file(holding("Base", one + base, KEPT), holding("Own(Base)", one + own, KEPT))})
    changed = (holding("Base", two + base, KEPT), holding("Own(Base)", two + again, KEPT))
    repository.commit("second", {"a.py": file(*changed)})
    repo_id = bring_up(repository.path)
    assert [row for row in second(derived(database, repo_id)) if row[0] == "renamed_from"] == [
        ("renamed_from", "first", "a.py:Base.is_event", "a.py:Base.has_event"),
        ("renamed_from", "first", "a.py:Own.is_event", "a.py:Own.has_event"),
    ]


def test_a_member_that_went_the_way_of_others_is_followed_by_its_name_though_rewritten(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    chain = "def chain(self):\n    link = self.anchor()\n    link = self.timeout(link)\n    return Ignored(link)\n"
    again = "def chain(self, method):\n    link = self.anchor(method)\n    link = self.timeout(method, link)\n"
    again += "    link = self.caught(method, link)\n    return self.notifying(method, self.ignored(method, link))\n"
    repository.commit(
        "first", {"a.py": holding("Runner", function("run", "retry"), chain, KEPT), "b.py": "LATER = 1\n"}
    )
    there = holding("Whole", function("begin", "longest"), function("run", "retry"), again)
    repository.commit("second", {"a.py": holding("Runner", KEPT), "b.py": there})
    repo_id = bring_up(repository.path)
    moved = [row for row in second(derived(database, repo_id)) if row[0] == "moved_from"]
    assert ("moved_from", "first", "a.py:Runner.chain", "b.py:Whole.chain") in moved
    assert ("introduced", "b.py:Whole.begin") in second(told(database, repo_id))


def test_of_several_names_a_caller_took_up_likeness_tells_which_the_old_one_became(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    def caller(*called: str) -> str:
        return "def run(items):\n" + "".join(f"    items = {name}(items)\n" for name in called) + "    return items\n"

    shown = "def show_errors(name, errors):\n    for error in errors:\n"
    shown += "        log.write(name + str(error.line) + error.text)\n"
    fired = "def fire_errors(name, errors):\n    for error in errors:\n        for one in listeners:\n"
    fired += "            one.write(Event(name, str(error.line), error.text))\n"
    started = "def start(events):\n    while events:\n        events.pop().begin(clock.now())\n"
    repository.commit("first", {"a.py": file(caller("show_errors", "sorted"), shown, KEPT)})
    repository.commit("second", {"a.py": file(caller("start", "fire_errors", "sorted"), started, KEPT, fired)})
    repo_id = bring_up(repository.path)
    assert ("renamed_from", "first", "a.py:show_errors", "a.py:fire_errors") in second(derived(database, repo_id))
    assert ("introduced", "a.py:start") in second(told(database, repo_id))


def test_of_many_files_at_once_one_is_renamed_where_what_it_held_went_to_one_other(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    """Each function was changed and the name is another, so neither equal forms nor the file's name speak for it."""
    others = {f"old{number}.py": function(f"f{number}", "parse", extra=f"print({number})") for number in range(12)}
    repository.commit("first", {**others, "pay.py": file(function("sum_up"), function("attempt", "retry"))})
    gone = dict.fromkeys(others)
    loop = "def g(a):\n    while a.b{0}.c():\n        a += {0}\n"
    others = {f"new{number}.py": loop.format(number) for number in range(12)}
    changed = file(function("sum_up", extra="print(len(items))"), function("attempt", "retry", extra="log(items)"))
    repository.commit("second", {**gone, **others, "pay.py": None, "bill.py": changed})
    repo_id = bring_up(repository.path)
    kinds = [row[1:] for row in events(database, repo_id) if row[0] == 1 and str(row[2]).startswith("bill.py")]
    assert [each for each in kinds if each[0] != "body_changed"] == [
        ("file_renamed", "bill.py:attempt"),
        ("file_renamed", "bill.py:sum_up"),
    ]
