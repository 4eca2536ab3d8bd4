// One exercise as a page: what is known, the question, a prediction that is committed, and only
// then the analysis, whose numbers settle it. The questions are in exercises.js.
import { clear, el } from './dom.js';
import { exercises, posed } from './exercises.js';
import { gallery } from './heatmap.js';
import { show_page } from './result.js';
import { settle_in } from './words.js';
import { complaint, Work } from './work.js';

let numbered = 0;

function address(exercise, model, seed) {
  return `#/${exercise.page}?${new URLSearchParams({ exercise: exercise.id, model, seed })}`;
}

// ---- the prediction -----------------------------------------------------------------------------

// Every way to answer but a number is a choice among buttons of one group, so that arrow keys walk
// through them and a screen reader says what each of them is.
function button_of(option, group) {
  return el('label', {}, el('input', { type: 'radio', name: group, value: option.value,
    required: true, 'aria-label': option.words ?? option.label }), el('span', {}, option.label ?? ''));
}

function row_of_buttons(posed_, group) {
  return el('span', { class: `segments of-${posed_.layout}` },
    posed_.options.map((option) => button_of(option, group)));
}

function cells(posed_, group) {
  const rows = [...new Set(posed_.options.map((option) => option.row))];
  return el('div', { class: 'wide' }, el('table', { class: 'cells' },
    el('thead', {}, el('tr', {}, el('th', {}, posed_.row_axis),
      posed_.columns.map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, rows.map((row) => el('tr', {}, el('th', { scope: 'row' }, row),
      posed_.options.filter((option) => option.row === row).map((option) =>
        el('td', {}, button_of(option, group))))))));
}

function maps(posed_, group) {
  const drawn = posed_.options.filter((option) => option.map);
  return [gallery({ title: '', maps: drawn.map(({ map, label }) => ({ ...map, title: label })) }),
    row_of_buttons(posed_, group)];
}

function number(posed_, group) {
  return el('label', { class: 'predicted' }, el('input', { type: 'number', step: 'any',
    name: group, required: true, inputmode: 'decimal', 'data-option': 'prediction' }),
  ` ${posed_.unit}`);
}

const kLayouts = { words: row_of_buttons, tokens: row_of_buttons, cells, maps, number };

// ---- the verdict --------------------------------------------------------------------------------

// settled: {right: [values], words} of choices, {truth, near, words} of numbers.
export function is_right(settled, prediction) {
  if (settled.right) return settled.right.includes(prediction);
  return Math.abs(Number(prediction) - settled.truth) <= settled.near + 1e-9;
}

function label_of(posed_, value) {
  if (posed_.layout === 'number') return `${value} ${posed_.unit}`;
  const option = posed_.options.find((one) => one.value === value);
  return option.words ?? option.label;
}

function verdict(posed_, prediction, settled) {
  const good = is_right(settled, prediction);
  return el('div', { class: `badge ${good ? 'good' : 'bad'}`, tabindex: -1, role: 'status' },
    el('h2', {}, good ? 'As you said' : 'Not as you said'),
    el('p', {}, `Your prediction: ${label_of(posed_, prediction)}. `, settled.words));
}

// ---- the page -----------------------------------------------------------------------------------

// Which model, and which question about it.
function chooser(exercise, name, seed) {
  const model = el('select', { id: 'exercise-model', 'data-option': 'model' },
    exercise.models.map((one) => el('option', { value: one, selected: one === name },
      `handmade:${one}`)));
  const number_ = el('input', { id: 'exercise-seed', type: 'number', min: 0, max: 1e6, step: 1,
    value: seed, 'data-option': 'seed' });
  const go = () => { location.hash = address(exercise, model.value, number_.value || 0); };
  model.addEventListener('change', go);
  number_.addEventListener('change', go);
  return el('div', { class: 'options' }, el('div', { class: 'fields' },
    el('div', { class: 'field' }, el('label', { for: model.id }, 'model'), model),
    el('div', { class: 'field' }, el('label', { for: number_.id }, 'seed'), number_,
      el('small', {}, 'another seed asks another question'))));
}

async function open(context, name) {
  await context.transport.call('POST', '/api/open', { ckpt: name });
  await context.opened();
}

let before = '';   // which model was open when the first exercise began

// Opens the model of an exercise, and says what is known of it.
async function opened(context, name) {
  const { models } = await context.transport.call('GET', '/api/models');
  const now = models.find((model) => model.open), wanted = models.find((one) => one.name === name);
  if (now && now.kind !== 'handmade') before = now.name;
  if (now !== wanted) await open(context, name);
  return wanted.about;
}

function way_back(context, page) {
  if (!before) return null;
  const trouble = el('span', {});
  const back = el('button', { type: 'button', class: 'quiet' }, `open ${before} again`);
  back.addEventListener('click', async () => {
    try {
      await open(context, before);
      location.hash = `#/${page}`;
    } catch (error) {
      clear(trouble).append(complaint(error));
    }
  });
  return [back, trouble];
}

export async function exercise_page(context, query, page) {
  const exercise = exercises.find((one) => one.page === page && one.id === query.exercise);
  if (!exercise) {
    throw Object.assign(new Error(`There is no exercise ${query.exercise} here.`),
      { hint: 'all analyses of this page', link: `#/${page}` });
  }
  const name = exercise.models.includes(query.model) ? query.model : exercise.models[0];
  const seed = Math.abs(Math.trunc(Number(query.seed))) || 0, ckpt = `handmade:${name}`;
  const about = await opened(context, ckpt);
  const ask = (analysis, body, signal) =>
    context.transport.call('POST', `/api/interp/${analysis}`, body, signal);
  const posed_ = await posed(exercise, context, seed, ask);
  const known = posed_.known === false ? '' : about;

  const result = el('div', { class: 'result', role: 'region', 'aria-label': 'result' });
  const work = new Work(result), group = `exercise-${++numbered}`;
  const commit = el('button', { type: 'submit', class: 'go' }, 'this is my prediction');
  const another = el('a', { class: 'quiet', href: address(exercise, name, seed + 1) },
    'ask another');
  const fields = el('fieldset', {}, el('legend', {}, posed_.question),
    kLayouts[posed_.layout](posed_, group));
  const form = el('form', { class: 'exercise', autocomplete: 'off',
    'data-asked': `${exercise.id} ${name} ${seed}` }, fields,
    el('div', { class: 'actions' }, commit, another));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const prediction = new FormData(form).get(group);
    work.run((signal) => ask(posed_.analysis, posed_.body, signal), (answer) => {
      if (answer.data.checkpoint !== ckpt) {
        throw Object.assign(new Error('Another model was opened meanwhile.'),
          { hint: `begin again with ${ckpt}` });
      }
      fields.disabled = commit.disabled = true;   // a prediction is made once
      const settled = posed_.settle(answer.data), found = el('div', {});
      show_page(found, answer.page);
      settle_in(found, answer.page);
      const said = verdict(posed_, prediction, settled);
      clear(result).append(said, found);
      for (const option of form.querySelectorAll('input[type=radio]')) {
        option.parentNode.classList.toggle('right', settled.right?.includes(option.value));
      }
      said.focus();
    });
  });
  context.leave(() => work.cancel());
  return el('div', {}, el('h1', {}, exercise.title),
    el('p', { class: 'lead' }, 'Predict, then look. Nobody has trained this model: its weights ' +
      'were written by hand, so that one can know what it will do.'),
    chooser(exercise, name, seed),
    known ? el('p', {}, el('b', {}, ckpt), `: ${known}.`) : null, form, result,
    el('footer', { class: 'from' }, el('p', {}, links(page, exercise), way_back(context, page))));
}

function links(page, but) {
  return exercises.filter((one) => one.page === page && one !== but).flatMap((one) =>
    [el('a', { href: address(one, one.models[0], 0) }, one.title), ' ']);
}

// A page that names its exercises, and is one of them where its address says so.
export function with_exercises(page, make) {
  return async (context, query) => {
    if (query.exercise) return exercise_page(context, query, page);
    const made = await make(context, query);
    made.querySelector('.lead').after(el('p', { class: 'remark to-predict' },
      'Predict, then look, at a model that was written by hand: ', links(page)));
    return made;
  };
}
