"""An organisation's own rules: ONEX as the worked example, and what becomes of a pack that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.errors import ConfigError
from stemma.quorum.given import poll_given
from stemma.quorum.members import open_members
from stemma.quorum.members.compliance import Compliance
from tests.quorum.conftest import Judge

ONEX = Path(__file__).parents[2] / "examples" / "onex"


@pytest.fixture
def onex() -> Compliance:
    return Compliance((ONEX,))


BROKEN = [
    ("onex-node-name", "class PriceCompute(NodeCompute):\n    pass\n"),
    ("onex-node-name", "class NodePrice(Base, NodeEffect):\n    pass\n"),
    ("onex-model-name", "class Price(BaseModel):\n    amount: int\n"),
    ("onex-model-name", "class Kind(str, Enum):\n    A = 'a'\n"),
    ("onex-contract-base", "class ModelContractPrice(BaseModel):\n    amount: int\n"),
    ("onex-contract-inheritance", "class ContractPrice:\n    amount = 1\n"),
    ("onex-compute-is-pure", "class NodeA(NodeCompute):\n    def process(self, p):\n        return open(p).read()\n"),
    (
        "onex-compute-is-pure",
        "class NodeACompute(Base):\n    async def process(self, c):\n        async with aiofiles.open(c) as f:\n"
        "            return await f.read()\n",
    ),
    (
        "onex-correlation-id-passed-on",
        "def emit(correlation_id):\n    return ModelEventEnvelope(event_type='a')\n",
    ),
    (
        "onex-correlation-id-passed-on",
        "async def emit(self, bus, event, correlation_id: UUID):\n    await bus.publish(event)\n",
    ),
    (
        "onex-correlation-id-made-anew",
        "async def emit(correlation_id):\n    return send(1, correlation_id=uuid.uuid4())\n",
    ),
]  # fmt: skip
KEPT = [
    "class NodePriceCompute(NodeCompute):\n    async def process(self, a):\n        return a * 2\n",
    "class NodePriceEffect(NodeEffect):\n    async def process(self, p):\n        return open(p).read()\n",
    "class NodeACompute(NodeCompute):\n    def process(self, p):\n        return os.path.join(p, 'a')\n",
    "class EnumKind(str, Enum):\n    A = 'a'\n",
    "class ModelContractPrice(ModelContractCompute):\n    amount: int\n",
    "def emit(correlation_id):\n    return ModelEventEnvelope(event_type='a', correlation_id=correlation_id)\n",
    "async def emit(bus, event, correlation_id):\n    await bus.publish(event, correlation_id)\n",
    "def emit():\n    return ModelEventEnvelope(event_type='a')\n",
]


@pytest.mark.parametrize(("rule", "code"), BROKEN)
def test_a_broken_rule_of_onex_is_a_failing_vote(judge: Judge, onex: Compliance, rule: str, code: str) -> None:
    answer = judge(onex, code)
    assert answer.vote == "fail"
    assert rule in answer.rules


@pytest.mark.parametrize("code", KEPT)
def test_code_that_keeps_the_rules_of_onex_passes(onex: Compliance, settings: Settings, code: str) -> None:
    polled = poll_given([("src/node_price.py", code.encode())], settings, [onex])
    assert set(polled.votes["vote"]) == {"pass"}


def test_a_rule_may_go_by_the_name_of_a_file(onex: Compliance, settings: Settings) -> None:
    code = b"class NodePriceEffect(NodeEffect):\n    pass\n"
    (right,) = poll_given([("src/node_price_effect.py", code)], settings, [onex]).votes["findings"]
    (wrong,) = poll_given([("src/prices.py", code)], settings, [onex]).votes["findings"]
    assert "onex-node-file-name" not in right
    assert "onex-node-file-name" in wrong


def test_without_a_pack_there_is_no_such_member(settings: Settings) -> None:
    assert "compliance" not in {member.name for member in open_members(settings)}


def test_with_a_pack_in_the_settings_there_is_one(settings: Settings) -> None:
    told = settings.model_copy(update={"compliance_packs": (ONEX,)})
    assert "compliance" in {member.name for member in open_members(told)}


def test_another_rule_is_another_version(tmp_path: Path) -> None:
    versions = {Compliance((pack(tmp_path, f"print({n})"),)).version() for n in ("1", "2", "2")}
    assert len(versions) == 2


def test_a_rule_in_another_language_and_its_severity_are_taken_over(judge: Judge, tmp_path: Path) -> None:
    member = Compliance((pack(tmp_path, "fmt.Println(...)", language="golang", severity="INFO"),))
    assert member.languages == {"go"}
    answer = judge(member, 'package a\nimport "fmt"\nfunc f() { fmt.Println("a") }\n', "go")
    assert (answer.vote, answer.findings[0]["severity"]) == ("pass", "low")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rules: [", "it is not YAML"),
        ("name: no rules", "it has no list of 'rules'"),
        ("rules: [{languages: [python]}]", "its rule number 1 has no 'id'"),
        ("rules: [{id: a, languages: [cobol], message: m, pattern: f()}]", "its rule 'a' names the language 'cobol'"),
        ("rules: [{id: a, languages: [python], pattern: f()}]", "its rule 'a' has no 'message'"),
        ("rules: [{id: a, languages: [py], severity: BAD, message: m, pattern: f()}]", "has the severity 'BAD'"),
        ("rules: [{id: a, languages: [py], message: m, pattern: 'f('}]", "Semgrep cannot read its rule 'a'"),
        ("rules: [{id: a, languages: [py], message: m}]", "Semgrep cannot read its rule 'a'"),
    ],
)
def test_a_pack_that_cannot_be_used_is_one_clear_sentence(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "pack.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        Compliance((file,))
    assert raised.value.problem.startswith(f"The compliance pack {file} cannot be used: ")
    assert problem in raised.value.problem
    assert "compliance_packs" in raised.value.hint


def test_a_folder_that_is_not_there_and_a_rule_told_twice_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file or folder"):
        Compliance((tmp_path / "none",))
    one, other = pack(tmp_path, "f()", name="one.yaml"), pack(tmp_path, "g()", name="other.yaml")
    with pytest.raises(ConfigError, match=f"its rule 'own' is one of {one} too"):
        Compliance((one, other))


def pack(
    folder: Path, pattern: str, *, language: str = "python", severity: str = "ERROR", name: str | None = None
) -> Path:
    file = folder / (name or f"{abs(hash(pattern))}.yaml")
    file.write_text(
        f"rules:\n  - id: own\n    languages: [{language}]\n    severity: {severity}\n    message: m\n"
        f"    pattern: {pattern}\n"
    )
    return file
