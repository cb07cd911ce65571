"""What reaches a shell, an interpreter or a weakened check by an alias or a computed name is never vouched for."""

from __future__ import annotations

import time

import pytest

from stemma.quorum.members.bandit import Bandit
from stemma.quorum.members.doubts import names_in, read_doubts
from stemma.quorum.members.packs import Packs
from tests.quorum.conftest import Judge

ALIASES = [
    ("javascript", "const cp = require('child_process');\nlet f = cp.exec;\nlet g = f;\nfunction a(c) { return g(c) }"),
    ("javascript", "const name = ['child', 'process'].join('_');\nfunction a(c) { return require(name).exec(c); }"),
    ("javascript", "import { exec as run } from 'node:child_process';\nexport async function a(c) { return run(c); }"),
    ("typescript", "const how: string = 'md5';\nfunction a(c: string) { return digest(how, c); }"),
    ("typescript", "function a(c: string) { return window[c](1); }"),
    ("java", "class A { final Runtime r = Runtime.getRuntime(); Object a(String c) { return start(r, c); } }"),
    ("java", "class A { Object a(String c) throws Exception { return Class.forName(c).getMethod(c).invoke(null); } }"),
    ("go", 'package p\nimport run "os/exec"\nvar start = run.Command\nfunc a(c string) any { return start(c) }\n'),
    ("go", 'package p\nimport . "os/exec"\nfunc a(c string) error { return Command(c).Run() }\n'),
    ("javascript", "const cp = require('child_process');\nconst { exec: go } = cp;\nfunction a(c) { return go(c); }"),
    ("javascript", "import { exec } from 'child_process';\nconst go = (c) => exec(c);\nfunction a(c) { return go(c) }"),
    ("javascript", "const o = {};\no['reject' + 'Unauthorized'] = false;\nfunction a(u) { return https.get(u, o); }"),
    ("javascript", "function a(db, n) { let q = 'SELECT b FROM c WHERE d = '; q += n; return db.query(q); }"),
    ("typescript", "const base: string = 'SELECT b';\nfunction a(db: Pool, n: string) { return db.query(base + n); }"),
    ("java", "class A { Object go(String c) { return new ProcessBuilder(c); } Object a(String c) { return go(c); } }"),
    ("java", "import static java.lang.Runtime.*;\nclass A { Object a(String c) { return getRuntime().exec(c); } }"),
    ("go", 'package p\nimport "os/exec"\nfunc g(c any) any { return exec.Cmd{c} }\nfunc a(c any) any { return g(c) }'),
    ("go", 'package p\n//go:linkname g os/exec.Command\nfunc g(string) any\nfunc a(c string) any { return g(c) }\n'),
    ("go", 'package p\nimport "crypto"\nvar mix = crypto.MD5\nfunc a() any { return mix.New() }\n'),
    ("go", 'package p\nimport (h "crypto/md5")\nvar mix = h.New\nfunc a() any { return mix() }\n'),
]  # fmt: skip
HARMLESS = [
    ("javascript", "const cp = require('child_process');\nfunction a(c) { return c + 1; }"),
    ("javascript", "const size = sizes.exec;\nconst total = sum(2);\nfunction a(c) { return total + c; }"),
    ("java", "class A { final int r = 1; int a(int c) { return r + c; } }"),
    (
        "javascript",
        "const { exec } = require('child_process');\nfunction run(c) { return c; }\nfunction a(c) { return run(c); }",
    ),
    ("javascript", "function a(db, n) { return db.query('SELECT b FROM c WHERE d = ?', [n]); }"),
    ("go", 'package p\nimport "os/exec"\nfunc a(c int) int { return c + 1 }\n'),
    ("go", 'package p\nimport "os"\ntype t struct { n int }\nfunc a(x *t) { x.n = os.Getpid() }\n'),
    ("python", "from subprocess import run\n\n\ndef a(c):\n    return c + 1\n"),
]


@pytest.mark.parametrize(("language", "code"), ALIASES)
def test_an_alias_or_a_computed_name_is_not_vouched_for(judge: Judge, language: str, code: str) -> None:
    name = {"java": "A.a"}.get(language, "a")
    vote, reason, _ = judge(Packs("security"), code, language, name)
    assert (vote, (reason or "").partition(":")[0]) == ("abstain", "cannot vouch")


@pytest.mark.parametrize(("language", "code"), HARMLESS)
def test_code_beside_an_alias_is_vouched_for(judge: Judge, language: str, code: str) -> None:
    vote, _, _ = judge(Packs("security"), code, language, "A.a" if language == "java" else "a")
    assert vote == "pass"


def test_bandit_shares_the_doubts_about_python(judge: Judge) -> None:
    code = "import yaml as notation\ntake = notation.load\n\ndef read(text):\n    return take(text)\n"
    assert judge(Bandit(), code, "python", "read").vote == "abstain"


def test_what_a_call_returned_is_no_alias() -> None:
    content = "const cp = require('child_process');\nconst child = cp.spawn('ls');\nconst again = cp.spawn;\n"
    (powers, _), *_ = names_in(content, read_doubts()["javascript"])
    assert {"cp", "again"} <= powers and "child" not in powers


def test_a_finding_outweighs_a_doubt(judge: Judge) -> None:
    code = "const { exec } = require('child_process');\nfunction a(n) { exec('ls ' + n); }"
    vote, _, findings = judge(Packs("security"), code, "javascript", "a")
    assert vote == "fail" and findings[0]["severity"] == "high"


def test_names_are_found_in_time_linear_in_a_hostile_file() -> None:
    content = "import " * 20_000 + "a: " * 20_000 + "x = " * 20_000 + '"select ' * 20_000
    content += "f(a) {" * 20_000 + "{a" * 20_000 + "a.b" * 20_000 + "a[" * 20_000
    started = time.monotonic()
    for doubts in read_doubts().values():
        names_in(content, doubts)
    assert time.monotonic() - started < 10
