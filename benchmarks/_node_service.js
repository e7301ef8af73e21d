// A voice service as others write them, for young_services.py: POST /ask, GET /events, GET /health. Its cache of speech fills
// up to 15 MB and stays; with LEAK_BYTES each conversation whose client vanished is kept for ever, with so much.
'use strict';
const http = require('http');
const TTS = new URL(process.env.TTS_URL);
const LEAK_BYTES = Number(process.env.LEAK_BYTES || 0);
const SLOTS = 240, SLOT_BYTES = 64 * 1024, CHUNKS = 3, WRITING_MS = 250, UNHEARD_MS = 20000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
const conversations = new Map();
const cache = new Map();
const vanished = [];
let answered = 0;

function speak(text) {
  const path = '/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM/stream?output_format=mp3_44100_128';
  const headers = { 'xi-api-key': 'any', 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const request = http.request({ host: TTS.hostname, port: TTS.port, agent, method: 'POST', path, headers }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => (response.statusCode === 200 ? resolve(Buffer.concat(parts)) : reject(new Error('no speech'))));
    });
    request.on('error', reject);
    request.end(JSON.stringify({ text, model_id: 'eleven_flash_v2_5' }));
  });
}

function send(conversation, event) {
  const line = `data: ${event}\n\n`;
  conversation.sent.push(line);
  if (conversation.listener) conversation.listener.write(line);
}

async function answer(id, conversation) {
  try {
    for (let n = 0; n < CHUNKS; n += 1) {
      const audio = await speak(`Part ${n + 1} of the answer to ${conversation.text.slice(0, 60)}`);
      if (n === 0) cache.set(answered++ % SLOTS, Buffer.concat([audio], SLOT_BYTES));
      send(conversation, JSON.stringify({ type: 'audio', n, last: n === CHUNKS - 1, pcm: audio.toString('base64') }));
    }
  } catch (error) {
    send(conversation, JSON.stringify({ type: 'error', message: error.message }));
  }
  await new Promise((resolve) => setTimeout(resolve, WRITING_MS));
  conversation.done = true;
  send(conversation, '[DONE]');
  if (conversation.listener) conversation.listener.end();
  else conversation.timer = setTimeout(() => forget(id, conversation), UNHEARD_MS);
}

function forget(id, conversation) {
  clearTimeout(conversation.timer);
  if (conversations.get(id) === conversation) conversations.delete(id);
}

function ask(body, reply) {
  const { conversation: id, say: text } = JSON.parse(body);
  const before = conversations.get(id);
  if (before && !before.done && before.text === text) return reply(202, { duplicate: true });
  if (before && before.listener) before.listener.end();
  const conversation = { text, sent: [], done: false, listener: null, timer: null };
  conversations.set(id, conversation);
  answer(id, conversation);
  return reply(202, {});
}

function listen(id, response, reply) {
  const conversation = conversations.get(id);
  if (!conversation) return reply(404, {});
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  conversation.sent.forEach((line) => response.write(line));
  conversation.listener = response;
  clearTimeout(conversation.timer);
  response.on('close', () => {
    if (!response.writableFinished && LEAK_BYTES) vanished.push(Buffer.alloc(LEAK_BYTES, 1));
    forget(id, conversation);
  });
  return conversation.done && response.end();
}

http.createServer((request, response) => {
  const url = new URL(request.url, 'http://service');
  const reply = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (url.pathname === '/events') return listen(url.searchParams.get('conversation'), response, reply);
  if (request.method !== 'POST') return reply(200, {});
  let body = '';
  request.on('data', (part) => { body += part; });
  return request.on('end', () => ask(body, reply));
}).listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
