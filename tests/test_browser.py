"The interactive notebook in JupyterLab, in a real browser: start a training, press its buttons, close the browser, restart the kernel, come back, stop."
import json, os, secrets, shutil, signal, socket, subprocess, sys, time, urllib.request
from contextlib import contextmanager
from pathlib import Path
import pytest
from amharic_tts.training.checkpoint import CheckpointManager
from amharic_tts.training.run import Run, RunFolder

sync_api = pytest.importorskip('playwright.sync_api', reason="playwright is not installed: pip install playwright")
BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'))), None)
ROOT = Path(__file__).parents[1]
SLOW = int(os.environ.get('SLOW', 120))          # seconds to wait for anything on a slow machine; most take a few
SHOTS = os.environ.get('AMHARIC_TTS_SCREENSHOTS')      # a folder, to look at the page

SETTINGS = {'@jupyterlab/apputils-extension/notification': dict(fetchNews='false', checkForUpdates=False),
            '@jupyterlab/notebook-extension/tracker': dict(windowingMode='none')}       # cells out of sight stay in the page
PARAMETERS = """corpus_folder = None
config_file = '../configs/small.yaml'
run_folder = '../runs/browser'
settings = 'training.max_steps=100000 training.warmup_steps=20 training.val_every=40 training.log_every=2 model.dim=32 model.ffn_dim=64 model.decoder_layers=1 data.batch_frames=1500'"""


def until(what, message, timeout=SLOW):
    "Wait until `what()` holds."
    end = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < end, f'waited {timeout} s: {message}'
        time.sleep(0.1)


@contextmanager
def jupyterlab(folder):
    "A server on `folder`; yields its address and token."
    for name, values in SETTINGS.items():
        path = folder/'settings'/f'{name}.jupyterlab-settings'
        path.parent.mkdir(parents=True); path.write_text(json.dumps(values))
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    token, base = secrets.token_hex(16), f'http://127.0.0.1:{port}'
    own = {n: str(folder/'home') for n in ('JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'IPYTHONDIR', 'JUPYTERLAB_WORKSPACES_DIR')}
    env = {k: v for k, v in os.environ.items() if k != 'MPLBACKEND'} | own | dict(JUPYTERLAB_SETTINGS_DIR=str(folder/'settings'))
    options = [f'--ServerApp.port={port}', '--ServerApp.port_retries=0', f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={folder}']
    with open(folder/'server.log', 'w') as log:
        server = subprocess.Popen([sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', '--ip=127.0.0.1', *options], env=env, stdout=log, stderr=log, cwd=folder)
    def ask(path, **how):
        request = urllib.request.Request(f'{base}/api/{path}', headers={'Authorization': f'token {token}'}, **how)
        with urllib.request.urlopen(request, timeout=30) as answer: return json.loads(answer.read() or 'null')
    def up():
        assert server.poll() is None, f"JupyterLab ended:\n{(folder/'server.log').read_text()[-2000:]}"
        try: return bool(ask('status'))
        except OSError: return False
    try:
        until(up, 'JupyterLab does not answer')
        yield base, token, ask
    finally:
        server.terminate()                     # it ends its kernels
        try: server.wait(20)
        except subprocess.TimeoutExpired: server.kill(); server.wait()


class Page:
    "The notebook in a browser window."
    def __init__(self, browser, base, token, ask):
        self.page = browser.new_page(viewport=dict(width=1250, height=1900), reduced_motion='reduce')
        self.page.set_default_timeout(SLOW * 1000)
        self.page.goto(f'{base}/lab/tree/nbs/train.ipynb?token={token}')
        self.page.locator('.jp-Notebook .jp-Cell').first.wait_for()
        until(lambda: any(s['kernel'] and s['kernel']['execution_state'] == 'idle' for s in ask('sessions')), 'no kernel for the notebook')
        self.page.locator('#jp-bottom-panel, .jp-StatusBar-Widget').get_by_text('| Idle').first.wait_for()

    def run_cells(self, numbers):
        "Shift-Enter in each of these cells."
        for n in numbers:
            cell = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{n}"]')
            prompt = cell.locator('.jp-InputPrompt')
            for _ in range(SLOW):                # a page that is not connected yet asks which kernel to take, or does nothing
                for accept in self.page.locator('.jp-Dialog .jp-mod-accept').all(): accept.click()
                prompt.click()
                self.page.keyboard.press('Shift+Enter')
                try: sync_api.expect(prompt).not_to_have_text('[ ]:', timeout=1000); break
                except AssertionError: pass

    def button(self, name): return self.page.locator('.jp-OutputArea button.widget-button:visible', has_text=name).last
    def status(self, wanted): self.page.locator('.tts-status', has_text=wanted).last.wait_for()
    def press(self, name):
        sync_api.expect(self.button(name)).to_be_enabled(timeout=SLOW * 1000)
        self.button(name).click()
    def shot(self, name):
        if SHOTS: self.page.screenshot(path=f'{SHOTS}/{name}.png')


def ended(pid) -> bool:
    "Is this process gone?"
    try: os.kill(pid, 0)
    except ProcessLookupError: return True
    try: return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] == 'Z'      # ended; nobody has asked how
    except OSError: return False


@pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine (Debian: apt-get install chromium)")
def test_train_in_the_browser(tmp_path):
    (tmp_path/'nbs').mkdir()
    notebook = json.loads((ROOT/'nbs/train.ipynb').read_text())
    source = [''.join(c['source']) for c in notebook['cells']]
    at = lambda text: next(i for i, s in enumerate(source) if text in s)
    notebook['cells'][at('corpus_folder = None')]['source'] = PARAMETERS
    for c in notebook['cells']: c.pop('outputs', None) is not None and c.update(outputs=[], execution_count=None)
    (tmp_path/'nbs/train.ipynb').write_text(json.dumps(notebook))
    shutil.copytree(ROOT/'configs', tmp_path/'configs')
    folder = tmp_path/'runs/browser'
    options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run']
    with jupyterlab(tmp_path) as (base, token, ask), sync_api.sync_playwright() as play:
        browser, lab = play.chromium.launch(executable_path=BROWSER, args=options), None
        try:
            lab = Page(browser, base, token, ask)
            lab.run_cells(i for i in range(at('panel = StartPanel') + 1) if notebook['cells'][i]['cell_type'] == 'code')
            lab.press('Start')
            lab.status('running')
            run = Run.attach(folder)
            steps = lambda: run.losses()['step']
            lab.page.locator('img.tts-sample').first.wait_for()            # pictures and a sound of the first validation
            lab.page.locator('audio.tts-sample').last.wait_for()
            lab.shot('1-running')

            lab.run_cells([at('run = panel.dashboard'), at('run.wait()')])      # from now on the kernel is busy with a cell
            until(lambda: ask('kernels')[0]['execution_state'] == 'busy', 'the kernel is idle')
            lab.press('Pause'); lab.status('paused')
            assert run.status == 'paused'
            n, paused_at = len(run.events()), run.events()[-1]['step']
            assert CheckpointManager(folder/'checkpoints').load('latest').step == paused_at
            time.sleep(1.5)
            assert len(run.events()) == n                                    # it really waits
            lab.shot('2-paused')
            lab.press('Resume'); lab.status('running')
            until(lambda: max(steps()) > paused_at, 'no step after Resume')

            lab.page.keyboard.press('Control+s')
            browser.close()                                                  # the browser is gone, then the kernel too
            kernel, = ask('kernels')
            ask(f"kernels/{kernel['id']}/restart", method='POST', data=b'')
            before = max(steps())
            until(lambda: max(steps()) > before + 4, 'the training did not outlive its kernel')
            assert run.alive

            browser = play.chromium.launch(executable_path=BROWSER, args=options)
            lab = Page(browser, base, token, ask)
            lab.run_cells([at('from amharic_tts.app.dashboard import'), at('Dashboard(run_folder)')])
            lab.status('running')
            log = lab.page.locator('.tts-log').last
            for said in ('started on', 'paused', 'resumed'): sync_api.expect(log).to_contain_text(said)
            lab.shot('3-after-restart')
            lab.press('Stop'); lab.status('stopped')
            lab.shot('4-stopped')
        except BaseException:
            if lab: lab.shot('failed')
            raise
        finally:
            browser.close()
            if sys.exc_info()[0] and RunFolder(folder).locked(): os.kill(RunFolder(folder).owner()['pid'], signal.SIGKILL)      # nobody would stop it
        assert run.wait(timeout=SLOW) == 'stopped'
        until(lambda: ended(run.pid), 'the process is still there')
    checkpoints = CheckpointManager(folder/'checkpoints')
    assert checkpoints.load('latest').step == run.events()[-1]['step'] >= max(steps()) > paused_at
    assert checkpoints.load('best').step > 0
    assert (folder/'voice/voice.yaml').is_file()
