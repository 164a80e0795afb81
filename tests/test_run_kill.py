"A training is killed at random milliseconds, again and again, and resumed each time: it ends with the same weights, to the bit, as one that was left alone."
import multiprocessing, os, random, signal, sys, time
import pytest, torch
from torch import nn
from torch.utils.data import DataLoader
from amharic_tts.core import Config, from_dict
from amharic_tts.training.checkpoint import CheckpointManager
from amharic_tts.training.run import Run, train_here
from amharic_tts.training.trainer import EXIT_CODES

STEPS, KILLS = 240, 20


class Batches:
    "8 of 60 points, another order each epoch."
    def set_epoch(self, e): self.epoch = e
    def __iter__(self):
        order = torch.randperm(60, generator=torch.Generator().manual_seed(self.epoch)).tolist()
        return iter([order[i:i + 8] for i in range(0, 60, 8)])


class Pair:
    "Two nets with an optimizer and a phase each, and dropout: everything that an inexact resume would show in."
    phases = ('teacher', 'pupil')
    def __init__(self):
        net = lambda: nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 1))
        self.model = nn.ModuleDict(dict(teacher=net(), pupil=net()))
    def configure_optimizers(self): return [torch.optim.AdamW(self.model['teacher'].parameters(), lr=0.01), torch.optim.SGD(self.model['pupil'].parameters(), lr=0.01, momentum=0.9)], []
    def counts(self, b): return dict(teacher=len(b['x']), pupil=len(b['x']))
    def weights(self, step): return dict(teacher=1.0, pupil=1.0)
    def losses(self, b, step, phase):
        time.sleep(0.002)
        said = self.model[phase](b['x'])
        return {phase: (said - (torch.sin(3 * b['x']) if phase == 'teacher' else self.model['teacher'](b['x']).detach())).pow(2).sum()}
    def validate(self, batches, step): return dict(loss=sum(float(self.losses(b, step, 'teacher')['teacher']) for b in batches)), {}
    def checkpoint_extras(self): return {}


def make():
    loader = DataLoader([dict(x=x) for x in torch.linspace(-1, 1, 60)], batch_sampler=Batches(), collate_fn=lambda items: dict(x=torch.stack([i['x'] for i in items])[:, None], ids=[str(float(i['x'])) for i in items], mel_lengths=torch.ones(len(items)).long()))
    return Pair(), loader, DataLoader(loader.dataset, batch_size=60, collate_fn=loader.collate_fn)


def train(folder, steps=STEPS):
    torch.set_num_threads(1)
    settings = dict(max_steps=steps, warmup_steps=10, lr=0.01, device='cpu', precision='fp32', log_every=3, val_every=25, save_every=4, keep_last=2, accumulate=3)
    sys.exit(EXIT_CODES[train_here(folder, from_dict(Config, dict(training=settings)), make)])


def wait_for_save(child, folder):
    "Until a checkpoint is being written, or for a second."
    end = time.monotonic() + 1
    while child.exitcode is None and time.monotonic() < end and not any((folder/'checkpoints').glob('.saving-*')): pass


def test_kill_and_resume_is_exact(tmp_path):
    rng, context = random.Random(1), multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['amharic_tts.training.run', 'torch.utils.tensorboard'])
    def start(folder):
        child = context.Process(target=train, args=(folder,))
        child.start()
        return child
    child = start(tmp_path/'straight'); child.join(120)
    assert child.exitcode == 0
    kills, torn, folder = 0, 0, tmp_path/'killed'
    while True:
        size = lambda: (folder/'events.jsonl').stat().st_size if (folder/'events.jsonl').exists() else 0
        before, child = size(), start(folder)
        while child.exitcode is None and size() <= before: time.sleep(0.005)     # it has begun
        if kills < KILLS or torn == 0 and kills < 4 * KILLS:      # at random moments; every other one waits for a save to begin
            if kills % 2: wait_for_save(child, folder)
            else: child.join(rng.uniform(0, 0.2))
        else: child.join(120)
        if child.exitcode is not None: break
        os.kill(child.pid, signal.SIGKILL); child.join()
        kills += 1
        torn += any((folder/'checkpoints').glob('.saving-*'))
    assert child.exitcode == 0
    a, b = (CheckpointManager(f/'checkpoints').load() for f in (tmp_path/'straight', folder))
    assert a.step == b.step == STEPS and a.meta['best_score'] == b.meta['best_score']
    for k, v in a.model.items(): assert torch.equal(v, b.model[k]), k
    for part in ('optimizer_0', 'optimizer_1'):
        for i, s in a.parts[part]['state'].items():
            for k, v in s.items(): assert v is None or torch.equal(torch.as_tensor(v), torch.as_tensor(b.parts[part]['state'][i][k])), (part, i, k)
    runs = [Run.attach(f) for f in (tmp_path/'straight', folder)]
    for kind in ('step', 'val'):
        x, y = (r.losses(kind) for r in runs)
        assert x['step'].tolist() == y['step'].tolist() and x['loss'].tolist() == y['loss'].tolist()
    print(f"{kills} kills, {torn} of them left a half-written checkpoint; the log has {len(runs[1].events())} events, of which {len(runs[1].history())} count")
    assert kills >= KILLS and torn > 0 and len(runs[1].events()) > len(runs[1].history())


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves(tmp_path, number):
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['amharic_tts.training.run', 'torch.utils.tensorboard'])
    child = context.Process(target=train, args=(tmp_path/'run', 10**6))
    child.start()
    end = time.monotonic() + 60
    while not (tmp_path/'run/events.jsonl').exists() or '"step", ' not in (tmp_path/'run/events.jsonl').read_text():
        assert child.exitcode is None and time.monotonic() < end
        time.sleep(0.01)
    os.kill(child.pid, number)
    child.join(30)
    assert child.exitcode == 128 + number                     # what a shell expects of a process that a signal ended
    run = Run.attach(tmp_path/'run')
    last = run.events()[-1]
    assert run.status == 'stopped' and last['kind'] == 'stop' and last['reason'] == number.name
    assert CheckpointManager(tmp_path/'run/checkpoints').load().step == last['step']
