// Neurons and features: what wakes one. The moments come from a long text, read once and kept in a
// file; where there is none yet, or it is of other weights, the page can make it.
import { analysis_page } from './analysis.js';
import { clear, el } from './dom.js';
import { maker } from './make.js';
import { with_moments } from './moments.js';
import { provenance, show_page } from './result.js';

const kStays = ' It goes on only while this page is open; others may ask the model meanwhile.';

// One of them, with the way back to all; or all of them.
function show_one_of(all, address, is_one) {
  return (node, { page, data }) => {
    if (!is_one(data)) return show_page(node, page);
    clear(node).append(el('h2', {}, page.title),
      el('p', { class: 'remark' }, el('a', { href: address }, all)), ...with_moments(page, data),
      provenance(page));
  };
}

function neurons_in(model) {
  return model.tensors.find((tensor) => /\.mlp\.c_fc\.weight$/.test(tensor.name))?.shape[0];
}

export const neurons_page = analysis_page({ id: 'neurons', analysis: 'neurons-show',
  title: 'Neurons', lead: 'What wakes a neuron? The strongest moments of a long text, and the ' +
    'words that the neuron speaks for.',
  extras: ({ model }) => ({ L: { choices: Array.from({ length: model.layers },
    (_, l) => [String(l), String(l)]), none: 'an overview' } }),
  show: show_one_of('all neurons', '#/neurons', ({ neuron }) => neuron !== undefined),
  missing({ L, N }, { model }) {
    const upto = neurons_in(model) ? `0 .. ${neurons_in(model) - 1}` : 'counted from 0';
    if (L !== undefined && N === undefined) return `Which neuron of layer ${L}? ${upto}.`;
    return N !== undefined && L === undefined ? `Neuron ${N} of which layer?` : '';
  },
  controls(context, form, run) {
    if (!neurons_in(context.model)) {
      throw Object.assign(new Error('This model has no mlps, and so no neurons to look at.'),
        { hint: 'open a model with mlps, or train one, which takes a minute', link: '#/train' });
    }
    return maker(context, { analysis: 'neurons-scan', title: 'scan',
      words: 'read a text and scan all neurons', first: ['most'],
      remark: 'A scan reads up to 262,144 tokens of what the model learned from, and takes a ' +
        'minute or so.' + kStays }, () => run(form.body()));
  } });

// Of the stream behind each block, and of what is written into it.
function places_of({ layers }) {
  return Array.from({ length: layers }, (_, l) => [
    [`blocks.${l}.hook_resid_post`, `the stream behind block ${l}`],
    [`blocks.${l}.hook_attn_out`, `what the heads of block ${l} write`],
    [`blocks.${l}.hook_mlp_out`, `what the mlp of block ${l} writes`]]).flat();
}

export const features_page = analysis_page({ id: 'sae', analysis: 'sae-show', title: 'Features',
  lead: 'Directions that a sparse autoencoder found in the stream, each with the moments that ' +
    'wake it.',
  show: show_one_of('all features', '#/sae', ({ feature }) => feature !== undefined),
  controls: (context, form, run) => maker(context, { analysis: 'sae-train',
    title: 'train an autoencoder', words: 'train', first: ['at', 'features', 'k', 'steps'],
    extras: { at: { choices: places_of(context.model), none: 'the stream half way up' } },
    remark: 'It learns to write what flows at one place as a sum of a few directions out of ' +
      'many. A thousand steps take a minute or so on a small model.' + kStays },
  () => run(form.body())) });
