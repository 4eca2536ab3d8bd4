// The first page: which questions can be asked, and of which models.
import { el } from './dom.js';
import { groups } from './pages.js';
import { complaint } from './work.js';

function doors(context) {
  const summary = (page) => {
    const name = { neurons: 'neurons-show', sae: 'sae-show' }[page.id] ?? page.id;
    const said = page.summary ?? context.analyses.find((one) => one.name === name)?.summary ?? '';
    return said.charAt(0).toUpperCase() + said.slice(1);
  };
  return el('div', { class: 'doors' }, groups.flatMap((group) => group.pages.map((page) =>
    el('a', { class: 'door', href: `#/${page.id}` }, el('h2', {}, page.title),
      el('p', {}, summary(page))))));
}

// A model to choose; the checkpoints of a run stand behind it.
function model_row(context, trouble, model, checkpoints) {
  const open = (name) => async () => {
    try {
      await context.transport.call('POST', '/api/open', { ckpt: name });
      await context.opened();
      location.hash = '#/model';
    } catch (error) {
      trouble.replaceChildren(complaint(error));
    }
  };
  const select = el('select', { 'aria-label': `checkpoints of ${model.name}` },
    el('option', { value: '' }, 'another checkpoint'),
    checkpoints.map((one) => el('option', { value: one.name }, one.name.split('/').pop())));
  select.addEventListener('change', () => { if (select.value) open(select.value)(); });
  return el('tr', {}, el('th', { scope: 'row' }, model.name), el('td', {}, model.about),
    el('td', {}, model.open ? 'open' : el('button', { type: 'button', class: 'quiet',
      'data-model': model.name, onclick: open(model.name) }, 'look inside')),
    el('td', {}, checkpoints.length > 1 ? select : null));
}

async function models_of(context) {
  const { models } = await context.transport.call('GET', '/api/models');
  const trouble = el('div', {});
  const order = ['given', 'run', 'handmade'];
  const rows = models.filter((model) => order.includes(model.kind))
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)).map((model) =>
      model_row(context, trouble, model, models.filter((one) =>
        one.kind === 'checkpoint' && one.run === model.run && model.kind === 'run')));
  return el('section', {}, el('h2', {}, 'Models'), trouble,
    el('div', { class: 'wide' }, el('table', { class: 'models' }, el('tbody', {}, rows))));
}

export async function start_page(context) {
  const models = await models_of(context).catch(complaint), questions = doors(context);
  return el('div', {}, el('h1', {}, 'Look inside'),
    el('p', { class: 'lead' }, context.model
      ? 'Every number on these pages is computed now, by the model that is open, and every page ' +
        'says which command prints the same numbers.'
      : 'No model is open yet. Choose one to look into, train one, or begin with the guide, ' +
        'which brings its own.'),
    context.model ? [questions, models] : [models, questions]);
}
