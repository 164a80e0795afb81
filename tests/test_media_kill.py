"An import of media is killed at random moments; run again, its corpus is the same as an undisturbed one, byte for byte."
import multiprocessing, os, random, resource, signal, time
from fractions import Fraction
import av, numpy as np, pytest, soundfile as sf
from amharic_tts.core import DataError
from amharic_tts.data.synthetic import demo_sentences, synthesize
from amharic_tts.data.tables import import_corpus

KILLS, RATE = 20, 22050


def write_mkv(path, wav, cues):
    "Sound, and cues `(start, end, text)` as a track inside."
    with av.open(str(path), 'w') as out:
        sound, track = out.add_stream('pcm_s16le', rate=RATE, layout='mono'), out.add_mux_stream('srt')
        for i in range(0, len(wav), RATE):
            frame = av.AudioFrame.from_ndarray(np.rint(wav[None, i:i + RATE] * 2**15).astype('i2'), format='s16', layout='mono')
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), i
            out.mux(sound.encode(frame))
        for a, b, text in cues:
            packet = av.Packet(text.encode())
            packet.stream, packet.time_base = track, Fraction(1, 1000)
            packet.pts = packet.dts = round(a * 1000); packet.duration = round((b - a) * 1000)
            out.mux(packet)


@pytest.fixture(scope='module')
def media(tmp_path_factory):
    "A folder with two small recordings, one with a subtitle file and one with its subtitles inside."
    pytest.importorskip('espeakng_loader')
    folder = tmp_path_factory.mktemp('media')
    spoken = synthesize(demo_sentences()[:24], folder/'spoken')
    stamp = lambda t: f'{int(t // 3600):02d}:{int(t // 60 % 60):02d}:{t % 60:06.3f}'.replace('.', ',')
    (folder/'films').mkdir()
    for name, us in (('one', spoken.utterances[:14]), ('two', spoken.utterances[14:])):
        parts, cues, t = [np.zeros(RATE // 2)], [], 0.5
        for u in us:
            wav, _ = sf.read(spoken.audio_path(u))
            cues.append((t, t + len(wav) / RATE, u.text))
            parts += [wav, np.zeros(RATE // 3)]
            t += len(wav) / RATE + (RATE // 3) / RATE
        wav, cues = np.concatenate(parts) + np.random.default_rng(0).normal(0, 3e-4, sum(map(len, parts))), [(0, 0.1, '[ሙዚቃ]'), *cues]
        if name == 'two': write_mkv(folder/'films'/'two.mkv', wav, cues); continue
        sf.write(folder/'films'/f'{name}.wav', wav, RATE)
        (folder/'films'/f'{name}.srt').write_text(''.join(f'{i}\n{stamp(a)} --> {stamp(b)}\n{text}\n\n' for i, (a, b, text) in enumerate(cues)), encoding='utf-8')
    return folder/'films'


def work(media, dest, pipe=None, limit=None):
    from amharic_tts.data.media_corpus import import_media
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if pipe: pipe.send('begin')
    try: import_media(media, dest, speaker='almaz', name='films')
    except DataError as e: pipe.send(str(e))
    if pipe: pipe.send('done')


def content(folder): return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob('*')) if p.is_file()}


@pytest.fixture(scope='module')
def forked():
    context = multiprocessing.get_context('forkserver')          # imports once, so a child begins within milliseconds
    context.set_forkserver_preload(['amharic_tts.data.media_corpus', 'amharic_tts.text.normalize', 'onnxruntime', 'av', 'scipy.signal', 'scipy.ndimage'])
    return context


def start(forked, *args):
    ours, theirs = forked.Pipe()
    child = forked.Process(target=work, args=(args[0], args[1], theirs, *args[2:]))
    child.start(); theirs.close()
    assert ours.poll(120) and ours.recv() == 'begin'
    return child, ours


def test_killed_at_random_moments(media, tmp_path, forked):
    lasts = 60
    for name in ('whole', 'second'):                             # the second time everything is warm
        child, said = start(forked, media, tmp_path/name)
        begun = time.monotonic()
        assert said.poll(120) and said.recv() == 'done'
        lasts = min(lasts, time.monotonic() - begun)
        child.join()
    whole = content(tmp_path/'whole')
    assert len(whole) == 26 and content(tmp_path/'second') == whole and sorted(os.listdir(tmp_path)) == ['second', 'whole']
    rng, kills, kept, film = random.Random(0), 0, 0, 0           # kills before the end; those that left finished clips
    while kills < KILLS and film < 3 * KILLS:
        film += 1
        dest, audio = tmp_path/f'dest{film}', tmp_path/f'.dest{film}.partial/corpus/audio'
        times = lambda: {p.name: p.stat().st_mtime_ns for p in audio.glob('*.flac')} if audio.exists() else {}
        for _ in range(3):                                       # each import is killed up to three times
            before = times()
            child, said = start(forked, media, dest)
            end, clips = time.monotonic() + rng.uniform(0, lasts), rng.randint(1, 24) if rng.random() < 0.5 else None
            while child.is_alive() and (time.monotonic() < end if clips is None else len(times()) < clips): time.sleep(0.001)    # a moment, or a number of clips
            child.kill()                                         # SIGKILL; it may have finished
            child.join()
            if dest.exists(): break
            now = times()
            kills, kept = kills + 1, kept + bool(now)
            assert all(now.get(n) == t for n, t in before.items())       # finished clips are not made again
            assert all((audio/n).read_bytes() == whole[f'audio/{n}'] for n in now)
        if not dest.exists():
            child, said = start(forked, media, dest)
            assert said.poll(120) and said.recv() == 'done'
            child.join()
        assert content(dest) == whole                            # what has its name is whole
    print(f"{kills} kills of {film} imports of {lasts:.1f} s, {kept} of them with finished clips")
    assert kills >= KILLS and kept >= 2


def test_a_disk_that_is_full(media, tmp_path, forked):
    "A real write error in the middle of a clip: the system allows no file over 30 kB."
    child, said = start(forked, media, tmp_path/'dest', 30_000)
    message = said.recv()
    child.join()
    assert 'cannot be written' in message or 'cannot write' in message, message
    assert not (tmp_path/'dest').exists()
    stage = tmp_path/'.dest.partial'
    assert not [p for p in stage.rglob('*.tmp')] and all(sf.info(p).frames for p in stage.rglob('*.flac'))
    child, said = start(forked, media, tmp_path/'dest')
    assert said.recv() == 'done'
    child.join()
    assert len(content(tmp_path/'dest')) == 26 and not stage.exists()


def test_several_at_once(media, tmp_path, forked):
    "One works, the others are told so; where media and a table go to one place, it is the same."
    child, said = start(forked, media, tmp_path/'whole')
    assert said.recv() == 'done'
    child.join()
    children = [start(forked, media, tmp_path/'dest') for _ in range(3)]
    messages = [said.recv() for _, said in children]
    for child, _ in children: child.join()
    assert 'done' in messages and any('another import is writing' in m for m in messages), messages
    assert content(tmp_path/'dest') == content(tmp_path/'whole') and sorted(os.listdir(tmp_path)) == ['dest', 'whole']
    child, _ = start(forked, media, tmp_path/'mixed')
    while not (tmp_path/'.mixed.partial/corpus').exists(): time.sleep(0.001)       # it has the lock
    os.kill(child.pid, signal.SIGSTOP)
    try:
        with pytest.raises(DataError, match='another import is writing'): import_corpus(tmp_path/'whole', tmp_path/'mixed')
    finally: child.kill(); child.join()
    assert len(import_corpus(tmp_path/'whole', tmp_path/'mixed')) == 24
