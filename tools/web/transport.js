// How the page asks. One interface, so that the same pages work over HTTP and on an engine inside
// of the browser: call(method, path, body, signal) gives what was answered, or throws a Refusal,
// and stream(path, body, on_event, signal) calls on_event(name, data) until the answer ends.

// An answer that is none: a sentence for people, a word for programs, and what to do about it.
export class Refusal extends Error {
  constructor(status, { code, message, hint }) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

function refusal_of(status, text) {
  try {
    return new Refusal(status, JSON.parse(text).error);
  } catch {
    return new Refusal(status, { code: 'answer', hint: '',
      message: `the server answered ${status} ${text.slice(0, 200)}` });
  }
}

const kToken = 'glass-token';

// The token comes behind the # of the address, which no browser sends anywhere. It is kept for this
// tab, and taken out of the address so that it is not copied with a link.
export function take_token() {
  const found = /^#t=([^&/]+)(.*)$/.exec(location.hash);
  if (found) {
    sessionStorage.setItem(kToken, found[1]);
    history.replaceState(null, '', `#${found[2].replace(/^&/, '') || '/'}`);
  }
  return sessionStorage.getItem(kToken) ?? '';
}

// Every stream says that it is over; one that only ends was cut off.
const kLast = new Set(['done', 'end']);

function cut_off() {
  return new Refusal(0, { code: 'away', message: 'the server ended in the middle of its answer',
    hint: 'is glass serve still running?' });
}

// The next piece of an answer.
async function read(reader) {
  try {
    return await reader.read();
  } catch (error) {
    throw error.name === 'AbortError' ? error : cut_off();
  }
}

export class HttpTransport {
  constructor(token) { this.token = token; }

  async ask(method, path, body, signal) {
    const headers = { 'X-Glass-Token': this.token };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    let answer;
    try {
      answer = await fetch(path, { method, headers, signal, cache: 'no-store',
        body: body === undefined ? undefined : JSON.stringify(body) });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new Refusal(0, { code: 'away', message: 'the server does not answer',
        hint: 'is glass serve still running?' });
    }
    if (!answer.ok) throw refusal_of(answer.status, await answer.text());
    return answer;
  }

  async call(method, path, body, signal) {
    return (await this.ask(method, path, body, signal)).json();
  }

  async stream(path, body, on_event, signal) {
    const answer = await this.ask(body === undefined ? 'GET' : 'POST', path, body, signal);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let kept = '', whole = false;
    for (;;) {
      const { value, done } = await read(reader);
      if (done && !whole) throw cut_off();
      if (done) return;
      kept += value;
      const events = kept.split('\n\n');
      kept = events.pop();
      for (const event of events) {
        const fields = { event: 'message', data: [] };
        for (const line of event.split('\n')) {
          const colon = line.indexOf(':'), name = line.slice(0, colon);
          const said = line.slice(colon + 1).replace(/^ /, '');
          if (name === 'data') fields.data.push(said);
          else if (name === 'event') fields.event = said;
        }
        if (!fields.data.length) continue;
        const data = JSON.parse(fields.data.join('\n'));
        if (fields.event === 'error') throw new Refusal(200, data.error ?? data);
        whole ||= kLast.has(fields.event);
        on_event(fields.event, data);
      }
    }
  }
}
