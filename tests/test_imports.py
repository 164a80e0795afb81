"What the package imports: declared, installed as wanted, from lower rooms only, and no torch where the command line has to be quick."
import ast, importlib.metadata as md, re, subprocess, sys
from configparser import ConfigParser
from pathlib import Path
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
MODULES = {'.'.join(p.relative_to(ROOT).with_suffix('').parts): p for p in sorted((ROOT/'amharic_tts').rglob('*.py')) if p.name not in ('__init__.py', '_modidx.py') and 'assets' not in p.parts}


def wanted(*keys):
    parser = ConfigParser(delimiters=['='], interpolation=None)
    parser.read(ROOT/'settings.ini', encoding='utf-8')
    return [Requirement(r) for k in keys for r in parser['DEFAULT'][k].split()]


def name(s): return re.sub('[-_.]+', '-', s).lower()


def imported(module):
    "Names of modules that a file imports, at its top or inside functions; relative ones made absolute."
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import): yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split('.')[:-node.level] if node.level else []
            full = '.'.join(base + ([node.module] if node.module else []))
            yield from (f'{full}.{a.name}' if f'{full}.{a.name}' in MODULES else full for a in node.names)


def test_imports_are_declared():
    known, owners = {name(r.name) for r in wanted('requirements', 'demo_requirements', 'onnx_requirements', 'wandb_requirements', 'hf_requirements')}, md.packages_distributions()
    missing = set()
    for module in MODULES:
        for top in {i.split('.')[0] for i in imported(module)} - set(sys.stdlib_module_names) - {'amharic_tts'}:
            if not {name(d) for d in owners.get(top, [top])} & known: missing.add((module, top))
    assert missing == set(), "add them to requirements in settings.ini"


def test_requirements_are_installed():
    wrong = []
    for r in wanted('requirements', 'dev_requirements', 'demo_requirements', 'onnx_requirements'):
        if not r.specifier.contains(v := md.version(r.name), prereleases=True): wrong.append(f'{r} (installed: {v})')
    assert wrong == []


def test_constraints_fit_the_requirements():
    pins = {name(l.split('==')[0]): l.split('==')[1] for l in (ROOT/'constraints.txt').read_text().split('\n') if l and l[0] != '#'}
    for r in wanted('requirements', 'dev_requirements', 'demo_requirements', 'onnx_requirements'):
        assert name(r.name) in pins and r.specifier.contains(Version(pins[name(r.name)])), r


def test_the_exported_script_needs_little():
    "What stands beside exported voices imports onnxruntime, numpy and the text front-end."
    tree, found = ast.walk(ast.parse((ROOT/'amharic_tts'/'assets'/'speak.py').read_text(encoding='utf-8'))), set()
    for node in tree:
        if isinstance(node, ast.Import): found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom): found.add(node.module)
    found = {f for f in found if f not in sys.stdlib_module_names}
    assert {'numpy', 'onnxruntime', 'amharic_tts.core'} < found and all(f.startswith('amharic_tts.text.') for f in found - {'numpy', 'onnxruntime', 'amharic_tts.core'})


def test_only_from_lower_rooms():
    "A module imports from notebooks with a smaller number only."
    number = {m: re.search(r'File to edit: (?:\.\./)*nbs/(\d\d[a-z]?)_', p.read_text(encoding='utf-8'))[1] for m, p in MODULES.items()}
    upwards = [(a, b) for a in MODULES for b in imported(a) if b in number and number[b] >= number[a]]
    assert upwards == []


@pytest.mark.parametrize('part', ['core', 'text', 'app.cli'])
def test_no_torch(part):
    modules = [m for m in MODULES if m.startswith(f'amharic_tts.{part}')]
    assert modules
    code = f"import sys, {', '.join(modules)}\nassert not {{'torch', 'numba', 'librosa', 'matplotlib'}} & set(sys.modules), 'heavy'"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_changes_nothing():
    "No module reads files, picks devices, sets seeds or prints when it is imported."
    state = "(random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled())"
    code = f"import random, numpy, torch\nbefore = {state}\nimport {', '.join(MODULES)}\nassert before == {state}"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == '', done.stdout + done.stderr
