"""The mined functions made ready for training: held-out packages apart, nothing twice, texts as the model's features.

How functions are found lives in `mine`; which pairs are drawn from them, in `pairs`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from stemma.embed.base import stable_hash
from stemma.embed.features import TOKEN, Occurrences, Tokens
from stemma.embed.vocabulary import Vocabulary
from stemma.words import split_identifier
from training.masking import PREFIXES, mask
from training.mine import read_functions

HELD_OUT_SHARE = 0.08
MAX_OF_A_PACKAGE = 5_000
MAX_UNDOCUMENTED = 110_000
N_WORDS, N_PAIRS, N_RUNS, N_BUCKETS = 30_000, 12_000, 14_000, 4_096
MIN_PACKAGES = 3
CHUNK = 5_000
SEED = 5
KINDS = ("text", "name", "plain", "local", "all", "full")
SAMPLE_OF_A_PACKAGE = 120
"""Functions that have a say in the vocabulary: enough to see what a package speaks of."""


def family(package: str) -> str:
    """The project a package belongs to, whoever packed it: `python3-numpy` and `numpy` are one."""
    name = re.sub(
        r"^(python3-|golang-(github|golang|gopkg|google|gitlab)-|librust-|node-|ruby-|php-|lib)", "", package.lower()
    )
    return re.sub(r"(-dev|-java|[\d.]+)+$|\+.*$|^@", "", name).split("__")[0]


def is_held_out(package: str) -> bool:
    """By a hash of the project's name, so that it does not depend on what else was downloaded."""
    return (
        int.from_bytes(hashlib.blake2b(family(package).encode(), digest_size=4).digest(), "big") / 2**32
        < HELD_OUT_SHARE
    )


def split(folder: Path) -> pl.DataFrame:
    """Write `heldout.parquet`, and give the functions to train on; none of them shares text, code or form with it."""
    functions = read_functions(folder).with_columns(pl.col("name").str.split(".").list.last())
    held = pl.Series([is_held_out(package) for package in functions["package"].unique().sort()])
    out = functions["package"].unique().sort().to_frame().with_columns(held.alias("is_held"))
    functions = functions.join(out, on="package", how="left", maintain_order="left")
    held_out = functions.filter(pl.col("is_held")).drop("is_held")
    held_out.write_parquet(folder / "heldout.parquet")
    train = functions.filter(~pl.col("is_held")).drop("is_held")
    for column in ("pattern_id", "text", "code"):
        train = train.join(held_out.select(column).drop_nulls().unique(), on=column, how="anti", maintain_order="left")
    train = train.sort(pl.col("text").is_null(), maintain_order=True).unique(
        "pattern_id", keep="first", maintain_order=True
    )
    documented = train.filter(pl.col("text").is_not_null()).unique(["text", "name"], keep="first", maintain_order=True)
    rest = train.filter(pl.col("text").is_null())
    rest = rest.sample(min(len(rest), MAX_UNDOCUMENTED), shuffle=True, seed=SEED)
    train = pl.concat([documented, rest])
    train = train.filter(pl.int_range(pl.len()).over("package") < MAX_OF_A_PACKAGE)
    return train.sort("language", "package", maintain_order=True)


def variants(functions: pl.DataFrame) -> dict[str, list[str]]:
    """Each function's texts: documentation, words of its name, code, code with its own names or all names replaced."""
    names = [" ".join(split_identifier(name)) for name in functions["name"]]
    texts = {"text": functions["text"].fill_null("").to_list(), "name": names, "plain": functions["code"].to_list()}
    for level in ("local", "all"):
        texts[level] = [
            mask(code, language, name, level, PREFIXES[len(code) % len(PREFIXES)])
            for code, language, name in functions.select("code", "language", "name").iter_rows()
        ]
    return texts


def choose_vocabulary(functions: pl.DataFrame) -> Vocabulary:
    """The features found in most packages, of code and documentation alike."""
    package = functions["package"].rank("dense").to_numpy().astype(np.uint64)
    seen: dict[str, list[np.ndarray]] = {"words": [], "pairs": [], "runs": []}
    tokens = Tokens()
    for start in range(0, len(functions), CHUNK):
        part = functions.slice(start, CHUNK)
        for texts in (part["code"].to_list(), part["text"].fill_null("").to_list()):
            features = tokens.read(texts)
            for kind, found in seen.items():
                occurrences: Occurrences = getattr(features, kind)
                pairs = np.stack([package[occurrences.rows + start], occurrences.hashes], axis=1)
                found.append(np.unique(pairs.view([("package", "u8"), ("hash", "u8")]).ravel()))
    return Vocabulary(
        _commonest(seen["words"], N_WORDS),
        _commonest(seen["pairs"], N_PAIRS),
        _commonest(seen["runs"], N_RUNS),
        N_BUCKETS,
    )


def _commonest(found: list[np.ndarray], count: int) -> np.ndarray:
    distinct = np.unique(np.concatenate(found))
    hashes, packages = np.unique(distinct["hash"], return_counts=True)
    order = np.lexsort((hashes, -packages))
    order = order[packages[order] >= MIN_PACKAGES][:count]
    return hashes[order]


def matrix(vocabulary: Vocabulary, texts: list[str], tokens: Tokens) -> sparse.csr_matrix:
    """One row a text, one column a row of the model's table: 1 + ln of the count."""
    counted = vocabulary.count(tokens.read(texts))
    indptr = np.searchsorted(counted.texts, np.arange(len(texts) + 1))
    data = (1 + np.log(counted.counts)).astype(np.float32)
    return sparse.csr_matrix((data, counted.rows.astype(np.int32), indptr), (len(texts), vocabulary.n_rows))


def together(*parts: sparse.csr_matrix) -> sparse.csr_matrix:
    """The features of texts that stand one after the other, as the embedder is given a pattern."""
    total = sparse.csr_matrix(parts[0].shape, dtype=np.float32)
    for part in parts:
        counts = part.copy()
        counts.data = np.exp(counts.data - 1)
        total = total + counts
    total.data = 1 + np.log(total.data)
    return total.tocsr()


def spell(vocabulary: Vocabulary, functions: pl.DataFrame) -> list[str]:
    """The word of each row of words that is made of letters; '' for the rest, of which only the hash is known."""
    tokens: set[str] = set()
    for text in (*functions["code"], *functions["text"].drop_nulls()):
        tokens.update(TOKEN.findall(text))
    words = {word for token in tokens if token[0].isalpha() or token[0] == "_" for word in split_identifier(token)}
    spelled = {stable_hash(word): word for word in words}
    return [spelled.get(int(known), "") for known in vocabulary.words]


def read_vocabulary(folder: Path) -> Vocabulary:
    with np.load(folder / "vocabulary.npz") as arrays:
        return Vocabulary(arrays["words"], arrays["pairs"], arrays["runs"], int(arrays["n_buckets"]))


def prepare(folder: Path, n_workers: int = 2) -> None:
    """Write what training reads: `train.parquet` without code, the vocabulary and its words, a matrix for each text."""
    functions = split(folder)
    print(functions.group_by("language").agg(pl.len(), pl.col("text").count().alias("documented")), file=sys.stderr)
    sample = functions.filter(pl.int_range(pl.len()).over("package") < SAMPLE_OF_A_PACKAGE)
    vocabulary = choose_vocabulary(sample)
    hashes = {"words": vocabulary.words, "pairs": vocabulary.pairs, "runs": vocabulary.runs}
    np.savez(folder / "vocabulary.npz", n_buckets=np.array(vocabulary.n_buckets), **hashes)
    (folder / "words.json").write_text(json.dumps(spell(vocabulary, sample)))
    parts = [(folder, functions.slice(start, CHUNK)) for start in range(0, len(functions), CHUNK)]
    made: dict[str, list[sparse.csr_matrix]] = {kind: [] for kind in KINDS}
    with ProcessPoolExecutor(n_workers, get_context("spawn")) as pool:  # Polars does not survive a fork
        for matrices in pool.map(_matrices, *zip(*parts, strict=True)):
            for kind, one in matrices.items():
                made[kind].append(one)
    for kind, found in made.items():
        sparse.save_npz(folder / f"{kind}.npz", sparse.vstack(found, "csr"), compressed=False)
    words = [" ".join(split_identifier(name)) for name in functions["name"]]
    functions.drop("code").with_columns(pl.Series("words", words)).write_parquet(folder / "train.parquet")


def _matrices(folder: Path, functions: pl.DataFrame) -> dict[str, sparse.csr_matrix]:
    vocabulary, tokens = read_vocabulary(folder), Tokens()
    made = {kind: matrix(vocabulary, texts, tokens) for kind, texts in variants(functions).items()}
    return made | {"full": together(made["name"], made["text"], made["plain"])}
