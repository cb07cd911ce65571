"""What each member passes, fails and will not judge, on code known to be one or the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stemma.languages import LANGUAGES
from stemma.quorum.ask import ask
from stemma.quorum.members import open_members
from stemma.quorum.members.bandit import Bandit
from stemma.quorum.members.base import BATCH, Member, MemberMissingError
from stemma.quorum.members.lizard import Lizard
from stemma.quorum.members.parse import Parse
from stemma.quorum.members.ruff import Ruff
from stemma.quorum.members.vulture import Vulture
from stemma.quorum.process import NoAnswerError
from tests.quorum.conftest import LIMITS, SUFFIXES, Judge
from tests.quorum.judged import judged

IMPORTS = "import asyncio, base64, ctypes, hashlib, importlib, operator, os, pickle, pty, re, requests, shutil, sqlite3"

BRANCHES = "\n".join(f"    if (x == {n}) {{ y = {n}; }}" for n in range(20))


# --- all Python members ----------------------------------------------------------------------------------------------

PYTHON_MEMBERS = (Ruff(), Bandit(), Vulture())


@pytest.mark.parametrize("member", [Parse(), *PYTHON_MEMBERS], ids=lambda member: member.name)
def test_what_stands_around_a_text_is_not_held_against_it(judge: Judge, member: Member) -> None:
    bad = "def {}(x, seen=[]):\n    eval(x)\n    return seen\n    print(x)\n\n\n"
    text = bad.format("before") + "def f(x):\n    return x + 1\n\n\n" + bad.format("after")
    assert judge(member, text, name="f") == ("pass", None, [])
    if member.name != "parse":
        assert judge(member, text, name="after").vote == "fail"


def test_a_finding_inside_a_method_is_held_against_its_class_too(judge: Judge) -> None:
    text = "class A:\n    def f(self, x):\n        return x\n\n    def g(self, seen=[]):\n        return seen\n"
    told = {name: judge(Ruff(), text, name=name) for name in ("A", "A.f", "A.g")}
    assert {name: vote.vote for name, vote in told.items()} == {"A": "fail", "A.f": "pass", "A.g": "fail"}
    assert [told[name].findings[0]["line"] for name in ("A", "A.g")] == [5, 1]


def test_what_the_file_imports_is_known(judge: Judge) -> None:
    text = "from hashlib import md5 as digest\nfrom typing import overload\n\n\ndef f(x):\n    return digest(x)\n"
    assert judge(Bandit(), text).rules == ["B324"]
    assert judge(Ruff(), text).vote == "pass"


@pytest.mark.parametrize("member", PYTHON_MEMBERS, ids=lambda member: member.name)
def test_an_error_elsewhere_in_the_file_is_an_abstention_that_says_so(judge: Judge, member: Member) -> None:
    text = "def f(x):\n    return x + 1\n\n\ndef g(x):\n    print x\n"
    vote, reason, _ = judge(member, text, name="f")
    assert vote == "abstain"
    assert str(reason).startswith("its file does not parse")
    assert judge(Parse(), text, name="f").vote == "pass"


# --- Ruff ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "rule", "line"),
    [
        ("def f(x, seen=[]):\n    return x in seen", "B006", 1),
        ("def f(x):\n    return x is 'a'", "F632", 2),
        ("def f(a):\n    return '%s %s' % (a,)", "F507", 2),
        ("def f(x):\n    try:\n        g(x)\n    except:\n        return None\n\ndef g(x): ...", "E722", 4),
        ("import time\nasync def f():\n    time.sleep(1)", "ASYNC251", 2),
        ("def f(x, seen=[]):  # noqa\n    return x in seen", "B006", 1),
        ("# ruff: noqa\ndef f(x, seen=[]):\n    return x in seen", "B006", 1),
        ("def f(x):\n    return helper(x)", "F821", 2),
        ("class A:\n    def f(self):\n        return 1\n\n    def f(self):\n        return 2", "F811", 5),
    ],
)
def test_ruff_fails_what_is_wrong(judge: Judge, code: str, rule: str, line: int) -> None:
    vote, _, findings = judge(Ruff(), code)
    assert (vote, [(finding["rule"], finding["line"]) for finding in findings]) == ("fail", [(rule, line)])


@pytest.mark.parametrize(
    "code",
    [
        "from lib import helper\nCONSTANT = 1\n\ndef f(x):\n    return helper(x) + CONSTANT",
        "from lib import *\n\ndef f(x):\n    return helper(x)",
        "from typing import overload\n\n@overload\ndef f(x: int) -> int: ...\n@overload\ndef f(x: str) -> str: ...\n"
        "def f(x): return x",
    ],
)
def test_ruff_passes_what_the_file_explains(judge: Judge, code: str) -> None:
    assert judge(Ruff(), code).vote == "pass"


# --- Bandit ----------------------------------------------------------------------------------------------------------

DISK = [
    'subprocess.run("rm -rf /", shell=True)',
    'subprocess.Popen("rm -rf /", shell=True)',
    'subprocess.run(["rm", "-rf", "/"])',
    'run("rm -rf /", shell=True)',
    'run(["rm", "-rf", "/"])',
    'sp.call("rm -rf /", shell=True)  # nosec',
    'os.system("rm -rf /")',
    'os.system(f"rm -rf {path}")',
    'os.popen("rm -rf /")',
    'os.execvp("rm", ["rm", "-rf", "/"])',
    'os.spawnlp(os.P_WAIT, "rm", "rm", "-rf", "/")',
    'pty.spawn(["rm", "-rf", "/"])',
    'system("rm -rf /")',
    'shutil.rmtree("/")',
    'rmtree("/")',
    'run_it = os.system\n    run_it("rm " + "-r" + "f /")',
    'getattr(os, "sys" + "tem")(command)',
    '__import__("os").system("rm -rf /")',
    'importlib.import_module("os").system(command)',
    "from os import system as tidy\n    tidy(command)",
    "import os as o\n    o.system(command)",
    "o = os\n    o.system(command)",
    'sys.modules["os"].system(command)',
    "eval(command)",
    "exec(command)",
    "exec(base64.b64decode(command))",
    "builtins.exec(command)",
    'globals()["ex" + "ec"](command)',
    "ctypes.CDLL(None).system(command)",
    "subprocess.getoutput(command)",
    "tidy = o\u017f.system\n    tidy(command)",
    "tidy = os.\\\n        system\n    tidy(command)",
    'operator.attrgetter("system")(os)(command)',
]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_no_way_to_wipe_a_disk_is_passed(tmp_path: Path, asynchronous: bool) -> None:
    begin = "async def" if asynchronous else "def"
    ways = [*DISK, 'await asyncio.create_subprocess_shell("rm -rf /")'] if asynchronous else DISK
    texts = [
        f"{IMPORTS}, subprocess, sys, builtins\n\n{begin} f{n}(command, path):\n    {way}\n"
        for n, way in enumerate(ways)
    ]
    told = judged(Bandit(), tmp_path, {f"{n}.py": text for n, text in enumerate(texts)})
    assert [way for n, way in enumerate(ways) if told[f"f{n}"].vote == "pass"] == []


@pytest.mark.parametrize(
    "binding",
    [
        "tidy = os.system",
        "tidy: Any = subprocess.getoutput",
        "tidy = getattr(os, 'sys' + 'tem')",
        "tidy = eval",
        "if True:\n    tidy = __import__('os').system",
        "from os import system as tidy",
    ],
)
def test_a_name_that_its_file_gives_to_a_shell_is_not_passed(judge: Judge, binding: str) -> None:
    text = f"import os, subprocess\n{binding}\n\ndef f(command):\n    return tidy(command)\n\ndef g(x):\n    return x\n"
    assert judge(Bandit(), text, name="f").vote != "pass"
    assert judge(Bandit(), text, name="g").vote == "pass"


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("yaml.load(text)", "B506"),
        ("yaml.load(text)  # nosec", "B506"),
        ("pickle.loads(text)", "B301"),
        ("requests.get(text, verify=False, timeout=1)", "B501"),
        ("hashlib.md5(text)", "B324"),
        ("cursor.execute('SELECT * FROM t WHERE a = ' + text)", "B608"),
        ("eval(text)", "B307"),
    ],
)
def test_bandit_fails_what_is_dangerous(judge: Judge, statement: str, rule: str) -> None:
    vote, _, findings = judge(Bandit(), f"{IMPORTS}, yaml\n\ndef f(text, cursor):\n    return {statement}")
    assert vote == "fail"
    assert rule in [finding["rule"] for finding in findings]


@pytest.mark.parametrize("statement", ['os.system("rm -rf /")', 'subprocess.run("rm -rf /", shell=True)'])
def test_a_constant_command_for_a_shell_is_as_grave_as_any(judge: Judge, statement: str) -> None:
    vote, _, findings = judge(Bandit(), f"import os, subprocess\n\ndef f():\n    {statement}")
    assert (vote, findings[0]["severity"]) == ("fail", "high")


def test_what_may_be_meant_fails_and_forbids_nothing(judge: Judge) -> None:
    code = "import jinja2\n\ndef f(loader):\n    return jinja2.Environment(loader=loader)"
    vote, _, findings = judge(Bandit(), code)
    assert (vote, [(told["rule"], told["severity"]) for told in findings]) == ("fail", [("B701", "medium")])


@pytest.mark.parametrize(
    "statement", ["re.compile(text)", "model.eval()", "cursor.execute(query, (text,))", "os.path.join(text, 'a')"]
)
def test_bandit_vouches_for_what_only_looks_alike(judge: Judge, statement: str) -> None:
    assert judge(Bandit(), f"{IMPORTS}\n\ndef f(text, model, cursor, query):\n    return {statement}") == (
        "pass",
        None,
        [],
    )


# --- Lizard ----------------------------------------------------------------------------------------------------------

SMALL = {
    "python": "def f(x):\n    return x",
    "javascript": "function f(x) {\n  return x;\n}",
    "typescript": "function f(x: number): number {\n  return x;\n}",
    "java": "int f(int x) {\n  return x;\n}",
    "go": "func f(x int) int {\n\treturn x\n}",
    "rust": "fn f(x: i32) -> i32 {\n    x\n}",
    "c": "int f(int x) {\n  return x;\n}",
    "cpp": "int A::f(int x) const {\n  return x;\n}",
}
BRANCHED = {
    "python": "def f(x):\n" + "\n".join(f"    if x == {n}:\n        y = {n}" for n in range(20)),
    "javascript": f"function f(x) {{\n{BRANCHES}\n}}",
    "typescript": f"function f(x: number): void {{\n{BRANCHES}\n}}",
    "java": f"void f(int x) {{\n{BRANCHES}\n}}",
    "go": "func f(x int) {\n" + "\n".join(f"\tif x == {n} {{\n\t\ty = {n}\n\t}}" for n in range(20)) + "\n}",
    "rust": "fn f(x: i32) {\n" + "\n".join(f"    if x == {n} {{ y = {n}; }}" for n in range(20)) + "\n}",
    "c": f"void f(int x) {{\n{BRANCHES}\n}}",
    "cpp": f"void A::f(int x) {{\n{BRANCHES}\n}}",
}


@pytest.mark.parametrize("language", SMALL)
def test_lizard_and_parse_read_every_language(judge: Judge, language: str) -> None:
    assert judge(Lizard(), SMALL[language], language) == ("pass", None, [])
    assert judge(Parse(), SMALL[language], language) == ("pass", None, [])
    vote, _, findings = judge(Lizard(), BRANCHED[language], language)
    assert vote == "fail"
    assert [finding["message"] for finding in findings] == [
        f"{'A::f' if language == 'cpp' else 'f'}: complexity 21, at most 15"
    ]


def test_no_code_excuses_itself_from_lizard(judge: Judge) -> None:
    for plea in ("// #lizard forgives", "// #lizard forgive global", "// GENERATED CODE"):
        assert judge(Lizard(), f"void f(int x) {{\n  {plea}\n{BRANCHES}\n}}", "c")[0] == "fail"


def test_lizard_abstains_where_there_is_no_function(judge: Judge) -> None:
    assert judge(Lizard(), "class A:\n    x = 1") == (
        "abstain",
        "not applicable: Lizard sees no function in it",
        [],
    )


def test_lizard_fails_too_many_parameters_and_too_long_a_body(judge: Judge) -> None:
    parameters = ", ".join(f"a{n}" for n in range(11))
    body = "\n".join(f"    y = {n}" for n in range(101))
    _, _, findings = judge(Lizard(), f"def f({parameters}):\n{body}")
    assert [finding["rule"] for finding in findings] == ["length", "parameters"]


# --- Vulture ---------------------------------------------------------------------------------------------------------


def test_vulture_fails_code_that_can_never_run(judge: Judge) -> None:
    vote, _, findings = judge(Vulture(), "def f(x):\n    return x\n    print(x)  # noqa")
    assert (vote, [(finding["rule"], finding["line"]) for finding in findings]) == ("fail", [("unreachable_code", 3)])


def test_a_redundant_condition_is_told_and_held_against_nobody(judge: Judge) -> None:
    vote, _, findings = judge(Vulture(), "def f(x):\n    if True:\n        return x")
    assert (vote, [finding["message"] for finding in findings]) == ("pass", ["redundant if-condition"])


def test_an_unused_argument_is_told_and_held_against_nobody(judge: Judge) -> None:
    vote, _, findings = judge(Vulture(), "def f(x, y):\n    return x")
    assert (vote, [finding["message"] for finding in findings]) == ("pass", ["unused variable 'y'"])


def test_a_name_used_in_one_file_does_not_excuse_another(tmp_path: Path) -> None:
    told = judged(Vulture(), tmp_path, {"a.py": "def f(x, y):\n    return x", "b.py": "def g(y):\n    return y"})
    assert (told["f"].rules, told["g"].rules) == (["variable"], [])


# --- Parse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("python", "def g(:\n    pass\n\n\ndef f(x):\n    return x + 1\n", "f"),
        ("java", "class A {\n  int f() {\n    return 1;\n  }\n  int g( { return 2; }\n}\n", "A.f"),
        ("go", "package a\n\nfunc f(x int) int {\n\treturn x\n}\n\nfunc g( {\n}\n", "f"),
        ("javascript", "function f(x) {\n  return x;\n}\n\nfunction g( {\n  return 1;\n}\n", "f"),
        ("python", "type Pair[T] = tuple[T, T]\n\n\ndef f(x):\n    return t'{x}' if x else x\n", "f"),
    ],
)
def test_a_syntax_error_elsewhere_is_not_the_texts(judge: Judge, language: str, text: str, name: str) -> None:
    assert judge(Parse(), text, language, name) == ("pass", None, [])


@pytest.mark.parametrize(
    ("language", "text", "name", "line"),
    [
        ("python", "def f(x):\n    y = 1\n    return x +\n", "f", 3),
        ("java", "class A {\n  int f() {\n    return 1 +;\n  }\n}\n", "A.f", 2),
        ("go", "package a\n\nfunc f(x int) int {\n\treturn x +\n}\n", "f", 2),
        ("javascript", "let a = 1;\nfunction f(x) {\n  return x + ;\n}\n", "f", 2),
    ],
)
def test_a_syntax_error_of_its_own_fails_and_says_its_line(
    judge: Judge, language: str, text: str, name: str, line: int
) -> None:
    vote, _, findings = judge(Parse(), text, language, name)
    assert (vote, [(finding["severity"], finding["line"]) for finding in findings]) == ("fail", [("high", line)])


def test_an_error_in_c_proves_nothing_before_its_macros_are_expanded(judge: Judge) -> None:
    vote, reason, _ = judge(Parse(), "int f(int x) {\n  FOR_EACH(x, y) {\n    int 3 = y;\n  }\n  return x;\n}\n", "c")
    assert vote == "abstain"
    assert reason == "not applicable: line 2 does not parse before its macros are expanded"


# --- all -------------------------------------------------------------------------------------------------------------


def test_versions_name_the_tool_and_change_with_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Lizard().version()
    assert before.startswith("lizard ")
    monkeypatch.setattr("stemma.quorum.members.lizard._MAX_COMPLEXITY", 14)
    assert Lizard().version() != before


def test_a_missing_binary_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str:
        raise FileNotFoundError("no ruff here")

    monkeypatch.setattr("ruff.find_ruff_bin", gone)
    with pytest.raises(MemberMissingError, match="ruff is not installed"):
        Ruff().version()


@pytest.mark.parametrize("answer", ["", "{", "[1]", '{"results": [{}], "errors": []}', '[{"code": "B006"}]'])
@pytest.mark.parametrize("member", [Ruff(), Bandit()], ids=lambda member: member.name)
def test_an_answer_in_another_format_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, member: Member, answer: str
) -> None:
    monkeypatch.setattr(f"stemma.quorum.members.{member.name}.run_bounded", lambda *_, **__: answer.encode())
    with pytest.raises(NoAnswerError, match="cannot be read"):
        judged(member, tmp_path, {"a.py": "def f(): pass"})


def test_every_member_survives_every_odd_text(tmp_path: Path) -> None:
    odd = ["", "\x00", "def f():\n    return '\U0001f600'", "\ufeffdef f(): pass", "(" * 5000, "f\r\n\x0c", "'" * 99]
    rows: list[dict[str, Any]] = []
    for language, suffix in SUFFIXES.items():
        for n, text in enumerate(odd):
            (tmp_path / f"f{n}{suffix}").write_bytes(text.encode())
            place = {"start_line": 1, "end_line": text.count("\n") + 1, "code": text, "language": language}
            named = dict.fromkeys(("kind", "name", "qualified_name", "pattern_id", "exact_hash"), "f")
            rows.append({"unit": len(rows), **named, **place, "path": f"a{suffix}", "file": f"f{n}{suffix}"})
    batch = pl.DataFrame(rows, schema=BATCH)
    assert set(SUFFIXES) == set(LANGUAGES)
    for member in open_members():
        mine = batch.filter(pl.col("language").is_in(member.languages))
        votes = ask(member, mine, tmp_path, LIMITS)
        assert votes["unit"].to_list() == mine["unit"].to_list()
        assert votes["reason"].drop_nulls().str.starts_with("no answer").sum() == 0, member.name
