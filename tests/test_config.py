"""Config files: where they are found, what they may set, and what is said about them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import Result
from command import fervid
from fer_video.cli import main
from fer_video.cli.shared.config import Config, ConfigSource, load_config
from fer_video.cli.shared.settings import default_map, settings_for

from fer_video.errors import OptionError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a .git above it, so that no file of this machine is found."""
    monkeypatch.delenv("FERVID_NO_CONFIG")
    (tmp_path / ".git").mkdir()
    here = tmp_path / "recordings"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def settings(text: str, *words: str, named: bool = False) -> dict[str, object]:
    """Parameter -> value, for the command of these words."""
    config = Config(Path("fervid.toml"), tomllib.loads(text), named)
    return {name: each.value for name, each in settings_for(config, main, words or ("predict",)).items()}


def found() -> Path | None:
    config = load_config(ConfigSource())
    return config and config.path


DETECTORS = 'task = "face-detector"\n'


def lists_detectors_only(result: Result) -> bool:
    assert result.exit_code == 0, result.output
    assert "centerface" in result.stdout
    return "mobilenet" not in result.stdout


# Where it is looked for


def test_the_nearest_folder_wins(folder: Path) -> None:
    assert found() is None
    above = write(folder.parent / "fervid.toml", "")
    assert found() == above
    here = write(folder / "fervid.toml", "")
    assert found() == here


def test_the_search_ends_at_a_repository(folder: Path) -> None:
    write(folder.parent / "fervid.toml", "")
    (folder / ".git").write_text("gitdir: elsewhere\n", encoding="utf-8")  # as in a worktree
    assert found() is None


def test_pyproject_has_a_table(folder: Path) -> None:
    above = write(folder.parent / "pyproject.toml", f"[tool.fervid.models.list]\n{DETECTORS}")
    write(folder / "pyproject.toml", "[tool.ruff]\n")  # nothing for fervid: the search goes on
    assert found() == above
    result = fervid("models", "list")
    assert lists_detectors_only(result)
    assert str(above) in result.stderr
    assert found() != write(folder / "pyproject.toml", "not TOML, nor for us")
    beside = write(folder.parent / "fervid.toml", "")
    assert found() == beside


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_parent_that_everybody_may_write_to_is_passed_over(folder: Path) -> None:
    write(folder.parent / "fervid.toml", "")
    folder.parent.chmod(0o1777)  # as /tmp
    assert found() is None
    folder.chmod(0o777)
    assert found() is None
    here = write(folder / "fervid.toml", "")  # the user went there
    assert found() == here


@pytest.mark.skipif(os.name != "posix", reason="such a folder cannot be deleted")
def test_no_current_folder(folder: Path) -> None:
    folder.rmdir()
    assert found() is None


# What it sets


def test_keys_of_all_commands_and_of_one(folder: Path) -> None:
    text = 'fps = 5\nmin-face = 30\n[predict]\nrows = "people"\nmin_face = 20\nidentify = false\n[report]\nfps = 1\n'
    assert settings(text) == {"fps": 5, "min_face": 20, "rows": "people", "identify": False}
    assert settings(text, "report") == {"fps": 1, "min_face": 30}
    assert settings(text, "completion") == {}


def test_tables_of_commands_below_commands() -> None:
    text = "workers = 2\n[backbone]\nthreads = 3\n[backbone.train]\nthreads = 4\n[models.list]\njson = true\n"
    assert settings(text, "backbone", "train") == {"workers": 2, "threads": 4}
    assert settings("[backbone]\ndevice = 'cpu'\n", "backbone", "evaluate") == {"device": "cpu"}
    assert settings(text, "models", "list") == {"as_json": True}


def test_a_key_of_all_commands_is_for_those_that_take_its_value() -> None:
    text = "format = 'csv'\ndevice = 'openvino'\nby = ['age']"
    assert settings(text) == {"format_name": "csv", "device": "openvino"}
    assert settings(text, "evaluate") == {"device": "openvino", "groups": ["age"]}
    assert settings(text, "backbone", "train") == {}
    with pytest.raises(OptionError, match=r"evaluate\.format: 'csv' is not one of 'table', 'json'"):
        settings("[evaluate]\nformat = 'csv'", "evaluate")


def test_lists_numbers_and_switches() -> None:
    text = "seed = 3\ncost = 2\nnested = false\nby = ['gender', 'age']\nsearch = true"
    assert settings(text, "evaluate") == {"seed": 3, "cost": 2, "nested": False, "groups": ["gender", "age"]}
    assert settings(text, "train")["searching"] is True


def test_it_is_said_what_came_from_the_file(folder: Path) -> None:
    write(folder / "fervid.toml", f"quiet = true\n[models.list]\n{DETECTORS}")
    result = fervid("models", "list")
    assert lists_detectors_only(result)
    assert result.stderr == 'fervid: options from fervid.toml: models.list.task = "face-detector"\n'
    assert fervid("models", "path").stderr == ""  # nothing in the file is for it
    assert not lists_detectors_only(fervid("models", "list", "--no-config"))


def test_quiet_hides_the_line_if_it_is_typed(folder: Path, face_clip: Path) -> None:
    write(folder / "fervid.toml", 'rows = "people"\nquiet = true')
    told = fervid("predict", face_clip)
    assert told.stderr == 'fervid: options from fervid.toml: rows = "people", quiet = true\n'
    silent = fervid("predict", face_clip, "--quiet")
    assert silent.stderr == ""
    assert silent.stdout == told.stdout
    assert "person" in silent.stdout.splitlines()[1]


def test_the_command_line_goes_before(folder: Path, face_clip: Path) -> None:
    write(folder / "fervid.toml", 'format = "json"\nfps = 2\nworkers = 2\nframes = true\nmodel = "none"')
    typed = fervid("predict", face_clip, "--every-frame")
    assert typed.exit_code == 0
    assert "fps" not in typed.stderr  # it would contradict --every-frame
    assert json.loads(typed.stdout)["ran"]["sampling"]["fps"] is None
    assert json.loads(fervid("predict", face_clip).stdout)["ran"]["sampling"]["fps"] == 2
    assert fervid("predict", face_clip, "--format", "csv").stdout.startswith("path,")  # which cannot hold frames
    fervid("predict", face_clip, "--out", folder / "out.csv")
    assert (folder / "out.csv").read_text(encoding="utf-8").startswith("path,")
    fervid("predict", face_clip, "--out", "results/")
    assert len(list((folder / "results").glob("*.json"))) == 1  # --workers of the file makes no batch, a folder does


def test_rows_give_way_to_captions(folder: Path, face_clip: Path) -> None:
    write(folder / "fervid.toml", 'rows = "frames"')
    assert fervid("predict", face_clip, "--format", "vtt").stdout.startswith("WEBVTT")
    assert fervid("predict", face_clip, "--format", "vtt", "--rows", "frames").exit_code == 2


def test_people_take_what_is_for_predict_where_it_can_be_used(folder: Path) -> None:
    write(folder / "fervid.toml", 'rows = "frames"\nidentity-model = "sface"\n')
    write(folder / "r.json", "{}")
    result = fervid("people", "r.json", "--forget")
    assert "alone" not in result.stderr
    assert "needs --out" not in fervid("people", "r.json").stderr
    assert "--rows needs --out DIR" in fervid("people", "r.json", "--rows", "frames").stderr


def test_what_is_typed_drops_what_contradicts_it() -> None:
    config = Config(Path("fervid.toml"), {"fps": 5, "adaptive": False, "min-face": 30}, named=False)
    asked = settings_for(config, main, ("predict",))
    assert default_map(asked, {}) == {"fps": 5, "adaptive": False, "min_face": 30}
    assert default_map(asked, {"adaptive": True}) == {"min_face": 30}
    assert default_map(asked, {"min_face": 50}) == {"fps": 5, "adaptive": False}


def test_faces_that_are_to_be_blurred_are_not_left_out_by_a_file() -> None:
    text = 'quality = 30\nfps = 1\nmax-faces = 1\nmin-face = 500\nmin-score = 0.99\ndetect = "keyframes"\nend = 1\n'
    config = Config(Path("fervid.toml"), tomllib.loads(text), named=True)
    asked = settings_for(config, main, ("render",))
    assert default_map(asked, {}).keys() == asked.keys()
    assert default_map(asked, {"blur_faces": True}).keys() == {"quality"}
    config = Config(Path("fervid.toml"), tomllib.loads(f"{text}blur-faces = true"), named=True)
    assert default_map(settings_for(config, main, ("render",)), {}).keys() == {"quality", "blur_faces"}


# --config, --no-config, $FERVID_NO_CONFIG


@pytest.mark.parametrize("before", [True, False])
def test_config_and_no_config_before_and_after_the_command(folder: Path, before: bool) -> None:
    write(folder / "fervid.toml", "[models.list]\njson = true\n")
    other = write(folder / "other" / "mine.toml", f"[models.list]\n{DETECTORS}")

    def run(*options: str | Path) -> Result:
        return fervid(*options, "models", "list") if before else fervid("models", "list", *options)

    assert run().stdout.startswith("[")
    assert lists_detectors_only(run("--config", other))
    assert run("--no-config").stdout.startswith(" ")
    both = run("--config", other, "--no-config")
    assert both.exit_code == 2
    assert "contradict" in both.stderr


def test_a_file_of_any_name_may_be_a_pyproject(folder: Path) -> None:
    named = write(folder / "other" / "pyproject.toml", f"[tool.fervid.models.list]\n{DETECTORS}")
    assert lists_detectors_only(fervid("models", "list", "--config", named))


def test_the_environment_turns_files_off_but_not_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = write(folder / "fervid.toml", f"[models.list]\n{DETECTORS}")
    monkeypatch.setenv("FERVID_NO_CONFIG", "1")
    assert not lists_detectors_only(fervid("models", "list"))
    assert lists_detectors_only(fervid("--config", named, "models", "list"))
    assert lists_detectors_only(fervid("models", "list", "--config", named))


# What is wrong with it

WRONG = {
    "fsp = 5": "unknown key fsp; did you mean fps?",
    "xyzzy = 5": "unknown key xyzzy; docs/cli.md explains config files",
    "[predict]\nmin-faec = 5": "unknown key predict.min-faec; did you mean min-face?",
    "[predict]\nquality = 5": "unknown key predict.quality",
    "[predict]\nconfig = 'other.toml'": "unknown key predict.config",
    "[predict.more]\nfps = 5": "unknown key predict.more",
    "[predcit]\nfps = 5": "unknown table [predcit]; did you mean predict?",
    "[fps]\na = 1": "unknown table [fps]",
    "[models.pul]\nquiet = true": "",  # a table of another command, which is checked when that runs
    "predict = 5": "unknown key predict",
    "fps = 'ten'": 'fps should be a number, not "ten"',
    "fps = true": "fps should be a number, not true",
    "fps = nan": "fps should be a number, not NaN",
    "fps = inf": "fps should be a number, not Infinity",
    f"fps = {'9' * 4000}": "fps should be a number, not 9999",
    f"min-face = {'9' * 40}": "min-face should be a whole number, not 9999",
    "min-face = 1.5": "min-face should be a whole number, not 1.5",
    "attributes = 'yes'": 'attributes should be true or false, not "yes"',
    "attributes = 1": "attributes should be true or false, not 1",
    "rows = 1": "rows should be a text, not 1",
    "rows = ['clips']": 'rows should be a text, not ["clips"]',
    "rows = 1979-05-27": 'rows should be a text, not "1979-05-27"',
    "rows = 'clip'": "rows: 'clip' is not one of 'clips', 'people', 'segments', 'frames'",
    'model = "no\\u0000ne"': "model should be a text",
    'model = "\\u001b[2J"': "model should be a text",
    "[predict]\nfps = {}": "predict.fps should be a number, not {}",
    "fps 5": "not a config file: Expected '=' after a key",
    "fps = 5\nfps = 6": "not a config file: Cannot overwrite a value",
    f"fps = {'9' * 5000}": "not a config file: Exceeds the limit",
    f"fps = {'[' * 9999}": "not a config file: nested too deeply",
    f"{'a.' * 9999}b = 1": "not a config file: a line has more than 200 dots",
    "#" * 300_000: "is longer than",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20])
def test_one_line_says_what_is_wrong(folder: Path, text: str) -> None:
    write(folder / "fervid.toml", text)
    result = fervid("predict", "missing.mp4")
    if not WRONG[text]:
        assert "no such file" in result.stderr
        return
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("fervid: error: ")
    assert "fervid.toml: " in result.stderr
    assert WRONG[text] in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 400 + len(str(folder))
    assert "\x1b" not in result.stderr


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "fervid.toml").write_bytes(b"fps = 5 # \xff\n")
    assert "fervid.toml: not a config file: 'utf-8' codec" in fervid("predict", "x").stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
@pytest.mark.parametrize("name", ["fervid.toml", "pyproject.toml"])
def test_pipes_and_folders_are_no_config_files(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    assert f"{name}: is a pipe or a device" in fervid("predict", "x").stderr
    (folder / name).unlink()
    (folder / name).mkdir()
    result = fervid("predict", "x")
    assert result.exit_code == 2
    assert f"{name}: cannot be opened: Is a directory (a config file); fix it, or give --no-config" in result.stderr


def test_a_file_that_config_names_must_be_there(folder: Path) -> None:
    result = fervid("predict", "x", "--config", "none.toml")
    assert result.exit_code == 2
    assert "none.toml: cannot be opened: No such file" in result.stderr


def test_help_and_completion_work_beside_a_broken_file(folder: Path) -> None:
    write(folder / "fervid.toml", "broken")
    assert fervid("predict", "x").exit_code == 2
    assert fervid("predict", "--help").exit_code == 0
    assert fervid("predict", "x", "--help-all").exit_code == 0
    assert fervid("completion", "bash").exit_code == 0
    assert fervid("--help").exit_code == 0


# What a file that came with somebody's recordings may do

REFUSED = [
    ("predict", "out = '/etc/passwd'"),
    ("predict", "engine = 'ray'"),
    ("predict", "address = '10.0.0.1:6379'"),
    ("predict", "redo = true"),
    ("predict", "anew = true"),
    ("predict", "model = 'models/mine'"),
    ("predict", "model = 'mine'"),
    ("predict", f"model = '{'m' * 300}'"),
    ("predict", "group-model = '/tmp/mine'"),
    ("predict", "backbone = './net.onnx'"),
    ("predict", "detector = 'scrfd:net.onnx'"),
    ("predict", "identity-model = '..\\\\net.onnx'"),
    ("render", "result = 'r.json'"),
    ("train", "features = '/tmp/cache'"),
    ("evaluate", "predictions = '/tmp/p.csv'"),
    ("evaluate", "png = '/tmp/p.png'"),
    ("models pull", "mirror = 'https://example.org'"),
    ("models pull", "from = 'x.onnx'"),
    ("models pull", "accept-licence = true"),
    ("backbone train", "start = 'x.safetensors'"),
    ("backbone train", "teacher = ['x.onnx']"),
    ("backbone evaluate", "data = ['csv=/etc']"),
]


@pytest.mark.parametrize(("command", "text"), REFUSED)
def test_what_a_file_that_was_found_may_not_set(folder: Path, command: str, text: str) -> None:
    (folder / "mine").mkdir()
    with pytest.raises(
        OptionError, match="on the command line, name the file with --config, or ignore it with --no-config"
    ):
        settings(text, *command.split())
    assert settings(text, *command.split(), named=True)


def test_only_these_texts_may_come_from_a_file_that_was_found() -> None:
    """An option that is new and takes a text is refused, until somebody has thought about it."""
    allowed = set()
    for words, command in leaves():
        for option in command.params:
            if not isinstance(option, click.Option) or option.is_flag or isinstance(option.type, click.Choice):
                continue
            if isinstance(option.type, click.types.StringParamType) and option.name != "config":
                value = "['x']" if option.multiple else "'x'"
                try:
                    settings(f"{option.opts[-1][2:]} = {value}", *words)
                except OptionError:
                    continue
                allowed.add(option.opts[-1])
    models = {"--backbone", "--detector", "--group-model", "--identity-model", "--model"}
    assert allowed == {*models, "--device", "--shard", "--statistics"}


def leaves() -> list[tuple[tuple[str, ...], click.Command]]:
    from test_help import COMMANDS

    return list(COMMANDS.items())


def test_names_of_models_may_be_set(folder: Path) -> None:
    text = "model = 'pseudo-clip-8'\nbackbone = 'mobilenet-v1-mtl'\nengine = 'local'\nredo = false"
    assert len(settings(text)) == 4


def test_a_file_that_was_found_writes_nothing(folder: Path, face_clip: Path) -> None:
    write(folder / "fervid.toml", "[predict]\nout = 'stolen.json'\n")
    result = fervid("predict", face_clip)
    assert result.exit_code == 2
    assert "fervid.toml: predict.out may name a file, a folder or an address" in result.stderr
    assert sorted(each.name for each in folder.iterdir()) == ["fervid.toml"]
    named = fervid("predict", face_clip, "--config", "fervid.toml")
    assert named.exit_code == 0
    assert (folder / "stolen.json").is_file()


# doctor, and a process of its own


def test_doctor_shows_the_file_in_force(folder: Path) -> None:
    def check() -> dict[str, str]:
        checks = json.loads(fervid("doctor", "--json").stdout)["checks"]
        (about,) = [each for each in checks if each["name"] == "config file"]
        assert isinstance(about, dict)
        return about

    assert (check()["status"], check()["says"]) == ("good", "none")
    path = write(folder / "fervid.toml", "fps = 5\n[report]\nno-crops = true\n")
    assert check()["says"] == f"{path}: fps = 5, report.no-crops = true"
    write(path, "[report]\nvidoe = 'none'\n")
    wrong = check()
    assert wrong["status"] == "bad"
    assert "unknown key report.vidoe; did you mean video?" in wrong["says"]


def test_a_process_in_the_folder_reads_its_file(folder: Path, face_clip: Path) -> None:
    write(folder.parent / "fervid.toml", 'format = "jsonl"\nfps = 2\n')
    code = "import sys; from fer_video.cli import main; main(sys.argv[1:], prog_name='fervid')"
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", str(face_clip)], cwd=folder, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["ran"]["sampling"]["fps"] == 2
    assert done.stderr == f'fervid: options from {folder.parent / "fervid.toml"}: format = "jsonl", fps = 2\n'


def test_tests_read_no_file_of_the_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "fervid.toml", "broken")
    monkeypatch.chdir(tmp_path)
    assert fervid("models", "list").exit_code == 0
