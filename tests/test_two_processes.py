"Two processes (DDP over gloo) learn what one process learns that accumulates twice as many batches; this file is also the script they run."
import json, os, socket, subprocess, sys
from pathlib import Path
import pytest, torch
from torch import nn
from torch.utils.data import DataLoader
from amharic_tts.core import Config, from_dict, save_config
from amharic_tts.training.checkpoint import CheckpointManager
from amharic_tts.training.events import read_events
from amharic_tts.training.trainer import EXIT_CODES, Trainer


class Batches:
    "7 batches of 5 of 33 points: an odd number, so in the last step one process has nothing of its own; the last batch is short."
    def set_epoch(self, e): self.epoch = e
    def __iter__(self):
        order = torch.randperm(33, generator=torch.Generator().manual_seed(self.epoch)).tolist()
        return iter([order[i:i + 5] for i in range(0, 33, 5)])


class Curve:
    "Writes down which process validates which points."
    def __init__(self, folder):
        torch.manual_seed(3)
        self.folder, self.model = Path(folder), nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    def configure_optimizers(self): return [torch.optim.AdamW(self.model.parameters(), lr=0.03)], []
    def counts(self, b): return dict(square=len(b['x']))
    def weights(self, step): return dict(square=1.0)
    def losses(self, b, step): return dict(square=(self.model(b['x']) - torch.sin(3 * b['x'])).pow(2).sum())
    def validate(self, batches, step, total=dict):
        sums, ids = dict(square=0.0, n=0), []
        for b in batches: sums['square'] += float(self.losses(b, step)['square']); sums['n'] += len(b['x']); ids += b['ids']
        (self.folder/f"seen_{os.environ.get('RANK', 0)}_of_{os.environ.get('WORLD_SIZE', 1)}_{step}.json").write_text(json.dumps(ids))
        sums = total(sums)
        return dict(loss=sums['square'] / sums['n'], points=sums['n']), {}
    def checkpoint_extras(self): return {}
    def export_voice(self, folder): Path(folder).mkdir(exist_ok=True); (Path(folder)/f"by_{os.environ.get('RANK', 0)}").touch()


def main(folder, steps, accumulate):
    training = dict(max_steps=int(steps), warmup_steps=3, schedule='plateau', plateau_patience=1, plateau_factor=0.9, lr=0.03, device='cpu', precision='fp32', log_every=1, val_every=5, save_every=10,
                    accumulate=int(accumulate), ema_decay=0.9, keep_best=3)
    loader = DataLoader([dict(x=x, id=i) for i, x in enumerate(torch.linspace(-1, 1, 33))], batch_sampler=Batches(),
                        collate_fn=lambda items: dict(x=torch.stack([i['x'] for i in items])[:, None], ids=[i['id'] for i in items], mel_lengths=torch.ones(len(items)).long()))
    Path(folder).mkdir(exist_ok=True)
    return Trainer(Curve(folder), from_dict(Config, dict(training=training)), loader, DataLoader(loader.dataset, batch_size=12, collate_fn=loader.collate_fn), folder).fit()


def launch(processes, *command):
    "Run a command in so many processes."
    python = [sys.executable] + (['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes)] if processes > 1 else [])
    done = subprocess.run([*python, *map(str, command)], capture_output=True, text=True, timeout=240, env=os.environ | {'OMP_NUM_THREADS': '1', 'ACCELERATE_USE_CPU': 'true'})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def train(processes, folder, steps, accumulate):
    launch(processes, __file__, folder, steps, accumulate)
    return read_events(Path(folder)/'events.jsonl')[0]


def same_curves(one, two, tolerance=1e-5, kinds=('step', 'val', 'epoch')):
    "Losses, gradients and learning rates of two logs, by step."
    numbers = lambda events, kind: [(e['step'], e['loss'], e.get('grad_norm', 0.), e.get('lr', 0.), e.get('samples', 0)) for e in events if e['kind'] == kind]
    for kind in kinds:
        a, b = numbers(one, kind), numbers(two, kind)
        assert [x[0] for x in a] == [x[0] for x in b] and a, kind
        for x, y in zip(a, b):
            assert abs(x[1] - y[1]) < tolerance * max(1, abs(x[1])) and abs(x[2] - y[2]) < 10 * tolerance * max(1, x[2]) and x[3:] == y[3:], (kind, x, y)


def same_weights(a, b, tolerance=1e-4):
    a, b = (CheckpointManager(f/'checkpoints').load() for f in (a, b))
    assert (a.step, a.epoch, a.parts['trainer']['position']) == (b.step, b.epoch, b.parts['trainer']['position'])
    for x, y in ((a.model, b.model), *((c['weights'], d['weights']) for c, d in [(a.parts.get('ema'), b.parts.get('ema'))] if c)):
        for k, v in x.items(): assert (v.double() - y[k].double()).abs().max() < tolerance * max(1, v.double().abs().max()), k


def test_two_processes_learn_what_one_does(tmp_path):
    one = train(1, tmp_path/'one', 20, accumulate=2)
    train(2, tmp_path/'two', 10, accumulate=1)
    two = train(1, tmp_path/'two', 20, accumulate=2)             # a checkpoint of two processes, resumed by one
    train(1, tmp_path/'more', 10, accumulate=2)
    more = train(2, tmp_path/'more', 20, accumulate=1)           # and the other way round
    for log in (two, more): same_curves(one, log)
    for name in ('two', 'more'): same_weights(tmp_path/'one', tmp_path/name)
    assert [e['processes'] for e in two + more if e['kind'] == 'start'] == [2, 1, 1, 2]
    for log in (one, two, more):                                 # each point once an epoch, whoever had it; each event once
        assert [e['samples'] for e in log if e['kind'] == 'epoch'] == [33] * 5
        assert [e['samples_s'] > 0 for e in log if e['kind'] == 'step'] == [True] * 20
    # validation: half of the batches each, of all 33 points together
    seen = lambda folder, rank, of, step: json.loads((tmp_path/folder/f'seen_{rank}_of_{of}_{step}.json').read_text())
    for folder, step in (('two', 5), ('two', 10), ('more', 15), ('more', 20)):
        shares = [seen(folder, r, 2, step) for r in (0, 1)]
        assert [len(s) for s in shares] == [21, 12] and sorted(sum(shares, [])) == list(range(33))
    assert [e['points'] for e in more if e['kind'] == 'val'] == [33] * 4
    assert [p.name for p in (tmp_path/'more/voice').iterdir()] == ['by_0']          # written by the main process alone
    assert json.loads((CheckpointManager(tmp_path/'two/checkpoints').load().path/'meta.json').read_text())['step'] == 20


def test_the_acoustic_model_on_two_processes(tmp_path):
    "From the command line, as a user starts it: features are computed once, one log, one voice, the curve of one process."
    from test_exactness import ACOUSTIC, beeps
    corpus = beeps(tmp_path/'corpus')
    ACOUSTIC = ACOUSTIC | dict(model=ACOUSTIC['model'] | dict(dropout=0., predictor_dropout=0., prosody_guess=0.))          # each process has chance of its own
    logs = []
    for processes in (1, 2):
        config = from_dict(Config, ACOUSTIC | dict(training=ACOUSTIC['training'] | dict(max_steps=9, val_every=4, accumulate=2 // processes)))
        save_config(config, tmp_path/f'{processes}.yaml')
        out = launch(processes, '-m', 'amharic_tts.app.cli', 'train', '--config', tmp_path/f'{processes}.yaml', '--data', corpus, '--out', tmp_path/str(processes))
        assert out.count('Hear it') == 1 and out.count('utterances to learn from') == 1, out
        logs.append(read_events(tmp_path/str(processes)/'events.jsonl')[0])
    assert [e['processes'] for e in logs[1] if e['kind'] == 'start'] == [2]
    same_curves(*logs, tolerance=1e-3, kinds=('step', 'val'))
    same_weights(tmp_path/'1', tmp_path/'2', tolerance=1e-2)
    for epochs in ([e['samples'] for e in log if e['kind'] == 'epoch'] for log in logs): assert epochs and set(epochs) == {7}
    voices = [(tmp_path/str(n)/'voice/voice.yaml').read_text() for n in (1, 2)]
    assert voices[0].split('files:')[0].split('validation')[0] == voices[1].split('files:')[0].split('validation')[0]


NOTEBOOK = '''
import sys; sys.path.insert(0, {here!r})
import torch; torch.set_num_threads(1)
from accelerate import notebook_launcher
from test_two_processes import main
notebook_launcher(main, ({folder!r}, 20, 1), num_processes=2, mixed_precision='no', use_port={port!r})
'''


@pytest.mark.skipif(sys.platform == 'win32', reason="notebook_launcher forks")
def test_notebook_launcher(tmp_path):
    "What a notebook's cell does."
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = str(s.getsockname()[1])
    launch(1, '-c', NOTEBOOK.format(here=str(Path(__file__).parent), folder=str(tmp_path/'launched'), port=port))
    launched = read_events(tmp_path/'launched/events.jsonl')[0]
    assert [e['processes'] for e in launched if e['kind'] == 'start'] == [2]
    same_curves(train(1, tmp_path/'one', 20, accumulate=2), launched)


if __name__ == '__main__': sys.exit(EXIT_CODES[main(*sys.argv[1:])])
