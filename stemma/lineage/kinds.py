"""What happened to a version: the kinds of change between it and the one it came from, as edges and events.

Which version that is was decided in `assignment`; what passed between different elements (extracted, inlined, merged,
split) is found in `parts`.

Edges of a pair: `modified_from` when its text or documentation changed by more than its own name, `renamed_from` when
its name or the name of what holds it did, `moved_from` when it stands in another file or another holder, `derived_from`
when none of these (only its place among definitions of equal name, or it came back as it was). To a version of a
merge's other parents there is one `merged_from`, and to all of them where the text is that of one.

Events, several per version and commit:
    introduced, observed (detail boundary: shallow, snapshot or unreadable), revived: its birth
    body_changed: body; detail similarity. signature_changed: detail parts (parameters, return_type, modifiers,
    annotations, raises, declaration: the rest of the head), from and to, one entry a part
    (a type whose members alone changed is a new version, and its members tell what happened)
    documentation_changed: detail parts (documentation, comments). formatting_changed: layout alone
    renamed: detail from, to, scope (own or container). moved_within_file, moved_across_files, file_renamed: from, to
    merged: a merge's version, that came on several lines; with no other event where its text is that of one of them
    deprecated: the mark of deprecation appeared. removed: nothing that the commit holds follows it
"""

from __future__ import annotations

import re

import polars as pl

from stemma.lineage.contents import TYPES, Contents

PAIRS_PER_SLICE = 20_000
SHOWN = 300  # characters of one side of a signature's part
PARTS = ("parameters", "return_type", "modifiers", "annotations", "raises")
_BLANKS = re.compile(r"\s+")
_TEXT = ("token_hash", "body_hash", "comments_hash")
_INNER = (
    "_changed",
    *(f"{name}{side}" for name in (*_TEXT, *PARTS, "declaration", "_head", "_names") for side in ("", "_parent")),
)
EVENT = ("commit", "node", "event_type", "detail")


def compared(contents: Contents, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs with one flag per kind of change, and `parts`, `from`, `to` of the signature.

    Args:
        pairs: columns of the elements of both sides, the older one's ending in `_parent`; is_container_renamed,
            is_file_renamed; is_in_error of both sides.
    """
    if pairs.is_empty():
        return _flagged(contents, pairs)
    return pl.concat([_flagged(contents, part) for part in pairs.iter_slices(PAIRS_PER_SLICE)])


def _flagged(contents: Contents, pairs: pl.DataFrame) -> pl.DataFrame:
    found = _with_heads(contents, _with_texts(contents, pairs))
    is_text = _differs("exact_hash")
    # Of a recursive function the body changes with its name, and of a class all that names it.
    is_name_alone = _differs("name") & (pl.col("pattern_id") == pl.col("pattern_id_parent")) & _is_renamed_alone()
    found = found.with_columns(
        is_body=is_text & _differs("body_hash") & ~is_name_alone,
        _changed=pl.concat_list(
            pl.when(is_text & _differs(part) & ~is_name_alone).then(pl.lit(part)) for part in PARTS
        ).list.drop_nulls(),
        is_doc=_differs("doc_hash"),
        is_comments=is_text & _differs("comments_hash"),
        is_renamed=_differs("name"),
        is_container_renamed=_differs("container") & pl.col("is_container_renamed"),
        is_holder_changed=_differs("container") & ~pl.col("is_container_renamed") & ~_is_holder_hidden(),
        is_path=_differs("path"),
    )
    # What is left of the tokens is the rest of the head, or, of a type, what it holds: that tells of itself.
    is_rest = is_text & _differs("token_hash") & ~pl.col("is_body") & (pl.col("_changed").list.len() == 0)
    is_head = pl.when("is_type").then(_differs("_head")).otherwise(~pl.col("is_renamed"))
    found = found.with_columns(
        parts=pl.when(is_rest & is_head).then(pl.concat_list(pl.lit("declaration"))).otherwise("_changed"),
        is_members=is_rest & ~is_head & pl.col("is_type") & ~is_name_alone,
    )
    is_signature = pl.col("parts").list.len() > 0
    told = pl.any_horizontal("is_body", is_signature, "is_doc", "is_comments", "is_members", is_name_alone)
    values = {
        side: pl.concat_list(
            pl.when(pl.col("parts").list.contains(part)).then(pl.col(f"{part}{side}").fill_null("").str.head(SHOWN))
            for part in (*PARTS, "declaration")
        ).list.drop_nulls()
        for side in ("", "_parent")
    }
    return found.with_columns(
        is_signature=is_signature,
        is_layout=(is_text | _differs("loose_hash")) & ~_differs("token_hash") & ~told,
        to=values[""],
        **{"from": values["_parent"]},
    ).drop(_INNER)


def _is_holder_hidden() -> pl.Expr:
    """Whether an error of syntax on one side hides what holds it, or the outermost of these."""
    inside = {side: pl.concat_str(pl.lit("."), f"container{side}").str.strip_chars_end(".") for side in ("", "_parent")}
    return pl.any_horizontal(
        pl.col(f"is_in_error{side}") & inside[other].str.ends_with(inside[side])
        for side, other in (("", "_parent"), ("_parent", ""))
    )


def _is_renamed_alone() -> pl.Expr:
    """Whether of all that is called and bound only the own name is another."""
    return pl.all_horizontal(
        _only_name("_names", "_names_parent", "name"), _only_name("_names_parent", "_names", "name_parent")
    )


def _only_name(one: str, other: str, name: str) -> pl.Expr:
    more = pl.col(one).list.set_difference(other).list.eval(pl.element().str.extract(r"(\w+)\W*$")).list.unique()
    return (more.list.len() == 0) | ((more.list.len() == 1) & (more.list.first() == pl.col(name)))


def _with_texts(contents: Contents, pairs: pl.DataFrame) -> pl.DataFrame:
    sides = [pairs.select(exact_hash=f"exact_hash{side}", language=f"language{side}") for side in ("", "_parent")]
    texts = contents.texts(pl.concat(sides).unique(maintain_order=True)).select(
        "exact_hash",
        "language",
        *_TEXT,
        "return_type",
        parameters="parameter_list",
        modifiers=pl.col("modifiers").list.join(" "),
        annotations=pl.col("annotations").list.join(" "),
        raises=pl.col("raises").list.join(", "),
        _names=pl.concat_list("calls", "defines"),
    )
    for side in ("", "_parent"):
        renamed = texts.rename({name: f"{name}{side}" for name in texts.columns})
        pairs = pairs.join(renamed, on=[f"exact_hash{side}", f"language{side}"], how="left", maintain_order="left")
    return pairs


def _with_heads(contents: Contents, pairs: pl.DataFrame) -> pl.DataFrame:
    """With the heads of types as they are written (`declaration`), and without blanks and their own name (`_head`)."""
    is_type = pl.col("kind").is_in(TYPES)
    types = pairs.filter(is_type)
    wanted = pl.concat(
        types.select(blob_oid=f"blob_oid{side}", ordinal=f"ordinal{side}") for side in ("", "_parent")
    ).unique(maintain_order=True)
    heads = contents.declared(wanted).select("blob_oid", "ordinal", declaration="signature")
    for side in ("", "_parent"):
        known = heads.rename({name: f"{name}{side}" for name in heads.columns})
        pairs = pairs.join(known, on=[f"blob_oid{side}", f"ordinal{side}"], how="left", maintain_order="left")
        written = pairs.select(f"declaration{side}", f"name{side}").iter_rows()
        shown = [None if head is None else _BLANKS.sub("", head.replace(name, "", 1)) for head, name in written]
        pairs = pairs.with_columns(pl.Series(f"_head{side}", shown, dtype=pl.String))
    return pairs.with_columns(is_type=is_type)


def _differs(column: str) -> pl.Expr:
    return pl.col(column).ne_missing(pl.col(f"{column}_parent"))


def edges(pairs: pl.DataFrame) -> pl.DataFrame:
    """child, parent (numbers), edge_type, weight, confidence, evidence of compared pairs (with `is_first`)."""
    pairs = pairs.with_columns(is_first=pl.col("is_first") & ~pl.col("is_kept_text"))
    is_moved = pl.col("is_path") | pl.col("is_holder_changed")
    is_modified = pl.any_horizontal("is_body", "is_signature", "is_doc", "is_comments", "is_layout", "is_members")
    is_renamed = pl.col("is_renamed") | pl.col("is_container_renamed")
    types = {
        "modified_from": pl.col("is_first") & is_modified,
        "renamed_from": pl.col("is_first") & is_renamed,
        "moved_from": pl.col("is_first") & is_moved,
        "derived_from": pl.col("is_first") & ~(is_modified | is_renamed | is_moved),
        "merged_from": ~pl.col("is_first"),
    }
    evidence = pl.struct("matched_by", candidates="n_candidates").struct.json_encode()
    return pl.concat(
        pairs.filter(flag).select(
            "child",
            "parent",
            pl.col("weight").cast(pl.Float32),
            pl.col("confidence").cast(pl.Float32),
            edge_type=pl.lit(name),
            evidence=evidence,
        )
        for name, flag in types.items()
    )


def events(pairs: pl.DataFrame) -> pl.DataFrame:
    """`EVENT` of compared pairs: what happened to the child."""
    of_child = pairs.filter("is_first")
    first = of_child.filter(~pl.col("is_kept_text"))
    is_marked = pl.col("is_deprecated") & ~pl.col("is_deprecated_parent")
    signature = pl.struct("parts", "from", "to")
    doc_parts = pl.concat_list(
        pl.when("is_doc").then(pl.lit("documentation")), pl.when("is_comments").then(pl.lit("comments"))
    ).list.drop_nulls()
    names = (pl.col("qualified_name_parent").alias("from"), pl.col("qualified_name").alias("to"))
    paths = (pl.col("path_parent").alias("from"), pl.col("path").alias("to"))
    is_renamed_file = pl.col("is_path") & pl.col("is_file_renamed")
    told = (
        ("body_changed", pl.col("is_body"), pl.struct(similarity="weight")),
        ("signature_changed", pl.col("is_signature"), signature),
        ("documentation_changed", pl.col("is_doc") | pl.col("is_comments"), pl.struct(parts=doc_parts)),
        ("formatting_changed", pl.col("is_layout"), None),
        ("renamed", pl.col("is_renamed"), pl.struct(*names, scope=pl.lit("own"))),
        (
            "renamed",
            pl.col("is_container_renamed") & ~pl.col("is_renamed"),
            pl.struct(*names, scope=pl.lit("container")),
        ),
        ("file_renamed", is_renamed_file, pl.struct(*paths)),
        ("moved_across_files", pl.col("is_path") & ~pl.col("is_file_renamed"), pl.struct(*paths)),
        ("moved_within_file", pl.col("is_holder_changed") & ~pl.col("is_path"), pl.struct(*names)),
        ("deprecated", is_marked, None),
        ("revived", pl.col("is_revived"), None),
    )
    parts = [event(first.filter(flag).rename({"child": "node"}), name, detail) for name, flag, detail in told]
    return pl.concat([*parts, event(of_child.filter("is_merged").rename({"child": "node"}), "merged")])


def event(rows: pl.DataFrame, event_type: str, detail: pl.Expr | None = None) -> pl.DataFrame:
    """`EVENT` of rows that have commit and node."""
    return rows.select(
        "commit",
        "node",
        event_type=pl.lit(event_type),
        detail=pl.lit("{}") if detail is None else detail.struct.json_encode(),
    )
