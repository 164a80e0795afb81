"Every command as a process, with right and with wrong arguments."
import json, os, signal, subprocess, sys, time, wave
from pathlib import Path
import pytest

COMMANDS = ['normalize', 'phonemize', 'gemination train', 'tokenizer train', 'tokenizer merge', 'tokenizer inspect', 'corpus import', 'corpus synthesize', 'corpus split', 'corpus audit', 'corpus align', 'corpus merge', 'corpus export', 'corpus download', 'train', 'find-lr', 'say', 'export', 'evaluate', 'demo']
SCRIPT = Path(sys.executable).parent/'amharic-tts'
ROOT = Path(__file__).parents[1]


def seconds(path):
    with wave.open(str(path)) as f: return f.getnframes() / f.getframerate()


# ---- help

@pytest.mark.parametrize('command', ['', 'corpus', *COMMANDS])
def test_help_answers_within_a_second_and_without_torch(command):
    took = []
    for _ in range(4):
        start = time.perf_counter()
        done = subprocess.run([SCRIPT, *command.split(), '--help'], capture_output=True, text=True)
        took.append(time.perf_counter() - start)
        if took[-1] <= 1: break                         # the machine may be busy; the program is not
    assert done.returncode == 0 and done.stdout.startswith('usage: amharic-tts') and done.stderr == ''
    assert min(took) <= 1, took
    spy = f"import sys\nfrom amharic_tts.app.cli import main\nassert main({[*command.split(), '--help']}) == 0\nassert not {{'torch', 'numpy', 'numba', 'matplotlib'}} & set(sys.modules)"
    assert subprocess.run([sys.executable, '-c', spy], capture_output=True).returncode == 0


def test_help_lists_everything(cli):
    text = cli('--help').out
    assert all(c in text for c in COMMANDS)
    text = cli('train', '--help').out
    from amharic_tts.core import get_default_config, to_dict
    for section, values in to_dict(get_default_config()).items():
        for key in values: assert f'--{section}.{key} ' in text
    assert 'optimizer steps' in text and 'upper limit of mel frames in one batch' in ' '.join(text.split())


def test_version(cli): assert cli('--version').out.strip() == 'amharic-tts 0.1.0'


# ---- mistakes that are seen before anything is loaded

@pytest.mark.parametrize('words, args', [
    (["no command 'trian'", "Did you mean 'train'?"], 'trian'),
    (["no command 'corpus inport'", "'corpus import'"], 'corpus inport a b'),
    (['import, synthesize, split'], 'corpus'),
    (['--sped', "Did you mean '--speed'?"], 'say --voice v --out a.wav --sped 2 x'),
    (['--training.max_step', "'--training.max_steps'"], 'train --config base --data c --out r --training.max_step 3'),
    (['--training.max_steps', 'int', "'ten'"], 'train --config base --data c --out r --training.max_steps ten'),
    (['--training.schedule', 'cosine, restarts, exponential, plateau, constant'], 'train --config base --data c --out r --training.schedule cosin'),
    (['--data, --out must be given'], 'train --config base'),
    (['no config file nothing.yaml'], 'train --config nothing.yaml --data c --out r'),
    (['no corpus folder c'], 'train --config base --data c --out r'),
    (['SOURCE, DEST must be given'], 'corpus import'),
    (['--val wants int or float'], 'corpus split c --val half'),
    (['no corpus folder nowhere'], 'corpus split nowhere'),
    (['expected one argument'], 'say --voice v --out'),
    (['nothing to say'], 'say --voice v --out a.wav'),
    (['not both'], 'say --voice v --out d --file f x'),
    (['a.mp3'], 'say --voice v --out a.mp3 x'),
    (['no text file nothing.txt'], 'say --voice v --out d --file nothing.txt'),
    (['no text file nothing.txt'], 'corpus synthesize d --sentences nothing.txt'),
    (["no voice 'amm'", "Did you mean 'am'?"], 'corpus synthesize d --voice amm'),
    (['rate is 20'], 'corpus synthesize d --rate 20'),
    (['limit is 0'], 'corpus synthesize d --limit 0'),
    (['no voice folder v'], 'export v d'),
    (['VOICE, FOLDER must be given'], 'export'),
    (['no corpus folder c'], 'evaluate --voice v --data c'),
    (['limit is 2'], 'demo --limit 2 --out d'),
    (["'--training.lr'"], 'demo --training.rl 3'),
])
def test_usage(refused, tmp_path, words, args):
    refused(2, words, *args.split(), cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []                      # and nothing was made


def test_debug_shows_where(cli):
    for args in (['--debug', 'corpus', 'split', 'nowhere'], ['corpus', '--debug', 'split', 'nowhere'], ['corpus', 'split', 'nowhere', '--debug']):
        got = cli(*args)
        assert got.status == 2 and 'Traceback' in got.err and 'no corpus folder nowhere' in got.err


def test_a_reader_that_goes_away():
    process = subprocess.Popen([SCRIPT, 'train', '--help'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    err = process.stderr.read().decode()
    process.wait()
    assert 'Traceback' not in err and 'BrokenPipe' not in err, err


# ---- corpora

def test_synthesize_and_split(cli, refused, trained):
    synthesize, split = trained.said[:2]
    assert '24 utterances' in synthesize.out and f'corpus split {trained.corpus}' in synthesize.out
    assert 'train 18' in split.out and 'val 3' in split.out and 'test 3' in split.out
    first = (trained.corpus/'manifest.jsonl').read_text(encoding='utf-8').splitlines()[0]
    assert json.loads(first)['text'] in (ROOT/'amharic_tts'/'assets'/'demo_sentences.txt').read_text(encoding='utf-8')
    assert len((trained.corpus/'boundaries.jsonl').read_text(encoding='utf-8').splitlines()) == 24
    refused(2, ['exists and is not empty', str(trained.corpus)], 'corpus', 'synthesize', trained.corpus)
    refused(2, ['val=99'], 'corpus', 'split', trained.corpus, '--val', 99)


def test_sentences_of_ones_own(cli, refused, tmp_path):
    pytest.importorskip('espeakng_loader')
    (tmp_path/'lines.txt').write_text('ሰላም ለዓለም።\n\n☂\nደህና ነህ?\n', encoding='utf-8')
    got = cli('corpus', 'synthesize', tmp_path/'c', '--sentences', tmp_path/'lines.txt', '--voice', 'am+f3', '--rate', 170)
    assert got.status == 0 and '2 utterances' in got.out and 'dropped 1' in got.out, got.out + got.err
    assert 'voice am+f3, 170 words per minute' in (tmp_path/'c'/'corpus.yaml').read_text()
    (tmp_path/'odd.txt').write_text('☂\n', encoding='utf-8')
    refused(1, ['none of 1 sentences'], 'corpus', 'synthesize', tmp_path/'d', '--sentences', tmp_path/'odd.txt')
    assert not (tmp_path/'d').exists()


def test_split_is_seeded(cli, trained, tmp_path):
    import shutil
    shutil.copytree(trained.corpus, tmp_path/'c', ignore=shutil.ignore_patterns('audio', 'features'))
    manifest = lambda: (tmp_path/'c'/'manifest.jsonl').read_text(encoding='utf-8')
    was = manifest()
    assert cli('corpus', 'split', tmp_path/'c', '--val', 3, '--test', 3).status == 0 and manifest() == was
    assert cli('corpus', 'split', tmp_path/'c', '--val', 3, '--test', 3, '--seed', 1).status == 0 and manifest() != was


# ---- training

def test_train_leaves_a_run(trained):
    from amharic_tts.core import load_config
    assert 'step 8' in trained.said[2].out and 'amharic-tts say' in trained.said[2].out
    assert {'config.yaml', 'events.jsonl', 'checkpoints', 'samples', 'tb', 'voice'} <= {p.name for p in trained.run.iterdir()}
    assert load_config(trained.run/'config.yaml').training.max_steps == 8 and load_config(trained.run/'config.yaml').model.dim == 32
    assert (trained.run/'checkpoints'/'checkpoint_latest').resolve().name.endswith('step8')


def test_interrupt_saves_and_the_same_command_goes_on(cli, trained, tiny, tmp_path):
    command = ['train', '--config', 'base', '--data', trained.corpus, '--out', tmp_path/'run', *tiny, '--training.max_steps', 100000]
    process = subprocess.Popen([SCRIPT, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    events = tmp_path/'run'/'events.jsonl'
    end = time.monotonic() + 120
    while not (events.exists() and '"kind": "step"' in events.read_text()):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and 'Traceback' not in err and 'the same command goes on' in out, (out, err)
    there = int((tmp_path/'run'/'checkpoints'/'checkpoint_latest').resolve().name.split('step')[1])
    assert there > 0
    got = cli(*command[:-1], there + 3)
    assert got.status == 0 and f'step {there}  resume' in got.out, got.out + got.err
    assert (tmp_path/'run'/'voice'/'voice.yaml').is_file()


def test_a_vocoder_of_ones_own(cli, refused, trained, tiny, tmp_path):
    small = ['--vocoder.dim', 32, '--vocoder.layers', 1, '--vocoder.ffn_dim', 64, '--vocoding.segment_frames', 16, '--vocoding.discriminator_width', 4, '--vocoding.adversarial_from', 2, '--training.max_steps', 4]
    got = cli('train', '--config', 'vocoder', '--data', trained.corpus, '--out', tmp_path/'vocoder', *small)
    made = tmp_path/'vocoder'/'voice'/'vocoder.safetensors'
    assert got.status == 0 and f'--training.vocoder {made}' in got.out, got.out + got.err
    assert cli('train', '--config', 'base', '--data', trained.corpus, '--out', tmp_path/'run', *tiny, '--training.max_steps', 2, '--training.vocoder', made).status == 0
    voice = tmp_path/'run'/'voice'
    assert (voice/'vocoder.safetensors').read_bytes() == made.read_bytes()
    assert cli('say', '--voice', voice, '--out', tmp_path/'a.wav', 'ሰላም').status == 0
    refused(2, ['there is no vocoder file'], 'train', '--config', 'base', '--data', trained.corpus, '--out', tmp_path/'b', *tiny, '--training.vocoder', tmp_path/'nothing.safetensors')
    got = cli('train', '--config', 'vocoder', '--data', trained.corpus, '--out', tmp_path/'matched', *small, '--vocoding.match', voice, '--training.max_steps', 2)
    assert got.status == 0 and f"--voice {tmp_path/'matched'/'voice'}" in got.out, got.out + got.err
    assert cli('say', '--voice', tmp_path/'matched'/'voice', '--out', tmp_path/'c.wav', 'ሰላም').status == 0


def test_resume_options(refused, trained, tiny, tmp_path):
    again = ['train', '--config', 'base', '--data', trained.corpus, '--out', trained.run, *tiny]
    refused(2, [str(trained.run), 'holds a training already'], *again, '--resume', 'never')


# ---- text

def test_normalize_lines(tmp_path, refused):
    "Lines in, lines out, as they come; what cannot be read goes to stderr with its place."
    done = subprocess.run([SCRIPT, 'normalize'], input='በ2017 ዓ.ም\n\nBBC ☂\n', capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, 'በሁለት ሺህ አሥራ ሰባት ዓመተ ምሕረት\n\nቢቢሲ\n')
    assert done.stderr == "line 3, character 5: not read: '☂', symbol without a reading\n"
    done = subprocess.run([SCRIPT, 'normalize'], input='ሰላም '.encode() + b'\xff', capture_output=True)
    assert (done.returncode, done.stdout.decode()) == (0, 'ሰላም\n') and '\ufffd' in done.stderr.decode()
    (tmp_path/'lines.txt').write_text('3%\n1ኛ', encoding='utf-8')
    done = subprocess.run([SCRIPT, 'normalize', '--trace', '--file', tmp_path/'lines.txt'], capture_output=True, text=True)
    first, second = map(json.loads, done.stdout.splitlines())
    assert first['spoken'] == 'ሦስት በመቶ' and second['written'] == '1ኛ'
    assert first['trace'] == [dict(start=0, end=2, written='3%', spoken='ሦስት በመቶ', kind='measure', reason='')]
    refused(2, ['not both'], 'normalize', '--file', tmp_path/'lines.txt', 'ሰላም')
    refused(2, ['no text file'], 'normalize', '--file', tmp_path/'nothing.txt')


def test_a_reader_that_leaves_early():
    "`… | head` ends quietly."
    done = subprocess.run(f"yes 'በ2017 ዓ.ም ሰላም' | head -20000 | {SCRIPT} normalize | head -1", shell=True, capture_output=True, text=True)
    assert done.stdout.startswith('በሁለት ሺህ') and done.stderr == ''


def test_phonemize(cli, refused, tmp_path):
    assert cli('phonemize', 'ትምህርት ቤቱ፣ አለ፟።').out == 'tɨmhɨrt betu፣ ʔallə።\n'
    (tmp_path/'words.tsv').write_text('regular\tgeminated\nአለ\tአለ፟\n', encoding='utf-8')
    assert cli('phonemize', '--gemination', tmp_path/'words.tsv', 'አለ').out == 'ʔallə\n'
    refused(2, ['nothing.tsv'], 'phonemize', '--gemination', tmp_path/'nothing.tsv', 'አለ')


def test_gemination_train(cli, refused, tmp_path):
    from amharic_tts.text.lexicon import example_words
    (tmp_path/'words.tsv').write_text('regular\tgeminated\n' + ''.join(f"{w.replace(chr(0x135f), '')}\t{w}\n" for w in example_words()), encoding='utf-8')
    got = cli('gemination', 'train', tmp_path/'words.tsv', '--out', tmp_path/'g.npz', '--folds', 2)
    assert got.status == 0 and 'errors removed' in got.out and (tmp_path/'g.npz').is_file(), got.err
    assert cli('phonemize', '--gemination', tmp_path/'g.npz', 'ተሰበረ').out == 'təsəbbərə\n'
    refused(2, ['named .npz'], 'gemination', 'train', tmp_path/'words.tsv', '--out', tmp_path/'g.bin')
    refused(2, ['there is no lexicon'], 'gemination', 'train', tmp_path/'nothing.tsv', '--out', tmp_path/'h.npz')
    (tmp_path/'bad.tsv').write_text('regular\tgeminated\nሰላም\n', encoding='utf-8')
    refused(1, ['no usable word', 'line 2'], 'gemination', 'train', tmp_path/'bad.tsv', '--out', tmp_path/'h.npz')
    refused(1, ['damaged'], 'phonemize', '--gemination', damaged(tmp_path/'g.npz'), 'ሰላም')
    assert not (tmp_path/'h.npz').exists()


def damaged(path):
    "The file, cut short."
    path.write_bytes(path.read_bytes()[:-300])
    return path


# ---- vocabularies

def english(path):
    "A small SentencePiece model of English, as large models ship one."
    import io, random
    from sentencepiece import SentencePieceTrainer
    rng, words = random.Random(0), 'the of and to in is it was for on are as with his they at be this from have or by one had not but what all were when we there can an your'.split()
    SentencePieceTrainer.train(sentence_iterator=iter(' '.join(rng.choices(words, k=8)) for _ in range(400)), model_writer=(out := io.BytesIO()), vocab_size=55, model_type='unigram', num_threads=1, minloglevel=2)
    path.write_bytes(out.getvalue())
    return path


def test_tokenizer_train_merge_inspect(cli, refused, tmp_path):
    from amharic_tts.data.synthetic import demo_sentences
    (texts := tmp_path/'texts.txt').write_text('\n'.join(demo_sentences()[:200]), encoding='utf-8')
    got = cli('tokenizer', 'train', texts, tmp_path/'tok', '--vocab_size', 400)
    assert got.status == 0 and '400' in got.out, got.err
    assert cli('tokenizer', 'train', texts, tmp_path/'bpe', '--vocab_size', 400, '--model_type', 'bpe').status == 0
    got = cli('tokenizer', 'inspect', tmp_path/'tok', 'ሰላም', 'ለዓለም')
    assert got.status == 0 and '400' in got.out and 'ለ' in got.out, got.err
    base = english(tmp_path/'base.model')
    got = cli('tokenizer', 'merge', base, tmp_path/'tok', tmp_path/'merged', '--target', 700)
    assert got.status == 0, got.err
    from sentencepiece import SentencePieceProcessor
    old, new = (SentencePieceProcessor(model_file=str(f)) for f in (base, tmp_path/'merged'/'base.model'))
    assert new.vocab_size() == 700 and [new.id_to_piece(i) for i in range(55)] == [old.id_to_piece(i) for i in range(55)]
    assert new.encode('what was it for') == old.encode('what was it for') and new.decode(new.encode('ሰላም ለዓለም')) == 'ሰላም ለዓለም'
    assert json.loads((tmp_path/'merged'/'merge.json').read_text(encoding='utf-8'))['base_size'] == 55
    refused(2, ['unigram', 'bpe'], 'tokenizer', 'merge', base, tmp_path/'bpe', tmp_path/'m2')
    refused(2, ['smallest'], 'tokenizer', 'merge', base, tmp_path/'tok', tmp_path/'m2', '--target', 100)
    refused(2, ['smallest that works'], 'tokenizer', 'train', texts, tmp_path/'t2', '--vocab_size', 50)
    refused(2, ['unigram, bpe'], 'tokenizer', 'train', texts, tmp_path/'t2', '--model_type', 'words')
    refused(2, ['there is no tokenizer'], 'tokenizer', 'inspect', tmp_path/'nothing')
    (tmp_path/'latin.txt').write_text('☂\n', encoding='utf-8')
    refused(1, ['no Amharic'], 'tokenizer', 'train', tmp_path/'latin.txt', tmp_path/'t2')
    assert not (tmp_path/'t2').exists() and not (tmp_path/'m2').exists()


# ---- speaking

def test_say(cli, refused, trained, tmp_path):
    got = cli('say', '--voice', trained.voice, '--out', tmp_path/'new'/'a.wav', 'ሰላም ለዓለም።')
    assert got.status == 0 and 'a.wav' in got.out, got.err
    slow = cli('say', '--voice', trained.voice, '--out', tmp_path/'b.wav', '--speed', 0.5, '--speaker', 'espeak-am', 'ሰላም', 'ለዓለም።')     # words without quotes
    assert slow.status == 0 and seconds(tmp_path/'b.wav') > 1.5 * seconds(tmp_path/'new'/'a.wav') > 0.1
    refused(2, ["no speaker 'espeak'", "Did you mean 'espeak-am'?"], 'say', '--voice', trained.voice, '--out', tmp_path/'c.wav', '--speaker', 'espeak', 'ሰላም')
    refused(2, ['speed'], 'say', '--voice', trained.voice, '--out', tmp_path/'c.wav', '--speed', 0, 'ሰላም')
    assert not (tmp_path/'c.wav').exists()


def test_say_a_file(refused, trained, tmp_path):
    (tmp_path/'lines.txt').write_text('ሰላም ለዓለም።\n\n☂\nደህና ነህ?\n', encoding='utf-8')
    got = refused(1, ['line 3', '1 of 4 lines'], 'say', '--voice', trained.voice, '--file', tmp_path/'lines.txt', '--out', tmp_path/'spoken')
    assert 'line 2 is empty' in got.out
    assert sorted(p.name for p in (tmp_path/'spoken').iterdir()) == ['0001.wav', '0004.wav']       # a line keeps its number


def test_say_a_book(cli, refused, trained, tmp_path):
    "A file into one WAV file, as one text: unreadable parts are named, empty lines are paragraphs."
    text = 'ሰላም ለዓለም።\n\n☂\nደህና ነህ?\n'
    (tmp_path/'book.txt').write_text(text, encoding='utf-8')
    got = cli('say', '--voice', trained.voice, '--file', tmp_path/'book.txt', '--out', tmp_path/'book.wav')
    assert got.status == 0 and 'book.wav' in got.out and "not read: Unread(position=11, text='☂'" in got.err, got.out + got.err
    assert cli('say', '--voice', trained.voice, '--out', tmp_path/'words.wav', text).status == 0
    assert (tmp_path/'words.wav').read_bytes() == (tmp_path/'book.wav').read_bytes()
    (tmp_path/'odd.txt').write_text('☂\n', encoding='utf-8')
    refused(1, ['nothing in', '☂'], 'say', '--voice', trained.voice, '--file', tmp_path/'odd.txt', '--out', tmp_path/'odd.wav')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['book.txt', 'book.wav', 'odd.txt', 'words.wav']


def test_from_python(trained):
    code = ("from amharic_tts.speak.inference import Voice\nimport sys\ns = Voice.load(sys.argv[1]).say('ሰላም ለዓለም።')\n"
            "assert s.wav.dtype == 'float32' and s.wav.ndim == 1 and s.sample_rate == 22050 and '<audio' in s._repr_html_()")
    done = subprocess.run([sys.executable, '-c', code, str(trained.voice)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- exporting

def test_export(cli, refused, trained, tmp_path):
    "To a folder that speaks where there is no torch; as the voice does."
    pytest.importorskip('onnxscript'); pytest.importorskip('onnxruntime')
    got = cli('export', trained.voice, tmp_path/'onnx')
    assert got.status == 0 and 'differences from torch' in got.out and f"python {tmp_path/'onnx'/'speak.py'}" in got.out and got.err == '', got.out + got.err
    no_torch = "import runpy, sys; sys.modules['torch'] = None; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run([sys.executable, '-c', no_torch, tmp_path/'onnx'/'speak.py', 'ሰላም ለዓለም። ደህና ነህ?', tmp_path/'a.wav', '--speed', '0.8'], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout + done.stderr == '', done.stderr
    assert cli('say', '--voice', trained.voice, '--out', tmp_path/'b.wav', '--speed', 0.8, 'ሰላም ለዓለም። ደህና ነህ?').status == 0
    assert seconds(tmp_path/'a.wav') == seconds(tmp_path/'b.wav') > 0.5
    refused(2, ['exists and is not empty'], 'export', trained.voice, tmp_path/'onnx')
    (tmp_path/'voice').mkdir()
    refused(1, ['is no voice folder'], 'export', tmp_path/'voice', tmp_path/'other')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.wav', 'b.wav', 'onnx', 'voice']


# ---- measuring

def test_evaluate(cli, refused, trained, tmp_path):
    got = cli('evaluate', '--voice', trained.voice, '--data', trained.corpus, '--split', 'test', '--limit', 2, '--mean', '--out', tmp_path/'e.json')
    assert got.status == 0, got.err
    said = json.loads((tmp_path/'e.json').read_text(encoding='utf-8'))
    assert said['about']['utterances'] == 2 and said['summary'].keys() == {'voice', 'recordings by vocos', 'mean voice'}
    assert 'mel-cepstral distortion' in got.out and 'real-time factor' in got.out and str(tmp_path/'e.json') in got.out
    refused(1, ["no split 'tset'", 'test, train, val'], 'evaluate', '--voice', trained.voice, '--data', trained.corpus, '--split', 'tset')
    refused(2, ['no voice folder nowhere'], 'evaluate', '--voice', 'nowhere', '--data', trained.corpus, '--out', tmp_path/'f.json')


# ---- demo

def test_demo(cli, refused, tiny, tmp_path):
    pytest.importorskip('espeakng_loader')
    out = tmp_path/'demo'
    got = cli('demo', '--out', out, '--limit', 20, *tiny, '--training.max_steps', 4)
    assert got.status == 0, got.out + got.err
    for part in ('validation loss', 'held-out mel error', 'phone starts off by', 'failures', 'real-time factor', 'seconds', 'spoken/0001.wav', 'picture.png'): assert part in got.out, part
    assert seconds(out/'spoken'/'0001.wav') > 0.2 and (out/'picture.png').read_bytes()[1:4] == b'PNG' and (out/'voice'/'voice.yaml').is_file()
    assert json.loads((out/'demo.json').read_text())['seconds'].keys() == {'corpus', 'features', 'training', 'evaluation', 'speaking'}
    refused(2, ['other settings', 'training.max_steps'], 'demo', '--out', out, '--limit', 20, *tiny)
    (tmp_path/'mine').mkdir(); (tmp_path/'mine'/'thesis.txt').write_text('precious')
    refused(2, ['is not empty'], 'demo', '--out', tmp_path/'mine')
    assert os.listdir(tmp_path/'mine') == ['thesis.txt']
