"""What each member passes, fails and will not judge, on code known to be one or the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stemma.languages import LANGUAGES
from stemma.quorum.ask import ask
from stemma.quorum.members import open_members
from stemma.quorum.members.bandit import Bandit
from stemma.quorum.members.base import MemberMissingError
from stemma.quorum.members.lizard import Lizard
from stemma.quorum.members.parse import Parse
from stemma.quorum.members.ruff import Ruff
from stemma.quorum.members.vulture import Vulture
from stemma.quorum.process import NoAnswerError
from tests.quorum.conftest import LIMITS, batch_of

Judge = Callable[..., tuple[str, str | None, list[dict[str, Any]]]]

METHOD = '''
@property
    def text(self):
        """Lines that begin
at the margin."""
        return self._text
'''
BRANCHES = "\n".join(f"    if (x == {n}) {{ y = {n}; }}" for n in range(20))


# --- Ruff ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "rule", "line"),
    [
        ("def f(x, seen=[]):\n    return x in seen", "B006", 1),
        ("def f(x):\n    return x is 'a'", "F632", 2),
        ("def f(a):\n    return '%s %s' % (a,)", "F507", 2),
        ("def f(x):\n    try:\n        g(x)\n    except:\n        return None", "E722", 4),
        ("async def f():\n    time.sleep(1)", "ASYNC251", 2),
        ("def f(x, seen=[]):  # noqa\n    return x in seen", "B006", 1),
    ],
)
def test_ruff_fails_what_is_wrong_in_itself(judge: Judge, code: str, rule: str, line: int) -> None:
    vote, _, findings = judge(Ruff(), code)
    assert (vote, [(finding["rule"], finding["line"]) for finding in findings]) == ("fail", [(rule, line)])


@pytest.mark.parametrize(
    "code",
    [
        "def f(x):\n    return helper(x) + CONSTANT",  # undefined names stand in the rest of the file
        "def f(self):\n        return self.x",
        "@overload\ndef f(x: int) -> int: ...",
        METHOD,
        "# why it is so\n    @cache\n    def f(self):\n        return 1",
        "@parametrize(\n        'a',\n        [\n"
        + "            1,\n" * 2000
        + "        ],\n    )\n    def f(self, a):\n        return a",
    ],
)
def test_a_fragment_is_not_blamed_for_being_one(judge: Judge, code: str) -> None:
    for member in (Parse(), Ruff(), Bandit(), Vulture()):
        assert judge(member, code)[0] == "pass"


def test_python_that_does_not_parse_alone_is_not_applicable(judge: Judge) -> None:
    for member in (Ruff(), Bandit(), Vulture()):
        vote, reason, _ = judge(member, "def f(x):\n    print x")
        assert vote == "abstain"
        assert str(reason).startswith("not applicable: does not parse alone")


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
    head = "async def clean(command, path):\n    " if asynchronous else "def clean(command, path):\n    "
    ways = [*DISK, 'await asyncio.create_subprocess_shell("rm -rf /")'] if asynchronous else DISK
    batch = batch_of(*(head + way for way in ways))
    votes = Bandit().judge(batch, tmp_path, LIMITS)
    passed = batch.join(votes, on="pattern_id").filter(vote="pass")["code"].to_list()
    assert passed == []


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
    vote, _, findings = judge(Bandit(), f"def f(text):\n    return {statement}")
    assert vote == "fail"
    assert rule in [finding["rule"] for finding in findings]


@pytest.mark.parametrize("statement", ['os.system("rm -rf /")', 'subprocess.run("rm -rf /", shell=True)'])
def test_a_constant_command_for_a_shell_is_as_grave_as_any(judge: Judge, statement: str) -> None:
    vote, _, findings = judge(Bandit(), f"def f():\n    {statement}")
    assert (vote, findings[0]["severity"]) == ("fail", "high")


@pytest.mark.parametrize(
    "statement", ["re.compile(text)", "model.eval()", "cursor.execute(query, (text,))", "os.path.join(text, 'a')"]
)
def test_bandit_vouches_for_what_only_looks_alike(judge: Judge, statement: str) -> None:
    assert judge(Bandit(), f"def f(text):\n    return {statement}") == ("pass", None, [])


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
    assert judge(Lizard(), "class A:\n    x = 1") == ("abstain", "not applicable: no function in it", [])


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


def test_a_name_used_in_one_snippet_does_not_excuse_another(tmp_path: Path) -> None:
    batch = batch_of("def f(x, y):\n    return x", "def g(y):\n    return y")
    votes = Vulture().judge(batch, tmp_path, LIMITS)
    assert votes["findings"].str.contains("unused variable 'y'").to_list() == [True, False]


# --- Parse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("java", "@Override\npublic String toString() { return name; }"),
        ("java", "int size();"),
        ("javascript", "async *items() { yield 1; }"),
        ("javascript", "get size() { return 1; }"),
        ("typescript", "private readonly f = <T,>(x: T): T => x;"),
        ("typescript", "abstract run(x: number): void;"),
        ("rust", "pub fn len(&self) -> usize { self.0 }"),
        ("cpp", "virtual void f() const override { }"),
        ("cpp", "enum class Kind { a, b }"),
        ("c", "struct pair {\n  int a;\n}"),
        ("c", "typedef struct {\n  int a;\n}"),
        ("go", "type Pair struct {\n\tA int\n}"),
        ("python", "type Pair[T] = tuple[T, T]"),
    ],
)
def test_a_definition_out_of_its_container_parses(judge: Judge, language: str, code: str) -> None:
    assert judge(Parse(), code, language) == ("pass", None, [])


@pytest.mark.parametrize(
    ("language", "code"), [("python", "def f(:\n    return"), ("java", "int f( { return 1; }"), ("go", "func f( {")]
)
def test_a_syntax_error_fails_and_says_its_line(judge: Judge, language: str, code: str) -> None:
    vote, _, findings = judge(Parse(), code, language)
    assert (vote, [(finding["severity"], finding["line"]) for finding in findings]) == ("fail", [("high", 1)])


def test_an_error_in_c_proves_nothing_before_its_macros_are_expanded(judge: Judge) -> None:
    vote, reason, _ = judge(Parse(), "MODULE_EXPORT(int) f(int x) BEGIN return x; END", "c")
    assert vote == "abstain"
    assert "macros" in str(reason)


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
@pytest.mark.parametrize("module", ["ruff", "bandit"])
def test_an_answer_in_another_format_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, answer: str
) -> None:
    monkeypatch.setattr(f"stemma.quorum.members.{module}.run_bounded", lambda *_, **__: answer.encode())
    member = {"ruff": Ruff(), "bandit": Bandit()}[module]
    with pytest.raises(NoAnswerError, match="cannot be read"):
        member.judge(batch_of("def f(): pass"), tmp_path, LIMITS)


def test_every_member_survives_every_odd_text() -> None:
    odd = [
        "",
        "\x00",
        "def f():\n    return '\U0001f600'",
        "\ufeffdef f(): pass",
        "(" * 5000,
        "def f(): pass\r\n\x0c",
        "'" * 99,
    ]
    for language in LANGUAGES:
        for member in open_members():
            if language in member.languages:
                votes = ask(member, batch_of(*odd, language=language), LIMITS)
                assert len(votes) == len(odd)
