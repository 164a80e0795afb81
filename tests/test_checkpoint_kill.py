"A process that saves in a tight loop is killed at random milliseconds; a usable newest checkpoint is always there."
import errno, multiprocessing, os, random, resource, signal, time
import pytest, torch
from amharic_tts.core import CheckpointError
from amharic_tts.training.checkpoint import Checkpoint, CheckpointManager

KILLS = 30


def state(step):
    "Step `step`: every weight and the optimizer's part hold that number, so a mixture of two saves would show."
    full = lambda *shape: torch.full(shape, float(step))
    return Checkpoint(step, step // 100, dict(a=full(300, 300), b=full(50_000)), dict(optimizer_0=dict(state={0: full(140_000)}), trainer=dict(position=step)))


def save_forever(folder, first, pipe):
    torch.set_num_threads(1)
    manager = CheckpointManager(folder, keep_last=2)
    manager.clean()
    for step in range(first, 10**9):
        pipe.send(('begin', step))
        manager.save(state(step), best=step % 7 == 0)
        pipe.send(('done', step))


def drain(pipe):
    "What the child said before it died."
    said = []
    try:
        while pipe.poll(): said.append(pipe.recv())
    except (EOFError, OSError): pass
    return said


def test_sigkill_at_random_milliseconds(tmp_path):
    rng, folder = random.Random(0), tmp_path/'checkpoints'
    context = multiprocessing.get_context('forkserver')      # imports torch once, so a child begins within milliseconds
    context.set_forkserver_preload(['amharic_tts.training.checkpoint'])
    done, torn, mid_save = 0, 0, 0
    for kill in range(KILLS):
        ours, theirs = context.Pipe()
        child = context.Process(target=save_forever, args=(folder, done + 1, theirs))
        child.start(); theirs.close()
        assert ours.poll(60), "the child never began"
        said = [ours.recv()]
        end = time.monotonic() + rng.uniform(0, 0.3)
        while time.monotonic() < end: time.sleep(max(0, min(0.01, end - time.monotonic()))); said += drain(ours)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        said += drain(ours)
        assert child.exitcode == -signal.SIGKILL
        finished = max([s for what, s in said if what == 'done'], default=done)
        mid_save += said[-1][0] == 'begin'
        torn += any(folder.glob('.saving-*'))
        heard = []
        c = CheckpointManager(folder, warn=heard.append).load()          # before anything is swept up
        assert heard == [], heard                                        # a kill never makes a damaged checkpoint
        if c is None: assert finished == 0; continue
        assert c.step in (finished, finished + 1), "a save that had returned is gone"
        assert all((t == c.step).all() for t in (*c.model.values(), c.parts['optimizer_0']['state'][0])) and c.parts['trainer']['position'] == c.step
        manager = CheckpointManager(folder, keep_last=2)
        manager.clean()
        assert not list(folder.glob('.*')) and manager.load().step == c.step
        assert manager.load('latest').step in (c.step, c.step - 1)
        best = manager.link('best')
        assert best is None or manager.load('best').step % 7 == 0
        done = c.step
    print(f"{KILLS} kills, {done} saves; {mid_save} kills between begin and end of a save, {torn} left a half-written folder")
    assert done >= 10 and torn >= 5, (done, torn)


def save_with_limit(folder, pipe):
    "A real write error in the middle of a file: the system allows no file over 400 kB."
    torch.set_num_threads(1)
    manager = CheckpointManager(folder)
    manager.save(state(1))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try: manager.save(state(2))
    except CheckpointError as e: pipe.send(str(e))
    pipe.send(sorted(os.listdir(folder)))


def test_a_file_that_cannot_grow(tmp_path):
    context = multiprocessing.get_context('forkserver')
    ours, theirs = context.Pipe()
    child = context.Process(target=save_with_limit, args=(tmp_path/'c', theirs))
    child.start()
    message = ours.recv()
    assert 'could not save' in message and 'checkpoint_epoch0_step2' in message and 'Earlier checkpoints are untouched' in message
    assert ours.recv() == ['checkpoint_epoch0_step1', 'checkpoint_latest']
    child.join()
    assert CheckpointManager(tmp_path/'c').load().step == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    manager = CheckpointManager(tmp_path/'c')
    manager.save(state(1))
    (tmp_path/'c').chmod(0o555)
    try:
        with pytest.raises(CheckpointError, match=os.strerror(errno.EACCES)): manager.save(state(2))
    finally: (tmp_path/'c').chmod(0o755)
    assert manager.load().step == 1
