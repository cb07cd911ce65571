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
