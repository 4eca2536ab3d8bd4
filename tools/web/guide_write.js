// The last two sections: making up names, and the same model on the other engine.
import { clear, el } from './dom.js';
import { figure } from './figures.js';
import { command, predict, section } from './guide_parts.js';
import { Work } from './work.js';

// ---- 7. generation ------------------------------------------------------------------------------

// One of them, as often as its probability says.
function draw_one(probs) {
  let left = Math.random();
  for (let i = 0; i < probs.length; ++i) if ((left -= probs[i]) < 0) return i;
  return probs.length - 1;
}

class WriteSection {
  constructor(guide, state) {
    this.guide = guide;
    this.state = state;
    this.written = el('span', { class: 'written' });
    this.result = el('div', { class: 'result held' });
    this.work = new Work(this.result);
    this.list = el('p', { class: 'sentence', role: 'status' });
    this.all = new Work(this.list);
    this.text = '';
    this.said = el('output', {});
    this.heat = el('input', { type: 'range', min: 0.1, max: 2, step: 0.1, value: 0.5,
      'aria-label': 'temperature', oninput: () => this.look() });
    const button = (words, f) => el('button', { type: 'button', onclick: f }, words);
    this.draw = button('draw the next letter', () => this.one());
    this.draw.className = 'go';
    this.buttons = el('div', { class: 'actions' }, this.draw,
      button('a new name', () => this.begin()), button('ten names at once', () => this.ten()));
    guide.on('weights', () => this.begin());
  }

  make() {
    const made = section('write', '7. Making up names',
      ['The model never writes a name; it only says how likely each next letter is. Somebody has ' +
      'to throw dice. The letter that comes up is put behind the others, and the model is asked ' +
      'again, until BOS comes.',
      'Before the dice are thrown, all logits are divided by the temperature. Below 1 the likely ' +
      'letters become even likelier; above 1 all become more alike.'],
      predict('What happens at a temperature near 0?', ['always the likeliest letter comes',
        'all letters come alike often', 'the model stops'], 0,
        'Differences between logits become huge, and softmax gives nearly everything to the ' +
        'largest. Try it: pull the slider to the left, then draw a name twice.'),
      el('p', {}, el('label', {}, 'temperature ', this.heat, ' ', this.said)),
      el('p', {}, 'so far: ', this.written), this.buttons, this.list, this.result,
      command('glass micro --temperature 0.5'));
    this.begin();
    return made;
  }

  begin() {
    this.text = '';
    this.draw.disabled = false;
    this.look();
  }

  look() {
    const temperature = Number(this.heat.value);
    this.said.textContent = temperature.toFixed(1);
    this.written.textContent = this.text || '(nothing yet)';
    this.work.run((signal) => this.guide.ask('next', { text: this.text, temperature }, signal),
      ({ probs }) => {
        this.probs = probs;
        const order = probs.map((p, token) => ({ p, token })).sort((a, b) => b.p - a.p);
        clear(this.result).append(figure({ kind: 'bars', title: this.text
          ? `What may follow ${this.text}` : 'What may come first', unit: 'probability',
        references: [], bars: order.slice(0, 12).map(({ p, token }) =>
          ({ name: this.state.letters[token], value: p, note: '' })) }));
      });
  }

  one() {
    if (!this.probs) return;
    const token = draw_one(this.probs);
    const full = this.text.length >= this.state.positions - 1;
    if (token === this.state.bos || full) {
      this.draw.disabled = true;
      this.list.textContent = `${full ? 'The model cannot look back any further' : 'BOS came'}: ` +
        `the name is ${this.text || 'empty'}.`;
      return;
    }
    this.text += this.state.letters[token];
    this.look();
  }

  ten() {
    this.all.run((signal) => this.guide.ask('sample',
      { n: 10, temperature: Number(this.heat.value) }, signal), ({ samples }) => {
      this.list.textContent = samples.map((sample) => sample.name || '(nothing)').join(', ');
    });
  }
}

export function write_section(guide, state) {
  return new WriteSection(guide, state).make();
}

// ---- 8. two engines -----------------------------------------------------------------------------

function shown(race) {
  const [scalar, tensor] = race.engines;
  const apart = Math.max(...scalar.losses.map((loss, i) => Math.abs(loss - tensor.losses[i])));
  const x = scalar.losses.map((_, i) => i + 1);
  const faster = scalar.ms_per_step / tensor.ms_per_step;
  const words = faster >= 1 ? `${faster.toFixed(1)} times as fast`
    : `${(1 / faster).toFixed(1)} times slower`;
  return [
    figure({ kind: 'table', title: 'A step of training', align: ['left', 'right', 'right', 'left'],
      columns: ['engine', 'ms a step', 'nodes on the tape', 'computes on'],
      rows: race.engines.map((engine) => [engine.name, engine.ms_per_step.toFixed(3),
        engine.nodes.toLocaleString('en-US'), engine.device]) }),
    el('p', { class: 'sentence' }, `On this machine the tensor engine is ${words}. ` +
      `The losses differ by ${apart.toExponential(0)} at most: it computes with half as many ` +
      'digits, and is the same program otherwise.'),
    figure({ kind: 'chart', title: 'Loss, both engines', subtitle: '', x_label: 'step',
      y_label: 'loss', log_x: false, references: [], series: race.engines.map((engine, i) =>
        ({ name: engine.name, faint: i === 1, x, y: engine.losses })) })];
}

export function engine_section(guide) {
  const result = el('div', { class: 'result' }), work = new Work(result);
  const button = el('button', { type: 'button', class: 'go', onclick: () =>
    work.run((signal) => guide.ask('race', { steps: 50 }, signal), (race) =>
      clear(result).append(...shown(race))) }, 'run both');
  return section('engines', '8. The same model, on whole tables',
    ['So far every single addition was a node. A name of six letters needs some 55,000 of them. ' +
    'The second engine records whole tables instead: a node is one matrix product or one ' +
    'softmax, with all positions of the name at once. Rules and results are the same; there are ' +
    'only far fewer nodes, and each of them is a loop that a processor likes. This is how all ' +
    'other models here compute.'],
    predict('How many nodes does the tape of one step have, on tables?', ['about 35', 'about 3,500',
      'about 55,000'], 0, 'One for each line of the program, more or less, however large the ' +
      'tables are.'),
    el('div', { class: 'actions' }, button), result,
    command('glass micro --engine tensor'));
}
