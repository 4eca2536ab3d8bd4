// The sections about weights: all 4,192 of them as pictures, and how they learn.
import { clear, el } from './dom.js';
import { figure } from './figures.js';
import { around_zero, command, predict, section, upto } from './guide_parts.js';
import { shape_words } from './numbers.js';
import { Work } from './work.js';

const kMatrices = {
  wte: 'what each letter means', wpe: 'what each place means',
  lm_head: 'what speaks for each letter',
  attn_wq: 'questions', attn_wk: 'keys', attn_wv: 'values', attn_wo: 'brings heads together',
  mlp_fc1: '64 questions to oneself', mlp_fc2: 'what to do with the answers',
};

function rows_of(matrix, letters) {
  return matrix.rows === letters.length ? letters : upto(matrix.rows);
}

function gallery_of(matrices, letters, part, title) {
  const maps = matrices.map((m) => around_zero(
    `${m.name} (${shape_words([m.rows, m.columns])}): ${kMatrices[m.name] ?? ''}`, rows_of(m, letters),
    upto(m.columns), m[part]));
  const most = Math.max(...maps.map((map) => map.range[1]));   // one scale for all
  for (const map of maps) map.range = [-most, most];
  return { kind: 'gallery', title, maps };
}

// ---- 3. weights ---------------------------------------------------------------------------------

// How alike two rows are: 1 where they point the same way.
function cosine(a, b) {
  let dot = 0, aa = 0, bb = 0;
  a.forEach((x, i) => { dot += x * b[i]; aa += x * x; bb += b[i] * b[i]; });
  return dot / Math.sqrt(aa * bb || 1);
}

function neighbours(matrix, letters, letter) {
  const row = (r) => matrix.values.slice(r * matrix.columns, (r + 1) * matrix.columns);
  const mine = row(letter);
  const others = letters.map((name, r) => ({ name, value: cosine(mine, row(r)), note: '' }))
    .filter((_, r) => r !== letter).sort((a, b) => b.value - a.value);
  return [
    around_zero(`The 16 numbers of ${letters[letter]}`, [letters[letter]], upto(matrix.columns),
      mine, { numbers: true }),
    { kind: 'bars', title: `Whose numbers are most like those of ${letters[letter]}`,
      unit: 'cosine', references: [], bars: others.slice(0, 6) }];
}

export function weight_section(guide, state) {
  const result = el('div', { class: 'result' }), work = new Work(result);
  const detail = el('div', { class: 'held' });
  const letter = el('select', { 'aria-label': 'which letter', onchange: () => look() },
    state.letters.map((name, i) => el('option', { value: i }, name)));
  let matrices = [];
  const look = () => clear(detail).append(
    ...neighbours(matrices[0], state.letters, Number(letter.value)).map((said) => figure(said)));
  const run = () => work.run((signal) => guide.ask('weights', {}, signal), (said) => {
    matrices = said.weights;
    clear(result).append(figure(gallery_of(matrices, state.letters, 'values',
      `All ${state.parameters.toLocaleString('en-US')} weights`)),
    el('p', {}, el('label', {}, 'Look at the letter ', el('span', { class: 'shorter' }, letter))),
    detail);
    look();
  });
  guide.on('weights', run);
  run();
  return section('weights', '3. All that it knows',
    [`The whole model is ${state.parameters.toLocaleString('en-US')} numbers in nine tables. ` +
    'Before training they are dice: mostly small, around 0. Learning changes these numbers and ' +
    'nothing else. Click a table, or press Enter on it, to see it large.'],
    predict('Before training: are the numbers of e and i more alike than those of e and q?',
      ['more alike: both are vowels', 'alike by chance only'], 1,
      'Nobody told the model what a vowel is. Train it (section 6), come back and look at a: ' +
      'letters that stand in the same places have become alike, and the vowels have found each ' +
      'other.'),
    result);
}

// ---- 6. training --------------------------------------------------------------------------------

const kSlice = 20;      // steps between two pictures
const kMean = 50;       // steps in the mean that shows the trend

function means_of(losses) {
  const x = [], y = [];
  let sum = 0;
  losses.forEach((loss, i) => {
    sum += loss - (i >= kMean ? losses[i - kMean] : 0);
    if (i >= 9) {
      x.push(i + 1);
      y.push(sum / Math.min(i + 1, kMean));
    }
  });
  return { x, y };
}

class TrainSection {
  constructor(guide, state) {
    this.guide = guide;
    this.state = state;
    this.losses = [];
    this.running = false;
    this.plot = el('div', { class: 'held' });
    this.words = el('p', { class: 'sentence', role: 'status' });
    this.names = el('p', { class: 'remark' });
    this.parts = el('div', { class: 'result' });
    this.complaints = el('div');
    this.work = new Work(this.complaints);
    const button = (words, f) => el('button', { type: 'button', onclick: f }, words);
    this.go = button('train', () => (this.running ? this.pause() : this.train()));
    this.go.className = 'go';
    this.one = button('one step', () => this.step(1));
    this.ten = button('ten steps', () => this.step(10));
    this.again = button('begin again', () => this.reset());
    this.backward = button('1. gradients', () => this.slowly('backward'));
    this.update = button('2. learn from them', () => this.slowly('update'));
    this.update.disabled = true;
  }

  make() {
    const lines = this.state.lines;
    const made = section('train', '6. Learning',
      ['A step of training takes one name. The model guesses each of its letters from those ' +
      'before; the loss says how surprised it was by what really came, -log of the probability, ' +
      'on average. Then backward finds the gradient of every weight (section 2, only with more ' +
      'numbers), and every weight takes a small step against its gradient.',
      `Three lines to compare with. Who thinks that all tokens are alike has a loss of ln ` +
      `${this.state.vocab} = ${lines.uniform.toFixed(3)}. Who knows how common each letter is: ` +
      `${lines.unigram.toFixed(3)}. Who knows, too, what follows each letter, and nothing more: ` +
      `${lines.bigram.toFixed(3)}. To be better than that, a model has to look further back ` +
      'than one letter.'],
      predict('What is the loss before the first step, when all weights are dice?',
        ['about 0', `about ${lines.uniform.toFixed(1)}`, 'about 100'], 1,
        'It knows nothing, so it gives every token nearly the same probability, 1 in ' +
        `${this.state.vocab}, and -log(1/${this.state.vocab}) = ${lines.uniform.toFixed(2)}.`),
      el('div', { class: 'actions' }, this.go, this.one, this.ten, this.again), this.words,
      this.complaints, this.plot, this.names,
      el('h3', {}, 'One step, slowly'),
      el('p', {}, 'Where must the numbers move? Gradients of the next name, as pictures. Rows of ' +
        'wte that stay empty belong to letters that the name does not have.'),
      el('div', { class: 'actions' }, this.backward, this.update), this.parts,
      command('glass micro'));
    this.draw();
    return made;
  }

  draw() {
    const { lines } = this.state, losses = this.losses;
    clear(this.plot).append(figure({ kind: 'chart', title: 'Loss', subtitle: 'one name a step; ' +
      'names differ, so the thin line jumps', x_label: 'step', y_label: 'loss', log_x: false,
    range: [1, 4], series: [
      { name: `mean of ${kMean} steps`, hue: 0, ...means_of(losses) },
      { name: 'each step', hue: 0, faint: true, x: losses.map((_, i) => i + 1),
        y: losses.map((loss) => Math.min(loss, 4)) }],
    references: [{ name: `all tokens alike, ln ${this.state.vocab}:`, y: lines.uniform },
      { name: 'how common each letter is:', y: lines.unigram },
      { name: 'what follows each letter:', y: lines.bigram }] }));
    const full = losses.length >= this.state.max_steps;
    for (const button of [this.go, this.one, this.ten]) button.disabled = full;
    const last = losses.slice(-kMean), mean = last.reduce((a, b) => a + b, 0) / last.length;
    this.words.textContent = losses.length === 0 ? 'Not trained yet.' :
      `${losses.length} of ${this.state.max_steps} steps; the mean loss of the last ` +
      `${last.length} is ${mean.toFixed(3)}.`;
  }

  // The losses of steps from `first` on. Of steps that another page took nothing is known; the
  // line goes on where it was.
  know(first, losses) {
    const kept = this.losses.slice(0, first - 1);
    while (kept.length < first - 1) kept.push(kept.at(-1) ?? losses[0]);
    this.losses = [...kept, ...losses];
  }

  // A few steps; false where it could not be done.
  async take(n) {
    const left = this.state.max_steps - this.losses.length;
    if (left <= 0) return false;
    let done = false;
    await this.work.run((signal) => this.guide.ask('step', { n: Math.min(n, left) }, signal),
      (said) => {
        clear(this.complaints);
        this.know(said.first, said.losses);
        this.draw();
        done = true;
      });
    return done;
  }

  async step(n) {
    if (await this.take(n)) this.changed();
  }

  changed() {
    clear(this.parts);
    this.update.disabled = true;
    this.guide.tell('weights');
  }

  async train() {
    this.running = true;
    this.go.textContent = 'pause';
    while (this.running && this.plot.isConnected && await this.take(kSlice)) {
      if (this.losses.length % 200 === 0) await this.write();
      await new Promise((again) => setTimeout(again, 0));
    }
    this.pause();
    this.changed();
  }

  // Names are an extra: what goes wrong with them neither ends the training nor hides what it did.

  async write() {
    const { samples } = await this.guide.ask('sample', { n: 6, temperature: 0.5 })
      .catch(() => ({ samples: [] }));
    if (samples.length) this.names.textContent = `Made up after ${this.losses.length} steps: ` +
      `${samples.map((sample) => sample.name || '(nothing)').join(', ')}.`;
  }

  pause() {
    this.running = false;
    this.go.textContent = 'train';
  }

  async reset() {
    this.pause();
    this.state = await this.guide.ask('reset');
    this.losses = [];
    this.names.textContent = '';
    clear(this.complaints);
    this.draw();
    this.changed();
  }

  slowly(action) {
    const work = new Work(this.parts);
    work.run((signal) => this.guide.ask(action, {}, signal), (said) => {
      const name = said.strings?.slice(1, -1).join('');
      const backward = action === 'backward';
      this.update.disabled = !backward;
      clear(this.parts).append(el('p', { class: 'sentence' }, backward
        ? `The next name is ${name}. Its loss is ${said.loss.toFixed(3)}.`
        : `Every weight has moved, with a learning rate of ${said.learning_rate.toFixed(4)}.`),
      figure(gallery_of(said.weights, this.state.letters, backward ? 'gradients' : 'values',
        backward ? `The gradient of every weight, for ${name}` : 'The weights now')));
      if (!backward) {
        this.know(said.steps, [this.last_loss]);
        this.draw();
        this.guide.tell('weights');
      } else this.last_loss = said.loss;
    });
  }
}

export function train_section(guide, state) {
  return new TrainSection(guide, state).make();
}
