"""Settings of the LLM judges: `[[judges]]` and `[judge_budget]` in `stemma.toml`, held by `config.Settings`.

What a judge is sent, and what its answer means, lives in `stemma.quorum.members.judge`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class JudgeSettings(BaseModel):
    """One model of one OpenAI-compatible endpoint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern="^[a-z0-9][a-z0-9-]{0,31}$", description="Its name among the members: `judge:<name>`. One only has it."
    )
    base_url: str = Field(description="OpenAI-compatible endpoint, without `/chat/completions`.")
    model: str = Field(min_length=1, max_length=200, description="Model, as the endpoint names it.")
    api_key: SecretStr | None = Field(default=None, description="API key of that endpoint.")
    api_key_variable: str | None = Field(
        default=None,
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable that holds the key, in place of `api_key`.",
    )
    input_price: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="US dollars for a million tokens of question."
    )
    output_price: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="US dollars for a million tokens of answer."
    )


class JudgeBudget(BaseModel):
    """What all judges together may use in one day (UTC); after that they abstain until the next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_day: int = Field(default=200, ge=0, description="Requests, tries after a failure included.")
    tokens_per_day: int = Field(default=1_000_000, ge=0, description="Tokens, of questions and answers.")
    dollars_per_day: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="US dollars; judges without both prices then abstain, for what they cost is not known.",
    )
