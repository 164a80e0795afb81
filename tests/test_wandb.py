"The real wandb, offline: a training leaves a run folder that `wandb sync` could send, and learns what it learns without."
import json, multiprocessing, struct
import pytest, torch
from amharic_tts.training.checkpoint import CheckpointManager
from amharic_tts.training.events import read_events
from test_exactness import ACOUSTIC, beeps, train

wandb = pytest.importorskip('wandb', reason="pip install 'amharic_tts[wandb]' to test with it")


def test_a_training_in_offline_mode(tmp_path, monkeypatch):
    monkeypatch.setenv('WANDB_MODE', 'offline')
    corpus, context = beeps(tmp_path/'corpus'), multiprocessing.get_context('forkserver')
    for name, project in (('without', ''), ('with', 'amharic'), ('with', 'amharic')):
        settings = ACOUSTIC | dict(training=ACOUSTIC['training'] | dict(max_steps=20 if (tmp_path/'with').exists() or not project else 12, val_every=10, log_every=5, wandb=project))
        child = context.Process(target=train, args=(corpus, tmp_path/name, settings, False))
        child.start(); child.join(180)
        assert child.exitcode == 0
    log = read_events(tmp_path/'with/events.jsonl')[0]
    assert not [e for e in log if e['kind'] == 'warning' and 'Wandb' in e['message']], "it was dropped"
    a, b = (CheckpointManager(tmp_path/n/'checkpoints').load() for n in ('without', 'with'))
    for k, v in a.model.items(): assert torch.equal(v, b.model[k]), k
    runs = sorted((tmp_path/'with/wandb').glob('offline-run-*'))
    name = (tmp_path/'with/wandb/id').read_text()
    assert len(runs) == 2 and all(r.name.endswith(name) for r in runs)                     # two starts of one run
    rows = [row for r in runs for row in history(next(r.glob('*.wandb')))]
    keys = set().union(*rows)
    assert keys >= {'step', 'train/loss', 'train/lr', 'train/grad_norm', 'train/frames_s', 'train/memory_mb', 'epoch/loss', 'val/loss', 'samples/mel/path', 'samples/alignment/path', 'samples/sample/path'}, keys
    assert [r['step'] for r in rows if 'train/loss' in r] == [5, 15]                       # at least ten steps apart in each start
    losses = {e['step']: e['loss'] for e in log if e['kind'] == 'step'}
    assert all(abs(r['train/loss'] - losses[r['step']]) < 1e-5 for r in rows if 'train/loss' in r)
    assert [p for r in runs for p in r.rglob('*.png')] and [p for r in runs for p in r.rglob('*.wav')]


def history(path):
    "The rows of an offline run: records in blocks of 32 kB, as LevelDB writes its log, after 7 bytes that say so."
    from wandb.proto.wandb_internal_pb2 import Record
    data, at, parts = path.read_bytes(), 7, []
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7: at += 32768 - at % 32768; continue
        size, kind = struct.unpack('<HB', data[at + 4:at + 7])
        if kind == 0: break
        parts, at = (parts if kind in (3, 4) else []) + [data[at + 7:at + 7 + size]], at + 7 + size
        if kind not in (1, 4): continue                                                    # whole, or the last part
        record = Record(); record.ParseFromString(b''.join(parts))
        if record.HasField('history'): yield {(i.key or '/'.join(i.nested_key)): json.loads(i.value_json) for i in record.history.item}
