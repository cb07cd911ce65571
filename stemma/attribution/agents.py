"""What agents are called elsewhere: in commits, in git-ai notes, in Agent Trace records; and as whom Stemma knows them.

Which of these is evidence for what, and how strong, is told in `labels`.
"""

from __future__ import annotations

import re

# Addresses that the agents' own documentation or commits show. Of GitHub's noreply addresses the number before `+` is
# left out. A name alone is none: people are called Claude.
_ADDRESSES = {
    "noreply@anthropic.com": "claude-code",
    "claude@users.noreply.github.com": "claude-code",
    "claude[bot]@users.noreply.github.com": "claude-code",
    "noreply@openai.com": "codex",
    "codex@openai.com": "codex",
    "chatgpt-codex-connector[bot]@users.noreply.github.com": "codex",
    "cursoragent@cursor.com": "cursor",
    "cursor[bot]@users.noreply.github.com": "cursor",
    "copilot@users.noreply.github.com": "copilot",
    "copilot@github.com": "copilot",
    "copilot-swe-agent[bot]@users.noreply.github.com": "copilot",
    "devin-ai-integration[bot]@users.noreply.github.com": "devin",
    "gemini-code-assist[bot]@users.noreply.github.com": "gemini-cli",
    "gemini-cli-robot@google.com": "gemini-cli",
    "google-labs-jules[bot]@users.noreply.github.com": "jules",
    "aider@aider.chat": "aider",
    "noreply@aider.chat": "aider",
    "amp@ampcode.com": "amp",
    "noreply@opencode.ai": "opencode",
    "openhands@all-hands.dev": "openhands",
    "roomote@roocode.com": "roo",
    "factory-droid[bot]@users.noreply.github.com": "droid",
}
# Under these keys a name stands for a tool; under Co-authored-by it may be a person's.
_TOOL_KEYS = frozenset(
    {
        "assisted-by",
        "generated-by",
        "generated-with",
        "made-with",
        "ai-assisted-by",
        "ai-generated-by",
        "agent",
        "ai-agent",
    }
)
_AUTHOR_KEYS = frozenset({"co-authored-by", "co-developed-by"})
_NAMES = {
    "claude-code": r"claude",
    "codex": r"(openai )?codex",
    "cursor": r"cursor",
    "copilot": r"(github )?copilot",
    "gemini-cli": r"gemini",
    "devin": r"devin",
    "jules": r"jules",
    "aider": r"aider",
    "amp": r"amp",
    "opencode": r"opencode",
    "openhands": r"openhands",
    "windsurf": r"windsurf",
    "cline": r"cline",
}
_BY_NAME = {name: re.compile(rf"\[?{pattern}\b", re.IGNORECASE) for name, pattern in _NAMES.items()}
_ELSEWHERE = {"claude": "claude-code", "gemini": "gemini-cli", "github-copilot": "copilot", "copilot-cli": "copilot"}
_AT_GITHUB = re.compile(r"^\d+\+")
_PERSON = re.compile(r"^(?P<name>[^<]*)<(?P<address>[^<>\s]+)>")
_IN_BRACKETS = re.compile(r"\(([^()]{2,80})\)")

# Whatever `of_trailer` may know is among what this finds; for the database to look through many commits.
TRAILER_PATTERN = "(" + "|".join(sorted(_AUTHOR_KEYS | _TOOL_KEYS)) + r"):"


def of_address(address: str | None) -> str | None:
    """The agent that commits under an address; None for a person's."""
    return _ADDRESSES.get(_AT_GITHUB.sub("", (address or "").strip().lower()))


def addresses() -> list[str]:
    return sorted(_ADDRESSES)


def of_tool(tool: str | None) -> str | None:
    """The agent that another tool calls so; a name that is not known is kept."""
    name = (tool or "").strip()[:200]
    return _ELSEWHERE.get(name.lower(), name) or None


def at_git_ai(agent: str) -> str:
    """What git-ai calls an agent."""
    return {known: name for name, known in _ELSEWHERE.items() if name in ("claude", "gemini")}.get(agent, agent)


def of_trailer(trailer: str) -> tuple[str, str | None] | None:
    """Agent and, where it says so, model of a trailer `Key: value`; None where it names no agent."""
    key, _, value = trailer.partition(":")
    key, value = key.strip().lower(), value.strip()
    person = _PERSON.match(value)
    if key in _AUTHOR_KEYS and person and (agent := of_address(person["address"])):
        return agent, _model_in(person["name"].strip(), agent)
    if key in _TOOL_KEYS:
        for agent, pattern in _BY_NAME.items():
            if found := pattern.match(value):
                rest = value[found.end() :].lstrip(":] ").split("<")[0].strip()
                return agent, rest[:200] or None if key == "assisted-by" else None
    return None


def _model_in(name: str, agent: str) -> str | None:
    """Claude Code signs as `Claude Opus 4.5`, aider as `aider (gpt-4o)`."""
    if found := _IN_BRACKETS.search(name):
        return found[1]
    return name[:200] if agent == "claude-code" and re.match(r"claude \S+ [\d.]+", name, re.IGNORECASE) else None
