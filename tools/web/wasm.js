// How the page asks where there is no server: the engine itself, compiled to WebAssembly, in a
// thread of its own, so that the page stays awake while it computes. tools/wasm/page.py puts its
// text and its module into the page, the module packed; the interface is that of transport.js.
import { Refusal } from './transport.js';

// What the thread does, in front of it the engine's own text. One question at a time, in order.
const kThread = `
let asked = 0, engine;
const on_event = (name, json) => {
  postMessage({ id: asked, name, json });
  return true;
};
async function started(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return Glass({ on_event, wasmBinary: await new Response(plain).arrayBuffer() });
}
onmessage = async ({ data: { packed, id, method, path, body } }) => {
  if (packed) { engine = started(packed); return; }
  try {
    const module = await engine;
    asked = id;
    const said = module.ccall('glass_call', 'string', ['string', 'string', 'string'],
      [method, path, body]);
    const end = said.indexOf('\\n');
    postMessage({ id, status: Number(said.slice(0, end)), body: said.slice(end + 1) });
  } catch (error) {
    postMessage({ id, status: 500, body: JSON.stringify({ error: { code: 'internal', hint: '',
      message: 'the engine stopped: ' + error } }) });
  }
};`;

export class WasmTransport {
  constructor(engine, module) {
    this.alone = true;   // nobody trains beside the page, and no runs lie on a disk
    this.asked = 0;
    this.waiting = new Map();
    const text = new Blob([engine, kThread], { type: 'text/javascript' });
    this.thread = new Worker(URL.createObjectURL(text));
    this.thread.postMessage({ packed: module });
    this.thread.onmessage = ({ data }) => this.hear(data);
    this.thread.onerror = (event) => {
      for (const { fail } of this.waiting.values()) {
        fail(new Refusal(0, { code: 'engine', message: `the engine did not start: ${event.message}`,
          hint: 'this page needs a browser that knows WebAssembly' }));
      }
      this.waiting.clear();
    };
  }

  hear({ id, name, json, status, body }) {
    const asked = this.waiting.get(id);
    if (!asked) return;
    if (name !== undefined) return asked.on_event?.(name, JSON.parse(json));
    this.waiting.delete(id);
    if (status === 200) asked.answer(body);
    else asked.fail(new Refusal(status, JSON.parse(body).error));
  }

  ask(method, path, body, on_event, signal) {
    const id = ++this.asked;
    return new Promise((answer, fail) => {
      const leave = () => {
        this.waiting.delete(id);
        fail(new DOMException('nobody waits any more', 'AbortError'));
      };
      if (signal?.aborted) return leave();
      signal?.addEventListener('abort', leave, { once: true });
      this.waiting.set(id, { answer, fail, on_event });
      this.thread.postMessage({ id, method, path,
        body: body === undefined ? '' : JSON.stringify(body) });
    });
  }

  async call(method, path, body, signal) {
    return JSON.parse(await this.ask(method, path, body, null, signal));
  }

  async stream(path, body, on_event, signal) {
    let trouble = null;
    await this.ask(body === undefined ? 'GET' : 'POST', path, body, (name, data) => {
      if (name === 'error') trouble = new Refusal(200, data.error ?? data);
      else if (!trouble) on_event(name, data);
    }, signal);
    if (trouble) throw trouble;
  }
}
