// An in-memory cloud for one test file, on free ports.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** Builds and starts the cloud. Returns `url`, `mail`, `call` and `stop`. */
export async function startCloud() {
  const root = new URL('../..', import.meta.url);
  const command = ['run', '--quiet', '--package', 'dev', '--', '--memory', '--port', '0', '--aws-port', '0'];
  const cloud = spawn('cargo', command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(cloud, 'exit');
  let output = '';
  cloud.stderr.on('data', data => { output = (output + data).slice(-4000); });

  const url = await new Promise((resolve, reject) => {
    exit.then(() => reject(new Error(`the cloud has ended:\n${output}`)), reject);
    createInterface(cloud.stdout).on('line', line => {
      if (line.startsWith('listening on ')) resolve(line.slice('listening on '.length));
    });
  });

  return {
    url,

    /** The JSON body of the API's response. */
    async call(method, path, body) {
      const headers = { 'Content-Type': 'application/json' };
      return (await fetch(url + path, { method, headers, body: JSON.stringify(body) })).json();
    },

    /** Waits up to a minute for an e-mail to this address that is `wanted`, and returns the newest. */
    async mail(address, wanted = () => true) {
      for (let tries = 0; tries < 600; tries += 1) {
        const mails = await (await fetch(`${url}/_local/mail`)).json();
        const found = mails.find(mail => mail.to.includes(address) && wanted(mail));
        if (found) return found;
        await sleep(100);
      }
      throw new Error(`no e-mail to ${address}:\n${output}`);
    },

    async stop() {
      cloud.kill('SIGINT');
      await exit;
    },
  };
}
