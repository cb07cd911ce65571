"""Registering a place gives one repository, whatever it is called by; what cannot be one is refused clearly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stemma.errors import ConfigError, NotFoundError, SourceError
from stemma.git import registry
from stemma.git.location import parse_location
from tests.git.conftest import Ingestion
from tests.git.test_folders import unprivileged  # noqa: F401 - a fixture
from tests.repositories import GitRepository


def test_the_same_place_is_the_same_repository(ingestion: Ingestion, repository: GitRepository, tmp_path: Path) -> None:
    db, settings = ingestion.db, ingestion.settings
    link = tmp_path / "link"
    link.symlink_to(repository.path)
    spellings = [
        repository.path,
        f"{repository.path}/",
        repository.path / ".git",
        repository.path / ".." / "sample",
        link,
    ]
    ids = {registry.register(db, settings, str(place)) for place in spellings}
    assert len(ids) == 1
    assert registry.list_repositories(db)["name"].to_list() == ["sample"]
    for words in ("sample", ids.pop(), *map(str, spellings)):
        assert registry.find(db, words, settings).path == repository.path


def test_a_taken_name_gets_a_number_and_a_given_one_must_be_free(ingestion: Ingestion, tmp_path: Path) -> None:
    db, settings = ingestion.db, ingestion.settings
    for parent in ("a", "b", "c"):
        GitRepository(tmp_path / parent / "same")
        registry.register(db, settings, str(tmp_path / parent / "same"))
    assert registry.list_repositories(db)["name"].to_list() == ["same", "same-2", "same-3"]
    GitRepository(tmp_path / "d")
    with pytest.raises(ConfigError, match="already called 'same'"):
        registry.register(db, settings, str(tmp_path / "d"), "same")
    with pytest.raises(ConfigError, match="cannot be the name"):
        registry.register(db, settings, str(tmp_path / "d"), "a\nb")


def test_name_tags_and_team_given_again_replace_the_old_ones(ingestion: Ingestion, repository: GitRepository) -> None:
    db, settings = ingestion.db, ingestion.settings
    registry.register(db, settings, str(repository.path), "first", tags=["x", "y"], team="a")
    registry.register(db, settings, str(repository.path), "second", tags=["z"])
    registry.register(db, settings, str(repository.path))
    (row,) = registry.list_repositories(db).select("name", "tags", "team").rows()
    assert row == ("second", ["z"], "a")
    assert registry.find(db, "second", settings).tags == ("z",)


def test_the_top_of_a_work_tree_is_git_and_a_folder_in_it_is_a_folder(
    ingestion: Ingestion, repository: GitRepository
) -> None:
    repository.commit("One", {"pkg/a.py": "x = 1\n"})
    for place, kind in ((repository.path, "git"), (repository.path / "pkg", "folder")):
        ingestion(place)
        assert ingestion.find(place).kind == kind


def test_what_cannot_be_registered_is_refused_in_one_sentence(ingestion: Ingestion, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("x = 1\n")
    (tmp_path / "broken" / ".git").mkdir(parents=True)
    for place, said in {
        str(tmp_path / "missing"): "does not exist. Check the path.",
        str(tmp_path / "file.py"): "is a file. Give the folder",
        str(tmp_path / "broken"): "has a .git that git cannot read",
        "": "is neither a path nor a URL",
        "--upload-pack=touch x": "is neither a path nor a URL",
        "ext::sh -c id": "ext:: runs a program and is not allowed",
        "ftp://example.org/x": "uses ftp, which is not allowed",
        "https://example.org/x?token=s3cret": "followed by a query",
        "ssh://git:s3cret@example.org/x": "holds a password",
        "https:///x": "names no repository",
        "ssh://-oProxyCommand=id/x": "names no repository",
        "file://other.host/x": "not a file of this machine",
        (tmp_path / "nothing.git").as_uri(): "cannot be reached as a git repository",
    }.items():
        with pytest.raises(SourceError, match=said) as caught:
            registry.register(ingestion.db, ingestion.settings, place)
        assert "s3cret" not in str(caught.value)
        assert caught.value.hint
    assert registry.list_repositories(ingestion.db).is_empty()


def test_a_folder_that_may_not_be_entered_is_refused(
    ingestion: Ingestion, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(0o755)
    request.getfixturevalue("unprivileged")
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        registry.register(ingestion.db, ingestion.settings, str(tmp_path / "closed"))


def test_an_unknown_name_says_where_to_look(ingestion: Ingestion) -> None:
    with pytest.raises(NotFoundError, match=r"No repository is called 'nobody'\. Run `stemma repo list`"):
        ingestion.find("nobody")


def test_a_status_is_marked_once(ingestion: Ingestion, repository: GitRepository) -> None:
    repository.commit("One", {"a.py": "x = 1\n"})
    ingestion(repository.path)
    registry.mark(ingestion.db, "sample", "broken", "It is.")
    registry.mark(ingestion.db, "sample", "unreachable", "It is.")
    assert ingestion.rows("SELECT status, status_reason FROM stemma.repositories") == [("broken", "It is.")]


@pytest.mark.parametrize(
    ("text", "stored", "name"),
    [
        ("https://Example.ORG/team/app.git", "https://example.org/team/app.git", "app"),
        ("https://me:s3cret@example.org/team/app", "https://example.org/team/app", "app"),
        ("https://t0ken@example.org:8443/app.git/", "https://example.org:8443/app.git/", "app"),
        ("ssh://git@example.org:22/~me/app.git", "ssh://git@example.org:22/~me/app.git", "app"),
        ("git@example.org:team/app.git", "git@example.org:team/app.git", "app"),
        ("file:///srv/git/app.git", "file:///srv/git/app.git", "app"),
    ],
)
def test_a_url_is_stored_without_its_secret(text: str, stored: str, name: str) -> None:
    place = parse_location(text)
    assert (place.text, place.is_url, place.default_name) == (stored, True, name)
    assert "s3cret" not in repr(place)


def test_urls_that_differ_in_their_ending_are_one_place() -> None:
    ending = ("", "/", ".git", ".git/")
    assert len({parse_location(f"https://example.org/app{end}").key for end in ending}) == 1


def test_a_path_that_is_not_utf_8_is_registered(ingestion: Ingestion, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    GitRepository(odd).commit("One", {"a.py": "x = 1\n"})
    ingestion(os.fsdecode(os.fsencode(odd)))
    (location,) = ingestion.rows("SELECT location FROM stemma.repositories")[0]
    assert str(location).endswith("/caf\\xe9")
    assert len(ingestion.chain()) == 1
