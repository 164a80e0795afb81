"What users bring: each mistake has a message that names it, an exit status, and destroys nothing."
import os, resource, shutil, signal, sys
import numpy as np
import pytest
import soundfile as sf
from amharic_tts.training.checkpoint import CheckpointManager

RATE = 16000
rng = np.random.default_rng(0)
hiss = lambda seconds: rng.normal(size=round(seconds * RATE)) * 0.05


@pytest.fixture
def source(tmp_path):
    "A folder as users have them; `source(table, **clips)` fills it."
    def fill(table=None, **clips):
        (tmp_path/'source'/'wavs').mkdir(parents=True)
        if table is not None: (tmp_path/'source'/'metadata.csv').write_text(table, encoding='utf-8')
        for name, wav in clips.items(): sf.write(tmp_path/'source'/'wavs'/f'{name}.wav', wav, RATE, subtype='FLOAT')
        return tmp_path/'source'
    return fill


# ---- tables

def test_no_metadata(refused, source, tmp_path):
    refused(1, ['metadata.csv'], 'corpus', 'import', source(), tmp_path/'c')
    refused(2, ['nowhere'], 'corpus', 'import', tmp_path/'nowhere', tmp_path/'c')
    assert not (tmp_path/'c').exists()


@pytest.mark.parametrize('table, words', [('', ['metadata.csv is empty', 'audio_file|text']), ('\n \n', ['is empty']), ('a.wav ሰላም\nb.wav ደህና\n', ["no '|', tab, ';' or ','"]), ('a.wav|ሰላም|almaz|2\n', ['4 columns and no header'])])
def test_unusable_tables(refused, source, tmp_path, table, words):
    refused(1, words, 'corpus', 'import', source(table, a=hiss(1), b=hiss(1)), tmp_path/'c')
    assert not (tmp_path/'c').exists()


def test_a_table_in_another_encoding(refused, source, tmp_path):
    folder = source('', a=hiss(1))
    (folder/'metadata.csv').write_bytes(b'a|\x88\xe9\x8f\n')
    refused(1, ['metadata.csv', 'UTF-8'], 'corpus', 'import', folder, tmp_path/'c')


# ---- rows

def test_bad_rows_are_left_out_and_listed(cli, refused, source, tmp_path):
    bad = hiss(1); bad[500] = np.nan
    folder = source('good.wav|ሰላም ለዓለም።\nlong.wav|ደህና ነህ?\nabsent.wav|እንዴት አደርክ?\nempty.wav|ቡና ጠጣች።\nnan.wav|ውሃ ፈላ።\nlatin.wav|hello world\nsilent.wav|ዝም አለ።\nonlytext\n',
                    good=hiss(1.5), long=hiss(60), empty=np.zeros(0), nan=bad, latin=hiss(1), silent=np.zeros(RATE))
    got = cli('corpus', 'import', folder, tmp_path/'c', '--list_dropped')
    assert got.status == 0 and '2 utterances' in got.out and 'dropped 6' in got.out, got.out + got.err
    for file, why in (('absent', 'missing audio'), ('empty', 'empty audio'), ('nan', 'NaN or infinite samples'), ('latin', 'no Amharic in the text'), ('silent', 'silent audio'), ('onlytext', 'wrong number of columns')):
        assert any(file in line and why in line for line in got.out.splitlines()), (file, why, got.out)
    # the minute-long clip is imported, and training says why it does not use it
    assert cli('corpus', 'split', tmp_path/'c', '--val', 1, '--test', 0, '--seed', _seed_with(tmp_path/'c', 'long')).status == 0
    refused(1, ['longer than data.max_seconds = 20'], 'train', '--config', 'base', '--data', tmp_path/'c', '--out', tmp_path/'run')


def _seed_with(folder, wanted):
    "A seed that leaves this clip for training."
    from amharic_tts.data.corpus import Corpus
    return next(s for s in range(99) if Corpus.read(folder).split(s, val=1, test=0)[wanted].split == 'train')


def test_nothing_usable(refused, source, tmp_path):
    refused(1, ['nothing to import', 'no Amharic in the text'], 'corpus', 'import', source('a|hello\nb|bye\n', a=hiss(1), b=hiss(1)), tmp_path/'c')
    assert not (tmp_path/'c').exists()


def test_a_corpus_is_never_overwritten(cli, refused, source, tmp_path):
    folder = source('a|ሰላም\n', a=hiss(1))
    assert cli('corpus', 'import', folder, tmp_path/'c').status == 0
    was = (tmp_path/'c'/'manifest.jsonl').read_bytes()
    (folder/'metadata.csv').write_text('a|ደህና\n', encoding='utf-8')
    refused(1, [str(tmp_path/'c'), 'holds a corpus already'], 'corpus', 'import', folder, tmp_path/'c')
    assert (tmp_path/'c'/'manifest.jsonl').read_bytes() == was


# ---- corpora and configs

def test_damaged_corpora(refused, trained, tmp_path, tiny):
    copy = tmp_path/'c'
    shutil.copytree(trained.corpus, copy, ignore=shutil.ignore_patterns('audio', 'features'))
    go = ['train', '--config', 'base', '--data', copy, '--out', tmp_path/'run', *tiny]
    refused(1, ['no audio file', '.flac'], *go)                                              # all recordings are gone
    manifest = (copy/'manifest.jsonl').read_text(encoding='utf-8')
    (copy/'manifest.jsonl').write_text(manifest + '{"id": "x"\n', encoding='utf-8')
    refused(1, ['manifest.jsonl, line 25'], *go)
    (copy/'manifest.jsonl').write_text(manifest.replace('"split": "train"', '"split": null').replace('"split": "val"', '"split": null').replace('"split": "test"', '"split": null'), encoding='utf-8')
    refused(1, [f'amharic-tts corpus split {copy}'], *go)
    (copy/'manifest.jsonl').unlink()
    refused(1, ['is not a corpus'], *go)


@pytest.mark.parametrize('text, words', [('training: {max_step: 3}', ['training.max_step', "'max_steps'"]), ('trainin: {max_steps: 3}', ['trainin', "'training'"]), ('training: [1', ['not valid YAML']),
                                         ('model: {dim: wide}', ['model.dim', "'wide'"]), ('audio: {fmax: 20000}', ['audio.fmax', '20000']), ('- 1', ['config'])])
def test_config_typos(refused, tmp_path, text, words):
    (tmp_path/'my.yaml').write_text(text)
    refused(2, ['my.yaml', *words], 'train', '--config', tmp_path/'my.yaml', '--data', tmp_path, '--out', tmp_path/'run')
    assert not (tmp_path/'run').exists()


# ---- voices

def test_damaged_voices(refused, trained, tmp_path):
    def say(change, status, *words):
        voice = tmp_path/'voice'
        shutil.rmtree(voice, ignore_errors=True); shutil.copytree(trained.voice, voice)
        change(voice)
        refused(status, words, 'say', '--voice', voice, '--out', tmp_path/'a.wav', 'ሰላም')
        assert not (tmp_path/'a.wav').exists()
    def flip(voice):
        data = bytearray((voice/'model.safetensors').read_bytes()); data[-9] ^= 1
        (voice/'model.safetensors').write_bytes(data)
    say(lambda v: next((v/'tokenizer').iterdir()).unlink(), 1, 'tokenizer', 'is missing')
    say(flip, 1, 'model.safetensors', 'SHA-256')
    say(lambda v: (v/'vocoder.safetensors').unlink(), 1, 'vocoder.safetensors is missing')
    say(lambda v: (v/'vocoder.safetensors').write_bytes(b'no vocoder'), 1, 'vocoder.safetensors', 'SHA-256')
    say(shutil.rmtree, 2, 'there is no voice folder')


def test_a_text_with_nothing_to_say(refused, trained, tmp_path):
    for text in ('☂', ' ', '። ፣ ?!', '你好，世界'):
        refused(1, ['nothing in'], 'say', '--voice', trained.voice, '--out', tmp_path/'a.wav', text)
    assert not list(tmp_path.iterdir())


# ---- disks

def small_disk(limit):
    "In the child: no file may grow beyond `limit` bytes, as on a full disk."
    def set_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return set_limit


def test_full_disk_while_speaking(refused, trained, tmp_path):
    (tmp_path/'a.wav').write_bytes(b'an earlier take')
    refused(1, ['cannot write', 'a.wav'], 'say', '--voice', trained.voice, '--out', tmp_path/'a.wav', 'ሰላም ለዓለም። ደህና ነህ?', preexec_fn=small_disk(8000))
    assert os.listdir(tmp_path) == ['a.wav'] and (tmp_path/'a.wav').read_bytes() == b'an earlier take'


def test_full_disk_while_training(cli, refused, trained, tiny, tmp_path):
    "The save fails, the training says so and ends with status 1; what was saved before is whole, and the same command goes on from it."
    shutil.copytree(trained.run, tmp_path/'run', symlinks=True)
    go = ['train', '--config', 'base', '--data', trained.corpus, '--out', tmp_path/'run', *tiny, '--training.max_steps', 10]
    refused(1, ['could not save', 'step10', 'Earlier checkpoints are untouched'], *go, preexec_fn=small_disk(max(100_000, 2 * (trained.run/'events.jsonl').stat().st_size)))
    assert CheckpointManager(tmp_path/'run'/'checkpoints').load().step == 8
    got = cli(*go)
    assert got.status == 0 and 'step 8  resume' in got.out, got.out + got.err
    assert CheckpointManager(tmp_path/'run'/'checkpoints').load().step == 10


def test_full_disk_while_importing(cli, refused, source, tmp_path):
    folder = source('a|ሰላም\nb|ደህና\n', a=hiss(1), b=hiss(3))
    refused(1, [str(tmp_path/'c'), 'File too large'], 'corpus', 'import', folder, tmp_path/'c', preexec_fn=small_disk(100_000))
    assert not (tmp_path/'c').exists()
    got = cli('corpus', 'import', folder, tmp_path/'c')                     # when there is room again
    assert got.status == 0 and '2 utterances' in got.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ['c', 'source']


@pytest.mark.skipif(os.geteuid() == 0 or sys.platform == 'win32', reason="root writes everywhere")
def test_folders_that_may_not_be_written(refused, trained, tiny, tmp_path):
    (tmp_path/'locked').mkdir(mode=0o555)
    refused(2, ['locked'], 'say', '--voice', trained.voice, '--out', tmp_path/'locked'/'a.wav', 'ሰላም')
    refused(1, ['locked', 'Permission denied'], 'train', '--config', 'base', '--data', trained.corpus, '--out', tmp_path/'locked'/'run', *tiny)


def test_a_file_in_the_way(refused, trained, tiny, tmp_path):
    (tmp_path/'file').write_text('mine')
    refused(2, ['file'], 'say', '--voice', trained.voice, '--out', tmp_path/'file'/'a.wav', 'ሰላም')
    refused(1, ['file'], 'train', '--config', 'base', '--data', trained.corpus, '--out', tmp_path/'file'/'run', *tiny)
    assert (tmp_path/'file').read_text() == 'mine'
