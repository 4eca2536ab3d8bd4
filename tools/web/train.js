// Train: the runs of the folder, side by side; start one, watch it, pause it, stop it, open it. A
// training is a process of its own: closing this page does not end it.
import { clear, el } from './dom.js';
import { make_form } from './form.js';
import { chart } from './plots.js';
import { short_number } from './numbers.js';
import { complaint } from './work.js';

const kEverySecond = 1000, kDrawEvery = 500;   // ms

// ---- what a run did -----------------------------------------------------------------------------

class Run {
  constructor(said) {
    this.rows = new Map();   // by step
    this.samples = [];
    this.since = -1;
    this.update(said);
  }

  update({ best, ...said }) { Object.assign(this, said, { told_best: best }); }

  add(row) {
    this.rows.set(row.step, { ...this.rows.get(row.step), ...row });
    this.since = Math.max(this.since, row.step);
  }

  async catch_up(transport) {
    const answer = await transport.call('GET', `/api/runs/${this.id}/metrics?since=${this.since}`);
    if (answer.last < this.since) {   // it began anew
      this.rows.clear();
      this.since = -1;
      return this.catch_up(transport);
    }
    for (const row of answer.rows) this.add(row);
    this.samples = (await transport.call('GET', `/api/runs/${this.id}/samples?most=6`)).samples;
  }

  // The numbers of a field, as {x, y}: steps, and what was told at each.
  points(field) {
    const rows = [...this.rows.values()].filter((row) => Number.isFinite(row[field]))
      .sort((a, b) => a.step - b.step);
    return { x: rows.map((row) => row.step), y: rows.map((row) => row[field]) };
  }

  // The evaluation with the lowest loss on text that was held out: {step, val_loss}, or nothing.
  get best() {
    return [...this.rows.values()].filter((row) => Number.isFinite(row.val_loss))
      .reduce((best, row) => (best && best.val_loss <= row.val_loss ? best : row), this.told_best);
  }
}

const kAround = 7;   // lines of the log before and behind a step, in the median of its speed

// Each number as the median of those around it: of single steps some stand still, for a moment in
// which the machine had something else to do.
function medians_of({ x, y }) {
  const median = (_, i) => {
    const near = y.slice(Math.max(i - kAround, 0), i + kAround + 1).sort((a, b) => a - b);
    return (near[(near.length - 1) >> 1] + near[near.length >> 1]) / 2;
  };
  return { x, y: y.map(median) };
}

// lines: a field, what it adds to the name of the run, how it looks, and what is made of it.
const kCharts = [
  { title: 'Loss', y_label: 'nats', stars: true, lines: [
    { field: 'val_loss', words: ', on text that was held out', dashed: true },
    { field: 'loss', words: ', while training', faint: true }] },
  { title: 'Length of the gradient', y_label: 'norm', lines: [{ field: 'grad_norm' }] },
  { title: 'Learning rate', y_label: 'rate', lines: [{ field: 'lr' }] },
  { title: 'Speed', y_label: 'tokens a second', subtitle:
    `the median of the ${2 * kAround + 1} lines of the log around each step; single steps jump`,
  lines: [{ field: 'tokens_per_second', of: medians_of }] },
];

// One hue for each run, in all charts, whichever others are shown.
function charts(runs, hue_of) {
  return kCharts.map(({ title, subtitle = '', y_label, lines, stars }) => {
    const series = runs.flatMap((run) => lines.map(({ field, words = '', of, ...look }) => {
      const points = run.points(field);
      return { name: run.name + words, hue: hue_of(run), ...look, ...(of ? of(points) : points) };
    })).filter((line) => line.x.length > 1);
    const best = stars ? runs.filter((run) => run.best).map((run) =>
      ({ x: run.best.step, y: run.best.val_loss, hue: hue_of(run) })) : [];
    return series.length ? chart({ title, subtitle, x_label: 'step', y_label, log_x: false,
      references: [], series, stars: best,
      stars_mean: 'the lowest loss on text that was held out' }) : null;
  });
}

// ---- the page -----------------------------------------------------------------------------------

class TrainPage {
  constructor(context) {
    this.context = context;
    this.runs = new Map();
    this.chosen = new Set();
    this.list = el('div', { class: 'wide' });
    this.drawing = el('section', { class: 'live', 'aria-label': 'what the runs did' });
    this.trouble = el('div', {});
    this.in_fields = (sentence) => sentence;   // until there is a form
  }

  ask(method, path, body) { return this.context.transport.call(method, path, body); }

  async attempt(work) {
    try {
      clear(this.trouble);
      await work();
    } catch (error) {
      if (error.name !== 'AbortError') {
        clear(this.trouble).append(complaint(error, this.in_fields));
      }
    }
  }

  async look() {
    const { runs, folder } = await this.ask('GET', '/api/runs');
    this.folder = folder;
    for (const said of runs) {
      const known = this.runs.get(said.id);
      if (known) known.update(said);
      else this.runs.set(said.id, new Run(said));
    }
    for (const id of this.runs.keys()) {
      if (!runs.some((said) => said.id === id)) this.runs.delete(id);
    }
    this.draw_list();
  }

  button(words, run, work) {
    const node = el('button', { type: 'button', class: 'quiet', 'data-action': words,
      'data-key': `${words} ${run.id}` }, words);
    node.addEventListener('click', () => this.attempt(work));
    return node;
  }

  actions(run) {
    const act = (action) => this.button(action, run, async () => {
      await this.ask('POST', '/api/train', { action, run: run.id });
      await this.look();
      if (action === 'resume') this.follow();
    });
    const nodes = { running: ['pause', 'save', 'stop'], paused: ['resume', 'stop'], starting: [],
      idle: run.checkpoints.length ? ['resume'] : [] }[run.state].map(act);
    if (run.checkpoints.length) {
      nodes.push(this.button('look inside', run, async () => {
        await this.ask('POST', '/api/open', { ckpt: run.name });
        await this.context.opened();
        location.hash = '#/model';
      }));
    }
    return nodes;
  }

  // Of runs that are shown side by side, the one that came furthest.
  get best_run() {
    const shown = [...this.chosen].map((id) => this.runs.get(id)).filter((run) => run?.best);
    return shown.length < 2 ? undefined : shown.reduce((a, b) =>
      (b.best.val_loss < a.best.val_loss ? b : a));
  }

  best_cell(run) {
    const { best } = run, first = run === this.best_run;
    if (!best) return el('td', {});
    return el('td', { class: `right ${first ? 'best-one' : ''}` },
      short_number(best.val_loss, 1), first ? ' ★' : '',
      el('small', {}, `at ${best.step.toLocaleString('en-US')}`));
  }

  // Drawn every few seconds: who stands on a button with the keyboard goes on standing there.
  draw_list() {
    const { key } = document.activeElement.dataset;
    const rows = [...this.runs.values()].map((run) => {
      const box = el('input', { type: 'checkbox', checked: this.chosen.has(run.id),
        'aria-label': `show ${run.name}`, 'data-key': `show ${run.id}` });
      box.addEventListener('change', () => {
        if (box.checked) this.chosen.add(run.id);
        else this.chosen.delete(run.id);
        this.attempt(() => this.draw_chosen());
      });
      return el('tr', {}, el('td', {}, box), el('th', { scope: 'row' }, run.name),
        el('td', { class: `state ${run.state}` }, run.state === 'idle' ? '' : run.state),
        el('td', { class: 'right' }, run.step >= 0 ? run.step.toLocaleString('en-US') : ''),
        this.best_cell(run),
        el('td', { class: 'row-actions' }, this.actions(run)));
    });
    clear(this.list).append(rows.length ? el('table', { class: 'runs' },
      el('thead', {}, el('tr', {}, ['', 'run', '', 'step', 'best loss', ''].map((name) =>
        el('th', { scope: 'col', class: name === 'step' || name === 'best loss' ? 'right' : null },
          name)))), el('tbody', {}, rows))
      : el('p', { class: 'remark' }, `There is no run in ${this.folder} yet.`),
    this.best_run ? el('p', { class: 'remark' }, '★ the lowest of the runs that are shown') : '');
    if (key) this.list.querySelector(`[data-key="${key}"]`)?.focus();
  }

  async draw_chosen() {
    const runs = [...this.chosen].map((id) => this.runs.get(id)).filter(Boolean);
    for (const run of runs) await run.catch_up(this.context.transport);
    this.draw_list();
    this.draw(runs);
  }

  draw(runs) {
    const read = this.drawing.querySelector('details[open], :focus-visible');
    if (read && runs.length) return;   // somebody reads the numbers, or walks along a line
    const hue_of = (run) => [...this.runs.keys()].indexOf(run.id);
    clear(this.drawing).append(...charts(runs, hue_of).filter(Boolean),
      ...runs.flatMap((run) => run.samples.slice(-6).reverse().map((sample) =>
        el('figure', { class: 'figure sample' }, el('figcaption', {}, el('h3', {},
          `${run.name} after step ${sample.step.toLocaleString('en-US')}`)),
        el('pre', {}, sample.text)))));
  }

  // The run that trains now, as it goes on; drawn at most twice a second.
  async follow() {
    this.following?.abort();
    const mine = this.following = new AbortController();
    const live = [...this.runs.values()].find((run) => run.state !== 'idle');
    if (!live) return;
    this.chosen.add(live.id);
    await this.draw_chosen();
    this.draw_list();
    let drawn = 0;
    const changed = () => {
      if (performance.now() - drawn < kDrawEvery) return;
      drawn = performance.now();
      this.draw([...this.chosen].map((id) => this.runs.get(id)).filter(Boolean));
    };
    await this.context.transport.stream(`/api/train/stream?run=${live.id}&since=${live.since}`,
      undefined, (name, data) => {
        if (name === 'step' || name === 'evaluation') live.add(data);
        else if (name === 'sample') live.samples.push(data);
        else if (name === 'state') live.state = data.state;
        if (name === 'checkpoint' || name === 'state' || name === 'end') this.attempt(() =>
          this.look());
        changed();
      }, mine.signal);
    await this.look();
    await this.draw_chosen();
  }

  async form() {
    const said = await this.ask('GET', '/api/train');
    const names = (list) => list.map((one) => [one.name, one.name]);
    const options = [
      { name: 'data', type: 'text', fallback: '', value: '', group: '', min: null, max: null,
        help: 'what it learns from; a list is below' },
      ...said.options.filter((option) => !option.operand && option.name !== 'dataset')];
    const first = ['data', 'preset', 'n-layer', 'n-head', 'n-embd', 'block-size', 'batch-size',
      'max-iters', 'learning-rate', 'tokenizer'];
    const extras = Object.fromEntries(options.map((option) => [option.name,
      { later: !first.includes(option.name) }]));
    extras.data = { choices: names(said.data), none: 'names' };
    extras.preset = { choices: names(said.presets), none: 'that of the data',
      help: 'a model and how to train it' };
    const terms = (list) => el('dl', { class: 'terms' }, list.flatMap((one) =>
      [el('dt', {}, one.name), el('dd', {}, one.about)]));
    this.explained = el('details', {}, el('summary', {}, 'the data sets and presets'),
      el('h3', {}, 'Data'), terms(said.data), el('h3', {}, 'Presets'), terms(said.presets));
    const asked = ({ data, ...rest }) => (data ? { ...rest, dataset: data } : rest);
    const start = (body) => this.attempt(async () => {
      const run = await this.ask('POST', '/api/train', { action: 'start', options: asked(body) });
      await this.look();
      this.chosen = new Set([run.id]);
      await this.follow();
    });
    const form = make_form(options, extras, 'start training', start, { at_once: false });
    this.in_fields = form.in_fields;
    // Data and preset decide what the other fields are when nobody fills them.
    const plan = async () => {
      const { data, preset } = form.body();
      const { values } = await this.ask('POST', '/api/train',
        { action: 'plan', options: asked({ data, ...(preset ? { preset } : {}) }) });
      delete values.preset;   // of itself it says "that of the data"
      form.expect(values);
    };
    form.node.addEventListener('change', (event) => {
      if (['data', 'preset'].includes(event.target.dataset.option)) this.attempt(plan);
    });
    await this.attempt(plan);
    return form;
  }

  async make() {
    await this.look();
    const live = [...this.runs.values()].find((run) => run.state !== 'idle');
    const newest = live ?? [...this.runs.values()].filter((run) => run.step >= 0).at(-1);
    if (newest) this.chosen.add(newest.id);
    this.draw_list();
    const form = await this.form();
    const node = el('div', {}, el('h1', {}, 'Train'),
      el('p', { class: 'lead' }, 'Start a run, and watch it learn. It goes on when this page is ' +
        'closed, and everything that is seen here lies in its folder.'),
      el('details', { class: 'start', open: this.runs.size === 0 },
        el('summary', {}, 'a new run'), form.node, this.explained), this.trouble,
      el('h2', {}, `Runs in ${this.folder}`), this.list, this.drawing);
    this.attempt(async () => { await this.draw_chosen(); await this.follow(); });
    this.clock = setInterval(() => { if (!this.following) this.look().catch(() => {}); },
      5 * kEverySecond);
    this.context.leave(() => { clearInterval(this.clock); this.following?.abort(); });
    return node;
  }
}

export const train_page = (context) => new TrainPage(context).make();
