"Two processes (DDP over gloo) learn what one process learns that accumulates twice as many batches; this file is also the script they run."
import json, os, subprocess, sys
from pathlib import Path
import torch
from torch import nn
from torch.utils.data import DataLoader
from amharic_tts.core import Config, from_dict
from amharic_tts.training.checkpoint import CheckpointManager
from amharic_tts.training.trainer import EXIT_CODES, Trainer, read_events


class Batches:
    "7 batches of 5 of 33 points: an odd number, so in the last step one process has nothing of its own; the last batch is short."
    def set_epoch(self, e): self.epoch = e
    def __iter__(self):
        order = torch.randperm(33, generator=torch.Generator().manual_seed(self.epoch)).tolist()
        return iter([order[i:i + 5] for i in range(0, 33, 5)])


class Curve:
    def __init__(self):
        torch.manual_seed(3)
        self.model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    def configure_optimizers(self): return [torch.optim.AdamW(self.model.parameters(), lr=0.03)], []
    def counts(self, b): return dict(square=len(b['x']))
    def weights(self, step): return dict(square=1.0)
    def losses(self, b, step): return dict(square=(self.model(b['x']) - torch.sin(3 * b['x'])).pow(2).sum())
    def validate(self, batches, step): return dict(loss=sum(float(self.losses(b, step)['square']) for b in batches) / 33), {}
    def checkpoint_extras(self): return {}


def main(folder, steps, accumulate):
    training = dict(max_steps=int(steps), warmup_steps=3, schedule='constant', lr=0.03, device='cpu', precision='fp32', log_every=1, val_every=10, save_every=10, accumulate=int(accumulate))
    loader = DataLoader([dict(x=x, id=i) for i, x in enumerate(torch.linspace(-1, 1, 33))], batch_sampler=Batches(),
                        collate_fn=lambda items: dict(x=torch.stack([i['x'] for i in items])[:, None], ids=[i['id'] for i in items]))
    sys.exit(EXIT_CODES[Trainer(Curve(), from_dict(Config, dict(training=training)), loader, DataLoader(loader.dataset, batch_size=33, collate_fn=loader.collate_fn), folder).fit()])


def train(processes, folder, steps, accumulate):
    python = [sys.executable] + (['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes)] if processes > 1 else [])
    done = subprocess.run([*python, __file__, str(folder), str(steps), str(accumulate)], capture_output=True, text=True, timeout=240, env=os.environ | {'OMP_NUM_THREADS': '1', 'ACCELERATE_USE_CPU': 'true'})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return read_events(Path(folder)/'events.jsonl')[0]


def test_two_processes_learn_what_one_does(tmp_path):
    one = train(1, tmp_path/'one', 20, accumulate=2)
    train(2, tmp_path/'two', 10, accumulate=1)
    two = train(1, tmp_path/'two', 20, accumulate=2)             # a checkpoint of two processes, resumed by one
    numbers = lambda events, kind: [(e['step'], e['loss'], e.get('grad_norm')) for e in events if e['kind'] == kind]
    for kind in ('step', 'val'):
        a, b = numbers(one, kind), numbers(two, kind)
        assert [x[0] for x in a] == [x[0] for x in b]
        for x, y in zip(a, b):
            assert abs(x[1] - y[1]) < 1e-5, (kind, x, y)
            assert x[2] is None or abs(x[2] - y[2]) < 1e-4, (kind, x, y)
    assert [e['processes'] for e in two if e['kind'] == 'start'] == [2, 1]
    assert [e['samples_s'] > 0 for e in two if e['kind'] == 'step'] == [True] * 20
    a, b = (CheckpointManager(tmp_path/f/'checkpoints').load() for f in ('one', 'two'))
    assert (a.step, a.epoch) == (b.step, b.epoch) == (20, 4)
    for k, v in a.model.items(): assert (v - b.model[k]).abs().max() < 1e-4, k
    assert json.loads((b.path/'meta.json').read_text())['step'] == 20


if __name__ == '__main__': main(*sys.argv[1:])
