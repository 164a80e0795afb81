"""The real tasks, killed at random milliseconds and resumed each time: the same weights and optimizers, to the bit, as in one go.

60 steps each of the acoustic model and of the vocoder with its discriminators. A server process imports everything once and forks a child for
each start (`forkserver`), so a start takes a tenth of a second. Saves are slowed down in every other child, so that kills fall into the middle of them."""
import multiprocessing, os, random, signal, sys, time
import numpy as np, pytest, soundfile as sf, torch
from amharic_tts.core import Config, from_dict
from amharic_tts.data.corpus import Corpus, Utterance
from amharic_tts.training import checkpoint
from amharic_tts.training.checkpoint import CheckpointManager, load_weights
from amharic_tts.training.run import Run, train_here
from amharic_tts.training.trainer import EXIT_CODES

STEPS, KILLS = 60, 20
LEARNING = dict(max_steps=STEPS, warmup_steps=5, device='cpu', precision='fp32', log_every=3, val_every=15, save_every=4, keep_last=2, keep_best=2, ema_decay=0.9, vocoder='griffin-lim', sample_text='ሰላም።')
ACOUSTIC = dict(model=dict(dim=16, encoder_layers=1, decoder_layers=1, heads=2, ffn_dim=32), data=dict(batch_frames=250, workers=1), training=LEARNING | dict(accumulate=2, schedule='restarts', restart_steps=20))
VOCODER = dict(vocoder=dict(dim=16, layers=1, ffn_dim=32), data=dict(batch_frames=48, workers=1), training=LEARNING | dict(task='vocoder', lr=2e-3),
               vocoding=dict(segment_frames=8, context_frames=2, adversarial_from=20, discriminator_width=2))
WORDS = ['ሰላም ለዓለም።', 'ቡና እና ሻይ።', 'ዛሬ ጥሩ ቀን ነው።', 'ልጆቹ ይጫወታሉ።', 'ውሃ ስጠኝ።', 'መጽሐፉ የት ነው?', 'እናቴ ገበያ ሄደች።', 'ነገ እንገናኝ።']


def beeps(folder):
    "Chords under real words."
    (folder/'audio').mkdir(parents=True)
    rng, items = np.random.default_rng(0), []
    for i, text in enumerate(WORDS):
        t = np.arange(int(22050 * (0.9 + .1 * i))) / 22050
        sf.write(folder/f'audio/{i}.flac', sum(np.sin(2 * np.pi * f * t) for f in (200, 450 + 90 * i, 1800)) * .1 * (1 + .5 * np.sin(8 * np.pi * t)) + .002 * rng.normal(size=len(t)), 22050)
        items.append(Utterance(f'beep{i}', f'audio/{i}.flac', text, speaker='ab'[i % 2], seconds=len(t) / 22050, split='val' if i == 7 else 'train'))
    Corpus(folder, items, dict(name='beeps', licence='CC0-1.0', provenance='made in this test')).write()
    return folder


def train(corpus, folder, settings, slow):
    "One start, until it ends or is killed."
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    config = from_dict(Config, settings)
    if config.training.task == 'vocoder': from amharic_tts.training.vocoding import prepare_vocoder as prepare
    else: from amharic_tts.training.tasks import prepare
    if slow:
        real = checkpoint._hash_and_sync
        checkpoint._hash_and_sync = lambda path: (time.sleep(0.01), real(path))[1]
    sys.exit(EXIT_CODES[train_here(folder, config, lambda: prepare(config, corpus, say=lambda line: None), 'auto')])


def everything(folder):
    "All that a checkpoint holds, flat: name → tensor or number."
    flat = {}
    def walk(name, x):
        if isinstance(x, dict): [walk(f'{name}/{k}', v) for k, v in x.items()]
        elif isinstance(x, (list, tuple)): [walk(f'{name}/{i}', v) for i, v in enumerate(x)]
        else: flat[name] = x
    c = CheckpointManager(folder/'checkpoints').load('latest')
    trainer = {k: v for k, v in c.parts['trainer'].items() if k not in ('window', 'lap')} | {k: {n: v for n, v in c.parts['trainer'][k].items() if n != 'seconds'} for k in ('window', 'lap')}     # but for what the clock said
    walk('', dict(model=c.model, best_score=c.best_score, measures=c.measures, step=c.step, **c.parts | dict(trainer=trainer)))
    return flat


@pytest.mark.parametrize('task', ['acoustic', 'vocoder'])
def test_twenty_kills_change_nothing(tmp_path, task):
    rng, context, corpus = random.Random(task), multiprocessing.get_context('forkserver'), beeps(tmp_path/'corpus')
    context.set_forkserver_preload(['amharic_tts.training.run', 'amharic_tts.training.vocoding', 'torch.utils.tensorboard', 'matplotlib.figure'])
    settings = dict(acoustic=ACOUSTIC, vocoder=VOCODER)[task]
    def start(folder, slow=False):
        child = context.Process(target=train, args=(corpus, folder, settings, slow))
        child.start()
        return child
    child = start(tmp_path/'straight'); begun = time.monotonic(); child.join(300)
    assert child.exitcode == 0
    seconds, folder = time.monotonic() - begun, tmp_path/'killed'
    kills, torn = 0, 0
    saving = lambda: any((folder/'checkpoints').glob('.saving-*'))
    log = folder/'events.jsonl'
    while True:
        before = log.stat().st_size if log.exists() else 0
        child = start(folder, slow=kills % 2 == 1 and kills < KILLS)
        while child.exitcode is None and (not log.exists() or log.stat().st_size <= before): time.sleep(0.002)     # it has begun
        newest = max([int(p.name.rsplit('step', 1)[1]) for p in (folder/'checkpoints').glob('checkpoint_epoch*')], default=0)
        ahead = newest > 2 * (kills + 1)                      # so that the kills are spread over the training: then it is killed sooner
        if kills >= KILLS: child.join(300)
        elif kills % 2:                                       # in the middle of the first, second or third save
            seen, nth, end = set(), 1 if ahead else rng.randint(1, 3), time.monotonic() + 10
            while child.exitcode is None and len(seen) < nth and time.monotonic() < end: seen |= {p.name for p in (folder/'checkpoints').glob('.saving-*')}; time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.03))
        else: child.join(rng.uniform(0, 0.1 if ahead else seconds / 6))
        if child.exitcode is not None: break
        os.kill(child.pid, signal.SIGKILL); child.join()
        assert child.exitcode == -signal.SIGKILL
        kills += 1
        torn += saving()
    assert child.exitcode == 0, log.read_text()[-2000:]
    runs = [Run.attach(f) for f in (tmp_path/'straight', folder)]
    starts = [e['step'] for e in runs[1].events() if e['kind'] == 'start']
    print(f"{task}: {seconds:.1f} s in one go; {kills} kills, {torn} of them in a save that was not finished; went on from steps {starts}")
    a, b = (everything(f) for f in (tmp_path/'straight', folder))
    assert a.keys() == b.keys() and len(a) > 100 and {k.split('/')[1] for k in a} >= {'model', 'optimizer_0', 'scheduler_0', 'rng', 'ema', 'trainer'} | ({'optimizer_1'} if task == 'vocoder' else set())
    for k, v in a.items(): assert torch.equal(v, b[k]) if isinstance(v, torch.Tensor) else v == b[k], k
    for kind in ('step', 'val'):                             # and the log, as it counts, is that of one go
        x, y = (r.losses(kind) for r in runs)
        assert x['step'].tolist() == y['step'].tolist() and x['loss'].tolist() == y['loss'].tolist()
    voices = [load_weights(f/'voice'/('vocoder.safetensors' if task == 'vocoder' else 'model.safetensors')) for f in (tmp_path/'straight', folder)]
    for k, v in voices[0].items(): assert torch.equal(v, voices[1][k]), k
    assert kills == KILLS and torn >= 3 and len(set(starts)) >= 3, (kills, torn, starts)
