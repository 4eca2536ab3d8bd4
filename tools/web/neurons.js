// Neurons: what wakes one. The moments come from a scan of a long text, which is kept in a file;
// where there is none yet, or it is of other weights, the page can make it.
import { analysis_page } from './analysis.js';
import { el } from './dom.js';
import { show_page } from './result.js';
import { Work } from './work.js';

function has_neurons(model) {
  return model.tensors.some((tensor) => tensor.name.includes('.mlp.'));
}

function scan_button(context, run, form) {
  const result = el('div', { class: 'result' });
  const work = new Work(result);
  const button = el('button', { type: 'button' }, 'read a text and scan all neurons');
  button.addEventListener('click', () => work.run(
    (signal) => context.transport.call('POST', '/api/interp/neurons-scan', {}, signal),
    (answer) => { show_page(result, answer.page); run(form.body()); }));
  context.leave(() => work.cancel());
  return el('details', {}, el('summary', {}, 'scan'),
    el('p', { class: 'remark' }, 'A scan reads up to 262,144 tokens of what the model learned ' +
      'from, and takes a minute or so.'), button, result);
}

export const neurons_page = analysis_page({ id: 'neurons', analysis: 'neurons-show',
  title: 'Neurons', lead: 'What wakes a neuron? The strongest moments of a long text, and the ' +
    'words that the neuron speaks for.',
  extras: ({ model }) => ({ L: { choices: Array.from({ length: model.layers },
    (_, l) => [String(l), String(l)]), none: 'an overview' } }),
  controls(context, form, run) {
    if (!has_neurons(context.model)) {
      throw Object.assign(new Error('This model has no mlps, and so no neurons to look at.'),
        { hint: 'open a model with mlps: glass train makes one in a minute' });
    }
    return scan_button(context, run, form);
  } });
