// What an analysis looks into and the page can make: a scan of all neurons, an autoencoder. Made
// once, it is kept in a file beside the checkpoint. It takes a while, in which others may ask the
// model; leaving the page ends it, and then nothing is kept.
import { find_slowly } from './analysis.js';
import { clear, el } from './dom.js';
import { make_form } from './form.js';
import { provenance } from './result.js';
import { page_words } from './words.js';
import { Work } from './work.js';

// spec: {analysis, title, words, remark, first, later}. first: options that everybody sees.
// made(): called when it is there.
export function maker(context, spec, made) {
  const analysis = context.analyses.find((one) => one.name === spec.analysis);
  if (!analysis) return null;   // a page without a server makes no files
  const result = el('div', { class: 'result' });
  const work = new Work(result);
  const extras = Object.fromEntries(analysis.options.map(({ name }) =>
    [name, { ...spec.extras?.[name], later: !spec.first.includes(name) }]));
  const form = make_form(analysis.options, extras, spec.words, (body) => work.run(
    (signal) => find_slowly(context.transport, spec.analysis, body, work, signal),
    ({ page }) => {
      clear(result).append(el('p', { role: 'status' }, 'Done; it is shown below.'),
        provenance(page));
      made();
    }), { at_once: false });
  work.in_words = (sentence) => page_words(sentence, null, form.in_fields);
  work.stopped = () => clear(result).append(
    el('p', { role: 'status' }, 'Stopped; nothing was written.'));
  context.leave(() => work.cancel());
  return el('details', { class: 'make', 'data-make': spec.analysis,
    'data-command': analysis.command, 'data-words': spec.words },
    el('summary', {}, spec.title), el('p', { class: 'remark' }, spec.remark), form.node, result);
}
