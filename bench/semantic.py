"""`python -m bench.semantic FOLDER`: of pairs that only vectors and words find, how many solve the same problem.

FOLDER holds a git directory or clone of kamyu104/LeetCode-Solutions (`COMMIT`). Candidates are the ten nearest of each
function by the default embedder, in one language; what structure or names match is left out. By these figures
`stemma.match.calibration.SemanticRule` has no rule: none reaches the precision of a match.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import polars as pl

from bench.clones.functions import extracted, runs_only
from bench.clones.sets import files_at, repository
from bench.figures import measured_at, write
from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.embed.texts import pattern_texts
from stemma.match.evidence import is_match
from stemma.match.neighbours import NEIGHBOURS, nearest
from stemma.match.pairs import compare

REPOSITORY, COMMIT = "kamyu104/LeetCode-Solutions", "a42318b19416b86d301d01db278172da59490a69"
LANGUAGES = {"python": ("Python", ".py"), "cpp": ("C++", ".cpp")}
COSINES, WORDS = (0.7, 0.75, 0.8, 0.85, 0.9), (0.0, 0.3, 0.5, 0.65)


def pairs(folder: Path, language: str) -> pl.DataFrame:
    """Pairs of near functions that structure does not match: semantic, lexical, is_same (problem)."""
    place, suffix = LANGUAGES[language]
    files = files_at(repository(folder, REPOSITORY, COMMIT), COMMIT, suffix, place)
    snippets, patterns = extracted(files, language)
    problems = runs_only(snippets).select("pattern_id", problem="blob_oid").unique("pattern_id", keep="first")
    patterns = patterns.join(problems, on="pattern_id").filter(~pl.col("is_trivial"))
    patterns = patterns.with_columns(language=pl.lit(language))
    embedder = open_embedder(Settings())
    matrix = embedder.embed(pattern_texts(patterns))
    a, b = nearest(matrix, len(matrix), k=NEIGHBOURS, min_cosine=COSINES[0])
    compared = compare(patterns, a, b, matrix=matrix, embedder=embedder.name)
    is_same = patterns["problem"].gather(a) == patterns["problem"].gather(b)
    return compared.with_columns(is_same=is_same).filter(~is_match(compared, None))


def precisions(found: pl.DataFrame) -> list[dict[str, Any]]:
    """For each least cosine and least share of common words: pairs, and the share that solves the same problem."""
    rows = []
    for cosine in COSINES:
        for words in WORDS:
            kept = found.filter((pl.col("semantic") >= cosine) & (pl.col("lexical") >= words))["is_same"]
            precision = float(kept.sum() / len(kept)) if len(kept) else None
            rows.append({"cosine": cosine, "words": words, "pairs": len(kept), "precision": precision})
    return rows


def as_markdown(result: dict[str, Any]) -> str:
    at, load = result["machine"]["at"], result["machine"]["load"]
    lines = [
        f"Pairs of {REPOSITORY} that structure does not match, by {result['embedder']}: the share that solves the same "
        f"problem. {at}, load {load}.",
        "",
        "| language | least cosine | least share of words | pairs | precision |",
        "|---|---:|---:|---:|---:|",
    ]
    for language, rows in result["languages"].items():
        for row in rows:
            precision = "–" if row["precision"] is None else f"{row['precision']:.3f}"
            lines.append(f"| {language} | {row['cosine']} | {row['words']} | {row['pairs']:,} | {precision} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    found = {language: precisions(pairs(folder, language)) for language in LANGUAGES}
    embedder = open_embedder(Settings()).name
    result = {"machine": measured_at(), "commit": COMMIT, "embedder": embedder, "languages": found}
    write("semantic", result, as_markdown(result))
    print(as_markdown(result))


if __name__ == "__main__":
    main()
