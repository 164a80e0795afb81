"Checks of the whole project, and README.md from its notebook: `python .ci/project.py exported clean imports configs readme [--check]`."
import filecmp, json, os, re, shutil, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(__file__).resolve().parents[1]
scripts = Path(sys.executable).parent                   # .venv/bin
env = os.environ | {'PATH': f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}


def fail(message): sys.exit(f"{message}\n")


def copied(folder):
    "Notebooks and package in a temporary place, where tools may write."
    for name in ('nbs', 'amharic_tts'): shutil.copytree(root/name, folder/name, symlinks=True, ignore=shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints'))
    for name in ('settings.ini', 'setup.py', '_quarto.yml'): shutil.copy2(root/name, folder/name)


def differing(a: Path, b: Path, pattern: str):
    "Files under `a` and `b` that are not the same, or on one side only."
    names = {p.relative_to(x) for x in (a, b) for p in x.rglob(pattern) if not {'__pycache__', '.ipynb_checkpoints'} & set(p.parts)}
    return sorted(str(n) for n in names if not ((a/n).is_file() and (b/n).is_file() and filecmp.cmp(a/n, b/n, shallow=False)))


def in_copy(command, part, pattern):
    "What `command` changes."
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        copied(tmp)
        done = subprocess.run([scripts/command], cwd=tmp, env=env, capture_output=True, text=True)
        if done.returncode: fail(f"{command} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return differing(root/part, tmp/part, pattern)


def exported(check):
    "The modules are what the notebooks export."
    if found := in_copy('nbdev_export', 'amharic_tts', '*.py'): fail(f"not in step with the notebooks: {', '.join(found)}. Change the notebook, never the module, and run: make export")


def clean(check):
    "The notebooks have no metadata that change by themselves."
    if found := in_copy('nbdev_clean', 'nbs', '*.ipynb'): fail(f"notebooks that are not clean: {', '.join(found)}. Run: make export")


def imports(check):
    "Each module can be the first one that a process imports."
    modules = ['.'.join(p.relative_to(root).with_suffix('').parts).removesuffix('.__init__') for p in sorted((root/'amharic_tts').rglob('*.py')) if p.name != '_modidx.py']
    def one(m):
        done = subprocess.run([sys.executable, '-W', 'error::SyntaxWarning', '-c', f'import {m}'], cwd=tempfile.gettempdir(), capture_output=True, text=True, env=env)
        return f"import {m}:\n{done.stderr[-3000:]}" if done.returncode else ''
    with ThreadPoolExecutor(2) as pool: wrong = [w for w in pool.map(one, modules) if w]
    if wrong: fail('\n'.join(wrong))
    print(f"  {len(modules)} modules")


def configs(check):
    "configs/base.yaml holds every setting with its default and its sentence; the others say what differs."
    import textwrap, yaml
    from dataclasses import fields
    from docstring_parser import parse_from_object
    from amharic_tts.core import get_default_config, get_small_config, load_config, to_dict
    default, lines = get_default_config(), ['# For a corpus of an hour or more. Every setting there is, with its default: copy what you change into a file of your own.']
    for section in fields(default):
        part = getattr(default, section.name)
        said = {p.arg_name: p.description for p in parse_from_object(type(part)).params}
        lines += ['', f'{section.name}:  # {type(part).__doc__}']
        for f in fields(part):
            value = yaml.safe_dump([to_dict(part)[f.name]], allow_unicode=True, default_flow_style=True).strip()[1:-1]
            lines += textwrap.wrap(said[f.name], 110, initial_indent='  # ', subsequent_indent='  # ') + [f'  {f.name}: {value}']
    base, text = root/'configs'/'base.yaml', '\n'.join(lines) + '\n'
    if not check: base.write_text(text, encoding='utf-8')
    elif base.read_text(encoding='utf-8') != text: fail("configs/base.yaml is not in step with core. Run: make export")
    for name, config in (('base', default), ('small', get_small_config())):
        if load_config(root/'configs'/f'{name}.yaml') != config: fail(f"configs/{name}.yaml is not what core.get_{name.replace('base', 'default')}_config() gives")
    load_config(root/'configs'/'demo.yaml')


def readme(check):
    "README.md says what nbs/index.ipynb says."
    cells = json.loads((root/'nbs'/'index.ipynb').read_text(encoding='utf-8'))['cells']
    text = '\n\n'.join(''.join(c['source']).strip() for c in cells if c['cell_type'] == 'markdown') + '\n'
    text = re.sub(r'\]\((?!https?:|#)', '](nbs/', text)                   # links are relative to the notebook's folder
    text = '<!-- Written from nbs/index.ipynb by `make readme`: change it there. -->\n\n' + text
    if not check: (root/'README.md').write_text(text, encoding='utf-8')
    elif not (root/'README.md').is_file() or (root/'README.md').read_text(encoding='utf-8') != text: fail("README.md is not in step with nbs/index.ipynb. Run: make readme")


if __name__ == '__main__':
    known = dict(exported=exported, clean=clean, imports=imports, configs=configs, readme=readme)
    wanted = [a for a in sys.argv[1:] if a != '--check']
    if not wanted or set(wanted) - set(known): fail(f"usage: python .ci/project.py {' '.join(known)} [--check]")
    for name in wanted:
        print(f"{name}: {known[name].__doc__}", flush=True)
        known[name]('--check' in sys.argv)
