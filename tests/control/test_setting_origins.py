"""Where settings come from, and each thing that is wrong with variables and the file, without the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.control import setting_origins as origins
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The settings file of the home folder that a variable names; it does not exist yet."""
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path))
    for name in ("MODELYARD_CONFIG", "MODELYARD_LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path / "modelyard.toml"


def write(file: Path, text: str, mode: int = 0o600) -> None:
    file.write_text(text)
    file.chmod(mode)


def of(name: str) -> tuple[object, str, bool]:
    (found,) = [each for each in origins.setting_origins() if each.name == name]
    return found.value, found.origin, found.secret


def test_each_setting_has_one_origin_in_the_order_of_the_manual(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.name for each in origins.setting_origins()] == list(Settings.model_fields)
    assert of("log_level") == ("info", "default", False) and of("home")[1] == "MODELYARD_HOME"
    write(file, 'port = 7001\nhost = "localhost"\n')
    monkeypatch.setenv("MODELYARD_HOST", "::1")
    assert (of("port"), of("host")) == ((7001, str(file), False), ("::1", "MODELYARD_HOST", False))


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if not field.repr])
def test_the_value_of_a_secret_is_never_shown(file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(name) == (None, "default", True)
    write(file, f'{name} = "sqlite+aiosqlite:///x"\n')
    assert of(name) == ("(set, not shown)", str(file), True)
    monkeypatch.setenv(f"MODELYARD_{name.upper()}", "")
    assert of(name) == (None, f"MODELYARD_{name.upper()}", True)


def test_variables_are_read_in_either_case_and_only_with_the_prefix(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("modelyard_port", "7001")
    monkeypatch.setenv("PORT", "7002")
    monkeypatch.setenv("MY_MODELYARD_PORT", "7003")
    found = origins.variables()
    assert found == {"home": str(file.parent), "port": "7001"}


def test_the_file_is_that_of_the_home_folder_or_the_one_that_is_named(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert origins.config_file() is None
    write(file, "")
    assert origins.config_file() == file
    monkeypatch.delenv("MODELYARD_HOME")
    monkeypatch.setattr(Settings.model_fields["home"], "default", tmp_path)
    assert origins.config_file() == file, "without a variable it is the default home folder"
    monkeypatch.setenv("MODELYARD_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(CannotStart):
        origins.config_file()


def test_nothing_is_wrong_with_nothing(file: Path) -> None:
    assert list(origins.problems()) == []


@pytest.mark.parametrize("name", ["endpoint", "api_key", "language", "config"])
def test_variables_of_clients_are_no_wrong_settings(file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, "")
    monkeypatch.setenv(f"MODELYARD_{name.upper()}", str(file))
    assert list(origins.problems()) == []
    monkeypatch.setenv("MODELYARD_PROT", "1")
    assert list(origins.problems()) == ["variables: There is no setting 'prot'. Did you mean 'port'?"]


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601])
def test_a_file_with_secrets_is_for_its_owner_alone(file: Path, mode: int) -> None:
    secret = 'tavily_api_key = "x"\nport = 1\nbing_subscription_key = "y"\n'
    write(file, secret, mode)
    holds = "tavily_api_key, bing_subscription_key"
    assert list(origins.problems()) == [f"{file}: others can read it, and it holds {holds}; `chmod 600` closes it."]
    write(file, secret, 0o700)
    assert list(origins.problems()) == []
    write(file, "port = 1\n", mode)
    assert list(origins.problems()) == []


def test_each_wrong_thing_is_listed_and_values_only_when_all_names_are_known(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, 'prot = 1\nport = "many"\ntavily_api_key = "x"\n', 0o644)
    monkeypatch.setenv("MODELYARD_HOTS", "x")
    variables, name, mode = origins.problems()
    assert variables == "variables: There is no setting 'hots'. Did you mean 'host'?"
    assert name == f"{file}: There is no setting 'prot'. Did you mean 'port'?"
    assert mode.startswith(f"{file}: others can read it")
    write(file, 'port = "many"\n')
    variables, value = origins.problems()
    assert value == f"{file}: port: it should be an integer."
    write(file, "port = \n")
    variables, unreadable = origins.problems()
    assert unreadable.startswith(f"The settings in '{file}' cannot be read")


@pytest.mark.parametrize(
    ("text", "variable", "where"),
    [
        ('port = "many"', None, "{file}: port: "),
        ("port = 1", "many", "MODELYARD_PORT: "),
        ('port = "many"', "many", "MODELYARD_PORT: "),
        ("port = ", "many", "MODELYARD_PORT: "),
    ],
)
def test_a_wrong_value_is_told_by_the_place_that_it_stands_in(
    file: Path, text: str, variable: str | None, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic import ValidationError

    if variable is not None:
        monkeypatch.setenv("MODELYARD_PORT", variable)
    with pytest.raises(ValidationError) as wrong:
        write(file, text if text != "port = " else "")
        Settings()
    write(file, text)  # also when the file cannot be read any more
    (sentence,) = origins.problems_in(wrong.value)
    assert sentence.startswith(where.format(file=file)) and sentence.endswith(".")


def test_a_value_of_no_known_place_is_told_by_its_variable(file: Path) -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError) as wrong:
        Settings(port="many")
    assert origins.problems_in(wrong.value)[0].startswith("MODELYARD_PORT: ")


@pytest.mark.parametrize(
    ("origin", "place"), [("MODELYARD_PORT", "MODELYARD_PORT"), ("/etc/m.toml", "/etc/m.toml: port")]
)
def test_a_place_is_a_variable_or_a_name_in_a_file(origin: str, place: str) -> None:
    assert origins.place_of("port", origin) == place
