"The real tasks when memory runs out: every utterance is learned from, and the result is that of a training that had enough."
import pytest, torch
from test_exactness import ACOUSTIC, VOCODER, beeps
from amharic_tts.core import Config, from_dict
from amharic_tts.data.corpus import Corpus
from amharic_tts.training.checkpoint import load_weights
from amharic_tts.training.events import read_events
from amharic_tts.training.memory import AdaptiveMemoryManager, MemoryPressureLevel
from amharic_tts.training.run import train_here
from amharic_tts.app.cli import main

SETTINGS = dict(acoustic=ACOUSTIC | dict(model=ACOUSTIC['model'] | dict(dropout=0., predictor_dropout=0., prosody_guess=0.), data=dict(batch_frames=900, workers=1)),   # parts draw other chances than the whole
                vocoder=VOCODER | dict(data=dict(batch_frames=48, workers=1), training=VOCODER['training'] | dict(lr=1e-8, final_lr=1e-9), vocoding=VOCODER['vocoding'] | dict(discriminator_lr=1e-8)))


@pytest.fixture(scope='module')
def corpus(tmp_path_factory): return beeps(tmp_path_factory.mktemp('corpus')/'beeps')


def train(corpus, folder, task, monkeypatch, every=None, level=None, **training):
    "30 steps; out of memory in every so many-th batch of two or more utterances; or under constant pressure."
    if task == 'vocoder': from amharic_tts.training.vocoding import VocoderTask as Task, prepare_vocoder as prepare
    else: from amharic_tts.training.tasks import AcousticTask as Task, prepare
    settings = SETTINGS[task] | dict(training=SETTINGS[task]['training'] | dict(max_steps=30) | training)
    config, calls, failed, real = from_dict(Config, settings), [], [], Task.losses
    def losses(self, batch, *rest):
        if torch.is_grad_enabled():
            calls.append(len(batch['ids']))
            if every and len(batch['ids']) > 1 and len(calls) % every == 0: failed.append(batch['ids']); raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')
        return real(self, batch, *rest)
    with monkeypatch.context() as m:
        m.setattr(Task, 'losses', losses)
        if level is not None: m.setattr(AdaptiveMemoryManager, 'step', lambda self: setattr(self, 'level', level))
        torch.manual_seed(0)
        assert train_here(folder, config, lambda: prepare(config, Corpus.read(corpus), say=lambda line: None)) == 'finished'
    return load_weights(folder/'checkpoints/checkpoint_latest/model.safetensors'), read_events(folder/'events.jsonl')[0], failed, calls


def same_training(task, one, other):
    """Losses, gradients and weights. A vocoder that has learned nothing turns rounding errors of 1e-7 into other gradients (logarithms of near silence):
    it does not learn here, so that its losses can be compared; 41_memory compares its gradients, in 64 bits."""
    curves = [[(e['loss'], e['grad_norm'] if task == 'acoustic' else 0.) for e in log if e['kind'] == 'step'] for _, log in (one, other)]
    for x, y in zip(*curves, strict=True):
        for a, b in zip(x, y): assert abs(a - b) < 1e-3 * max(1, abs(a)), curves
    for k, v in one[0].items(): assert (v.double() - other[0][k].double()).abs().max() <= 1e-3 * max(1, v.double().abs().max()), k


@pytest.mark.parametrize('task', ['acoustic', 'vocoder'])
def test_out_of_memory_every_tenth_batch(corpus, tmp_path, monkeypatch, task):
    torch.set_num_threads(1)
    enough, calm, *_ = train(corpus, tmp_path/'enough', task, monkeypatch)
    short, log, failed, _ = train(corpus, tmp_path/'short', task, monkeypatch, every=10)
    said = [e for e in log if e['kind'] == 'warning' and 'out of memory' in e['message']]
    assert len(failed) >= 2 and len(said) == len(failed) and [e['ids'] for e in said] == failed
    samples = lambda events: [(e['step'], e['samples'], e['frames'], e['refused']) for e in events if e['kind'] == 'epoch']
    assert samples(calm) == samples(log) and samples(calm)                 # nothing is left out
    same_training(task, (enough, calm), (short, log))


@pytest.mark.parametrize('task', ['acoustic', 'vocoder'])
def test_little_memory_all_the_time(corpus, tmp_path, monkeypatch, task):
    torch.set_num_threads(1)
    enough, calm, _, whole = train(corpus, tmp_path/'enough', task, monkeypatch)
    short, log, _, parts = train(corpus, tmp_path/'short', task, monkeypatch, level=MemoryPressureLevel.CRITICAL)
    assert max(parts) <= -(-max(whole) // 2) and sum(parts) == sum(whole)
    same_training(task, (enough, calm), (short, log))


def test_gradient_checkpointing_changes_nothing(corpus, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    a, b = (train(corpus, tmp_path/str(on), 'acoustic', monkeypatch, gradient_checkpointing=on)[0] for on in (False, True))
    assert all(torch.equal(v, b[k]) for k, v in a.items())
    assert list(a) == list(b)


def test_batch_auto(corpus, tmp_path, capsys):
    from amharic_tts.core import load_config, save_config
    save_config(from_dict(Config, SETTINGS['acoustic'] | dict(training=SETTINGS['acoustic']['training'] | dict(max_steps=2))), tmp_path/'config.yaml')
    command = ['train', '--config', str(tmp_path/'config.yaml'), '--data', str(corpus), '--out', str(tmp_path/'run')]
    assert main([*command, '--batch', 'auto']) == 0
    said = capsys.readouterr().out
    frames = load_config(tmp_path/'run/config.yaml').data.batch_frames
    assert f'--data.batch_frames {frames}' in said and 'frames a batch' in said and frames != 900
    assert main([*command, '--batch', 'auto', '--training.max_steps', '3']) == 0                  # it goes on with what it began with
    assert f'has begun with {frames:,} frames' in capsys.readouterr().out and load_config(tmp_path/'run/config.yaml').data.batch_frames == frames
    assert main([*command, '--batch', '4000']) != 0 and '--data.batch_frames' in capsys.readouterr().err
