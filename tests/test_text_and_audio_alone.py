"A training reads audio and text and nothing else: without the true phone boundaries it gives the same weights, to the bit."
from pathlib import Path
import shutil
import pytest
from amharic_tts.core import load_config
from amharic_tts.data.corpus import Corpus
from amharic_tts.data.synthetic import demo_sentences, synthesize
from amharic_tts.training.checkpoint import load_weights
from amharic_tts.training.run import train_here
from amharic_tts.training.tasks import prepare

pytest.importorskip('espeakng_loader')
SETTINGS = {'model.dim': 32, 'model.encoder_layers': 1, 'model.decoder_layers': 1, 'model.heads': 2, 'model.ffn_dim': 64, 'training.max_steps': 6,
            'training.val_every': 6, 'training.save_every': 6, 'training.warmup_steps': 2, 'data.batch_frames': 1500}


def trained(corpus, out, **settings):
    config = load_config(None, SETTINGS | settings)
    train_here(out, config, lambda: prepare(config, corpus))
    return load_weights(out/'checkpoints'/'checkpoint_latest'/'model.safetensors')


def test_boundaries_change_no_weight(tmp_path):
    corpus = synthesize(demo_sentences()[:12], tmp_path/'corpus')
    corpus.split(0, val=2, test=1).write()
    assert all(u.boundaries for u in Corpus.read(tmp_path/'corpus'))
    bare = tmp_path/'bare'
    shutil.copytree(tmp_path/'corpus', bare)
    files = [p for p in Path(bare).iterdir() if 'boundaries' in p.name]
    assert files
    for p in files: p.unlink()
    assert not any(u.boundaries for u in Corpus.read(bare))
    with_them, without = trained(tmp_path/'corpus', tmp_path/'a'), trained(bare, tmp_path/'b')
    assert with_them.keys() == without.keys() and all((with_them[k] == without[k]).all() for k in without)
    # and where they are asked for, they do matter
    told = trained(tmp_path/'corpus', tmp_path/'c', **{'data.durations': 'boundaries'})
    assert any((told[k] != without[k]).any() for k in without)
