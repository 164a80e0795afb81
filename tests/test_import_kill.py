"Imports are killed at random moments and run again, or several run at once: the corpus is the one of an undisturbed import, byte for byte."
import hashlib, multiprocessing, os, random, signal, time
from fractions import Fraction
import av
import numpy as np
import soundfile as sf
from amharic_tts.core import DataError
from amharic_tts.data.tables import import_corpus

KILLS, CLIPS = 20, 120
LETTERS = 'ሀለመረሰቀበተነአከወዘየደገጠጸፈ'


def record(path, wav, rate=16000):
    "An .m4a, as phones make them."
    with av.open(str(path), 'w') as out:
        track = out.add_stream('aac', rate=rate, layout='mono')
        for i in range(0, len(wav), 1024):
            frame = av.AudioFrame.from_ndarray(wav[None, i:i + 1024].astype('f4'), format='fltp', layout='mono')
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), i
            out.mux(track.encode(frame))
        out.mux(track.encode(None))


def make_source(folder):
    "A NeMo manifest: files to copy or to decode, spans of long recordings to cut, and rows that are dropped or mended."
    rng, draw = np.random.default_rng(0), random.Random(0)
    (folder/'wavs').mkdir(parents=True)
    text = lambda: ' '.join(''.join(draw.choices(LETTERS, k=4)) for _ in range(4))
    sf.write(folder/'wavs'/'long.wav', 0.1 * rng.standard_normal(CLIPS * 8000), 16000)
    rows = [f'{{"audio_filepath": "wavs/long.wav", "text": "{text()}", "offset": {i / 2}, "duration": 0.5}}' for i in range(CLIPS)]
    for i in range(CLIPS):
        sf.write(folder/'wavs'/f'{i}.wav', 0.1 * rng.standard_normal(16000) * (i % 17 > 0), 16000)
        rows.append(f'{{"audio_filepath": "wavs/{i}.{"WAV" if i % 5 == 0 else "wav"}", "text": "{text() if i % 13 else "hello"}", "speaker": "s{i % 3}"}}')
    record(folder/'wavs'/'meeting.m4a', 0.1 * rng.standard_normal(20 * 16000))
    for i in range(20):
        record(folder/'wavs'/f'phone{i}.m4a', 0.1 * rng.standard_normal(16000))
        rows.append(f'{{"audio_filepath": "wavs/phone{i}.m4a", "text": "{text()}"}}')
        rows.append(f'{{"audio_filepath": "wavs/meeting.m4a", "text": "{text()}", "offset": {i}, "duration": 1}}')
    draw.shuffle(rows)
    (folder/'rows.jsonl').write_text('\n'.join(rows), encoding='utf-8')
    return folder/'rows.jsonl'


def contents(folder): return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob('*')) if p.is_file()}


def work(source, dest, pipe):
    pipe.send('go')
    try: import_corpus(source, dest, name='corpus', licence='CC0')
    except DataError as e: pipe.send(str(e))
    else: pipe.send('done')


def start(source, dest):
    context = multiprocessing.get_context('forkserver')      # imports everything once, so a child begins within milliseconds
    context.set_forkserver_preload(['amharic_tts.data.tables', 'amharic_tts.audio'])
    ours, theirs = context.Pipe()
    child = context.Process(target=work, args=(source, dest, theirs))
    child.start(); theirs.close()
    assert ours.poll(120) and ours.recv() == 'go'
    return child, ours


def kill(child):
    try: os.kill(child.pid, signal.SIGKILL)
    except ProcessLookupError: pass                          # it was faster


def finish(source, dest):
    child, pipe = start(source, dest)
    began = time.monotonic()
    child.join(120)
    assert child.exitcode == 0 and pipe.recv() == 'done'
    return time.monotonic() - began


def test_killed_twenty_times(tmp_path):
    source, rng = make_source(tmp_path/'source'), random.Random(1)
    finish(source, tmp_path/'warm')
    whole = finish(source, tmp_path/'undisturbed')
    truth = contents(tmp_path/'undisturbed')
    assert len(truth) > CLIPS and sum(n.startswith('audio/phone') for n in truth) == 20 and truth == contents(tmp_path/'warm')          # the same source, the same corpus
    kept, early, late = [], 0, 0
    for k in range(KILLS):
        folder = tmp_path/f'killed{k}'
        folder.mkdir()
        child, pipe = start(source, folder/'c')
        stage = folder/'.c.partial'
        end, clips = time.monotonic() + rng.uniform(0, whole * 0.9), rng.randint(1, 2 * CLIPS) if k % 2 else None       # a moment, or a number of clips
        while child.is_alive() and (time.monotonic() < end if clips is None else len(list(stage.glob('corpus/audio/*'))) < clips): time.sleep(0.001)
        kill(child)
        child.join()
        if (folder/'c').exists(): assert contents(folder/'c') == truth; late += 1       # never half a corpus under its name
        else: kept.append(len(list(stage.glob('corpus/audio/*')))); early += not kept[-1]
        finish(source, folder/'c')
        assert contents(folder/'c') == truth, k
        assert sorted(p.name for p in folder.iterdir()) == ['c']
    print(f"{KILLS} kills: {late} after the end, {early} before the first recording; recordings that were kept: {sorted(kept)}")
    assert sum(0 < n < 2 * CLIPS + 40 for n in kept) >= 3, kept                    # some kills came in the middle


def test_one_import_killed_twenty_times_in_a_row(tmp_path):
    source, rng = make_source(tmp_path/'source'), random.Random(2)
    whole = finish(source, tmp_path/'undisturbed')
    dest = tmp_path/'killed'
    for k in range(KILLS):
        child, pipe = start(source, dest)
        time.sleep(rng.uniform(0, whole * 0.5))
        kill(child)
        child.join()
    finish(source, dest)
    assert contents(dest) == contents(tmp_path/'undisturbed')
    assert not (tmp_path/'.killed.partial').exists()


def test_several_at_once(tmp_path):
    "One of them works, the others are told so and spoil nothing; who comes when it is finished finds it so."
    source, refused = make_source(tmp_path/'source'), 0
    finish(source, tmp_path/'undisturbed')
    truth = contents(tmp_path/'undisturbed')
    for k in range(5):
        folder = tmp_path/f'together{k}'
        folder.mkdir()
        children = [start(source, folder/'c') for _ in range(4)]
        said = [pipe.recv() for _, pipe in children]
        for child, _ in children: child.join()
        assert 'done' in said and all(s == 'done' or 'another import is writing' in s for s in said), said
        refused += sum(s != 'done' for s in said)
        assert contents(folder/'c') == truth and [p.name for p in folder.iterdir()] == ['c']
    assert refused >= 5


def test_the_lock_of_a_killed_import_is_gone(tmp_path):
    source = make_source(tmp_path/'source')
    finish(source, tmp_path/'undisturbed')
    child, _ = start(source, tmp_path/'c')
    while not list((tmp_path/'.c.partial/corpus/audio').glob('*')): time.sleep(0.001)
    os.kill(child.pid, signal.SIGSTOP)                         # it holds the lock, and will never let go by itself
    try:
        second, pipe = start(source, tmp_path/'c')
        assert f'another import is writing {tmp_path/"c"}' in pipe.recv()
    finally: kill(child); child.join()
    second.join()
    finish(source, tmp_path/'c')
    assert contents(tmp_path/'c') == contents(tmp_path/'undisturbed')
