"""The folder names shadow nobody, and `import foundation` stays light."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIND = "import foundation.tokenizers.base, foundation.kernels.attention as a; print(a.__file__)"


def python(*arguments, cwd=ROOT):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("name", ["tokenizers", "transformers", "lightning"])
def test_packages_of_the_same_name_still_import_from_the_root(name):
    run = python("-c", f"import {name}; print({name}.__file__)")
    assert run.returncode == 0, run.stderr
    assert "site-packages" in run.stdout


@pytest.mark.parametrize("folder", ["tokenizers", "kernels"])
def test_root_folders_are_linked_and_are_not_packages(folder):
    link = ROOT / "foundation" / folder
    assert link.is_symlink()
    assert os.readlink(link) == f"../{folder}"
    assert not (ROOT / folder / "__init__.py").exists()


def test_found_by_console_python_dash_m_and_torchrun(tmp_path):
    assert python("-c", FIND, cwd=tmp_path).returncode == 0
    assert "usage: foundation" in python("-m", "foundation", "--help", cwd=tmp_path).stdout
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "1", "-m", "foundation", "--help"]
    run = python(*torchrun, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "usage: foundation" in run.stdout
    console = Path(sys.executable).with_name("foundation")
    assert subprocess.run([console, "--version"], capture_output=True, text=True, cwd=tmp_path).stdout.strip()


@pytest.mark.parametrize(
    "command", [["-m", "pytest"], ["-c", "import pytest,sys; sys.exit(pytest.main(sys.argv[1:]))"]]
)
def test_found_by_pytest_in_a_foreign_directory(tmp_path, command):
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    {FIND}\n    assert a.attention\n")
    run = python(*command, "-q", "-p", "no:cacheprovider", "test_it.py", cwd=tmp_path)
    assert "1 passed" in run.stdout, run.stdout + run.stderr


def test_wheel_has_the_whole_package_and_no_top_level_folder_of_another_name(tmp_path):
    run = python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path))
    if run.returncode and "setuptools" in run.stdout + run.stderr and "Missing dependencies" in run.stdout + run.stderr:
        run = python("-m", "build", "--wheel", "--outdir", str(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    top = {name.split("/")[0] for name in names}
    assert {t for t in top if not t.endswith(".dist-info")} == {"foundation"}
    assert {"foundation/tokenizers/base.py", "foundation/kernels/attention/reference.py"} <= set(names)


def test_import_is_light_and_touches_nothing_heavy():
    code = (
        "import sys, time; t = time.perf_counter(); import foundation; s = time.perf_counter() - t\n"
        "heavy = {'lightning', 'deepspeed', 'triton', 'astropy', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "print(s, sorted(heavy))"
    )
    seconds, heavy = python("-c", code).stdout.strip().split(" ", 1)
    assert heavy == "[]"
    assert float(seconds) < 2


def test_model_imports_without_lightning_and_without_cuda():
    code = (
        "import sys, torch; from foundation import FoundationModel, Spectrum, Image, TokenBatch, Tokenizer\n"
        "print(sorted({'lightning', 'deepspeed', 'triton'} & set(sys.modules)), torch.cuda.is_initialized())"
    )
    run = python("-c", code)
    assert run.stdout.strip() == "[] False", run.stdout + run.stderr
