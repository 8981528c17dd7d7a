from __future__ import annotations

from pathlib import Path

import pytest

from registry.discovery import CATALOG, Kind, RegistryError, find_registry, load_location, load_project

TEST = '[[tests]]\nname = "a"\nrun = "true"\n'


def write(path: Path, text: str = TEST) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_catalog_is_last(tmp_path: Path) -> None:
    found = find_registry(tmp_path)
    assert (found.kind, found.root, found.config) == (Kind.CATALOG, CATALOG, None)


def test_a_registry_folder_here(tmp_path: Path) -> None:
    write(tmp_path / "registry" / "web" / "test.toml")
    found = find_registry(tmp_path)
    assert (found.kind, found.root) == (Kind.REGISTRY, tmp_path / "registry")
    assert [t.name for t in load_location(found).tests] == ["web-a"]


def test_a_folder_that_only_bears_the_name_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "registry" / "catalog" / "web" / "test.toml")
    assert find_registry(tmp_path).kind is Kind.CATALOG


def test_a_config_above_names_the_registry(tmp_path: Path) -> None:
    config = write(tmp_path / "vmbench.toml", 'registry = "e2e"\nparallel = 3\n')
    write(tmp_path / "e2e" / "tests" / "x.toml")
    deep = tmp_path / "src" / "deep"
    deep.mkdir(parents=True)
    found = find_registry(deep)
    assert (found.kind, found.root, found.config) == (Kind.REGISTRY, tmp_path / "e2e", config)


def test_a_config_without_registry_leaves_the_default(tmp_path: Path) -> None:
    config = write(tmp_path / "vmbench.toml", "parallel = 3\n")
    write(tmp_path / "registry" / "tests" / "x.toml")
    (tmp_path / "src").mkdir()
    found = find_registry(tmp_path / "src")
    assert (found.root, found.config) == (tmp_path / "registry", config)


def test_what_is_named_wins(tmp_path: Path) -> None:
    write(tmp_path / "registry" / "tests" / "x.toml")
    write(tmp_path / "other" / "tests" / "x.toml")
    assert find_registry(tmp_path, explicit=Path("other")).root == tmp_path / "other"


def test_a_project(tmp_path: Path) -> None:
    write(tmp_path / "app" / "test.toml")
    write(tmp_path / "app" / "service.toml", '[start]\nrun = "true"\n')
    found = find_registry(tmp_path, project=Path("app"))
    assert (found.kind, found.root) == (Kind.PROJECT, tmp_path / "app")
    (test,) = load_location(found).tests
    assert (test.name, test.group, test.services) == ("app-a", "app", ("app",))


@pytest.mark.parametrize(
    ("kind", "name", "message", "remedy"),
    [
        ("explicit", "none", "does not exist", "--registry DIR"),
        ("explicit", "file", "is not a folder", "--registry DIR"),
        ("explicit", "empty", "there are no tests", "test.toml"),
        ("explicit", "app", "is a project", "--project"),
        ("project", "none", "does not exist", "--project DIR"),
        ("project", "file", "is not a folder", "--project DIR"),
        ("project", "empty", "no test.toml", "--registry DIR"),
    ],
)
def test_what_is_named_must_be_there(tmp_path: Path, kind: str, name: str, message: str, remedy: str) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "file")
    write(tmp_path / "app" / "test.toml")
    with pytest.raises(RegistryError, match=message) as caught:
        find_registry(tmp_path, **{kind: Path(name)})
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('registry = "gone"', "gone does not exist"),
        ("registry = 3", "registry: expected a string"),
        ("registry = ", r"vmbench.toml:1.*not valid TOML"),
    ],
)
def test_a_config_that_misleads(tmp_path: Path, config: str, message: str) -> None:
    write(tmp_path / "vmbench.toml", config)
    with pytest.raises(RegistryError, match=message) as caught:
        find_registry(tmp_path)
    assert caught.value.remedy


def test_a_project_without_tests(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"no test\.toml"):
        load_project(tmp_path)
