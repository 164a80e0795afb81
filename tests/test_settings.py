"Every setting is read by a training, and those that decide the result change it."
import dataclasses
import sys
import pytest
import torch
from amharic_tts import core
from amharic_tts.core import Config, load_config, to_dict
from amharic_tts.data.synthetic import demo_sentences, synthesize
from amharic_tts.text.normalize import normalize
from amharic_tts.training.checkpoint import load_weights
from amharic_tts.training.run import train_here
from amharic_tts.training.tasks import prepare
from amharic_tts.training.vocoding import prepare_vocoder

pytest.importorskip('espeakng_loader')
SMALL = {'model.dim': 32, 'model.encoder_layers': 1, 'model.decoder_layers': 1, 'model.heads': 2, 'model.ffn_dim': 64, 'training.max_steps': 3,
         'training.val_every': 3, 'training.save_every': 3, 'training.warmup_steps': 2, 'training.log_every': 1, 'data.batch_frames': 1500, 'loss.prior_steps': 3}
SECTIONS = {f.name: type(getattr(Config(), f.name)) for f in dataclasses.fields(Config)}


@pytest.fixture(scope='module')
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp('corpora')
    many = synthesize(demo_sentences()[:60], folder/'many')
    for i, u in enumerate(many): u.speaker = 'ab'[i % 2]
    many.split(0, val=4, test=1).write()
    few = synthesize(demo_sentences()[:12], folder/'few')
    for i, u in enumerate(few): u.speaker = 'ab'[i % 2]
    few.split(0, val=3, test=1).write()
    return dict(many=folder/'many', few=folder/'few')


def lexicon(folder):
    "A lexicon that holds the last consonant of many words."
    words = {w for t in demo_sentences()[:60] for w in normalize(t).text.rstrip('።?!').split() if w.isalpha() and len(w) > 2}
    (path := folder/'words.tsv').write_text('regular\tgeminated\n' + ''.join(f'{w}\t{w}\u135f\n' for w in sorted(words)), encoding='utf-8')
    return str(path)


VOCODER = {'training.task': 'vocoder', 'vocoder.dim': 32, 'vocoder.layers': 1, 'vocoder.ffn_dim': 64, 'vocoding.segment_frames': 16, 'vocoding.context_frames': 4,
           'vocoding.discriminator_width': 4, 'vocoding.adversarial_from': 1, 'data.batch_frames': 100}


def trained(corpus, out, **settings):
    config = load_config(None, SMALL | settings)
    train_here(out, config, lambda: (prepare_vocoder if config.training.task == 'vocoder' else prepare)(config, corpus))
    return load_weights(out/'checkpoints'/'checkpoint_latest'/'model.safetensors')


def test_every_setting_is_read(corpora, tmp_path, monkeypatch):
    read = set()
    def spy(section):
        names = {f.name for f in dataclasses.fields(SECTIONS[section])}
        def get(self, name):
            # writing a config down is not reading it
            if name in names and sys._getframe(1).f_globals.get('__name__') not in ('dataclasses', 'copy'): read.add(f'{section}.{name}')
            return object.__getattribute__(self, name)
        return get
    for section, cls in SECTIONS.items(): monkeypatch.setattr(cls, '__getattribute__', spy(section))
    trained(corpora['many'], tmp_path/'run', **{'text.tokenizer': 'sentencepiece', 'text.vocab_size': 320})
    trained(corpora['few'], tmp_path/'phones', **{'text.gemination': lexicon(tmp_path)})
    trained(corpora['few'], tmp_path/'vocoder', **VOCODER)
    known = {f'{s}.{f.name}' for s, cls in SECTIONS.items() for f in dataclasses.fields(cls)}
    assert known - read == set()


# what changes the weights after three steps; the rest is looked at by the notebooks (what is kept, shown, cut or listed)
CHANGES = {'audio.n_fft': 2048, 'audio.win_length': 800, 'audio.fmin': 40.0, 'audio.fmax': 7000.0, 'audio.log_floor': 1e-4,
           'repair.highpass_hz': 120.0, 'repair.level_db': -26.0, 'repair.peak_db': -18.0, 'repair.trim': False, 'repair.trim_db': 20.0, 'repair.keep_silence': 0.05,
           'text.tokenizer': 'fidel', 'data.batch_frames': 900, 'data.min_seconds': 3.0, 'data.max_seconds': 4.0, 'data.durations': 'boundaries', 'data.speaker': 'a',
           'model.dim': 64, 'model.encoder_layers': 2, 'model.decoder_layers': 2, 'model.heads': 4, 'model.ffn_dim': 32, 'model.kernel_size': 5,
           'model.predictor_layers': 1, 'model.speaker_dim': 8, 'model.dropout': 0.5, 'model.predictor_dropout': 0.6, 'model.prosody_dim': 2, 'model.prosody_guess': 0.0, 'loss.prosody_loss_weight': 30.0, 'loss.mel_loss_weight': 30.0, 'loss.duration_loss_weight': 30.0,
           'loss.align_loss_weight': 0.0, 'loss.prior_steps': 50, 'training.max_steps': 4, 'training.lr': 3e-3, 'training.aligner_lr': 0.1,
           'training.warmup_steps': 1, 'training.schedule': 'constant', 'training.final_lr': 9e-4, 'training.betas': [0.5, 0.9], 'training.weight_decay': 0.5,
           'training.grad_clip': 0.01, 'training.accumulate': 2, 'training.precision': 'fp32', 'training.seed': 1}


# the same of a vocoder
VOCODER_CHANGES = {'vocoder.dim': 48, 'vocoder.layers': 2, 'vocoder.ffn_dim': 32, 'vocoder.kernel_size': 5, 'vocoder.refine': 1, 'vocoding.segment_frames': 24, 'vocoding.context_frames': 2, 'vocoding.augment': 0.0,
                   'vocoding.mel_loss_weight': 9.0, 'vocoding.spectral_loss_weight': 0.0, 'vocoding.adversarial_from': 0, 'vocoding.adversarial_loss_weight': 30.0, 'vocoding.feature_loss_weight': 30.0,
                   'vocoding.discriminator_width': 8, 'vocoding.discriminator_lr': 1e-2}


def without_effect(corpus, folder, base, changes):
    "Settings that change nothing."
    start, again = (trained(corpus, folder/name, **base) for name in ('base', 'again'))
    assert all(torch.equal(start[k], again[k]) for k in start)                          # so a difference means something
    same = []
    for key, value in changes.items():
        there = trained(corpus, folder/key, **base | {key: value})
        if there.keys() == start.keys() and all(there[k].shape == start[k].shape and torch.equal(there[k], start[k]) for k in start): same.append(key)
    return same


def test_settings_change_the_weights(corpora, tmp_path):
    base = {'training.precision': 'bf16', 'training.schedule': 'cosine', 'training.vocoder': 'griffin-lim'}      # which hears mels of any kind
    assert without_effect(corpora['few'], tmp_path, base, CHANGES | {'text.gemination': lexicon(tmp_path)}) == []


def test_settings_of_a_vocoder_change_the_weights(corpora, tmp_path):
    assert without_effect(corpora['few'], tmp_path, VOCODER | {'training.precision': 'bf16'}, VOCODER_CHANGES) == []


def test_no_setting_is_forgotten_here():
    elsewhere = {'audio.sample_rate', 'audio.hop_length', 'audio.n_mels', 'text.vocab_size', 'text.model_type', 'text.gemination', 'text.tokenizer_folder', 'data.workers', 'training.init_from', 'training.freeze_original_embeddings', 'training.freeze_until_index', 'training.device', 'training.log_every',
                 'training.val_every', 'training.sample_text', 'training.save_every', 'training.keep_last', 'training.save_every_minutes', 'training.save_every_epochs', 'training.keep_best', 'training.best_metric', 'training.patience', 'training.wandb', 'training.gradient_checkpointing',
                 'training.restart_steps', 'training.restart_growth', 'training.plateau_patience', 'training.plateau_factor', 'training.explode_at', 'training.ema_decay', 'training.task', 'training.vocoder', 'vocoding.match'}
    assert set(CHANGES) | set(VOCODER_CHANGES) | elsewhere == {f'{s}.{k}' for s, d in to_dict(core.Config()).items() for k in d}
