// Predict, then look: questions about models whose weights were written by hand. Nobody has written
// the answers down: when a prediction is made, the analysis is run, and what it finds is the truth
// that the prediction is held against. So a question has as many answers as there are models and
// seeds.
import { Dice } from './dice.js';
import { kCircuits, price, relation, ways_to_look } from './exercise_words.js';

const kFound = 0.5;    // of its attention: from here on a head does what a detector looks for
const kEnough = 0.7;   // of the answer: from here on a cell brings it back

const head_name = ({ layer, head }) => `${layer}.${head}`;
const all_heads = ({ layers, heads }) => Array.from({ length: layers * heads }, (_, i) =>
  `${Math.floor(i / heads)}.${i % heads}`);
const fixed = (value) => value.toFixed(3);
const listed = (names) => (names.length < 2 ? names.join('')
  : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`);

// A text of letters that are all different, the first few of which come again.
function repeated(dice) {
  const letters = dice.letters(dice.between(5, 7));
  const again = dice.between(1, letters.length - 2);
  return { letters, again, text: [...letters, ...letters.slice(0, again + 1)].join('') };
}

// ---- where a token looks ------------------------------------------------------------------------

// A token where the head has (nearly) most of its attention; none where it looks everywhere alike.
function looked_at(row) {
  const most = Math.max(...row), flat = most < 2 / row.length;
  return flat ? [] : row.flatMap((value, k) => (value > 0.9 * most ? [k] : []));
}

const where_it_looks = {
  id: 'where', page: 'attention', title: 'Where will it look?',
  models: kCircuits,
  make({ dice, model }) {
    const { text } = repeated(dice), head = `${model.layers - 1}.0`;
    const tokens = Array.from(text), last = tokens.length - 1;
    return {
      question: `The model reads ${text}. At which token will head ${head} look most, from the ` +
        `last token, ${tokens[last]}?`,
      layout: 'tokens',
      options: [...tokens.map((token, k) => ({ value: String(k), label: token,
        words: `token ${k}, ${token}` })), { value: 'alike', label: 'at all of them alike' }],
      analysis: 'attention', body: { prompt: text, layer: model.layers - 1, head: 0 },
      settle({ attention }) {
        const row = attention[0][0][last], found = looked_at(row);
        if (!found.length) {
          return { right: ['alike'], words: `Nowhere in particular: its largest number is ` +
            `${fixed(Math.max(...row))}, and looking at all ${row.length} alike would make ` +
            `${fixed(1 / row.length)} of each.` };
        }
        return { right: found.map(String), words: found.map((k) => `It looks at token ${k}, ` +
          `${tokens[k]}, with ${fixed(row[k])} of its attention: ` +
          `${relation(tokens, last, k)}.`).join(' ') };
      },
    };
  },
};

// ---- which head is it ---------------------------------------------------------------------------

const which_head = {
  id: 'which', page: 'attention', title: 'Which picture is it?',
  models: ['induction', 'induction-ln', 'induction-rotated', 'detour', 'duplicate', 'uniform'],
  async make({ dice, model, ask }) {
    const { text } = repeated(dice);
    const [detector, looks] = dice.one_of(ways_to_look);
    const { data } = await ask('attention', { prompt: text });
    const heads = dice.shuffled(all_heads(model));
    const map_of = (name) => {
      const [l, h] = name.split('.').map(Number);
      return { rows: data.tokens, columns: data.tokens, colours: 'rising', range: [0, 1],
        values: Float32Array.from(data.attention[l][h].flat(), (value) => value ?? NaN) };
    };
    return {
      question: `These are the heads of the model reading ${text}, in no order. Which of them ` +
        `looks ${looks}?`,
      layout: 'maps', known: false,
      options: [...heads.map((name, i) => ({ value: name, map: map_of(name),
        label: String.fromCharCode(65 + i) })), { value: 'none', label: 'none of them' }],
      analysis: 'heads', body: { 'random-models': 0, sequences: 4, n: 16 },
      settle({ heads: told }) {
        const share = new Map(told.map((one) => [head_name(one), one[detector] ?? 0]));
        const best = [...share.keys()].reduce((a, b) => (share.get(a) < share.get(b) ? b : a));
        const found = [...share.keys()].filter((name) => share.get(name) >= kFound);
        const letters = listed(found.map((name) =>
          `${String.fromCharCode(65 + heads.indexOf(name))} (head ${name})`));
        return { right: found.length ? found : ['none'], words: found.length
          ? `${letters}: on random sequences, ${fixed(share.get(best))} of its attention goes ` +
            'there. One text shows where a head looks; many show what it looks for.'
          : `None: on random sequences the best, head ${best}, gives it ` +
            `${fixed(share.get(best))} of its attention.` };
      },
    };
  },
};

// ---- induction ----------------------------------------------------------------------------------

const who_continues = {
  id: 'real', page: 'induction', title: 'Is there an induction head?',
  models: ['induction', 'twins', 'soft', 'anti-copy', 'cipher', 'detour', 'positional-fake',
    'duplicate'],
  make({ dice, model }) {
    const n = dice.one_of([20, 30]);
    return {
      question: `${n} random tokens come twice. An induction head looks at the token behind an ` +
        'earlier self, however far away that is. Which head does?',
      layout: 'words',
      options: [...all_heads(model).map((name) => ({ value: name, label: name,
        words: `head ${name}` })), { value: 'none', label: 'none' }],
      analysis: 'induction', body: { 'random-models': 2, sequences: 4, n, seed: dice.seed },
      settle({ scores, threshold }) {
        const passes = (one) => [one.score, one.robust, one.gap].every((x) => x >= threshold);
        const found = scores.filter(passes), best = scores[0];
        const numbers = `${fixed(best.score)} where the repeat is ${n} long, ` +
          `${fixed(best.robust)} at its worst length, ${fixed(best.gap)} where the copy moves`;
        const copies = best.copy > 0 ? 'It writes what it finds.'
          : 'What it writes is not what it finds: looking and copying are two things.';
        return found.length
          ? { right: found.map(head_name), words: `${found.length > 1 ? 'Heads' : 'Head'} ` +
              `${listed(found.map(head_name))}. Head ${head_name(best)} scores ${numbers}; ` +
              `${threshold} is wanted of each. ${copies}` }
          : { right: ['none'], words: `None. The best, head ${head_name(best)}, scores ` +
              `${numbers}; ${threshold} is wanted of each` +
              (best.score >= threshold ? ': it was right at one length only.' : '.') };
      },
    };
  },
};

const what_it_pays = {
  id: 'price', page: 'induction', title: 'What does the second copy cost?',
  models: ['induction', 'anti-copy', 'cipher', 'detour', 'positional-fake', 'duplicate', 'uniform'],
  make({ dice, model }) {
    const n = dice.one_of([12, 20, 30]), guessing = Math.log(model.vocab_size);
    return {
      question: `${n} random tokens come twice. What will the model pay for a token of the ` +
        `second copy? Guessing among all ${model.vocab_size} alike costs ln ` +
        `${model.vocab_size} = ${fixed(guessing)} nats.`,
      layout: 'words',
      options: price.map(([value, label]) => ({ value, label })),
      analysis: 'induction', body: { 'random-models': 0, sequences: 4, n, seed: dice.seed },
      settle({ second_copy_loss: paid, scores }) {
        const [value, label] = price.find(([, , upto]) => paid <= upto * guessing);
        const best = scores[0];
        return { right: [value], words: `${fixed(paid)} nats a token: ${label}. Its best head, ` +
          `${head_name(best)}, looks at the token to come with ${fixed(best.score)} of its ` +
          'attention' + (best.score > kFound && paid > guessing
          ? ', and yet the model is wrong: what a head looks at and what it says are two things.'
          : best.score <= kFound && paid < guessing
            ? ', and yet the model is right: there is another way to the answer.' : '.') };
      },
    };
  },
};

// ---- ablation -----------------------------------------------------------------------------------

const without_it = {
  id: 'without', page: 'ablate', title: 'What is lost without a head?',
  models: ['induction', 'soft', 'twins', 'detour', 'anti-copy', 'positional-fake'],
  make({ dice, model }) {
    const some = all_heads(model).filter((name) => /\.[01]$/.test(name));
    const head = dice.one_of(some), guessing = Math.log(model.vocab_size);
    return {
      question: `Random tokens come twice. By how many nats will the loss of the second copy ` +
        `rise when head ${head} says nothing? A model that knows nothing pays ln ` +
        `${model.vocab_size} = ${fixed(guessing)}; below 0: the loss falls.`,
      layout: 'number', unit: 'nats',
      analysis: 'ablate', body: { windows: 4, seed: dice.seed },
      settle({ heads, baseline_loss: before }) {
        const change = heads.find((one) => head_name(one) === head).loss_change;
        const after = before + change;
        const means = Math.abs(change) < 0.1 ? 'Nobody misses it.'
          : change < 0 ? 'It did harm: without it the model is better.'
            : Math.abs(after - guessing) < 0.15 ? 'That is what guessing costs: all is lost.'
              : after < guessing ? 'Part of the knowledge is left: others do the same work.'
                : 'Worse than guessing: what is left is sure of something wrong.';
        return { truth: change, near: Math.max(0.3, 0.15 * Math.abs(change)),
          words: `The loss goes from ${fixed(before)} to ${fixed(after)}: a change of ` +
            `${fixed(change)} nats. ${means}` };
      },
    };
  },
};

// ---- patching -----------------------------------------------------------------------------------

const which_cell = {
  id: 'cell', page: 'patch', title: 'Which cell brings the answer back?',
  models: ['induction', 'induction-rotated', 'soft', 'twins', 'detour'],
  make({ dice, model }) {
    const { letters, again, text } = repeated(dice);
    const [other, foil] = dice.letters(2, letters);
    const clean = Array.from(text), corrupt = [...clean], last = model.layers - 1;
    corrupt[again] = other;
    return {
      question: `The clean text ${text} is answered with ${letters[again + 1]}. In the corrupt ` +
        `text, ${corrupt.join('')}, token ${again} is another, and the model does not know what ` +
        `to say. Which one position of the stream that enters layer ${last}, taken from the ` +
        'clean run, is enough for the answer?',
      layout: 'cells', row_axis: 'before layer', columns: clean,
      options: clean.map((token, t) => ({ value: String(t), row: String(last),
        words: `before layer ${last}, position ${t}, ${token}` })),
      analysis: 'patch', body: { clean: text, corrupt: corrupt.join(''),
        target: letters[again + 1], foil, site: 'resid_pre', mode: 'denoise' },
      settle({ grid }) {
        const good = grid.map((row) => row.flatMap((x, t) => (x >= kEnough ? [t] : [])));
        const said = good.map((found, l) => (found.length ? `Before layer ${l} it is position ` +
          `${listed(found.map((t) => `${t} (${clean[t]}: ${Math.round(100 * grid[l][t])} %)`))}`
          : `Before layer ${l} no position is enough`));
        const moved = good[last][0] - good[0][0];
        return { right: good[last].map(String), words: `${said.join('. ')}. ` + (moved > 0
          ? `In between a head has carried the fact ${moved} further.`
          : moved === 0 ? 'The fact has stayed where it was.' : '') };
      },
    };
  },
};

const which_heads = {
  id: 'enough', page: 'patch', title: 'Which head is enough?',
  models: ['induction', 'induction-ln', 'soft', 'twins', 'detour'],
  make({ dice, model }) {
    const layer = dice.between(0, model.layers - 1);
    return {
      question: 'Two texts of random tokens that come twice differ in one token of the first ' +
        'copy, and the model continues only one of them. Which head of layer ' +
        `${layer}, taken from that run alone, is enough to bring the answer back?`,
      layout: 'words',
      options: [...Array.from({ length: model.heads }, (_, h) => ({ value: `${layer}.${h}`,
        label: `${layer}.${h}`, words: `head ${layer}.${h}` })),
      { value: 'none', label: 'none alone' }],
      analysis: 'patch', body: { site: 'z', mode: 'denoise', seed: dice.seed },
      settle({ grid }) {
        const row = grid[layer], share = (h) => `${layer}.${h}: ${Math.round(100 * row[h])} %`;
        const all = row.map((_, h) => h);
        const good = all.filter((h) => row[h] >= kEnough), some = all.filter((h) => row[h] > 0.1);
        return { right: good.length ? good.map((h) => `${layer}.${h}`) : ['none'], words:
          `Of the answer, ${listed((some.length ? some : all).map(share))} comes back. ` +
          (good.length ? 'One is enough.' : some.length > 1 ? 'The work is shared.'
            : 'None of this layer does it.') };
      },
    };
  },
};

// ---- the circuit --------------------------------------------------------------------------------

const how_many = {
  id: 'size', page: 'circuit', title: 'How many connections?',
  models: ['induction', 'twins', 'soft', 'detour', 'induction-ln'],
  make({ dice }) {
    return {
      question: 'A circuit is the connections that are left when all others are cut and the ' +
        'answer stays: from the embedding to the heads, from head to head, from heads to the ' +
        'logits. How many does this model need to continue a repeat?',
      layout: 'number', unit: 'connections',
      analysis: 'circuit', body: { random: 2, seed: dice.seed },
      settle: ({ edges, all_edges: all, faithfulness }) => ({ truth: edges.length, near: 0,
        words: `${edges.length} of ${all} are enough for ${Math.round(100 * faithfulness)} % of ` +
          `the answer: ${listed(edges.map(({ from, to }) => `${from} to ${to}`))}.` }),
    };
  },
};

export const exercises = [where_it_looks, which_head, who_continues, what_it_pays, without_it,
  which_cell, which_heads, how_many];

// One exercise about one model: everything that chance decides comes from the seed.
export function posed(exercise, context, seed, ask) {
  return exercise.make({ dice: new Dice(seed), model: context.model, ask });
}
