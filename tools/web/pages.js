// All pages, in the order of the navigation. A new page is a row here.
import { ablate_page } from './ablate.js';
import { analysis_page, example, texts_of } from './analysis.js';
import { attention_page } from './attention.js';
import { with_exercises } from './exercise.js';
import { generate_page } from './generate.js';
import { guide_page } from './guide.js';
import { induction_page } from './induction.js';
import { model_page } from './model.js';
import { features_page, neurons_page } from './neurons.js';
import { patch_page } from './patch.js';
import { start_page } from './start.js';
import { train_page } from './train.js';

function analysis(id, title, lead, more = {}) {
  const { summary, ...spec } = more;   // summary: what the first page says of it
  return { id, title, summary, make: analysis_page({ id, title, lead: lead.join(' '), ...spec }) };
}

const practised = (page) => ({ ...page, make: with_exercises(page.id, page.make) });

export const groups = [
  { title: 'Learn', pages: [
    { id: 'guide', title: 'Guide', make: guide_page, needs_model: false,
      summary: 'how a GPT works, with every number in sight' },
  ] },
  { title: 'The model', pages: [
    { id: 'model', title: 'Model', make: model_page,
      summary: 'what it is made of, down to every number' },
    { id: 'generate', title: 'Generate', make: generate_page,
      summary: 'let it write, and see what else could have come' },
    { id: 'train', title: 'Train', make: train_page, needs_model: false, needs_server: true,
      summary: 'start a run and watch it learn; compare runs, open one' },
  ] },
  { title: 'What it reads', pages: [
    practised({ id: 'attention', title: 'Attention', make: attention_page }),
    analysis('lens', 'Lens', ['What would the model say if it ended after this layer? Every row',
      'is the stream behind a layer, read by the model\'s own last step.'],
    { start: example, later: ['steps'] }),
    analysis('attribute', 'Attribute', ['Which part wrote the answer? The last stream is a sum,',
      'so every head and mlp has its share in the logit.'],
    { start: example, later: ['position', 'head', 'mlp', 'neurons'] }),
    analysis('cache', 'Places', ['Everything that flows through the model for one text, by the',
      'names under which it can be read and replaced.'], { start: example,
      summary: 'everything that flows through the model for one text, by name' }),
  ] },
  { title: 'Its heads', pages: [
    analysis('heads', 'Heads', ['What is each head for? Detectors read the heads on random',
      'sequences and say what they look at.'], { later: ['sequences', 'random-models'] }),
    practised({ id: 'induction', title: 'Induction', make: induction_page }),
    analysis('composition', 'Composition', ['Which heads work together? Read from the weights',
      'alone, without any text.']),
    analysis('dynamics', 'Dynamics', ['When did the heads appear? Every checkpoint of a run is',
      'asked the same question.']),
  ] },
  { title: 'What if', pages: [
    practised({ id: 'ablate', title: 'Ablate', make: ablate_page }),
    practised({ id: 'patch', title: 'Patch', make: patch_page }),
    analysis('path', 'Path', ['Who listens to whom? One connection at a time is taken from the',
      'other run.'], { long: true, found: texts_of, later: ['pairs', 'linear', 'through-mlps'] }),
    analysis('steer', 'Steer', ['A direction is added to the stream while the model writes.'],
      { start: example, auto: false, words: 'write', later: ['at', 'num-samples', 'feature', 'top-k',
        'top-p', 'min-p', 'repeat-penalty'] }),
  ] },
  { title: 'Circuits and features', pages: [
    practised(analysis('circuit', 'Circuit', ['The few connections that give an answer, found by cutting all',
      'others, and put to the test against random circuits of the same size.'],
    { long: true, found: texts_of, later: ['pairs', 'steps', 'random'] })),
    { id: 'neurons', title: 'Neurons', make: neurons_page },
    { id: 'sae', title: 'Features', make: features_page,
      summary: 'the directions that a sparse autoencoder finds in the stream' },
  ] },
];

const start = { id: '', title: 'Start', make: start_page, needs_model: false };

export function page_of(path) {
  return groups.flatMap((group) => group.pages).find((page) => page.id === path) ?? start;
}
