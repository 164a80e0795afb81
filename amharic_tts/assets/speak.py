"Speak Amharic without torch: python speak.py 'ሰላም ለዓለም።' hello.wav --speed 1.2; or in Python: OnnxVoice(folder).say(text)"
import argparse, json, sys, wave
from pathlib import Path
import numpy as np, onnxruntime
from amharic_tts.core import AmharicTTSError, ConfigError, nearest
from amharic_tts.text.reading import check_speed, nothing_to_say, sentences
from amharic_tts.text.tokenizer import load_tokenizer

class OnnxVoice:
    def __init__(self, folder=Path(__file__).parent, threads=0):         # 0: as many as there are cores
        folder, options = Path(folder), onnxruntime.SessionOptions()
        if not (folder/'voice.json').is_file(): raise ConfigError(f"there is no voice.json in {folder}: amharic-tts export VOICE FOLDER makes such a folder")
        self.about, self.tokenizer = json.loads((folder/'voice.json').read_text(encoding='utf-8')), load_tokenizer(folder/'tokenizer')
        options.intra_op_num_threads = threads
        load = lambda name: onnxruntime.InferenceSession(folder/name, options, providers=['CPUExecutionProvider'])
        self.encoder, self.decoder, self.vocoder = map(load, ('encoder.onnx', 'decoder.onnx', 'vocoder.onnx'))

    def say(self, text, speaker=None, speed=1.0, unread=None):           # float32 samples; what cannot be read is added to the list `unread`
        check_speed(speed)
        names, parts = self.about['speakers'], []
        if speaker not in (None, *names): raise ConfigError(f"this voice has no speaker '{speaker}'; it has {', '.join(names)}.{nearest(speaker, names)}")
        who = {'speaker': np.array([names.index(speaker or names[0])])} if len(names) > 1 else {}
        gap = round(self.about['gap'] / speed * self.about['frames_per_second']) * self.about['hop_length']
        for ids, begins in sentences(self.tokenizer, text, unread):
            parts += [np.zeros(gap if begins and parts else 0, np.float32), self.sentence(ids, who, speed)]
        if not parts: raise nothing_to_say(text)
        return np.concatenate(parts)

    def sentence(self, ids, who, speed):
        ids, plan = np.array([self.about['boundaries'].get(str(i), (i, -1)) for i in ids]).T       # what is spoken, and its frames; -1: as predicted
        plan[[0, -1]] = -1
        encoded, predicted = self.encoder.run(None, {'ids': ids[None], **who})
        whole = self.whole_frames(predicted[0].astype(float), plan, ids, speed)
        token, ends = np.repeat(np.arange(len(ids)), whole), whole.cumsum()                        # of each frame; of each token
        since, to = np.arange(len(token)) - (ends - whole)[token], ends[token] - 1 - np.arange(len(token))
        place = np.log1p(np.stack([since, to, since + to], 1)).astype(np.float32)
        mel, = self.decoder.run(None, {'encoded': encoded, 'token': token[None], 'place': place[None], **who})
        return self.vocoder.run(None, {'mel': mel})[0][0]

    def whole_frames(self, frames, plan, ids, speed):
        carried = 0.0
        for i in np.flatnonzero(plan == -2):                             # short pauses are gathered until they make one that can be heard
            if frames[i] >= 1: carried += frames[i]
            frames[i], carried = (carried, 0.0) if carried >= self.about['shortest_pause'] else (0.0, carried)
        ends = (np.where(plan >= 0, plan, frames) / speed).cumsum().astype(np.float32)
        whole = np.diff(np.rint(ends).astype(int), prepend=0)            # the running sum is rounded: the sentence keeps its length
        return np.where(np.isin(ids, self.about['optional']), whole, whole.clip(1))

if __name__ == '__main__':
    parser, unread = argparse.ArgumentParser(description="Speak Amharic into a WAV file."), []
    for name in ('text', 'out', '--speaker'): parser.add_argument(name)
    for name, default in (('--speed', 1.0), ('--folder', Path(__file__).parent)): parser.add_argument(name, type=type(default), default=default)
    args = parser.parse_args()
    try:
        wav = (voice := OnnxVoice(args.folder)).say(args.text, args.speaker, args.speed, unread)
        with open(args.out, 'wb') as file, wave.open(file) as f:
            f.setparams((1, 2, voice.about['sample_rate'], 0, 'NONE', ''))
            f.writeframes(np.rint(wav * 32767).astype('<i2').tobytes())
    except (AmharicTTSError, OSError) as e: sys.exit(f'speak.py: {e}')
    for u in unread: print(f'not read: {u.text!r}, {u.reason}', file=sys.stderr)
