'use strict';
// What the address holds may be a secret: read once, then gone from bar and history.
const query = new URLSearchParams(location.search);
history.replaceState(null, '', location.pathname);

const tag = navigator.languages.find(tag => /^(zh|en)(-|$)/i.test(tag)) ?? 'en';
const chinese = /^zh/i.test(tag);
const root = document.documentElement;
root.lang = chinese ? 'zh-Hans' : 'en';

const element = id => document.getElementById(id);
document.title = element('title').querySelector(`[lang="${root.lang}"]`).textContent;
document.querySelector('main').hidden = false;

const LATER = ['暂时无法完成，请稍后再试。', 'That did not work just now. Please try again later.'];
const TOO_MANY = ['尝试次数过多，请稍后再试。', 'Too many tries. Please try again later.'];

// The answer to `body`, if there is any.
async function send(method, path, body) {
  try {
    return await fetch(path, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      credentials: 'omit',
    });
  } catch {
    return undefined;
  }
}

// The `code` of the answer to `body`, if there is any.
async function call(method, path, body) {
  const answer = await send(method, path, body);
  try {
    return answer?.status === 429 ? 1103 : (await answer?.json())?.code;
  } catch {
    return undefined;
  }
}

// Shows an outcome of two wordings, and moves on to `next`.
function say(wordings, good, next) {
  const outcome = element('outcome');
  outcome.classList.toggle('good', good);
  outcome.textContent = wordings[chinese ? 0 : 1];
  (next ?? outcome).focus();
}

// Runs `work` with the page's buttons asleep.
async function alone(work) {
  const buttons = document.querySelectorAll('button');
  element('outcome').textContent = '';
  for (const button of buttons) button.disabled = true;
  const code = await work();
  for (const button of buttons) button.disabled = false;
  return code;
}
