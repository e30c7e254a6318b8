"""Who may import whom, and what `import theorycheck` costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import proofs_numeric
import theorycheck

PACKAGE = Path(theorycheck.__path__[0])
PROOFS = Path(proofs_numeric.__path__[0])
FILES = {
    f"{root.name}/{path.relative_to(root).as_posix()}": path
    for root in (PACKAGE, PROOFS)
    for path in sorted(root.rglob("*.py"))
}
STANDARD = {*sys.stdlib_module_names, "__future__"}
HEAVY = ("numba", "sympy", "matplotlib", "torch", "scipy", "sklearn", "hypothesis")


def imports(path):
    """(module, inside a function?) of every import, with the names that `from a import b` may load."""
    found = []

    def visit(node, lazy):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, lazy) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: imports are absolute"
                found.extend((f"{child.module}.{alias.name}", lazy) for alias in child.names)
            visit(child, lazy or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def within(module, *packages):
    return any(module == p or module.startswith(p + ".") for p in packages)


def foreign(name, *allowed):
    """The imports of a file that are neither in the standard library nor in the allowed packages."""
    return [m for m, _ in imports(FILES[name]) if m.split(".")[0] not in STANDARD and not within(m, *allowed)]


def below(folder):
    return [name for name in FILES if name.startswith(folder)]


def test_the_files_are_there():
    assert len(below("theorycheck/engine/decide/")) >= 7
    assert len(below("theorycheck/kernels/")) >= 4
    assert len(below("theorycheck/loops/")) >= 4
    assert "proofs_numeric/gaussian_collapse.py" in FILES


DATA = ("theorem", "domains", "sources", "verdict")
# What these files load only when asked: samplers, a matrix test, text.
LAZY = {"domains": ("hypothesis", "sympy"), "verdict": ("theorycheck.render", "theorycheck.report")}


@pytest.mark.parametrize("name", DATA)
def test_the_data_files_need_only_the_standard_library(name):
    own = [f"theorycheck.{other}" for other in DATA]
    for module, lazy in imports(PACKAGE / f"{name}.py"):
        if module.split(".")[0] not in STANDARD and not within(module, *own):
            assert lazy, module
            assert within(module, *LAZY.get(name, ())), module


@pytest.mark.parametrize("name", below("theorycheck/kernels/"))
def test_kernels_know_only_arrays(name):
    assert foreign(name, "numpy", "numba", "theorycheck.kernels") == []


@pytest.mark.parametrize("name", below("theorycheck/loops/"))
def test_loops_know_no_engine(name):
    own = ("checks", "formula", "loops", "kernels")
    # `from theorycheck import checks` and `import theorycheck.checks` read the same here.
    assert foreign(name, "numpy", "scipy", "sympy", "sklearn", *(f"theorycheck.{m}" for m in own)) == []


@pytest.mark.parametrize("name", below("proofs_numeric/"))
def test_proofs_know_neither_engine_nor_kernels(name):
    banned = ("theorycheck.engine", "theorycheck.kernels", "numba", "torch")
    assert [m for m, _ in imports(FILES[name]) if within(m, *banned)] == []


@pytest.mark.parametrize("name", below("theorycheck/"))
def test_the_engine_knows_no_theorem(name):
    finders = ("theorycheck/engine/catalogue.py", "theorycheck/engine/provenance.py")
    if name not in finders:
        assert [m for m, _ in imports(FILES[name]) if within(m, "proofs_numeric")] == []


@pytest.mark.parametrize("name", [*FILES])
def test_only_the_generative_part_knows_torch(name):
    if not name.startswith("theorycheck/generative/"):
        assert [m for m, _ in imports(FILES[name]) if within(m, "torch", "torchvision")] == []


@pytest.mark.parametrize("name", [*FILES])
def test_only_the_figures_know_matplotlib(name):
    if not name.startswith("theorycheck/figures/"):
        assert [m for m, _ in imports(FILES[name]) if within(m, "matplotlib")] == []


@pytest.mark.parametrize("name", below("theorycheck/figures/"))
def test_figures_know_engine_and_loops(name):
    own = (
        "checks",
        "engine",
        "figures",
        "formula",
        "loops",
        "results",
        "terminal",
        "theorem",
        "verdict",
        "__version__",
    )
    allowed = (f"theorycheck.{m}" for m in own)
    assert foreign(name, "numpy", "scipy", "sympy", "matplotlib", *allowed) == []


@pytest.mark.parametrize("name", [*FILES])
def test_only_the_report_makes_pages(name):
    if not name.startswith("theorycheck/report/"):
        assert [m for m, _ in imports(FILES[name]) if within(m, "jinja2", "markupsafe", "latex2mathml")] == []


@pytest.mark.parametrize("name", [*FILES])
def test_one_file_knows_the_cluster(name):
    known = name == "theorycheck/engine/cluster.py"
    assert any(within(m, "dask", "distributed", "cloudpickle") for m, _ in imports(FILES[name])) == known


@pytest.mark.parametrize("module", ["theorycheck", "theorycheck.cli", "theorycheck.pytest_plugin"])
def test_imports_are_light(module):
    code = f"import sys, {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    # Isolated from what the environment may load at start-up (coverage, for one).
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_package_defines_what_it_exports():
    assert sorted(theorycheck.__all__, key=str.lower) == sorted(set(theorycheck.__all__), key=str.lower)
    assert all(hasattr(theorycheck, name) for name in theorycheck.__all__)
