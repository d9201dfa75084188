"""Whatever lies in or beside a folder of records and is not of our making stays as it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests import generated
from tests.shell import TINY
from weightbench.cli import main
from weightbench.errors import StoreError
from weightbench.files import replacing
from weightbench.records.layout import MARKER, is_store, marker
from weightbench.records.loading import Damage
from weightbench.records.schema import _seal
from weightbench.records.schemas import SCHEMA
from weightbench.records.store import Store

KEY = generated.finished().trial.key
Edit = Callable[[Path], object]


def here(*arguments: object) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def filled(root: Path, seeds: int = 2) -> Store:
    store = Store(root)
    store.create()
    for seed in range(seeds):
        store.put(generated.finished(seed), generated.predictions(seed))
    store.put_cost(generated.cost())
    return store


def put(path: Path, content: bytes = b"mine") -> Path:
    """A file that no writer has touched for long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1, 1))
    return path


def all_of(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below ``root``: content, time of change, kind and where links lead."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        kind = path.lstat()
        plain = path.is_file() and not path.is_symlink()
        content = path.read_bytes() if plain else None
        target = path.readlink() if path.is_symlink() else None
        changed = None if path.is_dir() and not path.is_symlink() else kind.st_mtime_ns
        found[str(path.relative_to(root))] = (kind.st_mode, content, target, changed)
    return found


def newer(path: Path, schema: int = SCHEMA + 1) -> None:
    """Have a record or cost say that a newer version wrote it."""
    fields = json.loads(path.read_bytes())
    fields.pop("sha256")
    fields.update(schema_version=schema, more=1)
    path.write_text(json.dumps({**fields, "sha256": _seal(fields)}))


# ---- what is no folder of records ----------------------------------------------------------------


def _home(home: Path) -> None:
    hidden = (".bashrc", ".env", ".gitignore", ".git/HEAD", ".git/index.1.tmp", ".ssh/id_rsa")
    for name in (*hidden, ".a.json.1.tmp", "thesis/.a.json.1.tmp", "data/predictions/a.npz"):
        put(home / name)
    (home / "elsewhere").symlink_to(home.parent / "outside")


def _json_of_others(home: Path) -> None:
    put(home / "records" / f"{KEY}.json", b"{}")
    put(home / "notes.txt")


def _named_like_ours_beside_other_things(home: Path) -> None:
    put(home / "predictions" / f"{KEY}.npz")
    put(home / ".bashrc")


def _records_of_others_through_a_link(home: Path) -> None:
    filled(home.parent / "outside" / "runs")
    (home / "records").symlink_to(home.parent / "outside" / "runs" / "records")
    put(home / ".bashrc")


def _a_record_through_a_link(home: Path) -> None:
    record = next((filled(home.parent / "outside" / "runs").root / "records").iterdir())
    (home / "records").mkdir()
    (home / "records" / record.name).symlink_to(record)
    put(home / ".bashrc")


def _a_marker_through_a_link(home: Path) -> None:
    put(home.parent / "outside" / MARKER, marker())
    (home / MARKER).symlink_to(home.parent / "outside" / MARKER)
    put(home / "records" / ".bashrc")


def _a_marker_of_nonsense(home: Path) -> None:
    put(home / MARKER, b'{"version": true}')
    put(home / ".bashrc")


def _a_marker_that_is_nested(home: Path) -> None:
    put(home / MARKER, b"[" * 9000)
    put(home / ".bashrc")


def _a_marker_that_is_large(home: Path) -> None:
    put(home / MARKER, marker() + b" " * 20_000)
    put(home / ".bashrc")


def _a_marker_that_is_a_pipe(home: Path) -> None:
    os.mkfifo(home / MARKER)
    put(home / ".bashrc")


def _a_marker_of_a_newer_version(home: Path) -> None:
    put(home / MARKER, json.dumps({"version": 2}).encode())
    put(home / "records" / ".half.json.1.tmp")


def _a_store_further_down(home: Path) -> None:
    filled(home / "work" / "runs")
    put(home / "work" / "runs" / "records" / ".half.json.1.tmp")
    put(home / ".bashrc")


def _a_submission(home: Path) -> None:
    for name in ("manifest.json", "records.json", "predictions.npz", ".half.json.1.tmp"):
        put(home / name)


HOMES = [
    _home, _json_of_others, _named_like_ours_beside_other_things, _a_record_through_a_link,
    _a_marker_through_a_link, _a_marker_of_nonsense, _a_marker_that_is_nested, _a_submission,
    _a_marker_that_is_large, _a_marker_that_is_a_pipe, _a_marker_of_a_newer_version,
    _records_of_others_through_a_link, _a_store_further_down,
]  # fmt: skip


@pytest.mark.parametrize("make", HOMES)
@pytest.mark.parametrize("command", ["doctor", "repair", "evaluate", "merge", "merge-out"])
def test_what_is_no_folder_of_records_is_refused_and_unchanged(
    tmp_path: Path, make: Edit, command: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    put(tmp_path / "outside" / "a.npz")
    make(home)
    runs = filled(tmp_path / "runs").root
    before, outside = all_of(home), all_of(tmp_path / "outside")
    arguments = {
        "doctor": ["doctor", home],
        "repair": ["doctor", home, "--repair"],
        "evaluate": ["evaluate", "--task", TINY, "--weighter", "uniform", "--workers", "0",
                     "--seeds", "1", "--out", home],
        "merge": ["merge", home, "--out", tmp_path / "all"],
        "merge-out": ["merge", runs, "--out", home],
    }[command]  # fmt: skip
    result = here(*arguments)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert str(home) in result.stderr
    reasons = ("no folder of records", "newer version of weightbench", "is a link")
    assert any(reason in result.stderr for reason in reasons)
    assert all_of(home) == before
    assert all_of(tmp_path / "outside") == outside
    assert not (tmp_path / "all").exists()


# ---- what else lies in a folder of records -------------------------------------------------------

STRANGE = (
    ".bashrc", ".env", ".gitignore", ".git/HEAD", ".git/records/.a.json.1.tmp", "README.md",
    "anchors.json", "records/.gitignore", "records/.DS_Store", "records/notes.json",
    "records/.nfs000012", f"records/{KEY}.json.bak", f"records/{KEY.upper()}.json",
    f"records/deeper/{KEY}.json", "records/deeper/.half.json.1.tmp", "predictions/thesis.npz",
    f"predictions/{KEY}.npz.part", f"predictions/deeper/{'0' * 32}.npz", "weights/mine.npz",
    "weights/.keep", f"unfinished/{'0' * 32}.pt", "unfinished/notes.pt.unfit",
    "submissions/mine/records.json", "submissions/.mine.json.1.tmp", "damaged/.hidden",
    "costs/.half.json.tmp", "costs/.~lock.a.json#", ".half.json.1.tmp~", ".probe", "x/.probe-1",
)  # fmt: skip


def test_strange_names_in_a_folder_of_records_stay(tmp_path: Path) -> None:
    """They are neither records nor damage nor left over, and nothing is deleted or moved."""
    store = filled(tmp_path / "runs")
    for name in STRANGE:
        put(store.root / name)
    before = all_of(store.root)
    said = here("doctor", store.root, "--repair").output
    assert said.endswith("2 records hold, 0 files are damaged, 0 are left over\n")
    assert here("merge", store.root, "--out", tmp_path / "all").exit_code == 0
    store.create()
    assert all_of(store.root) == before


def test_what_dead_writers_left_is_deleted_and_what_is_whole_is_kept(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs")
    halves = [
        f"records/.{KEY}.json.4711.tmp", f"predictions/.{KEY}.npz.4711-0a1b2c3d.tmp", ".probe-4711",
        f".{MARKER}.1-0a1b2c3d.tmp", f"unfinished/.{KEY}.pt.1.tmp", f"unfinished/{KEY}.pt.unfit",
        f"unfinished/{KEY}.pt.unfit.1",
    ]  # fmt: skip
    for name in halves:
        put(store.root / name)
    lonely = put(store.root / "weights" / f"{'0' * 32}.npz", b"somebody's weights")
    sick = here("doctor", store.root)
    assert sick.exit_code == 1
    assert {line for line in sick.output.splitlines() if line.startswith("left over")} == {
        f"left over: {store.root / name}" for name in [*halves, f"weights/{lonely.name}"]
    }
    assert here("doctor", store.root, "--repair").exit_code == 0
    assert not any((store.root / name).exists() for name in halves)
    kept = store.root / "damaged" / f"weights-{lonely.name}"
    assert kept.read_bytes() == b"somebody's weights"
    assert here("doctor", store.root).exit_code == 0


# ---- links, pipes, folders in the places of ours -------------------------------------------------


@pytest.mark.parametrize(
    "name", ["records", "predictions", "weights", "costs", "unfinished", "damaged"]
)
@pytest.mark.parametrize("command", ["doctor", "evaluate", "merge"])
def test_a_folder_of_ours_that_is_a_link_is_not_followed(
    tmp_path: Path, name: str, command: str
) -> None:
    store = filled(tmp_path / "runs")
    outside = tmp_path / "outside"
    for file in ("thesis.npz", "settings.json", f"{'0' * 32}.npz", f".{KEY}.json.1.tmp"):
        put(outside / file, b"{}")
    if (store.root / name).is_dir():
        shutil.rmtree(store.root / name)
    (store.root / name).symlink_to(outside)
    damage = store.root / "costs" / f"{'0' * 32}.json"
    if name == "damaged":
        put(damage)
    before = all_of(outside)
    result = here(
        *{
            "doctor": ["doctor", store.root, "--repair"],
            "merge": ["merge", store.root, "--out", tmp_path / "all"],
            "evaluate": ["evaluate", "--task", TINY, "--weighter", "uniform", "--workers", "0",
                         "--seeds", "1", "--out", store.root],
        }[command]
    )  # fmt: skip
    if command != "merge" or name not in ("unfinished", "damaged"):  # it has no use for these
        assert result.exit_code == 1
        assert f"{store.root / name} is a link" in result.stderr
    assert all_of(outside) == before


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """Whoever names it knows where it leads: a large disk, most often."""
    filled(tmp_path / "disk" / "runs")
    (tmp_path / "runs").symlink_to(tmp_path / "disk" / "runs")
    assert here("doctor", tmp_path / "runs", "--repair").exit_code == 0


def _link(path: Path) -> None:
    shutil.move(path, path.parents[2] / "outside" / path.name)
    path.symlink_to(path.parents[2] / "outside" / path.name)


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[2] / "outside" / "nothing")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    put(path / "deeper" / "file")


def _large(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2**33)


@pytest.mark.parametrize("kind", ["records", "costs", "predictions", "weights"])
@pytest.mark.parametrize("make", [_link, _dangling, _pipe, _folder, _large])
def test_no_plain_file_is_damage_that_is_moved_as_it_is(
    tmp_path: Path, kind: str, make: Edit
) -> None:
    """Nothing waits for a pipe, reads without end, or follows a link to move what it leads to."""
    store = filled(tmp_path / "runs", 1)
    (tmp_path / "outside").mkdir()
    path = next((store.root / kind).iterdir(), store.root / kind / f"{KEY}.npz")
    path.touch()
    make(path)
    outside = all_of(tmp_path / "outside")
    damaged = store.audit()
    assert damaged
    for damage in damaged:
        moved = store.set_aside(damage)
        assert moved.is_symlink() or moved.exists()
    assert store.audit() == []
    assert all_of(tmp_path / "outside") == outside
    store.put(generated.finished(), generated.predictions())
    store.put_cost(generated.cost())
    assert len(store.records()[0]) == len(store.costs()[0]) == 1
    assert all_of(tmp_path / "outside") == outside


def test_a_half_written_file_never_has_a_name_that_was_taken(tmp_path: Path) -> None:
    """A link under a name that a writer might choose would have it write elsewhere."""
    outside = put(tmp_path / "outside")
    for process in range(os.getpid() - 2, os.getpid() + 3):
        (tmp_path / f".a.json.{process}.tmp").symlink_to(outside)
    with replacing(tmp_path / "a.json") as file:
        file.write(b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert outside.read_bytes() == b"mine"


def test_setting_many_aside_takes_as_long_for_the_last_as_for_the_first(tmp_path: Path) -> None:
    """``damaged/`` is not read for it."""
    store = filled(tmp_path / "runs", 1)
    (store.root / "damaged").mkdir()
    (store.root / "damaged").chmod(0o333)
    path = put(store.root / "records" / f"{'0' * 32}.json")
    assert store.set_aside(Damage(path, "a test")).name == f"records-{path.name}"


# ---- other versions ------------------------------------------------------------------------------


def unmarked(tmp_path: Path) -> Store:
    """A folder as versions without a marker left it."""
    store = filled(tmp_path / "runs")
    (store.root / MARKER).unlink()
    return store


def test_an_older_folder_is_known_by_its_records_and_then_marked(tmp_path: Path) -> None:
    store = unmarked(tmp_path)
    put(store.root / "README.md")
    assert here("doctor", store.root).exit_code == 0
    assert not (store.root / MARKER).exists()
    store.create()
    assert (store.root / MARKER).read_bytes() == marker()


def test_an_older_folder_is_known_by_one_good_record_among_bad_ones(tmp_path: Path) -> None:
    store = unmarked(tmp_path)
    put(store.root / "README.md")
    for bad in range(5):
        put(store.root / "records" / f"{bad:032x}.json", b"{}")
    assert here("doctor", store.root, "--repair").output.count("set aside") == 5


def test_an_older_folder_that_was_stopped_before_its_first_record_is_gone_on_with(
    tmp_path: Path,
) -> None:
    store = unmarked(tmp_path)
    for path in (store.root / "records").iterdir():
        path.unlink()
    put(store.root / "predictions" / f".{KEY}.npz.4711.tmp")
    put(store.root / ".probe-4711")
    store.create()
    assert is_store(store.root)


def test_a_board_of_submissions_may_get_records(tmp_path: Path) -> None:
    put(tmp_path / "board" / "submissions" / "mine" / "manifest.json")
    put(tmp_path / "board" / "README.md")
    before = all_of(tmp_path / "board" / "submissions")
    filled(tmp_path / "board")
    assert here("doctor", tmp_path / "board", "--repair").exit_code == 0
    assert all_of(tmp_path / "board" / "submissions") == before


def test_the_published_records_are_a_folder_of_records() -> None:
    assert is_store(Path(__file__).parents[2] / "leaderboard")


@pytest.mark.parametrize("schema", [SCHEMA, SCHEMA + 1])
def test_what_a_newer_version_wrote_is_left_where_it_is(tmp_path: Path, schema: int) -> None:
    """In another schema; or in this one, with a field more than there is and a right checksum."""
    store = filled(tmp_path / "runs")
    record = store.root / "records" / f"{KEY}.json"
    cost = next((store.root / "costs").iterdir())
    newer(record, schema)
    newer(cost, schema)
    before = all_of(store.root)
    sick = here("doctor", store.root, "--repair")
    assert sick.exit_code == 1
    for path in (record, cost):
        assert f"left where it is: {path}: " in sick.output
    assert "1 records hold, 0 files are damaged, 0 are left over, 2 were made by" in sick.output
    merged = here("merge", store.root, "--out", tmp_path / "all")
    assert merged.exit_code == 1
    assert "a newer version of weightbench is needed to read 2 files" in merged.stderr
    assert "made by a newer version" in here("leaderboard", store.root).stderr
    for damage in store.audit():
        with pytest.raises(StoreError, match="is left where it is"):
            store.set_aside(damage)
    with pytest.raises(StoreError, match="made by a newer version"):
        store.put(generated.finished(0), generated.predictions(5))
    with pytest.raises(StoreError, match="made by a newer version"):
        store.put_cost(generated.cost())
    assert all_of(store.root) == before


def test_an_evaluation_goes_on_beside_what_a_newer_version_wrote(tmp_path: Path) -> None:
    """Unless it would have to write over it."""
    store = filled(tmp_path / "runs", 1)
    newer(store.root / "records" / f"{KEY}.json")
    command = ["evaluate", "--task", TINY, "--weighter", "uniform", "--workers", "0", "--seeds",
               "1", "--out", store.root]  # fmt: skip
    done = here(*command)
    assert done.exit_code == 0, done.output
    assert "note: 1 files were made by a newer version of weightbench" in done.stderr
    ours = next(r for r in store.records()[0] if r.trial.weighter == "uniform")
    newer(store.root / "records" / f"{ours.trial.key}.json")
    before = all_of(store.root)
    refused = here(*command)
    assert refused.exit_code == 1
    assert "1 of these trials have a record by a newer version" in refused.stderr
    assert all_of(store.root) == before


def test_a_record_that_names_no_data_is_no_riddle_to_the_doctor(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs")
    made = store.records()[0][0]
    assert made.training is not None
    nameless = made.training.model_copy(update={"checksums": {}, "sizes": made.training.sizes})
    store.put(made.model_copy(update={"training": nameless}))
    assert "Traceback" not in here("doctor", store.root).output
