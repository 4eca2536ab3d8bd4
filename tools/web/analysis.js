// A page of one analysis: what it asks, a form with sensible values, and what was found. The values
// of the form stand in the address, so that a result can be bookmarked and the way back works.
import { code_box } from './code.js';
import { clear, el } from './dom.js';
import { make_form } from './form.js';
import { show_page } from './result.js';
import { page_words, settle_in } from './words.js';
import { Work } from './work.js';

// What a page that knows the model can offer instead of a bare number.
function known(model) {
  const upto = (n) => Array.from({ length: n }, (_, i) => [String(i), String(i)]);
  const both = ['clean', 'corrupt'];
  return { layer: { choices: upto(model.layers) }, clean: { wide: true, goes_with: both },
    corrupt: { wide: true, goes_with: both }, target: { goes_with: both },
    foil: { goes_with: both },
    prompt: { wide: true, hidden: !model.tokenizer, help: 'the text that the model reads' },
    tokens: { wide: true, later: model.tokenizer !== '' }, compare: { wide: true } };
}

// What a page reads at first; a model without a tokenizer knows no text, only numbers.
export function example({ model }) {
  if (model.tokenizer) return { prompt: model.example };
  return { tokens: [0, 1, 2, 3, 0, 1, 2, 3].map((id) => id % model.vocab_size).join(',') };
}

// One analysis, asked over a stream: what takes long says how far it is. A large answer comes
// faster without one.
export async function find_slowly(transport, name, body, work, signal) {
  let found;
  await transport.stream(`/api/interp/${name}/stream`, body, (event, data) => {
    if (event === 'done') found = data;
    else if (event === 'progress' && !signal.aborted) work.progress(data);
  }, signal);
  return found;
}

// Where two runs are compared: what their texts were, if a field can hold them.
export function texts_of({ pairs, typed }) {
  return pairs === 1 && typed && !/[\r\n]/.test(Object.values(typed).join('')) ? typed : {};
}

// Options that few people need, by name.
function behind(names = []) {
  return Object.fromEntries(names.map((name) => [name, { later: true }]));
}

// spec: {id, analysis, title, lead, auto, later, start(context), extras(context),
// controls(context, form, run), ask(asked, body), show(node, answer, context), found(data), long,
// missing(body, context)}. ask: where one question is not enough; asked(body) is the answer to one
// of them. found: what an answer says of fields that were left empty. long: it may take minutes.
// missing: what has to be said before anything can be asked.
export function analysis_page(spec) {
  return async (context, query) => {
    const analysis = context.analyses.find((one) => one.name === (spec.analysis ?? spec.id));
    const result = el('section', { class: 'result', 'aria-live': 'off', 'aria-label': 'result' });
    const work = new Work(result);
    const show = spec.show ?? ((node, answer) => show_page(node, answer.page));
    const ask = spec.ask ?? ((asked, body) => asked(body));
    const wrong = el('div', {});   // of the address
    const question = (one, signal) => (spec.long
      ? find_slowly(context.transport, analysis.name, one, work, signal)
      : context.transport.call('POST', `/api/interp/${analysis.name}`, one, signal));
    const run = (body, { remember = true } = {}) => {
      if (remember) {
        context.remember(body);
        clear(wrong);
      }
      const missing = spec.missing?.(body, context);
      if (missing) return work.say(el('p', { class: 'lead', role: 'status' }, missing));
      return work.run((signal) => ask((one) => question(one, signal), body), (answer) => {
        show(result, answer, context);
        const [first] = [answer].flat();
        settle_in(result, first.page, page, form.in_fields);
        form.fill(spec.found?.(first.data) ?? {});
        if (!first.page.from.includes(context.model.digest)) context.opened();
      });
    };
    const form = make_form(analysis.options, { ...known(context.model), ...behind(spec.later),
      ...spec.extras?.(context) }, spec.words ?? 'show', run);
    const start = Object.keys(query).length ? query : await spec.start?.(context) ?? {};
    work.in_words = (sentence) => page_words(sentence, page, form.in_fields);
    const said = form.set(start);
    if (said.length) {
      wrong.append(el('div', { class: 'complaint', role: 'alert' },
        said.map((sentence) => el('p', {}, sentence))));
    }
    const controls = spec.controls?.(context, form, run);
    const page = el('div', { class: 'analysis' }, el('h1', {}, spec.title),
      el('p', { class: 'lead' }, spec.lead), controls, form.node, wrong, result,
      code_box(context.transport, analysis.code));
    if (analysis.about) {
      page.querySelector('.lead').after(el('details', { class: 'about' },
        el('summary', {}, 'how it is measured'), el('p', {}, analysis.about)));
    }
    if (spec.auto !== false || Object.keys(query).length) run(form.body(), { remember: false });
    context.leave(() => work.cancel());
    return page;
  };
}
