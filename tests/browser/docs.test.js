// `/docs`: the documentation sends a real request.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SCREENS, fits, launch, on, skip } from './browser.js';
import { startCloud } from './cloud.js';

describe('the documentation', { skip }, () => {
  let cloud, browser;
  before(async () => {
    cloud = await startCloud();
    browser = await launch();
  });
  after(async () => { await Promise.all([cloud?.stop(), browser?.close()]); });

  for (const screen of SCREENS) {
    test(`on ${screen.name}, registers an account`, async () => {
      await on(browser, screen, async page => {
        const username = `docs-${screen.viewport.width}`;
        const account = { username, password: 'password123', nickname: 'Name', email: `${username}@example.com` };

        await page.goto(`${cloud.url}/docs`);
        const register = page.locator('.opblock-post').filter({ has: page.locator('[data-path="/api/auth/register"]') });
        await register.locator('.opblock-summary-control').click();
        await register.getByRole('button', { name: 'Try it out' }).click();
        await register.locator('textarea.body-param__text').fill(JSON.stringify(account));
        await register.getByRole('button', { name: 'Execute' }).click();
        const response = register.locator('.live-responses-table tr.response');
        await response.waitFor();
        assert.equal((await response.locator('.response-col_status').innerText()).trim(), '200');
        assert.match(await response.innerText(), new RegExp(`"username": "${username}"`));
        await fits(page);
      });

      const form = new URLSearchParams({ username: `docs-${screen.viewport.width}`, password: 'password123' });
      const login = await fetch(`${cloud.url}/api/auth/login`, { method: 'POST', body: form });
      assert.equal(login.status, 200, 'the account exists');
    });
  }
});
