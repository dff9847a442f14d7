// A cloud of a test file's own: in memory, on ports of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** Builds what is to be built, and starts. Gives `url`, `mail`, `call` and `stop`. */
export async function startCloud() {
  const root = new URL('../..', import.meta.url);
  const command = ['run', '--quiet', '--package', 'local', '--', '--memory', '--port', '0', '--aws-port', '0'];
  const cloud = spawn('cargo', command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(cloud, 'exit');
  let said = '';
  cloud.stderr.on('data', data => { said = (said + data).slice(-4000); });

  const url = await new Promise((resolve, reject) => {
    exit.then(() => reject(new Error(`the cloud has ended:\n${said}`)), reject);
    createInterface(cloud.stdout).on('line', line => {
      if (line.startsWith('listening on ')) resolve(line.slice('listening on '.length));
    });
  });

  return {
    url,

    /** The JSON that the API answers. */
    async call(method, path, body) {
      const headers = { 'Content-Type': 'application/json' };
      return (await fetch(url + path, { method, headers, body: JSON.stringify(body) })).json();
    },

    /** The newest mail to this address, once there is one; a minute at most. */
    async mail(address) {
      for (let tries = 0; tries < 600; tries += 1) {
        const mails = await (await fetch(`${url}/_local/mail`)).json();
        const found = mails.find(mail => mail.to.includes(address));
        if (found) return found;
        await sleep(100);
      }
      throw new Error(`no mail to ${address}:\n${said}`);
    },

    async stop() {
      cloud.kill('SIGINT');
      await exit;
    },
  };
}
