"Packaging of amharic_tts. Everything it needs to know stands in `settings.ini`."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=['='], interpolation=None)
parser.read(here / 'settings.ini', encoding='utf-8')
cfg = parser['DEFAULT']
demo, onnx, wandb, hf, dev = (cfg[f'{extra}_requirements'].split() for extra in ('demo', 'onnx', 'wandb', 'hf', 'dev'))
readme = here / 'README.md'

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'],
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'],
    license='Apache-2.0',
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '', long_description_content_type='text/markdown',
    packages=find_packages(include=['amharic_tts', 'amharic_tts.*']),
    package_data={'amharic_tts': ['assets/*', 'assets/**/*']},
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg['requirements'].split(),
    extras_require={'demo': demo, 'onnx': onnx, 'wandb': wandb, 'hf': hf, 'dev': dev + demo + onnx + hf},
    entry_points={'console_scripts': cfg['console_scripts'].split()},
    zip_safe=False,
)
