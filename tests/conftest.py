"Shared by the tests of whole processes: the command line, and one small training."
import os, subprocess, sys
from types import SimpleNamespace
import pytest

TINY = {'model.dim': 32, 'model.encoder_layers': 1, 'model.decoder_layers': 1, 'model.heads': 2, 'model.ffn_dim': 64, 'data.batch_frames': 1500,
        'training.max_steps': 8, 'training.warmup_steps': 2, 'training.log_every': 2, 'training.val_every': 8, 'training.save_every': 8}


def as_options(settings): return [x for k, v in settings.items() for x in (f'--{k}', str(v))]


def run(*args, **how):
    "Run `amharic-tts …` in a process of its own (one thread: the models are tiny); its exit status, stdout and stderr."
    how = dict(capture_output=True, text=True, timeout=240, env=os.environ | {'OMP_NUM_THREADS': '1'} | how.pop('env', {})) | how
    done = subprocess.run([sys.executable, '-m', 'amharic_tts.app.cli', *map(str, args)], **how)
    return SimpleNamespace(status=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture(scope='session')
def cli(): return run


@pytest.fixture(scope='session')
def refused():
    "Run a command that has to fail: with this status, all of these words in its message, one message and no traceback."
    def check(status, words, *args, **how):
        got = run(*args, **how)
        assert got.status == status, (got.status, got.out, got.err)
        assert 'Traceback' not in got.err and 'fault of the program' not in got.err, got.err
        for w in words: assert w in got.err, (w, got.err)
        return got
    return check


@pytest.fixture(scope='session')
def tiny():
    "Options of a training that takes a second."
    return as_options(TINY)


@pytest.fixture(scope='session')
def trained(tmp_path_factory, tiny):
    "24 synthetic sentences and a run of 8 steps, made by the command line; tests only read them."
    pytest.importorskip('espeakng_loader')
    folder = tmp_path_factory.mktemp('trained')
    at = SimpleNamespace(folder=folder, corpus=folder/'corpus', run=folder/'run', voice=folder/'run'/'voice')
    at.said = [run('corpus', 'synthesize', at.corpus, '--limit', 24), run('corpus', 'split', at.corpus, '--val', 3, '--test', 3),
               run('train', '--config', 'base', '--data', at.corpus, '--out', at.run, *tiny)]
    for done in at.said: assert done.status == 0, done.out + done.err
    return at
