// The page itself: which model is open, which page is shown, and the way from one to the other. A
// page is a function (context, query) -> element, listed in pages.js; its address is #/name?a=b.
import { clear, el } from './dom.js';
import { groups, page_of } from './pages.js';
import { HttpTransport, take_token } from './transport.js';
import { WasmTransport } from './wasm.js';
import { complaint } from './work.js';

const main = document.getElementById('main');
const status = document.getElementById('status');

// ---- addresses ----------------------------------------------------------------------------------

function place() {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { path, query: Object.fromEntries(new URLSearchParams(search)) };
}

// What is typed changes the address without a new entry in the history for each letter.
function remember(body) {
  const search = new URLSearchParams(Object.entries(body)).toString();
  const address = `#/${place().path}${search ? `?${search}` : ''}`;
  if (location.hash !== address) history.pushState(null, '', address);
}

// ---- what all pages know ------------------------------------------------------------------------

class Context {
  constructor(transport) {
    this.transport = transport;
    this.leavers = [];
    this.remember = remember;
  }

  async look() {
    [this.status, this.analyses] = await Promise.all([
      this.transport.call('GET', '/api/status'),
      this.transport.call('GET', '/api/analyses').then((answer) => answer.analyses)]);
    this.model = this.status.model ? await this.transport.call('GET', '/api/model') : null;
  }

  // Another tab may have opened another model: a page never shows one under the name of another.
  async look_again() {
    const now = await this.transport.call('GET', '/api/status'), before = this.status;
    this.status = now;
    if (now.digest !== before.digest || now.checkpoint !== before.checkpoint) await this.opened();
    else notice(this);
  }

  leave(f) { this.leavers.push(f); }
  left() { for (const f of this.leavers.splice(0)) f(); }
}

function size_of(model) {
  const tokens = model.vocab_size;
  if (model.config.arch === 'bigram') return `a table of ${tokens} by ${tokens}`;
  const some = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;
  return `${some(model.layers, 'layer')} of ${some(model.heads, 'head')}, ` +
    some(model.channels, 'channel');
}

function describe(context) {
  const model = context.model;
  clear(status);
  if (!model) return status.append('no model is open');
  const folder = model.checkpoint.split('/').filter(Boolean).slice(-2).join('/');
  status.append(el('a', { href: '#/', title: 'open another' }, folder),
    ` ${size_of(model)}, step ${context.status.step.toLocaleString('en-US')}`,
    el('span', { class: 'device' }, context.status.device));
}

// A model, as one can tell it from another.
function name_of({ checkpoint, digest }) {
  return checkpoint ? `${checkpoint} ${digest}` : '';
}

// What has become of the model's file since it was opened, and what was odd about it then.
function notice(context) {
  const { file, newer, warnings = [] } = context.status, node = document.getElementById('notice');
  const again = (words) => el('button', { type: 'button', class: 'quiet', 'data-again': '',
    onclick: async () => {
      try {
        await context.transport.call('POST', '/api/open', { again: true });
        await context.opened();
        show(context);
      } catch (error) {
        clear(node).append(complaint(error));
      }
    } }, words);
  const said = warnings.map((warning) => [warning]);
  if (context.made_for && context.made_for !== name_of(context.status)) {
    const anew = () => context.look_again().catch(() => {}).then(() => show(context));
    said.push(['Another model was opened meanwhile, not from here. ', el('button', { type: 'button',
      class: 'quiet', 'data-anew': '', onclick: anew }, 'show this page of it')]);
  }
  if (file === 'changed') {
    said.push(['The file of this model has changed since it was opened. ', again('open it again')]);
  } else if (file === 'gone') {
    said.push(['The file of this model is not there any more; what is seen is a copy in memory.']);
  }
  if (newer !== undefined) {
    said.push([`Its run has gone on to step ${newer.toLocaleString('en-US')}. `,
      again('open that one')]);
  }
  clear(node).append(...said.map((parts) => el('p', { class: 'notice' }, parts)));
}

// ---- showing a page -----------------------------------------------------------------------------

function navigate(path) {
  for (const link of document.querySelectorAll('#pages a')) {
    const here = link.getAttribute('href') === `#/${path}`;
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    if (here) link.scrollIntoView({ block: 'nearest', inline: 'center' });
  }
}

let shown = 0;
async function show(context) {
  const mine = ++shown, { path, query } = place(), page = page_of(path);
  context.left();
  navigate(page.id);
  document.title = `${page.title} - Glassbox`;
  let made;
  try {
    if (path !== main.firstElementChild?.dataset.path) await context.look_again();
    if (page.needs_model !== false && !context.model) {
      throw Object.assign(new Error('No model is open, and this page looks into one.'),
        { hint: 'choose one on the first page', link: '#/' });
    }
    made = await page.make(context, query);
    if (path && page.id !== path) {
      made.prepend(complaint(new Error(`there is no page called ${path}; these are the pages`)));
    }
  } catch (error) {
    made = el('div', {}, el('h1', {}, page.title), complaint(error));
  }
  if (mine !== shown) return;
  const old = main.firstElementChild?.dataset.path;
  made.dataset.path = path;
  clear(main).append(made);
  context.made_for = page.needs_model === false ? '' : name_of(context.status);
  notice(context);
  main.dataset.page = page.id;
  if (old !== undefined && old !== path) { scrollTo(0, 0); main.focus({ preventScroll: true }); }
}

function draw_navigation() {
  document.getElementById('pages').append(...groups.map((group) => el('div', {},
    el('h2', {}, group.title), el('ul', {}, group.pages.map((page) =>
      el('li', {}, el('a', { href: `#/${page.id}` }, page.title)))))));
}

// A page that carries the engine in itself asks nobody else.
function transport() {
  const [engine, module] = ['engine', 'engine-module'].map((id) => document.getElementById(id));
  return engine ? new WasmTransport(engine.textContent, module.textContent)
    : new HttpTransport(take_token());
}

// A new address of the server, put into a tab that shows an old one, changes nothing but what is
// behind the #: no browser loads the page again for that.
const carries_key = () => location.hash.startsWith('#t=');
addEventListener('hashchange', () => { if (carries_key()) location.reload(); });

async function begin() {
  const context = new Context(transport());
  if (context.transport.alone) {
    for (const group of groups) group.pages = group.pages.filter((page) => !page.needs_server);
  }
  draw_navigation();
  context.opened = async () => { await context.look(); describe(context); notice(context); };
  try {
    await context.opened();
  } catch (error) {
    if (error.status === 401) {
      error.hint = 'open the address that glass serve prints: the key stands behind its #';
    }
    clear(status).append('not connected');
    clear(main).append(el('h1', {}, 'Nothing to show yet'), complaint(error));
    return;
  }
  addEventListener('popstate', () => { if (!carries_key()) show(context); });
  addEventListener('focus', () => context.look_again().catch(() => {}));
  show(context);
}

begin();
