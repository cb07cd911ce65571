"""Python functions and classes for the test repositories, and what the tables say of them in short rows."""

from __future__ import annotations

from stemma.store.postgres import Database

Row = tuple[object, ...]

_BODIES = {
    "total": """
    result = 0
    for item in items:
        result += item.price * item.count
    return result
""",
    "longest": """
    best = ''
    for item in items:
        if len(item) > len(best):
            best = item
    return best
""",
    "parse": """
    with open(items) as lines:
        pairs = [line.split('=') for line in lines]
    return dict(pairs)
""",
    "retry": """
    while items:
        try:
            return items.pop()()
        except OSError as error:
            print(error)
""",
}


def function(name: str, body: str = "total", *, extra: str = "", mark: str = "") -> str:
    """A function `name(items)` with one of four bodies far from trivial, `extra` as a further first line of it."""
    first_line = f"    {extra}\n" if extra else ""
    return f"{mark}def {name}(items):\n{first_line}{_BODIES[body].lstrip(chr(10))}"


def file(*parts: str) -> str:
    return "\n\n".join(parts)


def indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.split("\n"))


def events(database: Database, repo_id: str) -> list[Row]:
    """Commit position, event, place of the version it happened to."""
    return database.read(
        "SELECT c.first_parent_index, e.event_type, n.path || ':' || n.qualified_name FROM stemma.lineage_events e "
        "JOIN stemma.lineage_nodes n USING (node_id) JOIN stemma.commits c ON c.repo_id = e.repo_id AND c.sha = e.sha "
        "WHERE e.repo_id = $1 ORDER BY 1, 3, 2",
        [repo_id],
    ).rows()


def edges(database: Database, repo_id: str) -> list[Row]:
    """Commit position, edge, place of the parent and of the child."""
    return database.read(
        "SELECT c.first_parent_index, e.edge_type, p.path || ':' || p.qualified_name AS parent, "
        "c.path || ':' || c.qualified_name AS child "
        "FROM stemma.lineage_edges e JOIN stemma.lineage_nodes c ON c.node_id = e.child_id "
        "JOIN stemma.lineage_nodes p ON p.node_id = e.parent_id WHERE e.repo_id = $1 ORDER BY 1, 4, 2",
        [repo_id],
    ).rows()


def intervals(database: Database, repo_id: str) -> list[Row]:
    """Place, and the commit positions from which to which its text stood."""
    return database.read(
        "SELECT path || ':' || qualified_name, valid_from, valid_to FROM stemma.occurrences "
        "WHERE repo_id = $1 ORDER BY 1, 2",
        [repo_id],
    ).rows()


def everything(database: Database) -> dict[str, list[Row]]:
    """All rows of the tables that lineage writes, for comparing one run with another."""
    tables = ("occurrences", "lineage_nodes", "lineage_edges", "lineage_events", "lineage_progress", "outcomes")
    return {table: sorted(database.read(f"SELECT t::text AS row FROM stemma.{table} t").rows()) for table in tables}


def told(database: Database, repo_id: str) -> list[Row]:
    """Subject of the commit, event, place of the version it happened to."""
    return database.read(
        "SELECT c.subject, e.event_type, n.path || ':' || n.qualified_name FROM stemma.lineage_events e "
        "JOIN stemma.lineage_nodes n USING (node_id) JOIN stemma.commits c ON c.repo_id = e.repo_id AND c.sha = e.sha "
        "WHERE e.repo_id = $1 ORDER BY c.position, 3, 2",
        [repo_id],
    ).rows()


def derived(database: Database, repo_id: str) -> list[Row]:
    """Subject of the child's commit, edge, subject of the parent's, places of the parent and of the child."""
    return database.read(
        "SELECT cc.subject, e.edge_type, pc.subject AS of, p.path || ':' || p.qualified_name AS parent, "
        "c.path || ':' || c.qualified_name AS child "
        "FROM stemma.lineage_edges e JOIN stemma.lineage_nodes c ON c.node_id = e.child_id "
        "JOIN stemma.lineage_nodes p ON p.node_id = e.parent_id "
        "JOIN stemma.commits cc ON cc.repo_id = c.repo_id AND cc.sha = c.sha "
        "JOIN stemma.commits pc ON pc.repo_id = p.repo_id AND pc.sha = p.sha "
        "WHERE e.repo_id = $1 ORDER BY cc.position, 5, 2, 3",
        [repo_id],
    ).rows()


def standing(database: Database, repo_id: str) -> list[Row]:
    """Place, subject of the commit that made the version, and where it came to stand on the chain (null: never)."""
    return database.read(
        "SELECT n.path || ':' || n.qualified_name, c.subject, n.first_parent_index FROM stemma.lineage_nodes n "
        "JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha WHERE n.repo_id = $1 ORDER BY c.position, 1",
        [repo_id],
    ).rows()


def unmatched(database: Database, repo_id: str) -> list[Row]:
    """Occurrences without a version that came to stand where they begin, and such versions without an occurrence."""
    return database.read(
        "SELECT coalesce(o.path, n.path) AS path, coalesce(o.qualified_name, n.qualified_name) AS name, o.valid_from, "
        "n.first_parent_index FROM (SELECT * FROM stemma.occurrences WHERE repo_id = $1) o FULL JOIN "
        "(SELECT * FROM stemma.lineage_nodes WHERE repo_id = $1 AND first_parent_index IS NOT NULL) n "
        "ON (o.path, o.kind, o.qualified_name, o.duplicate_index, o.valid_from, o.exact_hash) = "
        "(n.path, n.kind, n.qualified_name, n.duplicate_index, n.first_parent_index, n.exact_hash) "
        "WHERE o.path IS NULL OR n.path IS NULL",
        [repo_id],
    ).rows()
