"""Embedded checkpoints on disk: complete, described, and written out without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from graphflow.checkpoints import embedded
from graphflow_embedded import export

NAMES = embedded.names()


@pytest.mark.parametrize("name", NAMES)
def test_every_named_part_is_there(name: str) -> None:
    components = embedded.components(name).values()
    assert components
    assert all(any(component.iterdir()) for component in components)


@pytest.mark.parametrize("name", NAMES)
def test_export_writes_what_from_pretrained_reads(name: str, tmp_path: Path) -> None:
    target = export.export(name, tmp_path / name)
    told = embedded.describe(name)
    if told["class"].endswith("Pipeline"):
        index = json.loads((target / "model_index.json").read_text(encoding="utf-8"))
        assert index["_class_name"] == told["class"]
        assert all((target / role).is_dir() for role, entry in index.items() if isinstance(entry, list) and entry[0])
    else:
        assert (target / "config.json").is_file()


def test_unknown_name_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        export.export("no-such", tmp_path)


def test_configs_name_no_folder_of_the_machine_they_were_made_on() -> None:
    configs = [path for path in (embedded.folder() / "components").rglob("*.json") if path.name != "vocab.json"]
    assert {path.name for path in configs} >= {"config.json", "scheduler_config.json", "tokenizer_config.json"}
    assert [path for path in configs if "_name_or_path" in path.read_text(encoding="utf-8")] == []


def test_exporting_leaves_torch_unloaded(tmp_path: Path) -> None:
    call = f"export.export('depth', {str(tmp_path / 'depth')!r})"
    code = f"import sys; from graphflow_embedded import export; {call}; sys.exit('torch' in sys.modules)"
    path = str(embedded.folder().parent)
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, check=False)
    assert done.returncode == 0


def test_the_published_digests_are_those_of_the_files() -> None:
    from graphflow.checkpoints.tensor_names import in_folder
    from graphflow.checkpoints.weights_digest import digest_of_files

    published = json.loads((embedded.folder() / "digests.json").read_text(encoding="utf-8"))
    files = {path: sorted(path.glob("*.safetensors")) for path in (embedded.folder() / "components").iterdir()}
    assert published == {path.name: digest_of_files(found, in_folder) for path, found in files.items() if found}
